"""Small plans on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.harness.check.cases import Files


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Files], Path]:
    """Writes files into a folder and returns it."""

    def _write(files: Files) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, str):
                content = json.dumps(content) if name.endswith(".json") else yaml.safe_dump(content)  # noqa: PLW2901
            path.write_text(content, encoding="utf-8")
        return tmp_path

    return _write

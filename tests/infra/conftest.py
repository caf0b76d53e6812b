"""Everything is real here: the committed files, the environments, the rules. Nothing is deployed and nothing listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.digest import read_rendered
from infra.gate.rendered import Rendered, parse

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def committed() -> dict[str, bytes]:
    """The committed files of dev, by path below its directory."""
    return read_rendered(REPOSITORY / "infra" / "rendered" / "dev")


@pytest.fixture(scope="session")
def rendered(committed: dict[str, bytes]) -> Rendered:
    """The committed files of dev as values."""
    return parse(committed)

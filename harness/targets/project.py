"""The project under rehearsal as files: the synthesized templates, the rendered manifests and the Dockerfile. Read, never declared again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9]*)\}")


class ProjectError(Exception):
    """The project's files do not fit together; the message names the file and the remedy."""


@dataclass(frozen=True)
class Project:
    """A checkout of the repository and one of its environments."""

    root: Path
    environment: str

    @property
    def rendered(self) -> Path:
        """Where the environment's templates and manifests are."""
        self._require_rendered()
        return self.root / "infra" / "rendered" / self.environment

    def _require_rendered(self) -> None:
        known = sorted(path.name for path in (self.root / "infra" / "rendered").glob("*") if path.is_dir())
        if self.environment not in known:
            raise ProjectError(f"environment {self.environment!r} is not rendered: choose one of {', '.join(known)}")

    @property
    def dockerfile(self) -> Path:
        """The one Dockerfile, with a target a service."""
        return self.root / "Dockerfile"

    @property
    def region(self) -> str:
        """The region that the stacks are rendered for. Raises ProjectError when they are for several."""
        stacks = json.loads((self.rendered / "templates" / "stacks.json").read_text())
        regions = sorted({str(stack["region"]) for stack in stacks})
        if len(regions) != 1:
            raise ProjectError(f"the stacks of {self.environment} are for {', '.join(regions)}: one region is modelled")
        return regions[0]

    def check_fresh(self) -> None:
        """Raise ProjectError when the sources have changed since they were rendered."""
        self._require_rendered()
        command = [sys.executable, "-m", "infra", "stale", "--env", self.rendered.name]
        checked = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        if checked.returncode != 0:
            said = (checked.stderr or checked.stdout).strip().splitlines()
            raise ProjectError(said[-1] if said else f"infra/rendered/{self.environment} is stale: run `make render`")

    def manifests(self, group: str, outputs: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
        """The documents of manifests/<group>, by file in the order of their paths, with `${Output}` replaced by the stacks' outputs."""
        base = self.rendered / "manifests" / group
        return {
            str(path.relative_to(base)): [document for document in self._documents(path, outputs) if document]
            for path in sorted(base.rglob("*.yaml"))
        }

    def _documents(self, path: Path, outputs: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in outputs:
                place = path.relative_to(self.root)
                raise ProjectError(
                    f"{place}: ${{{name}}} is no output of the stacks; known: {', '.join(sorted(outputs))}"
                )
            return outputs[name]

        yield from yaml.load_all(_PLACEHOLDER.sub(replace, path.read_text()), Loader=yaml.CSafeLoader)


def find_project(environment: str) -> Project:
    """The checkout that this harness belongs to."""
    return Project(Path(__file__).resolve().parents[2], environment)

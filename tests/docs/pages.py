"""The pages of the documentation: their commands, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "benchmarks/README.md",
    ROOT / "fixtures/facts/README.md",
)
RUNS = "# runs in tests"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: the page, the language after the fence and the lines."""

    page: str
    language: str
    lines: tuple[str, ...]

    @property
    def runs(self) -> bool:
        """Whether a test runs it from its first line to its last."""
        return RUNS in self.lines

    @property
    def commands(self) -> list[str]:
        """The lines without comments and empty ones."""
        return [line for line in self.lines if line.strip() and not line.startswith("#")]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(language: str) -> Iterator[Block]:
    """The fenced blocks of every page in one language."""
    for page in PAGES:
        for match in _FENCE.finditer(page.read_text()):
            if match[1] == language:
                yield Block(name(page), language, tuple(match[2].splitlines()))


def links(page: Path) -> list[str]:
    """What a page links to, pictures too; text in fenced blocks does not count."""
    return _LINK.findall(_FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub makes fragments of them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

"""The documentation agrees with itself and with the code: links, the scenario that is shown, fields, names of packages."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, blocks, links, name

LINKS = [(page, link) for page in PAGES for link in links(page)]
DECLARING = [
    path
    for package in ("harness", "pipeline", "fixtures", "infra")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "__all__" in path.read_text()
]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{name(page)}: {link}" for page, link in LINKS])
def test_a_link_leads_somewhere(page: Path, link: str) -> None:
    parts = urlsplit(link)
    if parts.scheme:
        assert parts.scheme == "https"
        return
    target = (page.parent / parts.path).resolve() if parts.path else page
    assert target.exists(), f"{name(page)} links to {link}"
    if parts.fragment:
        assert parts.fragment in anchors(target)


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in links(ROOT / "README.md")}
    assert {name(page) for page in PAGES if page.parent.name == "docs"} <= linked


def test_the_scenario_that_the_readme_shows_is_a_real_one() -> None:
    (shown,) = blocks("python")
    scenarios = [path.read_text() for path in (ROOT / "scenarios").rglob("test_*.py")]
    assert any("\n".join(shown.lines) in text for text in scenarios)


def test_folders_of_the_layout_exist() -> None:
    layout = (ROOT / "README.md").read_text().partition("## Layout")[2].partition("\n## ")[0]
    folders = re.findall(r"`([\w.]+)/`", layout)
    assert len(folders) >= 8
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_names_no_place_of_one_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.-])/(?:work|root|home)\b", page.read_text()) == []


def exported(path: Path) -> list[str]:
    """The names in a module's `__all__`, as its text lists them; empty when the module only mentions it."""
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign)
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


@pytest.mark.parametrize("path", DECLARING, ids=name)
def test_a_package_has_the_names_that_it_declares(path: Path) -> None:
    names = exported(path)
    assert len(set(names)) == len(names)
    relative = path.relative_to(ROOT).with_suffix("")
    parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
    module = importlib.import_module(".".join(parts))
    assert [declared for declared in names if not hasattr(module, declared)] == []

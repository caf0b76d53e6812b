"""docs/conformance.md and the tests are in step: every form that a test shows has a row that names its file, and every row has a test."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
WITHOUT = {"test_table", "test_same_words"}  # modules that show no form of their own
MODULES = [
    *(path for path in sorted((ROOT / "tests" / "conformance").glob("test_*.py")) if path.stem not in WITHOUT),
    ROOT / "tests" / "harness" / "cluster" / "api" / "streaming" / "test_kubectl.py",
]
ROW = re.compile(r"^\| `([^`]+)` \| (.+) \| `([^`]+)` \|$", re.MULTILINE)


def shown() -> dict[str, str]:
    """The forms that tests show, each with the test's file."""
    found: dict[str, str] = {}
    for path in MODULES:
        place = path.relative_to(ROOT).as_posix()
        module = importlib.import_module(place.removesuffix(".py").replace("/", "."))
        for name, function in vars(module).items():
            if name.startswith("test_"):
                for form in function.__dict__.get("forms", ()):
                    assert form not in found, f"{form} is shown twice: in {found[form]} and in {place}"
                    found[form] = place
    return found


def test_given_the_page_then_it_lists_exactly_what_tests_show() -> None:
    rows = {form: place for form, _, place in ROW.findall(PAGE.read_text())}
    assert rows == shown()


def test_given_the_page_then_its_rows_stand_in_order_and_once() -> None:
    forms = [form for form, _, _ in ROW.findall(PAGE.read_text())]
    assert len(forms) == len(set(forms))

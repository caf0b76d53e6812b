"""result.json: a real Result, docs/result.schema.json and the table of docs/result.md say the same."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from harness.report import Cost, CostLine, Dataset, Interruption, Result, RoadmapItem, Task
from tests.harness.report.results import RESULT

DOCS = Path(__file__).resolve().parents[3] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "result.schema.json").read_text())
VALIDATOR = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)
TABLE_ROW = re.compile(r"^\| (?P<fields>`[^|]+) \| (?P<meaning>[^|]+) \|$", re.MULTILINE)


def as_json() -> dict[str, Any]:
    """The result as a program reads it."""
    read: dict[str, Any] = json.loads(json.dumps(RESULT.as_json()))
    return read


def field_names(values: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(values)}


def nested(name: str) -> dict[str, Any]:
    """The schema of an object field, or of the items of an array field."""
    found: dict[str, Any] = SCHEMA["properties"][name]
    inner: dict[str, Any] = found.get("items", found)
    return inner


def test_a_result_is_what_the_schema_says() -> None:
    assert [str(error) for error in VALIDATOR.iter_errors(as_json())] == []
    assert next(iter(RESULT.as_json())) == "version"


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (SCHEMA, Result),
        (nested("tasks"), Task),
        (nested("interruptions"), Interruption),
        (nested("datasets"), Dataset),
        (nested("cost"), Cost),
        (nested("cost")["properties"]["lines"]["items"], CostLine),
        (nested("roadmap"), RoadmapItem),
    ],
)
def test_the_schema_names_every_field_and_no_other(schema: dict[str, Any], values: type[Any]) -> None:
    assert set(schema["properties"]) - {"version"} == field_names(values)
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_the_table_of_the_documentation_names_every_field() -> None:
    documented: dict[str, str] = {}
    for row in TABLE_ROW.finditer((DOCS / "result.md").read_text()):
        for field in re.findall(r"`([a-z_]+)(?:\[\])?`", row["fields"]):
            documented[field] = row["meaning"]
    assert set(documented) == set(SCHEMA["properties"])
    for name in ("tasks", "interruptions", "datasets", "roadmap", "cost", "coverage"):
        missing = [
            inner for inner in nested(name)["properties"] if f"`{inner}`" not in documented[name].replace("[]`", "`")
        ]
        assert missing == [], f"docs/result.md does not say what {name} holds"


def wrong(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = copy.deepcopy(as_json())
    change(document)
    return document


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("seed"),
        lambda d: d.update(more=1),
        lambda d: d.update(version=2),
        lambda d: d.update(scale=0),
        lambda d: d["datasets"][0].update(digest="xyz"),
        lambda d: d["datasets"][0].update(shape=[1, 2]),
        lambda d: d["tasks"][0].update(started="yesterday"),
        lambda d: d["roadmap"][0].update(state="skipped"),
        lambda d: d["coverage"]["counts"].update(ignored=1),
        lambda d: d["cost"]["lines"][0].pop("unit"),
    ],
)
def test_the_schema_refuses_what_is_no_result(change: Callable[[dict[str, Any]], object]) -> None:
    assert not VALIDATOR.is_valid(wrong(change))

"""The files of a plan as plain data: JSON templates, YAML documents (with CloudFormation's short tags) and Dockerfiles, in the order of their paths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_SKIPPED = frozenset({"node_modules", "__pycache__", "build", "dist", "cdk.out"})
_HIDDEN_BUT_READ = frozenset({".github"})


class Unreadable(Exception):
    """A path that is no plan, or a file of it that cannot be parsed; the text is one line."""


@dataclass(frozen=True)
class Document:
    """One YAML document or JSON file; `path` is relative to the plan."""

    path: str
    content: Any


class _Loader(yaml.CSafeLoader):
    """Safe YAML that keeps `!Ref x` as `{"Ref": "x"}` and `!GetAtt a.b` as `{"Fn::GetAtt": ...}`."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)


def documents(root: Path) -> Iterator[Document]:
    """Every template, manifest, workflow and table below `root`."""
    for path, name in files(root):
        if name.endswith(".template.json") or path.name == "stacks.json":
            yield Document(name, _json(path, name))
        elif path.suffix in {".yaml", ".yml"}:
            for content in _yaml(path, name):
                if content is not None:
                    yield Document(name, content)


def dockerfiles(root: Path) -> Iterator[tuple[str, str]]:
    """Path and text of every Dockerfile below `root`."""
    for path, name in files(root):
        if path.name.split(".")[0] == "Dockerfile" or path.suffix == ".Dockerfile":
            yield name, path.read_text(encoding="utf-8")


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file below `root` with its relative path, without what tools build or hide."""
    if not root.exists():
        raise Unreadable(f"{root}: no such file or folder, give the folder of a plan")
    if root.is_file():
        yield root, root.name
        return
    for path in sorted(root.rglob("*")):
        parents = path.relative_to(root).parts[:-1]
        if any(part in _SKIPPED or (part[0] == "." and part not in _HIDDEN_BUT_READ) for part in parents):
            continue
        if path.is_file():
            yield path, path.relative_to(root).as_posix()


def _json(path: Path, name: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise Unreadable(f"{name}: not JSON: {error}") from error


def _yaml(path: Path, name: str) -> list[Any]:
    try:
        return list(yaml.load_all(path.read_bytes(), Loader=_Loader))
    except yaml.YAMLError as error:
        raise Unreadable(f"{name}: not YAML: {' '.join(str(error).split())}") from error

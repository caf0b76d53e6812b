"""The rendered files of an environment as values: resources and outputs of the templates, objects of the manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a template."""

    place: str
    type: str
    properties: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One object of a manifest file."""

    place: str
    object: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        metadata = self.object["metadata"]
        return str(metadata.get("name", metadata.get("generateName")))

    @property
    def namespace(self) -> str:
        return str(self.object["metadata"].get("namespace", ""))


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """Everything the gate looks at."""

    resources: tuple[Resource, ...]
    outputs: frozenset[str]
    manifests: tuple[Manifest, ...]
    texts: dict[str, str]

    def of_type(self, type_name: str) -> Iterator[Resource]:
        return (resource for resource in self.resources if resource.type == type_name)

    def of_kind(self, kind: str) -> Iterator[Manifest]:
        return (manifest for manifest in self.manifests if manifest.kind == kind)


def parse(files: Mapping[str, bytes]) -> Rendered:
    """Read the files by their names."""
    texts = {name: files[name].decode() for name in sorted(files)}
    documents = {name: json.loads(text) for name, text in texts.items() if name.endswith(".template.json")}
    resources = [
        Resource(place=f"{name}#{logical_id}", type=resource["Type"], properties=resource.get("Properties", {}))
        for name, document in documents.items()
        for logical_id, resource in document["Resources"].items()
    ]
    outputs = {key for document in documents.values() for key in document.get("Outputs", {})}
    return Rendered(
        resources=tuple(resources),
        outputs=frozenset(outputs),
        manifests=tuple(_manifests(texts)),
        texts=texts,
    )


def _manifests(texts: Mapping[str, str]) -> Iterator[Manifest]:
    for name, text in texts.items():
        if not name.endswith(".yaml"):
            continue
        for document in yaml.safe_load_all(text):
            metadata = document["metadata"]
            yield Manifest(
                place=f"{name}#{document['kind']}/{metadata.get('name', metadata.get('generateName'))}", object=document
            )

"""`kubectl get` as the server prints it: meta.k8s.io/v1 Tables with upstream's columns (`pkg/printers/internalversion/printers.go`, 1.34)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.api.tables.columns import Column, Printer, age, name_column
from harness.cluster.api.tables.configuration import CONFIGURATION
from harness.cluster.api.tables.custom import custom_printer
from harness.cluster.api.tables.storage import STORAGE
from harness.cluster.api.tables.workloads import WORKLOADS
from harness.cluster.store import Served
from harness.kube.objects import Object

__all__ = ["Table"]

_PRINTERS: Mapping[str, Printer] = {**WORKLOADS, **CONFIGURATION, **STORAGE}
_DEFAULT = Printer((name_column(), Column("Age")), lambda obj, now: [obj["metadata"]["name"], age(obj, now)])


class Table:
    """Prints objects of one type. `include` is Metadata (as kubectl asks by default), Object or None."""

    def __init__(self, served: Served, include: str, version: str = "v1") -> None:
        if served.custom:
            self._printer = custom_printer(served.columns)
        else:
            self._printer = _PRINTERS.get(served.resource.storage_key, _DEFAULT)
        self._include = include
        self._api_version = f"meta.k8s.io/{version}"

    def of(
        self, objects: Sequence[Object], now_us: int, metadata: Mapping[str, Any], *, columns: bool = True
    ) -> dict[str, Any]:
        """The table of these objects at this moment; without columns, as in a watch after its first event."""
        definitions = [column.definition() for column in self._printer.columns] if columns else None
        return {
            "kind": "Table",
            "apiVersion": self._api_version,
            "metadata": dict(metadata),
            "columnDefinitions": definitions,
            "rows": [{"cells": self._printer.cells(obj, now_us), **self._object(obj)} for obj in objects],
        }

    def _object(self, obj: Object) -> dict[str, Any]:
        if self._include == "None":
            return {}
        if self._include == "Object":
            return {"object": obj}
        partial = {"kind": "PartialObjectMetadata", "apiVersion": self._api_version, "metadata": obj["metadata"]}
        return {"object": partial}

"""`kubectl get` as the server prints it: meta.k8s.io/v1 Tables with upstream's columns (`pkg/printers/internalversion/printers.go`, 1.34).

A printer a kind, in a module a subject; `columns` holds what they share, `custom` the printer of custom resources, `descriptions` what the columns mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.api.tables.columns import Column, Printer, age, name_column
from harness.cluster.api.tables.configuration import CONFIGURATION
from harness.cluster.api.tables.custom import custom_printer
from harness.cluster.api.tables.descriptions import of_columns
from harness.cluster.api.tables.network import NETWORK
from harness.cluster.api.tables.nodes import NODES_AND_EVENTS
from harness.cluster.api.tables.pods import POD_TABLES
from harness.cluster.api.tables.storage import STORAGE
from harness.cluster.api.tables.workloads import WORKLOADS
from harness.cluster.store import Served
from harness.kube.objects import Object

__all__ = ["Table"]

_PRINTERS: Mapping[str, Printer] = {
    **POD_TABLES,
    **WORKLOADS,
    **NETWORK,
    **NODES_AND_EVENTS,
    **CONFIGURATION,
    **STORAGE,
}
_DEFAULT = Printer((name_column(), Column("Age")), lambda obj, now: [obj["metadata"]["name"], age(obj, now)])


class Table:
    """Prints objects of one type. `include` is Metadata (as kubectl asks by default), Object or None."""

    def __init__(self, served: Served, include: str, version: str = "v1") -> None:
        self._meanings: Mapping[str, str] = {}
        if served.custom:
            self._printer = custom_printer(served.columns)
        else:
            self._printer = _PRINTERS.get(served.resource.group_resource, _DEFAULT)
            self._meanings = of_columns(served.resource.group_resource)
        self._include = include
        self._api_version = f"meta.k8s.io/{version}"

    def of(
        self, objects: Sequence[Object], now_us: int, metadata: Mapping[str, Any], *, columns: bool = True
    ) -> dict[str, Any]:
        """The table of these objects at this moment; without columns, as in a watch after its first event."""
        return {
            "kind": "Table",
            "apiVersion": self._api_version,
            "metadata": dict(metadata),
            "columnDefinitions": [self._definition(column) for column in self._printer.columns] if columns else None,
            "rows": [self._row(obj, now_us) for obj in objects],
        }

    def _definition(self, column: Column) -> dict[str, Any]:
        definition = column.definition()
        return {**definition, "description": self._meanings.get(column.name, definition["description"])}

    def _row(self, obj: Object, now_us: int) -> dict[str, Any]:
        row: dict[str, Any] = {"cells": self._printer.cells(obj, now_us)}
        conditions = self._printer.conditions(obj)
        if conditions:
            row["conditions"] = conditions
        if self._include == "Object":
            row["object"] = obj
        elif self._include != "None":
            partial = {"kind": "PartialObjectMetadata", "apiVersion": self._api_version, "metadata": obj["metadata"]}
            row["object"] = partial
        return row

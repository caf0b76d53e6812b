"""The tables of a real API server, printed again from the same objects at the same moment: every column and every cell."""

from __future__ import annotations

import lzma
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

import fixtures
from harness.clock import parse_time
from harness.cluster.api.tables import Table
from harness.cluster.store import Served
from harness.kube import resources
from harness.kube.resources import Resource

RECORDED = Path(fixtures.__file__).parent / "conformance" / "tables.json.xz"
TABLES: dict[str, Any] = orjson.loads(lzma.decompress(RECORDED.read_bytes()))["tables"]
KNOWN = {entry.group_resource: entry for entry in vars(resources).values() if isinstance(entry, Resource)}
NOT_SERVED = {  # kinds of the real server that nothing here reads or writes
    "componentstatuses",
    "events.events.k8s.io",
    "certificatesigningrequests.certificates.k8s.io",
    "ipaddresses.networking.k8s.io",
    "servicecidrs.networking.k8s.io",
    "volumeattributesclasses.storage.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "deviceclasses.resource.k8s.io",
    "resourceclaims.resource.k8s.io",
    "resourceclaimtemplates.resource.k8s.io",
    "resourceslices.resource.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
}


def resource_at(path: str) -> Resource | None:
    group, plural = re.fullmatch(r"/(?:api/v1|apis/([^/]+)/[^/]+)/([^/]+)", path).groups("")  # type: ignore[union-attr]
    name = f"{plural}.{group}" if group else plural
    return None if name in NOT_SERVED else KNOWN[name]


SERVED = {path: found for path in TABLES if (found := resource_at(path)) is not None}


@pytest.mark.parametrize("path", SERVED)
def test_given_objects_of_the_real_server_then_the_table_is_the_same(path: str) -> None:
    recorded = TABLES[path]
    objects = [row["object"] for row in recorded["rows"]]

    table = Table(Served(SERVED[path]), "Object").of(objects, parse_time(recorded["now"]), {})

    assert table["columnDefinitions"] == recorded["columnDefinitions"]
    assert table["rows"] == recorded["rows"]


def test_given_the_recording_then_every_kind_but_few_has_a_row() -> None:
    empty = {path for path in SERVED if not TABLES[path]["rows"]}
    assert empty <= {"/apis/apiextensions.k8s.io/v1/customresourcedefinitions"}

"""The custom resources of Argo Workflows 4.1: names, scope and printer columns, with an open schema.

The controller validates a Workflow by itself and says more than a schema would, so the schemas here accept every field; the kinds nobody writes by
hand (task sets, task results, artifact collection) are here because the controller lists them when it starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GROUP = "argoproj.io"
VERSION = "v1alpha1"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    type: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One custom resource."""

    kind: str
    plural: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    columns: tuple[Column, ...] = ()
    status_subresource: bool = False


_AGE = Column(name="Age", type="date", path=".metadata.creationTimestamp")

KINDS: tuple[Kind, ...] = (
    Kind(
        kind="Workflow",
        plural="workflows",
        short=("wf",),
        columns=(
            Column(name="Status", type="string", path=".status.phase"),
            Column(name="Age", type="date", path=".status.startedAt"),
            Column(name="Message", type="string", path=".status.message"),
        ),
    ),
    Kind(kind="WorkflowTemplate", plural="workflowtemplates", short=("wftmpl",), columns=(_AGE,)),
    Kind(kind="ClusterWorkflowTemplate", plural="clusterworkflowtemplates", short=("cwft",), namespaced=False),
    Kind(
        kind="CronWorkflow",
        plural="cronworkflows",
        short=("cwf", "cronwf"),
        columns=(Column(name="Suspended", type="boolean", path=".spec.suspend"), _AGE),
    ),
    Kind(kind="WorkflowTaskSet", plural="workflowtasksets", short=("wfts",), status_subresource=True),
    Kind(kind="WorkflowTaskResult", plural="workflowtaskresults"),
    Kind(kind="WorkflowArtifactGCTask", plural="workflowartifactgctasks", short=("wfat",), status_subresource=True),
    Kind(kind="WorkflowEventBinding", plural="workfloweventbindings", short=("wfeb",)),
)


def objects() -> list[dict[str, Any]]:
    return [_definition(kind) for kind in KINDS]


def _definition(kind: Kind) -> dict[str, Any]:
    names: dict[str, Any] = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.kind.lower(),
    }
    if kind.short:
        names["shortNames"] = list(kind.short)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "em-pipeline"}},
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _open_schema()},
    }
    if kind.columns:
        version["additionalPrinterColumns"] = [
            {"name": c.name, "type": c.type, "jsonPath": c.path} for c in kind.columns
        ]
    if kind.status_subresource:
        version["subresources"] = {"status": {}}
    return version


def _open_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
        },
    }

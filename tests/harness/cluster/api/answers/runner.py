"""Sends a scenario to a server and keeps what two servers have to agree on.

Taken away: identities and moments, addresses that are drawn, managedFields, and what controllers that run beside the real server add a moment later.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from tests.harness.cluster.api.answers.objects import MERGE, Step

Send = Callable[[str, str, Any, str], tuple[int, Any]]
TIMEOUT_S = 20
_JSON = "application/json"
_DRAWN = frozenset({"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"})
_STATUS_BY_CONTROLLERS = frozenset(
    {
        "Job",
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "DaemonSet",
        "CustomResourceDefinition",
        "APIService",
        "ReplicationController",
    }
)
_BY_CONTROLLERS = (
    "deployment.kubernetes.io/",
    "batch.kubernetes.io/job-tracking",
    "deprecated.daemonset.template.generation",
)
_FINALIZERS = frozenset({"customresourcecleanup.apiextensions.k8s.io"})  # put on by a controller
_ADDRESS = re.compile(r"\b(10\.\d+|172\.20)\.\d+\.\d+\b")


def run(send: Send, namespace: str, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The answers to the steps, comparable. Objects outside of namespaces are deleted at the end."""
    answers: list[dict[str, Any]] = []
    made: list[str] = []
    for method, path, body, *content_type in steps:
        here = path.replace("NS", namespace)
        sent = orjson.loads(orjson.dumps(body).replace(b"NS", namespace.encode()))
        if method == "WAIT":
            await_(lambda here=here: send("GET", here, None, _JSON)[0] == 200)  # type: ignore[misc]
            continue
        form = content_type[0] if content_type else MERGE if method == "PATCH" else _JSON
        code, answer = send(method, here, sent, form)
        answers.append({"step": f"{method} {path}", "code": code, "body": comparable(answer, namespace)})
        if method == "POST" and code == 201 and "/namespaces/" not in here and "dryRun" not in here:
            made.append(f"{here.partition('?')[0]}/{answer['metadata']['name']}")
    for path in reversed(made):
        send("DELETE", path, None, _JSON)
    return answers


def await_(condition: Callable[[], bool]) -> None:
    """Until a real server has got there."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "the real control plane did not get there"
        time.sleep(0.05)


def comparable(value: Any, namespace: str) -> Any:
    """What both have to agree on."""
    if isinstance(value, dict):
        skipped = {"managedFields", "storageVersionHash"}
        if str(value.get("kind")) in _STATUS_BY_CONTROLLERS and "metadata" in value:
            skipped.add("status")
        kept = {
            key: key.upper() if key in _DRAWN and item else comparable(item, namespace)
            for key, item in value.items()
            if key not in skipped
        }
        if isinstance(kept.get("finalizers"), list):
            kept["finalizers"] = [finalizer for finalizer in kept["finalizers"] if finalizer not in _FINALIZERS]
            if not kept["finalizers"]:
                del kept["finalizers"]
        if isinstance(kept.get("causes"), list):  # the real server checks some things twice
            kept["causes"] = [cause for n, cause in enumerate(kept["causes"]) if cause not in kept["causes"][:n]]
        annotations = kept.get("annotations")
        if isinstance(annotations, dict) and any(key.startswith(_BY_CONTROLLERS) for key in annotations):
            kept["annotations"] = {
                key: text for key, text in annotations.items() if not key.startswith(_BY_CONTROLLERS)
            }
            if not kept["annotations"]:
                del kept["annotations"]
        return kept
    if isinstance(value, list):
        return [comparable(item, namespace) for item in value]
    return _text(value, namespace) if isinstance(value, str) else value


def _text(text: str, namespace: str) -> str:
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text)
    text = re.sub(r"in record \(\d+\)", "in record (VERSION)", text)
    text = re.sub(r"((?:Invalid|Unsupported) value: )\{.*?\}(: [a-z`])", r"\1STRUCT\2", text, flags=re.DOTALL)
    text = re.sub(r"kube-api-access-\w{5}", "kube-api-access-NAME", text)
    text = re.sub(r"\n@@ .*", "", text, flags=re.DOTALL)
    return _ADDRESS.sub("ADDRESS", text).replace(namespace, "NS")


def differences(recorded: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where two values differ."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in dict.fromkeys((*recorded, *ours)):
            there, here = recorded.get(key, "<absent>"), ours.get(key, "<absent>")
            yield from differences(there, here, f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for position, (there, here) in enumerate(zip(recorded, ours, strict=True)):
            yield from differences(there, here, f"{path}[{position}]")
    elif recorded != ours:
        yield f"  {path}\n    real {recorded}\n    ours {ours}"

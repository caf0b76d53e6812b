"""Changing objects: apply, diff, edit, patch, label, annotate, scale, set, replace, delete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.conftest import Kubectl
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow
MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {set: one}}
data: {mode: "fast", size: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {set: one}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "web:1", env: [{name: A, value: "1"}]}]}
"""


@shows("apply", "apply --prune", "apply view-last-applied", "diff")
def test_given_a_manifest_then_apply_creates_changes_and_prunes_and_diff_shows(k: Kubectl, tmp_path: Path) -> None:
    assert k("apply", "-f", "-", stdin=MANIFEST) == "configmap/settings created\ndeployment.apps/web created\n"
    assert k("apply", "-f", "-", stdin=MANIFEST) == "configmap/settings unchanged\ndeployment.apps/web unchanged\n"
    changed = MANIFEST.replace("name: A, value", "name: B, value").replace(', size: "1"', "")
    differing = k.run("diff", "-f", "-", stdin=changed)
    assert differing.returncode == 1
    assert '-  size: "1"' in differing.stdout
    assert k("apply", "-f", "-", stdin=changed) == "configmap/settings configured\ndeployment.apps/web configured\n"
    assert k.run("diff", "-f", "-", stdin=changed).stdout == ""
    env = "jsonpath={.spec.template.spec.containers[0].env[*].name}"
    assert k("get", "deploy", "web", "-o", env) == "B"
    assert k("get", "cm", "settings", "-o", "jsonpath={.data}") == '{"mode":"fast"}'
    assert '"mode": "fast"' in k("apply", "view-last-applied", "cm/settings", "-o", "json")
    only = changed.partition("---")[0]
    pruned = k("apply", "-f", "-", "--prune", "-l", "set=one", "--prune-allowlist=apps/v1/Deployment", stdin=only)
    assert pruned.splitlines() == ["configmap/settings unchanged", "deployment.apps/web pruned"]


@shows("apply --server-side", "apply --dry-run=server", "apply --validate")
def test_given_two_managers_then_server_side_apply_conflicts_until_forced(k: Kubectl) -> None:
    assert (
        k("apply", "--dry-run=server", "-f", "-", stdin=MANIFEST).splitlines()[0]
        == "configmap/settings created (server dry run)"
    )
    assert k("get", "cm", "settings", "--ignore-not-found") == ""
    applied = k("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=MANIFEST)
    assert applied == "configmap/settings serverside-applied\ndeployment.apps/web serverside-applied\n"
    changed = MANIFEST.replace("fast", "slow")
    refused = k.fails("apply", "--server-side", "--field-manager=two", "-f", "-", stdin=changed)
    assert refused.startswith('error: Apply failed with 1 conflict: conflict with "one": .data.mode\n')
    k("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", "-", stdin=changed)
    assert k("get", "cm", "settings", "-o", "jsonpath={.data.mode}") == "slow"
    assert 'unknown field "dota"' in k.fails("apply", "-f", "-", stdin=MANIFEST.replace("\ndata:", "\ndota:"))


@shows("edit", "patch", "patch --type=json", "patch --type=merge", "patch --subresource", "label", "annotate")
def test_given_an_object_then_it_is_edited_patched_labelled_and_annotated(k: Kubectl, tmp_path: Path) -> None:
    k("apply", "-f", "-", stdin=MANIFEST)
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/mode: fast/mode: edited/" "$1"\n')
    editor.chmod(0o755)
    k.more["KUBE_EDITOR"] = str(editor)
    assert k("edit", "cm", "settings") == "configmap/settings edited\n"
    assert k("get", "cm", "settings", "-o", "jsonpath={.data.mode}") == "edited"
    idle = k.run("edit", "cm", "settings")
    assert (idle.returncode, idle.stdout, idle.stderr) == (0, "", "Edit cancelled, no changes made.\n")
    assert (
        k("patch", "cm", "settings", "--type=json", "-p", '[{"op":"remove","path":"/data/size"}]')
        == "configmap/settings patched\n"
    )
    assert (
        k("patch", "cm", "settings", "--type=merge", "-p", '{"data":{"mode":null,"x":"1"}}')
        == "configmap/settings patched\n"
    )
    assert json.loads(k("get", "cm", "settings", "-o", "jsonpath={.data}")) == {"x": "1"}
    k("patch", "deploy", "web", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"s:1"}]}}}}')
    assert k("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[*].name}") == "side main"
    k("patch", "deploy", "web", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":2}}')
    assert k("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"
    assert k("patch", "cm", "settings", "-p", "{}") == "configmap/settings patched (no change)\n"
    assert k("label", "cm", "settings", "team=em") == "configmap/settings labeled\n"
    assert "--overwrite is false" in k.fails("label", "cm", "settings", "team=other")
    assert k("label", "cm", "settings", "team-") == "configmap/settings unlabeled\n"
    assert k("annotate", "cm", "settings", "note=x") == "configmap/settings annotated\n"
    assert k("get", "cm", "settings", "-o", "jsonpath={.metadata.annotations.note}") == "x"


@shows(
    "scale", "set image", "set env", "set resources", "set serviceaccount", "set selector", "replace", "replace --force"
)
def test_given_a_deployment_then_it_is_scaled_set_and_replaced(k: Kubectl) -> None:
    k.deployment("web")
    assert k("scale", "deployment/web", "--replicas=3", "--current-replicas=1") == "deployment.apps/web scaled\n"
    k("rollout", "status", "deployment/web", "--timeout=50s")
    assert "Expected replicas to be 1, was 3" in k.fails("scale", "deploy/web", "--replicas=2", "--current-replicas=1")
    assert k("set", "image", "deployment/web", "web=web:2") == "deployment.apps/web image updated\n"
    assert k("set", "env", "deployment/web", "A=1") == "deployment.apps/web env updated\n"
    assert (
        k("set", "resources", "deployment/web", "--requests=cpu=10m")
        == "deployment.apps/web resource requirements updated\n"
    )
    k("create", "serviceaccount", "robot")
    assert k("set", "serviceaccount", "deployment/web", "robot") == "deployment.apps/web serviceaccount updated\n"
    spec = json.loads(k("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec}"))
    container = spec["containers"][0]
    assert (container["image"], container["env"], container["resources"], spec["serviceAccountName"]) == (
        "web:2",
        [{"name": "A", "value": "1"}],
        {"requests": {"cpu": "10m"}},
        "robot",
    )
    k("create", "service", "clusterip", "svc", "--tcp=80")
    assert k("set", "selector", "service", "svc", "app=web") == "service/svc selector updated\n"
    before = k("get", "service", "svc", "-o", "jsonpath={.metadata.uid}")
    service = k("get", "service", "svc", "-o", "json")
    assert k("replace", "-f", "-", stdin=service.replace('"app": "web"', '"app": "other"')) == "service/svc replaced\n"
    assert k("replace", "--force", "-f", "-", stdin=k("create", "service", "clusterip", "svc", "--tcp=81", "--dry-run=client", "-o", "yaml")) == (
        f'service "svc" deleted from {k.namespace} namespace\nservice/svc replaced\n'
    )  # fmt: skip
    assert k("get", "service", "svc", "-o", "jsonpath={.metadata.uid}") != before


@shows(
    "delete",
    "delete --cascade=background",
    "delete --cascade=foreground",
    "delete --cascade=orphan",
    "delete --force",
    "delete -l",
    "delete --all",
)
def test_given_owners_then_deletes_cascade_as_asked(k: Kubectl) -> None:
    k.deployment("kept")
    k("delete", "deployment", "kept", "--cascade=orphan")
    assert k("get", "rs", "-o", "name").startswith("replicaset.apps/kept-")
    assert k("get", "rs", "-o", "jsonpath={.items[0].metadata.ownerReferences}") == ""
    k("delete", "rs", "--all")
    k.deployment("front")
    k("delete", "deployment", "front", "--cascade=foreground")
    assert "front" not in k("get", "rs", "-o", "name")
    k.deployment("back")
    said = k("delete", "deployment", "back")
    assert said == f'deployment.apps "back" deleted from {k.namespace} namespace\n'
    k("wait", "--for=delete", "rs", "-l", "app=back", "--timeout=50s")
    k.pod("p")
    done = k.run("delete", "pod", "p", "--force", "--grace-period=0")
    assert "Warning: Immediate deletion does not wait for confirmation" in done.stderr
    assert k("get", "pod", "p", "--ignore-not-found") == ""
    k("create", "configmap", "a")
    k("label", "configmap", "a", "x=y")
    assert k("delete", "configmap", "-l", "x=y") == f'configmap "a" deleted from {k.namespace} namespace\n'
    assert k.fails("delete", "configmap", "a") == 'Error from server (NotFound): configmaps "a" not found\n'

"""The API over plain HTTP requests: codes, Status objects, forms of bodies and answers. Texts are those of a 1.34 control plane (recorded 2026-11-23)."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.kube.resources import CONFIG_MAPS, LEASES, NODES, POD_DISRUPTION_BUDGETS, PODS
from tests.harness.cluster.api.conftest import Face

MAPS = "/api/v1/namespaces/default/configmaps"
POD_LIST = "/api/v1/namespaces/default/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def config_map(name: str = "c", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_given_no_or_a_wrong_token_then_the_answer_is_unauthorized_but_health_is_open(face: Face) -> None:
    for header in ("", "Bearer nope", "Basic abc"):
        answer = face.request("GET", MAPS, Authorization=header)
        assert (answer.code, answer.json["reason"], answer.json["message"]) == (401, "Unauthorized", "Unauthorized")
    for path in ("/healthz", "/livez", "/readyz"):
        assert face.request("GET", path, Authorization="").body == b"ok"
    assert face.request("GET", "/version", Authorization="").json["gitVersion"] == "v1.36.0"


@pytest.mark.parametrize(
    ("method", "path", "code", "reason", "message"),
    [
        ("GET", f"{MAPS}/nope", 404, "NotFound", 'configmaps "nope" not found'),
        ("GET", "/api/v1/namespaces/default/nope", 404, "NotFound", "the server could not find the requested resource"),
        ("GET", "/apis/nope/v1", 404, "NotFound", "the server could not find the requested resource"),
        ("GET", "/nope", 404, "NotFound", "the server could not find the requested resource"),
        ("GET", f"{POD_LIST}/p/proxy", 404, "NotFound", "the server could not find the requested resource"),
        (
            "GET",
            "/api/v1/namespaces/default/nodes",
            404,
            "NotFound",
            "the server could not find the requested resource",
        ),
        ("PUT", POD_LIST, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        (
            "POST",
            "/api/v1/pods",
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ),
        (
            "POST",
            "/version",
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ),
        ("GET", f"{POD_LIST}/p/binding", 405, "MethodNotAllowed", "get is not supported on pods/binding"),
        ("DELETE", f"{POD_LIST}/p/status", 405, "MethodNotAllowed", "delete is not supported on pods/status"),
        (
            "GET",
            f"{MAPS}?fieldSelector=spec.x%3D1",
            400,
            "BadRequest",
            '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        ("GET", f"{POD_LIST}?fieldSelector=spec.x%3D1", 400, "BadRequest", "field label not supported: spec.x"),
        (
            "GET",
            f"{MAPS}?resourceVersion=99999&resourceVersionMatch=Exact",
            504,
            "Timeout",
            "Timeout: Too large resource version: 99999, current: 10",
        ),
        (
            "DELETE",
            "/api/v1/namespaces/default",
            403,
            "Forbidden",
            'namespaces "default" is forbidden: this namespace may not be deleted',
        ),
        ("GET", f"{POD_LIST}/p/log", 404, "NotFound", 'pods "p" not found'),
    ],
)
def test_given_a_request_that_cannot_be_served_then_a_status_says_why(
    face: Face, method: str, path: str, code: int, reason: str, message: str
) -> None:
    answer = face.request(method, path)
    status = answer.json
    assert (answer.code, status["kind"], status["status"]) == (code, "Status", "Failure")
    assert (status["code"], status["reason"], status["message"]) == (code, reason, message)


@pytest.mark.parametrize(
    ("body", "content_type", "code", "message"),
    [
        (
            b"",
            "application/json",
            400,
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind",
        ),
        (
            b'{"a"',
            "application/json",
            400,
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind",
        ),
        (b"[]", "application/json", 400, "the object provided is unrecognized (must be of type ConfigMap)"),
        (b"{", "application/yaml", 400, "the object provided is unrecognized (must be of type ConfigMap): yaml: "),
        (
            b"k8s",
            "application/vnd.kubernetes.protobuf",
            400,
            "the object provided is unrecognized (must be of type ConfigMap)",
        ),
        (
            b"{}",
            "text/plain",
            415,
            "the body of the request was in an unknown format - accepted media types include: application/json",
        ),
        (b'{"metadata": []}', "application/json", 400, "metadata has to be an object"),
        (
            b'{"metadata": {"name": "x", "namespace": "other"}}',
            "application/json",
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            b'{"metadata": {"name": "x"}, "data": {"a": "' + b"x" * (3 << 20) + b'"}}',
            "application/json",
            413,
            "Request entity too large: limit is 3145728",
        ),
    ],
    ids=["empty", "cut", "list", "yaml", "protobuf", "text", "metadata", "namespace", "large"],
)
def test_given_a_body_that_cannot_be_read_then_it_is_refused(
    face: Face, body: bytes, content_type: str, code: int, message: str
) -> None:
    answer = face.request("POST", MAPS, body, Content_Type=content_type)
    assert (answer.code, answer.json["code"]) == (code, code)
    assert answer.json["message"].startswith(message)


def test_given_json_or_yaml_then_the_object_is_created_read_replaced_and_deleted(face: Face) -> None:
    created = face.request("POST", MAPS, config_map(a="1"))
    assert (created.code, created.json["data"]) == (201, {"a": "1"})
    from_yaml = face.request(
        "POST", MAPS, yaml.safe_dump(config_map("y", b="2")).encode(), Content_Type="application/yaml"
    )
    assert (from_yaml.code, from_yaml.json["data"]) == (201, {"b": "2"})
    assert face.request("GET", f"{MAPS}/c").json == created.json
    replaced = face.request("PUT", f"{MAPS}/c", {**created.json, "data": {"a": "2"}})
    assert (replaced.code, replaced.json["data"]) == (200, {"a": "2"})
    stale = face.request("PUT", f"{MAPS}/c", {**created.json, "data": {"a": "3"}})
    assert (stale.code, stale.json["reason"]) == (409, "Conflict")
    renamed = face.request("PUT", f"{MAPS}/c", config_map("d"))
    assert renamed.json["message"] == "the name of the object (d) does not match the name on the URL (c)"
    deleted = face.request("DELETE", f"{MAPS}/c")
    uid = created.json["metadata"]["uid"]
    assert deleted.json["details"] == {"name": "c", "kind": "configmaps", "uid": uid}
    assert face.request("GET", f"{MAPS}/c").code == 404


@pytest.mark.parametrize(
    ("content_type", "patch", "data"),
    [
        ("application/merge-patch+json", b'{"data": {"a": null, "b": "2"}}', {"b": "2"}),
        ("application/strategic-merge-patch+json", b'{"data": {"b": "2"}}', {"a": "1", "b": "2"}),
        ("application/json-patch+json", b'[{"op": "replace", "path": "/data/a", "value": "9"}]', {"a": "9"}),
    ],
)
def test_given_a_patch_then_its_content_type_decides(
    face: Face, content_type: str, patch: bytes, data: dict[str, str]
) -> None:
    face.request("POST", MAPS, config_map(a="1"))
    answer = face.request("PATCH", f"{MAPS}/c", patch, Content_Type=content_type)
    assert (answer.code, answer.json["data"]) == (200, data)


@pytest.mark.parametrize("content_type", ["text/plain", "application/apply-patch+cbor"])
def test_given_another_patch_type_then_it_is_not_supported(face: Face, content_type: str) -> None:
    face.request("POST", MAPS, config_map(a="1"))
    answer = face.request("PATCH", f"{MAPS}/c", b"{}", Content_Type=content_type)
    assert (answer.code, answer.json["reason"]) == (415, "UnsupportedMediaType")
    assert answer.json["message"] == "415: Unsupported Media Type"


def test_given_a_dry_run_then_nothing_is_stored(face: Face) -> None:
    version = face.store.version
    assert face.request("POST", f"{MAPS}?dryRun=All", config_map()).code == 201
    assert face.request("POST", f"{MAPS}?dryRun=Some", config_map()).code == 400
    assert face.store.version == version


def test_given_strict_validation_then_unknown_fields_are_refused(face: Face) -> None:
    body = {**config_map(), "dota": {}}
    assert face.request("POST", f"{MAPS}?fieldValidation=Ignore&dryRun=All", body).code == 201
    strict = face.request("POST", f"{MAPS}?fieldValidation=Strict", body)
    assert strict.json["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dota"'
    )


def test_given_pages_then_they_show_the_state_of_the_first(face: Face) -> None:
    for name in "abcde":
        face.request("POST", MAPS, config_map(name))
    first = face.request("GET", f"{MAPS}?limit=2").json
    assert [item["metadata"]["name"] for item in first["items"]] == ["a", "b"]
    assert first["metadata"]["remainingItemCount"] == 3
    face.request("DELETE", f"{MAPS}/c")
    face.request("POST", MAPS, config_map("ca"))
    names, token = [], first["metadata"]["continue"]
    while token:
        page = face.request("GET", f"{MAPS}?limit=2&continue={token}").json
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        token = page["metadata"].get("continue")
    assert names == ["c", "d", "e"]
    assert face.request("GET", f"{MAPS}?continue=zzz").json["message"].startswith("invalid continue token")


def test_given_selectors_then_lists_and_collections_keep_to_them(face: Face) -> None:
    for name, app in (("a", "x"), ("b", "x"), ("c", "y")):
        body = config_map(name)
        body["metadata"]["labels"] = {"app": app}
        face.request("POST", MAPS, body)

    def names(query: str) -> list[str]:
        return [item["metadata"]["name"] for item in face.request("GET", f"{MAPS}?{query}").json["items"]]

    assert names("labelSelector=app%3Dx") == ["a", "b"]
    assert names("labelSelector=app%20in%20(y)") == ["c"]
    assert names("fieldSelector=metadata.name%3Db") == ["b"]
    assert names("fieldSelector=metadata.name!%3Db") == ["a", "c"]
    deleted = face.request("DELETE", f"{MAPS}?labelSelector=app%3Dx").json
    assert (deleted["kind"], [item["metadata"]["name"] for item in deleted["items"]]) == ("ConfigMapList", ["a", "b"])
    assert names("") == ["c"]


def test_given_a_table_then_rows_carry_what_was_asked_for(face: Face) -> None:
    face.request("POST", MAPS, config_map(a="1", b="2"))
    table = face.request("GET", MAPS, Accept=TABLE).json
    assert (table["kind"], [column["name"] for column in table["columnDefinitions"]]) == (
        "Table",
        ["Name", "Data", "Age"],
    )
    assert table["rows"][0]["cells"] == ["c", 2, "0s"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = face.request("GET", f"{MAPS}/c?includeObject=Object", Accept=TABLE).json
    assert whole["rows"][0]["object"]["data"] == {"a": "1", "b": "2"}
    assert "object" not in face.request("GET", f"{MAPS}?includeObject=None", Accept=TABLE).json["rows"][0]
    assert face.request("GET", MAPS, Accept="application/vnd.kubernetes.protobuf").code == 406


def test_given_a_pod_then_it_is_bound_evicted_and_its_status_written(face: Face) -> None:
    pod = {
        "metadata": {"name": "p", "labels": {"app": "x"}},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]},
    }
    face.request("POST", POD_LIST, pod)
    binding = {"target": {"kind": "Node", "name": "n1"}}
    assert face.request("POST", f"{POD_LIST}/p/binding", binding).json["status"] == "Success"
    again = face.request("POST", f"{POD_LIST}/p/binding", binding).json
    assert (
        again["message"] == 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"'
    )
    merge = {"Content_Type": "application/merge-patch+json"}
    face.request(
        "PATCH",
        f"{POD_LIST}/p/status",
        b'{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}',
        **merge,
    )
    assert face.request("GET", f"{POD_LIST}/p/status").json["status"]["phase"] == "Running"
    budget = {
        "metadata": {"name": "b", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}},
    }
    face.kernel.call(lambda: face.store.create(POD_DISRUPTION_BUDGETS, budget))
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "p"},
        "deleteOptions": {"gracePeriodSeconds": 7},
    }
    refused = face.request("POST", f"{POD_LIST}/p/eviction", eviction)
    assert (refused.code, refused.json["reason"], refused.headers["Retry-After"]) == (429, "TooManyRequests", "10")
    assert refused.json["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    face.kernel.call(lambda: face.store.delete(POD_DISRUPTION_BUDGETS, "default", "b"))
    assert face.request("POST", f"{POD_LIST}/p/eviction", eviction).code == 201
    evicted = face.store.get(PODS, "default", "p")
    assert evicted is not None
    assert evicted["metadata"]["deletionGracePeriodSeconds"] == 7
    assert face.request("DELETE", f"{POD_LIST}/p", {"gracePeriodSeconds": 0}).json["kind"] == "Pod"
    assert face.store.get(PODS, "default", "p") is None


@pytest.mark.parametrize(
    ("body", "finalizers"),
    [
        ({"propagationPolicy": "Foreground"}, ["foregroundDeletion"]),
        ({"propagationPolicy": "Orphan"}, ["orphan"]),
        ({"orphanDependents": True}, ["orphan"]),
    ],
)
def test_given_delete_options_then_they_have_their_effect(
    face: Face, body: dict[str, Any], finalizers: list[str]
) -> None:
    face.request("POST", MAPS, config_map())
    answer = face.request("DELETE", f"{MAPS}/c", body)
    assert (answer.json["kind"], answer.json["metadata"]["finalizers"]) == ("ConfigMap", finalizers)


def test_given_delete_options_that_do_not_hold_then_the_object_stays(face: Face) -> None:
    face.request("POST", MAPS, config_map())
    assert face.request("DELETE", f"{MAPS}/c", {"preconditions": {"uid": "abc"}}).code == 409
    assert face.request("DELETE", f"{MAPS}/c", {"propagationPolicy": "Sideways"}).code == 422
    assert face.request("DELETE", f"{MAPS}/c?dryRun=All").code == 200
    assert face.store.get(CONFIG_MAPS, "default", "c") is not None


def test_given_a_nodes_lease_then_its_renewal_is_the_moment_of_reading(face: Face) -> None:
    def act() -> None:
        spec = {"holderIdentity": "n1", "leaseDurationSeconds": 40}
        face.store.create(LEASES, {"metadata": {"name": "n1", "namespace": "kube-node-lease"}, "spec": spec})
        face.store.create(LEASES, {"metadata": {"name": "other", "namespace": "default"}, "spec": spec})

    face.kernel.call(act)
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    assert face.request("GET", f"{path}/n1").json["spec"]["renewTime"] == "2026-03-01T08:00:00.000000Z"
    face.kernel.wait(lambda: False, 5_000_000)
    face.kernel.call(lambda: face.kernel.after(5_000_000, lambda: None))
    face.kernel.wait(lambda: False, 5_000_000)
    assert face.request("GET", path).json["items"][0]["spec"]["renewTime"] == "2026-03-01T08:00:05.000000Z"
    assert "renewTime" not in face.request("GET", path.replace("kube-node-lease", "default") + "/other").json["spec"]
    died = {"spec": {"renewTime": "2026-03-01T08:00:00.000000Z"}}
    face.kernel.call(lambda: face.store.patch(LEASES, "kube-node-lease", "n1", died))
    assert face.request("GET", f"{path}/n1").json["spec"]["renewTime"] == "2026-03-01T08:00:00.000000Z"


def test_given_logs_then_the_container_has_to_be_known_and_to_have_run(face: Face) -> None:
    containers = [{"name": name, "image": "app:1"} for name in ("one", "two")]
    face.request("POST", POD_LIST, {"metadata": {"name": "p"}, "spec": {"containers": containers}})
    for query, message in (
        ("", "a container name must be specified for pod p, choose one of: [one two]"),
        ("?container=three", "container three is not valid for pod p"),
        ("?container=one", 'pod "p" does not have a host assigned'),
        ("?container=one&previous=true", 'previous terminated container "one" in pod "p" not found'),
    ):
        answer = face.request("GET", f"{POD_LIST}/p/log{query}")
        assert (answer.code, answer.json["message"]) == (400, message)
    face.request("POST", f"{POD_LIST}/p/binding", {"target": {"name": "n1"}})
    waiting = face.request("GET", f"{POD_LIST}/p/log?container=one").json
    assert waiting["message"] == 'container "one" in pod "p" is waiting to start: ContainerCreating'


def test_given_a_workload_then_it_has_a_scale(face: Face) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "main", "image": "app:1"}]}}
    path = "/apis/apps/v1/namespaces/default/deployments"
    face.request(
        "POST",
        path,
        {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}},
    )
    scale = face.request("GET", f"{path}/d/scale").json
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 1},
        {"replicas": 0, "selector": "a=b"},
    )
    scaled = face.request("PUT", f"{path}/d/scale", {**scale, "spec": {"replicas": 4}}).json
    assert scaled["spec"] == {"replicas": 4}
    stale = face.request("PUT", f"{path}/d/scale", {**scale, "spec": {"replicas": 5}})
    assert stale.code == 409


def test_given_discovery_then_old_and_aggregated_forms_agree(face: Face) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    groups = [group["name"] for group in face.request("GET", "/apis").json["groups"]]
    aggregated = face.request("GET", "/apis", Accept=accept)
    assert aggregated.headers["Content-Type"] == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    assert [item["metadata"]["name"] for item in aggregated.json["items"]] == groups
    old = {row["name"] for row in face.request("GET", "/api/v1").json["resources"]}
    core = face.request("GET", "/api", Accept=accept).json["items"][0]["versions"][0]["resources"]
    new = {row["resource"] for row in core}
    new |= {f"{row['resource']}/{sub['subresource']}" for row in core for sub in row.get("subresources", ())}
    assert old == new
    assert {"pods/log", "pods/eviction", "namespaces/finalize", "nodes/status"} <= old
    assert face.request("GET", "/apis/batch").json["preferredVersion"]["groupVersion"] == "batch/v1"


def test_given_openapi_then_kinds_can_be_patched_with_field_validation(face: Face) -> None:
    places = face.request("GET", "/openapi/v3").json["paths"]
    document = face.request("GET", places["apis/batch/v1"]["serverRelativeURL"]).json
    patch = document["paths"]["/apis/batch/v1/namespaces/{namespace}/jobs/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "batch", "version": "v1", "kind": "Job"}
    assert "fieldValidation" in [parameter["name"] for parameter in patch["parameters"]]
    schemas = document["components"]["schemas"]
    limit = schemas["io.k8s.api.batch.v1.JobSpec"]["properties"]["backoffLimit"]
    assert (limit["type"], limit["format"]) == ("integer", "int32")
    assert limit["description"].startswith("Specifies the number of retries before marking this job failed.")
    assert schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]["type"] == "array"
    assert face.request("GET", "/openapi/v2").json["swagger"] == "2.0"
    protobuf = face.request("GET", "/openapi/v2", Accept="application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
    assert (protobuf.code, protobuf.body[:5]) == (200, b"\n\x032.0")


def test_given_a_kubeconfig_then_only_its_owner_may_read_it(face: Face, tmp_path: Path) -> None:
    path = face.server.kubeconfig(tmp_path / "sub" / "config")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = yaml.safe_load(path.read_text())
    assert config["clusters"][0]["cluster"]["server"] == face.server.url
    assert config["users"][0]["user"]["token"] == face.server.token


def test_given_a_bug_then_the_client_gets_a_status_and_no_traceback(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret internals")

    monkeypatch.setattr(face.store, "stored", broken)
    answer = face.request("GET", "/api/v1/nodes/n1")
    assert (answer.code, answer.json["reason"]) == (500, "InternalError")
    assert "secret" not in answer.json["message"]
    assert face.store.list(NODES) == []


def test_given_a_closed_server_then_it_closes_again_and_nobody_listens(face: Face) -> None:
    face.server.close()
    face.server.close()
    with pytest.raises(ConnectionRefusedError):
        face.request("GET", "/healthz")

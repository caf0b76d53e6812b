"""Creating and updating: what the system fills in, what it keeps, what it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.clock import Kernel, Seeds
from harness.cluster.store import Store
from harness.kube.errors import AlreadyExists, BadRequest, Conflict, Expired, Forbidden, Invalid, NotFound
from harness.kube.objects import Object, thaw
from harness.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    PRIORITY_CLASSES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STORAGE_CLASSES,
    Resource,
)
from tests.harness.cluster.store.conftest import START_US

MakePod = Callable[..., dict[str, Any]]
JOB = {
    "metadata": {"name": "j", "namespace": "default"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}},
}


def test_given_a_new_cluster_then_the_system_namespaces_have_their_accounts(store: Store) -> None:
    names = [namespace["metadata"]["name"] for namespace in store.list(NAMESPACES)]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    accounts = [(a["metadata"]["namespace"], a["metadata"]["name"]) for a in store.list(SERVICE_ACCOUNTS)]
    assert accounts == [(name, "default") for name in names]


def test_given_a_pod_then_it_gets_the_defaults_of_kubernetes_1_34(store: Store, pod: MakePod) -> None:
    created = store.create(PODS, pod(automountServiceAccountToken=False))
    assert created["spec"] == {
        "automountServiceAccountToken": False,
        "containers": [
            {
                "name": "main",
                "image": "app:1",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300}
            for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        ],
    }
    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert created["metadata"]["creationTimestamp"] == "2026-03-01T08:00:00Z"
    assert created["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("app", "Always"),
        ("app:latest", "Always"),
        ("registry:5000/app", "Always"),
        ("registry:5000/app:1", "IfNotPresent"),
        ("app@sha256:abc", "IfNotPresent"),
    ],
)
def test_given_an_image_then_its_tag_decides_when_it_is_pulled(
    store: Store, pod: MakePod, image: str, policy: str
) -> None:
    created = store.create(PODS, pod(containers=[{"name": "main", "image": image}]))
    assert created["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
    ],
)
def test_given_resources_then_the_qos_class_follows(
    store: Store, pod: MakePod, resources: dict[str, Any], wanted: str
) -> None:
    created = store.create(PODS, pod(containers=[{"name": "main", "image": "app:1", "resources": resources}]))
    assert created["status"]["qosClass"] == wanted


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("0.5", "500m"),
        (2, "2"),
        ("1024Mi", "1Gi"),
        ("1500Mi", "1500Mi"),
        ("1e3", "1e3"),
        ("0.1", "100m"),
        ("100M", "100M"),
    ],
)
def test_given_a_quantity_then_its_canonical_form_is_stored(store: Store, pod: MakePod, sent: Any, stored: str) -> None:
    container = {"name": "main", "image": "app:1", "resources": {"requests": {"memory": sent}}}
    assert store.create(PODS, pod(containers=[container]))["spec"]["containers"][0]["resources"]["requests"] == {
        "memory": stored
    }


def test_given_a_job_then_it_selects_its_own_pods(store: Store) -> None:
    job = store.create(JOBS, JOB)
    uid = job["metadata"]["uid"]
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": uid,
        "job-name": "j",
    }
    assert job["metadata"]["labels"] == labels
    assert job["spec"]["template"]["metadata"]["labels"] == labels
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert {
        key: job["spec"][key] for key in ("parallelism", "completions", "backoffLimit", "completionMode", "suspend")
    } == {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
    }
    assert job["spec"]["podReplacementPolicy"] == "TerminatingOrFailed"


def test_given_generate_name_then_equal_seeds_draw_equal_names_and_others_do_not(kernel: Kernel) -> None:
    def draw(seed: int) -> tuple[str, str]:
        store = Store(kernel, Seeds(seed))
        made = store.create(CONFIG_MAPS, {"metadata": {"generateName": "run-", "namespace": "default"}})
        return made["metadata"]["name"], made["metadata"]["uid"]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    name, uid = draw(3)
    assert name.startswith("run-")
    assert len(name) == len("run-") + 5
    assert uid[14] == "4"


def test_given_a_mutator_then_it_sees_the_object_with_its_defaults_and_may_change_it(
    kernel: Kernel, pod: MakePod
) -> None:
    class Mutator:
        def admit(self, resource: Resource, obj: dict[str, Any]) -> None:
            if resource == PODS:
                assert obj["spec"]["serviceAccountName"] == "default"
                obj["spec"]["volumes"].append({"name": "token", "projected": {"sources": []}})

    created = Store(kernel, Seeds(1), (Mutator(),)).create(PODS, pod())
    assert created["spec"]["volumes"][1:] == [{"name": "token", "projected": {"sources": [], "defaultMode": 420}}]


def test_given_a_priority_class_then_the_pod_has_its_value(store: Store, pod: MakePod) -> None:
    store.create(PRIORITY_CLASSES, {"metadata": {"name": "low"}, "value": -5, "preemptionPolicy": "Never"})
    created = store.create(PODS, pod(priorityClassName="low"))
    assert (created["spec"]["priority"], created["spec"]["preemptionPolicy"]) == (-5, "Never")
    system = store.create(PODS, pod("q", priorityClassName="system-node-critical"))
    assert system["spec"]["priority"] == 2_000_001_000


def test_given_secret_texts_then_they_are_stored_encoded(store: Store) -> None:
    secret = store.create(SECRETS, {"metadata": {"name": "s", "namespace": "default"}, "stringData": {"a": "b"}})
    assert (secret["data"], secret["type"], "stringData" in secret) == ({"a": "Yg=="}, "Opaque", False)


def test_given_a_default_storage_class_then_claims_get_it(store: Store) -> None:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    store.create(
        STORAGE_CLASSES, {"metadata": {"name": "gp3", "annotations": annotations}, "provisioner": "ebs.csi.aws.com"}
    )
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = store.create(PERSISTENT_VOLUME_CLAIMS, {"metadata": {"name": "c", "namespace": "default"}, "spec": spec})
    assert claim["spec"]["storageClassName"] == "gp3"
    assert claim["status"] == {"phase": "Pending"}


def test_given_two_services_then_each_has_an_address(store: Store) -> None:
    ports = [{"port": 80}]
    made = [
        store.create(SERVICES, {"metadata": {"name": name, "namespace": "default"}, "spec": {"ports": ports}})
        for name in ("a", "b")
    ]
    assert made[0]["spec"]["clusterIP"] != made[1]["spec"]["clusterIP"]
    assert made[0]["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


def test_given_a_status_in_a_create_then_only_nodes_keep_it(store: Store, pod: MakePod) -> None:
    created = store.create(PODS, {**pod(), "status": {"phase": "Running"}})
    node = store.create(NODES, {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": 4}}})
    assert created["status"]["phase"] == "Pending"
    assert node["status"]["capacity"] == node["status"]["allocatable"] == {"cpu": "4"}


def test_given_a_status_subresource_then_neither_side_writes_the_other(store: Store, pod: MakePod) -> None:
    store.create(PODS, pod())
    through_main = store.patch(
        PODS, "default", "p", {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Failed"}}
    )
    assert through_main["status"]["phase"] == "Pending"
    change = {"metadata": {"labels": {"a": "c"}}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}
    through_status = store.patch(PODS, "default", "p", change, subresource="status")
    assert through_status["status"]["phase"] == "Running"
    assert through_status["metadata"]["labels"] == {"a": "c"}  # of a pod only the owners are out of reach here
    assert "nodeName" not in through_status["spec"]


def test_given_changes_then_generation_counts_those_of_the_spec(store: Store) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "main", "image": "app:1"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    store.create(DEPLOYMENTS, {"metadata": {"name": "d", "namespace": "default"}, "spec": spec})

    def generation(change: dict[str, Any], subresource: str = "") -> int:
        changed = store.patch(DEPLOYMENTS, "default", "d", change, subresource=subresource)
        return int(changed["metadata"]["generation"])

    assert generation({"spec": {"replicas": 3}}) == 2
    assert generation({"metadata": {"labels": {"x": "y"}}}) == 2
    assert generation({"status": {"replicas": 3}}, "status") == 2
    assert generation({"metadata": {"annotations": {"x": "y"}}}) == 3  # deployments count these, too
    assert generation({"spec": {"replicas": 3}}) == 3


def test_given_a_write_that_changes_nothing_then_there_is_no_new_version(store: Store, pod: MakePod) -> None:
    store.create(PODS, pod())
    before = store.version
    store.patch(PODS, "default", "p", {"spec": {"restartPolicy": "Always"}})
    store.replace(PODS, thaw(store.get(PODS, "default", "p")))
    assert store.version == before


def test_given_a_stale_version_then_the_write_is_refused(store: Store) -> None:
    first = store.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "default"}})
    store.patch(CONFIG_MAPS, "default", "c", {"data": {"a": "1"}})
    version = first["metadata"]["resourceVersion"]
    stale = {"metadata": {"resourceVersion": version}, "data": {}}
    writes: list[Callable[[], Object]] = [
        lambda: store.replace(CONFIG_MAPS, {**thaw(first), "data": {"a": "2"}}),
        lambda: store.patch(CONFIG_MAPS, "default", "c", stale),
    ]
    for write in writes:
        with pytest.raises(Conflict) as refused:
            write()
        assert refused.value.message == (
            'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to the '
            "latest version and try again"
        )


def test_given_system_fields_in_an_update_then_they_stay_as_they_were(store: Store) -> None:
    first = store.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "default"}})
    changed = {
        "metadata": {"name": "c", "namespace": "default", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 9}
    }
    stored = store.replace(CONFIG_MAPS, {**changed, "data": {"a": "1"}})
    assert stored["metadata"]["uid"] == first["metadata"]["uid"]
    assert stored["metadata"]["creationTimestamp"] == "2026-03-01T08:00:00Z"
    assert "generation" not in stored["metadata"]


def test_given_a_dry_run_then_the_answer_is_that_of_the_write_and_nothing_is_stored(store: Store, pod: MakePod) -> None:
    before = store.version
    assert store.create(PODS, pod(), dry_run=True)["spec"]["dnsPolicy"] == "ClusterFirst"
    assert (store.version, store.get(PODS, "default", "p")) == (before, None)


@pytest.mark.parametrize(
    ("resource", "obj", "error", "message"),
    [
        (CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "nope"}}, NotFound, 'namespaces "nope" not found'),
        (
            PODS,
            {"metadata": {"name": "p", "namespace": "default"}, "spec": {"serviceAccountName": "nope"}},
            Forbidden,
            'pods "p" is forbidden: error looking up service account default/nope: serviceaccount "nope" not found',
        ),
        (
            PODS,
            {"metadata": {"name": "p", "namespace": "default"}, "spec": {"priorityClassName": "nope"}},
            Forbidden,
            'pods "p" is forbidden: no PriorityClass with name nope was found',
        ),
        (
            PODS,
            {"metadata": {"namespace": "default"}, "spec": {}},
            Invalid,
            'Pod "" is invalid: metadata.name: Required value: name or generateName is required',
        ),
        (
            CONFIG_MAPS,
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "c", "namespace": "default"}},
            BadRequest,
            'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion',
        ),
        (
            CONFIG_MAPS,
            {"metadata": {"name": "c", "namespace": "default"}, "data": {"a": 1}},
            BadRequest,
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field '
            "ConfigMap.data of type string",
        ),
    ],
)
def test_given_what_cannot_be_created_then_the_refusal_is_that_of_kubernetes(
    store: Store, resource: Resource, obj: Object, error: type[Exception], message: str
) -> None:
    before = store.version
    with pytest.raises(error) as refused:
        store.create(resource, obj)
    assert str(refused.value) == message
    assert store.version == before


def test_given_a_namespace_that_goes_away_then_nothing_new_enters_it(store: Store) -> None:
    store.create(NAMESPACES, {"metadata": {"name": "n"}})
    gone = store.delete(NAMESPACES, None, "n")
    assert gone["status"] == {"phase": "Terminating"}
    with pytest.raises(Forbidden) as refused:
        store.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "n"}})
    assert refused.value.message == (
        'configmaps "c" is forbidden: unable to create new content in namespace n because it is being terminated'
    )
    store.patch(NAMESPACES, None, "n", {"spec": {"finalizers": []}}, subresource="finalize")
    assert store.get(NAMESPACES, None, "n") is None


def test_given_a_bound_pod_then_it_has_its_node_and_is_not_bound_again(store: Store, pod: MakePod) -> None:
    store.create(PODS, pod())
    store.bind("default", "p", "n1")
    bound = store.get(PODS, "default", "p")
    assert bound is not None
    assert bound["status"]["conditions"] == [
        {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": "2026-03-01T08:00:00Z",
        }
    ]
    assert list(store.by_index(PODS, "node", "n1")) == [bound]
    with pytest.raises(Conflict, match='pods/binding "p": pod p is already assigned to node "n1"'):
        store.bind("default", "p", "n2")


def test_given_an_observer_that_writes_then_everybody_sees_the_changes_in_order(store: Store) -> None:
    seen: list[tuple[str, str]] = []

    def writes(change: str, obj: Object, _old: Object | None) -> None:
        if change == "ADDED" and obj["metadata"]["name"] == "first":
            store.create(CONFIG_MAPS, {"metadata": {"name": "second", "namespace": "default"}})

    store.observe(CONFIG_MAPS, writes)
    store.observe(CONFIG_MAPS, lambda change, obj, _old: seen.append((change, obj["metadata"]["name"])))
    store.create(CONFIG_MAPS, {"metadata": {"name": "first", "namespace": "default"}})
    assert seen == [("ADDED", "first"), ("ADDED", "second")]


def test_given_a_small_window_then_an_old_position_is_expired_and_a_newer_one_is_not(kernel: Kernel) -> None:
    store = Store(kernel, Seeds(1), window=3)
    for number in range(5):
        store.create(CONFIG_MAPS, {"metadata": {"name": f"c{number}", "namespace": "default"}})
    last = store.version
    assert [entry.version for entry in store.since(CONFIG_MAPS, last - 3)] == [last - 2, last - 1, last]
    with pytest.raises(Expired, match=rf"too old resource version: {last - 4} \({last - 3}\)"):
        store.since(CONFIG_MAPS, last - 4)


def test_given_a_replaced_object_then_what_did_not_change_is_shared(store: Store, pod: MakePod) -> None:
    before = store.create(PODS, pod())
    after = store.patch(PODS, "default", "p", {"metadata": {"labels": {"a": "b"}}})
    assert after["spec"] is before["spec"]
    again = store.replace(PODS, {**thaw(after), "metadata": {**thaw(after["metadata"]), "labels": {"a": "c"}}})
    assert again["spec"] is before["spec"]


def test_given_a_clock_that_has_moved_then_creation_has_its_moment(pod: MakePod) -> None:
    store = Store(Kernel(START_US + 61_000_000), Seeds(1))
    assert store.create(PODS, pod())["metadata"]["creationTimestamp"] == "2026-03-01T08:01:01Z"


def test_given_a_name_that_is_taken_then_it_already_exists(store: Store) -> None:
    store.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "default"}})
    with pytest.raises(AlreadyExists) as refused:
        store.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "default"}})
    assert refused.value.status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "c" already exists',
        "reason": "AlreadyExists",
        "details": {"name": "c", "kind": "configmaps"},
        "code": 409,
    }


@pytest.mark.parametrize("version", [None, "", "0"])
def test_given_a_kind_that_is_never_replaced_unseen_then_an_update_says_its_version(
    store: Store, version: str | None
) -> None:
    made = store.create(LEASES, {"metadata": {"name": "l", "namespace": "default"}, "spec": {}})
    blind = {**made, "metadata": {**made["metadata"], "resourceVersion": version}}
    text = (
        r'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for'
    )
    with pytest.raises(Invalid, match=text):
        store.replace(LEASES, blind)
    assert store.replace(LEASES, {**made, "spec": {"holderIdentity": "x"}})["spec"] == {"holderIdentity": "x"}

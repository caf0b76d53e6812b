"""What admission changes and refuses: limit ranges, quotas, priority, runtime classes."""

from __future__ import annotations

from tests.harness.cluster.api.answers.objects import PODS, Step, named, pod
from tests.harness.cluster.api.answers.tables.defaults import CORE

LIMITS = {
    "limits": [
        {
            "type": "Container",
            "min": {"cpu": "100m"},
            "max": {"cpu": "2"},
            "default": {"cpu": "500m", "memory": "1Gi"},
            "maxLimitRequestRatio": {"memory": "2"},
        },
        {"type": "Pod", "max": {"cpu": "3"}},
        {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "5Gi"}},
    ]
}
HARD = {"pods": "1", "requests.cpu": "1", "limits.memory": "1Gi", "count/configmaps": "3", "services.nodeports": "1"}
NONE = dict.fromkeys(HARD, "0")
SMALL = {"resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "512Mi"}}}


def claim(size: str) -> dict[str, object]:
    return named(
        "c",
        spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "x", "resources": {"requests": {"storage": size}}},
    )


SCENARIOS: dict[str, list[Step]] = {
    "limit ranges": [
        ("POST", f"{CORE}/limitranges", named("l", spec=LIMITS)),
        ("POST", f"{PODS}?dryRun=All", pod()),
        ("POST", f"{PODS}?dryRun=All", pod(container={"resources": {"requests": {"cpu": "10m"}}})),
        ("POST", f"{PODS}?dryRun=All", pod(container={"resources": {"limits": {"cpu": "4"}}})),
        ("POST", f"{PODS}?dryRun=All", pod(container={"resources": {"requests": {"memory": "100Mi"}}})),
        (
            "POST",
            f"{PODS}?dryRun=All",
            named(
                "p",
                spec={
                    "containers": [
                        {"name": n, "image": "a:1", "resources": {"limits": {"cpu": "2"}}} for n in ("a", "b")
                    ]
                },
            ),
        ),
        ("POST", f"{CORE}/persistentvolumeclaims?dryRun=All", claim("1Mi")),
        ("POST", f"{CORE}/persistentvolumeclaims?dryRun=All", claim("9Gi")),
    ],
    "quotas": [
        ("POST", f"{CORE}/resourcequotas", named("q", spec={"hard": HARD})),
        ("PATCH", f"{CORE}/resourcequotas/q/status", {"status": {"hard": HARD, "used": NONE}}),
        ("POST", f"{PODS}?dryRun=All", pod()),
        ("POST", f"{PODS}?dryRun=All", pod(container=SMALL)),
        (
            "POST",
            f"{PODS}?dryRun=All",
            pod(container={"resources": {"requests": {"cpu": "2"}, "limits": {"memory": "2Gi"}}}),
        ),
        (
            "POST",
            f"{CORE}/services?dryRun=All",
            named("s", spec={"type": "NodePort", "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}),
        ),
    ],
    "priority and runtime": [
        ("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", named("high-NS", value=7, preemptionPolicy="Never")),
        ("POST", f"{PODS}?dryRun=All", pod(priorityClassName="high-NS")),
        ("POST", f"{PODS}?dryRun=All", pod(priorityClassName="high-NS", priority=8)),
        ("POST", f"{PODS}?dryRun=All", pod(preemptionPolicy="Never")),
        (
            "POST",
            "/apis/node.k8s.io/v1/runtimeclasses",
            named("r-NS", handler="h", overhead={"podFixed": {"cpu": "250m"}}, scheduling={"nodeSelector": {"a": "b"}}),
        ),
        ("POST", f"{PODS}?dryRun=All", pod(runtimeClassName="r-NS")),
        ("POST", f"{PODS}?dryRun=All", pod(runtimeClassName="r-NS", nodeSelector={"a": "c"})),
        ("POST", f"{PODS}?dryRun=All", pod(runtimeClassName="r-NS", overhead={"cpu": "1"})),
    ],
}

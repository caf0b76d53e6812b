"""Has a real control plane decide the cases: creates each cluster, tries its pods, reads the scores out of the scheduler's log."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness.fidelity.real import control_plane
from harness.fidelity.scheduling.cases import Drawn, draw, draw_pressed, shared_objects
from harness.fidelity.scheduling.log import scores_of
from harness.fidelity.scheduling.recording import Case, Decision, Group, Recorded
from harness.fidelity.values import TraceError
from harness.kube.errors import AlreadyExists, ApiError, Conflict, NotFound
from harness.kube.objects import condition, is_deleting
from harness.kube.remote import Transport, read_kubeconfig

FLAGS = {
    "scheduler": ("--vmodule=schedule_one=10", "--kube-api-qps=5000", "--kube-api-burst=5000"),
    "controller-manager": ("--kube-api-qps=2000", "--kube-api-burst=2000"),
    # A node that is created is not to be tainted until its kubelet reports.
    "apiserver": ("--disable-admission-plugins=TaintNodesByCondition,ServiceAccount",),
}
TRIES_A_CLUSTER = 12
_PATIENCE_S = 30.0
_SETTLES_S = 0.1  # what the scheduler's two informers of pods may be apart
_WORKERS = 8
_PATHS = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/namespaces/{}/pods",
    "Service": "/api/v1/namespaces/{}/services",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
    "CSINode": "/apis/storage.k8s.io/v1/csinodes",
    "PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
}
_FORCED = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}


class NoDecision(TraceError):
    """The real scheduler said nothing about a pod for a while."""


def record(kubernetes: Path, *, seed: int, cases: int, pressed: int, progress: Callable[[Recorded], None]) -> Recorded:
    """A new recording of that many cases and of `pressed` ones for preemption; `progress` gets what there is so far. Raises TraceError.

    A cluster that the real side did not get through (no decision in time, a refused object) is left out and told in `about`.
    """
    script = kubernetes.resolve() / "control-plane"
    with control_plane(script, FLAGS) as kubeconfig:
        transport = Transport(read_kubeconfig(kubeconfig), agent="harness-agreement")
        about: dict[str, Any] = {
            "kubernetes": str(transport.request("GET", "/version")["gitVersion"]),
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "command": f"python -m harness.fidelity.scheduling record --cases {cases} --pressed {pressed} --seed {seed} --kubernetes DIR",
            "flags": {component: list(values) for component, values in FLAGS.items()},
            "seed": seed,
            "left_out": {},
        }
        recorded = Recorded(about, [])
        recorder = _Recorder(transport, kubeconfig.parent / "kube-scheduler.log")
        try:
            recorder.create(shared_objects())
            number = 0
            while recorded.count < cases + pressed:
                of_this = seed * 1_000_000 + number
                left = cases - recorded.count
                drawn = draw(of_this, min(TRIES_A_CLUSTER, left)) if left > 0 else draw_pressed(of_this)
                number += 1
                try:
                    recorded = Recorded(about, [*recorded.groups, recorder.group(drawn)])
                except (NoDecision, ApiError) as error:
                    about["left_out"][str(drawn.seed)] = str(error)
                    if len(about["left_out"]) > max(3, number // 5):
                        raise TraceError(f"too many clusters failed, the last with: {error}") from error
                    recorder.take_away(drawn)
                progress(recorded)
        finally:
            transport.close()
    return recorded


class _Recorder:
    def __init__(self, transport: Transport, log: Path) -> None:
        self._transport = transport
        self._log = log.open(encoding="utf-8", errors="replace")
        self._pool = ThreadPoolExecutor(_WORKERS)

    def create(self, objects: Iterable[dict[str, Any]]) -> None:
        """All of them, the types one after the other."""
        ordered = sorted(objects, key=lambda obj: list(_PATHS).index(obj["kind"]))
        for kind in _PATHS:
            list(self._pool.map(self._create, [obj for obj in ordered if obj["kind"] == kind]))

    def group(self, drawn: Drawn) -> Group:
        """Create a cluster, try its pods, take it away."""
        self.create(drawn.objects)
        self._wait("its claims to be bound", lambda: self._are_bound(drawn.objects))
        if any(obj["kind"] == "PodDisruptionBudget" for obj in drawn.objects):
            self._wait("its budgets to be worked out", lambda: all(map(_is_observed, self._budgets())))
        time.sleep(_SETTLES_S * 3)
        tried = []
        for pod, extra in drawn.tries:
            self.create(extra)
            budgets = self._budgets()
            tried.append((pod, extra, budgets, self._try(pod)))
            self._delete(pod)
            time.sleep(_SETTLES_S)
        self.take_away(drawn)
        points = scores_of(self._log)
        cases = []
        for pod, extra, budgets, decision in tried:
            key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            scored = Decision(**{**vars(decision), "scores": points.get(key, {}) if decision.node else {}})
            cases.append(Case(pod, scored, extra, budgets))
        return Group(drawn.seed, drawn.objects, cases)

    def take_away(self, drawn: Drawn) -> None:
        """All that was created for it."""
        extras = [obj for pod, extra in drawn.tries for obj in (pod, *extra)]
        for kind in reversed(_PATHS):
            list(self._pool.map(self._delete, [obj for obj in (*drawn.objects, *extras) if obj["kind"] == kind]))
        self._wait("the pods to go", lambda: not self._pods())
        self._wait("the nodes to go", lambda: not self._transport.request("GET", _PATHS["Node"])["items"])

    def _try(self, pod: dict[str, Any]) -> Decision:
        path = _PATHS["Pod"].format(pod["metadata"]["namespace"])
        claims = [
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod["spec"].get("volumes") or ()
            if "persistentVolumeClaim" in volume
        ]
        self._transport.request("POST", path, body=pod)
        began = time.monotonic()
        while time.monotonic() - began < _PATIENCE_S:
            now = self._transport.request("GET", f"{path}/{pod['metadata']['name']}")
            scheduled = condition(now, "PodScheduled") or {}
            if now["spec"].get("nodeName"):
                return Decision(node=now["spec"]["nodeName"])
            if scheduled.get("status") == "False":
                return self._refusal(now, scheduled)
            for claim in claims:
                chosen = self._selected_node(pod["metadata"]["namespace"], claim)
                if chosen:
                    return Decision(node=chosen)
            time.sleep(0.01)
        raise NoDecision(f"pod {pod['metadata']['name']}: no decision within {_PATIENCE_S:g} s")

    def _refusal(self, pod: dict[str, Any], scheduled: Any) -> Decision:
        nominated = str(pod["status"].get("nominatedNodeName") or "")
        victims: tuple[str, ...] = ()
        if nominated:
            victims = self._victims()
            while True:  # they are asked to go one by one, after the status was written, the last one last
                time.sleep(_SETTLES_S * 5)
                before, victims = victims, self._victims()
                if victims and victims == before:
                    break
        return Decision(message=scheduled["message"], reason=scheduled["reason"], nominated=nominated, victims=victims)

    def _victims(self) -> tuple[str, ...]:
        return tuple(
            sorted(
                f"{other['metadata']['namespace']}/{other['metadata']['name']}"
                for other in self._pods()
                if is_deleting(other)
                and (condition(other, "DisruptionTarget") or {}).get("reason") == "PreemptionByScheduler"
            )
        )

    def _selected_node(self, namespace: str, claim: str) -> str:
        try:
            found = self._transport.request("GET", f"{_PATHS['PersistentVolumeClaim'].format(namespace)}/{claim}")
        except NotFound:
            return ""
        annotations = found["metadata"].get("annotations") or {}
        return str(annotations.get("volume.kubernetes.io/selected-node") or "")

    def _create(self, obj: dict[str, Any]) -> None:
        path = _PATHS[obj["kind"]].format(obj["metadata"].get("namespace"))
        sent = {key: value for key, value in obj.items() if key != "status"} if obj["kind"] == "Pod" else obj
        for _ in range(100):
            try:
                self._transport.request("POST", path, body=sent)
                break
            except (AlreadyExists, Conflict):
                if obj["kind"] in {"Namespace", "PriorityClass"}:
                    break
                time.sleep(0.1)  # one of that name is still going
        if obj["kind"] == "Pod" and "status" in obj:
            self._transport.request(
                "PATCH",
                f"{path}/{obj['metadata']['name']}/status",
                body={"status": obj["status"]},
                content_type="application/merge-patch+json",
            )

    def _delete(self, obj: dict[str, Any]) -> None:
        path = f"{_PATHS[obj['kind']].format(obj['metadata'].get('namespace'))}/{obj['metadata']['name']}"
        try:
            self._transport.request("DELETE", path, body=_FORCED)
            if obj["kind"].startswith("PersistentVolume"):
                body = {"metadata": {"finalizers": None}}
                self._transport.request("PATCH", path, body=body, content_type="application/merge-patch+json")
        except NotFound:
            return
        except ApiError as error:
            raise TraceError(f"{path}: {error.message}") from error

    def _pods(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._transport.request("GET", "/api/v1/pods")["items"]
        return items

    def _budgets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._transport.request("GET", "/apis/policy/v1/poddisruptionbudgets")["items"]
        for entry in found:
            entry["metadata"] = {key: entry["metadata"][key] for key in ("name", "namespace", "generation")}
            entry["status"].pop("conditions", None)
        return found

    def _are_bound(self, objects: Sequence[dict[str, Any]]) -> bool:
        wanted = {
            obj["metadata"]["name"]
            for obj in objects
            if obj["kind"] == "PersistentVolumeClaim" and obj["spec"].get("volumeName")
        }
        volumes = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "PersistentVolume"}
        if not volumes:
            return True
        claims = self._transport.request("GET", "/api/v1/persistentvolumeclaims")["items"]
        bound = {claim["metadata"]["name"] for claim in claims if claim["status"].get("phase") == "Bound"}
        known = self._transport.request("GET", _PATHS["PersistentVolume"])["items"]
        settled = {
            volume["metadata"]["name"] for volume in known if volume["status"].get("phase") in {"Bound", "Available"}
        }
        return wanted <= bound and volumes <= settled

    def _wait(self, what: str, holds: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > _PATIENCE_S:
                raise NoDecision(f"waited {_PATIENCE_S:g} s for {what}")
            time.sleep(0.02)


def _is_observed(budget: dict[str, Any]) -> bool:
    return bool(budget["status"].get("observedGeneration") == budget["metadata"]["generation"])

"""The embedded API server beside the real kube-apiserver: the same load on both, in the same run, by turns.

The load is 16 keep-alive TLS connections of a Node.js process (`load.mjs`), which runs on the same machine. On both sides the controllers and the scheduler
run, and there is no node, so pods stay Pending. Each measurement is taken on one server, then on the other, ROUNDS times; the medians are compared.
Before that, the start of a fresh embedded server is measured (`start`). Ends with 1 if a goal is missed.

`HARNESS_KUBERNETES=<directory of the script control-plane> python -m benchmarks.api_server [ROUNDS]`;
without HARNESS_KUBERNETES the embedded one is measured alone.
"""

from __future__ import annotations

import os
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import orjson

from benchmarks import start
from benchmarks.peers import Load, control_plane, embedded

CLIENTS = 16
WATCHERS = 100
OBJECTS = 4000
PODS = 10_000
CHANGES = 200
ROUNDS = 3
_SETTLE_S = 5.0

Target = Mapping[str, Any]
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c-NNNNN", "labels": {"app": "load", "part": "a"}},
    "data": {"a": "1", "b": "x" * 200},
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p-NNNNN", "labels": {"app": "load", "part": "a"}},
    "spec": {
        "containers": [
            {
                "name": "main",
                "image": "registry.example/app:1",
                "command": ["sleep", "infinity"],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            }
        ],
        "restartPolicy": "Never",
    },
}


@dataclass(frozen=True)
class Goal:
    """What one measurement gives and what is asked of it. `floor` is in its unit; whatever the unit, more is better."""

    title: str
    unit: str
    floor: float | None = None


GOALS = {
    "config_maps": Goal("ConfigMaps created", "/s", 2000),
    "pods": Goal("Pods created", "/s", 1000),
    "gets": Goal("ConfigMaps got", "/s"),
    "lists": Goal(f"lists of {PODS:,} pods", "/s"),
    "events": Goal(f"events told to {WATCHERS} watchers", "/s"),
}


class Bench:
    """The measurements on one server."""

    def __init__(self, name: str, target: Target, load: Load) -> None:
        self.name = name
        self._target = target
        self._load = load
        self.results: dict[str, list[float]] = {goal: [] for goal in GOALS}

    def round(self, number: int) -> Mapping[str, Callable[[], None]]:
        """The measurements of one round, in order, in namespaces of their own."""
        space = f"/api/v1/namespaces/load-{number}"
        return {
            "namespace": lambda: self._namespace(f"load-{number}"),
            "config_maps": lambda: self._rate("config_maps", "POST", f"{space}/configmaps", OBJECTS, CONFIG_MAP),
            "gets": lambda: self._rate("gets", "GET", f"{space}/configmaps/c-NNNNN", OBJECTS),
            "events": lambda: self._events(number),
        }

    def pods(self) -> Mapping[str, Callable[[], None]]:
        """The pods, once: they are many."""
        return {
            "namespace": lambda: self._namespace("load-pods"),
            "pods": lambda: self._rate("pods", "POST", "/api/v1/namespaces/load-pods/pods", PODS, POD),
            "settle": lambda: time.sleep(_SETTLE_S),
            "lists": self._lists,
        }

    def _rate(self, goal: str, method: str, path: str, count: int, body: Any = None) -> None:
        answer = self._send(method, path, count, CLIENTS, body)
        self.results[goal].append(count / answer["seconds"])
        self._say(GOALS[goal], self.results[goal][-1], answer)

    def _lists(self) -> None:
        for _ in range(ROUNDS):
            answer = self._send("GET", "/api/v1/namespaces/load-pods/pods", 1, 1)
            self.results["lists"].append(1 / answer["seconds"])
            self._say(GOALS["lists"], self.results["lists"][-1], answer)

    def _events(self, number: int) -> None:
        name = f"load-watch-{number}"
        self._namespace(name)
        time.sleep(1.0)  # the real one puts a ConfigMap of its own into a new namespace
        path = f"/api/v1/namespaces/{name}/configmaps"
        version = self._get(path)["metadata"]["resourceVersion"]
        sent = {"method": "POST", "path": path, "body": orjson.dumps(CONFIG_MAP).decode(), "first": 0}
        watched = f"{path}?watch=1&resourceVersion={version}"
        answer = self._load(
            self._target, "watch", path=watched, clients=WATCHERS, count=CHANGES, senders=CLIENTS, send=sent
        )
        self.results["events"].append(CHANGES * WATCHERS / answer["seconds"])
        self._say(GOALS["events"], self.results["events"][-1], answer)

    def _namespace(self, name: str) -> None:
        """A namespace in which pods can be created: the real one first gives it a service account."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self._send("POST", "/api/v1/namespaces", 1, 1, body)
        path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        for _ in range(200):
            if self._send("GET", path, 1, 1, expected=("200", "404"))["statuses"].get("200"):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name}: no service account appeared in namespace {name}")

    def _get(self, path: str) -> Any:
        """A whole answer, for what the load generator does not keep."""
        context = ssl.create_default_context(cadata=self._target["authority"])
        headers = {}
        if self._target["token"]:
            headers["Authorization"] = f"Bearer {self._target['token']}"
        else:
            with tempfile.TemporaryDirectory() as directory:
                chain = Path(directory) / "chain.pem"
                chain.write_text(self._target["certificate"] + self._target["key"])
                context.load_cert_chain(chain)
        connection = HTTPSConnection("127.0.0.1", self._target["port"], context=context)
        connection.request("GET", path, headers=headers)
        try:
            return orjson.loads(connection.getresponse().read())
        finally:
            connection.close()

    def _send(
        self,
        method: str,
        path: str,
        count: int,
        clients: int,
        body: Any = None,
        expected: tuple[str, ...] = ("200", "201"),
    ) -> dict[str, Any]:
        options = {} if body is None else {"body": orjson.dumps(body).decode()}
        answer = self._load(
            self._target, "send", method=method, path=path, count=count, clients=clients, first=0, **options
        )
        if not set(answer["statuses"]) <= set(expected):
            raise RuntimeError(f"{self.name}: {method} {path}: {answer['statuses']}")
        return answer

    def _say(self, goal: Goal, rate: float, answer: Mapping[str, Any]) -> None:
        print(
            f"  {self.name:<9} {goal.title:<32} {rate:>10,.1f}{goal.unit}  "
            f"p50 {answer['p50_ms']:.1f} ms, p99 {answer['p99_ms']:.1f} ms, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def by_turns(parts: list[Mapping[str, Callable[[], None]]]) -> None:
    """Each measurement on one server, then on the other."""
    for step in parts[0]:
        for part in parts:
            part[step]()


def judge(ours: Bench, real: Bench | None) -> int:
    """Print medians, ratios and which goals hold; 1 if one does not."""
    missed = 0
    print(f"\n{'':<34}{'embedded':>12}{'real':>12}{'ratio':>8}  goals")
    for key, goal in GOALS.items():
        mine = statistics.median(ours.results[key])
        theirs = statistics.median(real.results[key]) if real is not None else None
        verdicts = [] if goal.floor is None else [(mine >= goal.floor, f">= {goal.floor:,.0f}{goal.unit}")]
        if theirs is not None:
            verdicts.append((mine > theirs, "ahead of the real one"))
        missed |= any(not held for held, _ in verdicts)
        said = ", ".join(f"{words}: {'holds' if held else 'MISSED'}" for held, words in verdicts)
        peer = f"{theirs:>12,.1f}{mine / theirs:>8.2f}" if theirs is not None else f"{'-':>12}{'-':>8}"
        print(f"{goal.title + ', ' + goal.unit[1:] + '⁻¹':<34}{mine:>12,.1f}{peer}  {said}")
    return int(missed)


def judge_start() -> int:
    """Print how long the first answer of a fresh process takes, by part; 1 if it takes too long."""
    parts = start.measured()
    total = sum(parts.values())
    said = ", ".join(f"{part} {seconds:.3f}" for part, seconds in parts.items())
    verdict = "holds" if total < start.GOAL_S else "MISSED"
    print(f"start to first answer, s of CPU: {total:.3f} ({said})  < {start.GOAL_S:g}: {verdict}", flush=True)
    return int(total >= start.GOAL_S)


def main() -> int:
    """Measure; the exit code."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    late = judge_start()
    with ExitStack() as stack:
        load = Load()
        stack.callback(load.close)
        ours = Bench("embedded", stack.enter_context(embedded()), load)
        real = None
        if os.environ.get("HARNESS_KUBERNETES"):
            real = Bench("real", stack.enter_context(control_plane()), load)
        benches = [bench for bench in (real, ours) if bench is not None]
        for number in range(rounds):
            by_turns([bench.round(number) for bench in benches])
        by_turns([bench.pods() for bench in benches])
    return judge(ours, real) | late


if __name__ == "__main__":
    sys.exit(main())

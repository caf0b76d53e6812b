"""What the endpoint controllers remember from look to look is what a controller finds that looks for the first time."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cluster.controllers.endpoints import EndpointsController, EndpointSliceController
from harness.cluster.controllers.endpoints.behind import Behind, Selecting
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.kube.objects import new_object
from harness.kube.resources import ENDPOINT_SLICES, ENDPOINTS, NODES, PODS, SERVICES

from .bench import Bench, node
from .test_endpoints import run, say, seen, service, slices

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["make", "ready", "unready", "end", "delete", "relabel", "zone", "port", "look"]),
        st.integers(0, 4),
    ),
    max_size=14,
)


def step(bench: Bench, action: str, number: int) -> None:
    """One change, if it makes sense now."""
    name, address = f"p{number}", f"10.0.0.{number}"
    exists = bench.exists(PODS, name)
    if action == "make" and not exists:
        run(bench, name, address, ports=number % 2 == 0)
    elif action == "zone":
        patch: dict[str, Any] = {"metadata": {"labels": {"topology.kubernetes.io/zone": f"zone-{number}"}}}
        bench.kernel.call(lambda: bench.store.patch(NODES, None, "n", patch))
    elif action == "port":
        target: Any = "web" if number % 2 else 8000 + number
        ports = {"spec": {"ports": [{"port": 80, "targetPort": target, "name": "http"}]}}
        bench.kernel.call(lambda: bench.store.patch(SERVICES, "default", "s", ports))
    elif action == "look":
        bench.advance_to(bench.now_s + 2)
    elif exists and action in {"ready", "unready"}:
        say(bench, name, address, action == "ready")
    elif exists and action == "end":
        bench.end(name, "Succeeded")
    elif exists and action == "delete":
        bench.kernel.call(lambda: bench.store.delete(PODS, "default", name))
    elif exists and action == "relabel":
        labels = {"metadata": {"labels": {"app": "e" if number % 2 else "other"}}}
        bench.kernel.call(lambda: bench.store.patch(PODS, "default", name, labels))


def endpoints(bench: Bench) -> list[Any]:
    """All endpoints with the ports of their slice."""
    found = [(entry, one.get("ports")) for one in slices(bench, "s") for entry in one.get("endpoints") or ()]
    return sorted(found, key=lambda pair: str(pair[0]["targetRef"]["name"]))


@given(steps=_STEPS)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_given_any_changes_then_what_is_remembered_is_what_is_there(steps: list[tuple[str, int]]) -> None:
    bench = Bench()
    bench.kernel.start()
    try:
        bench.create(NODES, node("n", zone="b"))
        writer, flags = bench.store.writer("k"), ControllerManagerSettings()
        parts = (bench.kernel, bench.store, writer)
        bench.add(bench.kernel.call(lambda: EndpointSliceController(*parts, flags)))
        bench.add(bench.kernel.call(lambda: EndpointsController(*parts)))
        service(bench, "s")
        for action, number in steps:
            step(bench, action, number)
        # A node's zone is looked at when something else moves, upstream as well: let every service be looked at.
        bench.kernel.call(
            lambda: bench.store.patch(SERVICES, "default", "s", {"metadata": {"labels": {"looked": "at"}}})
        )
        bench.advance_to(bench.now_s + 2)
        remembered = endpoints(bench), bench.get(ENDPOINTS, "s").get("subsets")

        for resource in (ENDPOINT_SLICES, ENDPOINTS):
            for one in bench.store.list(resource, "default"):
                bench.kernel.call(partial(_remove, bench, resource, one))
        for name in ("endpointslice-controller", "endpoints-controller"):
            bench.kernel.call(partial(bench.manager.stop, name))
        bench.add(bench.kernel.call(lambda: EndpointSliceController(*parts, flags)))
        bench.add(bench.kernel.call(lambda: EndpointsController(*parts)))
        bench.advance_to(bench.now_s + 2)

        assert remembered == (endpoints(bench), bench.get(ENDPOINTS, "s").get("subsets"))
    finally:
        bench.kernel.close()


def _remove(bench: Bench, resource: Any, obj: Any) -> None:
    bench.store.delete(resource, "default", obj["metadata"]["name"])


def test_given_a_pod_that_did_not_change_then_it_is_not_worked_out_again(bench: Bench) -> None:
    service(bench, "s")
    run(bench, "a", "10.0.0.1")
    run(bench, "b", "10.0.0.2")
    behind, found = Behind(bench.store), bench.get(SERVICES, "s")
    first = {member.pod["metadata"]["name"]: member for member in behind.look(found)}

    say(bench, "b", "10.0.0.2", ready=False)
    second = {member.pod["metadata"]["name"]: member for member in behind.look(found)}

    assert second["a"] is first["a"]
    assert second["b"] is not first["b"]


def test_given_its_own_writes_then_the_controller_looks_once(bench: Bench) -> None:
    flags, writer = ControllerManagerSettings(), bench.store.writer("k")
    controller = bench.kernel.call(lambda: EndpointSliceController(bench.kernel, bench.store, writer, flags))
    looks: list[str] = []
    reconcile = controller.reconcile

    def counted(key: str) -> int | None:
        looks.append(key)
        return reconcile(key)

    controller.reconcile = counted  # type: ignore[method-assign]
    bench.add(controller)
    service(bench, "s")
    run(bench, "a", "10.0.0.1")
    bench.advance_to(1)
    looks.clear()

    say(bench, "a", "10.0.0.1", ready=False)
    bench.advance_to(2)
    assert (looks, seen(bench, "s")) == (["default/s"], {"10.0.0.1": (False, False, False)})

    (one,) = slices(bench, "s")
    bench.kernel.call(lambda: _remove(bench, ENDPOINT_SLICES, one))  # somebody else's change
    bench.advance_to(3)
    assert (len(looks), len(slices(bench, "s"))) == (2, 1)


def test_given_endpoints_that_somebody_writes_or_deletes_then_only_deleted_ones_are_made_again(bench: Bench) -> None:
    bench.add(bench.kernel.call(lambda: EndpointsController(bench.kernel, bench.store, bench.store.writer("k"))))
    service(bench, "s")
    run(bench, "a", "10.0.0.1")
    bench.advance_to(1)
    right = bench.get(ENDPOINTS, "s")["subsets"]

    bench.kernel.call(lambda: bench.store.patch(ENDPOINTS, "default", "s", {"subsets": None}))
    bench.advance_to(2)
    assert not bench.get(ENDPOINTS, "s").get("subsets")

    bench.kernel.call(lambda: bench.store.delete(ENDPOINTS, "default", "s"))
    bench.advance_to(3)
    assert bench.get(ENDPOINTS, "s")["subsets"] == right


def test_given_services_then_a_pods_are_those_that_select_it(bench: Bench) -> None:
    pod = new_object(PODS, "p", "default", labels={"app": "e", "tier": "x"}, spec={"containers": []})
    selecting = bench.kernel.call(lambda: Selecting(bench.store))
    assert list(selecting.keys(pod)) == []

    service(bench, "s")
    service(bench, "both", selector={"app": "e", "tier": "x"})
    service(bench, "other", selector={"app": "e", "tier": "y"})
    service(bench, "none", selector=None)
    assert sorted(selecting.keys(pod)) == ["default/both", "default/s"]

    for name in ("s", "both", "other", "none"):
        bench.kernel.call(partial(bench.store.delete, SERVICES, "default", name))
    assert list(selecting.keys(pod)) == []

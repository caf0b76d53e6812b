"""The modelled metrics-server and the autoscaler's client. Real: both over the store; played: who measures."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness.cluster.metrics import MetricsError, MetricsServer, StandardMetricsClient
from harness.kube.metrics import Usage
from harness.kube.objects import Object, name_of
from harness.kube.resources import LEASES, NODES, PODS
from harness.kube.selectortext import parse

from .bench import Bench, Kubelet, lease, node, pod
from .feed import MetricsFeed


class Meter:
    """Everything uses a core, and a byte more at each question."""

    def __init__(self) -> None:
        self.asked = 0

    def containers(self, pod: Object) -> Mapping[str, Usage] | None:
        self.asked += 1
        return {
            container["name"]: Usage(1_000_000_000, 2**20 + self.asked * 1024)
            for container in pod["spec"]["containers"]
        }

    def node(self, node: Object) -> Usage | None:
        return None if name_of(node) == "silent" else Usage(250_000_000, 2**30)


@pytest.fixture
def world(bench: Bench) -> Bench:
    bench.add_standard()
    bench.add_scheduler()
    Kubelet(bench)
    bench.create(NODES, node("n"))
    bench.create(LEASES, lease("n"))
    return bench


def test_given_a_pod_that_runs_when_read_then_the_answer_is_that_of_the_last_scrape(world: Bench) -> None:
    meter = Meter()
    server = MetricsServer(world.kernel, world.store, meter)
    world.create(PODS, pod("p"))
    world.advance_to(14)
    assert server.pod_metrics() == []
    world.advance_to(16)
    (first,) = server.pod_metrics("default")
    assert (first["timestamp"], first["window"]) == (world.stamp(15), "15s")
    assert first["containers"] == [{"name": "main", "usage": {"cpu": "1", "memory": "1025Ki"}}]
    world.advance_to(29)
    assert server.pod_metrics() == [first]
    assert meter.asked == 1
    world.advance_to(30)
    (second,) = server.pod_metrics()
    assert (second["timestamp"], second["containers"][0]["usage"]["memory"]) == (world.stamp(30), "1026Ki")


def test_given_a_young_pod_when_read_then_it_appears_with_the_first_scrape_that_finds_it_10_s_old(world: Bench) -> None:
    server = MetricsServer(world.kernel, world.store, Meter())
    world.advance_to(7)
    world.create(PODS, pod("p"))
    world.advance_to(20)
    assert server.pod_metrics() == []
    world.advance_to(30)
    assert len(server.pod_metrics()) == 1


def test_given_nodes_when_read_then_those_that_are_heard_of_are_there(world: Bench) -> None:
    world.create(NODES, node("silent"))
    server = MetricsServer(world.kernel, world.store, Meter())
    world.advance_to(15)
    (found,) = server.node_metrics()
    assert (found["metadata"]["name"], found["usage"]) == ("n", {"cpu": "250m", "memory": "1Gi"})


def test_given_metrics_of_pods_when_the_client_asks_then_containers_are_summed_and_missing_ones_refused(
    world: Bench,
) -> None:
    feed = MetricsFeed(world.store)
    client = StandardMetricsClient(feed)
    selector = parse("app=p")
    with pytest.raises(MetricsError, match=r"^no metrics returned from resource metrics API$"):
        client.resource("default", "cpu", selector)
    world.create(PODS, pod("p"))
    usage = {"a": {"cpu": "100m", "memory": "1Mi"}, "b": {"cpu": "250m"}}
    feed.set_pod("default", "p", usage, world.kernel.now)
    metrics, _ = client.resource("default", "cpu", selector)
    assert metrics["p"].value_milli == 350
    assert client.resource("default", "memory", selector)[0] == {}
    assert client.resource("default", "cpu", selector, "b")[0]["p"].value_milli == 250
    with pytest.raises(MetricsError, match=r"^container c not present in metrics for pod default/p$"):
        client.resource("default", "cpu", selector, "c")

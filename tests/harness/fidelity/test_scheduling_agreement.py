"""What a real kube-scheduler decided in 1,000 random cases, decided again by the embedded one. Real: the recording; nothing is played."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cluster.scheduler.framework import Profile
from harness.fidelity.scheduling import Recorded, compare, load, save
from harness.fidelity.scheduling.__main__ import RECORDING, main
from harness.fidelity.scheduling.cases import draw
from harness.fidelity.scheduling.log import scores_of

SAMPLE = 25  # clusters, for what need not see all


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return load(RECORDING)


@pytest.fixture(scope="module")
def sample(recorded: Recorded) -> Recorded:
    """Every tenth cluster or so, so that each kind of outcome is in it."""
    step = max(len(recorded.groups) // SAMPLE, 1)
    return replace(recorded, groups=recorded.groups[::step])


@pytest.mark.slow
def test_given_1000_recorded_cases_when_decided_again_then_all_agree(recorded: Recorded) -> None:
    agreement = compare(recorded)
    print(agreement.report())
    assert agreement.cases >= 1000
    assert agreement.differences == {}


def test_given_the_recording_when_looked_at_then_its_cases_tell_right_from_wrong(recorded: Recorded) -> None:
    decisions = [case.decision for group in recorded.groups for case in group.cases]
    scored = [decision for decision in decisions if len(decision.scores) > 1]
    alone = sum(len(decision.best) == 1 for decision in scored)
    assert alone / len(scored) > 0.8  # mostly one node is the best, so a wrong point shows
    assert sum(bool(decision.nominated) for decision in decisions) >= 50
    assert sum(not decision.node for decision in decisions) >= 200
    plugins = {plugin for decision in scored for points in decision.scores.values() for plugin in points}
    assert plugins == {
        "TaintToleration", "NodeAffinity", "PodTopologySpread", "InterPodAffinity",
        "NodeResourcesFit", "NodeResourcesBalancedAllocation", "ImageLocality",
    }  # fmt: skip
    differ = dict.fromkeys(plugins, 0)
    for decision in scored:
        for plugin in plugins:
            differ[plugin] += len({points.get(plugin) for points in decision.scores.values()}) > 1
    assert min(differ.values()) >= 30  # each plugin gives nodes different points, often enough


def test_given_some_recorded_cases_when_decided_without_caches_then_they_agree_as_well(sample: Recorded) -> None:
    assert compare(replace(sample, groups=sample.groups[::3]), caching=False).differences == {}


def heavier(name: str) -> Callable[[Profile], Profile]:
    """One more than upstream's weight."""

    def change(profile: Profile) -> Profile:
        return replace(
            profile,
            local_scores=tuple((plugin, weight + (plugin.name == name)) for plugin, weight in profile.local_scores),
            wide_scores=tuple((plugin, weight + (plugin.name == name)) for plugin, weight in profile.wide_scores),
        )

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    "plugin",
    [
        "TaintToleration",
        "NodeAffinity",
        "PodTopologySpread",
        "InterPodAffinity",
        "NodeResourcesFit",
        "NodeResourcesBalancedAllocation",
        "ImageLocality",
    ],
)
def test_given_a_wrong_weight_when_compared_then_it_is_reported_and_named(sample: Recorded, plugin: str) -> None:
    agreement = compare(sample, heavier(plugin))
    assert any(words.startswith(f"{plugin} on ") for found in agreement.differences.values() for words in found)


@pytest.mark.slow
def test_given_filters_in_a_wrong_order_when_compared_then_it_is_reported(sample: Recorded) -> None:
    def change(profile: Profile) -> Profile:
        return replace(profile, local_filters=tuple(reversed(profile.local_filters)))

    agreement = compare(sample, change)
    assert any("nodes are available" in words for found in agreement.differences.values() for words in found)


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["VolumeBinding", "PodTopologySpread", "InterPodAffinity"])
def test_given_a_filter_that_is_missing_when_compared_then_it_is_reported(sample: Recorded, missing: str) -> None:
    def change(profile: Profile) -> Profile:
        return replace(profile, wide_filters=tuple(entry for entry in profile.wide_filters if entry.name != missing))

    assert compare(sample, change).differences


def test_given_a_seed_when_drawn_twice_then_the_clusters_are_equal_and_another_seed_gives_another() -> None:
    assert draw(5, 3) == draw(5, 3)
    assert draw(5, 3).objects != draw(6, 3).objects


def test_given_a_recording_when_saved_and_loaded_then_it_is_the_same(recorded: Recorded, tmp_path: Path) -> None:
    few = replace(recorded, groups=recorded.groups[:2])
    save(few, tmp_path / "a.gz")
    save(load(tmp_path / "a.gz"), tmp_path / "b.gz")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_given_the_scheduler_s_log_when_read_then_points_are_by_pod_node_and_plugin() -> None:
    lines = [
        'I1 schedule_one.go:800] "Plugin scored node for pod" pod="a/p" plugin="NodeAffinity" node="n" score=20',
        'I1 schedule_one.go:800] "Plugin scored node for pod" pod="a/p" plugin="ImageLocality" node="n" score=3',
        'I1 schedule_one.go:860] "Calculated node\'s final score for pod" pod="a/p" node="n" score=23',
        "something else",
    ]
    assert scores_of(lines) == {"a/p": {"n": {"NodeAffinity": 20, "ImageLocality": 3}}}
    with pytest.raises(ValueError, match="add up to 20, its final score is 23"):
        scores_of([lines[0], lines[2]])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif("HARNESS_KUBERNETES" not in os.environ, reason="HARNESS_KUBERNETES names no control-plane program")
def test_given_a_real_control_plane_when_50_new_cases_are_recorded_then_they_agree(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kubernetes = os.environ["HARNESS_KUBERNETES"]
    assert main(["record", "--kubernetes", kubernetes, "--cases", "36", "--pressed", "14", "--seed", "77"]) == 0, (
        capsys.readouterr().out
    )

"""The controller manager's flags."""

from __future__ import annotations

import pytest

from harness.clock import SECOND
from harness.cluster.controllers import ControllerManagerSettings
from harness.cluster.controllers.settings import FlagError
from harness.kube.version import KubernetesVersion


def test_given_a_command_line_when_read_then_the_settings_follow_it_and_the_last_of_a_repeated_flag_counts() -> None:
    settings = ControllerManagerSettings.from_flags(
        [
            "--node-monitor-grace-period=8s",
            "--node-monitor-period",
            "1s",
            "--node-eviction-rate=2",
            "--node-eviction-rate=0.5",
            "--large-cluster-size-threshold=3",
            "--horizontal-pod-autoscaler-downscale-stabilization=1m30s",
        ]
    )
    assert settings.node_monitor_grace_period_us == 8 * SECOND
    assert settings.node_monitor_period_us == SECOND
    assert settings.node_eviction_rate == 0.5
    assert settings.large_cluster_size_threshold == 3
    assert settings.horizontal_pod_autoscaler_downscale_stabilization_us == 90 * SECOND


def test_given_flags_about_the_program_itself_when_read_then_they_are_listed_as_ignored() -> None:
    settings = ControllerManagerSettings.from_flags(["--concurrent-job-syncs=9", "--leader-elect=false", "--v=4"])
    assert settings.ignored == ("concurrent-job-syncs", "leader-elect", "v")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--node-monitor-grace=8s", "unknown flag: --node-monitor-grace; known here are attach-detach-reconcile-sync"),
        ("--node-eviction-rate=often", 'invalid argument "often" for "--node-eviction-rate" flag: '),
        ("--node-monitor-period=5", 'invalid argument "5" for "--node-monitor-period" flag: time: invalid duration'),
        ("-x", "unknown shorthand flag in -x"),
    ],
)
def test_given_a_flag_that_is_wrong_when_read_then_the_error_names_what_is_known(flag: str, message: str) -> None:
    with pytest.raises(FlagError) as caught:
        ControllerManagerSettings.from_flags([flag])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("version", "seconds"), [("v1.31.2", 40), ("v1.32.0", 50), ("v1.36.0", 50)])
def test_given_a_version_when_asked_then_the_grace_is_that_version_s_but_a_flag_beats_it(
    version: str, seconds: int
) -> None:
    parsed = KubernetesVersion.parse(version)
    assert ControllerManagerSettings.for_version(parsed).node_monitor_grace_period_us == seconds * SECOND
    flagged = ControllerManagerSettings.from_flags(["--node-monitor-grace-period=3s"], parsed)
    assert flagged.node_monitor_grace_period_us == 3 * SECOND

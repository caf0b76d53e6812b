"""The pytest face, in a pytest of its own: targets, skips with reasons, replay commands, faults that never struck."""

from __future__ import annotations

import pytest

import harness.plugin
from harness.targets.project import Project, ProjectError
from tests.harness.doubles import FakeTarget

pytest_plugins = ["pytester"]

PRELUDE = """
from harness.faults import KillNode, OnKnock
from harness.world.conditions import pod_phase
import pytest
"""


@pytest.fixture(autouse=True)
def without_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else is installed says nothing about this plugin, and takes a second to load."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    """The target of every inner run; the project's files are not looked at."""
    target = FakeTarget("virtual_time")
    monkeypatch.setattr(harness.plugin, "choose_target", lambda _name: target)
    monkeypatch.setattr(Project, "check_fresh", lambda _project: None)
    return target


def run(pytester: pytest.Pytester, scenario: str, *arguments: str) -> pytest.RunResult:
    """The scenario's text in a pytest that has the plugin."""
    pytester.makepyfile(PRELUDE + scenario)
    return pytester.runpytest_inprocess(*arguments, plugins=[harness.plugin])


def test_given_a_target_that_does_not_exist_yet_then_the_run_ends_with_4_and_one_sentence(
    pytester: pytest.Pytester,
) -> None:
    result = run(pytester, "def test_never_runs(world): pass", "--target=aws-dev")
    assert result.ret == 4
    said = [line for line in (*result.errlines, *result.outlines) if line.strip()]
    assert said == ["ERROR: target aws-dev does not exist yet: run with --target=sim, which needs nothing but pip"]


def test_given_no_docker_when_the_target_is_kind_then_the_run_ends_with_4_and_one_line_that_says_how_to_get_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(pytester.path))
    result = run(pytester, "def test_never_runs(world): pass", "--target=kind")
    assert result.ret == 4
    (said,) = [line for line in (*result.errlines, *result.outlines) if line.strip()]
    assert said.startswith(
        "ERROR: target kind needs Docker Engine, and there is no program `docker` on the PATH: install it"
    )


def test_given_a_target_of_no_such_name_then_the_run_ends_with_4(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_never_runs(world): pass", "--target=minikube")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--target: invalid choice: 'minikube'*"])


def test_what_a_target_lacks_is_skipped_with_the_reason(pytester: pytest.Pytester, fake: FakeTarget) -> None:
    result = run(
        pytester,
        """
        pytestmark = pytest.mark.needs("virtual_time")

        @pytest.mark.needs("spot_market", "real_containers")
        def test_needs_more(world):
            raise AssertionError("it must not run")

        def test_needs_what_is_there(world):
            pass
        """.replace("\n        ", "\n"),
        "-rs",
    )
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*target fake has no real_containers, spot_market*"])


def test_a_failing_scenario_shows_its_timeline_and_the_command_that_replays_it(
    pytester: pytest.Pytester, fake: FakeTarget
) -> None:
    result = run(
        pytester,
        """
        def test_waits_for_what_never_comes(world):
            world.timeline.record("SpotInterruptionWarning", "Instance/i-1")
            world.wait(pod_phase("em-pipeline/idr-*", "Running"))
        """.replace("\n        ", "\n"),
        "--seed=42",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*waited for: a pod em-pipeline/idr-[*] is Running*",
            "*timeline of world 0*",
            "*2026-03-01T08:00:00Z SpotInterruptionWarning Instance/i-1*",
            "*replay*",
            "pytest 'test_*.py::test_waits_for_what_never_comes' --target=sim --seed=42",
        ]
    )
    (backend,) = fake.opened
    assert not backend.kernel._thread.is_alive()


def test_the_world_has_the_seed_and_the_environment_of_the_run_and_is_deployed(
    pytester: pytest.Pytester, fake: FakeTarget
) -> None:
    result = run(
        pytester,
        """
        def test_looks(world, open_world):
            other = open_world(workload="recorded", scale=1.0)
            assert other is not world
        """.replace("\n        ", "\n"),
        "--seed=42",
    )
    result.assert_outcomes(passed=1)
    first, second = (backend.settings for backend in fake.opened)
    assert (first.environment, first.seed, first.workload, first.scale) == ("dev", 42, "real", 1 / 4096)
    assert (second.seed, second.workload, second.scale) == (42, "recorded", 1.0)
    assert [backend.asked for backend in fake.opened] == [[("publish_images", "0.1.0"), ("workflows_established",)], []]
    assert not any(backend.kernel._thread.is_alive() for backend in fake.opened)


def test_a_fault_that_never_struck_fails_its_scenario(pytester: pytest.Pytester, fake: FakeTarget) -> None:
    result = run(
        pytester,
        """
        def test_breaks_nothing(world):
            world.inject(KillNode("em-pipeline/idr-*"), OnKnock("PutObject"))
        """.replace("\n        ", "\n"),
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*these faults never struck, so the scenario did not test them: KillNode(pod=*"])


def test_stale_rendered_files_end_the_run_with_one_line(
    pytester: pytest.Pytester, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(_project: Project) -> None:
        raise ProjectError("infra/rendered/dev is older than infra/: run make render")

    monkeypatch.setattr(Project, "check_fresh", stale)
    result = run(pytester, "def test_never_runs(world): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*infra/rendered/dev is older than infra/: run make render*"])
    assert fake.opened == []


def test_the_markers_are_declared(pytester: pytest.Pytester, fake: FakeTarget) -> None:
    result = run(pytester, "@pytest.mark.phase(1)\n@pytest.mark.needs()\ndef test_marked(): pass", "--strict-markers")
    result.assert_outcomes(passed=1)

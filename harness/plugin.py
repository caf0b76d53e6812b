"""The pytest face: `--target`, `--seed`, a `world` for each scenario, markers for the roadmap's phase and for what a scenario needs.

A target that lacks what a scenario needs skips it and says why; a target that was asked for and cannot start is an error, never a skip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.fidelity.scenarios import note
from harness.targets.base import Settings, TargetUnavailable
from harness.targets.choose import NAMES, choose_target
from harness.targets.project import Project, ProjectError, find_project
from harness.world.world import World

OpenWorld = Callable[..., World]
_worlds = pytest.StashKey[list[World]]()
SCENARIO_SCALE = 1 / 4096  # sixteenths of every axis: a data set is a few shards


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a scenario run."""
    group = parser.getgroup("harness", "rehearsal in a local world")
    group.addoption("--target", default="sim", choices=NAMES, help="where scenarios run (default: %(default)s)")
    group.addoption(
        "--slow", action="store_true", help="also what takes minutes of the wall's time where time is not virtual"
    )
    group.addoption(
        "--results", type=Path, metavar="DIR", help="write what each scenario came to, for `harness fidelity --targets`"
    )
    group.addoption("--seed", default=7, type=int, help="the seed of every draw (default: %(default)s)")
    group.addoption("--env", default="dev", dest="harness_env", help="the rendered environment (default: %(default)s)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers; end with one sentence when the target cannot be had."""
    config.addinivalue_line("markers", "phase(number): the roadmap's phase that the scenario belongs to")
    config.addinivalue_line("markers", "needs(*capabilities): what the scenario needs of a target")
    try:
        target = choose_target(config.getoption("--target"))
        if not config.option.collectonly:
            target.require()
        if target.one_at_a_time and config.getoption("numprocesses", None):
            config.option.dist, config.option.tx = "no", []  # pytest-xdist would give each of its processes a cluster
    except TargetUnavailable as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what the target cannot do, with the reason."""
    target = choose_target(config.getoption("--target"))
    at_once = "virtual_time" in target.capabilities
    for item in items:
        needs = {need for marker in item.iter_markers("needs") for need in marker.args}
        missing = sorted(needs - target.capabilities)
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"target {target.name} has no {', '.join(missing)}"))
        elif item.get_closest_marker("slow") and not at_once and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason=f"takes minutes on target {target.name}: ask for it with --slow"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add the end of each world's timeline to a failure, and the command that replays it."""
    report: pytest.TestReport = yield
    worlds: list[World] = item.stash.get(_worlds, [])
    if directory := item.config.getoption("--results"):
        note(
            directory,
            report,
            scenario=item.nodeid,
            target=item.config.getoption("--target"),
            seed=item.config.getoption("--seed"),
            worlds=worlds,
        )
    if report.when == "call" and report.failed:
        for number, world in enumerate(worlds):
            report.sections.append((f"timeline of world {number}", world.excerpt()))
        seed = item.config.getoption("--seed")
        report.sections.append(
            ("replay", f"pytest {item.nodeid!r} --target={item.config.getoption('--target')} --seed={seed}")
        )
    return report


@pytest.fixture(scope="session")
def project(request: pytest.FixtureRequest) -> Project:
    """The checkout under rehearsal; an error when its rendered files are stale."""
    project = find_project(request.config.getoption("harness_env"))
    try:
        project.check_fresh()
    except ProjectError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    return project


@pytest.fixture
def open_world(request: pytest.FixtureRequest, project: Project) -> Iterator[OpenWorld]:
    """Opens worlds (keyword arguments as in `Settings`); they are closed at the end, and a fault that never struck fails the scenario."""
    target = choose_target(request.config.getoption("--target"))
    worlds: list[World] = []
    request.node.stash[_worlds] = worlds

    def open_one(**settings: Any) -> World:
        defaults: dict[str, Any] = {
            "environment": project.environment,
            "seed": request.config.getoption("--seed"),
            "scale": SCENARIO_SCALE,
        }
        world = World(target.open(project, Settings(**{**defaults, **settings})))
        worlds.append(world)
        return world

    yield open_one
    idle = [fault for world in worlds for fault in world.idle_faults()]
    for world in worlds:
        world.close()
    assert not idle, f"these faults never struck, so the scenario did not test them: {', '.join(idle)}"


@pytest.fixture
def world(open_world: OpenWorld) -> World:
    """A fresh world with the rendered platform deployed."""
    world = open_world()
    world.deploy()
    return world

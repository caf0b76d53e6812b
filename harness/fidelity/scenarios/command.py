"""`harness fidelity --targets sim,kind`: runs the scenarios on both, or takes the results of runs, and compares."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.fidelity.scenarios.differences import rows_of
from harness.fidelity.scenarios.explained import Explanation, is_named, read_explanations
from harness.fidelity.scenarios.results import ResultError, ScenarioResult, load_all
from harness.fidelity.scenarios.table import Compared, lines_of
from harness.fidelity.values import TraceError
from harness.targets.choose import NAMES

EXPLANATIONS = Path(__file__).parents[3] / "fixtures" / "fidelity" / "scenarios.yaml"
_RAN = {0, 1}  # pytest: all passed, some failed
Run = Callable[[str, Path, Sequence[str]], int]


def compare_targets(
    targets: Sequence[str],
    names: Sequence[str] = (),
    *,
    results: Path | None = None,
    everything: bool = False,
    explanations: Path = EXPLANATIONS,
    run: Run | None = None,
) -> int:
    """Run the command; 0 when all that differs is explained, 1 when something else does or is missing, 2 when it could not be run.

    Without `results` the scenarios (of these `names`, globs of `path::test`) are run on both targets first.
    """
    try:
        if len(targets) != 2 or len(set(targets)) != 2 or not set(targets) <= set(NAMES):
            raise ResultError(f"--targets names two of {', '.join(NAMES)}, as in --targets sim,kind")
        if results is not None:
            return _compare(targets, names, results, explanations, everything=everything)
        with tempfile.TemporaryDirectory(prefix="fidelity-scenarios-") as directory:
            for target in targets:
                code = (run or run_scenarios)(target, Path(directory), names)
                if code not in _RAN:
                    raise ResultError(f"the scenarios did not run on {target}: pytest ended with {code}")
            return _compare(targets, names, Path(directory), explanations, everything=everything)
    except (ResultError, TraceError) as error:
        print(f"harness fidelity: {error}", file=sys.stderr)
        return 2


def run_scenarios(target: str, directory: Path, names: Sequence[str]) -> int:
    """All scenarios, or those of these names, on one target; pytest's exit code."""
    plain = [name for name in names if "*" not in name and "?" not in name]
    chosen = plain if names and len(plain) == len(names) else ["scenarios"]
    command = [sys.executable, "-m", "pytest", "-q", *chosen, f"--target={target}", f"--results={directory}"]
    return subprocess.run(command, check=False).returncode


def _compare(
    targets: Sequence[str], names: Sequence[str], results: Path, explanations: Path, *, everything: bool
) -> int:
    one, two = (load_all(results, target) for target in targets)
    known = read_explanations(explanations, targets)
    scenarios = [name for name in sorted({*one, *two}) if not names or any(is_named(name, glob) for glob in names)]
    if not scenarios:
        raise ResultError(
            f"no scenario {', '.join(names)} among the results: there are {', '.join(sorted({*one, *two}))}"
        )
    used: set[Explanation] = set()
    compared = [_one(name, one.get(name), two.get(name), targets, known, used) for name in scenarios]
    for line in lines_of(compared, targets, everything=everything):
        print(line)
    for idle in [entry for entry in known if entry not in used and not names]:
        print(f"idle      explanation of {idle.scenario} {idle.what}: nothing differs there, take it out")
    bad = [entry for entry in compared if entry.state in {"DIFF", "MISSING"}]
    aside = sum(entry.state == "aside" for entry in compared)
    print(
        f"{len(compared) - len(bad) - aside} of {len(compared) - aside} scenarios are equal or explained, {aside} aside"
    )
    return 1 if bad else 0


def _one(
    name: str,
    one: ScenarioResult | None,
    two: ScenarioResult | None,
    targets: Sequence[str],
    known: Sequence[Explanation],
    used: set[Explanation],
) -> Compared:
    if one is None or two is None:
        return Compared(name, aside=f"was not run on {targets[0] if one is None else targets[1]}", failed=True)
    skipped = [f"{result.target}: {result.reason}" for result in (one, two) if result.outcome == "skipped"]
    if skipped:
        return Compared(name, aside="; ".join(skipped))
    compared = Compared(name, rows_of(one, two))
    for row in compared.rows:
        reason = None if row.equal else next((entry for entry in known if entry.covers(name, row)), None)
        if reason is not None:
            used.add(reason)
            compared.because[row.what] = reason.because
    return compared

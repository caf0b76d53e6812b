"""`python -m harness.fidelity.scheduling record|compare`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.fidelity.scheduling.agree import compare
from harness.fidelity.scheduling.record import record
from harness.fidelity.scheduling.recording import Recorded, load, save
from harness.fidelity.values import TraceError

RECORDING = Path(__file__).parents[3] / "fixtures" / "fidelity" / "scheduling" / "1.34.json.gz"


def main(arguments: list[str] | None = None) -> int:
    """0 when all cases agree, 1 when one does not, 2 when it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m harness.fidelity.scheduling", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="have a real control plane decide, and compare")
    recorder.add_argument("--kubernetes", type=Path, required=True, help="directory of a program control-plane")
    recorder.add_argument("--cases", type=int, default=1000)
    recorder.add_argument(
        "--pressed", type=int, default=100, help="further cases, each a full cluster and a preemption"
    )
    recorder.add_argument("--seed", type=int, default=1)
    recorder.add_argument("--output", type=Path, help="write the recording there")
    comparer = commands.add_parser("compare", help="compare with a recording")
    comparer.add_argument("recording", type=Path, nargs="?", default=RECORDING)
    options = parser.parse_args(arguments)

    def progress(recorded: Recorded) -> None:
        print(f"{recorded.count} of {options.cases + options.pressed}", file=sys.stderr, flush=True)
        if options.output is not None:
            save(recorded, options.output)

    try:
        if options.command == "record":
            recorded = record(
                options.kubernetes,
                seed=options.seed,
                cases=options.cases,
                pressed=options.pressed,
                progress=progress,
            )
        else:
            recorded = load(options.recording)
    except (TraceError, OSError) as error:
        print(f"harness.fidelity.scheduling: {error}", file=sys.stderr)
        return 2
    agreement = compare(recorded)
    print(agreement.report())
    return 1 if agreement.differences else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m infra render [--env NAME] [--check]`, and `python -m infra stale` which needs no CDK.

Nothing is written when the gate has a finding. `render --check` exits 1 with one line when the committed output is not what the sources render to;
`stale` says the same from the digests alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.digest import stale_because
from infra.environments import ENVIRONMENTS
from infra.refusal import RefusedValue


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the return value is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra", description="Render the infrastructure of the pipeline.")
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="write infra/rendered/<env>")
    render.add_argument("--check", action="store_true", help="write nothing, exit 1 if the committed output differs")
    stale = commands.add_parser("stale", help="exit 1 if infra/rendered/<env> is older than its sources")
    for command in (render, stale):
        command.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    options = parser.parse_args(arguments)
    if options.command == "stale":
        return _stale(options.env)
    return _render(options.env, check=options.check)


def _stale(name: str) -> int:
    reason = stale_because(Path(__file__).resolve().parent.parent, name)
    if reason is None:
        return 0
    print(reason, file=sys.stderr)
    return 1


def _render(name: str, *, check: bool) -> int:
    from infra.gate import findings
    from infra.render import difference, rendered_directory, rendered_files, write
    from infra.synth import NodeMissing

    environment = ENVIRONMENTS[name]
    directory = rendered_directory(environment)
    try:
        files = rendered_files(environment)
    except (RefusedValue, NodeMissing) as refused:
        print(refused, file=sys.stderr)
        return 1
    found = findings(files)
    if found:
        print("\n".join(found), file=sys.stderr)
        return 1
    if not check:
        write(directory, files)
        return 0
    differing = difference(directory, files)
    if differing is None:
        return 0
    print(f"infra/rendered/{name}: {differing}: run make render", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

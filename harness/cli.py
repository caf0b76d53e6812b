"""The command line: `harness rehearse`, `up`, `down`, `check`, `explain` and `fidelity`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.targets.base import TargetUnavailable
from harness.targets.project import ProjectError


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 when it holds, 1 when what was rehearsed or checked does not, 2 when it could not be run, 130 after Ctrl-C."""
    arguments = _parser().parse_args(argv)
    try:
        exit_code: int = arguments.run(arguments)
    except (ProjectError, TargetUnavailable) as error:
        print(f"harness: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("harness: interrupted, everything that was started has been stopped", file=sys.stderr)
        return 130
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harness", description="Rehearse the pipeline's move to AWS in a local world."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    rehearse = commands.add_parser("rehearse", help="run the whole pipeline, break it on the way, verify, report")
    rehearse.add_argument("--env", default="dev", help="rendered environment (default: %(default)s)")
    rehearse.add_argument(
        "--scale", type=_scale, default=1 / 1024, metavar="S", help="share of the full voxels (default: 1/1024)"
    )
    rehearse.add_argument("--seed", type=int, default=1, metavar="N", help="seed of every draw (default: %(default)s)")
    rehearse.add_argument(
        "--workload", choices=("real", "recorded"), default="real", help="real processes, or the measured profile"
    )
    rehearse.add_argument(
        "--out", type=Path, default=Path("build/rehearsal"), metavar="DIR", help="default: %(default)s"
    )
    rehearse.set_defaults(run=_rehearse)

    up = commands.add_parser("up", help="start a cluster for kubectl, at the wall's pace")
    up.add_argument("--env", default="dev", help="rendered environment (default: %(default)s)")
    up.add_argument("--detach", action="store_true", help="leave it running in the background")
    up.add_argument(
        "--kubeconfig", type=Path, default=Path("build/kubeconfig"), metavar="FILE", help="default: %(default)s"
    )
    up.set_defaults(run=_up)

    down = commands.add_parser("down", help="stop the cluster that `up --detach` started")
    down.add_argument(
        "--all", action="store_true", help="also whatever a killed run of anybody in this checkout left behind"
    )
    down.set_defaults(run=_down)

    check = commands.add_parser(
        "check", help="what is wrong with a plan: templates, manifests and CI workflows below PATH"
    )
    check.add_argument("path", type=Path, metavar="PATH")
    check.add_argument("--as-of", metavar="DATE", help="judge dates as of this day (default: today)")
    check.set_defaults(run=_check)

    explain = commands.add_parser(
        "explain", help="why a pod is not scheduled, or why on its node: what each plugin says"
    )
    explain.add_argument("pod", metavar="POD")
    explain.add_argument("-n", "--namespace", default="default", metavar="NAMESPACE", help="default: %(default)s")
    explain.add_argument(
        "--kubeconfig", type=Path, default=Path("build/kubeconfig"), metavar="FILE", help="default: %(default)s"
    )
    explain.set_defaults(run=_explain)

    fidelity = commands.add_parser(
        "fidelity", help="compare the embedded cluster with a real Kubernetes control plane, trace by trace"
    )
    fidelity.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="traces, as area/name; globs are understood; agreement: the random cases of the scheduler; with --targets: scenarios",
    )
    fidelity.add_argument(
        "--record",
        action="store_true",
        help="play the traces on real control planes, and compare with what was recorded",
    )
    fidelity.add_argument(
        "--update",
        action="store_true",
        help="with --record: replace recordings that differ; else: write docs/fidelity-traces.md anew",
    )
    fidelity.add_argument(
        "--kubernetes", type=Path, metavar="DIR", help="holds the program control-plane, which starts one"
    )
    fidelity.add_argument("--kubeconfig", type=Path, metavar="FILE", help="play the traces on this cluster and compare")
    fidelity.add_argument(
        "--at-once", type=int, default=4, metavar="N", help="control planes at a time (default: %(default)s)"
    )
    fidelity.add_argument(
        "--targets", metavar="ONE,TWO", help="compare what scenarios come to on two targets, as in --targets sim,kind"
    )
    fidelity.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="with --targets: what pytest scenarios --results DIR wrote on both; without it the scenarios are run",
    )
    fidelity.add_argument("--everything", action="store_true", help="with --targets: also show what is equal")
    fidelity.set_defaults(run=_fidelity)
    return parser


def _scale(text: str) -> float:
    """A scale as a decimal or a fraction, above 0 and at most 1."""
    numerator, _, denominator = text.partition("/")
    try:
        value = float(numerator) / float(denominator or 1)
    except (ValueError, ZeroDivisionError):
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share of the full size: write 1/1024 or 0.001, at most 1")
    return value


def _rehearse(arguments: argparse.Namespace) -> int:
    from harness.rehearsal.places import require_directory
    from harness.rehearsal.run import rehearse

    require_directory(arguments.out, "--out")
    return rehearse(
        environment=arguments.env,
        scale=arguments.scale,
        seed=arguments.seed,
        workload=arguments.workload,
        out=arguments.out,
    )


def _up(arguments: argparse.Namespace) -> int:
    from harness.rehearsal.session import up

    return up(arguments.env, kubeconfig=arguments.kubeconfig, detach=arguments.detach)


def _down(arguments: argparse.Namespace) -> int:
    from harness.rehearsal.session import down

    return down(everything=arguments.all)


def _check(arguments: argparse.Namespace) -> int:
    from harness.check.command import check

    return check(arguments.path, as_of=arguments.as_of)


def _explain(arguments: argparse.Namespace) -> int:
    from harness.cluster.scheduler.command import explain_command

    return explain_command(arguments.pod, namespace=arguments.namespace, kubeconfig=arguments.kubeconfig)


def _fidelity(arguments: argparse.Namespace) -> int:
    from harness.fidelity.command import fidelity

    if arguments.targets is not None:
        from harness.fidelity.scenarios.command import compare_targets

        return compare_targets(
            arguments.targets.split(","), arguments.names, results=arguments.results, everything=arguments.everything
        )
    if arguments.names == ["agreement"]:
        from harness.fidelity.scheduling.__main__ import main as agreement

        if not arguments.record:
            return agreement(["compare"])
        if arguments.kubernetes is None:
            print(
                "harness fidelity: --record needs --kubernetes DIR, which holds the program control-plane",
                file=sys.stderr,
            )
            return 2
        return agreement(["record", "--kubernetes", str(arguments.kubernetes), "--cases", "36", "--pressed", "14"])
    return fidelity(
        arguments.names,
        recording=arguments.record,
        kubernetes=arguments.kubernetes,
        kubeconfig=arguments.kubeconfig,
        update=arguments.update,
        at_once=arguments.at_once,
    )


if __name__ == "__main__":
    sys.exit(main())

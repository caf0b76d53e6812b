"""CI workflows in the form of GitHub Actions: jobs, their steps, and the environment that a step sees."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.check.shell import Command, Pipeline, commands, pipelines, variables_for_later_steps

_MATRIX = re.compile(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}")


@dataclass(frozen=True, kw_only=True)
class Step:
    """`environment` holds what workflow, job, step and earlier steps set."""

    place: str
    uses: str
    inputs: Mapping[str, Any]
    own_environment: Mapping[str, Any]
    environment: frozenset[str]
    run: str
    working_directory: str
    earlier_actions: tuple[str, ...]
    matrix: tuple[Mapping[str, str], ...]

    @property
    def commands(self) -> tuple[Command, ...]:
        return commands(self.run)

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        return pipelines(self.run)

    def expanded(self) -> Iterator[str]:
        """The script once for each combination of the matrix."""
        for values in self.matrix or ({},):
            yield _with_matrix(self.run, values)


@dataclass(frozen=True, kw_only=True)
class CiWorkflow:
    path: str
    environment: Mapping[str, Any]
    steps: tuple[Step, ...]


def is_ci_workflow(content: Any) -> bool:
    """Jobs with steps, and what starts them (YAML 1.1 reads the key `on` as true)."""
    if not isinstance(content, Mapping) or not ("on" in content or True in content):
        return False
    jobs = content.get("jobs")
    return isinstance(jobs, Mapping) and all(isinstance(job, Mapping) for job in jobs.values())


def ci_workflow(path: str, content: Mapping[Any, Any]) -> CiWorkflow:
    environment = content.get("env") or {}
    return CiWorkflow(
        path=path,
        environment=environment,
        steps=tuple(
            step for name, job in content["jobs"].items() for step in _steps(path, str(name), job, environment)
        ),
    )


def _steps(path: str, job_name: str, job: Mapping[str, Any], shared: Mapping[str, Any]) -> Iterator[Step]:
    known = frozenset(map(str, (*shared, *(job.get("env") or {}))))
    actions: list[str] = []
    given = (job.get("strategy") or {}).get("matrix")
    matrix = (
        tuple(_combinations(given)) if isinstance(given, Mapping) else ()
    )  # or an expression, known only at run time
    defaults = ((job.get("defaults") or {}).get("run") or {}).get("working-directory", "")
    for number, step in enumerate(job.get("steps") or (), start=1):
        own = step.get("env") or {}
        run = str(step.get("run") or "")
        yield Step(
            place=f"{path}#{job_name}/{step.get('name') or step.get('id') or step.get('uses') or number}",
            uses=str(step.get("uses") or ""),
            inputs=step.get("with") or {},
            own_environment=own,
            environment=known | frozenset(map(str, own)),
            run=run,
            working_directory=str(step.get("working-directory") or defaults),
            earlier_actions=tuple(actions),
            matrix=matrix,
        )
        known |= variables_for_later_steps(run)
        actions.append(str(step.get("uses") or ""))


def _with_matrix(script: str, values: Mapping[str, str]) -> str:
    return _MATRIX.sub(lambda match: values.get(match[1], match[0]), script)


def _combinations(matrix: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    axes = {k: v for k, v in matrix.items() if k not in {"include", "exclude"} and isinstance(v, list)}
    if axes:
        for values in itertools.product(*axes.values()):
            yield dict(zip(axes, map(str, values), strict=True))
    included = matrix.get("include")
    for extra in included if isinstance(included, list) else ():
        yield {str(k): str(v) for k, v in extra.items()}

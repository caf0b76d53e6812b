"""Is a workflow one that can run: what Argo's validation refuses, and what this engine does not model.

Follows Argo Workflows 4.1 `workflow/validate/validate.go` in rules and texts. Every template that the entrypoint or the exit handler reaches is
checked with the arguments that it is called with. What Argo knows and this engine does not is refused here with its place, never passed over in
silence; `metrics` alone is ignored, for it changes nothing in the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.workflows import depends
from harness.workflows.assess import MAIN
from harness.workflows.cleanup import STRATEGIES
from harness.workflows.dag import tree_of
from harness.workflows.durations import parse_count, parse_duration
from harness.workflows.errors import InvalidSpec, NotSupported
from harness.workflows.graph import ancestors, find_cycle
from harness.workflows.hooks import exit_hook_of
from harness.workflows.retry import policy_of
from harness.workflows.steps import groups_of
from harness.workflows.tags import check_tags, input_tags, result_tags, workflow_tags

_KINDS = ("container", "script", "dag", "steps", "suspend")
_OTHER_KINDS = ("resource", "http", "plugin", "containerSet", "data")
_SPEC_REFUSED = (
    "workflowTemplateRef",
    "volumeClaimTemplates",
    "synchronization",
    "hooks",
    "templateDefaults",
    "podDisruptionBudget",
    "artifactGC",
    "workflowMetadata",
)
_LOOPS = ("withItems", "withParam", "withSequence")
_TEMPLATE_REFUSED = ("sidecars", "daemon", "memoize", "synchronization", "executor", "failFast", "archiveLocation")
Template = Mapping[str, Any]


def validate(spec: Mapping[str, Any]) -> None:
    """Raises InvalidSpec with Argo's text, or NotSupported."""
    for field in _SPEC_REFUSED:
        if spec.get(field):
            raise NotSupported(f"spec.{field}")
    templates = _templates(spec)
    entrypoint = spec.get("entrypoint")
    if not entrypoint:
        raise InvalidSpec("spec.entrypoint is required")
    arguments = spec.get("arguments") or {}
    if arguments.get("artifacts"):
        raise NotSupported("spec.arguments.artifacts")
    for parameter in arguments.get("parameters") or ():
        _check_parameter(parameter, f"spec.arguments.parameters.{parameter.get('name')}")
        if parameter.get("value") is None and parameter.get("default") is None:
            raise InvalidSpec(
                f"spec.arguments.{parameter.get('name')}.value or spec.arguments.{parameter.get('name')}.valueFrom is required"
            )
    _check_numbers(spec)
    checker = _Checker(templates, workflow_tags(spec))
    checker.check(str(entrypoint), arguments, "")
    if spec.get("onExit"):
        checker.check(str(spec["onExit"]), arguments, "")


def _templates(spec: Mapping[str, Any]) -> dict[str, Template]:
    templates: dict[str, Template] = {}
    for position, template in enumerate(spec.get("templates") or ()):
        name = str(template.get("name") or "")
        if not name:
            raise InvalidSpec(f"spec.templates[{position}].name is required")
        if name in templates:
            raise InvalidSpec(f"spec.templates[{position}].name '{name}' is not unique")
        templates[name] = template
    return templates


class _Checker:
    def __init__(self, templates: Mapping[str, Template], known: set[str]) -> None:
        self._templates = templates
        self._known = known
        self._open: list[str] = []

    def check(self, name: str, arguments: Mapping[str, Any], place: str) -> None:
        """Check the template of that name, called with `arguments` from `place`."""
        template = self._templates.get(name)
        if template is None:
            raise InvalidSpec(f"{place}template name '{name}' undefined")
        if name in self._open:
            return  # a template may call itself behind a `when`
        self._open.append(name)
        try:
            self._check_template(template, arguments, f"{place}templates.{name}")
        finally:
            self._open.pop()

    def _check_template(self, template: Template, arguments: Mapping[str, Any], place: str) -> None:
        kinds = [kind for kind in (*_KINDS, *_OTHER_KINDS) if kind in template]
        if len(kinds) != 1:
            choose = (
                "choose one of: container, containerSet, steps, script, resource, dag, suspend, template, template ref"
            )
            what = "multiple template types specified" if kinds else "template type unspecified"
            raise InvalidSpec(f"{place} {what}. {choose}")
        if kinds[0] in _OTHER_KINDS:
            raise NotSupported(f"{place}.{kinds[0]}")
        for field in _TEMPLATE_REFUSED:
            if template.get(field):
                raise NotSupported(f"{place}.{field}")
        self._check_inputs(template, arguments, place)
        self._check_outputs(template, place, leaf=kinds[0] not in {"dag", "steps"})
        if template.get("retryStrategy"):
            try:
                policy_of(template["retryStrategy"])
            except InvalidSpec as error:
                raise InvalidSpec(f"{place}.retryStrategy: {error}") from None
        if kinds[0] == "dag":
            self._check_dag(template, place)
        elif kinds[0] == "steps":
            self._check_steps(template, place)
        elif kinds[0] in {"container", "script"}:
            _check_leaf(template, kinds[0], place)
            body = {key: value for key, value in template.items() if key not in {"inputs", "outputs"}}
            check_tags(body, self._known | input_tags(template), f"{place}:")

    def _check_inputs(self, template: Template, arguments: Mapping[str, Any], place: str) -> None:
        inputs = template.get("inputs") or {}
        if inputs.get("artifacts"):
            raise NotSupported(f"{place}.inputs.artifacts")
        if arguments.get("artifacts"):
            raise NotSupported(f"{place}: artifacts among its arguments")
        given = {
            str(parameter["name"])
            for parameter in arguments.get("parameters") or ()
            if parameter.get("value", parameter.get("default")) is not None
        }
        for parameter in inputs.get("parameters") or ():
            name = str(parameter["name"])
            _check_parameter(parameter, f"{place} inputs.parameters.{name}")
            if name not in given and parameter.get("value", parameter.get("default")) is None:
                raise InvalidSpec(f"{place} inputs.parameters.{name} was not supplied")

    def _check_outputs(self, template: Template, place: str, *, leaf: bool) -> None:
        outputs = template.get("outputs") or {}
        if outputs.get("artifacts"):
            raise NotSupported(f"{place}.outputs.artifacts")
        for parameter in outputs.get("parameters") or ():
            here = f"{place}.outputs.parameters.{parameter['name']}"
            source = parameter.get("valueFrom") or {}
            if leaf and "path" in source:
                raise NotSupported(
                    f"{here}.valueFrom.path", "nothing reads files out of a container here; give an expression"
                )
            for field in ("configMapKeyRef", "jsonPath", "jqFilter", "event", "supplied"):
                if field in source:
                    raise NotSupported(f"{here}.valueFrom.{field}")
            if "globalName" in parameter:
                raise NotSupported(f"{here}.globalName")
            if not source and parameter.get("value") is None:
                raise InvalidSpec(f"{here}.valueFrom is required")

    def _check_dag(self, template: Template, place: str) -> None:
        tasks: Sequence[Mapping[str, Any]] = template["dag"].get("tasks") or ()
        if not tasks:
            raise InvalidSpec(f"{place} must have at least one task")
        by_name: dict[str, Mapping[str, Any]] = {}
        for position, task in enumerate(tasks):
            name = str(task.get("name") or "")
            if not name:
                raise InvalidSpec(f"{place}.tasks[{position}].name is required")
            if name in by_name:
                raise InvalidSpec(f"{place}.tasks[{position}].name '{name}' is not unique")
            by_name[name] = task
        if any(task.get("depends") for task in tasks) and any(task.get("dependencies") for task in tasks):
            raise InvalidSpec(f"{place} cannot use both 'depends' and 'dependencies' in the same DAG template")
        if any(task.get("depends") and task.get("continueOn") for task in tasks):
            raise InvalidSpec(
                f"{place} cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'"
            )
        needs = {name: self._needs(task, by_name, f"{place}.tasks.{name}") for name, task in by_name.items()}
        for target in str(template["dag"].get("target") or "").split():
            if target not in by_name:
                raise InvalidSpec(f"{place}.targets: target '{target}' is not defined")
        cycle = find_cycle(needs)
        if cycle:
            raise InvalidSpec(f"{place}.tasks dependency cycle detected: {'->'.join(cycle)}")
        inputs = self._known | input_tags(template)
        for name, task in by_name.items():
            known = inputs.union(*(self._results(f"tasks.{other}", by_name[other]) for other in ancestors(name, needs)))
            self._check_tags_of_call(task, known, self._results(f"tasks.{name}", task), f"{place}.tasks.{name}")
            self._check_call(task, f"{place}.tasks.{name}")

    def _needs(self, task: Mapping[str, Any], known: Mapping[str, Any], place: str) -> list[str]:
        try:
            needed = depends.tasks_of(tree_of(task, known))
        except InvalidSpec as error:
            raise InvalidSpec(f"{place} {error}") from None
        for name in needed:
            if name not in known:
                raise InvalidSpec(f"{place} dependency '{name}' not defined")
        return needed

    def _check_steps(self, template: Template, place: str) -> None:
        names: set[str] = set()
        known = self._known | input_tags(template)
        for position, group in enumerate(groups_of(template)):
            for step in group:
                own = self._results(f"steps.{step.get('name')}", step)
                self._check_tags_of_call(step, known, own, f"{place}.steps")
                name = str(step.get("name") or "")
                here = f"{place}.steps[{position}]"
                if not name:
                    raise InvalidSpec(f"{here}.name is required")
                if name in names:
                    raise InvalidSpec(f"{here}.name '{name}' is not unique")
                names.add(name)
                self._check_call(step, f"{here}.{name}")
            known = known.union(*(self._results(f"steps.{step['name']}", step) for step in group))

    def _results(self, prefix: str, task: Mapping[str, Any]) -> set[str]:
        template = task.get("inline") or self._templates.get(str(task.get("template")))
        return result_tags(prefix, template, loop=_is_loop(task))

    def _check_tags_of_call(self, task: Mapping[str, Any], known: set[str], own: set[str], place: str) -> None:
        """The call's own results are known to its hooks only."""
        body = {key: value for key, value in task.items() if key not in {"hooks", "inline"}}
        check_tags(body, known, place, loop=_is_loop(task))
        check_tags(task.get("hooks") or {}, known | own, place, loop=_is_loop(task))

    def _check_call(self, task: Mapping[str, Any], place: str) -> None:
        if task.get("templateRef"):
            raise NotSupported(f"{place}.templateRef")
        loops = [field for field in _LOOPS if task.get(field) is not None]
        if len(loops) > 1:
            raise InvalidSpec(f"{place} only one of withItems, withParam, withSequence can be specified")
        for name in task.get("hooks") or {}:
            if name != "exit":
                raise NotSupported(f"{place}.hooks.{name}")
        hook = exit_hook_of(task)
        if hook is not None:
            if not hook.get("template"):
                raise NotSupported(f"{place}.hooks.exit without a template of this workflow")
            self.check(str(hook["template"]), hook.get("arguments") or {}, f"{place}.exit ")
        arguments = task.get("arguments") or {}
        if task.get("inline"):
            self._check_template({"name": "", **task["inline"]}, arguments, f"{place}.inline")
        elif task.get("template"):
            self.check(str(task["template"]), arguments, f"{place} ")
        else:
            raise InvalidSpec(f"{place} template name or inline is required")


def _check_parameter(parameter: Mapping[str, Any], place: str) -> None:
    for field in parameter.get("valueFrom") or {}:
        if field != "default":
            raise NotSupported(f"{place}.valueFrom.{field}")


def _check_leaf(template: Template, kind: str, place: str) -> None:
    container = template[kind]
    if not container.get("image"):
        raise InvalidSpec(f"{place}.{kind}.image may not be empty")
    if container.get("name") not in {None, "", MAIN}:
        raise InvalidSpec(f"{place}.{kind}.name must be '{MAIN}'")


def _is_loop(task: Mapping[str, Any]) -> bool:
    return any(task.get(field) is not None for field in _LOOPS)


def _check_numbers(spec: Mapping[str, Any]) -> None:
    """What is read as a number or duration later, outside of any template."""
    for field in ("activeDeadlineSeconds", "parallelism"):
        if spec.get(field) is not None:
            parse_count(spec[field], f"spec.{field}")
    for field, value in (spec.get("ttlStrategy") or {}).items():
        parse_count(value, f"spec.ttlStrategy.{field}")
    rule = spec.get("podGC") or {}
    if rule.get("strategy") and rule["strategy"] not in STRATEGIES:
        raise InvalidSpec(f"podGC.strategy unknown strategy '{rule['strategy']}'")
    if rule.get("deleteDelayDuration"):
        parse_duration(rule["deleteDelayDuration"])

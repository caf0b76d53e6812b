"""CEL rules of custom types, `x-kubernetes-validations` (apiextensions-apiserver `pkg/apiserver/schema/cel`, Kubernetes 1.34).

Evaluated by Google's own runtime, which is loaded with the first rule. Values are not typed by their schema there, so these are left undecided, and what they
would refuse passes: rules that compare times, durations or bytes as such, rules with `optionalOldSelf`, and those that call functions of Kubernetes which are
not here (quantities, URLs, addresses as objects, semver, authorizer). Costs are not estimated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from harness.cluster.store.validation.causes import forbidden, invalid, required, unsupported
from harness.kube.errors import Cause

RULES = "x-kubernetes-validations"
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_OLD = re.compile(r"\boldSelf\b")
_ELSEWHERE = re.compile(
    r"undeclared reference to '(quantity|isQuantity|url|isURL|ip|ip\.isCanonical|isIP|cidr|isCIDR|semver|isSemver|authorizer|format|sets\.\w+|"
    r"indexOf|lastIndexOf|base64\.\w+)'"
)
_KEYWORDS = frozenset(
    {"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import"}
    | {"let", "loop", "package", "namespace", "return", "var", "void", "while"}
)
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_KEY, _INDEX = re.compile(r'Key not found in map : "(.*)"'), re.compile(r"Index error: index=(-?\d+)")
_ZERO = "divide by zero"
_UNDECIDED = "No matching overload"
_NOWHERE = "<nil>"
_ABSENT: Any = object()  # there is no old value to compare with

Schema = Mapping[str, Any]


def check_rules(schema: Schema, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """What the rules say of an object, and of its change from `old`. Rules of unchanged values are not asked again."""
    if not _has_rules(schema):
        return []
    return list(_check(schema, _root(new), _ABSENT if old is None else _root(old), ""))


def check_definitions(schema: Schema, field: str) -> list[Cause]:
    """What is wrong with the rules of a schema, which stands at `field`."""
    return list(_check_schema(schema, field))


def _has_rules(schema: Schema) -> bool:
    """Asked by identity, since a schema lives as long as its definition is not changed."""
    known = _with_rules.get(id(schema))
    if known is None or known[0] is not schema:
        if len(_with_rules) >= _KNOWN_MAX:
            _with_rules.clear()
        known = _with_rules[id(schema)] = (schema, any(RULES in below for below in _all(schema)))
    return known[1]


_KNOWN_MAX = 1024
_with_rules: dict[int, tuple[Schema, bool]] = {}


def _all(schema: Schema) -> Iterator[Schema]:
    yield schema
    for _, below in _parts(schema):
        yield from _all(below)


def _parts(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for name, below in (schema.get("properties") or {}).items():
        yield f".properties[{name}]", below
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), Mapping):
            yield f".{name}", schema[name]


def _root(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Of metadata rules see the names alone."""
    names = {key: obj["metadata"][key] for key in ("name", "generateName") if key in obj["metadata"]}
    return {**obj, "metadata": names}


def _check(schema: Schema, value: Any, old: Any, path: str) -> Iterator[Cause]:
    for rule in schema.get(RULES) or ():
        changes = _OLD.search(rule["rule"]) is not None
        if old is _ABSENT if changes else (old is not _ABSENT and old == value):
            continue
        cause = None if rule.get("optionalOldSelf") is not None else _broken(rule, schema, value, old, path)
        if cause is not None:
            yield cause
    if isinstance(value, Mapping):
        properties = schema.get("properties") or {}
        others = schema.get("additionalProperties")
        for key, item in value.items():
            below = properties.get(key, others)
            if isinstance(below, Mapping) and item is not None:
                before = old.get(key, _ABSENT) if isinstance(old, Mapping) else _ABSENT
                here = f"{path}.{key}" if path else key
                yield from _check(below, item, before, here if key in properties else f"{path}[{key}]")
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for position, item in enumerate(value):
            yield from _check(schema["items"], item, _before(schema, item, old), f"{path}[{position}]")


def _before(schema: Schema, item: Any, old: Any) -> Any:
    """The item that had the same keys; only lists that are maps have such."""
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, Sequence) or not isinstance(item, Mapping):
        return _ABSENT
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    return next((one for one in old if all(one.get(key) == item.get(key) for key in keys)), _ABSENT)


def _broken(rule: Mapping[str, Any], schema: Schema, value: Any, old: Any, path: str) -> Cause | None:
    program, _ = _compiled(rule["rule"].strip())
    if program is None:
        return None
    data = {"self": _seen(value, schema), "oldSelf": None if old is _ABSENT else _seen(old, schema)}
    kept, error = program(data)
    if (kept is True and not error) or _UNDECIDED in error:
        return None
    if error:
        text = f"{error} evaluating rule: {rule.get('message') or rule['rule'].strip()}"
        return Cause(path or _NOWHERE, "FieldValueInvalid", f'Invalid value: "{schema.get("type", "")}": {text}')
    where = f"{path}{rule.get('fieldPath', '')}" if path else rule.get("fieldPath", "").removeprefix(".")
    return _cause(where or _NOWHERE, str(rule.get("reason") or "FieldValueInvalid"), _message(rule, data), schema)


def _cause(field: str, reason: str, message: str, schema: Schema) -> Cause:
    kind = str(schema.get("type", ""))
    if reason == "FieldValueForbidden":
        return forbidden(field, message)
    if reason == "FieldValueRequired":
        return required(field, message)
    if reason == "FieldValueDuplicate":
        return Cause(field, reason, f'Duplicate value: "{kind}"')
    return invalid(field, kind, message)


def _message(rule: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """What the expression says, unless it fails or says nothing fit for a line; else the message; else the rule."""
    if rule.get("messageExpression"):
        program, _ = _compiled(rule["messageExpression"].strip())
        said, error = (None, "") if program is None else program(data)
        if isinstance(said, str) and not error and said.strip() and "\n" not in said:
            return said.strip()
    return str(rule.get("message") or "").strip() or f"failed rule: {rule['rule'].strip()}"


def _seen(value: Any, schema: Schema) -> Any:
    """A value as its schema lets rules see it."""
    if isinstance(value, Mapping):
        properties, others = schema.get("properties") or {}, schema.get("additionalProperties")
        if isinstance(others, Mapping):
            return {key: _seen(item, others) for key, item in value.items()}
        seen = {_escaped(key): _seen(item, properties[key]) for key, item in value.items() if key in properties}
        system = ("apiVersion", "kind", "metadata") if "metadata" in value else ()
        return seen | {key: _plain(value[key]) for key in system if key in value and not properties.get(key)}
    if isinstance(value, list):
        items = schema.get("items")
        return [_seen(item, items if isinstance(items, Mapping) else {}) for item in value]
    if schema.get("type") == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _escaped(name: str) -> str:
    """A property's name as rules write it."""
    if name in _KEYWORDS:
        return f"__{name}__"
    for mark, escape in _ESCAPES:
        name = name.replace(mark, escape)
    return name


Program = Callable[[Mapping[str, Any]], tuple[Any, str]]
"""From variables to a value, or to the error in cel-go's words."""


@lru_cache(maxsize=4096)
def _compiled(text: str) -> tuple[Program | None, str]:
    """A program, or why there is none."""
    from harness.cluster.store.celruntime import Uncompiled, compile_rule

    try:
        expression = compile_rule(text)
    except Uncompiled as error:
        return None, str(error)

    def run(data: Mapping[str, Any]) -> tuple[Any, str]:
        value, error = expression(data)
        return value, _translated(error)

    return run, ""


def _gives_condition(text: str) -> bool:
    from harness.cluster.store.celruntime import gives_condition

    return gives_condition(text)


def _translated(error: str) -> str:
    """An error in the words of cel-go."""
    if found := _KEY.search(error):
        return f"no such key: {found[1]}"
    if found := _INDEX.search(error):
        return f"index out of bounds: {found[1]}"
    return "division by zero" if _ZERO in error else error


def _check_schema(schema: Schema, field: str) -> Iterator[Cause]:
    for position, rule in enumerate(schema.get(RULES) or ()):
        yield from _check_rule(rule, f"{field}.{RULES}[{position}]")
    for place, below in _parts(schema):
        yield from _check_schema(below, f"{field}{place}")


def _check_rule(rule: Mapping[str, Any], field: str) -> Iterator[Cause]:
    text = str(rule.get("rule") or "").strip()
    if not text:
        yield required(f"{field}.rule", "rule is not specified")
        return
    message = rule.get("message")
    if message and not message.strip():
        yield invalid(f"{field}.message", message, "must be non-empty if specified")
    elif message and "\n" in message.strip():
        yield invalid(f"{field}.message", message, "must not contain line breaks")
    if rule.get("reason") not in (None, *_REASONS):
        yield unsupported(f"{field}.reason", rule["reason"], _REASONS)
    program, why = _compiled(text)
    if program is not None and not _gives_condition(text):
        why = "cel expression must evaluate to a bool"
    if why and _ELSEWHERE.search(why) is None:
        yield invalid(f"{field}.rule", _struct(rule), why)


def _struct(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as Go prints it."""
    return {
        **{name: rule.get(name[:1].lower() + name[1:], "") for name in ("Rule", "Message", "MessageExpression")},
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath", ""),
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }

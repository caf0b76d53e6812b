"""Values against an OpenAPI v3 schema, with the texts of kube-openapi's validation and the API server's causes (Kubernetes 1.34).

CEL rules are the business of `rules`. Not checked: formats other than date-time, date, byte, duration, ipv4, ipv6, cidr
and uuid.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from harness.clock import parse_time
from harness.cluster.store.validation.causes import duplicate, invalid, required, unsupported
from harness.kube.durations import parse_duration
from harness.kube.errors import Cause

_NOWHERE = "<nil>"  # upstream has lost the path where it reports on a combination of schemas
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def check_value(value: Any, schema: Mapping[str, Any], path: str) -> list[Cause]:
    """What is wrong with a value and all below it."""
    if value is None and schema.get("nullable"):
        return []
    causes = _type(value, schema, path)
    if causes and not (isinstance(value, float) and schema.get("type") == "integer"):
        return causes
    if isinstance(value, str):
        causes += _string(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        causes += _number(value, schema, path)
    elif isinstance(value, list):
        causes += _array(value, schema, path)
    elif isinstance(value, dict):
        causes += _object(value, schema, path)
    if "enum" in schema and value not in schema["enum"]:
        causes.append(unsupported(path, value, [str(choice) for choice in schema["enum"]]))
    return causes + _combined(value, schema, path)


def _type(value: Any, schema: Mapping[str, Any], path: str) -> list[Cause]:
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, str) or has_type(value, "integer"):
            return []
        return [_mismatch(value, "integer,string", path)]
    wanted = str(schema.get("type", ""))
    return [] if wanted not in _TYPES or has_type(value, wanted) else [_mismatch(value, wanted, path)]


def _mismatch(value: Any, wanted: str, path: str) -> Cause:
    name = type_name(value)
    text = f'Invalid value: "{name}": {path} in body must be of type {wanted}: "{name}"'
    return Cause(path, "FieldValueTypeInvalid", text)


def _string(value: str, schema: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    if len(value) < schema.get("minLength", 0):
        causes.append(invalid(path, value, f"{path} in body should be at least {schema['minLength']} chars long"))
    most = schema.get("maxLength")
    if most is not None and len(value) > most:
        causes.append(Cause(path, "FieldValueTooLong", f"Too long: may not be more than {most} bytes"))
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        causes.append(invalid(path, value, f"{path} in body should match '{schema['pattern']}'"))
    check = _FORMATS.get(schema.get("format", ""))
    if check is not None and not check(value):
        kind = schema["format"]
        text = f'Invalid value: "{value}": {path} in body must be of type {kind}: "{value}"'
        causes.append(Cause(path, "FieldValueTypeInvalid", text))
    return causes


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _number(value: int | float, schema: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    step = schema.get("multipleOf")
    if step and Decimal(str(value)) % Decimal(str(step)) != 0:
        causes.append(invalid(path, value, f"{path} in body should be a multiple of {step}"))
    least, most = schema.get("minimum"), schema.get("maximum")
    if most is not None:
        if schema.get("exclusiveMaximum"):
            if value >= most:
                causes.append(invalid(path, value, f"{path} in body should be less than {most}"))
        elif value > most:
            causes.append(invalid(path, value, f"{path} in body should be less than or equal to {most}"))
    if least is not None:
        if schema.get("exclusiveMinimum"):
            if value <= least:
                causes.append(invalid(path, value, f"{path} in body should be greater than {least}"))
        elif value < least:
            causes.append(invalid(path, value, f"{path} in body should be greater than or equal to {least}"))
    return causes


def _array(value: list[Any], schema: Mapping[str, Any], path: str) -> list[Cause]:
    causes = _count(len(value), schema, path, "Items", "items")
    if schema.get("uniqueItems") and any(item in value[:position] for position, item in enumerate(value)):
        causes.append(invalid(path, value, f"{path} in body shouldn't contain duplicates"))
    items = schema.get("items")
    if isinstance(items, Mapping):
        for position, item in enumerate(value):
            causes += check_value(item, items, f"{path}[{position}]")
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        causes += _repeated(value, path)
    elif kind == "map":
        keys: Sequence[str] = schema.get("x-kubernetes-list-map-keys") or ()
        causes += _repeated([{k: i.get(k) for k in keys} for i in value if isinstance(i, dict)], path)
    return causes


def _repeated(values: list[Any], path: str) -> list[Cause]:
    return [duplicate(f"{path}[{n}]", value) for n, value in enumerate(values) if value in values[:n] and value != {}]


def _count(number: int, schema: Mapping[str, Any], path: str, key: str, noun: str) -> list[Cause]:
    least, most = schema.get(f"min{key}", 0), schema.get(f"max{key}")
    if number < least:
        return [invalid(path, number, f"{path} in body should have at least {least} {noun}")]
    if most is not None and number > most:
        return [Cause(path, "FieldValueTooMany", f"Too many: {number}: must have at most {most} items")]
    return []


def _object(value: dict[str, Any], schema: Mapping[str, Any], path: str) -> list[Cause]:
    causes = _count(len(value), schema, path, "Properties", "properties")
    prefix = f"{path}." if path else ""
    causes += [required(f"{prefix}{key}") for key in schema.get("required") or () if key not in value]
    properties: Mapping[str, Any] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    for key, item in value.items():
        rule = properties.get(key, others)
        if isinstance(rule, Mapping):
            causes += check_value(item, rule, f"{prefix}{key}")
    if schema.get("x-kubernetes-embedded-resource"):
        causes += [
            required(f"{prefix}{key}", "must not be empty") for key in ("apiVersion", "kind") if not value.get(key)
        ]
    return causes


def _combined(value: Any, schema: Mapping[str, Any], path: str) -> list[Cause]:
    """allOf, anyOf, oneOf and not: the verdict, and what the nearest alternative lacks."""
    causes: list[Cause] = []
    if "oneOf" in schema:
        tried = [check_value(value, rule, path) for rule in schema["oneOf"]]
        valid = sum(not faults for faults in tried)
        if valid != 1:
            found = f"Found {valid} valid alternatives" if valid else "Found none valid"
            causes.append(_verdict(path, f"must validate one and only one schema (oneOf). {found}"))
            causes += [] if valid else _nearest(tried)
    if "anyOf" in schema:
        tried = [check_value(value, rule, path) for rule in schema["anyOf"]]
        if all(tried):
            causes.append(_verdict(path, "must validate at least one schema (anyOf)"))
            causes += _nearest(tried)
    if "allOf" in schema:
        faults = [cause for rule in schema["allOf"] for cause in check_value(value, rule, path)]
        if faults:
            causes += [*faults, _verdict(path, "must validate all the schemas (allOf)")]
    if "not" in schema and not check_value(value, schema["not"], path):
        causes.append(_verdict(path, "must not validate the schema (not)"))
    return causes


def _nearest(tried: list[list[Cause]]) -> list[Cause]:
    """The first of the alternatives that lack least."""
    fewest = min(len(faults) for faults in tried)
    return next(faults for faults in tried if len(faults) == fewest)


def _verdict(path: str, text: str) -> Cause:
    return Cause(_NOWHERE, "FieldValueInvalid", f'Invalid value: "": "{path}" {text}')


def has_type(value: Any, wanted: str) -> bool:
    """Whether a JSON value is of an OpenAPI type."""
    if isinstance(value, bool):
        return wanted == "boolean"
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[wanted])


def type_name(value: Any) -> str:
    """The OpenAPI type of a JSON value."""
    if value is None:
        return "null"
    names = ("boolean", "integer", "number", "string", "array", "object")
    return next((name for name in names if has_type(value, name)), "unknown")


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date-time": _parses(parse_time),
    "date": _parses(date.fromisoformat),
    "byte": _parses(lambda text: base64.b64decode(text, validate=True)),
    "duration": _parses(parse_duration),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "cidr": _parses(lambda text: ipaddress.ip_network(text, strict=False)),
    "uuid": lambda text: re.fullmatch(r"(?i)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", text) is not None,
}

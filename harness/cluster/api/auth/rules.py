"""RBAC rules: what a rule allows, and whether rules are covered by others (upstream `evaluation_helpers.go`, `rbac/validation`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from harness.cluster.api.auth.attributes import Attributes

Rule = Mapping[str, Any]
_ALL = "*"


def allows(rule: Rule, attributes: Attributes) -> bool:
    """Whether a rule allows a request."""
    if not _has(rule.get("verbs"), attributes.verb):
        return False
    if not attributes.is_resource:
        return _path_matches(rule, attributes.path)
    return (
        _has(rule.get("apiGroups"), attributes.group)
        and _resource_matches(rule, attributes.resource, attributes.subresource)
        and _name_matches(rule, attributes.name)
    )


def breakdown(rule: Rule) -> Iterator[Rule]:
    """A rule as rules with one verb, one group, one resource and one name, or one path each."""
    verbs = rule.get("verbs") or ()
    for group, resource, verb in product(rule.get("apiGroups") or (), rule.get("resources") or (), verbs):
        part = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        names = rule.get("resourceNames") or ()
        if names:
            yield from ({**part, "resourceNames": [name]} for name in names)
        else:
            yield part
    for path, verb in product(rule.get("nonResourceURLs") or (), verbs):
        yield {"nonResourceURLs": [path], "verbs": [verb]}


def uncovered(owned: Sequence[Rule], wanted: Sequence[Rule]) -> list[Rule]:
    """The parts of the wanted rules that the owned ones do not cover."""
    parts = [part for rule in wanted for part in breakdown(rule)]
    return [part for part in parts if not any(_covers(rule, part) for rule in owned)]


def compact(rule: Rule) -> str:
    """A rule in a message: `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}`."""
    fields = (
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("ResourceNames", "resourceNames"),
        ("Verbs", "verbs"),
    )
    texts = [f"{title}:[{' '.join(_quoted(entry) for entry in rule[key])}]" for title, key in fields if rule.get(key)]
    return "{" + ", ".join(texts) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _covers(owner: Rule, part: Rule) -> bool:
    verb = _covers_all(owner.get("verbs"), part["verbs"])
    if "nonResourceURLs" in part:
        return verb and _path_covers(owner.get("nonResourceURLs") or (), part["nonResourceURLs"][0])
    names = owner.get("resourceNames") or ()
    named = not names or (bool(part.get("resourceNames")) and set(part["resourceNames"]) <= set(names))
    return verb and _covers_all(owner.get("apiGroups"), part["apiGroups"]) and named and _resource_covers(owner, part)


def _covers_all(owned: Sequence[str] | None, wanted: Sequence[str]) -> bool:
    return _ALL in (owned or ()) or set(wanted) <= set(owned or ())


def _resource_covers(owner: Rule, part: Rule) -> bool:
    owned, wanted = owner.get("resources") or (), part["resources"][0]
    _, slash, subresource = wanted.partition("/")
    return _ALL in owned or wanted in owned or (bool(slash) and f"*/{subresource}" in owned)


def _path_covers(owned: Sequence[str], wanted: str) -> bool:
    return any(
        path in (_ALL, wanted) or (path.endswith(_ALL) and wanted.startswith(path.removesuffix(_ALL))) for path in owned
    )


def _has(values: Sequence[str] | None, wanted: str) -> bool:
    return any(value in (_ALL, wanted) for value in values or ())


def _resource_matches(rule: Rule, resource: str, subresource: str) -> bool:
    combined = f"{resource}/{subresource}" if subresource else resource
    wanted = {_ALL, combined}
    if subresource:
        wanted.add(f"*/{subresource}")
    return any(entry in wanted for entry in rule.get("resources") or ())


def _name_matches(rule: Rule, name: str) -> bool:
    names = rule.get("resourceNames") or ()
    return not names or name in names


def _path_matches(rule: Rule, path: str) -> bool:
    return _path_covers(rule.get("nonResourceURLs") or (), path)

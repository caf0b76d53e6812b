"""The hash of a pod template that Deployments and DaemonSets put into names (`ComputeHash` in `pkg/controller/controller_utils.go`).

Upstream hashes the text that go-spew prints for the Go struct, so the text is made anew here: every field of every struct in Go's order, with its type, zero
or not. fixtures/facts/pod-template-types.json holds the structs; a version that added a field hashes the same template to another name. Versions before 1.34
are hashed as 1.34, later ones than the file knows as the last one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fixtures.facts
from harness.cluster.controllers.hashes import fnv32a, safe_encode
from harness.kube.version import KubernetesVersion

_FACTS = Path(fixtures.facts.__file__).with_name("pod-template-types.json")
_TIME = "{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}"
_AMOUNT = re.compile(r"^([+-]?)(\d*)(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?$")
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}

Row = tuple[str, str, str, str]  # name in Go, name in JSON, type as printed, kind
Types = Mapping[str, Sequence[Row]]


@cache
def _types(version: KubernetesVersion) -> Types:
    document = json.loads(_FACTS.read_text())
    types: dict[str, Sequence[Row]] = dict(document["types"])
    for since, changed in document["changes"].items():
        if KubernetesVersion.parse(since) <= version:
            types.update(changed)
    return types


def pod_template_hash(template: Mapping[str, Any], collisions: int | None, version: KubernetesVersion) -> str:
    """The hash; `collisions` is the owner's status.collisionCount."""
    text = dump(template, version).encode()
    if collisions is not None:
        text += int(collisions).to_bytes(4, "little") + bytes(4)
    return safe_encode(str(fnv32a(text)))


def dump(template: Mapping[str, Any], version: KubernetesVersion) -> str:
    """The text that is hashed."""
    return "(v1.PodTemplateSpec)" + _struct(_types(version), "v1.PodTemplateSpec", template)


def _struct(types: Types, name: str, value: Mapping[str, Any]) -> str:
    fields = []
    for go_name, json_name, shown, kind in types[name]:
        inner = value if not json_name else value.get(json_name)
        fields.append(f"{go_name}:({shown}){_value(types, shown, kind, inner)}")
    return "{" + " ".join(fields) + "}"


def _value(types: Types, shown: str, kind: str, value: Any) -> str:
    """A value after its type; what is empty in JSON is nil after the trip over the wire, but a pointer to an empty struct is not."""
    if kind.startswith("*"):
        return "<nil>" if value is None else _value(types, shown[1:], kind[1:], value)
    if kind.startswith("[]"):
        return f"[{' '.join(_value(types, shown[2:], kind[2:], item) for item in value)}]" if value else "<nil>"
    if kind.startswith("{}"):
        inner = shown.partition("]")[2]
        pairs = (f"{key}:{_value(types, inner, kind[2:], value[key])}" for key in sorted(value or ()))
        return f"map[{' '.join(pairs)}]" if value else "<nil>"
    return _plain(types, shown, kind, value)


def _plain(types: Types, shown: str, kind: str, value: Any) -> str:
    if kind == "t":
        return _struct(types, shown, value or {})
    if kind == "s":
        return str(value or "")
    if kind == "i":
        return str(int(value or 0))
    if kind == "b":
        return "true" if value else "false"
    if kind == "q":
        return _quantity(str(value))
    if kind == "o":
        number, text = (0, value) if isinstance(value, str) else (int(value or 0), "")
        return f"{{Type:(intstr.Type){int(isinstance(value, str))} IntVal:(int32){number} StrVal:(string){text}}}"
    return _TIME


def _quantity(text: str) -> str:
    """As `resource.ParseQuantity` leaves it: an integer and a scale, and the text itself where Go sees at a glance that it is the canonical one.

    Numbers of 16 digits and more, which Go keeps as big decimals, are not told apart.
    """
    match = _AMOUNT.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no quantity")
    sign, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4] or ""
    digits = whole + fraction
    number = int(digits or 0)
    if suffix in _BINARY:
        value, scale, style = number << _BINARY[suffix], 0, "BinarySI"
        canonical = number & 7 != 0
    else:
        exponent = int(suffix[1:]) if suffix[:1] in {"e", "E"} and suffix != "E" else _DECIMAL[suffix]
        value, scale = number, exponent - len(fraction)
        style = "DecimalSI" if suffix in _DECIMAL else "DecimalExponent"
        canonical = text == "0" or (scale % 3 == 0 and not digits.endswith("000") and not digits.startswith("0"))
    return (
        f"{{i:(resource.int64Amount){{value:(int64){-value if sign == '-' else value} scale:(resource.Scale){scale}}} "
        f"d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string){text if canonical else ''} "
        f"Format:(resource.Format){style}}}"
    )

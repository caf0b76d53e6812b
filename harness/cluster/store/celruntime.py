"""The CEL runtime with what Kubernetes adds to the language, as far as it is here.

It is large (shared libraries of 50 MB), so `rules` loads this module with the first rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_optional, ext_strings

_DYN, _BOOL, _STRING = cel.Type.DYN, cel.Type.BOOL, cel.Type.STRING


class Uncompiled(ValueError):
    """Why a text is no expression, or (for a rule) no condition; upstream's words."""


def _member(name: str, result: Any, function: Callable[..., Any], *more: Any) -> Any:
    return cel.FunctionDecl(name, [cel.Overload(f"k8s_{name}", result, [_DYN, *more], True, function)])


def _find_all(text: str, pattern: str) -> list[str]:
    return [found[0] for found in re.finditer(pattern, text)]


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found is not None else ""


_KUBERNETES = cel.CelExtension(
    "kubernetes",
    [
        _member("isSorted", _BOOL, lambda items: all(a <= b for a, b in pairwise(items))),
        _member("sum", _DYN, sum),
        _member("min", _DYN, min),
        _member("max", _DYN, max),
        _member("find", _STRING, _find, _STRING),
        _member("findAll", cel.Type.List(_STRING), _find_all, _STRING),
    ],
)
_ENVIRONMENT = cel.NewEnv(
    variables={"self": _DYN, "oldSelf": _DYN},
    extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional(), ext_math.ExtMath(), _KUBERNETES],
)


def compile_rule(text: str) -> Callable[[Mapping[str, Any]], tuple[Any, str]]:
    """A function from variables to the value and the error, one of which is empty. Raises Uncompiled."""
    try:
        expression = _ENVIRONMENT.compile(text)
    except RuntimeError as error:
        why = re.sub(r"\s*\[INVALID_ARGUMENT\]$", "", str(error).removeprefix("INVALID_ARGUMENT: "))
        raise Uncompiled(f"compilation failed: {why}") from error

    def run(data: Mapping[str, Any]) -> tuple[Any, str]:
        value = expression.eval(data=data)
        if value.type() == cel.Type.ERROR:
            return None, str(value.value()).partition(": ")[2]
        return value.plain_value(), ""

    return run


def gives_condition(text: str) -> bool:
    """Whether an expression that compiles may give true or false."""
    return _ENVIRONMENT.compile(text).return_type() in (_BOOL, _DYN)

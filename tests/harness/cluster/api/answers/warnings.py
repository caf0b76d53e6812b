"""Requests with unknown and repeated fields, and what a real server (1.34) says to them.

Recorded with `HARNESS_CONTROL_PLANE=KUBECONFIG python -m tests.harness.cluster.api.answers.warnings`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.harness.cluster.api.answers import real
from tests.harness.cluster.api.answers.record import FOLDER

Tell = Callable[[str, str, str, str], tuple[int, Sequence[str], Any]]
"""Sends method, path, body and content type; gives the code, the Warning headers and the answer."""

_JSON, _YAML, _APPLY = "application/json", "application/yaml", "application/apply-patch+yaml"
_MAPS, _PODS, _THINGS = (
    "/api/v1/namespaces/NS/configmaps",
    "/api/v1/namespaces/NS/pods",
    "/apis/example.com/v1/namespaces/NS/things",
)
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ITEM = {"type": "object", "properties": {"b": {"type": "string"}}}
_SPEC = {"type": "object", "properties": {"a": {"type": "string"}, "m": {"type": "array", "items": _ITEM}}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "things", "kind": "Thing", "singular": "thing", "listKind": "ThingList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": _SPEC}}},
            }
        ],
    },
}
_MAP_TWICE = '{"metadata":{"name":"new","name":"new","foo":1},"foo":1,"data":{"x":"1","x":"2"},"data":{"y":"1"}}'
_MAP_YAML = 'metadata:\n  name: new\n  name: new\n  foo: 1\nfoo: 1\ndata:\n  x: "1"\n  x: "2"\n'
_POD = '{"metadata":{"name":"new"},"spec":{"foo":1,"containers":[{"name":"c","image":"a","bar":{"a":1},"env":[{"name":"a","valu":"x"}]}]}}'
_THING = (
    '{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"new","name":"new","foo":1},"foo":1,'
    '"spec":{"a":"1","a":"2","zz":1,"m":[{"c":1},{"b":"1","d":2}]}}'
)
_THING_YAML = 'apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: new\n  foo: 1\nfoo: 1\nspec:\n  a: "1"\n  a: "2"\n  zz: 1\n'
_CONFIG = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\ndata:\n  a: "1"\n  a: "2"\n'
_CONFIG_JSON = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"1","a":"2"}}'
_OPERATIONS = '[{"op":"add","path":"/foo","value":1,"value":2,"xx":2}]'
_CHANGE = '{"foo":1,"data":{"a":"b","a":"d"},"metadata":{"bar":1}}'

BEFORE: tuple[tuple[str, str], ...] = (
    (_DEFINITIONS, json.dumps(DEFINITION)),
    (_MAPS, '{"metadata":{"name":"m"},"data":{"a":"b"}}'),
    (_THINGS, '{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"t"}}'),
)
_REQUESTS = (
    ("POST", _MAPS, _MAP_TWICE, _JSON),
    ("POST", _MAPS, _MAP_YAML, _YAML),
    ("POST", _PODS, _POD, _JSON),
    (
        "POST",
        _MAPS,
        '{"metadata":{"name":"new","annotations":{"say":"a\\":b"}},"data":{"\\u0061":"1", "a" : "2"}}',
        _JSON,
    ),
    ("POST", _THINGS, _THING, _JSON),
    ("POST", _THINGS, _THING_YAML, _YAML),
    ("PUT", f"{_MAPS}/m", '{"metadata":{"name":"m","name":"m"},"foo":1}', _JSON),
    ("PATCH", f"{_MAPS}/m", _CHANGE, "application/merge-patch+json"),
    ("PATCH", f"{_MAPS}/m", _CHANGE, "application/strategic-merge-patch+json"),
    ("PATCH", f"{_MAPS}/m", _OPERATIONS, "application/json-patch+json"),
    ("PATCH", f"{_THINGS}/t", '{"spec":{"zz":1,"a":"1","a":"2"},"metadata":{"foo":1}}', "application/merge-patch+json"),
    ("PATCH", f"{_MAPS}/m?fieldManager=f&force=true", _CONFIG, _APPLY),
    ("PATCH", f"{_MAPS}/m?fieldManager=f&force=true", _CONFIG_JSON, _APPLY),
)
_MODES = ("", "&fieldValidation=Warn", "&fieldValidation=Strict", "&fieldValidation=Ignore")
REQUESTS: tuple[tuple[str, str, str, str], ...] = (
    *(
        (method, f"{path}{'&' if '?' in path else '?'}dryRun=All{mode}", body, kind)
        for method, path, body, kind in _REQUESTS
        for mode in _MODES
    ),
    ("POST", f"{_MAPS}?fieldValidation=Loose", _MAP_TWICE, _JSON),
)


def heard(tell: Tell, namespace: str) -> list[dict[str, Any]]:
    """What is said to all the requests."""
    return [_heard(tell, namespace, *request) for request in REQUESTS]


def _heard(tell: Tell, namespace: str, method: str, path: str, body: str, kind: str) -> dict[str, Any]:
    code, warnings, answer = tell(method, path.replace("NS", namespace), body, kind)
    message = str(answer.get("message")) if answer.get("kind") == "Status" else ""
    message = re.sub(r'Invalid value: "\{.*\}"', 'Invalid value: "OBJECT"', message)
    return {"step": f"{method} {path} {kind}", "code": code, "warnings": list(warnings), "message": message}


def main() -> None:
    """Record."""
    kubeconfig = Path(os.environ["HARNESS_CONTROL_PLANE"])
    send, tell = real.connect(kubeconfig), real.telling(kubeconfig)
    with real.namespace(send) as namespace:
        for path, body in BEFORE:
            send("POST", path.replace("NS", namespace), json.loads(body), _JSON)
        answers = heard(tell, namespace)
        send("DELETE", f"{_DEFINITIONS}/things.example.com", None, _JSON)
    version = send("GET", "/version", None, _JSON)[1]["gitVersion"]
    lines = ",\n".join(f"  {json.dumps(answer)}" for answer in answers)
    head = f'{{\n "source": "kube-apiserver {version}",\n "command": "python -m tests.harness.cluster.api.answers.warnings"'
    (FOLDER / "warnings.json").write_text(f'{head},\n "answers": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()

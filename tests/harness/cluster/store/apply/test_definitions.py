"""Who owns what of a CustomResourceDefinition: its creator the spec as sent, the API server the status in which it accepted the names; as a 1.34 server."""

from __future__ import annotations

from typing import Any

from harness.cluster.store import Store
from harness.cluster.store.apply.managers import Manager
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS

DEFINITION: dict[str, Any] = {
    "metadata": {"name": "houses.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "houses", "kind": "House"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}
VERSION = "apiextensions.k8s.io/v1"
CONDITION = b'{".":{},"f:lastTransitionTime":{},"f:message":{},"f:reason":{},"f:status":{},"f:type":{}}'
NAMES = b'{"f:kind":{},"f:listKind":{},"f:plural":{},"f:singular":{}}'


def test_given_a_definition_then_the_api_server_owns_the_status(store: Store) -> None:
    store.create(CUSTOM_RESOURCE_DEFINITIONS, DEFINITION, manager="maker")
    stored = store.stored(CUSTOM_RESOURCE_DEFINITIONS, None, "houses.example.com")
    assert stored is not None
    managed = {manager: entry.encoded for manager, entry in stored.managed().items()}
    spec = b'"f:conversion":{".":{},"f:strategy":{}},"f:group":{},"f:names":%s,"f:scope":{},"f:versions":{}' % NAMES
    conditions = b'"k:{\\"type\\":\\"Established\\"}":%s,"k:{\\"type\\":\\"NamesAccepted\\"}":%s' % (
        CONDITION,
        CONDITION,
    )
    assert managed == {
        Manager("maker", "Update", VERSION): b'{"f:spec":{%s}}' % spec,
        Manager(
            "kube-apiserver", "Update", VERSION, "status"
        ): b'{"f:status":{"f:acceptedNames":%s,"f:conditions":{%s}}}' % (NAMES, conditions),
    }

"""The resource types that controllers for all kinds (garbage collector, namespaces) look after: the built-in ones and Argo's.

Objects of other custom types are left alone: an owner of a type that is not known here counts as alive.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.kube.resources import BUILT_IN, EVENTS, WORKFLOW_TEMPLATES, WORKFLOWS, Resource

ALL: tuple[Resource, ...] = (*BUILT_IN, WORKFLOWS, WORKFLOW_TEMPLATES)
NAMESPACED: tuple[Resource, ...] = tuple(resource for resource in ALL if resource.namespaced)
CAN_OWN: tuple[Resource, ...] = tuple(resource for resource in ALL if resource != EVENTS)
BY_KIND: Mapping[tuple[str, str], Resource] = {(resource.api_version, resource.kind): resource for resource in ALL}
BY_NAME: Mapping[str, Resource] = {resource.group_resource: resource for resource in ALL}

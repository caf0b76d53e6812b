"""System fields of metadata: what a create sets and what an update may not touch (apiserver `registry/rest/{create,update,meta}.go`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.types import message_of
from harness.cluster.store.validation import check_metadata
from harness.cluster.store.validation.causes import forbidden, invalid
from harness.kube.errors import BadRequest, Cause, Conflict, Invalid
from harness.kube.objects import OBJECTS, Object
from harness.kube.resources import Resource

Draft = dict[str, Any]
_SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName")
_ALLOCATED = frozenset({"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"})
_GENERATE_BASE_MAX = 58
_COUNTED = frozenset(
    {
        "pods",
        "jobs.batch",
        "cronjobs.batch",
        "deployments.apps",
        "replicasets.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "replicationcontrollers",
        "podtemplates",
        "poddisruptionbudgets.policy",
        "customresourcedefinitions.apiextensions.k8s.io",
        "endpointslices.discovery.k8s.io",
        "ingresses.networking.k8s.io",
        "ingressclasses.networking.k8s.io",
        "networkpolicies.networking.k8s.io",
        "priorityclasses.scheduling.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
    }
)
_SEEN = frozenset(
    {
        "apiservices.apiregistration.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "csistoragecapacities.storage.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
        "leases.coordination.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "poddisruptionbudgets.policy",
        "runtimeclasses.node.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "volumeattachments.storage.k8s.io",
    }
)
"""The built-in types whose updates have to say which version they saw."""


def has_generation(resource: Resource, *, custom: bool) -> bool:
    """Whether `metadata.generation` counts changes of what is asked for (pods: since 1.33)."""
    return custom or resource.group_resource in _COUNTED


def generate_name(base: str, suffix: str) -> str:
    """The name for a generateName (apiserver `storage/names/generate.go`)."""
    return base[:_GENERATE_BASE_MAX] + suffix


def fit_type(resource: Resource, draft: Draft) -> None:
    """Fill in apiVersion and kind; raises BadRequest when they say something else."""
    version, kind = draft.get("apiVersion") or resource.api_version, draft.get("kind") or resource.kind
    if kind != resource.kind:
        message = message_of(resource)
        type_name = resource.kind if message is None else message.name
        raise BadRequest(
            f'{kind} in version "{version}" cannot be handled as a {resource.kind}: converting ({version}.{kind}) to '
            f"({type_name}): unknown conversion"
        )
    if str(version).rpartition("/")[0] != resource.group:
        raise BadRequest(
            f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        )
    draft["apiVersion"], draft["kind"] = resource.api_version, resource.kind


def fit_namespace(resource: Resource, draft: Draft) -> str:
    """The namespace of a new object, empty for what has none; raises BadRequest when it is missing or too many."""
    namespace = draft["metadata"].get("namespace") or ""
    if resource.namespaced and not namespace:
        raise BadRequest(
            f"an empty namespace may not be set during creation of {resource.group_resource}: set metadata.namespace"
        )
    if not resource.namespaced:
        draft["metadata"].pop("namespace", None)
        return ""
    return str(namespace)


def fit_place(resource: Resource, draft: Draft, namespace: str | None, name: str) -> None:
    """Fill in the namespace of the request; raises BadRequest when the object says another place than the request."""
    metadata = draft["metadata"] = dict(draft.get("metadata") or {})
    if resource.namespaced and namespace:
        if (metadata.get("namespace") or namespace) != namespace:
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
        metadata["namespace"] = namespace
    require_name(draft, name)


def require_name(obj: Any, name: str) -> None:
    """An object has to say the name of the request: raises BadRequest."""
    metadata = obj.get("metadata") if isinstance(obj, OBJECTS) else None
    found = metadata.get("name") if isinstance(metadata, OBJECTS) else None
    if not found:
        text = f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        raise BadRequest(text)
    if found != name:
        raise BadRequest(f"the name of the object ({found}) does not match the name on the URL ({name})")


def begin(metadata: Draft, *, uid: str, now: str, generation: bool) -> None:
    """Set what a new object gets from the system, and take away what a client may not set."""
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "managedFields"):
        metadata.pop(key, None)
    metadata["uid"] = uid
    metadata["creationTimestamp"] = now
    if generation:
        metadata["generation"] = 1
    else:
        metadata.pop("generation", None)


def without_allocated(spec: Mapping[str, Any], sent: Any) -> Draft:
    """A service's spec without what the server allocates: nobody owns that unless it was asked for."""
    asked = sent if isinstance(sent, Mapping) else {}
    return {key: value for key, value in spec.items() if key not in _ALLOCATED or asked.get(key) is not None}


def keep_allocated(spec: Draft, before: Mapping[str, Any]) -> None:
    """An update of a service that leaves out what was allocated keeps it (`patchAllocatedValues`)."""
    if spec.get("type") == "ExternalName" or before.get("type") == "ExternalName":
        return
    for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if not spec.get(key) and before.get(key):
            spec[key] = before[key]
    policy = "externalTrafficPolicy"
    if (
        _is_reached_from_outside(before)
        and not _is_reached_from_outside(spec)
        and spec.get(policy) == before.get(policy)
    ):
        spec.pop(policy, None)


def _is_reached_from_outside(spec: Mapping[str, Any]) -> bool:
    return spec.get("type") in {"NodePort", "LoadBalancer"} or bool(spec.get("externalIPs"))


def require_version_stated(resource: Resource, obj: Mapping[str, Any], name: str, *, custom: bool) -> None:
    """Objects of some kinds are never replaced unseen (`AllowUnconditionalUpdate`): raises Invalid."""
    if not custom and resource.group_resource not in _SEEN:
        return
    if obj["metadata"].get("resourceVersion") in (None, "", "0"):
        text = "Invalid value: 0: must be specified for an update"
        cause = {"reason": "FieldValueInvalid", "message": text, "field": "metadata.resourceVersion"}
        details = {"name": name, "group": resource.group, "kind": resource.plural, "causes": [cause]}
        raise Invalid(
            f'{resource.group_resource} "{name}" is invalid: metadata.resourceVersion: {text}', details=details
        )


def require_version(resource: Resource, name: str, wanted: Any, present: str) -> None:
    """The optimistic lock: raises Conflict when `wanted` is given and is not the present version."""
    if wanted in (None, "", "0") or str(wanted) == present:
        return
    raise Conflict.of(resource, name)


def require_uid(resource: Resource, name: str, wanted: str | None, present: str) -> None:
    """The precondition on the uid: raises Conflict."""
    if wanted and wanted != present:
        raise Conflict.of(
            resource, name, f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {present}"
        )


def require_same_uid(resource: Resource, wanted: Mapping[str, Any], old: Object) -> None:
    """A patch cannot change the uid, and has no precondition on it: raises Invalid, with the cause twice as upstream finds it twice."""
    uid = (wanted.get("metadata") or {}).get("uid")
    if uid and uid != old["metadata"]["uid"]:
        cause = invalid("metadata.uid", uid, "field is immutable")
        raise Invalid.of(resource, str(old["metadata"]["name"]), [cause, cause])


def require_preconditions(resource: Resource, obj: Object, uid: str | None, version: str | None) -> None:
    """The preconditions of a delete (`storage/interfaces.go`): raises Conflict."""
    present = obj["metadata"]
    text, details = (
        f'Operation cannot be fulfilled on {resource.kind} "{present["name"]}": ',
        {
            "name": present["name"],
            "kind": resource.kind,
        },
    )
    if uid and uid != present["uid"]:
        raise Conflict(
            f"{text}the UID in the precondition ({uid}) does not match the UID in record ({present['uid']}). "
            "The object might have been deleted and then recreated",
            details=details,
        )
    if version and version != present["resourceVersion"]:
        raise Conflict(
            f"{text}the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({present['resourceVersion']}). The object might have been modified",
            details=details,
        )


def settle(resource: Resource, wanted: Mapping[str, Any], old: Object) -> Draft:
    """The metadata of an update: what `wanted` says, with the system's fields as they are.

    Raises Conflict (version, uid) or Invalid.
    """
    before = old["metadata"]
    name = str(before["name"])
    require_version(resource, name, wanted.get("resourceVersion"), before["resourceVersion"])
    require_uid(resource, name, wanted.get("uid"), before["uid"])
    metadata = {
        key: value for key, value in wanted.items() if key not in {"managedFields", "selfLink"} and value is not None
    }
    for key in (*_SYSTEM, "resourceVersion", "name", "namespace"):
        if key in before:
            metadata[key] = before[key]
        else:
            metadata.pop(key, None)
    causes = check_metadata(resource, metadata) + _check_finalizers(metadata, before)
    if causes:
        raise Invalid.of(resource, name, causes)
    return metadata


def _check_finalizers(metadata: Mapping[str, Any], before: Mapping[str, Any]) -> list[Cause]:
    if "deletionTimestamp" not in before:
        return []
    present = before.get("finalizers") or ()
    new = [finalizer for finalizer in metadata.get("finalizers") or () if finalizer not in present]
    if not new:
        return []
    listed = ", ".join(f'"{finalizer}"' for finalizer in new)
    detail = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
    return [forbidden("metadata.finalizers", detail)]

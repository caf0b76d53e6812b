"""What the model answers instead of the stand-in, because the stand-in would invent it: EKS and the caller's identity.

Runs on the kernel's thread, so an answer is of the present moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from harness.clock import SECOND
from harness.cloud.estate import Estate, NodeGroupSpec, PodIdentity
from harness.cloud.gateway.calls import Call, HttpRequest, eks_names
from harness.cloud.gateway.errors import Reply, error_reply, json_reply
from harness.cloud.identity import Identity
from harness.cloud.nodegroups import NodeGroups, ValidationError

_STS = "https://sts.amazonaws.com/doc/2011-06-15/"


@dataclass(frozen=True)
class ClusterAccess:
    """Where the cluster's API is; a world that serves none leaves it empty."""

    endpoint: str = ""
    certificate_authority: str = ""  # base64 of the PEM


class _Missing(Exception):
    """ResourceNotFoundException."""


class CloudAnswers:
    """Implements `harness.cloud.gateway.server.ModelAnswers`."""

    def __init__(self, estate: Estate, groups: NodeGroups, identity: Identity, *, started_us: int) -> None:
        self._estate = estate
        self._groups = groups
        self._identity = identity
        self._started_s = started_us / SECOND
        self.access = ClusterAccess()
        self._eks: dict[str, Callable[[HttpRequest, tuple[str, ...]], Mapping[str, Any]]] = {
            "ListClusters": lambda _request, _names: {"clusters": [self._estate.cluster.name]},
            "DescribeCluster": lambda _request, _names: {"cluster": self._cluster()},
            "ListNodegroups": lambda _request, _names: {"nodegroups": self._groups.names()},
            "DescribeNodegroup": lambda _request, names: {"nodegroup": self._node_group(names[1])},
            "UpdateNodegroupConfig": self._update_node_group,
            "ListAddons": lambda _request, _names: {"addons": [addon.name for addon in self._estate.addons]},
            "DescribeAddon": lambda _request, names: {"addon": self._addon(names[1])},
            "ListPodIdentityAssociations": lambda request, _names: {"associations": self._associations(request)},
            "DescribePodIdentityAssociation": lambda _request, names: {"association": self._association(names[1])},
        }

    def answer(self, call: Call, request: HttpRequest, access_key: str | None) -> Reply | None:
        """None leaves the call to the stand-in."""
        if call.service == "eks" and call.operation in self._eks:
            return self._answer_eks(call, request)
        if call.service == "sts" and call.operation == "GetCallerIdentity":
            return self._caller_identity(access_key)
        return None

    def _answer_eks(self, call: Call, request: HttpRequest) -> Reply:
        names = eks_names(request)
        if names and names[0] != self._estate.cluster.name:
            return error_reply("eks", 404, "ResourceNotFoundException", f"No cluster found for name: {names[0]}.")
        try:
            return json_reply(200, self._eks[call.operation](request, names))
        except _Missing as error:
            return error_reply("eks", 404, "ResourceNotFoundException", str(error))
        except ValidationError as error:
            return error_reply("eks", 400, "InvalidParameterException", str(error))

    def _caller_identity(self, access_key: str | None) -> Reply | None:
        session = self._identity.session(access_key or "")
        if session is None:
            return None
        account = self._estate.account_id
        arn = f"arn:aws:sts::{account}:assumed-role/{session.role_name}/{session.session_name}"
        result = (
            f"<Arn>{escape(arn)}</Arn><UserId>AROA:{escape(session.session_name)}</UserId><Account>{account}</Account>"
        )
        body = (
            f'<GetCallerIdentityResponse xmlns="{_STS}"><GetCallerIdentityResult>{result}</GetCallerIdentityResult>'
            "<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        )
        return Reply(200, body.encode(), "text/xml")

    def _cluster(self) -> dict[str, Any]:
        cluster = self._estate.cluster
        return {
            "name": cluster.name,
            "arn": cluster.arn,
            "createdAt": self._started_s,
            "version": cluster.kubernetes_version,
            "endpoint": self.access.endpoint,
            "roleArn": cluster.role_arn,
            "status": "ACTIVE",
            "certificateAuthority": {"data": self.access.certificate_authority},
            "health": {"issues": []},
        }

    def _node_group(self, name: str) -> dict[str, Any]:
        try:
            group = self._groups.get(name)
        except LookupError as error:
            raise _Missing(f"No node group found for name: {name}.") from error
        spec = group.spec
        return {
            "nodegroupName": spec.name,
            "nodegroupArn": spec.arn,
            "clusterName": spec.cluster,
            "version": self._estate.cluster.kubernetes_version,
            "createdAt": self._started_s,
            "status": "DEGRADED" if group.issues else "ACTIVE",
            "capacityType": spec.capacity_type,
            "scalingConfig": {"minSize": group.min_size, "maxSize": group.max_size, "desiredSize": group.desired},
            "instanceTypes": list(spec.instance_types),
            "subnets": [subnet.id for subnet in spec.subnets],
            "amiType": spec.ami_type,
            "nodeRole": spec.role_arn,
            "labels": dict(spec.labels),
            "taints": _api_taints(spec),
            "resources": {"autoScalingGroups": [{"name": spec.asg_name}]},
            "diskSize": spec.disk_gib,
            "health": {"issues": list(group.issues)},
            "tags": dict(spec.tags),
        }

    def _update_node_group(self, request: HttpRequest, names: tuple[str, ...]) -> dict[str, Any]:
        body = json.loads(request.body or b"{}")
        scaling = body.get("scalingConfig") or {}
        try:
            group = self._groups.get(names[1])
        except LookupError as error:
            raise _Missing(f"No node group found for name: {names[1]}.") from error
        self._groups.set_bounds(
            names[1],
            min_size=int(scaling.get("minSize", group.min_size)),
            max_size=int(scaling.get("maxSize", group.max_size)),
            desired=int(scaling.get("desiredSize", group.desired)),
            cause="UpdateNodegroupConfig",
        )
        return {"update": {"id": f"update-{names[1]}", "status": "InProgress", "type": "ConfigUpdate", "params": []}}

    def _addon(self, name: str) -> dict[str, Any]:
        found = next((addon for addon in self._estate.addons if addon.name == name), None)
        if found is None:
            raise _Missing(f"No addon: {name} found in cluster: {self._estate.cluster.name}")
        return {
            "addonName": found.name,
            "clusterName": self._estate.cluster.name,
            "status": "ACTIVE",
            "addonVersion": found.version or "",
            "addonArn": found.arn,
            "createdAt": self._started_s,
            "health": {"issues": []},
        }

    def _associations(self, request: HttpRequest) -> list[dict[str, str]]:
        namespace, account = request.query.get("namespace"), request.query.get("serviceAccount")
        return [
            self._summary(one)
            for one in self._estate.pod_identities
            if namespace in {None, one.namespace} and account in {None, one.service_account}
        ]

    def _association(self, association_id: str) -> dict[str, str]:
        for one in self._estate.pod_identities:
            if one.association_id == association_id:
                return {**self._summary(one), "roleArn": one.role_arn}
        raise _Missing(f"The pod identity association {association_id} was not found.")

    def _summary(self, identity: PodIdentity) -> dict[str, str]:
        return {
            "clusterName": self._estate.cluster.name,
            "namespace": identity.namespace,
            "serviceAccount": identity.service_account,
            "associationArn": identity.association_arn,
            "associationId": identity.association_id,
        }


def _api_taints(spec: NodeGroupSpec) -> list[dict[str, str]]:
    effects = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}
    return [{"key": taint.key, "value": taint.value, "effect": effects[taint.effect]} for taint in spec.taints]

"""What kubectl can find out: explain, api-resources, api-versions, cluster-info, version, events; and what there is not."""

from __future__ import annotations

import json
import re

import pytest

from tests.conformance.conftest import Kubectl, column
from tests.conformance.verbs import shows

pytestmark = pytest.mark.slow
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.conformance.example.com}
spec:
  group: conformance.example.com
  scope: Namespaced
  names: {plural: gadgets, kind: Gadget, shortNames: [gd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        description: A gadget is a thing.
        properties:
          spec: {type: object, required: [size], properties: {size: {type: integer, minimum: 1, description: How large it is.}}}
"""


@shows("explain", "explain --recursive", "explain --api-version", "explain -o plaintext-openapiv2")
def test_given_a_kind_then_explain_tells_its_fields_with_their_descriptions(k: Kubectl) -> None:
    said = k("explain", "job.spec.backoffLimit")
    assert said.startswith("GROUP:      batch\nKIND:       Job\nVERSION:    v1\n\nFIELD: backoffLimit <integer>\n")
    assert "Specifies the number of retries before marking this job failed." in " ".join(said.split())
    recursive = k("explain", "deployment", "--recursive")
    assert re.search(r"^ +rollingUpdate\t<RollingUpdateDeployment>\n +maxSurge\t<IntOrString>", recursive, re.MULTILINE)
    assert "VERSION:    v2" in k("explain", "hpa", "--api-version=autoscaling/v2")
    assert "DESCRIPTION:" in k("explain", "pod.spec", "--output=plaintext-openapiv2")
    assert k.fails("explain", "pod.spec.nope") == 'error: field "nope" does not exist\n'


@shows("explain CRD", "get CRD", "apply CRD", "wait --for=condition=Established")
def test_given_a_definition_then_its_kind_is_like_the_built_in_ones(k: Kubectl) -> None:
    k("apply", "-f", "-", stdin=DEFINITION)
    k("wait", "--for=condition=Established", "crd/gadgets.conformance.example.com", "--timeout=20s")
    try:
        said = k("explain", "gadget.spec.size")
        assert "FIELD: size <integer>\n" in said
        assert "How large it is." in said
        gadget = "apiVersion: conformance.example.com/v1\nkind: Gadget\nmetadata: {name: g}\nspec: {size: 3}"
        assert k("apply", "-f", "-", stdin=gadget) == "gadget.conformance.example.com/g created\n"
        assert column(k("get", "gd"), "SIZE") == ["3"]
        refused = k.fails("apply", "-f", "-", stdin=gadget.replace("3", "0"))
        assert "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1" in refused
        assert "gadgets" in k("api-resources", "--api-group=conformance.example.com", "-o", "name")
    finally:
        k("delete", "crd", "gadgets.conformance.example.com")


@shows("api-resources", "api-versions", "cluster-info", "version", "config view")
def test_given_a_cluster_then_it_says_what_it_serves(k: Kubectl) -> None:
    names = k("api-resources", "-o", "name").split()
    assert {"pods", "deployments.apps", "nodes.metrics.k8s.io", "selfsubjectreviews.authentication.k8s.io"} <= set(
        names
    )
    verbs = k("api-resources", "--verbs=list", "--namespaced=false", "-o", "name").split()
    assert "nodes" in verbs
    assert "pods" not in verbs
    assert {"v1", "apps/v1", "batch/v1", "autoscaling/v2", "metrics.k8s.io/v1beta1"} <= set(k("api-versions").split())
    assert "Kubernetes control plane" in k("cluster-info")
    assert json.loads(k("version", "-o", "json"))["serverVersion"]["gitVersion"] == "v1.34.4"
    assert "REDACTED" in k("config", "view")


@shows("events", "events --for", "events --types", "get events")
def test_given_what_happened_then_events_tell_it(k: Kubectl) -> None:
    k.pod("p")
    assert {"Scheduled", "Started"} <= set(column(k("events", "--for", "pod/p"), "REASON"))
    k("run", "broken", "--image=missing:1")
    k(
        "wait",
        "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff",
        "pod/broken",
        "--timeout=50s",
    )
    warnings = k("events", "--types=Warning")
    assert "Failed" in column(warnings, "REASON")
    assert "pod/broken" in column(k("get", "events", "--field-selector=type=Warning"), "OBJECT")


@shows("certificate")
def test_given_what_is_not_served_then_kubectl_is_told_so(k: Kubectl) -> None:
    assert k.fails("get", "csr") == 'error: the server doesn\'t have a resource type "csr"\n'
    assert "the server doesn't have a resource type" in k.fails("certificate", "approve", "x")

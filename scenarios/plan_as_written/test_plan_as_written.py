"""Phase 0: the plan as first written has exactly these mistakes, the plan that is deployed has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.check.command import check

pytestmark = pytest.mark.phase(0)

ROOT = Path(__file__).parents[2]
DAY = "2026-11-23"
CDK, CI, TEMPLATE = "cdk.yaml#", "ci/deploy-pipeline.yml#", "templates/em-pipeline.template.yaml#"
WORKFLOW = "k8s/pipeline-workflow.yaml#Workflow/em-pipeline-workflow"

EXPECTED = {
    "ended-service": ["architecture.yaml#networking"],
    "invalid-property": [
        f"{CDK}EMPipeline-Dev.autoScaling",
        f"{CDK}EMPipeline-Dev.environmentName",
        f"{CDK}EMPipeline-Prod.autoScaling",
        f"{CDK}EMPipeline-Prod.environmentName",
        f"{CDK}EMPipeline-Prod.multiAZ",
        f"{CDK}EMPipelineCluster.kubectlLayer",
        f"{CDK}EMPipelineData.lifecycleRules[0].status",
        f"{CDK}EMPipelineStorage.lifecycle",
        f"{CDK}OpenOrganelleNodes.cluster",
        f"{CDK}spotMixedInstances.spotAllocationStrategy",
    ],
    "static-keys": [
        f"{CI}{job}/credentials" for job in ("build-images", "deploy-application", "deploy-infrastructure")
    ],
    "missing-script": [f"{CI}cloud-integration-tests/outputs"],
    "unknown-bucket": [f"{CI}cloud-integration-tests/outputs"],
    "unknown-option": [f"{CI}cloud-integration-tests/tests", f"{CI}quality-gate/tests"],
    "unknown-cluster": [f"{CI}deploy-application/kubeconfig"],
    "missing-rollout-target": [f"{CI}deploy-application/manifests"],
    "unset-variable": [f"{CI}deploy-application/manifests"],
    "code-not-in-image": [f"compose.yaml#{s}" for s in ("consolidate", "ebi", "epfl", "flyem", "idr", "openorganelle")],
    "savings-are-costs": ["costs.yaml#compute", "costs.yaml#storage"],
    "request-does-not-fit": ["k8s/container-defaults.yaml#LimitRange/container-defaults"],
    "missing-scale-target": ["k8s/hpa-openorganelle.yaml#HorizontalPodAutoscaler/openorganelle-hpa"],
    "workflow-runs-once": [WORKFLOW],
    "background-task-waited-for": [f"{WORKFLOW}/em-pipeline-dag/epfl-background"],
    "undefined-template": [
        f"{WORKFLOW}/em-pipeline-dag/metadata-consolidation",
        f"{WORKFLOW}/em-pipeline-dag/small-loaders-sequential",
    ],
    "no-node-for-pod": [f"{WORKFLOW}/epfl-loader", f"{WORKFLOW}/openorganelle-chunked"],
    "undefined-volume": [f"{WORKFLOW}/epfl-loader"],
    "kubernetes-version": [f"{TEMPLATE}EMPipelineCluster"],
    "bucket-name-twice": [f"{TEMPLATE}EMPipelineData"],
    "tainted-without-label": [f"{TEMPLATE}HeavyWorkloadNodes", f"{TEMPLATE}SmallLoadersNodes"],
    "spot-and-on-demand": [f"{TEMPLATE}OpenOrganelleNodes"],
}


def test_the_plan_as_written_has_exactly_the_known_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(ROOT / "fixtures/plan_as_written", as_of=DAY) == 1
    found: dict[str, set[str]] = {}
    for line in capsys.readouterr().out.splitlines():
        place, _, rest = line.partition(": ")
        found.setdefault(rest.rpartition("[")[2].rstrip("]"), set()).add(place)
    assert {rule: sorted(places) for rule, places in found.items()} == {r: sorted(p) for r, p in EXPECTED.items()}


def test_the_corrected_plan_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(ROOT / "infra/rendered/dev", as_of=DAY) == 0
    assert capsys.readouterr().out == ""

"""A cluster of a Kubernetes version that EKS no longer supports, or supports only at six times the price."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from fixtures.facts import UnknownFact, eks_version, eks_versions
from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "kubernetes-version"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:
    for cluster in plan.of_type("AWS::EKS::Cluster"):
        version = cluster.properties.get("Version")
        if isinstance(version, str | float):
            problem = _problem(str(version), as_of)
            if problem is not None:
                yield Finding(cluster.place, NAME, f"{problem}: use {_newest(as_of)}")


def _problem(version: str, as_of: datetime.date) -> str | None:
    try:
        known = eks_version(version)
    except UnknownFact:
        return f"Kubernetes {version} is no version that EKS is known to have"
    status = known.status(as_of)
    if status == "ended":
        return f"Kubernetes {version} left extended support on {known.end_extended_support}, no cluster of it can be created"
    if status == "extended":
        return f"Kubernetes {version} left standard support on {known.end_standard_support}, its control plane costs six times as much"
    if status == "unreleased":
        return f"EKS does not have Kubernetes {version} yet"
    return None


def _newest(as_of: datetime.date) -> str:
    """The last version in standard support, by the calendar that is known."""
    return next((v.version for v in reversed(eks_versions()) if v.status(as_of) == "standard"), "a supported version")

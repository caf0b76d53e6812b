"""An AWS service that has ended: as a resource type, as objects of its controller, or by name among the services that a plan uses."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from fixtures.facts.services import EndedService, ended_services
from harness.check.finding import Finding
from harness.check.model import Plan

NAME = "ended-service"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:
    for service in ended_services():
        if as_of >= service.ended:
            message = f"{service.name} ended on {service.ended}: use {service.instead}"
            for place in _places(plan, service):
                yield Finding(place, NAME, message)


def _places(plan: Plan, service: EndedService) -> Iterator[str]:
    for resource in plan.resources:
        if resource.type.startswith(service.resource_types):
            yield resource.place
    for manifest in plan.manifests:
        if str(manifest.object["apiVersion"]).split("/")[0] == service.api_group:
            yield manifest.place
    names = {_plain(name) for name in (service.name, *service.also_written)}
    for used in plan.used_services:
        if _plain(used.name) in names:
            yield used.place


def _plain(name: str) -> str:
    return name.lower().removeprefix("aws ").removeprefix("amazon ").strip()

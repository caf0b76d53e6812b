"""The tables: scenario -> steps."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.cluster.api.answers.objects import Step
from tests.harness.cluster.api.answers.tables import (
    admission,
    defaults,
    malformed,
    refusals,
    rules,
    scales,
    schemas,
    writes,
)

TABLES: Mapping[str, Mapping[str, list[Step]]] = {
    "writes": writes.SCENARIOS,
    "defaults": defaults.SCENARIOS,
    "admission": admission.SCENARIOS,
    "refusals": refusals.SCENARIOS,
    "schemas": schemas.SCENARIOS,
    "scales": scales.SCENARIOS,
    "rules": rules.SCENARIOS,
    "malformed": malformed.SCENARIOS,
}

"""An environment that AWS, Kubernetes or the pipeline would refuse cannot be built, and the refusal names the limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from infra.environments import DEV, ENVIRONMENTS
from infra.kubernetes_versions import SUPPORT_LEFT_MIN_DAYS, refuse_unless_supported
from infra.refusal import RefusedValue


def test_given_the_table_then_every_environment_is_named_as_its_key() -> None:
    assert {name: environment.name for name, environment in ENVIRONMENTS.items()} == {"dev": "dev"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Dev_1"}, "1 to 16 of a-z and 0-9"),
        ({"zones": ("us-east-1a",)}, "at least 2 zones"),
        ({"zones": ("us-east-1a", "us-west-2b")}, "a zone of us-east-1 is us-east-1 and one letter"),
        ({"kubernetes_version": "1.28"}, "no end of standard support is recorded"),
        (
            {"kubernetes_version": "1.35"},
            "standard support ends 2027-03-27, 124 days after 2026-11-23, and 183 are wanted",
        ),
        ({"node_pools": (*DEV.node_pools, DEV.node_pools[0])}, "a name may appear once"),
        ({"node_pools": DEV.node_pools[1:]}, "one untainted pool of at least 1 node is needed"),
        ({"image_tag": "latest"}, "other than latest"),
        ({"image_tag": "a" * 129}, "at most 128 characters"),
        ({"chunk_size_mb": 5001}, "at most 5 GB in one"),
        ({"max_workers": 0}, "1 to 64 transfers at once"),
        ({"log_retention_days": 15}, "CloudWatch Logs keeps 1, 3, 5, 7, 14, 30"),
        ({"budget_monthly_usd": 0}, "at least 1 USD"),
    ],
)
def test_given_a_value_beyond_its_limit_when_built_then_it_is_refused_with_the_limit(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(RefusedValue) as refused:
        replace(DEV, **change)
    assert message in str(refused.value)


def test_given_an_unknown_pool_when_asked_for_then_the_pools_are_named() -> None:
    with pytest.raises(RefusedValue, match=r"'small-loaders'.*a workload wants gpu"):
        DEV.pool("gpu")


@pytest.mark.parametrize(
    ("days_before_the_end", "is_refused"), [(SUPPORT_LEFT_MIN_DAYS, False), (SUPPORT_LEFT_MIN_DAYS - 1, True)]
)
def test_given_a_version_near_its_end_then_the_limit_is_exact(days_before_the_end: int, is_refused: bool) -> None:
    on = date.fromordinal(date(2027, 8, 1).toordinal() - days_before_the_end)
    if is_refused:
        with pytest.raises(RefusedValue):
            refuse_unless_supported("1.36", on=on, place="here")
    else:
        refuse_unless_supported("1.36", on=on, place="here")

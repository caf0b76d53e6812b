"""When a fault strikes: by the clock, by the n-th matching request or the n-th matching record."""

from __future__ import annotations

import pytest

from harness.clock import Knock, Record
from harness.faults import OnKnock, OnRecord

PUT = Knock("em-pipeline/w-flyem-1/main/0", "aws", "PutObject", "bucket/flyem/x.ome.zarr/s0/c/0/0/0", 64)


@pytest.mark.parametrize(
    ("trigger", "matches"),
    [
        (OnKnock("PutObject"), True),
        (OnKnock("GetObject"), False),
        (OnKnock("PutObject", pod="em-pipeline/*-flyem-*"), True),
        (OnKnock("PutObject", pod="em-pipeline/*-flyem-*/main/0"), False),  # the pod, not its container
        (OnKnock("PutObject", pod="*-idr-*"), False),
        (OnKnock("PutObject", target="*/s0/c/*"), True),
        (OnKnock("PutObject", target="*/S0/C/*"), False),
        (OnKnock("PutObject", target="*/zarr.json"), False),
    ],
)
def test_a_request_matches_by_operation_pod_and_target(trigger: OnKnock, matches: bool) -> None:
    assert trigger.matches(PUT) is matches


@pytest.mark.parametrize(
    ("trigger", "matches"),
    [
        (OnRecord("PodRunning"), True),
        (OnRecord("PodFailed"), False),
        (OnRecord("PodRunning", subject="Pod/em-pipeline/*-flyem-*"), True),
        (OnRecord("PodRunning", subject="em-pipeline/*-flyem-*"), False),
    ],
)
def test_a_record_matches_by_kind_and_subject(trigger: OnRecord, matches: bool) -> None:
    assert trigger.matches(Record(0, "PodRunning", "Pod/em-pipeline/w-flyem-1", {})) is matches

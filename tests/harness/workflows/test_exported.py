"""The package's public names."""

from __future__ import annotations

import harness.workflows


def test_given_the_package_then_its_public_names_are_these() -> None:
    assert sorted(harness.workflows.__all__) == [
        "ExpressionError",
        "InvalidSpec",
        "NotSupported",
        "REQUEUE_US",
        "Unresolved",
        "WorkflowController",
        "WorkflowError",
    ]
    assert all(hasattr(harness.workflows, name) for name in harness.workflows.__all__)

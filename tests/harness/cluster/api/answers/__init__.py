"""Requests whose answers were recorded from a real control plane, and how ours are compared with them.

`tables/` holds the requests, `fixtures/api-answers/` the recorded answers, one file a table. With HARNESS_CONTROL_PLANE (a
kubeconfig of a real control plane)

    python -m tests.harness.cluster.api.answers.record [TABLE ...]

records them again.
"""

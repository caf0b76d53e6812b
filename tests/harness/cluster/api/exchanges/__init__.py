"""Single requests, down to their headers and raw bodies, whose answers were recorded from a real control plane: lists, watches, forms, unreadable bodies.

`table` holds the requests, `fixtures/api-answers/exchanges.json` the answers. With HARNESS_CONTROL_PLANE (the kubeconfig of a real control plane)

    python -m tests.harness.cluster.api.exchanges.record

records them again. Each is sent to a namespace that holds three secrets.
"""

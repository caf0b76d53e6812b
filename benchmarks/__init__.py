"""Measurements as ratios: against a peer or a limit of the same run. Each is run by itself: `python -m benchmarks.<name>`."""

"""Scenarios are real end to end: pipeline processes, Kubernetes objects, S3 through the gateway, the synthesized templates and the rendered manifests.
Modelled are machines, EC2's spot market and the file system's hardware; time is virtual."""

pytest_plugins = ["harness.plugin"]

"""The `kind` target: real Kubernetes in containers on this machine, on the modelled AWS, at the pace of the wall."""

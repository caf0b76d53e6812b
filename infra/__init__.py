"""The infrastructure of the pipeline: environments, node pools, the CDK app, and the manifests of platform and workloads.

Everything the other rooms may know of this package is what it renders into `infra/rendered/<environment>/`. Modules that import the CDK live in
`infra/stacks/`, `infra/app.py` and `infra/synth.py` only, so the manifests and the digest need no CDK.
"""

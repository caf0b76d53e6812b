"""The pipeline's own manifests: what its pods may do and see, one Job a service (phase 2), and the Argo Workflow of all of them (phase 3)."""

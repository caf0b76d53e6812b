"""The embedded Kubernetes: an object store with its HTTP API, a scheduler, controllers and kubelets, all on one event kernel."""

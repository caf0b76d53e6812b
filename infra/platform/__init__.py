"""What runs in the cluster besides the pipeline: namespaces, priority and storage classes, Cluster Autoscaler, Argo Workflows, the EKS add-ons."""

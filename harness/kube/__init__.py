"""What every Kubernetes program here needs: resource types, objects, quantities, selectors, errors, Reader and Writer, the controller loop and the hooks."""

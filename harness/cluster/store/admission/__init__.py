"""The admission plugins of a default API server, a module each under its upstream name (Kubernetes 1.34), in upstream's order.

First every plugin may change a new object (`admit`), then, after validation, refuse it (`validate`). Not here: webhooks (their configurations are stored, not
called), PodSecurity (its default level allows everything), and what guards certificates and nodes' identities.
"""

from harness.cluster.store.admission.chain import Admission
from harness.cluster.store.admission.defaulttolerationseconds import default_toleration_seconds
from harness.cluster.store.admission.resourcequota import Charge

__all__ = ["Admission", "Charge", "default_toleration_seconds"]

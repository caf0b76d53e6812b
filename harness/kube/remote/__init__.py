"""`Reader` and `Writer` over HTTP: any Kubernetes API server as the two seams through which every program here reads and writes.

`RemoteCluster` is both with what they share. `RemoteReader` keeps an indexed cache fed by list and watch: threads read the streams, the kernel's
thread applies what they post. `RemoteWriter` is one request a call, on the caller's thread: a controller's reconcile waits for the answer, as client-
go's does. Run it on a kernel with `pace=1.0`. The cache may be behind the server, also behind the caller's own writes; a program that cannot bear
that is wrong.
"""

from harness.kube.remote.cluster import RemoteCluster
from harness.kube.remote.kubeconfig import Access, KubeconfigError, read_kubeconfig
from harness.kube.remote.reader import RemoteReader
from harness.kube.remote.transport import Transport, Unreachable
from harness.kube.remote.writer import RemoteWriter

__all__ = [
    "Access",
    "KubeconfigError",
    "RemoteCluster",
    "RemoteReader",
    "RemoteWriter",
    "Transport",
    "Unreachable",
    "read_kubeconfig",
]

"""Conversations with pods: port-forward and exec. `websocket` and `spdy` are the protocols over a `Pipe`; `portforward` and `remotecommand` what is said;
`pods` is the door from a request.
"""

from harness.cluster.api.streaming.pods import PodStreams

__all__ = ["PodStreams"]

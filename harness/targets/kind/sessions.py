"""Credentials for pods on real nodes: who a projected service account token belongs to, and the session of the container that shows it.

A token is judged (`tokens`) and exchanged for the role of its service account's association, as EKS Auth does. It names a pod and no container;
it is taken for the one named main, or the first. Sessions end when that container does, as the API tells it, or with its node. Requests run on threads of
their own; what is known of containers belongs to the kernel's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.clock import Kernel
from harness.cloud.estate import Estate, PodIdentity
from harness.cloud.identity import CredentialsRefused, Identity
from harness.kube.client import Change, Reader
from harness.kube.errors import ApiError, NotFound
from harness.kube.objects import Object, key_of, name_of, namespace_of, uid_of
from harness.kube.remote import Transport
from harness.kube.remote.paths import path_of
from harness.kube.resources import PODS
from harness.targets.kind.tokens import REVIEWS, check_claims, owner_of, refusal, review_of

_MAIN = "main"
_THREADS = 4

PartyChanged = Callable[[str], None]


@dataclass(frozen=True)
class _Open:
    """An open session's container."""

    party: str
    pod: Object  # as it was when it asked
    container: str
    restart: int
    access_key: str


class PodSessions:
    """A `CredentialSource` for tokens of a real API server. `entered` and `left` are told of parties, on the kernel's thread."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        reader: Reader,
        transport: Transport,
        estate: Estate,
        identity: Identity,
        entered: PartyChanged,
        left: PartyChanged,
        wall_clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._transport = transport
        self._estate = estate
        self._identity = identity
        self._entered = entered
        self._left = left
        self._wall_clock_s = wall_clock_s
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="token-review")
        self._open: dict[str, _Open] = {}

    def start(self) -> None:
        """Begin to see containers end. Belongs to the kernel's thread."""
        self._reader.observe(PODS, self._pod_changed)

    def node_gone(self, node: str) -> None:
        """A machine has stopped: its containers ended with it, whatever the API still says. Belongs to the kernel's thread."""
        for entry in [entry for entry in self._open.values() if entry.pod["spec"].get("nodeName") == node]:
            self._end(entry)

    def close(self) -> None:
        """Review no more tokens. Any thread but the kernel's; harmless when called twice."""
        self._threads.shutdown()

    async def retrieve(self, bearer: str) -> Mapping[str, str]:
        """Credentials for the pod of a token. Raises CredentialsRefused."""
        check_claims(bearer, self._wall_clock_s())
        try:
            pod, association = await asyncio.get_running_loop().run_in_executor(self._threads, self._judge, bearer)
            return await asyncio.wrap_future(self._kernel.submit(lambda: self._credentials(pod, association)))
        except RuntimeError as error:  # of threads and a kernel that are closed: pods outlive their world by moments
            raise CredentialsRefused(500, f"Unable to open a session: {error}") from error

    def _judge(self, bearer: str) -> tuple[Object, PodIdentity]:
        """What takes requests: the token's pod as it is now, and its association."""
        try:
            owner = owner_of(self._transport.request("POST", REVIEWS, None, review_of(bearer)))
            association = self._estate.pod_identity(owner.namespace, owner.service_account)
            if association is None:
                raise refusal(
                    404,
                    "ResourceNotFoundException",
                    f"No Pod Identity association found for service account {owner.namespace}/{owner.service_account}",
                )
            # asked of the server, as the cache may not have seen the container start
            pod = self._transport.request("GET", path_of(PODS, owner.namespace, owner.pod))
        except NotFound as error:
            raise refusal(400, "InvalidTokenException", f"The token's pod has gone: {error.message}") from error
        except ApiError as error:
            raise CredentialsRefused(500, f"Unable to review the service account token: {error.message}") from error
        if uid_of(pod) != owner.uid:
            raise refusal(400, "InvalidTokenException", f"The token is of another pod named {owner.pod}")
        return pod, association

    # On the kernel's thread

    def _credentials(self, pod: Object, association: PodIdentity) -> Mapping[str, str]:
        container = container_of(pod)
        restart = live_restart(pod, container)
        cached = self._reader.get(PODS, namespace_of(pod), name_of(pod))
        over = cached is not None and uid_of(cached) == uid_of(pod) and has_ended(cached, container, restart or 0)
        if restart is None or over:
            raise refusal(400, "InvalidTokenException", f"Container {container} of the token's pod has ended")
        party = f"{key_of(pod)}/{container}/{restart}"
        for former in [entry for entry in self._open.values() if _is_former(entry, pod, party)]:
            self._end(former)
        known = self._open.get(party)
        session = None if known is None else self._identity.session(known.access_key)
        if session is None:
            session = self._identity.open(party, pod, association)
            self._open[party] = _Open(party, pod, container, restart, session.access_key)
            self._entered(party)
        return self._identity.credentials(session)

    def _pod_changed(self, change: Change, pod: Object, _old: Object | None) -> None:
        for entry in [entry for entry in self._open.values() if key_of(entry.pod) == key_of(pod)]:
            same = uid_of(entry.pod) == uid_of(pod)
            if same and (change == "DELETED" or has_ended(pod, entry.container, entry.restart)):
                self._end(entry)

    def _end(self, entry: _Open) -> None:
        del self._open[entry.party]
        self._identity.close_session(entry.party)
        self._left(entry.party)


def container_of(pod: Object) -> str:
    """The container that a pod's token is taken for."""
    names = [str(container["name"]) for container in pod["spec"]["containers"]]
    return _MAIN if _MAIN in names else names[0]


def live_restart(pod: Object, container: str) -> int | None:
    """Which start of `container` it is that runs now, of a pod that shows a sign of life; None when it will not start again.

    The kubelet tells of a start up to seconds later: a container that it calls ended is then the one before.
    """
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return None
    status = _status(pod, container)
    if status is None:
        return 0
    restarts, ended = int(status.get("restartCount") or 0), _termination(status)
    if ended is None:
        return restarts
    policy = pod["spec"].get("restartPolicy") or "Always"
    again = policy == "Always" or (policy == "OnFailure" and ended.get("exitCode") != 0)
    return restarts + 1 if again else None


def has_ended(pod: Object, container: str, restart: int) -> bool:
    """Whether a pod's status says that a start of `container` is over; a status from before that start does not."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return True
    status = _status(pod, container)
    if status is None:
        return False
    restarts = int(status.get("restartCount") or 0)
    return restarts > restart or (restarts == restart and _termination(status) is not None)


def _status(pod: Object, container: str) -> Mapping[str, Any] | None:
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status["name"] == container:
            found: Mapping[str, Any] = status
            return found
    return None


def _termination(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How the start that `restartCount` counts has ended, also while the container waits for its next one."""
    state = status.get("state") or {}
    if "running" in state:
        return None
    found: Mapping[str, Any] | None = state.get("terminated") or (status.get("lastState") or {}).get("terminated")
    return found


def _is_former(entry: _Open, pod: Object, party: str) -> bool:
    """Whether an open session is of an earlier start of this pod, or of an earlier pod of its name."""
    return key_of(entry.pod) == key_of(pod) and (entry.party != party or uid_of(entry.pod) != uid_of(pod))

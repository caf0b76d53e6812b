"""Who is who: temporary credentials of pods (EKS Pod Identity), the endpoint that hands them out, and the role behind an
access key.

Follows EKS Pod Identity: one role per namespace and service account, from the template's associations; the agent
answers `GET /v1/credentials` for the token that the pod's projected token file holds. Access keys follow from the
seed and the pod; `Expiration` is wall time, because the pod's process compares it with its own clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from harness.clock import HOUR, SECOND, format_time
from harness.cloud.estate import Estate, PodIdentity
from harness.cloud.serving import Served, ServerThread
from harness.kube.objects import Object

_LIFETIME_US = 6 * HOUR


@dataclass(frozen=True)
class Session:
    """The credentials of one container start."""

    party: str
    role_arn: str
    role_name: str
    session_name: str
    access_key: str
    secret_key: str
    session_token: str
    bearer: str  # what the projected token file holds


class Identity:
    """Sessions by access key and by bearer token. `open` and `close_session` belong to the kernel's thread; look-ups may come from any."""

    def __init__(self, estate: Estate, *, seed: int, wall_clock_s: Callable[[], float]) -> None:
        self._estate = estate
        self._seed = seed
        self._wall_clock_s = wall_clock_s
        self._by_access_key: dict[str, Session] = {}
        self._by_bearer: dict[str, Session] = {}

    def open(self, party: str, pod: Object, identity: PodIdentity) -> Session:
        """Credentials for `party`, a container of `pod`, with the role of `identity`."""
        metadata = pod["metadata"]
        digest = hashlib.sha256(f"{self._seed}/{party}/{metadata.get('uid')}".encode()).hexdigest()
        session = Session(
            party=party,
            role_arn=identity.role_arn,
            role_name=identity.role_name,
            session_name=f"eks-{self._estate.cluster.name}-{metadata['name']}"[:64],
            access_key=f"ASIA{digest[:16].upper()}",
            secret_key=digest[16:56],
            session_token=f"pod-identity-{digest}",
            bearer=f"token-{digest[::-1]}",
        )
        self._by_access_key[session.access_key] = session
        self._by_bearer[session.bearer] = session
        return session

    def close_session(self, party: str) -> None:
        """The container has ended: its credentials mean nothing any more."""
        for session in [session for session in self._by_access_key.values() if session.party == party]:
            del self._by_access_key[session.access_key]
            del self._by_bearer[session.bearer]

    def party_of(self, access_key: str) -> str | None:
        """The party that an access key was given to."""
        session = self._by_access_key.get(access_key)
        return None if session is None else session.party

    def session(self, access_key: str) -> Session | None:
        """The session of an access key."""
        return self._by_access_key.get(access_key)

    def credentials(self, bearer: str) -> dict[str, str] | None:
        """The body of `GET /v1/credentials`; None for a token of nobody."""
        session = self._by_bearer.get(bearer)
        if session is None:
            return None
        expires_us = round(self._wall_clock_s() * SECOND) + _LIFETIME_US
        return {
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret_key,
            "Token": session.session_token,
            "AccountId": self._estate.account_id,
            "Expiration": format_time(expires_us),
        }


class CredentialEndpoint:
    """The Pod Identity Agent's HTTP face; one listener serves all pods, the token tells them apart."""

    def __init__(self, identity: Identity, servers: ServerThread) -> None:
        self._identity = identity
        self._servers = servers
        self._served: Served | None = None

    def start(self) -> str:
        """Listen; the URL of the credentials."""
        application = web.Application()
        application.router.add_get("/v1/credentials", self._credentials)
        self._served = self._servers.serve(application)
        return f"{self._served.url}/v1/credentials"

    def close(self) -> None:
        """Stop listening; harmless when called twice."""
        served, self._served = self._served, None
        if served is not None:
            self._servers.stop_serving(served)

    async def _credentials(self, request: web.Request) -> web.Response:
        bearer = request.headers.get("Authorization", "")
        if not bearer:
            return web.Response(status=400, text="Service account token cannot be empty")
        found = self._identity.credentials(bearer)
        if found is None:
            return web.Response(
                status=401, text="(AccessDeniedException): Unauthorized Exception! EKS does not have permissions"
            )
        return web.Response(body=json.dumps(found).encode(), content_type="application/json")

"""Who is who: temporary credentials of pods (EKS Pod Identity), the endpoint that hands them out, and the role behind an
access key.

Follows EKS Pod Identity: one role per namespace and service account, from the template's associations; the agent
answers `GET /v1/credentials` for the token that the pod's projected token file holds. Access keys follow from the
seed and the pod; `Expiration` is wall time, because the pod's process compares it with its own clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

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


class CredentialsRefused(Exception):
    """No credentials for that token: the agent's status code and text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class CredentialSource(Protocol):
    """What stands behind the endpoint: on a modelled node the sessions themselves, on a real one whoever reviews real tokens."""

    async def retrieve(self, bearer: str) -> Mapping[str, str]:
        """The body of `GET /v1/credentials` for a token, on the servers' thread, which it must not block. Raises CredentialsRefused."""


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

    def credentials(self, session: Session) -> dict[str, str]:
        """The body of `GET /v1/credentials` for the container of a session."""
        expires_us = round(self._wall_clock_s() * SECOND) + _LIFETIME_US
        return {
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret_key,
            "Token": session.session_token,
            "AccountId": self._estate.account_id,
            "Expiration": format_time(expires_us),
        }

    async def retrieve(self, bearer: str) -> Mapping[str, str]:
        """Credentials for a token that `open` made up. Raises CredentialsRefused."""
        session = self._by_bearer.get(bearer)
        if session is None:
            raise CredentialsRefused(
                401, "(AccessDeniedException): Unauthorized Exception! EKS does not have permissions"
            )
        return self.credentials(session)


class CredentialEndpoint:
    """The Pod Identity Agent's HTTP face; one listener serves all pods, the token tells them apart."""

    def __init__(self, source: CredentialSource, servers: ServerThread) -> None:
        self._source = source
        self._servers = servers
        self._served: Served | None = None

    def start(self) -> str:
        """Listen; the URL of the credentials."""
        application = web.Application()
        application.router.add_get("/v1/credentials", self._credentials)
        self._served = self._servers.serve(application)
        return f"{self._served.url}/v1/credentials"

    @property
    def port(self) -> int:
        """Where a node's agent forwards the link-local address to. Raises RuntimeError before `start`."""
        if self._served is None:
            raise RuntimeError("the credential endpoint does not listen: call start() first")
        return self._served.port

    def turn_to(self, source: CredentialSource) -> None:
        """From now on `source` answers: one that needs the cluster, and so comes after the endpoint."""
        self._source = source

    def close(self) -> None:
        """Stop listening; harmless when called twice."""
        served, self._served = self._served, None
        if served is not None:
            self._servers.stop_serving(served)

    async def _credentials(self, request: web.Request) -> web.Response:
        bearer = request.headers.get("Authorization", "")
        if not bearer:
            return web.Response(status=400, text="Service account token cannot be empty")
        try:
            found = await self._source.retrieve(bearer)
        except CredentialsRefused as refusal:
            return web.Response(status=refusal.status, text=refusal.message)
        return web.Response(body=json.dumps(dict(found)).encode(), content_type="application/json")

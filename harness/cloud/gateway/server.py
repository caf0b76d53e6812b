"""The one AWS endpoint: names each call, lets a pod's call wait at its door, forwards it to the stand-in, counts it.

The way of a call of a pod: it is read whole; it knocks at the door "aws" with its size, where rules and observers see
it; when it may pass it takes its turn (`turnstile`) and is answered by the model (`answers`) or the stand-in; the
answer knocks at "aws-answer", whose toll is the transfer of its bytes, and goes out. Both policies run on the
kernel's thread in the order of the parties' names. A party that ended meanwhile gets nothing forwarded: its upload
was cut. Signatures are not verified, here or by moto. Public AWS is never contacted: what is not answered here goes
to the stand-in and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from harness.clock import Kernel, Knock, Timeline, Toll
from harness.cloud.gateway.calls import Answer, Call, HttpRequest, bucket_and_key, credentials_of, name_call
from harness.cloud.gateway.counters import Counters
from harness.cloud.gateway.errors import Reply, error_reply
from harness.cloud.gateway.integrity import corrupt_upload
from harness.cloud.gateway.rates import Rates
from harness.cloud.gateway.turnstile import Scope, Turnstile
from harness.cloud.gateway.verdicts import DROP, LOSE_ACKNOWLEDGEMENT, Delay, Rule, fault_of, refusal_in
from harness.cloud.serving import BODY_BYTES_MAX, Served, ServerThread

DOOR = "aws"
ANSWER_DOOR = "aws-answer"

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "host", "content-length"}
)


class Callers(Protocol):
    """Who an access key belongs to."""

    def party_of(self, access_key: str) -> str | None:
        """The party, None for a key of nobody here."""


class ModelAnswers(Protocol):
    """What the model answers instead of the stand-in."""

    def answer(self, call: Call, request: HttpRequest, access_key: str | None) -> Reply | None:
        """On the kernel's thread; None leaves the call to the stand-in."""


@dataclass(frozen=True)
class _CallKnock(Knock):
    call: Call


@dataclass(frozen=True)
class _AnswerKnock(Knock):
    answer: Answer


class Gateway:
    """The endpoint. `rules`, `on_call` and `on_answer` are used on the kernel's thread; the rest may be called from anywhere."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        timeline: Timeline,
        servers: ServerThread,
        standin_url: str,
        callers: Callers,
        answers: ModelAnswers,
        rates: Rates,
    ) -> None:
        self._kernel = kernel
        self._timeline = timeline
        self._servers = servers
        self._standin_url = standin_url
        self._callers = callers
        self._answers = answers
        self._rates = rates
        self._turnstile = Turnstile()
        self._session: aiohttp.ClientSession | None = None
        self._served: Served | None = None
        self.rules: list[Rule] = []
        self.on_call: list[Callable[[Call], None]] = []
        self.on_answer: list[Callable[[Answer], None]] = []
        self.counters = Counters()

    def start(self) -> str:
        """Open the doors and listen; the endpoint's URL."""
        self._kernel.call(self._open_doors)
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._session = self._servers.run(self._open_session())
        self._served = self._servers.serve(application)
        return self._served.url

    def close(self) -> None:
        """Stop listening; harmless when called twice."""
        served, self._served = self._served, None
        session, self._session = self._session, None
        if served is not None:
            self._servers.stop_serving(served)
        if session is not None:
            self._servers.run(session.close())

    @property
    def url(self) -> str:
        """The endpoint's URL. Raises RuntimeError before `start`."""
        if self._served is None:
            raise RuntimeError("the gateway does not listen: call start() first")
        return self._served.url

    async def _open_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    def _open_doors(self) -> None:
        self._kernel.parties.open_door(DOOR, self._weigh_call)
        self._kernel.parties.open_door(ANSWER_DOOR, self._weigh_answer)

    def _weigh_call(self, knock: Knock) -> Toll:
        """The door's policy: what the way there takes, and whether a fault is due."""
        assert isinstance(knock, _CallKnock)
        call = knock.call
        for observer in tuple(self.on_call):
            observer(call)
        delay_us = self._rates.request_us(call.size_bytes)
        for rule in tuple(self.rules):
            verdict = rule.matches(call)
            if verdict is None:
                continue
            extra_us = verdict.delay_us if isinstance(verdict, Delay) else 0
            fault = fault_of(verdict)
            self._timeline.record(
                "FaultFired",
                f"Call/{call.party}",
                rule=rule.name,
                verdict=fault or f"delay {extra_us} us",
                operation=call.operation,
                target=call.target,
            )
            return Toll(delay_us + extra_us, fault)
        return Toll(delay_us)

    def _weigh_answer(self, knock: Knock) -> Toll:
        """The door's policy on the way back: only the bytes."""
        assert isinstance(knock, _AnswerKnock)
        self._count(knock.answer)
        return Toll(self._rates.transfer_us(knock.size_bytes))

    def _count(self, answer: Answer) -> None:
        self.counters.add(answer)
        for observer in tuple(self.on_answer):
            observer(answer)

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        request = HttpRequest(
            method=incoming.method,
            path=incoming.raw_path.partition("?")[0],
            query=dict(incoming.query),
            headers={name.lower(): value for name, value in incoming.headers.items()},
            body=await incoming.read(),
        )
        access_key, service = credentials_of(request)
        operation, target = name_call(request, service)
        party = (self._callers.party_of(access_key) if access_key else None) or ""
        call = Call(party, service, operation, target, len(request.body))
        fault: str | None = None
        if party:
            knock = _CallKnock(party, DOOR, operation, target, call.size_bytes, call)
            grant = await asyncio.wrap_future(self._kernel.parties.arrive(knock))
            if grant.abandoned or grant.fault == DROP:
                return _cut(incoming)
            fault = grant.fault
        refusal = refusal_in(fault)
        refused = error_reply(service, refusal.status, refusal.code, refusal.message) if refusal is not None else None
        if refused is None and service == "s3":
            refused = corrupt_upload(request)
        if refused is not None:
            reply = _from_reply(refused)
        else:
            async with self._turnstile.turn(_scope(service, request)):
                reply = await self._answer(call, request, incoming, access_key)
        body = reply.body if isinstance(reply.body, bytes) else b""
        answer = Answer(call, reply.status, len(body))
        if party:
            answered = f"{operation}:answer"  # so that whoever counts knocks of an operation counts each call once
            answer_knock = _AnswerKnock(party, ANSWER_DOOR, answered, target, answer.size_bytes, answer)
            grant = await asyncio.wrap_future(self._kernel.parties.arrive(answer_knock))
            if grant.abandoned or fault == LOSE_ACKNOWLEDGEMENT:
                return _cut(incoming)
        else:
            self._kernel.post(lambda: self._count(answer))
        return reply

    async def _answer(
        self, call: Call, request: HttpRequest, incoming: web.Request, access_key: str | None
    ) -> web.Response:
        answering = self._kernel.submit(lambda: self._answers.answer(call, request, access_key))
        known = await asyncio.wrap_future(answering)
        if known is not None:
            return _from_reply(known)
        return await self._forward(request, incoming)

    async def _forward(self, request: HttpRequest, incoming: web.Request) -> web.Response:
        if self._session is None:
            raise web.HTTPServiceUnavailable(text="the gateway is closing")
        headers = _passed_on(incoming.headers)
        url = URL(self._standin_url + incoming.raw_path, encoded=True)
        async with self._session.request(
            request.method, url, headers=headers, data=request.body or None, allow_redirects=False
        ) as answer:
            body = await answer.read()
            passed = _passed_on(answer.headers)
            if request.method == "HEAD" and "Content-Length" in answer.headers:
                passed["Content-Length"] = answer.headers["Content-Length"]
                return web.Response(status=answer.status, headers=passed)
            return web.Response(status=answer.status, body=body, headers=passed)


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


def _from_reply(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status, body=reply.body, headers={**reply.headers, "Content-Type": reply.content_type}
    )


def _cut(incoming: web.Request) -> web.StreamResponse:
    """Break the connection without a word."""
    if incoming.transport is not None:
        incoming.transport.abort()
    return web.Response()


def _scope(service: str, request: HttpRequest) -> Scope:
    if service != "s3":
        return (service,)
    bucket, key = bucket_and_key(request)
    return tuple(part for part in (service, bucket, key) if part)

"""Answers that go on: watches, and logs that are followed."""

from __future__ import annotations

import asyncio

from aiohttp import web

from harness.clock import Kernel
from harness.cluster.api import answers, logs
from harness.cluster.api.calls import Call, existing, on_kernel
from harness.cluster.api.listing import parse_filter
from harness.cluster.api.watches import BOOKMARK_S, Hub, Lines, Subscription, begin, error_line, parse_watch
from harness.cluster.store import Store
from harness.kube.errors import ApiError, BadRequest
from harness.kube.resources import PODS

_FOLLOW_S = 0.1


class Streams:
    """Serves the calls whose answer has no end of its own."""

    def __init__(self, kernel: Kernel, store: Store, hub: Hub, log_path: logs.LogPath) -> None:
        self._kernel = kernel
        self._store = store
        self._hub = hub
        self._log_path = log_path

    async def log(self, call: Call) -> web.StreamResponse:
        """A container's log, and what is added to it until the container ends."""
        namespace, name = call.route.namespace or "", call.route.name
        pod = (await on_kernel(self._kernel, lambda: existing(self._store, call))).obj
        options = logs.parse_log_options(pod, call.query)
        logs.require_log(pod, options)
        path = await on_kernel(
            self._kernel, lambda: self._log_path(namespace, name, options.container, options.previous)
        )
        if path is None:
            raise BadRequest(f'container "{options.container}" in pod "{name}" has no log: it never ran here')
        tail = logs.Tail(path, options)
        if not options.follow:
            return answers.answer(tail.read(), content_type="text/plain")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(call.request)
        restarts = int((logs.container_status(pod, options.container) or {}).get("restartCount", 0))
        subscription = self._hub.subscribe(PODS)
        try:
            ended = False
            while not ended and not subscription.closed:
                present = await on_kernel(self._kernel, lambda: self._store.get(PODS, namespace, name))
                ended = logs.has_ended(present, options.container, restarts)
                written = tail.read()
                if written:
                    await response.write(written)
                elif not ended:
                    await subscription.take(_FOLLOW_S)
        finally:
            self._hub.unsubscribe(PODS, subscription)
        return response

    async def watch(self, call: Call) -> web.StreamResponse:
        """A line for each change."""
        options, wanted = parse_watch(call.query), parse_filter(call.served, call.route, call.query)
        lines = Lines(call.served, wanted, call.table())
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        response.enable_chunked_encoding()
        resource = call.served.resource
        subscription = self._hub.subscribe(resource)
        try:
            try:
                (objects, entries, version), now_us = await on_kernel(
                    self._kernel, lambda: (begin(self._store, call.served, options, wanted.namespace), self._kernel.now)
                )
            except ApiError as error:
                await response.prepare(call.request)
                await response.write(error_line(error))
                return response
            await response.prepare(call.request)
            first = [*lines.present(objects, now_us), *lines.changes(entries, now_us)]
            if options.initial_events and options.bookmarks:
                first.append(lines.bookmark(version, initial_end=True))
            if first:
                await response.write(b"".join(first))
            await self._follow_changes(
                response, subscription, lines, version, options.timeout_s, bookmarks=options.bookmarks
            )
        finally:
            self._hub.unsubscribe(resource, subscription)
        return response

    async def _follow_changes(
        self,
        response: web.StreamResponse,
        subscription: Subscription,
        lines: Lines,
        version: int,
        timeout_s: float,
        *,
        bookmarks: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while not subscription.closed and (left_s := end - loop.time()) > 0:
            entries = [entry for entry in await subscription.take(min(left_s, BOOKMARK_S)) if entry.version > version]
            if entries:
                version = entries[-1].version
                written = b"".join(lines.changes(entries, self._kernel.now))
            else:
                written = lines.bookmark(version) if bookmarks else b""
            if written:
                await response.write(written)

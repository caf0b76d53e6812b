"""Answers that go on: watches, and logs that are followed."""

from __future__ import annotations

import asyncio

from harness.clock import Kernel
from harness.cluster.api import answers, logs
from harness.cluster.api.bridge import Bridge
from harness.cluster.api.calls import Call, existing
from harness.cluster.api.http import Response
from harness.cluster.api.hub import Hub, Watch
from harness.cluster.api.lines import Lines, error_line
from harness.cluster.api.listing import parse_filter
from harness.cluster.api.watches import begin, parse_watch
from harness.cluster.store import Store
from harness.kube.errors import ApiError, BadRequest
from harness.kube.resources import PODS

_FOLLOW_S = 0.1
_FIRST_LINES = 500  # of the present state that are sent at once, before a slow client is waited for


class Streams:
    """Serves the calls whose answer has no end of its own."""

    def __init__(self, kernel: Kernel, store: Store, bridge: Bridge, hub: Hub, log_path: logs.LogPath) -> None:
        self._kernel = kernel
        self._store = store
        self._bridge = bridge
        self._hub = hub
        self._log_path = log_path

    async def log(self, call: Call) -> Response | None:
        """A container's log, and what is added to it until the container ends."""
        namespace, name = call.route.namespace or "", call.route.name
        pod = existing(self._store, call).obj
        options = logs.parse_log_options(pod, call.query, self._kernel.present)
        logs.require_log(pod, options)
        path = await self._bridge(lambda: self._log_path(namespace, name, options.container, options.previous))
        if path is None:
            raise BadRequest(f'container "{options.container}" in pod "{name}" has no log: it never ran here')
        tail = logs.Tail(path, options, lambda: self._kernel.present)
        if not options.follow:
            return answers.answer(tail.read(), content_type="text/plain")
        stream = call.request.stream("text/plain")
        restarts = int((logs.container_status(pod, options.container) or {}).get("restartCount", 0))
        ended = False
        while not ended:
            present = self._store.stored(PODS, namespace, name)
            ended = logs.has_ended(None if present is None else present.obj, options.container, restarts)
            written = tail.read(final=ended)
            stream.write(written)
            await stream.drain()
            if not written and not ended:
                await asyncio.sleep(_FOLLOW_S)
        return None

    def _present(self) -> int:
        return self._store.version

    async def watch(self, call: Call) -> None:
        """A line for each change."""
        options, wanted = parse_watch(call.query), parse_filter(call.served, call.route, call.query)
        lines = Lines(call.served, wanted, call.form)
        if options.version is None:
            await self._hub.reach(options.at_least, self._present)
        watch = Watch(lines, bookmarks=options.bookmarks, now=lambda: self._kernel.present)
        self._hub.add(watch)
        loop, timers = asyncio.get_running_loop(), list[asyncio.TimerHandle]()
        try:
            stream = call.request.stream("application/json")
            timers.append(loop.call_later(options.timeout_s, watch.end))
            try:
                objects, entries, version = await self._bridge(
                    lambda: begin(self._store, call.served, options, wanted.namespace)
                )
            except ApiError as error:
                stream.write(error_line(error))
                return
            now_us = self._kernel.present
            for first in range(0, len(objects), _FIRST_LINES):
                stream.write(b"".join(lines.present(objects[first : first + _FIRST_LINES], now_us)))
                await stream.drain()
            stream.write(b"".join(lines.changes(entries, now_us)))
            if options.initial_events and options.bookmarks:
                stream.write(lines.bookmark(version, initial_end=True))
            watch.begin(stream, version)
            if options.bookmarks and options.last_bookmark_s is not None and version <= self._present():
                timers.append(loop.call_later(options.last_bookmark_s, watch.mark))
            await watch.ended
        finally:
            for timer in timers:
                timer.cancel()
            self._hub.remove(watch)

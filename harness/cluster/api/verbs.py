"""The verbs of the API over HTTP: decode, act on the kernel's thread, encode off it. A table says which function serves which verb of which subresource."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from harness.clock import Kernel
from harness.cluster.api import answers, bodies, logs
from harness.cluster.api.bridge import Bridge
from harness.cluster.api.calls import Call, existing, refuse_force, require_manager
from harness.cluster.api.http import Response
from harness.cluster.api.hub import Hub
from harness.cluster.api.listing import Listing, TooLargeVersion, parse_listing, parse_version
from harness.cluster.api.scaling import Scaling
from harness.cluster.api.streaming import PodStreams
from harness.cluster.api.streams import Streams
from harness.cluster.api.watches import InvalidVersion
from harness.cluster.store import Store, Stored
from harness.cluster.store.types import find_message
from harness.kube.errors import BadRequest, MethodNotAllowed
from harness.kube.objects import Object
from harness.kube.resources import PODS

_AT_ONCE_MAX = 500  # objects of a list that are filtered and encoded on the HTTP thread, where others wait meanwhile
Answer = Response | Coroutine[Any, Any, Response | None]
Handler = Callable[[Call], Answer]


class Verbs:
    """Serves calls. What needs the store goes over the bridge to the kernel's thread; only a get looks for itself."""

    def __init__(
        self, kernel: Kernel, store: Store, bridge: Bridge, hub: Hub, log_path: logs.LogPath, pods: PodStreams
    ) -> None:
        self._kernel = kernel
        self._store = store
        self._bridge = bridge
        self._hub = hub
        scaling = Scaling(store, bridge)
        streams = Streams(kernel, store, bridge, hub, log_path)
        change: Mapping[str, Handler] = {"get": self._get, "update": self._update, "patch": self._patch}
        self._handlers: Mapping[tuple[str, str], Handler] = {
            ("", "get"): self._get,
            ("", "list"): self._list,
            ("", "watch"): streams.watch,
            ("", "create"): self._create,
            ("", "update"): self._update,
            ("", "patch"): self._patch,
            ("", "delete"): self._delete,
            ("", "deletecollection"): self._delete_collection,
            **{("status", verb): handler for verb, handler in change.items()},
            ("finalize", "update"): self._update,
            ("log", "get"): streams.log,
            **{("portforward", verb): pods.forward for verb in ("get", "create")},
            **{("exec", verb): pods.exec for verb in ("get", "create")},
            **{("attach", verb): pods.attach for verb in ("get", "create")},
            ("binding", "create"): self._bind,
            ("eviction", "create"): self._evict,
            ("scale", "get"): scaling.get,
            ("scale", "update"): scaling.change,
            ("scale", "patch"): scaling.change,
        }

    def serve(self, call: Call) -> Answer:
        """Answer a call. Raises ApiError."""
        handler = self._handlers.get((call.route.subresource, call.verb))
        if handler is None:
            text = (
                f"{call.verb} is not supported on {'/'.join(filter(None, (call.route.plural, call.route.subresource)))}"
            )
            raise MethodNotAllowed(text, details={"kind": call.route.plural})
        return handler(call)

    async def wanted(self, call: Call) -> Mapping[str, Any]:
        """What a create, an update or a patch would store, without storing it: for who decides whether it may be. Raises ApiError."""
        if call.verb != "patch":
            obj = self._decoded(call)
            return {**obj, "metadata": {"name": call.route.name, **obj["metadata"]}}
        route = call.route
        place = (call.served.resource, route.namespace, route.name)
        if bodies.is_apply(call.content_type):
            config, manager = bodies.decode_config(call.request.body, call.check), require_manager(call)
            apply = partial(self._store.apply, *place, config, manager=manager, force=True, dry_run=True)
            return (await self._bridge(apply))[0]
        patch, kind = bodies.decode_patch(call.request.body, call.content_type, call.served)
        return await self._bridge(lambda: self._store.patch(*place, patch, kind=kind, dry_run=True))

    def _get(self, call: Call) -> Answer:
        """Answered at once: a write is answered only when it can be seen here, and a stored version never changes."""
        if call.query.get("resourceVersion", "0") not in {"", "0"}:
            return self._get_not_older(call)
        return self._one(call, existing(self._store, call), self._kernel.present)

    async def _get_not_older(self, call: Call) -> Response:
        version = parse_version(call.query["resourceVersion"], InvalidVersion)
        await self._hub.reach(version, lambda: self._store.version)
        if version > self._store.version:
            raise TooLargeVersion.of(version, self._store.version)
        return self._one(call, existing(self._store, call), self._kernel.present)

    async def _list(self, call: Call) -> Response:
        listing = parse_listing(call.served, call.route, call.query)
        await self._hub.reach(listing.newest, lambda: self._store.version)
        (candidates, version), now_us = await self._bridge(lambda: (listing.read(self._store), self._kernel.now))
        if len(candidates) <= _AT_ONCE_MAX:
            return _listed(call, listing, candidates, version, now_us)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, _listed, call, listing, candidates, version, now_us)

    async def _create(self, call: Call) -> Response:
        obj, manager = self._decoded(call), call.manager
        dry_run = bodies.is_dry_run(call.query.get("dryRun"))

        def act() -> Stored:
            created = self._store.create(call.served.resource, obj, manager=manager, dry_run=dry_run, strict=call.check)
            return self._stored(call, created)

        stored, now_us = await self._bridge(lambda: (act(), self._kernel.now))
        return self._one(call, stored, now_us, status=201)

    async def _update(self, call: Call) -> Response:
        obj, manager = self._decoded(call), call.manager
        name = obj["metadata"].setdefault("name", call.route.name)
        if name != call.route.name:
            raise BadRequest(f"the name of the object ({name}) does not match the name on the URL ({call.route.name})")
        dry_run = bodies.is_dry_run(call.query.get("dryRun"))

        def act() -> Stored:
            replaced = self._store.replace(
                call.served.resource,
                obj,
                subresource=call.route.subresource,
                manager=manager,
                dry_run=dry_run,
                strict=call.check,
            )
            return self._stored(call, replaced)

        stored, now_us = await self._bridge(lambda: (act(), self._kernel.now))
        return self._one(call, stored, now_us)

    async def _patch(self, call: Call) -> Response:
        if bodies.is_apply(call.content_type):
            return await self._apply(call)
        refuse_force(call)
        route, manager = call.route, call.manager
        patch, kind = bodies.decode_patch(call.request.body, call.content_type, call.served, call.check)
        dry_run = bodies.is_dry_run(call.query.get("dryRun"))

        def act() -> Stored:
            patched = self._store.patch(
                call.served.resource,
                route.namespace,
                route.name,
                patch,
                kind=kind,
                subresource=route.subresource,
                manager=manager,
                dry_run=dry_run,
                strict=call.check,
            )
            return self._stored(call, patched)

        stored, now_us = await self._bridge(lambda: (act(), self._kernel.now))
        return self._one(call, stored, now_us)

    async def _apply(self, call: Call) -> Response:
        """Server-side apply: 201 when it created the object."""
        route, manager = call.route, require_manager(call)
        config = bodies.decode_config(call.request.body, call.check)
        dry_run = bodies.is_dry_run(call.query.get("dryRun"))

        def act() -> tuple[Stored, bool]:
            applied, created = self._store.apply(
                call.served.resource,
                route.namespace,
                route.name,
                config,
                manager=manager,
                force=call.query.get("force") in {"true", "1"},
                subresource=route.subresource,
                dry_run=dry_run,
                strict=call.check,
            )
            return self._stored(call, applied), created

        (stored, created), now_us = await self._bridge(lambda: (act(), self._kernel.now))
        return self._one(call, stored, now_us, status=201 if created else 200)

    async def _delete(self, call: Call) -> Response:
        options = bodies.delete_options(call.request.body, call.content_type, call.query)

        def act() -> tuple[Object, bool]:
            obj = self._delete_one(call, call.route.namespace, call.route.name, options)
            if options.dry_run:
                return obj, "deletionTimestamp" not in obj["metadata"]
            return obj, self._store.stored(call.served.resource, call.route.namespace, call.route.name) is None

        obj, gone = await self._bridge(act)
        if gone and call.served.resource != PODS:
            return answers.answer_value(answers.success(call.served.resource, obj))
        return answers.answer(answers.face(call.served, self._kernel.now)(Stored(obj, 0)))

    async def _delete_collection(self, call: Call) -> Response:
        options = bodies.delete_options(call.request.body, call.content_type, call.query)
        listing = parse_listing(call.served, call.route, call.query)

        def act() -> tuple[list[Object], int]:
            page = listing.page(*listing.read(self._store))
            places = [
                (stored.obj["metadata"].get("namespace"), stored.obj["metadata"]["name"]) for stored in page.items
            ]
            return [self._delete_one(call, namespace, name, options) for namespace, name in places], self._store.version

        deleted, version = await self._bridge(act)
        encode = answers.face(call.served, self._kernel.now)
        items = [encode(Stored(obj, version)) for obj in deleted]
        return answers.answer(answers.encode_list(call.served, items, {"resourceVersion": str(version)}))

    async def _bind(self, call: Call) -> Response:
        body = bodies.decode(call.request.body, call.content_type, "Binding", find_message("core.Binding"))
        target = body.get("target") or {}
        if target.get("kind", "Node") not in {"", "Node"} or not target.get("name"):
            raise BadRequest(f"a binding needs a target of kind Node with a name, got {target!r}")
        await self._bridge(lambda: self._store.bind(call.route.namespace or "", call.route.name, target["name"]))
        return answers.answer_value(answers.success(code=201), status=201)

    async def _evict(self, call: Call) -> Response:
        body = call.request.body
        eviction = (
            bodies.decode(body, call.content_type, "Eviction", find_message("policy.Eviction")) if body.strip() else {}
        )
        options = eviction.get("deleteOptions") or {}
        dry_run = bodies.is_dry_run(options.get("dryRun") or call.query.get("dryRun"))
        await self._bridge(
            lambda: self._store.evict(
                call.route.namespace or "",
                call.route.name,
                grace_period_s=options.get("gracePeriodSeconds"),
                dry_run=dry_run,
            ),
        )
        return answers.answer_value(answers.success(code=201), status=201)

    def _decoded(self, call: Call) -> dict[str, Any]:
        """The object of the body, which lies in the namespace of the path."""
        obj = bodies.decode(call.request.body, call.content_type, call.served.resource.kind, call.message, call.check)
        metadata = obj.setdefault("metadata", {})
        if not isinstance(metadata, dict):
            raise BadRequest("metadata has to be an object")
        if call.route.namespace is not None:
            namespace = metadata.setdefault("namespace", call.route.namespace) or call.route.namespace
            metadata["namespace"] = namespace
            if namespace != call.route.namespace:
                text = "the namespace of the provided object does not match the namespace sent on the request"
                raise BadRequest(text)
        return obj

    def _delete_one(self, call: Call, namespace: str | None, name: str, options: bodies.DeleteOptions) -> Object:
        return self._store.delete(
            call.served.resource,
            namespace,
            name,
            grace_period_s=options.grace_period_s,
            propagation=options.propagation,
            uid=options.uid,
            resource_version=options.resource_version,
            dry_run=options.dry_run,
        )

    def _stored(self, call: Call, obj: Object) -> Stored:
        """On the kernel's thread: the stored version behind an answer, which then is encoded only once."""
        metadata = obj["metadata"]
        stored = self._store.stored(call.served.resource, metadata.get("namespace"), metadata["name"])
        return stored if stored is not None and stored.obj is obj else Stored(obj, self._store.version)

    def _one(self, call: Call, stored: Stored, now_us: int, *, status: int = 200) -> Response:
        return answers.answer(call.form.one(stored, now_us), status=status, warnings=call.check.warnings)


def _listed(call: Call, listing: Listing, candidates: Sequence[Stored], version: int, now_us: int) -> Response:
    """On any thread, as versions do not change: the answer to a list."""
    page = listing.page(candidates, version)
    return answers.answer(call.form.many(page.items, page.metadata, now_us))

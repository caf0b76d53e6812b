"""Serves the scale subresource; what a Scale is stands in `scales`."""

from __future__ import annotations

from harness.cluster.api import answers, bodies
from harness.cluster.api.bridge import Bridge
from harness.cluster.api.calls import Call, existing, require_manager
from harness.cluster.api.http import Response
from harness.cluster.api.scales import refuse_apply, replicas_patch, require_replicas, scale_of
from harness.cluster.store import Store
from harness.cluster.store.patching import apply_patch
from harness.cluster.store.types import find_message
from harness.kube.errors import BadRequest
from harness.kube.objects import Object


class Scaling:
    """Reads and writes the Scales of one store's objects."""

    def __init__(self, store: Store, bridge: Bridge) -> None:
        self._store = store
        self._bridge = bridge

    async def get(self, call: Call) -> Response:
        """The Scale of an object."""
        stored = await self._bridge(lambda: existing(self._store, call))
        require_replicas(call.served, stored.obj)
        return answers.answer_value(scale_of(call.served, stored.obj))

    async def change(self, call: Call) -> Response:
        """An update, a patch or an apply."""
        if call.verb == "patch" and bodies.is_apply(call.content_type):
            return await self._apply(call)
        route, body, manager = call.route, call.request.body, call.manager
        dry_run = bodies.is_dry_run(call.query.get("dryRun"))
        patch, kind = (None, None)
        if call.verb == "patch":
            patch, kind = bodies.decode_patch(body, call.content_type, call.served)
        scale = (
            bodies.decode(body, call.content_type, "Scale", find_message("autoscaling.Scale")) if kind is None else {}
        )
        named = (scale.get("metadata") or {}).get("name") or route.name
        if named != route.name:
            raise BadRequest(f"the name of the object ({named}) does not match the name on the URL ({route.name})")

        def act() -> Object:
            shown = scale_of(call.served, existing(self._store, call).obj)
            change = replicas_patch(call.served, route.name, scale if kind is None else apply_patch(shown, patch, kind))
            return self._store.patch(
                call.served.resource,
                route.namespace,
                route.name,
                change,
                manager=manager,
                dry_run=dry_run,
                scaling=True,
            )

        return answers.answer_value(scale_of(call.served, await self._bridge(act)))

    async def _apply(self, call: Call) -> Response:
        route, manager = call.route, require_manager(call)
        config = bodies.decode_config(call.request.body, call.check)
        dry_run = bodies.is_dry_run(call.query.get("dryRun"))
        refuse_apply(call.served)

        def act() -> Object:
            return self._store.apply_scale(
                call.served.resource,
                route.namespace,
                route.name,
                config,
                manager=manager,
                force=call.query.get("force") in {"true", "1"},
                dry_run=dry_run,
            )

        return answers.answer_value(scale_of(call.served, await self._bridge(act)))

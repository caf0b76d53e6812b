"""The instance metadata service (IMDSv2), one listener a node.

Token required (PUT with a lifetime, then a header), as the launch templates of managed node groups want it.
`spot/instance-action` and the rebalance recommendation are 404 until they are noticed. Role credentials are refused
to pods: hop limit 1 stops at the host, pods use Pod Identity. Bodies and status codes: fixtures/facts/spot.yaml,
`imds`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from aiohttp import web

from harness.clock import Kernel, format_time
from harness.cloud.instances import Instance
from harness.cloud.serving import Served, ServerThread

_TTL_S = (1, 21600)


@dataclass(frozen=True)
class Notices:
    """What the instance has been told."""

    action_at_us: int | None = None
    rebalance_at_us: int | None = None


class Metadata:
    """Notices and listeners by instance. All methods belong to the kernel's thread but `url_for`, `port_for` and `close`, which may come from any."""

    def __init__(self, kernel: Kernel, servers: ServerThread) -> None:
        self._kernel = kernel
        self._servers = servers
        self._notices: dict[str, Notices] = {}
        self._served: dict[str, Served] = {}

    def notice_interruption(self, instance_id: str, at_us: int) -> None:
        """The instance ends at `at_us`."""
        known = self._notices.get(instance_id, Notices())
        self._notices[instance_id] = Notices(at_us, known.rebalance_at_us)

    def notice_rebalance(self, instance_id: str) -> None:
        """The instance is at elevated risk since now."""
        known = self._notices.get(instance_id, Notices())
        self._notices[instance_id] = Notices(known.action_at_us, self._kernel.now)

    def notices(self, instance_id: str) -> Notices:
        """What the instance has been told."""
        return self._notices.get(instance_id, Notices())

    def url_for(self, instance: Instance) -> str:
        """The endpoint of an instance; it listens from the first question on."""
        return self._listener(instance).url

    def port_for(self, instance: Instance) -> int:
        """The port of that endpoint: where a node's agent forwards the link-local address to."""
        return self._listener(instance).port

    def forget(self, instance_id: str) -> None:
        """The instance is gone: its endpoint closes."""
        self._notices.pop(instance_id, None)
        served = self._served.pop(instance_id, None)
        if served is not None:
            self._servers.run_soon(served.runner.cleanup())

    def close(self) -> None:
        """Stop all listeners; harmless when called twice."""
        served, self._served = self._served, {}
        for one in served.values():
            self._servers.stop_serving(one)

    def _listener(self, instance: Instance) -> Served:
        served = self._served.get(instance.id)
        if served is None:
            served = self._served[instance.id] = self._servers.serve(self._application(instance))
        return served

    def _application(self, instance: Instance) -> web.Application:
        token = f"imds-{instance.id}"
        texts = {
            "instance-id": instance.id,
            "instance-type": instance.pool.instance_type,
            "local-ipv4": instance.private_ip,
            "local-hostname": instance.private_dns_name,
            "instance-life-cycle": "spot" if instance.pool.capacity_type == "SPOT" else "on-demand",
            "placement/availability-zone": instance.pool.zone,
            "placement/region": instance.pool.zone[:-1],
        }

        async def put_token(request: web.Request) -> web.Response:
            if "X-Forwarded-For" in request.headers:
                return web.Response(status=403)
            lifetime = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if not lifetime.isdigit() or not _TTL_S[0] <= int(lifetime) <= _TTL_S[1]:
                return web.Response(status=400)
            return web.Response(text=token, headers={"X-aws-ec2-metadata-token-ttl-seconds": lifetime})

        async def get(request: web.Request) -> web.Response:
            if request.headers.get("X-aws-ec2-metadata-token") != token:
                return web.Response(status=401)
            path = request.match_info["path"].rstrip("/")
            if path in texts:
                return web.Response(text=texts[path])
            notices = await asyncio.wrap_future(self._kernel.submit(lambda: self.notices(instance.id)))
            body = notice_body(path, notices)
            return web.Response(status=404) if body is None else web.Response(text=body)

        application = web.Application()
        application.router.add_put("/latest/api/token", put_token)
        application.router.add_get("/latest/meta-data/{path:.*}", get)
        return application


def notice_body(path: str, notices: Notices) -> str | None:
    """The body of a path that exists only once something was noticed; None is 404."""
    if path == "spot/instance-action" and notices.action_at_us is not None:
        return json.dumps({"action": "terminate", "time": format_time(notices.action_at_us)})
    if path == "spot/termination-time" and notices.action_at_us is not None:
        return format_time(notices.action_at_us)
    if path == "events/recommendations/rebalance" and notices.rebalance_at_us is not None:
        return json.dumps({"noticeTime": format_time(notices.rebalance_at_us)})
    return None

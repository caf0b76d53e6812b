"""HTTP/1.1 for the API server, and nothing else: it knows no Kubernetes.

A `Handler` gets a whole `Request` (its body read, at most `body_bytes_max`) and gives a `Response`, at once or from a coroutine. It can also answer in two
other ways, both from a coroutine that then returns None:

- `stream = request.stream(content_type)`, an answer of unknown length: `stream.write` sends at once, `stream.drain` waits for a slow client;
- `duplex = request.upgrade(protocol, headers)`, which answers 101 Switching Protocols and hands over the connection for another protocol (WebSocket, SPDY):
  `await duplex.read()`, `await duplex.write(data)`, and the connection is closed when the handler returns. A handler that does not upgrade answers as usual.

A coroutine is cancelled when its client goes away and when the server closes. Requests on one connection are answered in order, one at a time.
The parser is llhttp (Node's) by way of httptools, the event loop uvloop's.
"""

from harness.cluster.api.http.connection import Handler
from harness.cluster.api.http.duplex import Duplex
from harness.cluster.api.http.messages import Headers, Request, Response
from harness.cluster.api.http.server import HttpServer
from harness.cluster.api.http.stream import Stream

__all__ = ["Duplex", "Handler", "Headers", "HttpServer", "Request", "Response", "Stream"]

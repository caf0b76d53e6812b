"""pods/exec: channels for stdin, stdout, stderr, the ending and the window.

Over a WebSocket a message begins with its channel's number (`v4.channel.k8s.io`, and v5, which can end stdin); over SPDY each channel is a stream.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import orjson

from harness.cluster.api.streaming.spdy import Spdy, SpdyStream
from harness.kube.hooks import ExecProcess

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
SPDY_PROTOCOLS = ("v4.channel.k8s.io",)
STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
_STREAMS = {"stdin": STDIN, "stdout": STDOUT, "stderr": STDERR, "error": ERROR, "resize": RESIZE}
_CLOSE = 255


class Channels(Protocol):
    """Messages that begin with their channel's number; a WebSocket is one."""

    async def receive(self) -> bytes | None:
        """The next message; None at the end."""

    async def send(self, data: bytes) -> None:
        """One message. Raises ConnectionError."""

    async def close(self) -> None:
        """Nothing more is sent."""


class StreamChannels:
    """Channels that are the streams of a SPDY session. `wanted` are those that the client has said it will open."""

    def __init__(self, session: Spdy, wanted: frozenset[int]) -> None:
        self._session = session
        self._wanted = wanted
        self._streams: dict[int, SpdyStream] = {}
        self._whole = asyncio.Event()
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._tasks = [asyncio.get_running_loop().create_task(self._accept())]

    async def receive(self) -> bytes | None:
        """What comes on stdin or as the window's size; an empty stdin message of v5 says that it has ended."""
        return await self._messages.get()

    async def send(self, data: bytes) -> None:
        """To the stream of the channel; what has none is dropped, as nobody asked for it."""
        await self._whole.wait()
        stream = self._streams.get(data[0])
        if stream is not None:
            await stream.write(data[1:], final=data[0] == ERROR)

    async def close(self) -> None:
        """Finish every stream."""
        for channel, stream in self._streams.items():
            if channel in {STDOUT, STDERR}:
                await stream.write(b"", final=True)

    def stop(self) -> None:
        """Listen no more."""
        for task in self._tasks:
            task.cancel()

    async def _accept(self) -> None:
        async for stream in self._session.streams():
            channel = _STREAMS.get(stream.headers.get("streamtype", ""))
            if channel is None:
                continue
            self._streams[channel] = stream
            if channel in {STDIN, RESIZE}:
                self._tasks.append(asyncio.get_running_loop().create_task(self._listen(channel, stream)))
            if self._wanted <= set(self._streams):
                self._whole.set()
        self._messages.put_nowait(None)

    async def _listen(self, channel: int, stream: SpdyStream) -> None:
        while data := await stream.read():
            self._messages.put_nowait(bytes([channel]) + data)
        if channel == STDIN:
            self._messages.put_nowait(bytes([_CLOSE, STDIN]))


class Output:
    """What a process says, handed from whichever thread to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[tuple[int, bytes] | int] = asyncio.Queue()

    def write(self, channel: int, data: bytes) -> None:
        """Bytes of stdout or stderr."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, (channel, data))

    def ended(self, code: int) -> None:
        """The process has ended; nothing comes after it."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, code)

    async def next(self) -> tuple[int, bytes] | int:
        """The next piece, or the exit code."""
        return await self._queue.get()


async def serve(socket: Channels, process: ExecProcess, output: Output) -> None:
    """Carry bytes both ways until the process ends or the client goes, which kills the process."""
    listening = asyncio.get_running_loop().create_task(_listen(socket, process))
    speaking = asyncio.get_running_loop().create_task(_speak(socket, output))
    try:
        await asyncio.wait({listening, speaking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not speaking.done():
            process.kill()
        for task in (listening, speaking):
            task.cancel()
        await asyncio.gather(listening, speaking, return_exceptions=True)


async def _listen(socket: Channels, process: ExecProcess) -> None:
    while (message := await socket.receive()) is not None:
        if not message:
            continue
        channel, data = message[0], message[1:]
        if channel == STDIN:
            process.feed(data)
        elif channel == _CLOSE and data[:1] == bytes([STDIN]):
            process.feed(b"")
        elif channel == RESIZE:
            size = orjson.loads(data)
            process.resize(int(size.get("Width", 0)), int(size.get("Height", 0)))


async def _speak(socket: Channels, output: Output) -> None:
    while isinstance(piece := await output.next(), tuple):
        channel, data = piece
        await socket.send(bytes([channel]) + data)
    await socket.send(bytes([ERROR]) + orjson.dumps(ending(piece)))
    await socket.close()


def ending(code: int) -> dict[str, Any]:
    """The Status that says how a command ended (kubelet `remotecommand/exec.go`)."""
    if not code:
        return {"metadata": {}, "status": "Success"}
    cause = {"reason": "ExitCode", "message": str(code)}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: error executing command, exit code {code}",
        "details": {"causes": [cause]},
    }

"""A web server for as long as a block runs: uvicorn with our own say over signals and start.

    async with serving(app, "127.0.0.1", 0) as address:
        print(address)                         # http://127.0.0.1:49152

On leaving, requests under way are finished, no new ones are taken.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from segue.model.errors import MisconfiguredError
from segue.web.app import App

GRACE_SECONDS: Final = 10
"""How long requests under way may take after a stop was asked for."""

BACKLOG: Final = 2048


class _Server(uvicorn.Server):
    """uvicorn, leaving signals to whoever runs it and saying when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Joined:
    """A connection on which the head of an answer waits for its body.

    uvicorn writes the two one after the other, and uvloop sends each write at once: two system calls, two
    packets, and a sender that wakes up twice. A head that nothing follows leaves with the loop's next turn.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.is_closing = transport.is_closing  # asked for each answer

    def write(self, data: bytes) -> None:
        """Send what waits and this; keep a head, which is what ends with an empty line."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.endswith(b"\r\n\r\n"):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Send what waits, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        data, self._head = self._head, b""
        if data and not self.is_closing():  # the sender may have hung up meanwhile
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Protocol(HttpToolsProtocol):
    """uvicorn's side of a connection, its answers joined."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(cast(asyncio.Transport, _Joined(transport, self.loop)))


@contextlib.asynccontextmanager
async def serving(app: App, host: str, port: int) -> AsyncIterator[str]:
    """Serve an ASGI app; gives its address. Port 0 picks a free one.

    Raises MisconfiguredError when the address cannot be listened on.
    """
    listener = listen(host, port)
    server = _Server(configure(app))
    task = asyncio.create_task(server.serve(sockets=[listener]), name=f"server {host}:{port}")
    try:
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if task.done():
            await task
        bound = listener.getsockname()
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{'127.0.0.1' if bound[0] == '0.0.0.0' else shown}:{bound[1]}"  # noqa: S104 - shown, not bound
    finally:
        server.should_exit = True
        await task
        listener.close()


def configure(app: App) -> uvicorn.Config:
    """How uvicorn is to serve an app."""
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=_Protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",  # nothing here speaks WebSocket, and what would is not loaded
        server_header=False,
        proxy_headers=False,  # whether X-Forwarded-For is to be believed is the workspace's decision
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
        backlog=BACKLOG,
    )


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket, so that a taken port is a clear error before anything else starts.

    The protocol is named because the event loop switches Nagle's delay off only for sockets that name it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise MisconfiguredError(
            f"cannot listen on {host}:{port}: {reason}. "
            "Stop what uses it, or choose another with --port or SEGUE_PORT."
        ) from error
    return listener

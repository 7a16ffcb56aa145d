"""A web server for as long as a block runs: uvicorn with our own say over signals and start.

    async with serving(app, "127.0.0.1", 0) as address:
        print(address)                         # http://127.0.0.1:49152

On leaving, requests under way are finished, no new ones are taken.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final

import uvicorn

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


@contextlib.asynccontextmanager
async def serving(app: App, host: str, port: int) -> AsyncIterator[str]:
    """Serve an ASGI app; gives its address. Port 0 picks a free one.

    Raises MisconfiguredError when the address cannot be listened on.
    """
    listener = listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # whether X-Forwarded-For is to be believed is the workspace's decision
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
        backlog=BACKLOG,
    )
    server = _Server(config)
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

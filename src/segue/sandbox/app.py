"""The sandbox as an ASGI application, and the server that carries it.

    app = create_app()                       # in-process: any ASGI client
    async with running(app, port=0) as url:  # on a port of its own
    run(port=8089)                           # a process of its own

Braze's endpoints stand at the root, the sandbox's own under `/_sandbox/` (see control.py).
"""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from segue.sandbox import cheapest, control, pipeline
from segue.sandbox.clock import Source
from segue.sandbox.dashboard.site import ROOT
from segue.sandbox.endpoints import MEGABYTE, SDK
from segue.sandbox.exchange import JSON_HEADER, Call, Reply
from segue.sandbox.faults import Fault
from segue.sandbox.sdk.endpoint import readable
from segue.sandbox.seed import DEFAULT_KEY, Seed
from segue.sandbox.switches import Switches
from segue.sandbox.world import World

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_BYTES = 4 * MEGABYTE
CONTROL_BODY_BYTES = 1_024 * MEGABYTE
"""A restored snapshot may be large; the control API is the operator's own."""


SAVE_SECONDS = 1.0
"""How often a served state file is written: a crash loses no more."""


REACH_OUT_SECONDS = 0.25
"""How often a served sandbox looks for something to send by itself."""


class ConnectionDroppedError(ConnectionError):
    """A fault cut the connection and there is no socket to cut: what an in-process caller meets."""


class Sandbox:
    """The ASGI application; `world` is everything behind it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._answer = pipeline.answer if world.keep else cheapest.answer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; lifespan is agreed to, anything else is not spoken."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"the sandbox speaks http, found a {scope['type']} connection")
        path: str = scope["path"]
        is_own = path == control.ROOT or path.startswith(f"{control.ROOT}/")
        body = await _read(receive, CONTROL_BODY_BYTES if is_own else BODY_BYTES)
        if body is None:
            return
        if is_own:
            # an id in the path may hold a slash, which only the quoted form keeps apart
            quoted = scope.get("raw_path", path.encode()).decode("ascii", "replace")
            wants_page = b"text/html" in dict(scope["headers"]).get(b"accept", b"")
            if wants_page and quoted.rstrip("/") == control.ROOT and scope["method"] == "GET":
                await _send(send, Reply(303, b"", [(b"location", f"{ROOT}/".encode())]))
                return
            answer = await control.answer(self.world, scope["method"], quoted, scope["query_string"], body)
            await _send(send, answer)
            return
        client = scope.get("client")
        call = Call(
            self.world,
            scope["method"],
            path,
            scope["query_string"],
            dict(scope["headers"]),
            body,
            client[0] if client else "127.0.0.1",
            self.world.clock.now_ms(),
        )
        is_asked = self.world.faults.active and call.method != "OPTIONS"
        fault = self.world.faults.pick(call.method, path, call.now_ms) if is_asked else None
        if fault is not None:
            await self._disturbed(call, fault, receive, send)
            return
        began = time.perf_counter_ns()
        answer = self._answer(call)
        self.world.journal.write(call, answer, None, (time.perf_counter_ns() - began) // 1_000)
        await _send(send, readable(call.headers, answer) if path in SDK else answer)

    async def _disturbed(self, call: Call, fault: Fault, receive: Receive, send: Send) -> None:
        """Answer with a fault in the way: late, otherwise, or not at all."""
        began = time.perf_counter_ns()
        if fault.latency_ms:
            await self.world.clock.sleep(fault.latency_ms / 1_000)
            call.now_ms = self.world.clock.now_ms()
        answer: Reply | None = self._answer(call) if fault.applies else None
        if fault.drop is None and (answer is None or answer.status < 400):
            answer = fault.answer(call.now_ms) or answer
        took_us = (time.perf_counter_ns() - began) // 1_000
        if fault.drop is not None:
            self.world.journal.write(call, None, fault.id, took_us)
            await _drop(receive, send)
            return
        assert answer is not None, "a fault without drop either applies or answers"  # noqa: S101
        self.world.journal.write(call, answer, fault.id, took_us)
        await _send(send, readable(call.headers, answer) if call.path in SDK else answer)


def create_app(
    *,
    key: str = DEFAULT_KEY,
    switches: Switches | None = None,
    clock: Source | None = None,
    keep: bool = True,
    journal_size: int = 1_000,
    random_seed: int = 0,
    seed: Seed | None = None,
    state_file: str | Path | None = None,
) -> Sandbox:
    """A sandbox with one furnished workspace, or with what a seed says.

    key           the REST key of that workspace, with every permission; in force beside what a file holds
    clock         where time comes from; the machine, or anything with `now_ms()` and `sleep(seconds)`
    keep          False is the cheapest mode for load tests: requests are authenticated, parsed and counted,
                  limits are not enforced, no profile is kept, and the totals say so
    journal_size  calls kept in the log
    random_seed   of the chances of faults and delays, so that a run can be repeated
    state_file    a SQLite file to keep everything in; what it holds goes before the seed. Saved every second
                  while served, and by `app.world.close()`
    """
    if switches is None and not keep:
        switches = Switches(enforce_limits=False)
    world = World(
        key=key,
        switches=switches,
        clock=clock,
        keep=keep,
        journal_size=journal_size,
        random_seed=random_seed,
        seed=seed,
        state_file=state_file,
    )
    return Sandbox(world)


async def serve(
    app: Sandbox,
    *,
    host: str = "127.0.0.1",
    port: int = 8089,
    started: asyncio.Future[int] | None = None,
    handle_signals: bool = True,
) -> None:
    """Serve until stopped or cancelled.

    port            0 takes any free one
    started         receives the port once connections are accepted
    handle_signals  False when the process has its own way with SIGTERM
    Raises OSError when the port is taken.
    """
    listening = _listen(host, port)
    config = uvicorn.Config(
        app, http="httptools", log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = _Server(config, started, app.world.close, handle_signals=handle_signals)
    beside = [asyncio.create_task(_reach_out_often(app.world))]
    if app.world.file is not None:
        beside.append(asyncio.create_task(_save_often(app.world)))
    try:
        await server.serve([listening])
    except asyncio.CancelledError:
        if server.started:
            await server.shutdown([listening])
        raise
    finally:
        listening.close()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        _keep(app.world)


@asynccontextmanager
async def running(app: Sandbox, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve beside other work; gives the base address, for instance `http://127.0.0.1:40001`."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, host=host, port=port, started=started, handle_signals=False))

    def tell(ended: asyncio.Task[None]) -> None:
        if not started.done():
            started.set_exception(_why(ended))

    task.add_done_callback(tell)
    try:
        yield f"http://{host}:{await started}"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run(app: Sandbox | None = None, *, host: str = "127.0.0.1", port: int = 8089) -> None:
    """Serve in this process until it is told to stop."""
    asyncio.run(serve(app or create_app(), host=host, port=port))


async def _reach_out_often(world: World) -> None:
    """Let what is due happen, and send Currents events and callbacks."""
    while True:
        await asyncio.sleep(REACH_OUT_SECONDS)
        world.settle(world.clock.now_ms())
        await world.reach_out()


async def _save_often(world: World) -> None:
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        world.save()


def _keep(world: World) -> None:
    """Let what waits take effect and write the state file, if there is one."""
    if world.file is not None:
        world.settle(0, everything=True)
        world.save()


class _Server(uvicorn.Server):
    """uvicorn, which says when it is ready and leaves signals alone if asked to."""

    def __init__(
        self,
        config: uvicorn.Config,
        ready: asyncio.Future[int] | None,
        at_end: Callable[[], None],
        *,
        handle_signals: bool,
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._at_end = at_end
        self._handle_signals = handle_signals

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is not None and sockets and not self._ready.done():
            self._ready.set_result(sockets[0].getsockname()[1])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if not self._handle_signals:
            yield
            return
        with super().capture_signals():
            yield
            self._at_end()  # on leaving, uvicorn raises the signal once more, which ends the process


def _why(ended: asyncio.Task[None]) -> BaseException:
    """Why a server ended before it was ready."""
    if ended.cancelled():
        return asyncio.CancelledError()
    return ended.exception() or RuntimeError("the sandbox's server ended before it accepted connections")


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    The protocol is named outright: the event loop turns Nagle's waiting off only for sockets that say they
    are TCP, and an answer in two writes would otherwise wait 40 ms for the caller's acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


async def _live(receive: Receive, send: Send) -> None:
    """Agree to start and to stop."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The body, at most one byte over the limit (which tells that it is over); None if the caller left."""
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= limit else body[: limit + 1]
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        if size <= limit:
            parts.append(part)
            size += len(part)
    return b"".join(parts)[: limit + 1]


async def _send(send: Send, answer: Reply) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    headers = [length, *answer.headers]
    if not any(name == b"content-type" for name, _ in answer.headers):
        headers.append(JSON_HEADER)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _drop(receive: Receive, send: Send) -> None:
    """Cut the connection as a failing network does: a reset, no goodbye.

    ASGI has no word for it, so the transport is taken from the server's own request cycle, which `send` is a
    method of. Where there is none (in-process) the caller gets ConnectionDroppedError.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionDroppedError("the sandbox dropped the connection, as a fault asked it to")
    _linger_not(transport)
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _linger_not(transport: asyncio.Transport) -> None:
    """Make closing send a reset at once instead of a polite end."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

"""The tracking API through its real door: a server on a free port over the embedded log in a folder."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvicorn

from segue.engine.intake import restore
from segue.io.log.sqlite import SqliteLog
from segue.model.errors import LogUnavailable
from segue.model.event import Event, Record
from segue.model.workspace import Source
from segue.runtime.clock import Clock, SystemClock
from segue.runtime.receiver import Receiver
from segue.runtime.telemetry import Telemetry
from segue.web.app import App, Receive, Scope, Send
from segue.web.sdk import create_sdk_app
from segue.web.server import configure, listen

SOURCES: Mapping[str, Source] = {
    "server": Source(id="server", write_keys=("server",)),
    "web": Source(id="web", platform="web", write_keys=("web",)),
    "phone": Source(id="phone", platform="android", write_keys=("phone",)),
    "off": Source(id="off", write_keys=("off",), enabled=False),
}


class Valve:
    """The real log behind a valve: `open` lets appends through, `waiting` and `failed` tell of them."""

    def __init__(self, log: SqliteLog, folder: Path) -> None:
        self.log = log
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = asyncio.Event()
        self.failed = asyncio.Event()
        self._folder = folder

    async def append(self, records: Sequence[Record]) -> None:
        """Wait for the valve, then append."""
        self.waiting.set()
        await self.open.wait()
        try:
            await self.log.append(records)
        except LogUnavailable:
            self.failed.set()
            raise

    def break_disk(self) -> None:
        """Take the log's folder away, as a disk that is unmounted does: appends fail."""
        self._folder.rename(self._folder.with_name("away"))

    def mend_disk(self) -> None:
        """Put it back: appends work again without a restart."""
        self._folder.with_name("away").rename(self._folder)


class Seen(msgspec.Struct, frozen=True):
    """A request as it reached the server. at  seconds on the loop's clock."""

    method: str
    path: str
    headers: dict[str, str]
    at: float


class Watch:
    """Notes every request on its way to the app."""

    def __init__(self, app: App) -> None:
        self.seen: list[Seen] = []
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note it and pass it on."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.seen.append(Seen(scope["method"], scope["path"], headers, asyncio.get_running_loop().time()))
        await self._app(scope, receive, send)


class Reply:
    """A whole answer."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a refusal, "" for a success."""
        return "" if self.json["success"] else self.json["code"]


class Door:
    """What a test can do with a running tracking API."""

    def __init__(
        self, url: str, receiver: Receiver, valve: Valve, watch: Watch, http: aiohttp.ClientSession
    ) -> None:
        self.url = url
        self.watch = watch
        self.receiver = receiver
        self.valve = valve
        self._http = http

    async def call(self, method: str, path: str, body: Any = b"", **headers: str) -> Reply:
        """Make any request; header names are written with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = io.BytesIO(body) if len(body) > 1_000_000 else body
        async with self._http.request(method, self.url + path, data=data, headers=named) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def post(self, path: str, body: Any, key: str | None = "server", **headers: str) -> Reply:
        """Post bytes, or what is to be encoded as JSON, with Basic authorization."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.call("POST", path, raw, **({"Authorization": basic(key)} if key else {}), **headers)

    @property
    def posts(self) -> list[Seen]:
        """The POST requests so far."""
        return [seen for seen in self.watch.seen if seen.method == "POST"]

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait for what a client in another thread or process is about to cause."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  # another process's doing sets no event here
                await asyncio.sleep(0.005)

    async def records(self) -> list[Record]:
        """Everything in the log, in the order it came."""
        found = [record async for block in self.valve.log.scan() for record in block.records]
        return sorted(found, key=lambda record: record.order)

    async def events(self) -> list[Event]:
        """Everything in the log as destinations see it."""
        return [restore(record) for record in await self.records()]


def basic(key: str, colon: str = ":") -> str:
    """An Authorization header for a write key."""
    return "Basic " + base64.b64encode((key + colon).encode()).decode()


@asynccontextmanager
async def served(app: App) -> AsyncIterator[str]:
    """The server `segue run` uses, without its loop of ticks: that costs each test a fifth of a second."""
    listener = listen("127.0.0.1", 0)
    config = configure(app)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for socket_server in server.servers:
            socket_server.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        listener.close()


@asynccontextmanager
async def opened_door(
    folder: Path,
    *,
    sources: Mapping[str, Source] = SOURCES,
    clock: Clock | None = None,
    telemetry: Telemetry | None = None,
    waiting_bytes: int = 10_000_000,
    log_seconds: int = 1,
    **options: Any,
) -> AsyncIterator[Door]:
    """Serve the tracking API for as long as the block runs; `options` are those of `create_sdk_app`."""
    log = await SqliteLog.open(folder / "log")
    valve = Valve(log, folder / "log")
    receiver = Receiver(
        valve,  # type: ignore[arg-type]  # appending is all a receiver does with a log
        sources.get,
        clock or SystemClock(),
        telemetry,
        waiting_bytes=waiting_bytes,
        log_seconds=log_seconds,
    )
    watch = Watch(create_sdk_app(receiver, **options))
    try:
        async with (
            served(watch) as url,
            aiohttp.ClientSession(auto_decompress=False) as http,
        ):
            yield Door(url, receiver, valve, watch, http)
    finally:
        await log.close()

"""A courier with everything real around it but the wire: log, state, catalogue, and a sandbox in-process."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from segue.catalog.contents import catalogue
from segue.engine import intake
from segue.engine.plan import BoundDestination, prepare
from segue.io.log.sqlite import SqliteLog
from segue.io.storage.origins import settle_origins
from segue.io.storage.state import State
from segue.model.delivery import Request, Response
from segue.model.event import Record
from segue.model.workspace import Budget, Delivery, Destination, Source, Subscription, Workspace
from segue.runtime.clock import Clock, SystemClock
from segue.runtime.courier import CHECKPOINT_SECONDS, Courier
from segue.runtime.room import Room
from segue.runtime.telemetry import Telemetry
from segue.sandbox.app import ConnectionDroppedError, Sandbox, create_app
from segue.sandbox.faults import Fault

SOURCE = Source(id="web", write_keys=("wk",))
ADDRESS = "http://sandbox.test"
KEY = "sandbox"
CATALOGUE = catalogue()
RECEIVED_MS = 1_790_000_000_000
"""When every event came in."""

SOON = 0.01
"""Seconds between checkpoints where a test waits for the courier's own."""


class Wire:
    """Carries requests to a sandbox without sockets, and remembers them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.sent: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        answer: dict[str, Any] = {"body": b""}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.update(status=message["status"], headers=message["headers"])
            else:
                answer["body"] += message.get("body", b"")

        scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.removeprefix(ADDRESS),
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
            "client": ("127.0.0.1", 1),
        }
        try:
            await self.sandbox(scope, receive, send)
        except ConnectionDroppedError:
            return Response(status=0, error="ECONNRESET")
        headers = {name.decode(): value.decode() for name, value in answer["headers"]}
        return Response(status=answer["status"], headers=headers, body=answer["body"])

    def fault(self, **fields: Any) -> None:
        """Disturb the requests to come."""
        self.sandbox.world.faults.add(Fault(**fields))

    def bodies(self) -> list[Any]:
        return [json.loads(request.body) for request in self.sent]

    async def post(self, path: str, body: Any) -> Any:
        """Ask the sandbox itself, as somebody else would."""
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        request = Request(method="POST", url=ADDRESS + path, headers=headers, body=json.dumps(body).encode())
        answer = await Wire(self.sandbox).send(request)
        return json.loads(answer.body)

    async def profile(self, user_id: str) -> dict[str, Any]:
        """A person as Braze's export shows them; empty for nobody."""
        fields = ["external_id", "email", "first_name", "custom_attributes", "custom_events", "purchases"]
        asked = {"external_ids": [user_id], "fields_to_export": fields}
        found = await self.post("/users/export/ids", asked)
        return found["users"][0] if found["users"] else {}


def bind(
    subscriptions: Sequence[Subscription] | None = None,
    *,
    delivery: Delivery | None = None,
    settings: dict[str, Any] | None = None,
    type: str = "braze",
    budget: Budget | None = None,
) -> BoundDestination:
    """A Braze destination at the sandbox, ready to run; with our presets unless told otherwise."""
    destination = Destination(
        id="braze",
        type=type,
        source="web",
        settings=settings or {"api_key": KEY, "endpoint": ADDRESS},
        subscriptions=None if subscriptions is None else tuple(subscriptions),
        delivery=delivery or Delivery(wait_seconds=0),
        budget=budget or Budget(),
    )
    plan = prepare(Workspace(sources=(SOURCE,), destinations=(destination,)), CATALOGUE)
    return plan.destinations["braze"]


class Orders:
    """Gives each record an ingest order of its own."""

    last = RECEIVED_MS * 1_000_000


def records(*events: dict[str, Any], source: str = "web") -> list[Record]:
    """What intake makes of a batch of these events."""
    body = json.dumps({"batch": events}).encode()
    admission = intake.read(
        body,
        kind="",
        client=False,
        write_key="wk",
        sources=lambda key: Source(id=source, write_keys=("wk",)),
        now_ms=RECEIVED_MS,
        order=Orders.last,
        mark="m",
    )
    Orders.last += len(events)
    assert not admission.rejected
    return admission.accepted


class Desk:
    """A log, a sandbox, and couriers that come and go."""

    def __init__(self, folder: Path, stream: SqliteLog, wire: Wire, clock: Clock) -> None:
        self.folder = folder
        self.stream = stream
        self.wire = wire
        self.clock = clock
        self.telemetry = Telemetry()
        self.origins = dict.fromkeys(range(stream.lanes), 0)

    @asynccontextmanager
    async def courier(
        self,
        destination: BoundDestination | None = None,
        *,
        lanes: Sequence[int] = (),
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        room: Room | None = None,
    ) -> AsyncIterator[Courier]:
        """A courier with its state open, as after a start of the process: of some lanes, or all."""
        stem = self.folder / (f"braze@{'-'.join(map(str, lanes))}" if lanes else "braze")
        destination = destination or bind()
        hours = destination.config.delivery.dedupe_hours
        state = await State.open(stem.with_name(f"{stem.name}.db"), dedupe_hours=hours)
        try:
            yield Courier(
                destination,
                self.stream,
                state,
                self.wire,
                self.clock,
                self.telemetry,
                origins=self.origins,
                journal=stem,
                lanes=lanes or None,
                room=room,
                checkpoint_seconds=checkpoint_seconds,
            )
        finally:
            await state.close()

    async def deliver(self, destination: BoundDestination | None = None) -> Courier:
        """Run a courier until everything in the log has been read and settled."""
        async with self.courier(destination) as courier:
            await courier.run(until_head=True)
            return courier


@asynccontextmanager
async def opened(folder: Path, *, clock: Clock | None = None, lanes: int = 4) -> AsyncIterator[Desk]:
    """Everything in one folder."""
    stream = await SqliteLog.open(folder / "log", lanes=lanes)
    settle_origins(folder, "braze", await stream.heads())
    sandbox = create_app(key=KEY)
    sandbox.world.clock.set(RECEIVED_MS)  # Braze shows of a profile what was done within 90 days
    try:
        yield Desk(folder, stream, Wire(sandbox), clock or SystemClock())
    finally:
        await stream.close()


async def until(claim: Callable[[], object]) -> None:
    """Let everybody work until the claim is true."""
    async with asyncio.timeout(60):
        while not claim():  # noqa: ASYNC110 - a turn of the loop and of the disk; nobody tells
            await asyncio.sleep(0.001)


async def killed(courier: Courier, desk: Desk, requests: int) -> None:
    """Run a courier and take it away, without a word, once so many requests have been answered."""
    courier.checkpoint = never  # type: ignore[method-assign]  # the process dies before its next checkpoint
    running = asyncio.ensure_future(courier.run())
    while len(desk.wire.sent) < requests or courier.dispatcher.in_flight:
        await asyncio.sleep(0)
        if running.done():
            await running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def never() -> None:
    return None

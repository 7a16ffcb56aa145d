"""A whole Segue in one process: the sandbox when it is wanted, the roles, and the door in front."""

import asyncio
import contextlib
import gc
import importlib
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import structlog

from segue import __version__
from segue.model.errors import MisconfiguredError, SegueError
from segue.model.workspace import SANDBOX_KEY
from segue.runtime.cdn import Cdn
from segue.runtime.clock import Clock, SystemClock
from segue.runtime.compose import House, opened
from segue.runtime.current import Current, read_current, wants_sandbox
from segue.runtime.folders import sdk_folder
from segue.runtime.packages import installed
from segue.runtime.presence import announce
from segue.runtime.settings import Settings
from segue.runtime.telemetry import Telemetry
from segue.web import cdn as downloads
from segue.web.app import App, Receive, Scope, Send, as_json, create_app, reply
from segue.web.control import create_control_app
from segue.web.sdk import create_sdk_app
from segue.web.server import serving

PLUGINS: Final = Path(downloads.__file__).parent / "plugins"
"""Our scripts for the browser, built when Segue is released."""

COLLECT_AFTER: Final = (50_000, 50, 100)
"""Objects and rounds after which the three generations are looked through; Python's own are 700, 10, 10."""

SWITCH_SECONDS: Final = 0.001
"""How long a busy thread keeps the interpreter from one that waits for it; Python's own is 0.005."""

T = TypeVar("T")

log = structlog.get_logger("segue.process")


class Addresses(msgspec.Struct, frozen=True):
    """Where the parts listen. sandbox: "" when there is none."""

    door: str
    prefix: str
    sandbox: str


class Running(msgspec.Struct, frozen=True):
    """A Segue that runs. Set `stop` to end it.

    versions  of analytics.js that it serves
    """

    current: Current
    house: House
    addresses: Addresses
    stop: asyncio.Event
    versions: tuple[str, ...] = ()


@contextlib.asynccontextmanager
async def running(settings: Settings, folder: Path, *, clock: Clock | None = None) -> AsyncIterator[Running]:
    """Start everything the settings ask for; on leaving, stop taking events in, deliver what waits, close.

    Raises MisconfiguredWorkspace, MisconfiguredError, LogUnavailable, StorageUnavailable.
    """
    clock = clock or SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        current = read_current(settings, folder, os.environ)
        sandbox = ""
        wanting = [each.id for each in current.workspace.destinations if each.enabled and wants_sandbox(each)]
        if wanting and "courier" in settings.roles:
            from segue.sandbox import app as braze  # a part of the start that nobody else waits for

            app = braze.create_app(key=SANDBOX_KEY)
            try:
                sandbox = await stack.enter_async_context(braze.running(app, port=settings.sandbox_port))
            except OSError as error:
                raise MisconfiguredError(
                    f"the sandbox cannot listen on port {settings.sandbox_port}: {error.strerror or error}. "
                    "Stop what uses it, or choose another with SEGUE_SANDBOX_PORT; 0 picks one."
                ) from error
            current = read_current(settings, folder, os.environ, sandbox=sandbox)
            log.warning("sandbox_opened", addresses=sandbox, destination=", ".join(wanting))
        telemetry = Telemetry()
        telemetry.build(__version__)
        telemetry.workspace(current.workspace.revision)
        log.info("workspace_read", revision=current.workspace.revision, file=current.positions.file)
        for fault in current.warnings:
            log.warning("workspace_warning", place=fault.place, problem=fault.problem, line=fault.line)
        house = await stack.enter_async_context(opened(settings, current, clock, telemetry))
        stop = asyncio.Event()
        roles = asyncio.create_task(house.run(stop), name="roles")
        stack.push_async_callback(_finish, stop, roles)
        # An end of a role by itself is a failure: the process must not go on without it.
        roles.add_done_callback(lambda _: stop.set())
        door = await stack.enter_async_context(
            serving(_door(house, settings, current), settings.host, settings.port)
        )
        await asyncio.to_thread(announce, settings, house.couriers, door)
        addresses = Addresses(door, current.workspace.ingest.prefix, sandbox)
        log.info("started", addresses=door, roles=",".join(settings.roles), version=__version__)
        versions = await asyncio.to_thread(installed, settings)
        yield Running(current, house, addresses, stop, versions)
        log.info("stopping")
    log.info("stopped")


def in_process(main: Coroutine[Any, Any, T], *, only_receives: bool = False) -> T:
    """Run the one thing a process is for, in the way that measured best (`docs/explain/performance.md`).

    On uvloop where there is one: more single events a second, shorter waits. And the garbage collector
    leaves alone what exists by now and looks for cycles less often: rows and events on the way are many,
    live for seconds, and hold none.

    only_receives  a commit of the log asks for the interpreter some ten times, from a thread that a busy
                   event loop makes wait, and with it all who wait for their answer: it waits less long.
                   A courier would lose by it: its loop has more to do than its threads
    """
    if only_receives:
        sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    factory = importlib.import_module("uvloop").new_event_loop if find_spec("uvloop") else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def _door(house: House, settings: Settings, current: Current) -> App:
    async def metrics() -> bytes:
        await house.figures()
        return house.telemetry.render()

    ingest = current.workspace.ingest
    if house.receiver is None:
        sdk: App = _closed
    else:
        trusted = ingest.trust_forwarded
        sdk = downloads.create_cdn_app(
            Cdn(current, sdk_folder(settings), PLUGINS),
            behind=create_sdk_app(house.receiver, ingest.prefix, trust_forwarded=trusted),
            prefix=ingest.prefix,
            trust_forwarded=trusted,
        )

    def waiting(destination: str, lane: int, offset: int) -> dict[str, Any] | None:
        found = house.waits(destination, lane, offset)
        return msgspec.to_builtins(found) if found is not None else None

    control = create_control_app(
        house.token,
        rejections=house.receiver.doorkeeper.rejections if house.receiver is not None else None,
        waiting=waiting,
    )
    checks = {"log": house.ready, "roles": house.alive}
    return create_app(sdk, checks=checks, metrics=metrics, control=control)


async def _closed(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands where the tracking API would be in a process that does not receive."""
    refusal = {"success": False, "code": "not_a_receiver", "message": "this process only delivers"}
    await reply(send, as_json(404, refusal))


async def _finish(stop: asyncio.Event, roles: asyncio.Task[None]) -> None:
    """End the roles; what one of them failed with is the process's own failure."""
    stop.set()
    try:
        await roles
    except BaseExceptionGroup as failures:
        ours = failures.subgroup(SegueError)
        log.error("role_failed", error=type(failures.exceptions[0]).__name__)  # noqa: TRY400 - printed by main
        if ours is not None:
            raise _first(ours) from failures
        raise


def _first(failures: BaseExceptionGroup[SegueError]) -> SegueError:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first

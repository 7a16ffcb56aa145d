"""One process put together: which log, which state, which roles. The only place that chooses.

    async with opened(settings, current, clock, telemetry) as house:
        stop = asyncio.Event()
        await house.run(stop)          # until stop is set; what waits is sent or kept

Exactly one process writes the log (the receiver role); couriers in other processes follow it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from segue.catalog.contents import catalogue
from segue.engine.delay import Waits
from segue.engine.plan import Plan
from segue.engine.revision import conceal
from segue.io.log.sqlite import RECENT_BYTES, SqliteLog
from segue.io.log.stream import Log
from segue.io.outside.http import Sender
from segue.io.storage import revisions
from segue.io.storage.origins import settle_origins
from segue.io.storage.refusals import RefusalBook
from segue.io.storage.state import State
from segue.io.storage.token import keep_token
from segue.model.errors import LogMissing, MisconfiguredError, StorageUnavailable
from segue.runtime.clerk import Clerk
from segue.runtime.clock import Clock
from segue.runtime.courier import Courier
from segue.runtime.current import Current
from segue.runtime.doorkeeper import Doorkeeper
from segue.runtime.exchange import Exchange
from segue.runtime.folders import (
    LOG_FOLDER,
    PACE_FILE,
    REFUSALS_FILE,
    REVISIONS_FOLDER,
    STATE_FOLDER,
    state_path,
)
from segue.runtime.pacing import Accounts
from segue.runtime.receiver import Receiver
from segue.runtime.room import Room
from segue.runtime.settings import Settings
from segue.runtime.succession import prune_left, settle_lanes
from segue.runtime.telemetry import Telemetry

log = structlog.get_logger("segue.house")

HOUR_MS: Final = 3_600_000
AWAIT_SECONDS: Final = 0.5


class House:
    """The roles of one process, ready to run. Made by `opened`.

    receiver  None when this process does not receive
    couriers  by destination; empty when this process does not deliver
    token     what the control API asks for
    """

    def __init__(
        self,
        stream: SqliteLog,
        receiver: Receiver | None,
        couriers: Mapping[str, Courier],
        states: Mapping[str, State],
        clerk: Clerk,
        clock: Clock,
        telemetry: Telemetry,
        token: str,
        accounts: Accounts,
        exchange: Exchange,
    ) -> None:
        self.stream = stream
        self.token = token
        self.receiver = receiver
        self.couriers = dict(couriers)
        self.telemetry = telemetry
        self._states = states
        self._accounts = accounts
        self._exchange = exchange
        self._clerk = clerk
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Play the roles until `stop` is set, then finish: what waits is sent, or kept when it cannot be."""
        try:
            await self._play(stop)
        finally:
            if self.receiver is not None:
                await self.receiver.doorkeeper.write()

    async def _play(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as roles:
            couriers = [roles.create_task(self._deliver(courier)) for courier in self.couriers.values()]
            clerk = roles.create_task(self._clerk.run())
            exchange = roles.create_task(self._exchange.run())
            aside = [clerk, exchange]
            if self.receiver is not None:
                aside.append(roles.create_task(self.receiver.doorkeeper.run()))
            await stop.wait()
            for courier in self.couriers.values():
                courier.stop()
            await asyncio.gather(*couriers)
            for role in aside:
                role.cancel()

    async def _deliver(self, courier: Courier) -> None:
        log.info("destination_started", destination=courier.id)
        await courier.run()
        log.info("destination_stopped", destination=courier.id, waiting=courier.ledger.waiting)

    async def figures(self) -> None:
        """Bring the gauges that are read off rather than counted up to date."""
        heads, tails = await self.stream.heads(), await self.stream.tails()
        for lane, (head, tail) in enumerate(zip(heads, tails, strict=True)):
            self.telemetry.set("segue_log_head", head, lane=str(lane))
            self.telemetry.set("segue_log_tail", tail, lane=str(lane))
        self.telemetry.set("segue_log_bytes", await self.stream.size_bytes())
        now_ms = self._clock.now_ms()
        for name, courier in self.couriers.items():
            self.telemetry.ledger(name, courier.ledger)
            self.telemetry.set("segue_events_lag", courier.lag(heads), destination=name)
            self.telemetry.set("segue_waiting_bytes", courier.waiting_bytes, destination=name)
            self.telemetry.set("segue_destination_held", int(courier.hold.is_held), destination=name)
            oldest = courier.ledger.oldest_ms
            waited = (now_ms - oldest) / 1000 if oldest is not None else 0.0
            self.telemetry.set("segue_oldest_waiting_seconds", waited, destination=name)
            dead = sum((await self._states[name].count_dead()).values())
            self.telemetry.set("segue_dead_letters", dead, destination=name)
            self.telemetry.set("segue_retries_total", courier.retries, destination=name)
            self.telemetry.set("segue_circuit_state", courier.dispatcher.circuit, destination=name)
        for name, account in self._accounts.all().items():
            for pool, standing in account.snapshot().items():
                self.telemetry.pool(name, pool, standing)

    def waits(self, destination: str, lane: int, offset: int) -> Waits | None:
        """Why an event waits at a destination; None when its courier does not run in this process."""
        courier = self.couriers.get(destination)
        return courier.waits(lane, offset) if courier is not None and lane in courier.lanes else None

    async def ready(self) -> None:
        """Raises LogUnavailable when events cannot be taken in now."""
        if self.receiver is not None:
            await self.stream.probe()

    async def alive(self) -> None:
        """Raises StorageUnavailable when a courier cannot write down what it does."""
        paused = [name for name, courier in self.couriers.items() if courier.is_paused]
        if paused:
            raise StorageUnavailable(f"the courier of {', '.join(paused)} waits for its state to be writable")


@contextlib.asynccontextmanager
async def opened(
    settings: Settings,
    current: Current,
    clock: Clock,
    telemetry: Telemetry,
) -> AsyncIterator[House]:
    """Open everything the settings' roles need, and close it in the end.

    Raises LogUnavailable, StorageUnavailable, UnsafeLibrary, MisconfiguredError.
    """
    plan, ingest = current.plan, current.workspace.ingest
    async with contextlib.AsyncExitStack() as stack:
        if "receiver" in settings.roles:
            stream = await SqliteLog.open(
                settings.data / LOG_FOLDER,
                lanes=ingest.lanes,
                retention_ms=round(ingest.retention_hours * HOUR_MS),
                retention_bytes=ingest.retention_bytes,
                linger_seconds=settings.linger_ms / 1000,
                # Couriers of other processes read the files.
                recent_bytes=RECENT_BYTES if "courier" in settings.roles else 0,
            )
        else:
            stream = await _followed(settings, clock)
        stack.push_async_callback(stream.close)
        token = await asyncio.to_thread(keep_token, settings.data)
        heads = await stream.heads()
        if beyond := [lane for lane in settings.lanes if lane >= stream.lanes]:
            raise MisconfiguredError(
                f"there is no lane {beyond[0]}: the log has lanes 0 to {stream.lanes - 1}. "
                "Give --lanes or SEGUE_LANES within them, or leave it out for all."
            )
        revision = await asyncio.to_thread(keep_revision, settings, current)
        refuse_parted_people(plan, settings.lanes, stream.lanes)
        states: dict[str, State] = {}
        couriers: dict[str, Courier] = {}
        sender, accounts, room = Sender(), Accounts(clock), Room(couriers=len(plan.destinations))
        stack.push_async_callback(sender.close)
        for name, destination in plan.destinations.items():
            # Before the first event is taken in, so that a new destination misses none.
            origins = await asyncio.to_thread(settle_origins, settings.data / STATE_FOLDER, name, heads)
            if "courier" not in settings.roles:
                continue
            hours = destination.config.delivery.dedupe_hours
            states[name] = state = await State.open(state_path(settings, name), dedupe_hours=hours)
            stack.push_async_callback(state.close)
            await settle_lanes(settings, destination, state, stream.lanes, origins, clock)
            await state.use_revision(revision, clock.now_ms())
            courier = Courier(
                destination,
                stream,
                state,
                sender,
                clock,
                telemetry,
                origins=origins,
                journal=state_path(settings, name).with_suffix(""),
                lanes=settings.lanes or None,
                account=accounts.of(destination),
                room=room,
            )
            await courier.start()
            couriers[name] = courier
        exchange = Exchange(settings.data / PACE_FILE, accounts.all(), clock)
        stack.callback(exchange.close)
        exchange.round()  # before the first request leaves
        receiver, refusals = None, None
        if "receiver" in settings.roles:
            last = await last_order(stream, heads)
            refusals = await RefusalBook.open(settings.data / REFUSALS_FILE)
            stack.push_async_callback(refusals.close)
            keeper = Doorkeeper(clock, refusals)
            receiver = Receiver(stream, plan.source, clock, telemetry, first_order=last, doorkeeper=keeper)
        writer = stream if receiver is not None else None
        has_all = not settings.lanes and states.keys() == plan.destinations.keys()
        clerk = Clerk(
            writer,
            list(states.values()),
            clock,
            retention_hours=ingest.retention_hours,
            refusals=refusals,
            revisions=settings.data / REVISIONS_FOLDER if has_all else None,
            left=partial(prune_left, settings, list(states)),
        )
        yield House(stream, receiver, couriers, states, clerk, clock, telemetry, token, accounts, exchange)


async def _followed(settings: Settings, clock: Clock) -> SqliteLog:
    """The log another process writes; waits for it to be made, as processes start in any order."""
    folder, is_told = settings.data / LOG_FOLDER, False
    while True:
        try:
            return await SqliteLog.follow(folder)
        except LogMissing:
            if not is_told:
                log.warning("log_awaited", file=str(folder))
            is_told = True
        await clock.sleep(AWAIT_SECONDS)


def keep_revision(settings: Settings, current: Current) -> str:
    """Keep the workspace without its secrets, to tell later by what an event was routed; gives its id.

    Blocks. Raises StorageUnavailable.
    """
    concealed = conceal(current.workspace, catalogue(), current.positions.secrets)
    return revisions.keep(settings.data / REVISIONS_FOLDER, concealed)


def refuse_parted_people(plan: Plan, lanes: Sequence[int], there_are: int) -> None:
    """What a person's profile is known to be is only right where all of their events are read."""
    destinations = plan.destinations.items()
    changed = [name for name, each in destinations if each.config.delivery.attributes == "changed"]
    if changed and lanes and len(lanes) < there_are:
        raise MisconfiguredError(
            f'destination "{changed[0]}" has delivery.attributes: changed, which needs every lane of the log '
            "in one courier: an anonymous person and who they turn out to be live in different lanes. Run "
            "without --lanes, or write attributes: all."
        )


async def last_order(stream: Log, heads: Sequence[int]) -> int:
    """The highest ingest order in the log, 0 when it is empty: new ones go on from there even when the
    clock was set back."""
    last = 0
    for lane, head in enumerate(heads):
        for block in await stream.read(lane, head - 1, blocks=1) if head else ():
            last = max(last, block.records[-1].order)
    return last

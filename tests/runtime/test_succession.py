"""Lanes that change hands: whoever reads one next goes on where the last courier was, whatever its group."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.cli.house import workspace
from tests.runtime.house import RECEIVED_MS, SOON, Desk, Wire, bind, opened, records, until
from tests.runtime.test_courier import identify, track

from segue.io.storage import succession
from segue.io.storage.state import State, StateReader
from segue.model.delivery import Request, Response
from segue.model.errors import MisconfiguredError, StorageUnavailable
from segue.model.event import lane_of
from segue.model.workspace import Budget, Cap, Delivery
from segue.runtime import desk as desk_of
from segue.runtime.clerk import LEFT_ROUNDS, Clerk
from segue.runtime.clock import HandClock
from segue.runtime.courier import Courier
from segue.runtime.current import read_current
from segue.runtime.folders import STATE_FOLDER, state_path
from segue.runtime.settings import Settings, read_settings
from segue.runtime.succession import prune_left, settle_lanes

LANES = 4
PEOPLE = [f"u{number}" for number in range(12)]
assert {lane_of(f"u:{user}", LANES) for user in PEOPLE} == set(range(LANES))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path / "data", lanes=LANES) as made:
        yield made


def grouped(desk: Desk, *lanes: int) -> Settings:
    return read_settings(desk.folder, {}, data=desk.folder, lanes=lanes)


@asynccontextmanager
async def group(
    desk: Desk, *lanes: int, clock: Any = None, caps: Sequence[Cap] = (), **delivery: Any
) -> AsyncIterator[Courier]:
    """A courier of these lanes, all without any, as a process starts it."""
    settings = grouped(desk, *lanes)
    destination = bind(delivery=Delivery(wait_seconds=0, **delivery), budget=Budget(caps=tuple(caps)))
    path = state_path(settings, "braze")
    state = await State.open(path)
    try:
        await settle_lanes(settings, destination, state, LANES, desk.origins, clock or desk.clock)
        yield Courier(
            destination,
            desk.stream,
            state,
            desk.wire,
            desk.clock,
            desk.telemetry,
            origins=desk.origins,
            journal=path.with_suffix(""),
            lanes=lanes or None,
            checkpoint_seconds=SOON,
        )
    finally:
        await state.close()


async def deliver(desk: Desk, *groups: Sequence[int], **options: Any) -> None:
    """Every group delivers what there is, one after the other, and each book adds up."""
    for lanes in groups:
        async with group(desk, *lanes, **options) as courier:
            await courier.start()
            await courier.checkpoint()
            await courier.run(until_head=True)
            assert courier.ledger.residual == 0


async def doctor(desk: Desk) -> desk_of.Counted:
    """What all states say together."""
    folder = workspace(desk.folder.parent)
    settings = read_settings(folder, {}, config=folder / "segue.yaml", data=desk.folder)
    [counted] = await desk_of.counted(settings, read_current(settings, folder, {}))
    return counted


def sent(desk: Desk) -> Counter[str]:
    """Which event, by its number and user, left how often."""
    return Counter(
        f"{event['external_id']}-{event['properties']['n']}"
        for body in desk.wire.bodies()
        for event in body.get("events", ())
    )


async def test_lanes_go_from_group_to_group_and_every_event_leaves_once(desk: Desk) -> None:
    """One process with all, two with half, two others, and one again; the same messageIds come once more
    after each change, and a letter of the first is retried by the last."""
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    changes: list[list[Sequence[int]]] = [
        [()],
        [(0, 1), (2, 3)],
        [(0,), (1, 2, 3)],
        [()],
    ]
    for number, groups in enumerate(changes):
        again = [track(user, number - 1, n=number - 1) for user in PEOPLE] if number else []
        await desk.stream.append(records(*again, *(track(user, number, n=number) for user in PEOPLE)))
        await deliver(desk, *groups)
    counted = await doctor(desk)
    died = counted.events["dead"]
    assert died > 0
    assert (counted.residual, counted.waiting, counted.lag) == (0, 0, 0)
    assert counted.events["duplicate"] == len(PEOPLE) * (len(changes) - 1)
    assert sum(counted.dead_letters.values()) == counted.events["rows_dead"] == died
    assert await desk_of.ask(grouped(desk), ["braze"], "retry", {"all": True}, desk.clock) == 1
    await deliver(desk, ())
    counted = await doctor(desk)
    assert (counted.residual, counted.dead_letters, counted.events["dead"]) == (0, {}, 0)
    assert counted.events["delivered"] == len(PEOPLE) * len(changes)
    names = {f"{user}-{number}" for user in PEOPLE for number in range(len(changes))}
    assert sent(desk).keys() == names
    assert sum(sent(desk).values()) == len(names) + died  # what was refused left twice


async def test_an_older_value_is_known_for_one_by_who_takes_over(desk: Desk) -> None:
    """The clocks of people go with their lanes."""
    late = [{**identify(user, 1, plan="old"), "timestamp": "2026-01-01T00:00:00Z"} for user in PEOPLE]
    new = [{**identify(user, 0, plan="new"), "timestamp": "2026-01-02T00:00:00Z"} for user in PEOPLE]
    await desk.stream.append(records(*new))
    await deliver(desk, ())
    await desk.stream.append(records(*late))
    await deliver(desk, (0,), (1, 2, 3))
    assert [(await desk.wire.profile(user))["custom_attributes"] for user in PEOPLE] == [
        {"plan": "new"}
    ] * len(PEOPLE)


class Silent(Wire):
    """Takes everything; answers nothing while it is silent."""

    is_silent = True

    async def send(self, request: Request) -> Response:
        answer = await super().send(request)
        if self.is_silent:
            await asyncio.Event().wait()
        return answer


async def test_what_was_on_the_way_at_a_kill_is_in_doubt_for_who_takes_over(desk: Desk) -> None:
    """The journal of the killed one is read: what was answered is not repeated, the rest is told."""
    desk.wire = silent = Silent(desk.wire.sandbox)
    silent.is_silent = False
    first, second = PEOPLE[:6], PEOPLE[6:]
    await desk.stream.append(records(*(track(user, 0, n=0) for user in first)))
    async with group(desk) as courier:
        await courier.start()
        courier.checkpoint = _no_checkpoint  # type: ignore[method-assign]
        running = asyncio.ensure_future(courier.run())
        await until(lambda: courier.ledger.total("delivered") == len(first))
        silent.is_silent = True
        await desk.stream.append(records(*(track(user, 0, n=0) for user in second)))
        await until(lambda: sum(sent(desk).values()) == len(PEOPLE))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    silent.is_silent = False
    await deliver(desk, (0, 1), (2, 3))
    assert sent(desk) == Counter({f"{user}-0": 1 + (user in second) for user in PEOPLE})
    counted = await doctor(desk)
    assert (counted.residual, counted.events["delivered"]) == (0, len(PEOPLE))
    assert counted.events["rows_uncertain"] == len(second)


async def test_lanes_are_not_taken_from_a_process_that_reads_them(desk: Desk) -> None:
    """Whichever is larger; the error names process, file and remedy. Other lanes are free."""
    await desk.stream.append(records(*(track(user, 0, n=0) for user in PEOPLE)))
    clock = HandClock()
    async with group(desk, 0, 1) as courier:
        await courier.run(until_head=True)
        for lanes in ((), (1, 2)):
            starting = asyncio.ensure_future(group(desk, *lanes, clock=clock).__aenter__())
            while not starting.done():
                await clock.advance(1)
            with pytest.raises(StorageUnavailable, match=r"process \d+ owns .*@0-1.db.* Stop that process"):
                await starting
        async with group(desk, 2, 3) as other:
            await other.run(until_head=True)
    assert set(sent(desk).values()) == {1}


async def test_a_hand_over_that_is_cut_is_done_to_its_end(desk: Desk, monkeypatch: Any) -> None:
    """Killed when the heir has everything and the other does not know: nothing leaves twice, nothing counts
    twice."""
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    await desk.stream.append(records(*(track(user, 0, n=0) for user in PEOPLE)))
    await deliver(desk, ())
    before = await doctor(desk)
    with monkeypatch.context() as patch:
        patch.setattr(succession, "surrender", _killed)
        with pytest.raises(RuntimeError):
            await group(desk, 0, 1).__aenter__()
    await deliver(desk, (0, 1), (2, 3))
    assert await doctor(desk) == before
    assert set(sent(desk).values()) == {1}


async def _no_checkpoint() -> None:
    """The process dies before its next one."""


def _killed(*_: object) -> None:
    raise RuntimeError


async def test_a_cap_bounds_each_courier_and_what_was_spent_goes_to_who_takes_over_first(desk: Desk) -> None:
    """Two spend it each; one after them has spent both; of two after that one, the second has not."""
    cap = Cap(limit=3, per="month", policy="drop")
    changes: list[tuple[list[Sequence[int]], int]] = [
        ([(0, 1), (2, 3)], 6),
        ([()], 0),
        ([(0, 1), (2, 3)], 3),
    ]
    for number, (groups, delivered) in enumerate(changes):
        desk.wire.sent.clear()
        await desk.stream.append(records(*(track(user, number, n=number) for user in PEOPLE)))
        await deliver(desk, *groups, caps=[cap], batching=False, in_flight=1)
        assert sum(sent(desk).values()) == delivered
    counted = await doctor(desk)
    assert (counted.residual, counted.waiting, counted.lag) == (0, 0, 0)
    assert (counted.events["delivered"], counted.events["filtered"]) == (9, 3 * len(PEOPLE) - 9)


async def test_what_two_would_do_twice_is_done_before_lanes_change(desk: Desk) -> None:
    """A deletion that is asked for and not done: the error says how to go on."""
    await desk.stream.append(records(*(track(user, 0, n=0) for user in PEOPLE)))
    await deliver(desk, ())
    people = {"name": "erase-1", "people": [PEOPLE[0]]}
    await desk_of.ask(grouped(desk), ["braze"], "erase", people, desk.clock)
    with pytest.raises(MisconfiguredError, match=r"SEGUE_LANES=0,1,2,3"):
        await deliver(desk, (0, 1))
    await deliver(desk, ())
    await deliver(desk, (0, 1), (2, 3))
    paths = [request.url for request in desk.wire.sent]
    assert sum("/users/delete" in path for path in paths) == 1


async def test_what_a_state_without_lanes_keeps_goes_with_the_retention(desk: Desk) -> None:
    """Its receipts are there until then, for whoever asks; a state that has lanes is its own courier's."""
    user = next(user for user in PEOPLE if lane_of(f"u:{user}", LANES) == 0)

    async def receipts(name: str, number: int) -> int:
        reader = await StateReader.open(desk.folder / STATE_FOLDER / f"{name}.db")
        found = await reader.receipts(f"t-{user}-{number}")
        await reader.close()
        return len(found)

    async def rounds(hours: int) -> None:
        left = partial(prune_left, grouped(desk, 2, 3), ["braze"])
        later = HandClock(RECEIVED_MS + hours * 3_600_000)
        clerk = Clerk(None, [], later, retention_hours=24, left=left)
        for _ in range(LEFT_ROUNDS):
            await clerk.round()

    await desk.stream.append(records(track(user, 0, n=0)))
    await deliver(desk, ())
    await desk.stream.append(records(track(user, 1, n=1)))
    await deliver(desk, (0, 1), (2, 3))
    await rounds(1)
    assert (await receipts("braze", 0), await receipts("braze@0-1", 1)) == (1, 1)
    await rounds(72)
    assert (await receipts("braze", 0), await receipts("braze@0-1", 1)) == (0, 1)

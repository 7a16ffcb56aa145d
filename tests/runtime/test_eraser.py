"""People deleted at the partner: in order with their other rows, once, and before all else."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.house import (
    ADDRESS,
    CATALOGUE,
    SOON,
    SOURCE,
    Desk,
    Orders,
    Wire,
    bind,
    killed,
    opened,
    records,
    until,
)

from segue.engine.erasure import SUBSCRIPTION
from segue.engine.plan import BoundDestination, prepare
from segue.io.storage.state import Command, State, StateReader
from segue.io.storage.workspace import Positions
from segue.model.delivery import DELETED
from segue.model.workspace import Delivery, Workspace
from segue.runtime.current import Current
from segue.runtime.deletions import standings
from segue.runtime.eraser import DONE, ERASE, Eraser
from segue.runtime.folders import STATE_FOLDER
from segue.runtime.revival import RETRY
from segue.runtime.settings import Settings

DELETE = f"{ADDRESS}/users/delete"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


def identify(user: str, number: int = 0, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "messageId": f"i-{user}-{number}", "traits": traits}


async def ask(desk: Desk, people: Sequence[str], name: str = "erase-1") -> int:
    """As `segue erase` does, after everything in the log so far."""
    Orders.last += 5_000_000
    reader = await StateReader.open(desk.folder / "braze.db")
    asked_ms = Orders.last // 1_000_000
    command = await reader.ask(ERASE, {"name": name, "people": people}, asked_ms=asked_ms)
    await reader.close()
    Orders.last += 5_000_000
    return command


async def tell(desk: Desk, *events: dict[str, Any], destination: BoundDestination | None = None) -> Any:
    """Append events and deliver them."""
    await desk.stream.append(records(*events))
    courier = await desk.deliver(destination)
    assert courier.ledger.residual == 0
    return courier


def deleted(wire: Wire) -> list[list[str]]:
    """The ids of each request that deletes."""
    return [json.loads(sent.body)["external_ids"] for sent in wire.sent if sent.url == DELETE]


async def kept(desk: Desk) -> StateReader:
    return await StateReader.open(desk.folder / "braze.db")


async def test_somebody_is_deleted_and_a_later_event_makes_them_anew(desk: Desk) -> None:
    """With a receipt, a count of their own, and nothing of the call left to do."""
    await tell(desk, identify("u1", plan="plus", city="Oslo"), identify("u2"))
    command = await ask(desk, ["u1", "nobody"])
    await tell(desk, identify("u1", 1, plan="free"))
    assert deleted(desk.wire) == [["u1", "nobody"]]
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "free"}
    assert await desk.wire.profile("u2")
    reader = await kept(desk)
    assert await reader.commands() == []
    receipts = await reader.receipts("erase-1")
    assert [(each.result, each.action, each.offset, each.position) for each in receipts] == [
        ("delivered", "delete-users", command, 0),
        ("delivered", "delete-users", command, 1),
    ]
    rows = [n for key, n in await reader.counts(0, 1 << 40) if key.subscription == SUBSCRIPTION]
    assert rows == [2]
    await reader.close()


async def test_many_are_deleted_fifty_in_a_request(desk: Desk) -> None:
    """The page's own bound."""
    await desk.deliver()
    await ask(desk, [f"u{number}" for number in range(120)])
    await desk.deliver()
    assert [len(ids) for ids in deleted(desk.wire)] == [50, 50, 20]


async def test_a_deletion_keeps_its_place_among_a_person_s_rows(desk: Desk) -> None:
    """What was taken in before leaves before it, what was taken in after leaves after, and others of the same
    request do not make it wait."""
    slow = bind(delivery=Delivery(wait_seconds=600))
    async with desk.courier(slow, checkpoint_seconds=SOON) as courier:
        await courier.start()
        running = asyncio.create_task(courier.run())
        await desk.stream.append(records(identify("u1", plan="old"), identify("u2", plan="old")))
        await until(lambda: courier.waiting_rows == 2)
        await ask(desk, ["u1", "u9"])
        await until(lambda: deleted(desk.wire))  # the call was taken up
        await desk.stream.append(records(identify("u1", 1, plan="new")))
        await until(lambda: len(deleted(desk.wire)) == 2 and courier.ledger.read == 3)
        courier.stop()
        await running
    urls = [sent.url.removeprefix(ADDRESS) for sent in desk.wire.sent]
    assert urls == ["/users/delete", "/users/track", "/users/delete", "/users/track"]
    assert deleted(desk.wire) == [["u9"], ["u1"]]
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "new"}


async def test_what_comes_up_late_from_a_backlog_does_not_make_the_person_anew(desk: Desk) -> None:
    """It was taken in before somebody asked: it is filtered with its reason, and nobody else's is."""
    await desk.deliver()
    await desk.stream.append(records(identify("u1", plan="old"), identify("u2", plan="old")))
    await ask(desk, ["u1"])
    courier = await desk.deliver()
    assert await desk.wire.profile("u1") == {}
    assert (await desk.wire.profile("u2"))["custom_attributes"] == {"plan": "old"}
    assert courier.ledger.totals()["filtered", DELETED] == 1
    assert courier.ledger.residual == 0
    await tell(desk, identify("u1", 1, plan="new"))
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "new"}


async def test_a_kill_after_the_answer_deletes_nobody_twice(desk: Desk) -> None:
    """The person came back meanwhile: the journal knows that the deletion was answered."""
    await tell(desk, identify("u1", plan="old"))
    await ask(desk, ["u1"])
    await desk.stream.append(records(identify("u1", 1, plan="new")))
    before = len(desk.wire.sent)
    async with desk.courier() as courier:
        await killed(courier, desk, before + 2)
    assert len(deleted(desk.wire)) == 1
    for _ in range(2):
        courier = await desk.deliver()
        assert len(deleted(desk.wire)) == 1
        assert courier.ledger.residual == 0
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "new"}
    reader = await kept(desk)
    assert await reader.commands() == []
    assert [each.result for each in await reader.receipts("erase-1")] == ["delivered"]
    await reader.close()


async def test_a_kill_before_the_answer_deletes_again_and_says_so(desk: Desk) -> None:
    """Nothing later of the person left before the answer, so a second time changes nothing."""
    await tell(desk, identify("u1", plan="old"))
    await ask(desk, ["u1"])
    desk.wire.fault(path="/users/delete", drop="after", count=1)
    before = len(desk.wire.sent)
    async with desk.courier() as courier:
        await killed(courier, desk, before + 1)
    await tell(desk, identify("u1", 1, plan="new"))
    assert deleted(desk.wire) == [["u1"], ["u1"]]
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "new"}
    reader = await kept(desk)
    assert [each.policy for each in await reader.uncertain(message_id="erase-1")] == ["repeated"]
    await reader.close()


async def test_a_restart_in_the_middle_goes_on_with_those_not_done(desk: Desk) -> None:
    """What is done of a call is kept with the checkpoint that has its receipts."""
    await desk.deliver()
    people = [f"u{number}" for number in range(100)]
    await ask(desk, people)
    desk.wire.fault(path="/users/delete", status=503, skip=1, count=2)
    async with desk.courier(bind(delivery=Delivery(in_flight=1))) as courier:
        await courier.run(until_head=True)
        assert courier.halt is not None
    reader = await kept(desk)
    [left] = await reader.commands()
    await reader.close()
    assert left.arguments["settled"] == [[0, 50]]
    desk.wire.sandbox.world.faults.clear()
    await desk.deliver()
    assert deleted(desk.wire) == [people[:50], people[50:], people[50:]]


async def test_what_is_on_its_way_is_told_until_it_is_answered(desk: Desk) -> None:
    """Sent and not answered: of one request, while another waits for it; nothing of it is left in the end."""
    await desk.deliver()
    await ask(desk, [f"u{number}" for number in range(60)])
    desk.wire.fault(path="/users/delete", latency_ms=300_000, count=1)
    reader = await kept(desk)
    told: list[tuple[int, int]] = []

    async def look() -> bool:
        for command in await reader.commands():
            figures = command.arguments.get("flying", 0), len(command.arguments["people"])
            told.extend([figures] if figures not in told else [])
        return (50, 60) in told

    async with desk.courier(bind(delivery=Delivery(in_flight=1)), checkpoint_seconds=0.01) as courier:
        running = asyncio.ensure_future(courier.run())
        async with asyncio.timeout(60):
            while not await look():  # noqa: ASYNC110 - a turn of the loop and of the disk; nobody tells
                await asyncio.sleep(0.001)
        running.cancel()
    await reader.close()
    assert (50, 60) in told


async def test_a_refused_deletion_is_a_dead_letter_and_can_be_tried_again(desk: Desk) -> None:
    """Only the culprit's, with the partner's words and its history."""
    await tell(desk, identify("u1"), identify("bad"))
    await ask(desk, ["u1", "bad"])
    said = {"message": "not this one"}
    for skip in (0, 1):  # both, then the second alone
        desk.wire.fault(path="/users/delete", status=400, body=said, skip=skip, count=1)
    await desk.deliver()
    reader = await kept(desk)
    [letter] = await reader.dead_letters()
    assert (letter.person, letter.action, letter.message_id) == ("u:bad", "delete-users", "erase-1")
    assert letter.attempts
    body = await reader.value(DONE)
    assert body is not None
    assert b"erase-1" in body
    await reader.ask(RETRY, {"ids": [letter.id]}, asked_ms=1)
    await reader.close()
    async with desk.courier() as courier:
        await courier.start()
        await courier.checkpoint()
        await courier.run(until_head=True)
        assert courier.ledger.residual == 0
        assert courier.ledger.totals()["rows_dead", "BAD_REQUEST"] == 0
    assert await desk.wire.profile("bad") == {}
    reader = await kept(desk)
    assert await reader.dead_letters() == []
    await reader.close()


async def test_a_paused_or_held_destination_keeps_the_call(desk: Desk) -> None:
    """Until the partner answers again; later events of the person wait behind it."""
    await tell(desk, identify("u1", plan="old"))
    await ask(desk, ["u1"])
    desk.wire.fault(path="/users/delete", status=401)
    await desk.stream.append(records(identify("u1", 1, plan="new")))
    courier = await desk.deliver()
    assert courier.halt is not None
    assert courier.halt.code == "UNAUTHORIZED"
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "old"}
    desk.wire.sandbox.world.faults.clear()
    await desk.deliver()
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "new"}


@pytest.mark.parametrize("delivery", [{"attributes": "changed"}, {"debounce": True}])
async def test_what_was_known_of_the_person_is_forgotten(desk: Desk, delivery: dict[str, Any]) -> None:
    """The same traits as before are sent again, whole."""
    destination = bind(delivery=Delivery(wait_seconds=0, **delivery))
    await tell(desk, identify("u1", plan="plus"), destination=destination)
    await ask(desk, ["u1"])
    await tell(desk, identify("u1", 1, plan="plus"), destination=destination)
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "plus"}
    await tell(desk, identify("u1", 2, plan="plus"), destination=destination)
    assert len(desk.wire.sent) == 3  # the last says nothing new


async def test_a_courier_deletes_only_whose_lanes_it_reads(desk: Desk) -> None:
    """Another has the others: together they delete everybody, once."""
    state = await State.open(desk.folder / "braze.db")
    people = [f"u{number}" for number in range(40)]
    command = Command(id=1, name=ERASE, arguments={"name": "e", "people": people}, asked_ms=1)
    found = []
    for lanes in ((0, 1), (2, 3)):
        rows = Eraser("braze", state, lanes, 4).take(bind(), [command])
        assert rows
        found += [row.person for row, *_ in rows]
    assert sorted(found) == sorted(f"u:{user}" for user in people)
    await state.close()


async def test_a_call_that_is_done_between_two_looks_is_told_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves what is under way and comes to what is done while somebody reads the one, then the other."""
    await desk.deliver()
    await ask(desk, ["u1"])
    (tmp_path / STATE_FOLDER).symlink_to(desk.folder)
    bound = bind()
    workspace = Workspace(sources=(SOURCE,), destinations=(bound.config,))
    current = Current(workspace, Positions(), prepare(workspace, CATALOGUE))
    looks = 0
    for name, ask_for in (("commands", StateReader.commands), ("value", StateReader.value)):

        async def followed(*given: Any, look: Any = ask_for) -> Any:
            nonlocal looks
            looks += 1
            is_first, found = looks == 1, await look(*given)
            if is_first:
                await desk.deliver(bound)
            return found

        monkeypatch.setattr(StateReader, name, followed)
    [told] = await standings(Settings(data=tmp_path), current)
    assert (told.people, told.deleted, told.waiting) == (1, 1, 0)
    assert looks > 2

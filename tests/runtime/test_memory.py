"""What the partner has of each person: nothing older is sent, and, where asked for, only what changed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
from tests.runtime.house import Desk, Wire, bind, opened, records

from segue.engine.line import Waiting
from segue.engine.moment import iso
from segue.engine.plan import BoundDestination
from segue.engine.points import Spending
from segue.engine.travel import Travel
from segue.io.storage.journal import Found
from segue.io.storage.state import State, StateReader
from segue.model.delivery import STALE, UNCHANGED, Receipt, Request, Response, Row, read_note
from segue.model.errors import StorageUnavailable
from segue.model.workspace import Delivery, Subscription
from segue.runtime.courier import Courier
from segue.runtime.memory import Memory

START_MS = 1_790_000_000_000


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


def changed(**options: Any) -> BoundDestination:
    return bind(delivery=Delivery(attributes="changed", **{"wait_seconds": 0, **options}))


def identify(number: int, at: int, user: str = "u1", **traits: Any) -> dict[str, Any]:
    """An identify that happened so many seconds after the start."""
    return {
        "type": "identify",
        "userId": user,
        "messageId": f"i{number}",
        "timestamp": iso(START_MS + at * 1000),
        "traits": traits,
    }


async def tell(desk: Desk, destination: BoundDestination, *events: dict[str, Any]) -> Courier:
    """Append events and deliver them."""
    await desk.stream.append(records(*events))
    courier = await desk.deliver(destination)
    assert courier.ledger.residual == 0
    return courier


async def receipt(desk: Desk, number: int) -> Receipt:
    reader = await StateReader.open(desk.folder / "braze.db")
    [found] = await reader.receipts(f"i{number}")
    await reader.close()
    return found


def sent(desk: Desk) -> list[Any]:
    """The attribute objects that left, without who they are about."""
    objects = [item for body in desk.wire.bodies() for item in body["attributes"]]
    known = ("external_id", "_update_existing_only")
    return [{name: value for name, value in item.items() if name not in known} for item in objects]


async def test_an_older_value_never_overwrites_a_newer_one(desk: Desk) -> None:
    """Without being asked for: over restarts, and what was left out is counted and explained."""
    await tell(desk, bind(), identify(1, 50, plan="plus", city="Oslo"))
    courier = await tell(desk, bind(), identify(2, 10, plan="free", team="red"), identify(3, 20, plan="pro"))
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {
        "plan": "plus",
        "city": "Oslo",
        "team": "red",
    }
    assert courier.ledger.totals()["filtered", STALE] == 1
    assert courier.ledger.totals()["rows_filtered", STALE] == 1
    assert courier.ledger.total("delivered") == 2
    late = await receipt(desk, 3)
    assert (late.result, late.reason) == ("filtered", STALE)
    explained = "plan (older than what was sent at 2026-09-21T14:14:10.000Z)"
    assert [read_note(note) for note in late.notes] == [(STALE, (explained,))]
    assert [read_note(note) for note in (await receipt(desk, 2)).notes] == [(STALE, (explained,))]
    assert desk.telemetry.value("segue_late_attributes_total", destination="braze") == 2


async def test_every_value_is_sent_again_unless_only_changes_are_asked_for(desk: Desk) -> None:
    """Clocks alone leave nothing out that is as new."""
    await tell(desk, bind(), identify(1, 1, plan="plus"), identify(2, 2, plan="plus"))
    assert sent(desk) == [{"plan": "plus"}] * 2


async def test_only_what_changed_is_sent(desk: Desk) -> None:
    """An update with nothing new is filtered before it waits, and says so."""
    await tell(desk, changed(), identify(1, 1, plan="plus", home={"city": "Oslo", "zip": "0150"}))
    courier = await tell(
        desk,
        changed(),
        identify(2, 2, plan="plus", home={"city": "Oslo", "zip": "0150"}),
        identify(3, 3, plan="plus", home={"city": "Oslo", "zip": "0151"}),
    )
    assert sent(desk)[1:] == [{"home": {"zip": "0151"}, "_merge_objects": True}]
    assert courier.ledger.totals()["filtered", UNCHANGED] == 1
    same, partly = await receipt(desk, 2), await receipt(desk, 3)
    assert (same.result, same.reason) == ("filtered", UNCHANGED)
    assert read_note(same.notes[0]) == (UNCHANGED, ("home", "plan"))
    assert read_note(partly.notes[0]) == (UNCHANGED, ("plan",))
    assert desk.telemetry.value("segue_points_saved_total", destination="braze") == 5
    assert desk.telemetry.value("segue_points_sent_total", destination="braze") == 4


async def test_several_updates_of_a_person_fold_into_one_object(desk: Desk) -> None:
    """Each of them is delivered, in the same place of the same request."""
    courier = await tell(
        desk,
        changed(wait_seconds=30),
        identify(1, 1, plan="free", city="Oslo"),
        identify(2, 2, plan="plus"),
        identify(3, 1, user="u2", plan="pro"),
    )
    assert sent(desk) == [{"plan": "plus", "city": "Oslo"}, {"plan": "pro"}]
    assert courier.ledger.total("delivered") == 3
    places = [(found.request, found.position) for found in [await receipt(desk, n) for n in (1, 2, 3)]]
    assert places == [("1", 0), ("1", 0), ("1", 1)]


async def test_of_a_refused_fold_only_the_culprit_dies(desk: Desk) -> None:
    """They are told again one by one, in one request."""
    courier = await tell(
        desk,
        changed(wait_seconds=30),
        identify(1, 1, plan="free"),
        identify(2, 2, email_subscribe="perhaps"),
        identify(3, 3, city="Oslo"),
        identify(4, 1, user="u2", plan="pro"),
    )
    assert (courier.ledger.total("delivered"), courier.ledger.total("dead")) == (3, 1)
    assert (await desk.wire.profile("u1"))["custom_attributes"] == {"plan": "free", "city": "Oslo"}
    reader = await StateReader.open(desk.folder / "braze.db")
    [letter] = await reader.dead_letters()
    await reader.close()
    assert letter.message_id == "i2"
    assert len(desk.wire.sent) == 2


async def test_a_refusal_in_our_words_is_told_again_as_it_came(desk: Desk) -> None:
    """What we thought the partner has may be wrong: the whole value gets its chance."""
    cars = [{"id": 1, "make": "Saab"}, {"id": 2, "make": "Volvo"}]
    await tell(desk, changed(), identify(1, 1, cars=cars))
    refused = {"type": "no such list", "input_array": "attributes", "index": 0}
    desk.wire.fault(status=400, count=1, body={"message": "no", "errors": [refused]})
    courier = await tell(desk, changed(), identify(2, 2, cars=[*cars, {"id": 3, "make": "DAF"}]))
    words = sent(desk)[1:]
    assert words[0] == {"cars": {"$add": [{"id": 3, "make": "DAF"}]}}
    assert words[-1] == {"cars": [*cars, {"id": 3, "make": "DAF"}]}
    assert courier.ledger.total("delivered") == 2


async def test_a_time_too_far_ahead_counts_as_the_time_of_receipt(desk: Desk) -> None:
    """A wrong clock does not lock an attribute; how far is far can be set."""
    year = 365 * 86_400
    for number, (seconds, expected) in enumerate(((300.0, "now"), (86_400.0 * 1, "now"))):
        user, destination = f"w{number}", bind(delivery=Delivery(wait_seconds=0, ahead_seconds=seconds))
        ahead = identify(10 + number, year, user=user, plan="ahead")
        now = identify(20 + number, 1, user=user, plan="now")
        await tell(desk, destination, ahead, now)
        assert (await desk.wire.profile(user))["custom_attributes"] == {"plan": expected}


async def test_a_person_or_everybody_can_be_sent_whole_again(desk: Desk) -> None:
    """Asked for from another process; the clocks stay."""
    both = [identify(1, 5, plan="plus"), identify(2, 5, user="u2", plan="plus")]
    await tell(desk, changed(), *both)
    for asked, expected in (({"people": ["external_id:u1"]}, 1), ({}, 2)):
        reader = await StateReader.open(desk.folder / "braze.db")
        await reader.ask("refresh", asked, asked_ms=START_MS)
        await reader.close()
        await desk.deliver(changed())  # takes the command
        before = len(sent(desk))
        number = 10 * expected
        late = identify(number + 2, 1, plan="free")
        await tell(
            desk, changed(), *({**each, "messageId": f"i{number}-{each['userId']}"} for each in both), late
        )
        assert sent(desk)[before:] == [{"plan": "plus"}] * expected


async def test_what_each_attribute_cost_and_saved_is_told_by_row(desk: Desk) -> None:
    """For whoever keeps accounts: subscription and event are the row's."""
    told: list[Spending] = []
    await desk.stream.append(
        records(
            identify(1, 1, plan="free", city="Oslo"), identify(2, 2, plan="plus"), identify(3, 3, city="Oslo")
        )
    )
    async with desk.courier(changed(wait_seconds=30)) as courier:
        courier.memory.spending = told.append
        await courier.run(until_head=True)
    found = {each.row.message_id: (dict(each.sent), dict(each.saved)) for each in told}
    assert found == {"i1": ({}, {"plan": 1, "city": 1}), "i2": ({"plan": 1}, {}), "i3": ({"city": 1}, {})}


async def test_what_rows_alike_cost_is_told_once(desk: Desk) -> None:
    """Of one subscription and event, in one request, with the same attributes: how many there were."""
    told: list[Spending] = []
    alike = [identify(n, n, f"u{n}", plan="free", pet={"name": "Rex", "age": n}) for n in range(3)]
    await desk.stream.append(records(*alike, identify(3, 3, "u3", plan=None)))
    async with desk.courier(bind(delivery=Delivery(wait_seconds=30))) as courier:
        courier.memory.spending = told.append
        await courier.run(until_head=True)
    found = [(dict(each.sent), dict(each.saved), each.times) for each in told]
    assert found == [({"plan": 1, "pet": 2}, {}, 3), ({"plan": 1}, {}, 1)]
    assert desk.telemetry.value("segue_points_sent_total", destination="braze") == 10


ALIAS: dict[str, Any] = {"alias_name": {"@path": "$.anonymousId"}, "alias_label": "device"}
VISITS = (
    Subscription(
        id="log-in",
        action="identify-user",
        trigger='type = "identify" and userId != null and anonymousId != null',
        mapping={"external_id": {"@path": "$.userId"}, "user_alias": ALIAS, "merge_behavior": "merge"},
    ),
    Subscription(
        id="visitors",
        action="update-user-profile",
        trigger='type = "identify" and userId = null',
        mapping={
            "user_alias": ALIAS,
            "_update_existing_only": False,
            "custom_attributes": {"@path": "$.traits"},
        },
    ),
    Subscription(
        id="people",
        action="update-user-profile",
        trigger='type = "identify" and userId != null',
        mapping={"external_id": {"@path": "$.userId"}, "custom_attributes": {"@path": "$.traits"}},
    ),
)


class Doorkeeper(Wire):
    """Refuses one person on any device."""

    async def send(self, request: Request) -> Response:
        if request.url.endswith("/users/identify") and b'"stranger"' in request.body:
            return Response(status=400, body=b'{"message":"not them"}')
        return await super().send(request)


@pytest.mark.parametrize("attributes", ["all", "changed"])
async def test_a_log_in_the_partner_refused_has_joined_nobody(
    desk: Desk, attributes: Literal["all", "changed"]
) -> None:
    """What the one says later and the other said newer is no news of the same person; whoever logs in on the
    device next becomes one with its visitor."""
    desk.wire = Doorkeeper(desk.wire.sandbox)
    destination = bind(VISITS, delivery=Delivery(wait_seconds=0, attributes=attributes))

    def visit(number: int, at: int, **traits: Any) -> dict[str, Any]:
        event = identify(number, at, "", **traits) | {"anonymousId": "a1"}
        return {name: value for name, value in event.items() if value != ""}

    await tell(desk, destination, visit(1, 10, theme="dark"))
    await tell(desk, destination, identify(2, 20, "stranger") | {"anonymousId": "a1"})
    await tell(desk, destination, identify(3, 5, "stranger", theme="light"))
    await tell(desk, destination, identify(4, 30, "ada") | {"anonymousId": "a1"})
    await tell(desk, destination, identify(5, 6, "ada", theme="light"))
    assert (await desk.wire.profile("stranger"))["custom_attributes"] == {"theme": "light"}
    assert (await desk.wire.profile("ada"))["custom_attributes"] == {"theme": "dark"}


async def test_what_is_recalled_is_known_before_anything_else_is_made(desk: Desk) -> None:
    """Also for a request that is made while a checkpoint is taking it in, and waits for the state."""
    state = await State.open(desk.folder / "braze.db")
    memory = Memory(bind(), state, desk.telemetry)
    await memory.start(Found())
    read, reading, going_on = state.profiles, asyncio.Event(), asyncio.Event()

    async def slowly(people: Sequence[str]) -> dict[str, bytes]:
        if not reading.is_set():
            reading.set()
            await going_on.wait()
        return await read(people)

    state.profiles = slowly  # type: ignore[method-assign]  # a disk that takes its time once
    memory.recall(_row(1, 20, plan="plus"))
    checkpoint = asyncio.create_task(memory.catch_up())
    await reading.wait()
    late = Waiting(row=_row(2, 10, plan="free"), travel=Travel("update-user-profile"), people=(), since=0.0)
    packing = asyncio.create_task(memory.pack([late]))
    for _ in range(100):
        await asyncio.sleep(0)
    going_on.set()
    parcel = await packing
    assert [each.reason for each in parcel.left_out] == [STALE]
    await checkpoint
    await state.close()


def _row(number: int, at: int, **traits: Any) -> Row:
    return Row(
        destination="braze",
        subscription="profile",
        action="update-user-profile",
        lane=0,
        offset=number,
        order=(START_MS + 60_000) * 1_000_000,
        person="u:u1",
        message_id=f"i{number}",
        kind="identify",
        event_ms=START_MS + at * 1000,
        items=(orjson.dumps({"external_id": "u1", **traits}),),
    )


async def test_a_state_that_cannot_be_read_loses_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row goes back and leaves with the next start; it does not die of it."""
    await desk.stream.append(records(identify(1, 1, plan="plus")))

    async def fail(people: Any) -> Any:
        raise StorageUnavailable("the disk is away for a moment")

    async with desk.courier() as courier:
        monkeypatch.setattr(courier._state, "profiles", fail)
        await courier.run(until_head=True)
        assert (courier.ledger.waiting, courier.ledger.residual) == (1, 0)
    assert desk.wire.sent == []
    courier = await desk.deliver()
    assert courier.ledger.total("delivered") == 1
    assert sent(desk) == [{"plan": "plus"}]

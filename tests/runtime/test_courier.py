"""The courier: from the log to a Braze profile, through whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.house import SOON, Desk, Wire, bind, killed, opened, records, until

from segue.io.storage.state import StateReader
from segue.model.delivery import Request, Response
from segue.model.workspace import Delivery, Subscription
from segue.runtime.courier import Courier


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


def identify(user: str, number: int = 0, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "messageId": f"i-{user}-{number}", "traits": traits}


def track(user: str, number: int = 0, event: str = "Read", **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": user,
        "event": event,
        "messageId": f"t-{user}-{number}",
        "properties": properties,
    }


def told(courier: Courier) -> dict[str, int]:
    """How many events ended how."""
    ledger = courier.ledger
    assert ledger.residual == 0
    results = ("delivered", "filtered", "duplicate", "dead", "expired", "skipped")
    return {result: n for result in results if (n := ledger.total(result))}


async def test_an_identify_and_a_track_become_a_profile(desk: Desk) -> None:
    """The main job, end to end without wires."""
    await desk.stream.append(
        records(identify("u1", email="ada@example.com", plan="plus"), track("u1", page=3))
    )
    courier = await desk.deliver()
    profile = await desk.wire.profile("u1")
    assert profile["email"] == "ada@example.com"
    assert profile["custom_attributes"] == {"plan": "plus"}
    assert [(each["name"], each["count"]) for each in profile["custom_events"]] == [("Read", 1)]
    assert told(courier) == {"delivered": 2}


async def test_an_order_becomes_a_purchase_for_each_product(desk: Desk) -> None:
    """Two products, two purchases, one event delivered."""
    products = [{"product_id": "tea", "price": 7.5, "quantity": 2}, {"product_id": "cup", "price": 14}]
    await desk.stream.append(records(track("u1", event="Order Completed", currency="EUR", products=products)))
    courier = await desk.deliver()
    profile = await desk.wire.profile("u1")
    assert {each["name"]: each["count"] for each in profile["purchases"]} == {"tea": 2, "cup": 1}
    assert told(courier) == {"delivered": 1}


async def test_an_order_of_200_products_is_split_and_is_still_one_event(desk: Desk) -> None:
    """Three requests of at most 75 objects; the event is delivered when the last part is."""
    products = [{"product_id": f"p{n}", "price": 1} for n in range(200)]
    await desk.stream.append(records(track("u1", event="Order Completed", products=products)))
    courier = await desk.deliver()
    assert [len(body["purchases"]) for body in desk.wire.bodies()] == [75, 75, 50]
    assert told(courier) == {"delivered": 1}
    assert courier.ledger.total("rows_delivered") == 3


async def test_75_events_travel_in_one_request(desk: Desk) -> None:
    """One hundred people, two requests."""
    delivery = Delivery(wait_seconds=30)
    await desk.stream.append(records(*(track(f"u{n}") for n in range(100))))
    await desk.deliver(bind(delivery=delivery))
    assert [len(body["events"]) for body in desk.wire.bodies()] == [75, 25]
    assert desk.wire.sent[0].headers["x-braze-batch"] == "true"


async def test_without_batching_every_event_has_a_request_of_its_own(desk: Desk) -> None:
    """The same path, one row at a time."""
    await desk.stream.append(records(*(track(f"u{n}") for n in range(5))))
    await desk.deliver(bind(delivery=Delivery(batching=False)))
    assert [len(body["events"]) for body in desk.wire.bodies()] == [1] * 5


async def test_an_event_nobody_wants_is_filtered_with_its_reason(desk: Desk) -> None:
    """A page, and a track that switches Braze off."""
    off = {**track("u1", 1), "integrations": {"Braze": False}}
    page = {"type": "page", "userId": "u1", "name": "Home"}
    await desk.stream.append(records(page, off))
    courier = await desk.deliver()
    assert desk.wire.sent == []
    totals = courier.ledger.totals()
    assert totals["filtered", "NO_MATCHING_MAPPING"] == 1
    assert totals["filtered", "FILTERED_BY_INTEGRATIONS_OBJECT"] == 1


async def test_a_message_id_is_delivered_once_within_a_day(desk: Desk) -> None:
    """Within a batch, between batches, and after a restart."""
    await desk.stream.append(records(track("u1"), track("u1")))
    assert told(await desk.deliver()) == {"delivered": 1, "duplicate": 1}
    await desk.stream.append(records(track("u1")))
    assert told(await desk.deliver()) == {"delivered": 1, "duplicate": 2}
    assert (await desk.wire.profile("u1"))["custom_events"][0]["count"] == 1


async def test_a_restart_goes_on_where_the_last_run_stopped(desk: Desk) -> None:
    """Nothing is sent twice, nothing is left out."""
    await desk.stream.append(records(*(track(f"u{n}") for n in range(10))))
    await desk.deliver()
    await desk.stream.append(records(*(track(f"v{n}") for n in range(10))))
    courier = await desk.deliver()
    assert told(courier) == {"delivered": 20}
    assert sum(len(body["events"]) for body in desk.wire.bodies()) == 20
    assert courier.ledger.waiting == 0


async def test_only_the_refused_event_of_a_batch_dies(desk: Desk) -> None:
    """Braze names (events, 1); its neighbours are delivered, it is a dead letter with Braze's words."""
    long = "x" * 1000
    await desk.stream.append(records(track("u1"), {**track(long), "messageId": "long"}, track("u3")))
    courier = await desk.deliver()
    assert told(courier) == {"delivered": 2, "dead": 1}
    reader = await StateReader.open(desk.folder / "braze.db")
    [letter] = await reader.dead_letters()
    await reader.close()
    assert letter.message_id == "long"
    assert letter.reason == "BAD_REQUEST"
    assert "external_id" in letter.message
    assert len(letter.attempts) == 1


async def test_an_event_that_cannot_be_mapped_is_a_dead_letter_and_the_others_travel(desk: Desk) -> None:
    """The letter names the field and the rule."""
    bad = track("u1", 1, "Order Completed", products=[{"product_id": "tea", "price": "a lot"}])
    await desk.stream.append(records(bad, track("u1", 2)))
    courier = await desk.deliver()
    assert told(courier) == {"delivered": 1, "dead": 1}
    reader = await StateReader.open(desk.folder / "braze.db")
    [letter] = await reader.dead_letters()
    await reader.close()
    assert "price" in letter.message
    assert letter.died_ms > 0


async def test_trouble_of_the_partner_holds_the_destination_and_burns_nothing(desk: Desk) -> None:
    """After 503s the same rows leave again, and nothing is dead."""
    desk.wire.fault(status=503, path="/users/track", count=3)
    await desk.stream.append(records(*(track(f"u{n}") for n in range(80))))
    async with desk.courier(bind(delivery=Delivery(wait_seconds=0, in_flight=1))) as courier:
        await courier.run(until_head=True)
        assert courier.hold.is_held
        assert told(courier) == {}
        assert courier.ledger.waiting == 80
    courier = await desk.deliver()
    assert courier.hold.is_held
    courier = await desk.deliver()
    courier = await desk.deliver()
    assert told(courier) == {"delivered": 80}


async def test_why_a_destination_is_held_is_kept_with_its_state(desk: Desk) -> None:
    """Refused with 401 it says since when and why, also after the stop; accepted again it says nothing."""
    fault = {"status": 401, "path": "/users/track", "body": {"message": "Invalid API key"}}
    desk.wire.fault(count=1, **fault)
    await desk.stream.append(records(track("u1")))
    async with desk.courier() as courier:
        await courier.run(until_head=True)
        halt = courier.halt
        assert halt is not None
        assert (halt.kind, halt.code, "Invalid API key" in halt.message) == ("held", "UNAUTHORIZED", True), (
            halt
        )
        now_ms = desk.clock.now_ms()
        assert now_ms - 5000 < halt.since_ms <= halt.until_ms <= now_ms + 61_000
    reader = await StateReader.open(desk.folder / "braze.db")
    assert await reader.halt() == halt
    courier = await desk.deliver()
    assert told(courier) == {"delivered": 1}
    assert await reader.halt() is None
    await reader.close()


async def test_a_person_is_never_overtaken(desk: Desk) -> None:
    """An identify, then fifty events, then an identify: requests hold them in this order."""
    flow = [identify("u1", 0, step=0), *(track("u1", n) for n in range(50)), identify("u1", 1, step=1)]
    await desk.stream.append(records(*flow))
    await desk.deliver(bind(delivery=Delivery(wait_seconds=30)))
    kinds = [next(iter(body)) for body in desk.wire.bodies()]
    assert kinds == ["attributes", "events", "attributes"]


async def test_what_happened_before_the_login_leaves_before_it(desk: Desk) -> None:
    """An anonymous event in another lane is settled before the identify that names the anonymousId."""
    subscriptions = [
        Subscription(
            id="anonymous",
            action="track-event",
            trigger='type = "track"',
            mapping={
                "user_alias": {"alias_name": {"@path": "$.anonymousId"}, "alias_label": "anonymous"},
                "name": {"@path": "$.event"},
                "time": {"@path": "$.timestamp"},
            },
        ),
        Subscription(id="profile", action="update-user-profile", trigger='type = "identify"'),
    ]
    for n in range(20):
        visit = {"type": "track", "event": "Visit", "anonymousId": f"a{n}", "messageId": f"v{n}"}
        login = {**identify(f"u{n}"), "anonymousId": f"a{n}"}
        await desk.stream.append(records(visit, login))
    await desk.deliver(bind(subscriptions, delivery=Delivery(wait_seconds=30)))
    seen: set[str] = set()
    for body in desk.wire.bodies():
        seen |= {event["user_alias"]["alias_name"] for event in body.get("events", ())}
        for attributes in body.get("attributes", ()):
            assert attributes["external_id"].replace("u", "a") in seen


async def test_events_of_another_source_are_skipped(desk: Desk) -> None:
    """A destination belongs to one source."""
    await desk.stream.append([*records(track("u1"), source="other"), *records(track("u2"))])
    assert told(await desk.deliver()) == {"delivered": 1, "skipped": 1}


async def test_every_event_has_a_receipt(desk: Desk) -> None:
    """Delivered with request and position, filtered with its reason."""
    await desk.stream.append(
        records(track("u1"), track("u2"), {"type": "page", "userId": "u1", "messageId": "p"})
    )
    await desk.deliver(bind(delivery=Delivery(wait_seconds=30)))
    reader = await StateReader.open(desk.folder / "braze.db")
    [first], [page] = await reader.receipts("t-u1-0"), await reader.receipts("p")
    await reader.close()
    assert (first.result, first.request, first.status, first.subscription) == (
        "delivered",
        "1",
        201,
        "track-calls",
    )
    assert (page.result, page.reason) == ("filtered", "NO_MATCHING_MAPPING")


async def test_a_dead_letter_retried_keeps_its_identity(desk: Desk) -> None:
    """Once the partner takes it, the letter is gone and the event is delivered, not dead."""
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    await desk.stream.append(records(track("u1")))
    assert told(await desk.deliver()) == {"dead": 1}
    reader = await StateReader.open(desk.folder / "braze.db")
    await reader.ask("retry", {"reason": "NOT_FOUND"}, asked_ms=0)
    await reader.close()
    async with desk.courier() as courier:
        await courier.start()
        await courier.checkpoint()
        await courier.run(until_head=True)
        await courier.checkpoint()
        assert told(courier) == {"delivered": 1}
    reader = await StateReader.open(desk.folder / "braze.db")
    assert await reader.dead_letters() == []
    assert await reader.commands() == []
    await reader.close()
    assert (await desk.wire.profile("u1"))["custom_events"][0]["count"] == 1


async def test_a_dead_letter_that_dies_again_keeps_its_whole_history(desk: Desk) -> None:
    """Refused, taken up by hand, refused otherwise: one letter with every step, the same id and order."""
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    desk.wire.fault(status=400, body={"message": "not today"}, count=1)
    await desk.stream.append(records(track("u1")))
    await desk.deliver()
    reader = await StateReader.open(desk.folder / "braze.db")
    [first] = await reader.dead_letters()
    await reader.ask("retry", {"ids": [first.id]}, asked_ms=5)
    async with desk.courier() as courier:
        await courier.start()
        await courier.checkpoint()
        await courier.run(until_head=True)
        assert told(courier) == {"dead": 1}
        assert courier.ledger.residual == 0
    [second] = await reader.dead_letters()
    await reader.close()
    assert [(each.code, each.request) for each in second.attempts] == [
        ("NOT_FOUND", "1"),
        ("TAKEN_UP", ""),
        ("BAD_REQUEST", "2"),
    ]
    same = ("id", "order", "offset", "event_ms", "message_id", "items")
    assert [getattr(first, name) for name in same] == [getattr(second, name) for name in same]


async def test_a_dead_letter_of_the_mapping_is_mapped_again(desk: Desk) -> None:
    """After the mapping was mended, retry reads the event from the log and maps it anew."""
    wrong = Subscription(
        id="s",
        action="track-event",
        trigger='type = "track"',
        mapping={
            "name": {"@path": "$.missing"},
            "time": {"@path": "$.timestamp"},
            "external_id": {"@path": "$.userId"},
        },
    )
    right = Subscription(id="s", action="track-event", trigger='type = "track"')
    await desk.stream.append(records(track("u1")))
    assert told(await desk.deliver(bind([wrong]))) == {"dead": 1}
    reader = await StateReader.open(desk.folder / "braze.db")
    [letter] = await reader.dead_letters()
    await reader.ask("retry", {"ids": [letter.id]}, asked_ms=0)
    async with desk.courier(bind([right])) as courier:
        await courier.start()
        await courier.checkpoint()
        await courier.run(until_head=True)
        await courier.checkpoint()
        assert told(courier) == {"delivered": 1}
    assert await reader.dead_letters() == []
    await reader.close()


async def test_a_dropped_dead_letter_is_gone_and_its_event_stays_dead(desk: Desk) -> None:
    """Dropping forgets the letter, not what happened."""
    desk.wire.fault(status=404, count=1)
    await desk.stream.append(records(track("u1")))
    await desk.deliver()
    reader = await StateReader.open(desk.folder / "braze.db")
    await reader.ask("drop", {"all": True}, asked_ms=0)
    courier = await desk.deliver()
    assert told(courier) == {"dead": 1}
    assert await reader.dead_letters() == []
    await reader.close()


async def test_requests_that_were_answered_before_a_kill_are_not_repeated(desk: Desk) -> None:
    """The journal knows them though no checkpoint does: events and purchases count once."""
    products = [{"product_id": "tea", "price": 7.5}]
    await desk.stream.append(
        records(*(track(f"u{n}") for n in range(40)), track("u1", 1, "Order Completed", products=products))
    )
    async with desk.courier(bind(delivery=Delivery(batching=False))) as courier:
        await killed(courier, desk, 41)
    courier = await desk.deliver(bind(delivery=Delivery(batching=False)))
    assert len(desk.wire.sent) == 41
    assert told(courier) == {"delivered": 41}
    assert courier.ledger.total("rows_uncertain") == 0
    assert (await desk.wire.profile("u1"))["purchases"][0]["count"] == 1


async def test_a_part_that_arrived_is_not_repeated_while_its_event_waits_for_the_other(desk: Desk) -> None:
    """A full request of an order left at once, the rest waits for company; between the two, two kills."""
    products = [{"product_id": f"p{n}", "price": 1} for n in range(80)]
    await desk.stream.append(records(track("u1", event="Order Completed", products=products)))
    slow = bind(delivery=Delivery(wait_seconds=600))
    for _ in range(2):
        async with desk.courier(slow, checkpoint_seconds=SOON) as courier:
            await courier.start()
            running = asyncio.ensure_future(courier.run())
            await until(
                lambda: bool(desk.wire.sent and not courier.dispatcher.in_flight and courier.ledger.waiting)
            )
            await until(lambda: not courier.ledger.dirty)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    courier = await desk.deliver(bind(delivery=Delivery(wait_seconds=0)))
    assert [len(body["purchases"]) for body in desk.wire.bodies()] == [75, 5]
    assert told(courier) == {"delivered": 1}
    assert courier.ledger.total("rows_delivered") == 2


async def test_a_letter_can_be_retried_while_its_event_waits_for_another_row(desk: Desk) -> None:
    """Two subscriptions want the event: one was refused and is retried, the other waits for company."""
    both = [
        Subscription(id=name, action="track-event", trigger='type = "track"', mapping=mapping)
        for name, mapping in (
            ("now", {**MAPPING, "batch_size": 1}),
            ("later", {**MAPPING, "batch_size": 75}),
        )
    ]
    desk.wire.fault(status=404, body={"message": "Not Found"}, count=1)
    await desk.stream.append(records(track("u1")))
    slow = bind(both, delivery=Delivery(wait_seconds=600))
    async with desk.courier(slow, checkpoint_seconds=SOON) as courier:
        await courier.start()
        running = asyncio.ensure_future(courier.run())
        await until(lambda: bool(courier.ledger.total("rows_dead")) and not courier.ledger.dirty)
        reader = await StateReader.open(desk.folder / "braze.db")
        await reader.ask("retry", {"reason": "NOT_FOUND"}, asked_ms=0)
        await until(lambda: len(desk.wire.sent) == 2)  # refused, and retried; the other waits
        courier.stop()
        await running
    assert told(courier) == {"delivered": 1}
    assert await reader.dead_letters() == []
    await reader.close()
    assert (await desk.wire.profile("u1"))["custom_events"][0]["count"] == 2


MAPPING: Any = {
    "name": {"@path": "$.event"},
    "time": {"@path": "$.timestamp"},
    "external_id": {"@path": "$.userId"},
    "enable_batching": True,
}


async def test_a_row_refused_before_a_kill_is_a_dead_letter_after_it(desk: Desk) -> None:
    """The journal keeps the reason and Braze's words."""
    long = "x" * 1000
    await desk.stream.append(records(track("u1"), {**track(long), "messageId": "long"}))
    async with desk.courier() as courier:
        await killed(courier, desk, 1)
    courier = await desk.deliver()
    assert len(desk.wire.sent) == 1
    assert told(courier) == {"delivered": 1, "dead": 1}
    reader = await StateReader.open(desk.folder / "braze.db")
    [letter] = await reader.dead_letters()
    await reader.close()
    assert "external_id" in letter.message


NO_ANSWER = Response(status=0, error="ETIMEDOUT", sent=True)


class Cut:
    """A wire that carries requests, and is cut before the answer comes back. instead: what comes back."""

    def __init__(self, wire: Wire, instead: Response = NO_ANSWER) -> None:
        self.wire = wire
        self.instead = instead
        self.cuts = 1

    async def send(self, request: Request) -> Response:
        response = await self.wire.send(request)
        if self.cuts:
            self.cuts -= 1
            return self.instead
        return response


@pytest.mark.parametrize("instead", [NO_ANSWER, Response(status=504)], ids=["none", "504"])
@pytest.mark.parametrize(("policy", "count"), [("resend", 2), ("hold", 1)])
async def test_an_answer_that_got_lost_follows_the_policy(
    desk: Desk, policy: Any, count: int, instead: Response
) -> None:
    """resend: the event counts twice, and is reported; hold: a dead letter waits for a human. A 504 is no
    answer of Braze's either: whoever stands before it gave up waiting."""
    wire = desk.wire
    desk.wire = Cut(wire, instead)  # type: ignore[assignment]
    await desk.stream.append(records(track("u1")))
    delivery = Delivery(wait_seconds=0, uncertain=policy)
    for _ in range(3):
        courier = await desk.deliver(bind(delivery=delivery))
        if not courier.ledger.waiting:
            break
    assert (await wire.profile("u1"))["custom_events"][0]["count"] == count
    assert courier.ledger.totals()["rows_uncertain", policy] == 1
    assert told(courier) == ({"delivered": 1} if policy == "resend" else {"dead": 1})
    reader = await StateReader.open(desk.folder / "braze.db")
    [doubt] = await reader.uncertain()
    assert (doubt.subscription, doubt.request, doubt.policy) == ("track-calls", 1, policy)
    assert [each.offset for each in await reader.receipts(doubt.message_id)] == [doubt.offset]
    await reader.close()
    if policy == "hold":
        reader = await StateReader.open(desk.folder / "braze.db")
        [letter] = await reader.dead_letters(reason="UNCERTAIN")
        await reader.close()
        assert "may or may not have arrived" in letter.message


async def test_attributes_in_doubt_are_sent_again_whatever_the_policy(desk: Desk) -> None:
    """Sending them twice leaves the profile as if they had been sent once."""
    wire = desk.wire
    desk.wire = Cut(wire)  # type: ignore[assignment]
    await desk.stream.append(records(identify("u1", plan="plus")))
    for _ in range(3):
        courier = await desk.deliver(bind(delivery=Delivery(wait_seconds=0, uncertain="hold")))
        if not courier.ledger.waiting:
            break
    assert told(courier) == {"delivered": 1}
    assert (await wire.profile("u1"))["custom_attributes"] == {"plan": "plus"}

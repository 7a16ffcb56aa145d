"""Requests that had left when their courier was killed: nobody knows, and what is done about each is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.house import Desk, Wire, bind, opened, records, until

from segue.engine.plan import BoundDestination
from segue.io.storage.journal import Journal
from segue.io.storage.state import StateReader
from segue.model.delivery import Request, Response
from segue.model.errors import StorageUnavailable
from segue.model.workspace import Budget, Cap, Delivery, Subscription

U1: Any = {"type": "track", "userId": "u1", "event": "Read", "messageId": "m1", "properties": {"id": "c"}}
ALIAS: Any = {"alias_name": "ada", "alias_label": "shop"}
TEA: Any = {"product_id": "tea", "price": 1, "currency": "USD"}

CALLS: dict[str, dict[str, Any]] = {
    "update-user-profile": {"email": "ada@example.com"},
    "create-alias": ALIAS,
    "identify-user": {"user_alias": ALIAS},
    "merge-users": {
        "identifier_to_merge": {"external_id": "old"},
        "identifier_to_keep": {"external_id": {"@path": "$.userId"}},
    },
    "upsert-catalog-item": {"item": {"name": "tea"}, "item_id": "tea"},
    "track-event": {"name": "Read", "time": {"@path": "$.timestamp"}},
    "track-purchase": {"products": [TEA], "time": {"@path": "$.timestamp"}},
    "trigger-campaign": {"campaign_id": "c", "recipients": [{"external_user_id": "u1"}], "broadcast": False},
    "trigger-canvas": {"canvas_id": "c", "recipients": [{"external_user_id": "u1"}], "broadcast": False},
}
REPEATED = list(CALLS)[:5]
"""Sent twice, they leave Braze as if they had been sent once, so no policy is asked."""

FINE = Response(status=201, body=b'{"message":"success"}')


class Silent(Wire):
    """Takes every request; answers none until somebody has been killed."""

    is_silent = True

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        if self.is_silent:
            await asyncio.Event().wait()
        return FINE


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        made.wire = Silent(made.wire.sandbox)
        yield made


def calling(slug: str, policy: Any, *caps: Cap) -> BoundDestination:
    mapping = {"external_id": {"@path": "$.userId"}, **CALLS[slug]}
    if slug == "upsert-catalog-item":
        mapping["onMappingSave"] = {"outputs": {"catalog_name": "products"}}
    one = Subscription(id="s", action=slug, trigger='type = "track"', mapping=mapping)
    return bind([one], delivery=Delivery(wait_seconds=0, uncertain=policy), budget=Budget(caps=caps))


async def kill_on_the_way(desk: Desk, destination: BoundDestination, requests: int) -> None:
    """Run a courier, checkpoints and all, and take it away while its request is on the way."""
    async with desk.courier(destination, checkpoint_seconds=600) as courier:
        running = asyncio.ensure_future(courier.run())
        while len(desk.wire.sent) < requests:  # noqa: ASYNC110 - a turn of the loop, not a wait
            await asyncio.sleep(0)
        await courier.checkpoint()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


POLICIES = [(slug, policy) for slug in CALLS for policy in ("hold", "resend")[: 1 + (slug not in REPEATED)]]


@pytest.mark.parametrize(("slug", "policy"), POLICIES)
async def test_what_was_on_the_way_at_a_kill_is_decided_at_the_next_start(
    desk: Desk, slug: str, policy: str
) -> None:
    """Attributes and whatever else may be said twice is; events, purchases and messages follow the policy.
    Between the kill and the start the journal says that it is open; afterwards the uncertain set says what
    was done, once, and the books add up."""
    destination = calling(slug, policy)
    await desk.stream.append(records(U1))
    await kill_on_the_way(desk, destination, 1)
    reader = await StateReader.open(desk.folder / "braze.db")
    generation = int(await reader.value("journal") or b"0")
    assert list(Journal.peek(desk.folder / "braze", generation).values()) == [1]
    assert await reader.uncertain() == []
    desk.wire.is_silent = False  # type: ignore[attr-defined]
    courier = await desk.deliver(destination)
    done = "repeated" if slug in REPEATED else policy
    assert len(desk.wire.sent) == (1 if done == "hold" else 2)
    assert courier.ledger.residual == 0
    [doubt] = await reader.uncertain()
    assert (doubt.message_id, doubt.action, doubt.request, doubt.policy) == ("m1", slug, 1, done)
    totals = {key: n for key, n in courier.ledger.totals().items() if n}
    died = done == "hold"
    assert totals == {
        ("dead" if died else "delivered", "UNCERTAIN" if died else ""): 1,
        ("rows_dead" if died else "rows_delivered", "UNCERTAIN" if died else ""): 1,
        ("rows_uncertain", done): 1,
    }
    assert list(await reader.count_dead()) == (["UNCERTAIN"] if died else [])
    await reader.close()


@pytest.mark.parametrize("policy", ["resend", "hold"])
async def test_doubt_that_outlives_two_kills_is_told_once(desk: Desk, policy: str) -> None:
    """resend: it leaves again, and that request gets lost as well; hold: it never leaves again."""
    destination = calling("track-event", policy)
    await desk.stream.append(records(U1))
    await kill_on_the_way(desk, destination, 1)
    if policy == "resend":
        await kill_on_the_way(desk, destination, 2)
    else:
        await desk.deliver(destination)
    desk.wire.is_silent = False  # type: ignore[attr-defined]
    courier = await desk.deliver(destination)
    assert len(desk.wire.sent) == (3 if policy == "resend" else 1)
    assert courier.ledger.residual == 0
    reader = await StateReader.open(desk.folder / "braze.db")
    told = [(doubt.request, doubt.policy) for doubt in await reader.uncertain()]
    await reader.close()
    assert told == [(1, policy)]
    assert courier.ledger.total("rows_uncertain") == len(told)


@pytest.mark.parametrize("policy", ["drop", "hold"])
async def test_what_is_in_doubt_at_a_kill_leaves_again_though_a_cap_was_reached_since(
    desk: Desk, policy: Any
) -> None:
    """It may have arrived, and then it is spent already; what has not left yet is bound by the cap."""
    cap = Cap(limit=1, of="requests", per="month", policy=policy)
    destination = calling("track-event", "resend", cap)
    await desk.stream.append(records(U1))
    async with desk.courier(destination, checkpoint_seconds=600) as courier:
        running = asyncio.ensure_future(courier.run())
        await until(lambda: desk.wire.sent)
        desk.wire.is_silent = False  # type: ignore[attr-defined]
        await desk.stream.append(records({**U1, "userId": "u2", "messageId": "m2"}))
        await until(lambda: courier.ledger.total("delivered"))
        await courier.checkpoint()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await desk.stream.append(records({**U1, "userId": "u3", "messageId": "m3"}))
    courier = await desk.deliver(destination)
    assert len(desk.wire.sent) == 3
    assert courier.ledger.total("delivered") == 2
    assert (courier.ledger.total("filtered"), courier.ledger.waiting) == (
        (1, 0) if policy == "drop" else (0, 1)
    )
    reader = await StateReader.open(desk.folder / "braze.db")
    [receipt] = await reader.receipts("m1")
    await reader.close()
    assert (receipt.request, receipt.attempts) == ("3", 2)


async def test_a_decision_that_cannot_be_written_down_is_taken_again_and_nothing_else(desk: Desk) -> None:
    """The disk is full in the middle of it: what was read with it is taken in once, and doubt told once."""
    destination = calling("track-event", "hold")
    await desk.stream.append(records(*({**U1, "userId": f"u{n}", "messageId": f"m{n}"} for n in range(3))))
    await kill_on_the_way(desk, destination, 1)
    await desk.stream.append(records({**U1, "userId": "new", "messageId": "new"}))
    desk.wire.is_silent = False  # type: ignore[attr-defined]
    async with desk.courier(destination, checkpoint_seconds=0.01) as courier:
        await courier.start()
        file, trouble = courier.books.journal._file, [1, 0]
        write = file.append

        def fail_once(*written: Any) -> None:
            if trouble[0] and not trouble[1]:
                trouble[1] = 1  # the first is written
            elif trouble[0]:
                trouble[0] = 0
                raise StorageUnavailable("full")
            write(*written)

        file.append = fail_once  # type: ignore[method-assign]
        running = asyncio.ensure_future(courier.run())
        await until(lambda: len(desk.wire.sent) == 2 or running.done())
        courier.stop()
        await running
        assert not trouble[0]
        assert courier.ledger.residual == 0
        totals = {key: n for key, n in courier.ledger.totals().items() if n and key[0].startswith("rows")}
        assert totals == {
            ("rows_dead", "UNCERTAIN"): 3,
            ("rows_delivered", ""): 1,
            ("rows_uncertain", "hold"): 3,
        }
    reader = await StateReader.open(desk.folder / "braze.db")
    assert sorted(doubt.message_id for doubt in await reader.uncertain()) == ["m0", "m1", "m2"]
    await reader.close()

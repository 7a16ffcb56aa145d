"""The receiver: durable before 200, honest when it is not, and every event counted once."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog

from segue.io.log.sqlite import SqliteLog
from segue.model.errors import BrokenError, LogUnavailable
from segue.model.event import Record
from segue.model.workspace import Source
from segue.runtime.clock import START_MS, HandClock
from segue.runtime.doorkeeper import SAMPLES
from segue.runtime.receiver import Answer, Counts, Receiver
from segue.runtime.telemetry import Telemetry

WEB = Source(id="web", platform="web", write_keys=("wk",))
TRACK = {"type": "track", "event": "E", "userId": "u1"}


class Shelf:
    """A log in memory that can be slow or broken."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.trouble: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def append(self, records: Sequence[Record]) -> None:
        """Keep the records once the shelf is open."""
        await self.open.wait()
        if self.trouble is not None:
            raise self.trouble
        self.records += records


def build(shelf: Shelf, sources: Any = None, **options: Any) -> Receiver:
    """A receiver over a shelf, with a clock that stands still."""
    lookup = sources or {"wk": WEB}.get
    return Receiver(shelf, lookup, HandClock(), **options)  # type: ignore[arg-type]  # only append is used


async def send(receiver: Receiver, *events: Any, key: str = "wk", **options: Any) -> Answer:
    """Send a batch."""
    body = json.dumps({"batch": events}).encode()
    return await receiver.receive(body, kind="", client=False, write_key=key, **options)


def assert_law(counts: Counts, waiting: int = 0) -> None:
    """received = accepted + rejected + failed + waiting."""
    parts = (counts.accepted, counts.rejected, counts.failed)
    assert sum(counts.received.values()) == sum(sum(part.values()) for part in parts) + waiting


async def test_success_is_said_only_after_the_log_has_the_events() -> None:
    """While the append is under way there is no answer, and the bytes count as waiting."""
    shelf = Shelf()
    receiver = build(shelf)
    shelf.open.clear()
    answer = asyncio.create_task(send(receiver, TRACK))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not answer.done()
    assert receiver.waiting_bytes > 0
    assert_law(receiver.counts(), waiting=1)
    shelf.open.set()
    assert (await answer).status == 200
    assert (await answer).body == b'{"success":true}'
    assert receiver.waiting_bytes == 0
    assert [record.kind for record in shelf.records] == ["track"]


async def test_the_real_log_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """Accepted events are read back from the embedded log after it was closed and opened."""
    log = await SqliteLog.open(tmp_path)
    receiver = Receiver(log, {"wk": WEB}.get, HandClock())
    answers = await asyncio.gather(*(send(receiver, {**TRACK, "messageId": f"m{n}"}) for n in range(50)))
    await log.close()
    assert {answer.status for answer in answers} == {200}
    log = await SqliteLog.open(tmp_path)
    found = [record.message_id async for block in log.scan() for record in block.records]
    await log.close()
    assert sorted(found) == sorted(f"m{n}" for n in range(50))


async def test_a_log_that_cannot_be_written_is_503_with_a_time_to_come_back() -> None:
    """Nothing of the request counts as accepted; when the log works again so does the receiver. The trouble
    is logged once when it begins and once when it ends."""
    shelf = Shelf()
    receiver = build(shelf)
    with structlog.testing.capture_logs() as lines:
        shelf.trouble = LogUnavailable("the log cannot be written: no space left on device")
        for _ in range(3):
            answer = await send(receiver, TRACK, TRACK, 5)
            assert (answer.status, dict(answer.headers)) == (503, {b"retry-after": b"5"})
            assert json.loads(answer.body)["code"] == "log_unavailable"
        shelf.trouble = None
        assert (await send(receiver, TRACK)).status == 200
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("append_failed", "error"),
        ("append_recovered", "info"),
    ]
    counts = receiver.counts()
    assert (counts.failed, counts.failed_requests) == ({("web", "track"): 6}, 3)
    assert counts.accepted == {("web", "track"): 1}
    assert_law(counts)
    assert receiver.waiting_bytes == 0


async def test_a_defect_below_is_not_hidden_and_not_counted_as_accepted() -> None:
    """The server turns it into a 500, which senders repeat."""
    shelf = Shelf()
    shelf.trouble = BrokenError("a defect")
    receiver = build(shelf)
    with pytest.raises(BrokenError):
        await send(receiver, TRACK)
    assert_law(receiver.counts())
    assert receiver.waiting_bytes == 0


async def test_more_waiting_than_there_is_room_for_is_429() -> None:
    """A body alone always has room; the next waits outside, with both headers SDKs look at."""
    shelf = Shelf()
    receiver = build(shelf, waiting_bytes=10)
    shelf.open.clear()
    first = asyncio.create_task(send(receiver, TRACK))
    await asyncio.sleep(0)
    answer = await send(receiver, TRACK)
    assert answer.status == 429
    assert dict(answer.headers) == {b"retry-after": b"1", b"x-ratelimit-reset": b"1"}
    assert json.loads(answer.body)["code"] == "too_many_requests"
    shelf.open.set()
    assert (await first).status == 200
    assert (await send(receiver, TRACK)).status == 200
    assert receiver.counts().refused == {"too_many_requests": 1}
    assert_law(receiver.counts())


async def test_the_law_of_ingest_holds_by_source_kind_and_code() -> None:
    """Each event of a mixed batch is in exactly one count."""
    receiver = build(Shelf())
    events = [
        TRACK,
        {"type": "identify", "userId": 5},
        {"type": "page", "anonymousId": "a"},
        7,
        {"type": "x"},
    ]
    assert (await send(receiver, *events, retry=2)).status == 200
    counts = receiver.counts()
    assert counts.accepted == {("web", "track"): 1, ("web", "page"): 1}
    assert counts.rejected == {
        ("web", "identify", "id_not_string"): 1,
        ("web", "", "not_an_object"): 1,
        ("web", "", "invalid_type"): 1,
    }
    assert counts.received == {
        ("web", "track"): 1,
        ("web", "page"): 1,
        ("web", "identify"): 1,
        ("web", ""): 2,
    }
    assert (counts.requests, counts.retried) == (1, 1)
    assert_law(counts)


async def test_a_batch_of_too_many_counts_every_event_as_rejected() -> None:
    """200, nothing accepted, all of them received."""
    receiver = build(Shelf())
    body = b'{"batch":[' + b",".join([b"{}"] * 2501) + b"]}"
    answer = await receiver.receive(body, kind="", client=False, write_key="wk")
    assert answer.status == 200
    assert receiver.counts().rejected == {("web", "", "too_many_events"): 2501}
    assert_law(receiver.counts())


async def test_refusals_are_kept_as_a_bounded_sample() -> None:
    """The newest of each source and code, oldest first, with the moment and the beginning of what came."""
    receiver = build(Shelf())
    for number in range(SAMPLES + 5):
        await send(receiver, {"type": "track", "userId": "u", "messageId": f"m{number}"})
    await send(receiver, TRACK, key="gone")
    kept = receiver.doorkeeper.rejections("web", "event_not_defined")
    assert [sample.rejection.message_id for sample in kept] == [f"m{n}" for n in range(5, SAMPLES + 5)]
    assert {sample.at_ms for sample in kept} == {START_MS}
    (refused,) = receiver.doorkeeper.rejections("", "unknown_write_key")
    assert b'"event": "E"' in refused.rejection.sample
    assert '"gone"' in refused.rejection.message
    assert len(receiver.doorkeeper.rejections()) == SAMPLES + 1
    assert receiver.doorkeeper.rejections("nobody") == []


async def test_a_new_workspace_counts_for_the_next_request() -> None:
    """Sources are asked for each request, and `sources` may be replaced."""
    receiver = build(Shelf(), {}.get)
    assert (await send(receiver, TRACK)).status == 400
    receiver.sources = {"wk": WEB}.get
    assert (await send(receiver, TRACK)).status == 200


async def test_orders_rise_even_when_the_clock_stands_still() -> None:
    """And start after the last one of the log, should the clock have been set back."""
    shelf = Shelf()
    receiver = build(shelf, first_order=START_MS * 1_000_000 + 10**9)
    for _ in range(3):
        await send(receiver, TRACK, 5, TRACK)
    orders = [record.order for record in shelf.records]
    assert orders == sorted(set(orders))
    assert orders[0] > START_MS * 1_000_000 + 10**9
    assert len({record.message_id for record in shelf.records}) == 6


async def test_the_metrics_show_what_was_counted() -> None:
    """Each count has its series; what has no source or kind is called unknown."""
    telemetry = Telemetry()
    shelf = Shelf()
    receiver = build(shelf, telemetry=telemetry)
    await send(receiver, TRACK, 5)
    await send(receiver, TRACK, key="gone")
    shelf.trouble = LogUnavailable("full")
    with structlog.testing.capture_logs():
        await send(receiver, TRACK)
    telemetry.render()
    assert telemetry.value("segue_events_received_total", source="web", kind="track") == 2
    assert telemetry.value("segue_events_received_total", source="web", kind="unknown") == 1
    assert telemetry.value("segue_events_accepted_total", source="web", kind="track") == 1
    assert telemetry.value("segue_events_rejected_total", source="web", code="not_an_object") == 1
    assert telemetry.value("segue_requests_refused_total", code="unknown_write_key") == 1
    assert telemetry.value("segue_append_failures_total") == 1
    assert telemetry.value("segue_ingest_seconds") == 2

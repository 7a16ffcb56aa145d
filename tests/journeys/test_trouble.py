"""Braze has trouble, the disk is full, roles and lanes are split: nothing is lost."""

import contextlib
import json
import random
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.journeys.house import Braze, Segue, track, until, write_workspace
from tests.journeys.meters import DEVICE, EXPIRED, FULL, HELD, KINDS, ORDINARY, PACE, STILL, UNCERTAIN, still


def test_every_metric_is_moved_by_a_journey_or_cannot_be() -> None:
    """A new metric is put into one of the journeys, or among those that stand still, with the reason."""
    named = [*ORDINARY, *HELD, *PACE, *EXPIRED, *FULL, *UNCERTAIN, *DEVICE, *STILL]
    assert sorted(named) == sorted(KINDS)


def test_an_ordinary_hour_moves_the_ordinary_metrics(tmp_path: Path, braze: Braze) -> None:
    """Delivered, filtered, duplicate, rejected, of another source, dead of its mapping, refused as a whole:
    each is counted once and the sum is right."""
    order = {
        **track("u1", "o1", "Order Completed"),
        "properties": {"products": [{"product_id": 1, "price": "x"}]},
    }
    page = {"type": "page", "userId": "u1", "messageId": "p1", "name": "Home"}
    lost = {"type": "track", "event": "Lost"}
    told = {
        "type": "identify",
        "userId": "u1",
        "messageId": "i1",
        "timestamp": "2026-11-24T10:00:00.000Z",
        "traits": {"plan": "plus"},
    }
    late = {**told, "messageId": "i2", "timestamp": "2026-11-23T10:00:00.000Z", "traits": {"plan": "none"}}
    with Segue(tmp_path, endpoint=braze.address) as segue:
        assert segue.send([track("u1", "t1"), track("u1", "t1"), page, order, lost])[0] == 200
        assert segue.send([track("u9", "x1")], key="wk_app")[0] == 200
        assert segue.send([track("u1", "t2")], key="wk_nobody")[0] == 400
        until(lambda: segue.settled(5), "all five are settled")
        for number, event in enumerate((told, late), 6):
            assert segue.send([event])[0] == 200
            until(lambda number=number: segue.settled(number), "it is settled")
        until(lambda: segue.metrics().total("segue_dead_letters"), "the checkpoint is made")
        until(lambda: not still(segue.metrics(), ("segue_checkpoint_seconds",)), "and its time is noted")
        metrics = segue.metrics()
        assert still(metrics, ORDINARY) == []
        assert {
            result: metrics.total(f"segue_events_{result}")
            for result in ("delivered_total", "filtered_total", "duplicate_total", "skipped_total", "dead")
        } == {"delivered_total": 2, "filtered_total": 2, "duplicate_total": 1, "skipped_total": 1, "dead": 1}
        assert metrics.total("segue_events_received_total", source="web") == 7
        assert metrics.total("segue_events_accepted_total", source="web") == 6
        assert metrics.total("segue_events_rejected_total", source="web") == 1
        assert segue.ask("GET", "/livez")[0] == 200
        checks = segue.readiness()
        assert checks == {"ready": True, "checks": {"log": {"ok": True}, "roles": {"ok": True}}}
        assert segue.stop() == 0
    for line in segue.lines():
        assert not {"u1", "wk_web", "t1"} & set(json.dumps(line).replace('"', " ").split()), line


def test_an_outage_of_the_partner_loses_nothing(tmp_path: Path, braze: Braze) -> None:
    """503 twice, a connection cut, then fine: every event arrives once, in order, and nothing died."""
    braze.fault(status=503, count=2)
    braze.fault(drop="before", count=1)
    with Segue(tmp_path, endpoint=braze.address) as segue:
        for number in range(10):
            assert segue.send([track("u1", f"{number}-{n}") for n in range(5)])[0] == 200
        until(lambda: segue.metrics().total("segue_holds_total"), "the destination was held")
        metrics = until(lambda: segue.settled(50), "the outage is over")
        assert metrics.total("segue_events_delivered_total") == 50
        assert metrics.total("segue_events_dead") == 0
        assert metrics.total("segue_destination_held") == 0
        assert metrics.total("segue_requests_total", status="503") == 2
        assert metrics.total("segue_requests_total", status="0") == 1
    marks = [event["properties"]["mark"] for event in braze.everybody()["u1"]["events"]]
    assert sorted(marks) == sorted(f"{number}-{n}" for number in range(10) for n in range(5))


def test_a_partner_that_refuses_fails_and_is_slow_is_paced(tmp_path: Path, braze: Braze) -> None:
    """429, then 503 until it shows, then answers that take their time: the metrics show the limit, the
    refusal, the circuit and what is on the way, and everything arrives."""
    braze.control("PATCH", "/switches", {"enforce_limits": True})
    braze.fault(status=429, count=1, header_style="retry-after")
    down = braze.fault(status=503)
    with Segue(tmp_path, endpoint=braze.address) as segue:
        moved: set[str] = set()

        def all_moved() -> bool:
            metrics = segue.metrics()
            moved.update(set(PACE) - set(still(metrics, PACE)))
            return moved == set(PACE)

        assert segue.send([track("u1", "first")])[0] == 200
        until(lambda: all_moved() or "segue_circuit_state" in moved, "the circuit is not closed")
        braze.control("DELETE", f"/faults/{down}")
        until(lambda: all_moved() or segue.settled(1), "the first is settled")
        braze.fault(latency_ms=700)
        sent = 1
        while not all_moved():  # one that came and went between two looks is followed by another
            sent += 1
            assert sent < 20, f"moved so far: {sorted(moved)}"
            assert segue.send([track("u1", f"slow-{sent}")])[0] == 200
            until(lambda sent=sent: all_moved() or segue.settled(sent), "it shows on its way, or is settled")
        until(lambda: segue.settled(sent), "the slow ones are settled")
        assert segue.stop() == 0
    assert braze.count("events") == sent


def test_a_key_that_is_refused_holds_the_destination_and_not_the_door(tmp_path: Path, braze: Braze) -> None:
    """401: events are still taken in, the process is ready, the metrics say what waits and why; with the key
    mended everything arrives. What the log's bound drops meanwhile is counted as expired, not forgotten."""
    fault = braze.fault(status=401)
    chance = random.Random(5)
    bound = {"SEGUE_RETENTION_BYTES": str(1024 * 1024)}
    with Segue(tmp_path, endpoint=braze.address, **bound) as segue:
        assert segue.send([track("u1", "first")])[0] == 200
        until(lambda: segue.metrics().total("segue_destination_held"), "the destination is held")
        for number in range(14):
            batch = [
                track(f"u{n % 50}", f"{number}-{n}", pad=chance.randbytes(150).hex()) for n in range(500)
            ]
            assert segue.send(batch)[0] == 200
        metrics = until(lambda: not still(found := segue.metrics(), HELD) and found, "what is held shows")
        assert (
            metrics.total("segue_holds_total") == metrics.total("segue_holds_total", code="UNAUTHORIZED") == 1
        )
        assert metrics.total("segue_events_lag") + metrics.total("segue_events_waiting") == 7001
        assert segue.readiness()["ready"] is True
        assert segue.stop() == 0
    assert braze.count("events") == 0
    braze.control("DELETE", f"/faults/{fault}")
    with Segue(tmp_path, "--roles", "receiver", **bound) as segue:
        until(lambda: segue.metrics().total("segue_log_tail"), "the log is within its bound again")
        assert segue.stop() == 0
    with Segue(tmp_path, **bound) as segue:
        metrics = until(lambda: segue.settled(7001), "what is left is delivered")
        assert still(metrics, EXPIRED) == []
        expired = metrics.total("segue_events_expired_total")
        assert 0 < expired < 7001
        assert expired + metrics.total("segue_events_delivered_total") == metrics.total(
            "segue_events_read_total"
        )
        assert segue.stop() == 0
    assert braze.count("events") == 7001 - expired


@contextlib.contextmanager
def limited(segue: Segue, size_bytes: int) -> Iterator[None]:
    """No file of the process can grow past a size, as if the disk were full; undone in the end."""
    before = resource.prlimit(segue.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(segue.process.pid, resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.prlimit(segue.process.pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_answered_with_come_again_and_forgotten_when_there_is_room(
    tmp_path: Path, braze: Braze
) -> None:
    """503 with Retry-After, not ready and why, alive all the same; ready again with room, what was refused
    is taken when it is sent again, and nothing that was refused arrives by itself."""
    with Segue(tmp_path, endpoint=braze.address) as segue:
        assert segue.send([track("u1", "before")])[0] == 200
        until(lambda: segue.settled(1), "the first is settled")
        with limited(segue, 4096):
            status, headers = segue.send([track("u1", "refused", pad="x" * 9000)])
            assert status == 503
            assert int(headers["retry-after"]) > 0
            log = until(
                lambda: not (found := segue.readiness()["checks"]["log"])["ok"] and found, "it says so"
            )
            assert "cannot be written" in log["reason"]
            assert "segue-data" in log["reason"]
            assert segue.readiness()["ready"] is False
            assert segue.ask("GET", "/livez")[0] == 200
            assert still(segue.metrics(), FULL) == []
        until(lambda: segue.readiness()["ready"], "it is ready again")
        assert segue.send([track("u1", "refused", pad="x" * 9000)])[0] == 200
        metrics = until(lambda: segue.settled(2), "what was sent again is settled")
        assert metrics.total("segue_events_delivered_total") == 2
        assert {"append_failed", "append_recovered"} <= {line["event"] for line in segue.lines()}
        assert segue.stop() == 0
    marks = Counter(event["properties"]["mark"] for event in braze.everybody()["u1"]["events"])
    assert marks == {"before": 1, "refused": 1}


def test_a_folder_that_cannot_be_written_is_said_before_anything_starts(tmp_path: Path, braze: Braze) -> None:
    """A file where the data folder should be: the process ends with the reason, no traceback."""
    write_workspace(tmp_path, braze.address)
    (tmp_path / "segue-data").write_text("in the way", encoding="utf-8")
    segue = Segue(tmp_path)
    assert segue.process.wait(60) in (2, 3)
    said = (tmp_path / "segue.log").read_text(encoding="utf-8")
    assert "segue-data" in said
    assert "Traceback" not in said


def test_receiver_and_couriers_are_processes_that_share_a_folder(tmp_path: Path, braze: Braze) -> None:
    """One takes in, two deliver half of the lanes each: each event arrives once, each process shows its part,
    and a person's events keep their order."""
    with (
        Segue(tmp_path, "--roles", "receiver", endpoint=braze.address, name="receiver") as receiver,
        Segue(tmp_path, "--roles", "courier", "--lanes", "0-3", name="low") as low,
        Segue(tmp_path, "--roles", "courier", "--lanes", "4-7", name="high") as high,
    ):
        people = [f"u{n}" for n in range(40)]
        for number in range(5):
            assert receiver.send([track(user, f"{user}-{number}") for user in people])[0] == 200

        def delivered() -> list[float]:
            return [one.metrics().total("segue_events_delivered_total") for one in (low, high)]

        until(lambda: sum(delivered()) == 200, "all are delivered")
        assert all(part > 0 for part in delivered())
        assert receiver.metrics().total("segue_events_accepted_total") == 200
        assert low.send([track("u1", "x")])[0] == 404
        for one in (receiver, low, high):
            until(lambda one=one: one.readiness()["ready"], "it is ready")
        third = Segue(tmp_path, "--roles", "courier", "--lanes", "4-7", name="third")
        assert third.process.wait(60) in (2, 3)
        assert str(high.process.pid) in (tmp_path / "third.log").read_text(encoding="utf-8")
        assert [one.stop() for one in (low, high, receiver)] == [0, 0, 0]
    for user, person in braze.everybody().items():
        marks = [event["properties"]["mark"] for event in person["events"]]
        assert marks == [f"{user}-{number}" for number in range(5)]


def test_a_courier_stopped_for_a_while_finds_everything_when_it_is_back(tmp_path: Path, braze: Braze) -> None:
    """The receiver needs no courier to take events in; the log keeps them."""
    with Segue(tmp_path, "--roles", "receiver", endpoint=braze.address, name="receiver") as receiver:
        for number in range(20):
            assert receiver.send([track(f"u{n}", f"{number}-{n}") for n in range(25)])[0] == 200
        assert braze.count("events") == 0
        with Segue(tmp_path, "--roles", "courier", name="courier") as courier:
            metrics = until(lambda: courier.settled(500), "the backlog is delivered")
            assert metrics.total("segue_events_delivered_total") == 500
    assert braze.count("events") == 500


def test_a_courier_whose_disk_is_full_pauses_and_the_receiver_goes_on(tmp_path: Path, braze: Braze) -> None:
    """What cannot be written down does not leave: the courier says so and waits, events are taken in all the
    while, and with room again each arrives once, without a restart."""
    with (
        Segue(tmp_path, "--roles", "receiver", endpoint=braze.address, name="receiver") as receiver,
        Segue(tmp_path, "--roles", "courier", name="courier") as courier,
    ):
        assert receiver.send([track("u1", "before")])[0] == 200
        until(lambda: courier.settled(1), "the first is settled")
        with limited(courier, 0):
            assert receiver.send([track("u1", "meanwhile")])[0] == 200
            roles = until(
                lambda: not (found := courier.readiness()["checks"]["roles"])["ok"] and found, "paused"
            )
            assert roles["reason"] == "the courier of braze waits for its state to be writable"
            assert receiver.readiness()["ready"] is True
            assert receiver.send([track("u1", "later")])[0] == 200
        until(lambda: courier.readiness()["ready"], "it is ready again")
        metrics = until(lambda: courier.settled(3), "everything is settled")
        assert metrics.total("segue_events_delivered_total") == 3
        assert [one.stop() for one in (courier, receiver)] == [0, 0]
    marks = [event["properties"]["mark"] for event in braze.everybody()["u1"]["events"]]
    assert marks == ["before", "meanwhile", "later"]

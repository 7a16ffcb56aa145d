"""What an operator is told about a destination that sends nothing, and about an attribute that is missing."""

from typing import Any

import pytest

from segue.model.delivery import STALE, UNCHANGED, Halt
from segue.runtime.sighting import Sighting, remedy_of, verdict, words_of

AT_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("halt", "words"),
    [
        (Halt(kind="paused", message="by hand", since_ms=AT_MS), "segue resume braze"),
        (Halt(kind="capped", message="points", since_ms=AT_MS), "segue cost"),
        (Halt(kind="held", code="TOO_MANY_REQUESTS", message="", since_ms=AT_MS), "rate limit"),
        (Halt(kind="held", code="UNAUTHORIZED", message="", since_ms=AT_MS), "REST API key"),
        (Halt(kind="held", code="FORBIDDEN", message="", since_ms=AT_MS), "permissions"),
        (Halt(kind="held", code="ENOTFOUND", message="", since_ms=AT_MS), "DNS"),
        (Halt(kind="held", code="BAD_GATEWAY", message="", since_ms=AT_MS), "tries again by itself"),
    ],
)
def test_each_reason_to_send_nothing_has_its_remedy(halt: Halt, words: str) -> None:
    """It names what to do, and where it can, the destination."""
    assert words in remedy_of(halt, "braze")


@pytest.mark.parametrize(
    ("halt", "words"),
    [
        (
            Halt(kind="paused", message="segue resume goes on", since_ms=AT_MS),
            "paused by hand since 2026-09-21",
        ),
        (
            Halt(kind="capped", code="OVER_BUDGET", message="points", since_ms=AT_MS),
            "keeping rows back for a cap since 2026-09-21 14:13:20Z: points",
        ),
        (
            Halt(kind="held", code="UNAUTHORIZED", message="Invalid API key", since_ms=AT_MS),
            'held by UNAUTHORIZED since 2026-09-21 14:13:20Z (the partner says "Invalid API key")',
        ),
    ],
)
def test_why_nothing_leaves_is_said_in_the_words_of_who_keeps_it(halt: Halt, words: str) -> None:
    """The partner is quoted where it is the partner, and not for a pause by hand."""
    assert words_of(halt).startswith(words)
    assert ("the partner" in words_of(halt)) == (halt.kind == "held")


def sighting(**fields: Any) -> Sighting:
    given = {"message_id": "m1", "destination": "braze", **fields}
    return Sighting(kind="identify", name="", lane=0, offset=0, received_ms=AT_MS, timestamp="", **given)


@pytest.mark.parametrize(
    ("seen", "said", "remedy"),
    [
        (
            {"outcome": "dead", "reason": "BAD_REQUEST", "message": "no"},
            "died: BAD_REQUEST: no",
            "dead retry",
        ),
        ({"outcome": "waiting", "reason": "HALTED"}, "waits: HALTED", "segue doctor"),
        ({"outcome": "left out", "reason": UNCHANGED}, "acknowledged this very value", "segue drift braze"),
        ({"outcome": "left out", "reason": STALE}, "a later event", "sender's clock"),
        ({"outcome": "duplicate"}, "repeated a messageId", "segue trace m1"),
        ({"outcome": "unmapped", "message": "no field"}, "nothing sends it: no field", "map-a-trait"),
        (
            {"outcome": "filtered", "reason": "FILTERED_BY_RULES"},
            "was filtered",
            "A filter of the destination",
        ),
        ({"outcome": "delivered", "request": "12", "status": 201}, "in request 12", "changed there since"),
    ],
)
def test_each_end_of_an_attribute_is_told_in_a_sentence_with_what_to_do(
    seen: dict[str, Any], said: str, remedy: str
) -> None:
    """Of the newest event that carried it."""
    told, what_to_do = verdict("u:1", "plan", [sighting(**seen)], 1, 0)
    assert said in told
    assert remedy in what_to_do


@pytest.mark.parametrize(("found", "words"), [(0, "no event of u:1"), (3, "none of the 3 events of u:1")])
def test_an_attribute_nobody_sent_is_said_so(found: int, words: str) -> None:
    """With how many events of the person were looked at."""
    told, _ = verdict("u:1", "plan", [], found, AT_MS)
    assert words in told
    assert "since 2026-09-21" in told


@pytest.mark.parametrize(
    ("other", "stands"),
    [
        ({"outcome": "delivered", "event_ms": AT_MS + 1}, True),
        ({"outcome": "left out", "reason": UNCHANGED, "event_ms": AT_MS + 1}, True),
        ({"outcome": "delivered", "event_ms": AT_MS - 1}, False),
        ({"outcome": "dead", "event_ms": AT_MS + 1}, False),
        ({"outcome": "delivered", "event_ms": AT_MS + 1, "destination": "another"}, False),
    ],
)
def test_the_value_of_the_latest_time_is_the_one_that_stands(other: dict[str, Any], *, stands: bool) -> None:
    """The newest event went out in one request with an earlier one that tells of a later time."""
    newest = sighting(outcome="delivered", request="3", status=201, event_ms=AT_MS, message_id="m2")
    told, remedy = verdict("u:1", "plan", [newest, sighting(**other)], 2, 0)
    assert ("an earlier time than messageId m1" in told) == stands
    assert ("sender's clock" in remedy) == stands

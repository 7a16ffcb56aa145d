"""Answers that are lies, through the real HTTP client: what becomes of two rows that shared a request."""

import asyncio
import gzip
import json
import tracemalloc
from typing import Any

import pytest
from tests.catalog.braze.pages import SETTINGS, page, row, shaped
from tests.io.test_http import answer, head_of, serving

from segue.catalog.braze import rest
from segue.io.outside.http import BODY_BYTES, Sender
from segue.model.delivery import Outcome, Response

ROWS = (row("track-event", {"n": 0}, offset=0), row("track-event", {"n": 1}, offset=1))
BOTH = ["delivered", "delivered"]
WHOLE = ["batch-rejected", "batch-rejected"]
HELD = ["hold", "hold"]


def told(*errors: Any, message: str = "success") -> bytes:
    return json.dumps({"message": message, "events_processed": 2, "errors": list(errors)}).encode()


def named(**keys: Any) -> bytes:
    return answer("201 Created", told(keys))


HEAD = b"HTTP/1.1 201 Created\r\n"
LIES: dict[str, tuple[bytes, list[str]]] = {
    "a message that is not success": (answer("201 Created", told(message="fatal error message")), WHOLE),
    "errors as texts": (answer("201 Created", told("event 1 is bad")), BOTH),
    "one error that is in no list": (
        answer("201 Created", b'{"message":"success","errors":{"type":"bad","index":1}}'),
        ["delivered", "rejected"],
    ),
    "errors that are one text": (answer("201 Created", b'{"message":"success","errors":"bad"}'), BOTH),
    "errors that are a number": (answer("201 Created", b'{"message":"success","errors":3}'), BOTH),
    "an error without any key": (named(), BOTH),
    "an error without an index": (named(type="bad", input_array="events"), BOTH),
    "an error without an array": (named(type="bad", index=1), ["delivered", "rejected"]),
    "an error without words": (named(input_array="events", index=0), ["rejected", "delivered"]),
    "an index out of range": (named(type="bad", input_array="events", index=7), BOTH),
    "an index below zero": (named(type="bad", input_array="events", index=-1), BOTH),
    "an index that is a text": (named(type="bad", input_array="events", index="1"), BOTH),
    "an index that is true": (named(type="bad", input_array="events", index=True), BOTH),
    "an index with a fraction": (named(type="bad", input_array="events", index=1.0), BOTH),
    "an index without end": (answer("201 Created", b'{"errors":[{"type":"bad","index":1e999}]}'), BOTH),
    "an array that was not sent": (named(type="bad", input_array="purchases", index=0), BOTH),
    "an array nobody knows": (named(type="bad", input_array="things", index=1), ["delivered", "rejected"]),
    "an error told twice": (
        answer(
            "201 Created",
            told(
                {"type": "bad", "input_array": "events", "index": 1},
                {"type": "worse", "input_array": "events", "index": 1},
            ),
        ),
        ["delivered", "rejected"],
    ),
    "half a letter": (answer("201 Created", b'{"errors":[{"type":"\\ud800","index":1}]}'), BOTH),
    "a mark before the JSON": (answer("201 Created", b"\xef\xbb\xbf" + told("event 1 is bad")), BOTH),
    "headers without end": (HEAD + b"X-More: " + b"x" * 70_000 + b"\r\n\r\n{}", HELD),
    "headers without number": (HEAD + b"X-More: x\r\n" * 20_000 + b"\r\n{}", HELD),
    "headers that are no text": (
        HEAD + b"X-More: \xff\xfe\r\nRetry-After: \xff\r\nContent-Length: 0\r\n\r\n",
        BOTH,
    ),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", HELD),
    "a length below zero": (HEAD + b"Content-Length: -2\r\n\r\n{}", HELD),
    "an encoding nobody knows": (answer("201 Created", b"{}", "Content-Encoding: br"), HELD),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        HELD,
    ),
    "promises and no answer": (b"HTTP/1.1 102 Processing\r\n\r\n" * 500, HELD),
    "a status below all": (answer("099 What"), HELD),
    "a status beyond all": (answer("999 What"), HELD),
    "no status": (b"It went well.\r\n\r\n", HELD),
    "a wait without end": (answer("429 Too Many", b"{}", "Retry-After: inf", "X-RateLimit-Reset: nan"), HELD),
    "HTML": (answer("201 Created", b"<html><body>All is well</body></html>"), BOTH),
    "nothing": (answer("201 Created"), BOTH),
    "JSON that is no object": (answer("201 Created", b'["success"]'), BOTH),
    "JSON cut short": (answer("201 Created", b'{"message":"success","errors":[{"ty'), BOTH),
    "bytes that are no text": (answer("201 Created", b"\xff\xfe\x00"), BOTH),
    "JSON nested without end": (answer("201 Created", b"[" * 100_000), BOTH),
    "chunks that are none": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\nnonsense", HELD),
    "chunks that break off": (HEAD + b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"message', BOTH),
    "a length too small": (HEAD + b'Content-Length: 12\r\n\r\n{"message":"success"}', HELD),
    "a length that is no number": (HEAD + b"Content-Length: many\r\n\r\n{}", HELD),
    "gzip that is none": (answer("201 Created", b"plain", "Content-Encoding: gzip"), BOTH),
    "a redirect": (answer("302 Found", b"", "Location: /elsewhere"), HELD),
    "a redirect to nowhere": (answer("301 Moved Permanently"), HELD),
    "a refusal in HTML": (answer("400 Bad Request", b"<html>no</html>"), WHOLE),
    "trouble in HTML": (answer("503 Service Unavailable", b"<html>later</html>"), HELD),
}


async def outcomes(reply: bytes) -> tuple[list[Outcome], Response]:
    """Send two rows to a server that says this."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, headers = await head_of(reader)
        await reader.readexactly(int(headers["content-length"]))
        writer.write(reply)
        await writer.drain()

    async with serving(once) as url, Sender() as sender:
        response = await sender.send(rest.build_track(ROWS, {**SETTINGS, "endpoint": url}))
    return rest.read_track(response, ROWS), response


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_has_one_outcome_for_each_row(lie: str) -> None:
    """What is accepted is delivered, with a word about what could not be read; only who is named dies; an
    answer that is no HTTP is none, so its rows are uncertain."""
    reply, expected = LIES[lie]
    found, response = await outcomes(reply)
    assert [outcome.verdict.value for outcome in found] == expected
    if expected == BOTH:
        assert all(outcome.message for outcome in found), response


U1 = {"external_id": "u1"}
ALIAS = {"alias_name": "ada", "alias_label": "shop"}
TO_U1 = {"recipients": [{"external_user_id": "u1"}], "broadcast": False}
TEA = {"product_id": "tea", "price": 1, "currency": "USD"}
MAPPED: dict[str, dict[str, Any]] = {
    "update-user-profile": {**U1, "email": "ada@example.com"},
    "track-event": {**U1, "name": "Read", "time": "2026-11-24T10:00:00Z"},
    "track-purchase": {**U1, "time": "2026-11-24T10:00:00Z", "products": [TEA]},
    "create-alias": {**U1, **ALIAS},
    "identify-user": {**U1, "user_alias": ALIAS},
    "merge-users": {"identifier_to_merge": {"external_id": "old"}, "identifier_to_keep": U1},
    "trigger-campaign": {"campaign_id": "c", **TO_U1},
    "trigger-canvas": {"canvas_id": "c", **TO_U1},
    "upsert-catalog-item": {"item": {"name": "tea"}, "item_id": "tea"},
}
"""A payload of each kind of request there is."""

ABOUT_NOBODY: dict[str, bytes] = {
    "errors as texts": b'{"message":"success","errors":["bad",7,null]}',
    "an error without keys": b'{"message":"success","errors":[{}]}',
    "ids of the wrong type": b'{"message":"success","errors":[{"id":[],"index":"1","parameter_values":{}}]}',
    "an index out of range": b'{"message":"success","errors":[{"input_array":"events","index":9}]}',
}
UNREADABLE: dict[str, bytes] = {
    "HTML": b"<html><body>All is well</body></html>",
    "nothing": b"",
    "JSON cut short": b'{"message":"success","errors":[{"ty',
    "JSON that is no object": b'["success"]',
}


def read(slug: str, response: Response) -> list[Outcome]:
    """What an action reads in an answer for the rows of one request: two, where two may travel together."""
    action = page(slug)
    made = shaped(slug, MAPPED[slug])
    rows = [row(slug, *made.items, context=made.context, offset=n) for n in range(min(2, action.batch.items))]
    action.build(rows, SETTINGS)
    found = list(action.read(response, rows))
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("slug", MAPPED)
def test_no_action_believes_a_lie(slug: str) -> None:
    """A message that is no success refuses the request; a redirect and trouble in HTML hold the destination,
    whatever the status of an answer that cannot be read says is done, with a word about it."""
    is_alone = page(slug).batch.items == 1
    refused = {"rejected" if is_alone else "batch-rejected"}

    def verdicts(status: int, body: bytes) -> set[str]:
        return {outcome.verdict.value for outcome in read(slug, Response(status=status, body=body))}

    assert verdicts(201, b'{"message":"fatal error message"}') == refused
    assert verdicts(201, b'{"message":"success"}') == verdicts(201, b'{"message":"Queued"}') == {"delivered"}
    for name, body in ABOUT_NOBODY.items():
        # A request with one object in it is the only one that an error can be about.
        expected = {"rejected"} if is_alone else {"delivered"}
        assert verdicts(201, body) == expected, name
    for name, body in UNREADABLE.items():
        found = read(slug, Response(status=201, body=body))
        assert {outcome.verdict.value for outcome in found} == {"delivered"}, name
        assert all("could not be read" in outcome.message for outcome in found), name
        assert verdicts(400, body) == refused, name
        assert verdicts(302, body) == verdicts(503, body) == {"hold"}, name


def test_a_catalog_item_named_in_an_accepted_answer_is_refused() -> None:
    """As an object of any other request is; the other one is delivered."""
    rows = [row("upsert-catalog-item", {"id": name}, context="PUT c") for name in ("tea", "cup")]
    error = {"id": "invalid-fields", "message": "no such field", "parameter_values": ["cup"]}
    body = json.dumps({"message": "success", "errors": [error]}).encode()
    tea, cup = page("upsert-catalog-item").read(Response(status=202, body=body), rows)
    assert (tea.verdict.value, cup.verdict.value, cup.message) == ("delivered", "rejected", "no such field")


async def test_a_bomb_is_not_unpacked() -> None:
    """A hundred megabytes in a hundred kilobytes: a megabyte is kept, and not all of it is ever made."""
    bomb = gzip.compress(bytes(100 * BODY_BYTES), mtime=0)
    tracemalloc.start()
    try:
        found, response = await outcomes(answer("201 Created", bomb, "Content-Encoding: gzip"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [outcome.verdict.value for outcome in found] == BOTH
    assert len(response.body) <= BODY_BYTES
    assert peak < 50 * BODY_BYTES

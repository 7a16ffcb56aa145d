"""The tracking API through a real server: routes, keys, CORS, encodings, and everything hostile."""

import asyncio
import base64
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from tests.io.appender import start
from tests.web.door import Door, basic, opened_door
from tests.web.full_disk import serve_until_full

from segue.model.event import KINDS
from segue.runtime.clock import START_MS, HandClock
from segue.web.pixel import GIF
from segue.web.sdk import read_write_key
from segue.web.server import serving

TRACK = {"type": "track", "event": "E", "userId": "u1"}
ONE = {
    "identify": {"userId": "u1", "traits": {"a": 1}},
    "track": {"userId": "u1", "event": "E"},
    "page": {"anonymousId": "a1", "name": "Home"},
    "screen": {"anonymousId": "a1"},
    "group": {"userId": "u1", "groupId": "g1"},
    "alias": {"userId": "u1", "previousId": "a1"},
}
ORIGIN = "https://shop.example.com"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A tracking API under the usual prefix."""
    async with opened_door(tmp_path) as door:
        yield door


# -- routes -----------------------------------------------------------------------------------------


async def test_every_route_takes_events(door: Door) -> None:
    """Long and short forms, batch, import; short ones are the clients'."""
    for kind, event in ONE.items():
        for path in (f"/v1/{kind}", f"/v1/{kind[0]}", f"/v1/{kind}/", f"//v1//{kind[0]}"):
            reply = await door.post(path, event, "web")
            assert (reply.status, reply.body) == (200, b'{"success":true}')
    for path in ("/v1/batch", "/v1/b", "/v1/import"):
        assert (
            await door.post(path, {"batch": [{"type": kind, **ONE[kind]} for kind in KINDS]}, "web")
        ).status == 200
    events = await door.events()
    assert [event["type"] for event in events] == [kind for kind in ONE for _ in range(4)] + [*KINDS] * 3
    channels = ["server", "browser"] * 12 + ["server"] * 6 + ["browser"] * 12
    assert [event["channel"] for event in events] == channels
    assert [event["context"].get("ip") for event in events] == [
        "127.0.0.1" if channel == "browser" else None for channel in channels
    ]


@pytest.mark.parametrize("prefix", ["/v1", "/", "", "events/v1/", "/a/b/c"])
async def test_the_routes_live_under_any_prefix(tmp_path: Path, prefix: str) -> None:
    """Hosts are configured as a host and a path by some SDKs."""
    path = "/".join(["", *filter(None, prefix.split("/"))])
    async with opened_door(tmp_path, prefix=prefix) as door:
        assert (await door.post(f"{path}/track", TRACK)).status == 200
        assert (await door.post(f"/x{path}/track", TRACK)).status == 404
        assert (await door.call("GET", f"{path}/pixel/track?data=x")).body == GIF


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/v1/track", "/v1/b", "/v1/m"])
async def test_another_method_is_told_which_one_to_use(door: Door, method: str, path: str) -> None:
    """405 with Allow, in JSON, and the connection stays usable."""
    reply = await door.call(method, path)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST, OPTIONS")
    if method != "HEAD":
        assert reply.code == "method_not_allowed"
    assert (await door.post("/v1/track", TRACK)).status == 200


async def test_a_pixel_is_only_fetched(door: Door) -> None:
    """POST to it is a mistake of the sender."""
    reply = await door.call("POST", "/v1/pixel/track")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, OPTIONS")


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/trak", "/v2/track", "/v1/pixel/x", "/v1/track/x", "/track"]
)
async def test_an_unknown_path_is_404_in_json(door: Door, path: str) -> None:
    """Never a redirect: SDKs take 3xx for success or failure as it pleases them."""
    reply = await door.post(path, TRACK)
    assert (reply.status, reply.code) == (404, "not_found")


async def test_the_sdks_own_telemetry_is_taken_and_dropped(door: Door) -> None:
    """No key, any body within the limit, nothing in the log."""
    body = {"series": [{"type": "Counter", "metric": "analytics_js.invoke", "value": 1, "tags": {}}]}
    assert (await door.post("/v1/m", body, None, Content_Type="text/plain")).body == b'{"success":true}'
    assert (await door.post("/v1/m", b"\xff", None)).status == 200
    assert (await door.post("/v1/m", bytes(600_000), None)).code == "payload_too_large"
    assert await door.events() == []


# -- keys -------------------------------------------------------------------------------------------

KEYS = [
    # Authorization, key of the envelope, key of the event -> source, code
    (basic("server"), None, None, "server", ""),
    (basic("server", ""), None, None, "server", ""),
    (basic("server", ":secret"), None, None, "server", ""),
    (basic("server").rstrip("="), None, None, "server", ""),
    (basic("server").replace("Basic", "bAsIc "), None, None, "server", ""),
    (basic("server"), "web", "web", "server", ""),
    (basic("gone"), "web", "web", None, "unknown_write_key"),
    (None, "web", "server", "web", ""),
    (None, None, "phone", "phone", ""),
    (None, None, None, None, "no_write_key"),
    (basic("", ":"), "web", None, "web", ""),
    ("Basic ???", "web", None, "web", ""),
    ("Basic //79", "web", None, "web", ""),
    ("Basic", None, None, None, "no_write_key"),
    ("Bearer token", "web", None, "web", ""),
    ("Bearer token", None, "web", "web", ""),
    ("Bearer token", None, None, None, "no_write_key"),
    ("server", None, None, None, "no_write_key"),
    (None, "", None, None, "no_write_key"),
    (None, "x", None, None, "unknown_write_key"),
    (None, 5, None, None, "no_write_key"),
    (None, None, "gone", None, "unknown_write_key"),
]


@pytest.mark.parametrize(("authorization", "envelope", "event", "source", "code"), KEYS)
async def test_a_key_is_found_wherever_senders_put_it(
    door: Door, authorization: str | None, envelope: Any, event: str | None, source: str | None, code: str
) -> None:
    """Basic, then the body, then the events; a Bearer token names no source. A wrong one is 400 in words."""
    body = {"batch": [{**TRACK, "writeKey": event}], "writeKey": envelope}
    headers = {"Authorization": authorization} if authorization else {}
    reply = await door.call("POST", "/v1/batch", json.dumps(body), **headers)
    assert (reply.status, reply.code) == (400 if code else 200, code)
    assert [event["projectId"] for event in await door.events()] == ([source] if source else [])


async def test_a_single_event_may_carry_its_key(door: Door) -> None:
    """As the HTTP API documents it, without any header."""
    assert (await door.post("/v1/track", {**TRACK, "writeKey": "web"}, None)).status == 200
    (event,) = await door.events()
    assert (event["projectId"], "writeKey" in event) == ("web", False)


async def test_a_disabled_source_answers_200_and_keeps_nothing(door: Door) -> None:
    """Its events are counted as rejected."""
    assert (await door.post("/v1/track", TRACK, "off")).status == 200
    assert await door.events() == []
    assert door.receiver.counts().rejected == {("off", "track", "source_disabled"): 1}


def test_reading_a_key_never_fails() -> None:
    """Whatever stands in the header."""
    headers = (b"", b"Basic", b"Basic ", b"Basic \xff", b"Basic " + b"A" * 5, b"Basic =", b"\xff \xff")
    for text in (None, b"Basic " + b"QUFB" * 500, *headers):
        assert read_write_key(text) is None


# -- browsers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/t", "/v1/b", "/v1/m", "/v1/pixel/track", "/v1/unknown"])
async def test_a_preflight_allows_what_was_asked_for(door: Door, path: str) -> None:
    """Authorization and X-Retry-Count by name, and whatever header a page adds."""
    reply = await door.call(
        "OPTIONS",
        path,
        Origin=ORIGIN,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,x-retry-count,x-own",
    )
    assert reply.status == 204
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert reply.headers["Access-Control-Allow-Credentials"] == "true"
    allowed = {name.strip().lower() for name in reply.headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed >= {"authorization", "content-type", "x-retry-count", "x-own"}
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    assert int(reply.headers["Access-Control-Max-Age"]) > 0
    assert "Content-Length" not in reply.headers


async def test_every_answer_can_be_read_by_the_page_that_asked(door: Door) -> None:
    """Errors too, else an SDK takes a 400 for a broken network and repeats it."""
    calls = [
        ("POST", "/v1/t", json.dumps(TRACK), 200),
        ("POST", "/v1/t", "{", 400),
        ("POST", "/v1/unknown", "", 404),
        ("GET", "/v1/t", "", 405),
        ("POST", "/v1/m", "", 200),
        ("GET", "/v1/pixel/track", "", 200),
    ]
    for method, path, body, status in calls:
        for origin in (ORIGIN, "null", None):
            headers = {"Origin": origin} if origin else {}
            reply = await door.call(method, path, body, Authorization=basic("web"), **headers)
            assert reply.status == status
            assert reply.headers["Access-Control-Allow-Origin"] == (origin or "*")
            assert ("Access-Control-Allow-Credentials" in reply.headers) == bool(origin)
            assert reply.headers.get("Vary") == ("origin" if origin else None)
            may_say_when = None if status == 200 else "Retry-After, X-RateLimit-Reset"
            assert reply.headers.get("Access-Control-Expose-Headers") == may_say_when


async def test_a_clients_address_is_the_forwarded_one_only_where_that_is_trusted(tmp_path: Path) -> None:
    """Anybody can write the header; only behind a proxy of yours does it say the truth."""
    seen = []
    for trust, forwarded in (
        (False, "203.0.113.9"),
        (True, "203.0.113.9, 198.51.100.2"),
        (True, "203.0.113.9:4711"),
        (True, "2001:db8::1"),
        (True, "junk"),
        (True, ""),
    ):
        folder = tmp_path / str(len(seen))
        folder.mkdir()
        async with opened_door(folder, trust_forwarded=trust) as door:
            await door.post("/v1/t", TRACK, "web", X_Forwarded_For=forwarded)
            seen += [event["context"].get("ip") for event in await door.events()]
    assert seen == ["127.0.0.1", "203.0.113.9", "203.0.113.9", None, None, "127.0.0.1"]


async def test_the_server_leaves_the_forwarded_address_to_the_workspace(tmp_path: Path) -> None:
    """The one `segue run` starts: uvicorn alone would believe X-Forwarded-For of anybody on this machine."""
    async with opened_door(tmp_path) as door, serving(door.watch, "127.0.0.1", 0) as url:
        door.url = url
        await door.post("/v1/t", TRACK, "web", X_Forwarded_For="203.0.113.9")
        assert [event["context"]["ip"] for event in await door.events()] == ["127.0.0.1"]


# -- the pixel --------------------------------------------------------------------------------------

EVENT = {"writeKey": "web", "userId": "ü", "event": "Opened?", "properties": {"subject": ">>> ~~~ ÿ"}}
PACKED = base64.b64encode(json.dumps(EVENT).encode()).decode()
PIXELS = [
    f"data={quote(PACKED)}",
    f"data={PACKED.rstrip('=')}",  # a plus sign arrives as a space
    f"data={PACKED.rstrip('=').replace('+', '-').replace('/', '_')}",
    f"data={quote(json.dumps(EVENT))}",
    f"data={quote(json.dumps(EVENT, ensure_ascii=False))}",
    urlencode({"writeKey": "web", "userId": "ü", "event": "Opened?", "properties.subject": ">>> ~~~ ÿ"}),
    f"data={PACKED}&writeKey=web",
]


@pytest.mark.parametrize("query", PIXELS)
async def test_a_pixel_carries_an_event(door: Door, query: str) -> None:
    """Base64 of either alphabet, padded or not, plain JSON, or flat fields with dots."""
    reply = await door.call("GET", "/v1/pixel/track?" + query)
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, "image/gif", GIF)
    (event,) = await door.events()
    assert {name: event[name] for name in ("type", "userId", "event", "properties", "channel")} == {
        "type": "track",
        "userId": "ü",
        "event": "Opened?",
        "properties": {"subject": ">>> ~~~ ÿ"},
        "channel": "browser",
    }
    assert event["context"] == {"ip": "127.0.0.1"}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "data=",
        "data=%ff%fe",
        "data=!!!",
        "data=A",
        "data=bnVsbA",
        "a=1&a.b=2&a.b.c=3",
        "&&==&%",
        "writeKey=gone&userId=u&event=E",
        "writeKey=web&event=E",
        ".".join("a" * 5000) + "=1",
        "data=" + "A" * 40_000,
        "properties..=1&.=2&%00=3",
    ],
)
async def test_a_pixel_is_shown_whatever_it_carries(door: Door, query: str) -> None:
    """There is nobody who could read another answer."""
    reply = await door.call("GET", "/v1/pixel/track?" + query)
    assert (reply.status, reply.body) == (200, GIF)
    assert await door.events() == []


async def test_a_pixel_is_shown_when_the_log_is_down(door: Door) -> None:
    """The event is lost, as nobody can repeat it, and counted as failed."""
    door.valve.break_disk()
    reply = await door.call("GET", "/v1/pixel/track?" + PIXELS[0])
    assert (reply.status, reply.body) == (200, GIF)
    assert door.receiver.counts().failed == {("web", "track"): 1}
    door.valve.mend_disk()


# -- bodies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "text/plain", "x", "multipart/form-data"],
)
async def test_any_content_type_is_read_as_json(door: Door, content_type: str) -> None:
    """Browsers send text/plain, some SDKs nothing sensible at all."""
    assert (await door.post("/v1/track", TRACK, Content_Type=content_type)).status == 200


BATCH = json.dumps({"batch": [TRACK, {**TRACK, "event": "é"}]}, ensure_ascii=False).encode()
HALF = len(BATCH) // 2


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(BATCH)),
        ("GZip ", gzip.compress(BATCH)),
        ("x-gzip", gzip.compress(BATCH, 1)),
        ("gzip", gzip.compress(BATCH[:HALF]) + gzip.compress(BATCH[HALF:])),
        ("gzip", gzip.compress(BATCH) + gzip.compress(b"") + bytes(7)),
        ("identity", BATCH),
        ("", BATCH),
    ],
    ids=lambda value: value.strip() if isinstance(value, str) else "body",
)
async def test_a_packed_body_is_unpacked(door: Door, encoding: str, body: bytes) -> None:
    """In one member or several, whatever the content type says."""
    reply = await door.post("/v1/b", body, "web", Content_Encoding=encoding, Content_Type="text/plain")
    assert reply.status == 200
    assert [event["event"] for event in await door.events()] == ["E", "é"]


BOMB = gzip.compress(bytes(50_000_000), 9)
BAD_BODIES = [
    # encoding, body, code
    ("gzip", gzip.compress(BATCH)[:-9], "invalid_gzip"),
    ("gzip", gzip.compress(BATCH)[:-1], "invalid_gzip"),
    ("gzip", gzip.compress(BATCH)[:5], "invalid_gzip"),
    ("gzip", gzip.compress(BATCH)[:-8] + bytes(8), "invalid_gzip"),
    ("gzip", gzip.compress(BATCH) + b"x", "invalid_gzip"),
    ("gzip", BATCH, "invalid_gzip"),
    ("gzip", b"", "invalid_gzip"),
    ("gzip", zlib.compress(BATCH), "invalid_gzip"),
    ("gzip", BOMB, "payload_too_large"),
    ("gzip", gzip.compress(BATCH) + BOMB, "payload_too_large"),
    ("gzip", gzip.compress(b" " * 512_001), "payload_too_large"),
    ("gzip", gzip.compress(gzip.compress(BATCH)), "invalid_utf8"),
    ("deflate", zlib.compress(BATCH), "unknown_encoding"),
    ("br", b"x", "unknown_encoding"),
    ("gzip, gzip", gzip.compress(gzip.compress(BATCH)), "unknown_encoding"),
    ("", gzip.compress(BATCH), "invalid_utf8"),
    ("", bytes(512_001), "payload_too_large"),
    ("", bytes(3_000_000), "payload_too_large"),
    ("", b"", "invalid_json"),
    ("", b"\x00" * 50, "invalid_json"),
    ("", b"{", "invalid_json"),
    ("", b'{"batch":[{"type":"track","event":"E","userId":"u"}, ,{}]}', "invalid_json"),
    ("", b'{"batch":[{"type":"track"}\x00]}', "invalid_json"),
    ("", b"[" * 100_000, "not_a_batch"),
    ("", b'{"batch":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),  # one event, too deep
    ("", b"null", "not_a_batch"),
    ("", b"[]", "not_a_batch"),
    ("", b'{"batch":{"0":{}}}', "not_a_batch"),
    ("", "{}".encode("utf-16"), "invalid_utf8"),
]


@pytest.mark.parametrize(
    ("encoding", "body", "code"), BAD_BODIES, ids=[f"{n}-{code}" for n, (_, _, code) in enumerate(BAD_BODIES)]
)
async def test_a_hostile_body_gets_a_clear_answer(door: Door, encoding: str, body: bytes, code: str) -> None:
    """400 with code and sentence; the next request on the same door is served as ever."""
    reply = await door.post("/v1/batch", body, **({"Content_Encoding": encoding} if encoding else {}))
    assert (reply.status, reply.code) == (400 if code else 200, code)
    assert reply.headers["Content-Type"].startswith("application/json")
    assert (await door.post("/v1/batch", BATCH)).status == 200
    assert len(await door.events()) == 2
    assert door.receiver.waiting_bytes == 0


def mates(hostile: bytes) -> bytes:
    """A batch with something hostile between two sound events."""
    mate = json.dumps(TRACK).encode()
    return b'{"batch":[' + mate + b"," + hostile + b"," + mate + b"]}"


def event_with(value: bytes) -> bytes:
    """A track event with a hostile property."""
    return b'{"type":"track","event":"H","userId":"u","properties":{"v":' + value + b"}}"


HOSTILE_EVENTS = [
    # in a batch between two others -> code, "" when it is kept
    (b"null", "not_an_object"),
    (b"17", "not_an_object"),
    (b"[]", "not_an_object"),
    (b"{}", "missing_type"),
    (b'{"type":"track","event":"H","userId":5}', "id_not_string"),
    (b'{"type":"track","event":"H","userId":"   "}', "id_not_string"),
    (b'{"type":"track","event":"H"}', "no_user_anon_id"),
    (b'{"type":"track","userId":"u"}', "event_not_defined"),
    (event_with(b"[" * 10_000 + b"]" * 10_000), "too_deep"),
    (event_with(b'{"a":' * 5_000 + b"1" + b"}" * 5_000), "too_deep"),
    (event_with(b'"' + b"x" * 40_000 + b'"'), "event_too_large"),
    (event_with(b"1e999"), ""),
    (event_with(b"9" * 400), ""),
    (event_with(rb'"\ud800"'), ""),
    (event_with(b'{"__proto__":{"x":1},"constructor":{},"toString":1}'), ""),
    (event_with(b'1,"v":2,"v":3'), ""),
    (event_with(b'"' + "\u0000".encode("unicode_escape").replace(b"x00", b"u0000") + b'"'), ""),
    (b'{"type":"track","event":"H","userId":"u","userId":"v"}', ""),
]


@pytest.mark.parametrize(("hostile", "code"), HOSTILE_EVENTS)
async def test_a_hostile_event_costs_nobody_else(door: Door, hostile: bytes, code: str) -> None:
    """200 for the batch; the event alone is rejected with its code, or kept."""
    reply = await door.post("/v1/batch", mates(hostile))
    assert (reply.status, reply.json) == (200, {"success": True})
    names = [event["event"] for event in await door.events()]
    assert names == (["E", "E"] if code else ["E", "H", "E"])
    rejected = door.receiver.counts().rejected
    assert [of_code for _, _, of_code in rejected] == ([code] if code else [])


async def test_limits_are_those_published(door: Door) -> None:
    """32 KB for a single call, 500 KB and 2,500 events for a batch."""

    def filled(size: int) -> bytes:
        raw = json.dumps({**TRACK, "properties": {"p": ""}}).encode()
        return raw.replace(b'""', b'"' + b"x" * (size - len(raw)) + b'"')

    def batched(size: int) -> bytes:
        start = b'{"batch":[' + b",".join([filled(30_000)] * 16) + b"]"
        return start + b" " * (size - len(start) - 1) + b"}"

    assert (await door.post("/v1/track", filled(32_768))).status == 200
    assert (await door.post("/v1/track", filled(32_769))).code == "payload_too_large"
    assert (await door.post("/v1/batch", batched(512_000))).status == 200
    assert (await door.post("/v1/batch", batched(512_001))).code == "payload_too_large"
    small = {"type": "screen", "userId": "u"}
    assert (await door.post("/v1/batch", {"batch": [small] * 2_500})).status == 200
    assert (await door.post("/v1/batch", {"batch": [small] * 2_501})).status == 200
    counts = door.receiver.counts()
    assert counts.accepted == {("server", "track"): 17, ("server", "screen"): 2_500}
    assert counts.rejected == {("server", "", "too_many_events"): 2_501}


# -- connections ------------------------------------------------------------------------------------


async def raw_request(door: Door, *parts: bytes, end: bool = True) -> bytes:
    """Write bytes to a socket and read what comes back until the server closes or the answer is there."""
    url = urlsplit(door.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if not end:
            return b""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        return head + await reader.readexactly(length)
    finally:
        writer.close()
        await writer.wait_closed()


def head_of(path: str, *lines: str) -> bytes:
    """The head of a POST with the server's key."""
    common = ("Host: x", f"Authorization: {basic('server')}", "Content-Type: application/json")
    return "\r\n".join([f"POST {path} HTTP/1.1", *common, *lines, "", ""]).encode()


async def test_a_chunked_body_without_a_length_is_read(door: Door) -> None:
    """As kotlin sends it, here packed and in pieces of seven bytes."""
    packed = gzip.compress(BATCH)
    chunks = [packed[at : at + 7] for at in range(0, len(packed), 7)]
    parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    head = head_of("/v1/b", "Transfer-Encoding: chunked", "Content-Encoding: gzip")
    reply = await raw_request(door, head, *parts, b"0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200")
    assert len(await door.events()) == 2


async def test_an_endless_body_is_given_up(door: Door) -> None:
    """It is not kept while it is read, and past eight megabytes nothing more is."""
    chunk = b"%x\r\n%s\r\n" % (65_536, bytes(65_536))
    reply = await raw_request(door, head_of("/v1/b", "Transfer-Encoding: chunked"), *[chunk] * 129)
    assert reply.startswith(b"HTTP/1.1 400")
    assert b"payload_too_large" in reply


async def test_a_sender_that_hangs_up_leaves_nothing_behind(door: Door) -> None:
    """Half a body is no event, and no answer is attempted."""
    await raw_request(door, head_of("/v1/batch", "Content-Length: 1000"), b'{"batch":[', end=False)
    assert (await door.post("/v1/track", TRACK)).status == 200
    assert len(await door.events()) == 1
    assert door.receiver.counts().refused == {}


async def test_a_sender_that_dawdles_is_asked_to_come_again(tmp_path: Path) -> None:
    """408, which every SDK repeats, and the connection is closed."""
    async with opened_door(tmp_path, body_seconds=0.02) as door:
        reply = await raw_request(door, head_of("/v1/batch", "Content-Length: 1000"), b'{"batch":[')
        assert reply.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in reply.lower()
        assert door.receiver.counts().refused == {"too_slow": 1}


async def test_retries_are_counted(door: Door) -> None:
    """X-Retry-Count says how often a sender tried before; nonsense counts as none."""
    for value in ("1", "3", "0", "x", "-1", "9" * 50, ""):
        assert (await door.post("/v1/track", TRACK, X_Retry_Count=value)).status == 200
    counts = door.receiver.counts()
    assert (counts.requests, counts.retried) == (7, 2)


async def test_a_full_room_is_429_before_the_body_is_read(tmp_path: Path) -> None:
    """Retry-After and X-RateLimit-Reset say when; what waits is not lost."""
    async with opened_door(tmp_path, waiting_bytes=1) as door:
        door.valve.open.clear()
        first = asyncio.create_task(door.post("/v1/track", TRACK))
        await door.valve.waiting.wait()
        reply = await door.post("/v1/track", TRACK)
        assert (reply.status, reply.code) == (429, "too_many_requests")
        assert (reply.headers["Retry-After"], reply.headers["X-RateLimit-Reset"]) == ("1", "1")
        door.valve.open.set()
        assert (await first).status == 200
        assert (await door.post("/v1/track", TRACK)).status == 200


async def test_a_log_that_is_gone_is_503_until_it_is_back(door: Door) -> None:
    """With Retry-After, and nothing of the refused requests is in the log afterwards."""
    door.valve.break_disk()
    reply = await door.post("/v1/track", TRACK, Origin=ORIGIN)
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "log_unavailable", "1")
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    door.valve.mend_disk()
    assert (await door.post("/v1/track", {**TRACK, "event": "After"})).status == 200
    assert [event["event"] for event in await door.events()] == ["After"]


def test_a_full_disk_is_503_and_everything_acknowledged_is_kept(tmp_path: Path) -> None:
    """A server in a process whose files may not grow: 200 until it is full, then 503 with Retry-After, and
    200 again when there is room; the log has exactly what got 200."""
    process, reports = start(serve_until_full, tmp_path)
    acknowledged, statuses, retry_after, kept = reports.recv()
    process.join()
    assert statuses[-1] == 200
    assert set(statuses) == {200, 503}
    assert retry_after == {"1"}
    assert len(acknowledged) > 10
    assert kept == acknowledged


async def test_the_servers_clock_stamps_what_arrives(tmp_path: Path) -> None:
    """receivedAt is the moment of the request, the same for a whole batch."""
    async with opened_door(tmp_path, clock=HandClock()) as door:
        await door.post("/v1/batch", {"batch": [TRACK, TRACK]})
        assert {record.received_ms for record in await door.records()} == {START_MS}
        assert {event["receivedAt"] for event in await door.events()} == {"2026-01-01T00:00:00.000Z"}

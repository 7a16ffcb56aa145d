"""The tracking API as Segment's SDKs speak it: one raw ASGI callable, no framework on the way.

    app = create_sdk_app(receiver, prefix="/v1")

    POST /v1/track /t … one event     POST /v1/batch /b /import  many
    GET  /v1/pixel/track              POST /v1/m  the SDKs' own telemetry, taken and dropped

Every answer but the pixel's is JSON, every answer may be read by a page of another origin, and none is a
redirect: SDKs take 3xx for success or for failure as it pleases them. `docs/reference/tracking-api.md`
lists routes, limits and answers.

Source  Segment docs, "HTTP API source"; @segment/analytics-next 1.84.3 and segment-analytics-python 2.4.0
as recorded in tests/conformance/sdk-wire; read 2026-11-23
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Final

import msgspec

from segue.model.errors import InvalidRequest
from segue.model.event import KINDS
from segue.runtime.receiver import OK, Answer, Receiver, busy, failure
from segue.web.app import App, Receive, Scope, Send
from segue.web.body import read_body, unpack
from segue.web.pixel import GIF, read_query

BODY_SECONDS: Final = 30.0
"""How long a sender may take over its body."""


class Call(msgspec.Struct, frozen=True):
    """What a route means.

    kind    the event type it implies; "" for batches
    client  used by browsers and phones: the channel and the address are the client's
    """

    kind: str
    client: bool


CALLS: Final[Mapping[str, Call]] = {
    **{kind: Call(kind, client=False) for kind in KINDS},
    **{kind[0]: Call(kind, client=True) for kind in KINDS},
    "batch": Call("", client=False),
    "b": Call("", client=True),
    "import": Call("", client=True),
}
"""Last part of the path -> what it means. Long names are for servers, short ones for clients."""

METRICS_ROUTE: Final = "m"
POST: Final = b"POST, OPTIONS"
GET: Final = b"GET, OPTIONS"

_AUTHORIZATION_BYTES: Final = 1024
"""A longer header holds no write key, and would only fill the cache."""

Headers = list[tuple[bytes, bytes]]
Head = dict[bytes, bytes]


def create_sdk_app(
    receiver: Receiver,
    prefix: str = "/v1",
    *,
    trust_forwarded: bool = False,
    body_seconds: float = BODY_SECONDS,
) -> App:
    """Make the tracking API.

    prefix           path the routes live under
    trust_forwarded  take the client's address from X-Forwarded-For
    body_seconds     how long a sender may take over its body
    """
    prefix = "/".join(["", *filter(None, prefix.split("/"))])
    calls = {f"{prefix}/{name}": call for name, call in CALLS.items()}
    pixels = {f"{prefix}/pixel/{kind}": kind for kind in KINDS}
    metrics = f"{prefix}/{METRICS_ROUTE}"

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return _stand_by(scope, receive, send)
        call = calls.get(scope["path"])
        if call is not None and scope["method"] == "POST":
            return take(call, dict(scope["headers"]), scope, receive, send)
        return choose(scope, receive, send)

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        """What is not simply an event at its address."""
        head: Head = dict(scope["headers"])
        method, path = scope["method"], _tidy(scope["path"])
        call = calls.get(path)
        if method == "OPTIONS":
            await _send(send, 204, b"", preflight_headers(head))
        elif call is not None:
            if method == "POST":
                await take(call, head, scope, receive, send)
            else:
                await answer(send, head, _wrong_method(method, path, POST))
        elif path in pixels:
            if method == "GET":
                await see(pixels[path], scope, head, send)
            else:
                await answer(send, head, _wrong_method(method, path, GET))
        elif path == metrics:
            if method == "POST":
                await drop(head, receive, send)
            else:
                await answer(send, head, _wrong_method(method, path, POST))
        else:
            problem = f"no route {path[:200]}: the tracking API is under {prefix or '/'}, see {prefix}/batch"
            await answer(send, head, Answer(404, failure("not_found", problem)))

    async def take(call: Call, head: Head, scope: Scope, receive: Receive, send: Send) -> None:
        """One event or a batch."""
        limit = receiver.body_limit(call.kind)
        encoding = head.get(b"content-encoding")
        try:
            if not receiver.has_room(0):
                raise busy()
            body = await read_body(
                receive, limit if encoding is None else receiver.body_limit(""), body_seconds
            )
            if body is None:
                return
            if encoding is not None:
                body = unpack(body, encoding, limit)
        except InvalidRequest as error:
            await answer(send, head, receiver.refuse(error), close=True)
            return
        result = await receiver.receive(
            body,
            kind=call.kind,
            client=call.client,
            write_key=read_write_key(head.get(b"authorization")),
            ip=client_address(scope, head, trust_forwarded=trust_forwarded),
            retry=_count(head.get(b"x-retry-count")),
        )
        await answer(send, head, result)

    async def see(kind: str, scope: Scope, head: Head, send: Send) -> None:
        """A pixel: its event is taken in like any client's, its answer is the image."""
        body, write_key = read_query(scope["query_string"])
        address = client_address(scope, head, trust_forwarded=trust_forwarded)
        await receiver.receive(body, kind=kind, client=True, write_key=write_key, ip=address)
        await _send(send, 200, GIF, [*_PIXEL_HEADERS, *cors_headers(head)])

    async def drop(head: Head, receive: Receive, send: Send) -> None:
        """Telemetry of the SDKs: read, so that the connection stays usable, and forgotten."""
        try:
            if await read_body(receive, receiver.body_limit(""), body_seconds) is not None:
                await answer(send, head, OK)
        except InvalidRequest as error:
            await answer(send, head, receiver.refuse(error), close=True)

    return app


async def answer(send: Send, head: Head, result: Answer, *, close: bool = False) -> None:
    """Send an answer of JSON, readable for pages of any origin."""
    if result is OK and b"origin" not in head:
        await send(_OK_START)
        await send(_OK_BODY)
        return
    headers = [_JSON, *cors_headers(head)]
    if result is not OK:
        headers += [_NOT_KEPT, _EXPOSED, *result.headers]
    if close:
        headers.append((b"connection", b"close"))
    await _send(send, result.status, result.body, headers)


def cors_headers(head: Head) -> Headers:
    """Let the page of any origin read an answer, with or without credentials. Write keys are public and
    no cookie is looked at, so there is nothing to protect."""
    origin = head.get(b"origin")
    return _OPEN if origin is None else [(b"access-control-allow-origin", origin), *_OPEN_TO_ORIGIN]


def preflight_headers(head: Head) -> Headers:
    """Answer a browser's question before a request: any header may be sent. They are named one by one,
    as a wildcard does not cover Authorization."""
    asked = head.get(b"access-control-request-headers", b"")
    names = _ALLOWED_HEADERS + (b", " + asked if asked else b"")
    return [*cors_headers(head), *_PREFLIGHT, (b"access-control-allow-headers", names)]


def read_write_key(authorization: bytes | None) -> str | None:
    """The user name of Basic authorization, with or without the colon; None for anything else.

    A Bearer token says that somebody may write, not where to: the key is looked for in the body then.
    """
    if authorization is None or len(authorization) > _AUTHORIZATION_BYTES:
        return None
    return _read_basic(authorization)


@lru_cache(maxsize=1024)
def _read_basic(authorization: bytes) -> str | None:
    scheme, _, credentials = authorization.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    packed = credentials.strip().rstrip(b"=")
    try:
        text = base64.b64decode(packed + b"=" * (-len(packed) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text.partition(":")[0].strip() or None


def client_address(scope: Scope, head: Head, *, trust_forwarded: bool) -> str | None:
    """The sender's address: of the connection, or the first of X-Forwarded-For when that is trusted."""
    if trust_forwarded and (forwarded := head.get(b"x-forwarded-for")):
        first = forwarded.split(b",", 1)[0].strip().decode("latin-1")
        return first.partition(":")[0] if first.count(":") == 1 else first
    client = scope.get("client")
    return client[0] if client else None


async def _stand_by(scope: Scope, receive: Receive, send: Send) -> None:
    """Say yes to the server's start and stop; there is nothing else but HTTP here."""
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _send(send: Send, status: int, body: bytes, headers: Headers) -> None:
    if status != 204:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _tidy(path: str) -> str:
    """A path as it was meant: SDKs join hosts and paths with one slash too many."""
    return re.sub("/{2,}", "/", path).rstrip("/")


def _wrong_method(method: str, path: str, allowed: bytes) -> Answer:
    verb = allowed.split(b",", 1)[0].decode()
    body = failure("method_not_allowed", f"{path} is called with {verb}, not {method[:20]}")
    return Answer(405, body, ((b"allow", allowed),))


def _count(text: bytes | None) -> int:
    return int(text) if text is not None and text.isdigit() and len(text) < 6 else 0


# uvicorn looks at every byte of every header, so the answer that is given all the time has no more than it
# needs: what was posted is not kept by anybody between, and there is no wait to read off.
_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_NOT_KEPT: Final = (b"cache-control", b"no-store")
_PIXEL_HEADERS: Final = [
    (b"content-type", b"image/gif"),
    _NOT_KEPT,
    (b"cross-origin-resource-policy", b"cross-origin"),
]
_EXPOSED: Final = (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset")
_OPEN: Final = [(b"access-control-allow-origin", b"*")]
_OPEN_TO_ORIGIN: Final = [(b"access-control-allow-credentials", b"true"), (b"vary", b"origin")]
_OK_HEADERS: Final = [_JSON, *_OPEN, (b"content-length", str(len(OK.body)).encode())]
_OK_START: Final = {"type": "http.response.start", "status": OK.status, "headers": _OK_HEADERS}
_OK_BODY: Final = {"type": "http.response.body", "body": OK.body}
_ALLOWED_HEADERS: Final = b"Authorization, Content-Type, Content-Encoding, X-Retry-Count"
_PREFLIGHT: Final = [
    (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
    (b"access-control-max-age", b"7200"),
]

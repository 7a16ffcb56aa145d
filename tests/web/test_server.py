"""The server as a sender sees it on the wire."""

import asyncio
from urllib.parse import urlsplit

from tests.web.door import served

from segue.web.app import App, Receive, Scope, Send

HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"2"), (b"content-type", b"text/plain")],
}


async def talk(
    app: App, question: bytes, times: int = 1, *, between: asyncio.Event | None = None
) -> list[bytes]:
    """What each read of a plain socket gives, `times` questions asked on one connection."""
    async with served(app) as url:
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        got = []
        for _ in range(times):
            writer.write(question)
            got.append(await reader.read(65536))
            if between is not None:
                between.set()
                got.append(await reader.read(65536))
        writer.close()
        await writer.wait_closed()
        return got


async def test_head_and_body_of_an_answer_come_in_one_piece() -> None:
    """One packet, one waking up of the sender: whichever read sees the head sees the body."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(HEAD)
        await send({"type": "http.response.body", "body": b"ok"})

    for piece in await talk(app, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc", times=20):
        assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
        assert piece.endswith(b"\r\n\r\nok")


async def test_a_head_does_not_wait_for_a_body_that_takes_its_time() -> None:
    """A page that streams is seen to have begun."""
    head_was_seen = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(HEAD)
        await head_was_seen.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    head, body = await talk(app, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", between=head_was_seen)
    assert head.endswith(b"\r\n\r\n")
    assert body == b"ok"


async def test_an_answer_is_whole_when_the_connection_closes_after_it() -> None:
    """Also one whose body is empty: its head is the last that is written."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b""})

    (answer,) = await talk(app, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert answer.endswith(b"\r\n\r\n")

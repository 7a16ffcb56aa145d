"""The sender against real local servers that answer, refuse, hang, hang up, truncate and redirect."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from segue.io.outside.http import BODY_BYTES, Sender, transport_code
from segue.model.delivery import Request, Response

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that runs `script` for each connection; gives its URL."""
    open_connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_connections.add(task)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            open_connections.discard(task)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(open_connections):
            task.cancel()
        await server.wait_closed()
        await asyncio.gather(*open_connections, return_exceptions=True)


async def head_of(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    """Read a request up to its body."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    return lines[0], dict(line.lower().split(": ", 1) for line in lines[1:] if line)


def answering(answer: bytes, *, seen: list[tuple[str, dict[str, str], bytes]] | None = None) -> Script:
    """Read whole requests and give the same bytes to each."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, headers = await head_of(reader)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if seen is not None:
                seen.append((line, headers, body))
            writer.write(answer)
            await writer.drain()

    return script


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\n" + body


def request(url: str, *, body: bytes = b"{}", timeout_seconds: float = 60.0, method: str = "POST") -> Request:
    return Request(
        method=method,
        url=url + "/users/track",
        headers={"content-type": "application/json", "authorization": "Bearer secret"},
        body=body,
        timeout_seconds=timeout_seconds,
    )


async def send(url: str, **options: object) -> Response:
    async with Sender() as sender:
        return await sender.send(request(url, **options))  # type: ignore[arg-type]


async def send_in_time(url: str) -> Response:
    """Wait for an answer that does not come, a short time that is enough for the request to leave."""
    for timeout_seconds in (0.1, 1.0, 10.0):
        response = await send(url, timeout_seconds=timeout_seconds)
        if response.sent:
            break
    return response


async def test_an_answer_comes_back_with_status_lower_case_headers_and_body() -> None:
    """The request arrives as built, and every header of the answer is there."""
    seen: list[tuple[str, dict[str, str], bytes]] = []
    reply = answer("201 Created", b'{"message":"success"}', "X-RateLimit-Limit: 250000", "Via: a", "Via: b")
    async with serving(answering(reply, seen=seen)) as url:
        response = await send(url, body=b'{"events":[]}')
    assert (response.status, response.body, response.error, response.sent) == (
        201,
        b'{"message":"success"}',
        "",
        True,
    )
    assert response.headers["x-ratelimit-limit"] == "250000"
    assert response.headers["via"] == "a, b"
    line, headers, body = seen[0]
    assert (line, body) == ("POST /users/track HTTP/1.1", b'{"events":[]}')
    assert headers["authorization"] == "bearer secret"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    """The key stays with the host it was meant for."""
    seen: list[tuple[str, dict[str, str], bytes]] = []
    async with serving(answering(answer(f"{status} Moved", b"", "Location: /elsewhere"), seen=seen)) as url:
        response = await send(url)
    assert response.status == status
    assert response.headers["location"] == "/elsewhere"
    assert len(seen) == 1


async def test_connections_are_kept_and_used_again() -> None:
    """Ten requests one after the other need one connection."""
    connections = 0
    always = answering(answer("200 OK", b"{}"))

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await always(reader, writer)

    async with serving(counting) as url, Sender() as sender:
        for _ in range(10):
            assert (await sender.send(request(url))).status == 200
    assert connections == 1


async def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    """It comes while the connection is idle; the next request has certainly not been seen, and can travel
    again on another."""
    go, told = asyncio.Event(), asyncio.Event()
    seen: list[bytes] = []

    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, headers = await head_of(reader)
            seen.append(await reader.readexactly(int(headers["content-length"])))
            writer.write(answer("201 Created", b"%d" % len(seen)))
            await writer.drain()
            await go.wait()
            writer.write(answer("201 Created", b"stale"))
            await writer.drain()
            told.set()

    async with serving(chatty) as url, Sender() as sender:
        first = await sender.send(request(url, body=b"one"))
        go.set()
        await told.wait()
        for _ in range(20):  # the loop reads what has come
            await asyncio.sleep(0)
        between = await sender.send(request(url, body=b"two"))
        again = await sender.send(request(url, body=b"two"))
    assert (first.body, again.body) == (b"1", b"2")
    assert (between.status, between.error, between.sent) == (0, "ECONNRESET", False)
    assert seen == [b"one", b"two"]


async def test_an_answer_that_comes_in_drops_ends_with_the_timeout_of_the_request() -> None:
    """However often a byte comes: the time is that of the whole answer."""

    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 201 Created\r\nX-More: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(dripping) as url:
        response = await send_in_time(url)
    assert (response.status, response.error, response.sent) == (0, "ETIMEDOUT", True)


async def test_no_more_requests_travel_at_once_than_allowed_and_waiting_is_not_a_timeout() -> None:
    """Six slow requests through two slots all succeed, though each must be quick once it left."""
    at_once = most = 0
    gate = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        while True:
            _, headers = await head_of(reader)
            await reader.readexactly(int(headers["content-length"]))
            at_once += 1
            most = max(most, at_once)
            if at_once == 2:
                gate.set()
            await gate.wait()
            at_once -= 1
            writer.write(answer("200 OK"))

    async with serving(slow) as url, Sender(in_flight=2) as sender:
        responses = await asyncio.gather(*(sender.send(request(url)) for _ in range(6)))
    assert [response.status for response in responses] == [200] * 6
    assert most == 2


async def test_a_refused_connection_was_certainly_not_seen() -> None:
    """Nobody listens on the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    response = await send(f"http://127.0.0.1:{port}")
    assert (response.status, response.error, response.sent) == (0, "ECONNREFUSED", False)


async def test_a_name_that_does_not_resolve_was_certainly_not_seen() -> None:
    """The `.invalid` zone has no hosts; without a name server the trouble is temporary."""
    response = await send("http://nobody.invalid")
    assert response.error in {"ENOTFOUND", "EAI_AGAIN"}
    assert (response.status, response.sent) == (0, False)


async def test_a_reset_after_the_request_may_have_been_seen() -> None:
    """The server reads everything and then resets the connection."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # on, 0 seconds: close with a reset
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with serving(reset) as url:
        response = await send(url)
    assert (response.status, response.error, response.sent) == (0, "ECONNRESET", True)


async def test_a_hang_up_without_an_answer_may_have_been_seen() -> None:
    """The server closes politely and says nothing."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)

    async with serving(hang_up) as url:
        response = await send(url)
    assert (response.status, response.error, response.sent) == (0, "ECONNRESET", True)


async def test_silence_ends_with_the_timeout_of_the_request() -> None:
    """The server reads and never answers."""

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        await reader.read()

    async with serving(silent) as url:
        response = await send_in_time(url)
    assert (response.status, response.error, response.sent) == (0, "ETIMEDOUT", True)


async def test_a_listener_that_never_accepts_was_not_seen() -> None:
    """The backlog of the socket is full, so the connection itself times out."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)
        response = await send(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout_seconds=0.2)
        for filler in fillers:
            filler.close()
    assert (response.status, response.error, response.sent) == (0, "ETIMEDOUT", False)


async def test_an_answer_that_breaks_off_keeps_its_status_and_what_was_read() -> None:
    """Fifty bytes are promised, ten arrive."""

    async def truncating(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n0123456789")
        await writer.drain()

    async with serving(truncating) as url:
        response = await send(url)
    assert (response.status, response.body, response.sent) == (201, b"0123456789", True)
    assert response.error == "ECONNABORTED"


async def test_an_answer_that_is_not_http_is_an_aborted_connection() -> None:
    """Something else listens on the port."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()

    async with serving(babble) as url:
        response = await send(url)
    assert (response.status, response.error, response.sent) == (0, "ECONNABORTED", True)


async def test_no_more_than_a_megabyte_of_an_answer_is_kept() -> None:
    """The server would send three; the connection is given up and the next request works."""
    async with serving(answering(answer("200 OK", b"x" * (3 * BODY_BYTES)))) as url, Sender() as sender:
        for _ in range(2):
            response = await sender.send(request(url))
            assert (response.status, len(response.body), response.error) == (200, BODY_BYTES, "")


async def test_a_compressed_answer_is_unpacked() -> None:
    """The partner may answer in gzip."""
    packed = gzip.compress(b'{"message":"success"}', mtime=0)
    async with serving(answering(answer("200 OK", packed, "Content-Encoding: gzip"))) as url:
        response = await send(url)
    assert response.body == b'{"message":"success"}'


@pytest.mark.parametrize(("size", "encoding"), [(100, None), (5000, "gzip")])
async def test_large_bodies_travel_compressed_when_asked(size: int, encoding: str | None) -> None:
    """Small ones do not, and nothing does by default."""
    seen: list[tuple[str, dict[str, str], bytes]] = []
    async with serving(answering(answer("200 OK"), seen=seen)) as url, Sender(compress_over=1000) as sender:
        await sender.send(request(url, body=b"e" * size))
    _, headers, body = seen[0]
    assert headers.get("content-encoding") == encoding
    assert (gzip.decompress(body) if encoding else body) == b"e" * size


async def test_a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent(
    self_signed: ssl.SSLContext,
) -> None:
    """Verification cannot be turned off by accident."""
    async with serving(answering(answer("200 OK")), tls=self_signed) as url:
        response = await send(url)
    assert (response.status, response.error, response.sent) == (0, "EPROTO", False)


@pytest.mark.parametrize("url", ["http://", "ftp://example.com", "no address", "http://[::1"])
async def test_an_address_that_is_none_is_answered_not_raised(url: str) -> None:
    """A mistyped setting does not stop the courier."""
    response = await send(url)
    assert (response.status, response.error, response.sent) == (0, "EINVAL", False)


async def test_a_header_that_cannot_be_written_is_answered_not_raised() -> None:
    """A key with a line break in it would otherwise become a header of its own."""
    async with serving(answering(answer("200 OK"))) as url, Sender() as sender:
        bad = Request(method="POST", url=url, headers={"authorization": "Bearer a\r\nx-evil: 1"}, body=b"{}")
        response = await sender.send(bad)
    assert (response.status, response.error) == (0, "EINVAL")


async def test_cancelling_is_not_an_answer() -> None:
    """A courier that stops gets its cancellation, and the slot is free again."""

    arrived = asyncio.Event()
    always = answering(answer("200 OK"))

    async def silent_at_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if arrived.is_set():
            await always(reader, writer)
        arrived.set()
        await reader.read()

    async with serving(silent_at_first) as url, Sender(in_flight=1) as sender:
        waiting = asyncio.create_task(sender.send(request(url)))
        await arrived.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await sender.send(request(url))).status == 200


@pytest.mark.parametrize(
    ("number", "code"),
    [(113, "EHOSTUNREACH"), (101, "EHOSTUNREACH"), (110, "ETIMEDOUT"), (32, "ECONNRESET"), (5, "ECONNRESET")],
)
def test_system_errors_have_transport_codes(number: int, code: str) -> None:
    """Those that cannot be provoked on one machine, by number."""
    assert transport_code(OSError(number, "")) == code


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate of its own making, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain, encoding = serialization.NoEncryption(), serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    pair = tmp_path / "pair.pem"
    pair.write_bytes(private + certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    return context

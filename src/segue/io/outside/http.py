"""Sender: one HTTP request out, one `Response` back, whatever happens on the way.

What goes wrong between us and the partner is part of the answer, not an exception: a code, and whether the
partner may have seen the request. Redirects are not followed: a request with a key in it goes where it was
addressed or nowhere.
"""

import asyncio
import errno
import gzip
import socket
import ssl
from contextvars import ContextVar
from functools import cache
from typing import Any, Final, Self

import aiohttp
from aiohttp.connector import Connection

from segue.model.delivery import Request, Response

BODY_BYTES: Final = 1024 * 1024
"""As much of an answer is kept; the rest is not read."""

CONNECT_SECONDS: Final = 10.0

KEEP_ALIVE_SECONDS: Final = 15.0
"""Shorter than the idle time after which load balancers usually hang up, so that a request seldom meets a
connection that is being closed."""

USER_AGENT: Final = "segue"

CODES: Final = {
    errno.ECONNREFUSED: "ECONNREFUSED",
    errno.ECONNRESET: "ECONNRESET",
    errno.EPIPE: "ECONNRESET",
    errno.ECONNABORTED: "ECONNABORTED",
    errno.ETIMEDOUT: "ETIMEDOUT",
    errno.EHOSTUNREACH: "EHOSTUNREACH",
    errno.ENETUNREACH: "EHOSTUNREACH",
    errno.EHOSTDOWN: "EHOSTUNREACH",
    errno.EADDRNOTAVAIL: "EHOSTUNREACH",
}
"""System error -> transport code. TLS that fails is EPROTO, an address that is none EINVAL."""


class Sender:
    """A pool of kept-alive connections, for one event loop; an async context manager.

    in_flight      most requests on the way at one time; more wait, and their timeout starts when they leave
    compress_over  bodies larger than this many bytes travel as gzip; None: never
    tls            trust for https; by default the system's, always verified
    proxy          URL of a proxy to go through
    """

    def __init__(
        self,
        *,
        in_flight: int = 64,
        compress_over: int | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self._slots = asyncio.Semaphore(in_flight)
        self._compress_over = compress_over
        self._proxy = proxy
        connector = aiohttp.TCPConnector(
            limit=in_flight,
            ssl=tls if tls is not None else True,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            ttl_dns_cache=60,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_Marking,
            skip_auto_headers=("Content-Type",),
            headers={"User-Agent": USER_AGENT},
        )

    async def send(self, request: Request) -> Response:
        """Send a request and give what came back.

        Raises nothing for trouble on the way: then `status` is 0 and `error` a code. An answer that broke
        off has its status, what was read of the body, and an `error`.
        """
        async with self._slots:
            return await self._send(request)

    async def close(self) -> None:
        """Hang up. May be called twice."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, request: Request) -> Response:
        progress = _Progress()
        _PROGRESS.set(progress)
        status = 0
        headers: dict[str, str] = {}
        body = bytearray()
        error = ""
        try:
            async with self._session.request(
                request.method,
                request.url,
                allow_redirects=False,
                proxy=self._proxy,
                timeout=_timeout(request.timeout_seconds),
                **self._content(request),
            ) as answer:
                status = answer.status
                headers = _lowered(answer)
                while len(body) < BODY_BYTES and (piece := await answer.content.readany()):
                    body += piece
        except (aiohttp.ClientError, OSError, ValueError) as trouble:
            error = transport_code(trouble)
        return Response(
            status=status,
            headers=headers,
            body=bytes(body[:BODY_BYTES]),
            error=error,
            sent=progress.sent or status != 0,
        )

    def _content(self, request: Request) -> dict[str, Any]:
        headers = dict(request.headers)
        body = request.body
        if self._compress_over is not None and len(body) > self._compress_over:
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return {"headers": headers, "data": body or None}


def transport_code(trouble: BaseException) -> str:
    """Name what went wrong on the way in the words delivery codes use."""
    match trouble:
        case TimeoutError():  # before OSError and ClientError: the kinds of timeout are all three
            return "ETIMEDOUT"
        case aiohttp.ClientConnectorDNSError():
            return "EAI_AGAIN" if trouble.errno == socket.EAI_AGAIN else "ENOTFOUND"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "EPROTO"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return "EINVAL"
        case aiohttp.ServerDisconnectedError():
            return "ECONNRESET"
        case OSError():
            return CODES.get(trouble.errno or 0, "ECONNRESET")
        case aiohttp.ClientError():  # half an answer, or something that is not HTTP
            return "ECONNABORTED"
        case _:  # a header that cannot be written
            return "EINVAL"


class _Progress:
    """How far a request has come."""

    sent = False


_PROGRESS: Final[ContextVar[_Progress]] = ContextVar("progress")


class _Marking(aiohttp.ClientRequest):
    """Says when it leaves. aiohttp's own way to be told of that takes a seventh of the time of a request."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Put it on a connection, unless something came in there that nobody had asked for: it would be taken
        for the answer."""
        if conn.protocol is not None and conn.protocol.should_close:
            conn.close()
            raise aiohttp.ServerDisconnectedError
        answer = await super().send(conn)
        _PROGRESS.get().sent = True
        return answer


@cache
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)


def _lowered(answer: aiohttp.ClientResponse) -> dict[str, str]:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if len(headers) == len(answer.headers):
        return headers
    headers = {}
    for name, value in answer.headers.items():
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    return headers

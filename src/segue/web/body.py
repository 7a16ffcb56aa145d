"""A request's body: read whole within a bound, and unpacked within the same bound.

A body that is too large is read to its end and thrown away, so that the sender sees the answer rather than
a broken connection; past DRAIN_BYTES the connection is given up.
"""

import asyncio
from typing import Final

from isal import isal_zlib
from isal.igzip_lib import IsalError

from segue.model.errors import InvalidRequest
from segue.web.app import Receive

DRAIN_BYTES: Final = 8 * 1024 * 1024

_GZIP_WINDOW: Final = 31
"""zlib's way to say: a gzip header, the largest window."""

_ENCODINGS: Final = {b"": False, b"identity": False, b"gzip": True, b"x-gzip": True}
"""Content-Encoding -> whether the body is compressed."""


async def read_body(receive: Receive, limit: int, seconds: float) -> bytes | None:
    """Collect a body of at most `limit` bytes; None when the sender hung up and nobody waits for an answer.

    seconds  how long the sender may take after its first bytes
    Raises InvalidRequest (``payload_too_large``, ``too_slow``).
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    chunk: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(chunk) > limit:
            raise _too_large(len(chunk), limit)
        return chunk
    try:
        async with asyncio.timeout(seconds):
            return await _read_rest(receive, chunk, limit)
    except TimeoutError as error:
        problem = f"the body was not whole {seconds:g} s after it began: send it again"
        raise InvalidRequest("too_slow", problem, status=408) from error


async def _read_rest(receive: Receive, chunk: bytes, limit: int) -> bytes | None:
    chunks, size = [chunk], len(chunk)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()
        if not message.get("more_body", False) or size > DRAIN_BYTES:
            break
    if size > limit:
        raise _too_large(size, limit)
    return b"".join(chunks)


def unpack(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Undo the body's Content-Encoding. What unpacks to more than `limit` bytes is refused there and then.

    Raises InvalidRequest (``unknown_encoding``, ``invalid_gzip``, ``payload_too_large``).
    """
    is_packed = _ENCODINGS.get(encoding.strip().lower())
    if is_packed is None:
        shown = encoding[:40].decode("latin-1")
        raise InvalidRequest(
            "unknown_encoding", f'Content-Encoding "{shown}" is not taken: send gzip, or no encoding'
        )
    return _gunzip(body, limit) if is_packed else body


def _gunzip(body: bytes, limit: int) -> bytes:
    members: list[bytes] = []
    room = limit
    rest = body
    while rest.strip(b"\0") or not members:
        stream = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
        try:
            text = stream.decompress(rest, room + 1)
            if len(text) > room:
                raise _too_large(limit + 1, limit)
        except IsalError as error:  # type: ignore[misc]  # isal's stub declares the class as a value
            raise InvalidRequest("invalid_gzip", f"the body is not gzip: {error}") from error
        if not stream.eof:
            raise InvalidRequest("invalid_gzip", f"the gzip body ends too early, after {len(body)} bytes")
        members.append(text)
        room -= len(text)
        rest = stream.unused_data
    return b"".join(members)


def _too_large(size: int, limit: int) -> InvalidRequest:
    return InvalidRequest(
        "payload_too_large",
        f"Exceed payload limit: the body has {size} bytes or more, at most {limit} are taken",
    )

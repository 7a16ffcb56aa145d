"""Bare receiver: the least that takes events in for good, a peer for what ours costs on the same machine.

    python -m bench.bare_receiver FOLDER 8080      # appends to the log that `bench.bare follow FOLDER` reads

uvicorn and an ASGI callable; events are split and looked at for their type, messageId and person, appended
to blocks by lane, and acknowledged after a commit with `synchronous=FULL`. It promises nothing else: no write
keys, no times stamped, no limits, no suppression, no counts, no errors that help, no block that says what is
in it.
"""

import asyncio
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import uvicorn

from bench.bare import LANES, open_log, pack

LINGER_SECONDS: Final = 0.002
OK: Final = b'{"success":true}'
HEADERS: Final = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(OK))]

Lanes = list[list[bytes]]


class Envelope(msgspec.Struct, gc=False):
    """What is looked at of an event."""

    type: Literal["track", "identify", "page", "screen", "group", "alias"]
    messageId: str  # noqa: N815 - the event's own name
    userId: str | None = None  # noqa: N815 - as above
    anonymousId: str | None = None  # noqa: N815 - as above


class Batch(msgspec.Struct, gc=False):
    """A /v1/batch."""

    batch: list[msgspec.Raw]


_envelope: Final = msgspec.json.Decoder(Envelope).decode
_batch: Final = msgspec.json.Decoder(Batch).decode


class Receiver:
    """The application."""

    def __init__(self, folder: Path) -> None:
        self._log = open_log(folder)
        self._waiting: list[tuple[Lanes, asyncio.Future[None]]] = []
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Take a call in, and answer once it is on the disk."""
        status, body, more = 200, b"", scope["method"] == "POST"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if body:
            try:
                texts = _batch(body).batch if scope["path"] == "/v1/batch" else [body]
                await self._keep([(_lane(text), bytes(text)) for text in texts])
            except (msgspec.DecodeError, ValueError):
                status = 400
        await send({"type": "http.response.start", "status": status, "headers": HEADERS})
        await send({"type": "http.response.body", "body": OK})

    async def _keep(self, events: list[tuple[int, bytes]]) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._write, args=(self._loop,), daemon=True).start()
        lanes: Lanes = [[] for _ in range(LANES)]
        for lane, text in events:
            lanes[lane].append(text)
        kept = self._loop.create_future()
        with self._lock:
            self._waiting.append((lanes, kept))
        self._news.set()
        await kept

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self._news.wait()
            time.sleep(LINGER_SECONDS)
            self._news.clear()
            with self._lock:
                waiting, self._waiting = self._waiting, []
            if waiting:
                lanes = [[text for each, _ in waiting for text in each[lane]] for lane in range(LANES)]
                with self._log:
                    self._log.executemany("INSERT INTO block(lane, at, body) VALUES (?, ?, ?)", pack(lanes))
                loop.call_soon_threadsafe(_release, [kept for _, kept in waiting])


def _lane(text: bytes | msgspec.Raw) -> int:
    """Raises msgspec.DecodeError, ValueError."""
    envelope = _envelope(text)
    person = envelope.userId or envelope.anonymousId
    if not person:
        raise ValueError("nobody")
    return zlib.crc32(person.encode()) % LANES


def _release(waiting: list[asyncio.Future[None]]) -> None:
    for kept in waiting:
        if not kept.done():
            kept.set_result(None)


if __name__ == "__main__":
    uvicorn.run(
        Receiver(Path(sys.argv[1])),
        port=int(sys.argv[2]),
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="uvloop",
        http="httptools",
    )

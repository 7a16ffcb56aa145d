"""Bare: the least that takes events from a log to Braze, a peer for what ours costs on the same machine.

    python -m bench.bare fill FOLDER 33000                   # {"events": 33000, "objects": 39500}
    python -m bench.bare drain FOLDER http://127.0.0.1:8000  # {…, "cpu_seconds": 1.1}
    python -m bench.bare follow FOLDER http://127.0.0.1:8000 # what a bare receiver takes in, until SIGTERM

Blocks are read, parsed, known by messageId, mapped by hand, sent by 75, and remembered in one transaction a
second. It promises nothing: no order of a person, no clocks, no journal, no blame, no receipts, no budget, no
counts, no settings; an answer that is an error ends it.
"""

import asyncio
import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final

import aiohttp
import apsw
import msgspec
import orjson
import xxhash
import zstandard

from bench.traffic import Pool, stream
from segue.cli.serve import in_process

LANES: Final = 8
COMPANY: Final = 800
"""Events that share a commit, as in `bench.preload`."""

BATCH: Final = 75
IN_FLIGHT: Final = 64
CHECKPOINT_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.02
"""How often whoever has caught up looks for more."""

BLOCKS: Final = 20
MAPPED_BYTES: Final = 4 * 1024**3

_packed: Final = msgspec.msgpack.Decoder(list[bytes]).decode


def fill(folder: Path, count: int) -> dict[str, float]:
    """Write a log of blocks: zstd over a list of the events' JSON, those of a person in one lane."""
    log = open_log(folder)
    events, made, objects = stream(count), 0, 0
    while company := list(islice(events, COMPANY)):
        pool = Pool(company, b"backlog-%08x" % made)
        lanes: list[list[bytes]] = [[] for _ in range(LANES)]
        for event in company:
            digest = hashlib.sha256(event["userId"].encode()).digest()
            lanes[digest[0] % LANES].append(pool.call()[1])
        with log:
            log.executemany("INSERT INTO block(lane, at, body) VALUES (?, ?, ?)", pack(lanes))
        made, objects = made + len(company), objects + pool.objects
    log.close()
    return {"events": made, "objects": objects}


def open_log(folder: Path) -> apsw.Connection:
    """The log of a folder, made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    log = _open(folder / "log.db")
    log.execute(
        "CREATE TABLE IF NOT EXISTS block(id INTEGER PRIMARY KEY, lane INTEGER, at INTEGER, body BLOB);"
        "CREATE INDEX IF NOT EXISTS by_lane ON block(lane, id)"
    )
    return log


def pack(lanes: list[list[bytes]]) -> list[tuple[int, int, bytes]]:
    """A block of each lane that has events: lane, time, body."""
    now_ms = time.time_ns() // 1_000_000
    return [
        (lane, now_ms, _squeeze(msgspec.msgpack.encode(texts))) for lane, texts in enumerate(lanes) if texts
    ]


_squeeze: Final = zstandard.ZstdCompressor(level=1).compress


_REMEMBER: Final = "INSERT INTO person VALUES (?, ?) ON CONFLICT(id) DO UPDATE SET said = excluded.said"


class State:
    """Ids met, what was sent of people, and how far each lane was read: a transaction is always open."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path)
        self._file.execute(
            "CREATE TABLE met(id BLOB PRIMARY KEY) WITHOUT ROWID;"
            "CREATE TABLE person(id TEXT PRIMARY KEY, said BLOB) WITHOUT ROWID;"
            "CREATE TABLE reached(lane INTEGER PRIMARY KEY, block INTEGER);"
            "BEGIN"
        )

    def fresh(self, ids: list[bytes]) -> list[bool]:
        """Which of these were not met before; they are now."""
        marks = ",".join("?" * len(ids))
        known = {found for (found,) in self._file.execute(f"SELECT id FROM met WHERE id IN ({marks})", ids)}  # noqa: S608 - marks
        verdicts = [each not in known for each in ids]
        new = [(each,) for each, is_new in zip(ids, verdicts, strict=True) if is_new]
        self._file.executemany("INSERT OR IGNORE INTO met VALUES (?)", new)
        return verdicts

    def changed(self, said: dict[str, Any]) -> dict[str, Any] | None:
        """What of an identify was not sent before; it counts as sent from now on."""
        key = said["external_id"]
        before = self._file.execute("SELECT said FROM person WHERE id = ?", (key,)).fetchone()
        whole = said
        if before is not None:
            old = orjson.loads(before[0])
            said = {name: value for name, value in said.items() if name not in old or old[name] != value}
            if not said:
                return None
            whole = old | said
        self._file.execute(_REMEMBER, (key, orjson.dumps(whole)))
        return {**said, "external_id": key}

    def remember(self, people: Iterable[tuple[str, bytes]]) -> None:
        """Take what people were sent, as JSON, for known."""
        self._file.executemany("INSERT INTO person VALUES (?, ?)", people)

    def commit(self, reached: Iterable[tuple[int, int]] = ()) -> None:
        """All of it for good."""
        self._file.executemany("INSERT OR REPLACE INTO reached VALUES (?, ?)", reached)
        self._file.execute("COMMIT; BEGIN")


def identify(event: dict[str, Any]) -> dict[str, Any]:
    """An identify of `bench.traffic` as a Braze attributes object."""
    traits, where = event["traits"], event["context"]["location"]
    named = {
        "external_id": event["userId"],
        "country": where["country"],
        "current_location": {"latitude": where["latitude"], "longitude": where["longitude"]},
        "email": traits["email"],
        "first_name": traits["firstName"],
        "gender": traits["gender"][0].upper(),
        "home_city": traits["address"]["city"],
        "image_url": traits["avatar"],
        "last_name": traits["lastName"],
        "phone": traits["phone"],
        "_update_existing_only": False,
    }
    return named | {name: value for name, value in traits.items() if name not in _NAMED}


_NAMED: Final = frozenset({"email", "firstName", "lastName", "gender", "phone", "avatar", "address"})


def track(event: dict[str, Any]) -> list[dict[str, Any]]:
    """A track as an event object."""
    return [
        {
            "external_id": event["userId"],
            "name": event["event"],
            "time": event["timestamp"],
            "properties": event["properties"],
            "_update_existing_only": False,
        }
    ]


def purchases(event: dict[str, Any]) -> list[dict[str, Any]]:
    """An order as purchase objects, one a product."""
    order = event["properties"]
    shared = {name: value for name, value in order.items() if name not in ("products", "currency")}
    return [
        {
            "external_id": event["userId"],
            "product_id": product["product_id"],
            "currency": order["currency"],
            "price": product["price"],
            "quantity": product["quantity"],
            "time": event["timestamp"],
            "properties": {"sku": product["sku"], "name": product["name"], "category": product["category"]}
            | shared,
            "_update_existing_only": False,
        }
        for product in order["products"]
    ]


class Courier:
    """The loop."""

    def __init__(self, folder: Path, address: str) -> None:
        self._log = open_log(folder)
        self._state = State(folder / f"state-{time.time_ns()}.db")
        self._address = address
        self._waiting: dict[str, list[dict[str, Any]]] = {"attributes": [], "events": [], "purchases": []}
        self._sending: set[asyncio.Task[None]] = set()
        self._reached = dict.fromkeys(range(LANES), 0)
        self._unpack = zstandard.ZstdDecompressor().decompress
        self._is_behind = True
        self.events = self.objects = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Drain the log; and go on with what comes in, until told to stop."""
        checkpoint = time.monotonic()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:
            self._session = session
            while self._read() or not stop.is_set():
                while len(self._sending) >= IN_FLIGHT:
                    await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(0 if stop.is_set() or self._is_behind else LOOK_SECONDS)
                if time.monotonic() - checkpoint > CHECKPOINT_SECONDS:
                    await self._checkpoint()
                    checkpoint = time.monotonic()
            await self._checkpoint()

    def _read(self) -> int:
        """Take a few blocks of each lane in; gives how many."""
        blocks = 0
        query = "SELECT id, at, body FROM block WHERE lane = ? AND id > ? ORDER BY id LIMIT ?"
        for lane, after in self._reached.items():
            for number, _, body in self._log.execute(query, (lane, after, BLOCKS)).fetchall():
                self._take([orjson.loads(text) for text in _packed(self._unpack(body))])
                self._reached[lane] = number
                blocks += 1
        self._is_behind = blocks > LANES  # more than one commit
        return blocks

    def _take(self, events: list[dict[str, Any]]) -> None:
        ids = [xxhash.xxh3_128_digest(event["messageId"].encode()) for event in events]
        for event, is_new in zip(events, self._state.fresh(ids), strict=True):
            self.events += 1
            if not is_new:
                continue
            if event["type"] == "identify":
                said = identify(event)
                self._state.changed(said)  # known from now on, and sent whole all the same
                self._wait("attributes", [said])
            elif event["event"] == "Order Completed":
                self._wait("purchases", purchases(event))
            else:
                self._wait("events", track(event))

    def _wait(self, array: str, objects: list[dict[str, Any]]) -> None:
        waiting = self._waiting[array]
        waiting += objects
        if len(waiting) >= BATCH:
            self._leave(array)

    def _leave(self, array: str) -> None:
        waiting = self._waiting[array]
        task = asyncio.create_task(self._send(array, waiting[:BATCH]))
        del waiting[:BATCH]
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, array: str, objects: list[dict[str, Any]]) -> None:
        headers = {"content-type": "application/json", "authorization": "Bearer sandbox"}
        body = orjson.dumps({array: objects})
        async with self._session.post(f"{self._address}/users/track", data=body, headers=headers) as answer:
            await answer.read()
            answer.raise_for_status()
        self.objects += len(objects)

    async def _checkpoint(self) -> None:
        for array, waiting in self._waiting.items():
            while waiting:
                self._leave(array)
        await asyncio.gather(*self._sending)
        self._state.commit(self._reached.items())


async def drain(folder: Path, address: str, *, follows: bool = False) -> dict[str, float]:
    """Send all of a log, from its start. follows: and go on until SIGTERM."""
    courier, stop = Courier(folder, address), asyncio.Event()
    if follows:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    else:
        stop.set()
    began = time.process_time()
    await courier.run(stop)
    used = time.process_time() - began
    return {"events": courier.events, "objects": courier.objects, "cpu_seconds": used}


def _open(path: Path) -> apsw.Connection:
    file = apsw.Connection(str(path))
    file.pragma("journal_mode", "wal")
    file.pragma("synchronous", "full")
    file.pragma("cache_size", -100_000)
    file.pragma("mmap_size", MAPPED_BYTES)
    return file


def main() -> None:
    """Fill a log, drain it, or follow it."""
    what, folder, last = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if what == "fill":
        found = fill(folder, int(last))
    else:
        found = in_process(drain(folder, last, follows=what == "follow"))
    print(json.dumps(found))


if __name__ == "__main__":
    main()

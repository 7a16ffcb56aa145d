"""The command line as a person meets it: typed, in a folder, with its exit code and what it printed.

ran = segue("validate", "--json", folder=folder)
ran.code, ran.out, ran.err, ran.json
"""

import asyncio
import contextlib
import io
import json
import os
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from unittest import mock

import msgspec

from segue.cli.app import main
from segue.cli.post import post_events
from segue.cli.serve import Running, running
from segue.runtime.settings import read_settings

WORKSPACE: Final = """\
sources:
  web: {write_key: wk_web}
destinations:
  braze:
    type: braze
    source: web
    settings: {endpoint: "${ENDPOINT:-sandbox}", api_key: sandbox}
    delivery: {wait_seconds: 0}
"""
KEY: Final = "wk_web"
ALONE: Final = {"COLUMNS": "200", "SEGUE_PORT": "1"}
AT: Final = "2026-11-24T10:00:00.000Z"

IDENTIFY: Final = {
    "type": "identify",
    "userId": "u1",
    "messageId": "id-1",
    "timestamp": AT,
    "traits": {"email": "ada@example.com", "plan": "plus"},
}
TRACK: Final = {
    "type": "track",
    "userId": "u1",
    "messageId": "tr-1",
    "timestamp": AT,
    "event": "Article Read",
    "properties": {"title": "Tea [/bold] :fire:"},
}
PAGE: Final = {"type": "page", "userId": "u1", "messageId": "pg-1", "timestamp": AT, "name": "Home"}
ORDER: Final = {
    "type": "track",
    "userId": "u1",
    "messageId": "or-1",
    "timestamp": AT,
    "event": "Order Completed",
    "properties": {"order_id": "o1", "products": [{"product_id": "tea", "price": "a lot"}]},
}
REFUSED: Final = {**TRACK, "messageId": "rf-1", "event": "Refused [red] \x1b[31m"}


class Ran(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value it printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """The JSON values it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def segue(*arguments: str, folder: Path, stdin: bytes = b"", **environ: str) -> Ran:
    """Run a command in this process through the entry point, in a folder, with no settings but `environ`: it
    finds no process that happens to listen where Segue does.

    What is not caught there is raised here: a user would see a traceback.
    """
    out, err = io.StringIO(), io.StringIO()
    source = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    code = 0
    with (
        mock.patch.dict(os.environ, {**kept, **ALONE, **environ}, clear=True),
        mock.patch.object(sys, "argv", ["segue", *arguments]),
        mock.patch.object(sys, "stdin", source),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Ran(code, out.getvalue(), err.getvalue())


def workspace(folder: Path, text: str = WORKSPACE) -> Path:
    """A folder with a workspace file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "segue.yaml").write_text(text, encoding="utf-8")
    return folder


@contextlib.asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Running]:
    """A whole Segue with its sandbox in this process, its data in the folder."""
    given = {"config": folder / "segue.yaml", "data": folder / "segue-data", "port": 0, "sandbox_port": 0}
    async with running(read_settings(folder, {}, **given), folder) as process:
        yield process


def furnish(folder: Path) -> None:
    """A data folder that a Segue has left: events delivered, filtered, dead by their mapping and refused by
    the partner."""

    async def live() -> None:
        async with started(folder) as process:
            door = f"{process.addresses.door}{process.addresses.prefix}"
            await post_events(json.dumps([IDENTIFY, TRACK, PAGE, ORDER]).encode(), door, KEY)
            await settled(process, 4)
            fault = {"status": 400, "path": "/users/track", "body": {"message": "not today"}}
            await asyncio.to_thread(control, process.addresses.sandbox, "POST", "/faults", fault)
            await post_events(json.dumps(REFUSED).encode(), door, KEY)
            await settled(process, 5)

    asyncio.run(live())


async def settled(process: Running, events: int, destination: str = "braze") -> None:
    """Return when so many events have been read and all of them are settled."""
    async with asyncio.timeout(60):
        ledger = process.house.couriers[destination].ledger
        while ledger.read < events or ledger.waiting:  # noqa: ASYNC110 - a ledger tells nobody
            await asyncio.sleep(0.005)


def control(sandbox: str, method: str, path: str, body: Any = None) -> Any:
    """Ask the sandbox's own API."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{sandbox}/_sandbox{path}", data=content, method=method)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - ours
        return json.load(answer)


@contextlib.contextmanager
def beside(folder: Path) -> Iterator[Running]:
    """As `started`, but in a thread, so that commands can be run beside it."""
    ready: list[Running] = []
    problems: list[BaseException] = []
    event = threading.Event()

    async def live() -> None:
        try:
            async with started(folder) as process:
                ready.append(process)
                ready_loop.append(asyncio.get_running_loop())
                event.set()
                await process.stop.wait()
        except BaseException as problem:
            problems.append(problem)
            raise
        finally:
            event.set()

    ready_loop: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert event.wait(60)
    assert ready, problems
    try:
        yield ready[0]
    finally:
        ready_loop[0].call_soon_threadsafe(ready[0].stop.set)
        thread.join(60)

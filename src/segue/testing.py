"""Braze for your tests: pytest fixtures that give a fresh sandbox to every test.

    def test_sign_up(braze):
        my_app.sign_up("ann", endpoint=braze.url, api_key=braze.key)
        assert braze.person("ann")["event_summaries"]["Signed Up"]["count"] == 1

`braze` is a real server on a free port of this machine, for any client in any language; it runs in a thread
of its own for the whole session and is emptied between tests. `braze_app` is the same as an ASGI application
in the test's own loop, with a clock that stands still until you push it.

Installed with Segue as a pytest plugin; `pytest_plugins = ["segue.testing"]` in a conftest does the same.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from segue.sandbox.app import Sandbox

Answer = TypeVar("Answer")
START_SECONDS = 30


class Braze:
    """A served sandbox, and what a test asks of it. Every call is safe from any thread."""

    def __init__(self, app: "Sandbox", url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.url = url
        """Where your code finds it: the REST endpoint and, with `/api/v3`, the SDK endpoint."""
        self.key = "sandbox"
        """The REST API key."""
        self.app_id = "sandbox-app"
        """The app identifier, for device SDKs and events."""
        self._loop = loop

    def do(self, work: Callable[[], Answer]) -> Answer:
        """Run something beside the server, where the world may be touched, and give its answer."""

        async def run() -> Answer:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(START_SECONDS)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Any operation of the control API, for instance `control("GET", "/totals")`; its JSON.

        Raises ValueError: the operation was refused; the message says why.
        """
        import msgspec  # here, and so below: loading this plugin costs other people's test runs nothing

        from segue.sandbox import control

        name, _, query = path.partition("?")
        sent = b"" if body is None else msgspec.json.encode(body)
        asked = control.answer(self.app.world, method, f"{control.ROOT}{name}", query.encode(), sent)
        reply = asyncio.run_coroutine_threadsafe(asked, self._loop).result(START_SECONDS)
        document = msgspec.json.decode(reply.body)
        if reply.status >= 400:
            raise ValueError(f"{method} {path}: {document['error']}")
        return document

    def person(self, identifier: str) -> dict[str, Any] | None:
        """Everything about a person, None for nobody.

        identifier  external id, braze id, email, phone, or an alias as `label:name`
        """
        from urllib.parse import quote

        try:
            found: dict[str, Any] = self.control("GET", f"/people/{quote(identifier, safe='')}")
        except ValueError:
            return None
        return found

    def requests(self, *, bad: bool = False, warned: bool = False) -> list[dict[str, Any]]:
        """The calls so far, oldest first; only those with something wrong, or with a warning."""
        query = f"/requests?limit=10000&bad={str(bad).lower()}&warned={str(warned).lower()}"
        found: list[dict[str, Any]] = self.control("GET", query)["requests"]
        return found

    def fault(self, **fault: Any) -> int:
        """Put a fault in force, for instance `fault(path="/users/track", status=503, count=1)`; its id."""
        return int(self.control("POST", "/faults", fault)["id"])

    def switch(self, **switches: Any) -> None:
        """Change switches, for instance `switch(profile="legacy")`."""
        self.control("PATCH", "/switches", switches)

    def seed(self, seed: Mapping[str, Any]) -> None:
        """Add workspaces, keys and people."""
        self.control("POST", "/seed", seed)

    def populate(self, **people: list[dict[str, Any]]) -> None:
        """Let people in: `attributes`, `events`, `purchases` and `user_aliases` as the REST API takes them.

        Raises ValueError: an object is no good; nobody was let in.
        """
        self.control("POST", "/people", people)

    def advance(self, seconds: float) -> None:
        """Push the clock forward."""
        self.control("POST", "/clock/advance", {"seconds": seconds})

    def reset(self) -> None:
        """Back to an empty world with the first key, on the machine's time."""
        self.control("POST", "/reset", {})
        self.control("POST", "/clock", {"machine": True})


@pytest.fixture(scope="session")
def braze_server() -> Iterator[Braze]:
    """The server behind `braze`, started once; a test that asks for it directly cleans up after itself."""
    from segue.sandbox.app import create_app, running

    app = create_app()
    started = threading.Event()
    held: dict[str, Any] = {}

    async def serve() -> None:
        held["loop"], held["over"] = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with running(app) as url:
                held["url"] = url
                started.set()
                await held["over"].wait()
        finally:
            started.set()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="braze sandbox", daemon=True)
    thread.start()
    started.wait(START_SECONDS)
    if "url" not in held:
        raise RuntimeError("the sandbox's server did not start")
    yield Braze(app, held["url"], held["loop"])
    held["loop"].call_soon_threadsafe(held["over"].set)
    thread.join(START_SECONDS)


@pytest.fixture
def braze(braze_server: Braze) -> Iterator[Braze]:
    """A fresh Braze at `braze.url` with the key `braze.key`."""
    braze_server.reset()
    yield braze_server
    braze_server.reset()


@pytest.fixture
def braze_app() -> "Sandbox":
    """A fresh Braze as an ASGI application; `braze_app.world.clock` stands still until it is pushed."""
    from segue.sandbox.app import create_app
    from segue.sandbox.clock import StillTime

    return create_app(clock=StillTime())

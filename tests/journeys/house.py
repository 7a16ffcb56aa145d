"""Segue and the sandbox as processes: started, asked, stopped and killed as an operator or a machine would.

with sandbox() as braze, Segue(folder) as segue:
    segue.send([event])
    until(lambda: braze.people() == 1, "the person is there")
"""

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol, Self, TypeVar

from prometheus_client.parser import text_string_to_metric_families

SCRIPT: Final = Path(sys.executable).parent / "segue"
KEY: Final = "wk_web"
WORKSPACE: Final = """\
sources:
  web: {{write_key: wk_web}}
  app: {{write_key: wk_app}}
destinations:
  braze:
    type: braze
    source: web
    settings: {{endpoint: "{endpoint}", api_key: sandbox}}
    delivery: {{wait_seconds: 0.05}}
    budget: {{caps: [{{limit: 1000000}}]}}
"""
TICK_SECONDS: Final = 0.01
T = TypeVar("T")


def until(ask: Callable[[], T], what: str, *, seconds: float = 60.0) -> T:
    """Ask until the answer is true, and give it; an answer that does not come in time fails the test."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        time.sleep(TICK_SECONDS)
    return answer


def free_port() -> int:
    """A port nobody listens on, for processes that must come back to the same one: from below those the
    system gives to connections, and from a part of them that no other test process takes ports from."""
    return next(_PORTS)


def _ports() -> Iterator[int]:
    """Ports of one part after the other. Whoever holds the first of a part has all of it: a port that was
    only found free may be another process's a moment later."""
    parts = range(12_000, 32_000, 40)
    for number in range(len(parts)):
        part = parts[(os.getpid() + number) % len(parts)]
        if _is_free(part, hold=True):
            yield from filter(_is_free, range(part + 1, part + parts.step))
    raise AssertionError("every port is taken")


def _is_free(port: int, *, hold: bool = False) -> bool:
    """Whether nobody has a port. hold: it is this process's from now on, as long as it lives."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        if hold:
            probe.detach()
        return True


_PORTS: Final = _ports()


class Metrics:
    """What /metrics said at one moment."""

    def __init__(self, text: str) -> None:
        self.samples: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric's series with these labels."""
        return sum(value for found, value in self.samples.get(name, ()) if labels.items() <= found.items())

    def has_moved(self, name: str, kind: str) -> bool:
        """A counter or gauge that is not 0, a histogram that has seen something."""
        return self.total(f"{name}_count" if kind == "histogram" else name) != 0


class Door:
    """Plain HTTP to a process on this machine, one connection a call."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._host = address.removeprefix("http://")

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers, body. Raises OSError or HTTPException when nobody answers."""
        connection = http.client.HTTPConnection(self._host, timeout=60)
        with contextlib.closing(connection):
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, dict(headers or {}))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()


class Braze(Door):
    """A sandbox, through its control API."""

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the sandbox's own API."""
        status, _, content = self.ask(method, f"/_sandbox{path}", body)
        assert status < 300, content
        return json.loads(content)

    def fault(self, **fault: Any) -> int:
        """Disturb requests to /users/track from now on; gives the fault's id."""
        made: int = self.control("POST", "/faults", {"path": "/users/track", **fault})["id"]
        return made

    def everybody(self) -> dict[str, dict[str, Any]]:
        """Every person with their whole log, by external id."""
        people = self.control("GET", "/snapshot")["workspaces"][0]["people"]
        return {person["external_id"]: person for person in people}

    def count(self, what: str) -> int:
        """How many people, events or purchases there are."""
        number: int = self.control("GET", "/totals")[what]
        return number


@contextlib.contextmanager
def sandbox(folder: Path) -> Iterator[Braze]:
    """`segue sandbox` in a process of its own."""
    with (folder / "sandbox.out").open("wb") as out:
        process = subprocess.Popen(
            [SCRIPT, "sandbox", "--port", "0"], stdout=out, cwd=folder, env=environment()
        )
    try:

        def address() -> str:
            assert process.poll() is None, "the sandbox ended by itself"
            found = re.search(r"http://[\d.:]+", (folder / "sandbox.out").read_text(encoding="utf-8"))
            return found[0] if found else ""

        yield Braze(until(address, "the sandbox says where it listens"))
    finally:
        process.terminate()
        process.wait(60)


class Child(Protocol):
    """A process somebody started."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float) -> int: ...

    def kill(self) -> None: ...

    def send_signal(self, number: int, /) -> None: ...


Start = Callable[[Sequence[str], Path, Mapping[str, str], IO[bytes], IO[bytes]], Child]
"""Starts `segue` with arguments, a folder, an environment, and where its output and errors go."""


class Segue(Door):
    """One `segue run`; a context manager that stops it in the end, whatever happened.

    roles, lanes, settings  as on the command line and in the environment
    limit                   called in the child before Segue starts
    start                   starts it another way (`tests.journeys.nursery`)
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        endpoint: str = "",
        port: int | None = None,
        limit: Callable[[], None] | None = None,
        name: str = "segue",
        start: Start | None = None,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        if endpoint:
            write_workspace(folder, endpoint)
        self._log = folder / f"{name}.log"
        self._log.touch()
        self._seen = self._log.stat().st_size
        with self._log.open("ab") as err, (folder / f"{name}.out").open("wb") as out:
            arguments = ["run", "--port", str(self.port), *options]
            self.process: Child
            if start is not None:
                self.process = start(arguments, folder, environment(**settings), out, err)
            else:
                self.process = subprocess.Popen(
                    [SCRIPT, *arguments],
                    cwd=folder,
                    env=environment(**settings),
                    stdout=out,
                    stderr=err,
                    preexec_fn=limit,  # noqa: PLW1509 - sets one limit, takes no lock
                )

    def __enter__(self) -> Self:
        until(self._started, "segue run says that it has started")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)

    def lines(self) -> list[dict[str, Any]]:
        """What this run wrote into its log so far."""
        return self._lines(self._seen)

    def history(self) -> list[dict[str, Any]]:
        """What this run and those before it wrote."""
        return self._lines(0)

    def _lines(self, start: int) -> list[dict[str, Any]]:
        with self._log.open("rb") as file:
            file.seek(start)
            return [json.loads(line) for line in file if line.startswith(b"{") and line.endswith(b"\n")]

    def stop(self) -> int:
        """Ask it to stop, as a service manager does; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """End it as a machine that loses power does."""
        self.process.kill()
        self.process.wait(60)

    def send(self, events: Sequence[Mapping[str, Any]], *, key: str = KEY) -> tuple[int, dict[str, str]]:
        """Post a batch; status and headers."""
        authorization = base64.b64encode(f"{key}:".encode()).decode()
        headers = {"authorization": f"Basic {authorization}", "content-type": "application/json"}
        status, found, _ = self.ask("POST", "/v1/batch", {"batch": list(events)}, headers)
        return status, found

    def metrics(self) -> Metrics:
        """What /metrics says now; the conservation law is checked every time one looks."""
        status, headers, body = self.ask("GET", "/metrics")
        assert status == 200
        assert headers["content-type"].startswith("text/plain")
        metrics = Metrics(body.decode())
        assert metrics.total("segue_conservation_residual") == 0
        return metrics

    def readiness(self) -> dict[str, Any]:
        """What /readyz says, its status in agreement with its words."""
        status, _, body = self.ask("GET", "/readyz")
        found: dict[str, Any] = json.loads(body)
        assert (status == 200) == found["ready"]
        return found

    def settled(self, accepted: int) -> Metrics | None:
        """The metrics, once so many events have been read and none of them waits; else None."""
        metrics = self.metrics()
        is_done = metrics.total("segue_events_read_total") >= accepted
        return metrics if is_done and not metrics.total("segue_events_waiting") else None

    def _started(self) -> bool:
        assert self.process.poll() is None, self._log.read_text(encoding="utf-8")[-2000:]
        return any(line["event"] == "started" for line in self.lines())


def write_workspace(folder: Path, endpoint: str) -> None:
    """The workspace every journey begins with: two sources, one Braze."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "segue.yaml").write_text(WORKSPACE.format(endpoint=endpoint), encoding="utf-8")


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without its settings of Segue, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    return {**kept, **settings}


def track(user: str, message_id: str, event: str = "Seen", **properties: Any) -> dict[str, Any]:
    """A track call."""
    return {
        "type": "track",
        "userId": user,
        "messageId": message_id,
        "event": event,
        "timestamp": "2026-11-24T10:00:00.000Z",
        "properties": {"mark": message_id, **properties},
    }

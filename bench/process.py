"""Processes a benchmark starts: found ready, measured while they run, ended by their own id.

    with Bench() as bench:                       # a temporary folder, removed at the end
        sandbox = bench.sandbox()                # a Braze that only counts
        segue = bench.segue(sandbox, roles="receiver")
        segue.cpu_seconds()                      # processor time used so far

Everything listens on loopback. Leaving the block ends what still runs and removes the folder.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

ROOT: Final = Path(__file__).parents[1]
SEGUE: Final = Path(sys.executable).with_name("segue")
WRITE_KEY: Final = "wk_bench"
SOURCE: Final = "website"

START_SECONDS: Final = 20.0
END_SECONDS: Final = 20.0

WORKSPACE: Final = """
sources:
  {source}:
    write_key: {key}
destinations:
"""

DESTINATION: Final = """
  {name}:
    type: braze
    source: {source}
    settings:
      endpoint: {endpoint}
      api_key: sandbox
    delivery:
      in_flight: {in_flight}
      wait_seconds: 1
"""

IN_FLIGHT: Final = 64


class Process:
    """A child that answers HTTP on an address, or only works.

    ready  the path it answers once it is ready; None for one that does not listen
    """

    def __init__(self, command: list[str], address: str, ready: str | None, folder: Path) -> None:
        self.address = address
        self._said = (folder / f"{Path(command[0]).name}-{time.monotonic_ns()}.txt").open("wb")
        self._child = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdout=self._said, stderr=self._said
        )
        if ready is not None:
            self._wait(address + ready)

    @property
    def pid(self) -> int:
        return self._child.pid

    def cpu_seconds(self) -> float:
        """Processor time of the process so far, all threads."""
        # The name in brackets may hold spaces; what follows it does not.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """What the process holds in memory now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def ask(self, path: str) -> bytes:
        """The body of a GET."""
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:  # noqa: S310 - loopback
            return bytes(answer.read())

    def end(self) -> None:
        """Ask it to stop; after a while, make it. May be called twice."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._said.close()

    def _wait(self, url: str) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._child.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - loopback
                return
            time.sleep(0.02)
        self._child.kill()
        said = Path(self._said.name).read_text(errors="replace")[-2000:]
        raise RuntimeError(f"process {self.pid} did not answer at {url}; it said:\n{said}")


class Bench:
    """A folder of its own and the processes started in it."""

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="segue-bench-"))
        self._running: list[Process] = []
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            process.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sandbox(self, *options: str) -> Process:
        """A sandbox; without options it authenticates, parses and counts, and keeps nothing."""
        port = free_port()
        return self.begin(
            ["sandbox", *(options or ["--no-keep"]), "--port", str(port)], port, "/_sandbox/totals"
        )

    def begin(self, words: list[str], port: int, ready: str) -> Process:
        """Any command of `segue` that listens on a port, once it answers."""
        return self._start([str(SEGUE), *words], port, ready)

    def bare(self) -> Process:
        """A server that reads bodies and answers 200, and does nothing else; see `bench.yes`."""
        port = free_port()
        return self._start([sys.executable, str(ROOT / "bench" / "yes.py"), str(port)], port, "/")

    def bare_pair(self, sandbox: Process) -> list[Process]:
        """A bare receiver and a bare courier that delivers what it takes in."""
        port, folder = free_port(), str(self.folder / f"bare-{time.monotonic_ns()}")
        receiver = self._module("bench.bare_receiver", folder, str(port), port=port, ready="/")
        return [receiver, self._module("bench.bare", "follow", folder, sandbox.address)]

    def _module(self, *words: str, port: int = 0, ready: str | None = None) -> Process:
        return self._start([sys.executable, "-m", *words], port, ready)

    def segue(
        self,
        sandbox: Process | None = None,
        *,
        roles: str,
        in_flight: int = IN_FLIGHT,
        names: Sequence[str] = ("braze",),
    ) -> Process:
        """`segue run` with some roles, delivering to a sandbox; processes of one bench share the data.

        names  of the destinations
        """
        address = sandbox.address if sandbox else "http://127.0.0.1:9"
        destinations = [
            DESTINATION.format(name=name, source=SOURCE, endpoint=address, in_flight=in_flight)
            for name in names
        ]
        workspace = WORKSPACE.format(source=SOURCE, key=WRITE_KEY) + "".join(destinations)
        (self.folder / "segue.yaml").write_text(workspace)
        port = free_port()
        command = [str(SEGUE), "run", "--port", str(port), "--data", str(self.data), "--roles", roles]
        return self._start(command, port, "/livez")

    @property
    def data(self) -> Path:
        """Where Segue keeps the log and state."""
        return self.folder / "data"

    def tool(self, module: str, *arguments: str) -> dict[str, Any]:
        """Run a module of the bench in a process of its own and give what it printed as JSON."""
        command = [sys.executable, "-m", f"bench.{module}", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode:
            raise RuntimeError(f"bench.{module} failed:\n{done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def _start(self, command: list[str], port: int, ready: str | None) -> Process:
        process = Process(command, f"http://127.0.0.1:{port}", ready, self.folder)
        self._running.append(process)
        return process


def delivered(sandbox: Process) -> int:
    """Objects a sandbox has taken."""
    return int(json.loads(sandbox.ask("/_sandbox/totals"))["objects"]["accepted"])


def calls(sandbox: Process) -> int:
    """Requests a sandbox has taken."""
    by_endpoint = json.loads(sandbox.ask("/_sandbox/totals"))["calls_by_endpoint"]
    return int(by_endpoint.get("POST /users/track 201", 0))


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """Ours without Segue's own settings, which would change what is measured."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    return ours | {"PYTHONPATH": str(ROOT)}

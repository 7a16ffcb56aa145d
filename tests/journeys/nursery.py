"""Starts `segue` again and again without paying for its imports: a process that has made them forks.

    with Nursery() as nursery:
        segue = Segue(folder, start=nursery.start)      # a process of its own, as from the shell

What is forked is the command line itself, with arguments, folder, environment and files of its own; it can be
killed like any other. The nursery's process has one thread and opens nothing.
"""

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self

ROOT: Final = Path(__file__).parents[2]
LOOK_SECONDS: Final = 0.002


class Nursery:
    """The process that forks; a context manager that ends it, and whatever it started."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.ask({"hello": True}) == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        out: IO[bytes],
        err: IO[bytes],
    ) -> "Nursling":
        """Start `segue` with these arguments; both files are written from their ends on."""
        pid = self.ask(
            {
                "arguments": list(arguments),
                "folder": str(folder),
                "environment": dict(environment),
                "out": out.name,
                "err": err.name,
            }
        )
        return Nursling(self, pid)

    def say(self, arguments: Sequence[str], folder: Path) -> str:
        """What `segue` prints with these arguments in a folder; it must succeed."""
        with (folder / "said.out").open("wb") as out, (folder / "said.err").open("wb") as err:
            code = self.start(arguments, folder, os.environ, out, err).wait(60)
        assert code == 0, (folder / "said.err").read_text("utf-8")
        return (folder / "said.out").read_text("utf-8")

    def ask(self, order: Mapping[str, Any]) -> Any:
        """One line there, one line back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Nursling:
    """A forked `segue`, with what is needed of `subprocess.Popen`."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self._nursery = nursery
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self._code is None:
            self._code = self._nursery.ask({"poll": self.pid})
        return self._code

    def wait(self, timeout: float) -> int:
        """The exit code, once there is one. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} still runs after {timeout:g} s")
            time.sleep(LOOK_SECONDS)
        return code

    def send_signal(self, number: int, /) -> None:
        """Signal it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL: it has no chance to do anything more."""
        self.send_signal(signal.SIGKILL)


def main() -> None:
    """Import all that `segue run` needs, then fork whenever a line asks for it, until there are no more."""
    import segue.cli.process  # noqa: F401 - what it imports is what costs

    gc.collect()
    gc.freeze()
    children: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        answer: Any = "ready"
        if "poll" in order:
            answer = _code(order["poll"])
            if answer is not None:
                children.discard(order["poll"])
        elif "arguments" in order:
            answer = os.fork()
            if not answer:
                _be_segue(order)
            children.add(answer)
        print(json.dumps(answer), flush=True)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _code(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _be_segue(order: Mapping[str, Any]) -> None:
    """Become the command line; never comes back."""
    code = 70
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for name, descriptor in (("out", 1), ("err", 2)):
            os.dup2(os.open(order[name], os.O_WRONLY | os.O_APPEND | os.O_CREAT), descriptor)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["segue", *order["arguments"]]
        from segue.cli import main as segue

        segue()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()

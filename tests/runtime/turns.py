"""A process that takes permits from a budget it shares, driven by whoever started it, line by line.

python -m tests.runtime.turns FOLDER      reads {"at": ms, "do": "take" | "learned" | "round" | "close", …}
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from segue.engine.pace import Governor, Wait
from segue.engine.pool import Permit, Priority
from segue.engine.travel import Travel
from segue.model.delivery import Request, Response
from segue.runtime.clock import HandClock
from segue.runtime.exchange import Exchange
from segue.runtime.pacing import Account

NAME = "braze-0123456789ab"
TRAVEL = Travel("track", pool="pool")


class MovedClock(HandClock):
    """Stands where it was put last."""

    at_ms = 0

    def now_ms(self) -> int:
        return self.at_ms


class Process:
    """One process's exchange and its only account. It answers what a governor is asked (`Run` does)."""

    def __init__(self, folder: Path, who: int, name: str = NAME) -> None:
        self.clock = MovedClock()
        self.account = Account(name, Governor(who=who), self.clock)
        self.exchange = Exchange(folder / "pace.db", {name: self.account}, self.clock)

    def round(self, now: float) -> None:
        """Look for the others."""
        self.clock.at_ms = round(now * 1000)
        self.exchange.round()

    def permit(self, pool: str, priority: Priority, now: float) -> Permit | Wait:
        """Take a permit, as the dispatcher does: when it seems to be open."""
        self.clock.at_ms = round(now * 1000)
        permit = None
        if not self.account.opens_at(TRAVEL):
            permit = self.account.take(TRAVEL)
        if permit is None:
            wait = self.account.opens_at(TRAVEL) - self.clock.monotonic()
            return Wait(now + max(0.001, wait), "budget")
        return permit

    def learned(self, permit: Permit, status: int, headers: Mapping[str, str], now: float) -> None:
        """Hand over an answer."""
        self.clock.at_ms = round(now * 1000)
        request = Request(method="POST", url="", headers={}, pool="pool")
        self.account.learned(permit, request, Response(status=status, headers=headers))


class Child:
    """The same in a process of its own, asked over a pipe."""

    def __init__(self, stdin: Any, stdout: Any) -> None:
        self._stdin, self._stdout = stdin, stdout

    def ask(self, do: str, now: float, **more: Any) -> Any:
        """One question, one answer."""
        self._stdin.write(json.dumps({"do": do, "now": now, **more}) + "\n")
        self._stdin.flush()
        return json.loads(self._stdout.readline())

    def permit(self, pool: str, priority: Priority, now: float) -> Permit | Wait:
        """As `Process` does."""
        found = self.ask("permit", now)
        return Wait(found["until"], "budget") if "until" in found else Permit(pool, priority, **found)

    def learned(self, permit: Permit, status: int, headers: Mapping[str, str], now: float) -> None:
        """As `Process` does."""
        self.ask("learned", now, number=permit.number, status=status, headers=dict(headers))


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    process = Process(Path(sys.argv[1]), int(sys.argv[2]))
    permits: dict[int, Permit] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        answer: Any = {}
        match asked["do"]:
            case "round":
                process.round(asked["now"])
                answer = len(process.exchange.others)
            case "permit":
                found = process.permit("pool", Priority.LIVE, asked["now"])
                if isinstance(found, Wait):
                    answer = {"until": found.until}
                else:
                    permits[found.number] = found
                    answer = {"at": found.at, "number": found.number}
            case "learned":
                permit = permits.pop(asked["number"])
                process.learned(permit, asked["status"], asked["headers"], asked["now"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    process.exchange.close()


if __name__ == "__main__":
    main()

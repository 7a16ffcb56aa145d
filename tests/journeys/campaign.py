"""A kill campaign: receiver and couriers are SIGKILLed again and again under load, and the books are audited.

    report = Campaign(folder, braze, nursery, seed=7).run(kills=50)
    report.faults       # what must not have happened; empty when all is well

`make soak` runs a thousand kills and prints the report. One source feeds three destinations: `again` sends
the uncertain again, `held` keeps it for a human, `changed` sends only attributes that changed.
"""

import http.client
import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from tests.journeys.house import KEY, Braze, Segue, free_port, sandbox, until, write_workspace
from tests.journeys.nursery import Nursery

DESTINATIONS: Final = ("again", "held", "changed")
WORKSPACE: Final = """\
sources:
  web: {{write_key: {key}}}
destinations:
  again:
    type: braze
    source: web
    settings: {{endpoint: "{endpoint}", api_key: again}}
    delivery: {{wait_seconds: 0.03}}
  held:
    type: braze
    source: web
    settings: {{endpoint: "{endpoint}", api_key: held}}
    delivery: {{wait_seconds: 0.03, uncertain: hold}}
  changed:
    type: braze
    source: web
    settings: {{endpoint: "{endpoint}", api_key: changed}}
    delivery: {{wait_seconds: 0.03, attributes: changed}}
"""

SENDERS: Final = 2
PEOPLE: Final = 12
"""Of each sender, so that every person has a history whose order can be checked."""

LIVES_SECONDS: Final = (0.1, 0.2, 0.3, 1.2)
"""How long a life lasts at most: some end while it begins, some see a checkpoint."""

PAUSE_SECONDS: Final = 0.02
"""Between two batches of a sender: more would be written than such short lives can deliver."""

STALL_SECONDS: Final = 60.0
VICTIMS: Final = ("receiver", "courier", "courier", "both")


class Report(msgspec.Struct):
    """What a campaign found.

    faults  what must not have happened, in words
    """

    kills: int = 0
    acknowledged: int = 0
    tries: int = 0
    repeated: int = 0
    uncertain: int = 0
    held: int = 0
    seconds: float = 0.0
    faults: list[str] = []

    def line(self) -> str:
        """The figures in a sentence."""
        return (
            f"{self.kills} kills in {self.seconds:.0f} s: {self.acknowledged} events acknowledged in "
            f"{self.tries} tries, {self.uncertain} rows uncertain, {self.repeated} of them arrived twice, "
            f"{self.held} held for a human; {len(self.faults)} faults"
        )


class Sender(threading.Thread):
    """A client as SDKs are: what was not acknowledged is sent again, some of it though it was."""

    def __init__(self, address: Callable[[], Segue], number: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[dict[str, Any]] = []
        self.tries = 0
        self.stopping = threading.Event()
        self._address = address
        self._number = number
        self._chance = Random(f"{seed}-{number}")

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            batch = self._calls(number)
            for _ in range(2 if self._chance.random() < 0.05 else 1):
                while not self._is_taken(batch):
                    if self.stopping.wait(0.01):
                        return
            self.acknowledged += batch
            self.stopping.wait(PAUSE_SECONDS)

    def _is_taken(self, batch: list[dict[str, Any]]) -> bool:
        self.tries += 1
        try:
            return self._address().send(batch)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _calls(self, number: int) -> list[dict[str, Any]]:
        """One person's identify, track and order, each of which leaves a mark of its own; some orders cannot
        be mapped."""
        user = f"u{self._number}-{self._chance.randrange(PEOPLE)}"
        mark = f"{self._number}-{number:06d}"
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_790_000_000 + number))
        price = "free" if self._chance.random() < 0.03 else 1.5
        calls: list[dict[str, Any]] = [
            {"type": "identify", "messageId": f"i{mark}", "traits": {"mark": mark, f"m{number % 5}": mark}},
            {"type": "track", "messageId": f"t{mark}", "event": "Seen", "properties": {"mark": mark}},
            {
                "type": "track",
                "messageId": f"o{mark}",
                "event": "Order Completed",
                "properties": {
                    "order_id": mark,
                    "products": [{"product_id": mark, "price": price, "quantity": 1}],
                },
            },
        ]
        return [{**call, "userId": user, "timestamp": f"{seconds}.{at}00Z"} for at, call in enumerate(calls)]


class Campaign:
    """The processes over one folder, and everybody who sends to them.

    is_split  receiver and courier are processes of their own; else one plays all roles
    """

    def __init__(
        self, folder: Path, braze: Braze, nursery: Nursery, *, seed: int, is_split: bool = True
    ) -> None:
        self._folder = folder
        self._roles = ("receiver", "courier") if is_split else ("receiver",)
        self._braze = braze
        self._nursery = nursery
        self._chance = Random(seed)
        self._ports = {role: free_port() for role in self._roles}
        self._alive: dict[str, Segue] = {}
        self._doubted: dict[str, int] = {}
        self._senders = [Sender(lambda: self._alive["receiver"], number, seed) for number in range(SENDERS)]
        braze.control(
            "POST",
            "/reset",
            {
                "workspaces": [{"id": name} for name in DESTINATIONS],
                "keys": [{"key": name, "workspace": name} for name in DESTINATIONS],
            },
        )
        braze.control("PATCH", "/switches", {"enforce_limits": False})
        write_workspace(folder, braze.address)
        text = WORKSPACE.format(key=KEY, endpoint=braze.address)
        (folder / "segue.yaml").write_text(text, encoding="utf-8")

    def run(self, kills: int, tell: Callable[[int], None] = lambda _: None) -> Report:
        """Kill so many times, let everything settle, and audit. tell: hears how many kills were made."""
        began = time.monotonic()
        report = Report(kills=kills)
        with self._living():
            for number in range(kills):
                moment = time.monotonic() + self._chance.uniform(0.01, self._chance.choice(LIVES_SECONDS))
                until(lambda moment=moment: time.monotonic() >= moment, "the moment has come")
                self._kill(self._chance.choice(VICTIMS))
                tell(number + 1)
            self._finish(report)
        report.tries = sum(sender.tries for sender in self._senders)
        for name in DESTINATIONS:
            self._audit(name, report)
        report.seconds = time.monotonic() - began
        return report

    @contextmanager
    def _living(self) -> Iterator[None]:
        try:
            for role in self._roles:
                self._start(role)
            for sender in self._senders:
                sender.start()
            yield
        finally:
            for sender in self._senders:
                sender.stopping.set()
                sender.join()
            for process in self._alive.values():
                process.kill()

    def _start(self, role: str) -> None:
        options = ("--roles", role) if len(self._roles) > 1 else ()
        process = Segue(
            self._folder,
            *options,
            port=self._ports[role],
            name=role,
            start=self._nursery.start,
        )
        self._alive[role] = process.__enter__()

    def _kill(self, victim: str) -> None:
        victims = [role for role in self._roles if victim in (role, "both")] or self._roles
        for role in victims:
            self._alive[role].kill()
        for role in victims:
            self._start(role)

    def _finish(self, report: Report) -> None:
        """Stop sending, let everything settle, and read the books."""
        before = sum(len(sender.acknowledged) for sender in self._senders)
        until(lambda: sum(len(one.acknowledged) for one in self._senders) > before + 30, "sending goes on")
        for sender in self._senders:
            sender.stopping.set()
            sender.join()
        report.acknowledged = sum(len(sender.acknowledged) for sender in self._senders)
        left = self._left()
        while left:
            what = f"more is settled; {left:.0f} events are left"
            until(lambda before=left: self._left() < before, what, seconds=STALL_SECONDS)
            left = self._left()
        metrics = self._courier.metrics()
        for name in DESTINATIONS:
            read = metrics.total("segue_events_read_total", destination=name)
            if read < report.acknowledged:
                report.faults.append(f"{name}: {report.acknowledged} acknowledged, {read:.0f} read")
            self._doubted[name] = int(metrics.total("segue_rows_uncertain_total", destination=name))
        for role in reversed(self._roles):
            if self._alive[role].stop() != 0:
                report.faults.append(f"the {role} did not stop cleanly")

    @property
    def _courier(self) -> Segue:
        return self._alive[self._roles[-1]]

    def _left(self) -> float:
        """Events not settled yet."""
        metrics = self._courier.metrics()
        return metrics.total("segue_events_lag") + metrics.total("segue_events_waiting")

    def _audit(self, name: str, report: Report) -> None:
        """Compare what Braze has with what was acknowledged."""
        letters = self._letters(name)
        uncertain = {letter["message_id"] for letter in letters if letter["reason"] == "UNCERTAIN"}
        dead = {letter["message_id"] for letter in letters} - uncertain
        report.held += len(uncertain)
        doubted = self._doubted[name]
        report.uncertain += doubted
        snapshot = self._braze.control("GET", "/snapshot")["workspaces"]
        people = next(each["people"] for each in snapshot if each["furnishing"]["id"] == name)
        arrived: Counter[str] = Counter()
        for person in people:
            events = [event["properties"]["mark"] for event in person["events"]]
            purchases = [purchase["product_id"] for purchase in person["purchases"]]
            arrived.update(f"t{mark}" for mark in events)
            arrived.update(f"o{mark}" for mark in purchases)
            for marks in (events, purchases):
                first = list(dict.fromkeys(marks))
                if first != sorted(first):
                    report.faults.append(f"{name}: {person['external_id']} has events out of order")
        everything = [event for sender in self._senders for event in sender.acknowledged]
        repeated = {which: times - 1 for which, times in arrived.items() if times > 1}
        report.repeated += sum(repeated.values())
        told = set() if name == "held" else self._told(name)
        if unexplained := sorted(repeated.keys() - told):
            report.faults.append(f"{name}: {unexplained[:20]} arrived twice and are not told as uncertain")
        for event in everything:
            which = event["messageId"]
            is_bad = event.get("properties", {}).get("products", [{}])[0].get("price") == "free"
            if is_bad != (which in dead):
                report.faults.append(
                    f"{name}: {which} is{'' if is_bad else ' not'} bad, and the letters differ"
                )
            elif which[0] != "i" and not is_bad and not arrived[which] and which not in uncertain:
                report.faults.append(f"{name}: {which} was acknowledged and is lost")
        self._audit_profiles(name, people, everything, report)

    def _audit_profiles(
        self, name: str, people: list[dict[str, Any]], everything: list[dict[str, Any]], report: Report
    ) -> None:
        wanted: dict[str, dict[str, Any]] = {}
        for event in everything:
            if event["type"] == "identify":
                wanted.setdefault(event["userId"], {}).update(event["traits"])
        found = {person["external_id"]: person["custom"] for person in people}
        report.faults += [
            f"{name}: {user} has {found.get(user)}, the fold of the events is {traits}"
            for user, traits in wanted.items()
            if found.get(user) != traits
        ]

    def _told(self, name: str) -> set[str]:
        """The messageIds that `segue uncertain` lists."""
        text = self._nursery.say(["uncertain", "-d", name, "-n", "1000000", "--json"], self._folder)
        return {json.loads(line)["doubt"]["message_id"] for line in text.splitlines()}

    def _letters(self, name: str) -> list[dict[str, Any]]:
        text = self._nursery.say(["dead", "export", "-d", name], self._folder)
        return [json.loads(line) for line in text.splitlines()]


def main() -> None:
    """`make soak`: a long campaign, with its progress."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"soak: {kills} kills, seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="segue-soak-"))
    print(f"soak: in {folder}, kept when something is wrong", flush=True)
    with ExitStack() as stack:
        (folder / "braze").mkdir()
        braze = stack.enter_context(sandbox(folder / "braze"))
        nursery = stack.enter_context(Nursery())
        campaign = Campaign(folder / "segue", braze, nursery, seed=seed)

        def tell(made: int) -> None:
            if made % 50 == 0:
                print(f"soak: {made} of {kills} kills", flush=True)

        report = campaign.run(kills, tell)
    print(report.line())
    if not report.faults:
        shutil.rmtree(folder)
    for fault in report.faults[:50]:
        print(" ", fault)
    sys.exit(bool(report.faults))


if __name__ == "__main__":
    main()

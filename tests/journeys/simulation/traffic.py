"""What people do in a simulated day, and what must come of each event, said without the engine.

Every event has a number; everything it makes at Braze can be traced back to it: attributes and properties
carry it as ``n``. A *thing* is one object at Braze: ``(number, label)``, where the label is "attributes",
the name of the Braze event, or a product.
"""

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, Final

import msgspec
import orjson
from tests.journeys.simulation.people import Population

from segue.engine import intake
from segue.engine.moment import iso
from segue.model.event import Record
from segue.model.workspace import Source

Thing = tuple[int, str]

SOURCE: Final = Source(id="web", write_keys=("wk",))
AHEAD_MS: Final = 300_000
"""How far ahead of its receipt the courier believes an event's time, unless told otherwise."""

POISON: Final = "poison"
"""A member with this name makes Braze refuse a whole request and name nobody."""

NEVER_FITS: Final = "x" * 990
"""A userId that begins like this is so long that Braze refuses it by name."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One event that was told to us.

    rows    what its row of each subscription must leave at Braze, each thing once
    doomed  the subscriptions whose row is refused for good
    end     how it ends when it has no rows: filtered | duplicate
    people  the identities whose order it keeps
    when    the time its attributes count from, milliseconds since the epoch
    """

    number: int
    rows: Mapping[str, frozenset[Thing]] = {}
    doomed: frozenset[str] = frozenset()
    end: str = ""
    people: tuple[str, ...]
    event: dict[str, Any]
    when: int = 0

    @property
    def id(self) -> str:
        """Its messageId."""
        return str(self.event["messageId"])

    @property
    def bad(self) -> frozenset[str]:
        """The subscriptions whose row Braze refuses until somebody mends that there."""
        if POISON not in {*self.event.get("traits", ()), *self.event.get("properties", ())}:
            return frozenset()
        return frozenset(name for name, things in self.rows.items() if things) - self.doomed

    @property
    def things(self) -> frozenset[Thing]:
        """Everything it may leave at Braze."""
        return frozenset(
            thing for name, things in self.rows.items() if name not in self.doomed for thing in things
        )


class Act(msgspec.Struct, frozen=True):
    """What somebody does.

    rows    what each subscription's row leaves at Braze, by label
    doomed  the subscriptions whose row is refused for good
    end     how it ends without rows
    """

    event: dict[str, Any]
    rows: Mapping[str, tuple[str, ...]] = {}
    doomed: tuple[str, ...] = ()
    end: str = ""


class Crowd:
    """Some people who act at random.

    told        everything they did so far, in order
    unwelcome   who Braze refuses to log in on which device
    age         a number that grows when the pipeline starts anew; returned: events sent again after that
    is_social   visitors describe themselves and log in, and people are merged; in half of these crowds only
                visitors who are there, and then people and visitors speak of the same things: of others
                nobody can know whose a value is
    """

    def __init__(
        self,
        chance: Random,
        *,
        people: int = 6,
        devices: int = 4,
        poison: float = 0.03,
        is_social: bool = False,
    ) -> None:
        self._chance = chance
        self._people = people
        self._devices = devices
        self._poison = poison
        self._is_social = is_social
        self._is_exact = is_social and chance.random() < 0.5
        self._acts = _ACTS | (_SOCIAL_ACTS if is_social else {})
        self._weights = [chance.random() + 0.1 for _ in self._acts]
        self._orders = 1
        self._moments: set[int] = set()
        self._logged_in: set[str] = set()
        self._ages: list[int] = []
        self.told: list[Told] = []
        self.unwelcome = frozenset((f"user-{chance.randrange(people)}", f"device-{n}") for n in (0, 3))
        self.age = 0
        self.returned = 0

    def act(self, now_ms: int, count: int) -> list[Record]:
        """What they do next, as the log keeps it."""
        self._orders = max(self._orders + 1, now_ms * 1_000_000)
        acts = self._chance.choices(list(self._acts.values()), self._weights, k=count)
        begun = len(self.told)
        events = []
        for index, choose in enumerate(acts):
            number = begun + index
            act = choose(self, number)
            event = {"messageId": f"m{number}", **act.event}
            when = now_ms
            if event["type"] == "identify" and "timestamp" not in event:
                when = self._happened(event, now_ms, (self._orders + index) // 1_000_000)
            events.append(event)
            self._tell(number, event, act, when)
        admission = intake.read(
            orjson.dumps({"batch": events}),
            kind="",
            client=False,
            write_key="wk",
            sources=lambda key: SOURCE,
            now_ms=now_ms,
            order=self._orders,
            mark="s",
        )
        assert not admission.rejected, admission.rejected
        self._orders += count
        return admission.accepted

    def _happened(self, event: dict[str, Any], now_ms: int, received_ms: int) -> int:
        """Give some events a time of their own: late ones, and clocks that are ahead, a little or too far.
        One that may be tried again much later has a time nobody else has: of two of a time the later one
        stays."""
        luck = self._chance.random()
        is_bad = POISON in event["traits"]
        if luck < 0.6 and not is_bad:
            self._moments.add(now_ms)
            return now_ms
        if is_bad:
            when = now_ms - self._chance.randrange(90_000)
        else:
            when = now_ms + (self._chance.randrange(-90_000, 60_000) if luck < 0.95 else 3_600_000)
        while when in self._moments:
            when -= 1
        event["timestamp"] = iso(when)
        found = when if when <= received_ms + AHEAD_MS else received_ms
        self._moments.add(found)
        return found

    def _tell(self, number: int, event: dict[str, Any], act: Act, when: int) -> None:
        self._ages.append(self.age)
        self.told.append(
            Told(
                number=number,
                rows={
                    name: frozenset((number, label) for label in labels) for name, labels in act.rows.items()
                },
                doomed=frozenset(act.doomed),
                end=act.end,
                people=tuple(letter + event[name] for letter, name in _NAMES if name in event),
                event=event,
                when=when,
            )
        )

    # -- what somebody can do

    def _who(self) -> dict[str, str]:
        person = self._chance.randrange(self._people)
        known = self._chance.random()
        if known < 0.7:
            return {"userId": f"user-{person}"}
        if known < 0.85:
            return {"userId": f"user-{person}", "anonymousId": f"device-{person % self._devices}"}
        if self._is_somebody(f"device-{person % self._devices}"):
            return {"userId": f"user-{person}"}
        return {"anonymousId": f"device-{person % self._devices}"}

    def _is_somebody(self, device: str) -> bool:
        """Whether what a visitor does would have to wait for the events of the people they have been, of whom
        the call does not tell."""
        return device in self._logged_in

    def _bad(self) -> dict[str, bool]:
        return {POISON: True} if self._chance.random() < self._poison else {}

    def _identify(self, number: int) -> Act:
        person = self._chance.randrange(self._people)
        who = {"userId": f"user-{person}"}
        if self._chance.random() < 0.3 and self._may_log_in(f"device-{person % self._devices}"):
            who["anonymousId"] = f"device-{person % self._devices}"
        traits = {"n": number, f"mood{self._chance.randrange(3)}": number, **self._habits(), **self._bad()}
        if self._is_exact and self._chance.random() < 0.3:
            traits[f"theme{self._chance.randrange(2)}"] = number
        event = {"type": "identify", **who, "traits": traits}
        rows = {"profile": ("attributes",)}
        if not self._is_social or len(who) == 1:
            return Act(event, rows)
        return Act(event, {"log-in": (), **rows}, self._refused("log-in", **who))

    def _may_log_in(self, device: str) -> bool:
        return not self._is_exact or population(self.told).sees(device)

    def _refused(self, row: str, userId: str, anonymousId: str) -> tuple[str, ...]:  # noqa: N803 - as in events
        if (userId, anonymousId) in self.unwelcome:
            return (row,)
        self._logged_in.add(anonymousId)
        return ()

    def _habits(self) -> dict[str, Any]:
        """What is said again and again, and seldom differs."""
        habits: dict[str, Any] = {}
        if self._chance.random() < 0.5:
            habits["plan"] = self._chance.choice(("plus", "plus", "plus", "basic"))
        if self._chance.random() < 0.5:
            habits["home"] = {
                "city": self._chance.choice("AAB"),
                "street": {"name": self._chance.choice("XXY")},
            }
        return habits

    def _habit(self, number: int) -> Act:
        """Says nothing that tells one event from another, and often nothing new."""
        who = {"userId": f"user-{self._chance.randrange(self._people)}"}
        traits = self._habits() or {"plan": "plus"}
        return Act({"type": "identify", **who, "traits": traits}, {"profile": ()})

    def _visit(self, number: int) -> Act:
        """A visitor says something of themselves; they have a profile by it."""
        device = self._chance.randrange(4)
        if self._is_somebody(f"device-{device}"):
            return self._habit(number)
        theme = self._chance.randrange(2) if self._is_exact else device
        event = {"type": "identify", "anonymousId": f"device-{device}", "traits": {f"theme{theme}": number}}
        return Act(event, {"visitors": ("attributes",)})

    def _claim(self, number: int) -> Act:
        """A server's alias call: that visitor was this person."""
        user, device = f"user-{self._chance.randrange(self._people)}", f"device-{self._chance.randrange(4)}"
        if not self._may_log_in(device):
            return self._habit(number)
        event = {"type": "alias", "userId": user, "previousId": device}
        return Act(event, {"claim": ()}, self._refused("claim", user, device))

    def _merge(self, number: int) -> Act:
        """Of two people, the second of whom is there: else Braze does nothing, which nobody can know who has
        not made everybody."""
        gone, kept = self._chance.sample(range(self._people), 2)
        if not population(self.told).knows(f"user-{kept}"):
            return self._habit(number)
        event = {"type": "track", "event": "Merged", "userId": f"user-{kept}"}
        return Act({**event, "properties": {"gone": f"user-{gone}"}}, {"merges": ()})

    def _stranger(self, number: int) -> Act:
        """Logs in with a userId Braze refuses, on somebody's device."""
        device = f"device-{self._chance.randrange(4)}"
        if not self._may_log_in(device):
            return self._misfit(number)
        who = {"userId": NEVER_FITS + str(number % 2), "anonymousId": device}
        event = {"type": "identify", **who, "traits": {f"theme{self._chance.randrange(2)}": number}}
        rows = {"log-in": (), "profile": ("attributes",)}
        return Act(event, rows, tuple(rows))

    def _step(self, number: int) -> Act:
        properties = {"n": number, **self._bad()}
        event = {"type": "track", "event": "Step", **self._who(), "properties": properties}
        return Act(event, {"steps": ("Step",)})

    def _both(self, number: int) -> Act:
        """Two subscriptions want this one."""
        properties = {"n": number, **self._bad()}
        event = {"type": "track", "event": "Both", **self._who(), "properties": properties}
        return Act(event, {"steps": ("Both",), "echo": ("Echo",)})

    def _order(self, number: int) -> Act:
        count = self._chance.choice((1, 1, 2, 3, 12))
        products = [{"product_id": f"p{number}-{index}", "price": 1.5} for index in range(count)]
        properties = {"n": number, "products": products}
        event = {"type": "track", "event": "Order Completed", **self._who(), "properties": properties}
        return Act(event, {"orders": tuple(f"p{number}-{index}" for index in range(count))})

    def _order_without_price(self, number: int) -> Act:
        products = [{"product_id": "tea", "price": "a lot"}]
        properties = {"n": number, "products": products}
        event = {"type": "track", "event": "Order Completed", **self._who(), "properties": properties}
        return Act(event, {"orders": ()}, ("orders",))

    def _page(self, number: int) -> Act:
        return Act({"type": "page", **self._who(), "properties": {"n": number}}, end="filtered")

    def _misfit(self, number: int) -> Act:
        who = {"userId": NEVER_FITS + str(number % 3)}
        event = {"type": "track", "event": "Step", **who, "properties": {"n": number}}
        return Act(event, {"steps": ("Step",)}, ("steps",))

    def _again(self, number: int) -> Act:
        """The sender was not sure and sends an event a second time."""
        if not self.told:
            return self._step(number)
        told = self._chance.choice(self.told[-50:])
        self.returned += self._ages[told.number] < self.age
        return Act(told.event, end="duplicate")


def population(told: Iterable[Told], landed: Callable[[Told, str], bool] | None = None) -> Population:
    """Who is who after these events, as Braze's rules have it. landed: whether the row of a subscription was
    taken in; without it, all are that Braze takes."""
    people = Population()
    for each in told:
        event = each.event
        user, device = event.get("userId", ""), event.get("anonymousId", "")
        for name in each.rows:
            if name in each.doomed | each.bad if landed is None else not landed(each, name):
                continue
            person = people.person if user else people.visitor
            match name:
                case "log-in" | "claim":
                    people.join(user, device or event["previousId"])
                case "merges":
                    people.merge(event["properties"]["gone"], user)
                case "profile" | "visitors":
                    person(user or device).describe(event["traits"], each.when)
                case _:
                    person(user or device).steps.append(each.number)
    return people


_NAMES: Final = (("u:", "userId"), ("a:", "anonymousId"))

_ACTS: Final = {
    "identify": Crowd._identify,
    "habit": Crowd._habit,
    "step": Crowd._step,
    "step too": Crowd._step,
    "both": Crowd._both,
    "order": Crowd._order,
    "order without price": Crowd._order_without_price,
    "page": Crowd._page,
    "misfit": Crowd._misfit,
    "again": Crowd._again,
}

_SOCIAL_ACTS: Final = {
    "visit": Crowd._visit,
    "claim": Crowd._claim,
    "merge": Crowd._merge,
    "stranger": Crowd._stranger,
}

"""What people do in a simulated day, and what must come of each event, said without the engine.

Every event has a number; everything it makes at Braze can be traced back to it: attributes and properties
carry it as ``n``. A *thing* is one object at Braze: ``(number, label)``, where the label is "attributes",
the name of the Braze event, or a product.
"""

from collections.abc import Iterable
from random import Random
from typing import Any, Final

import msgspec
import orjson
from tests.journeys.simulation.people import Population
from tests.runtime.house import bind

from segue.engine import intake
from segue.engine.moment import iso
from segue.engine.plan import BoundDestination
from segue.model.event import Record
from segue.model.workspace import Delivery, Source, Subscription

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

    fate    how it must end: delivered | filtered | duplicate | dead
    things  what must be at Braze in the end, each once
    dead    how many dead letters it must leave
    people  the identities whose order it keeps
    when    the time its attributes count from, milliseconds since the epoch
    """

    number: int
    fate: str
    things: frozenset[Thing] = frozenset()
    dead: int = 0
    people: tuple[str, ...]
    event: dict[str, Any]
    when: int = 0

    @property
    def says_little(self) -> bool:
        """Whether it is an identify that may have nothing to send, and then ends filtered."""
        return self.fate == "delivered" and not self.things and self.event["type"] == "identify"


class Crowd:
    """Some people who act at random.

    told        everything they did so far, in order
    is_social   visitors describe themselves and log in, and people are merged
    """

    def __init__(
        self, chance: Random, *, people: int = 6, poison: float = 0.03, is_social: bool = False
    ) -> None:
        self._chance = chance
        self._people = people
        self._poison = poison
        self._acts = _ACTS | (_SOCIAL_ACTS if is_social else {})
        self._weights = [chance.random() + 0.1 for _ in self._acts]
        self._orders = 1
        self.told: list[Told] = []

    def act(self, now_ms: int, count: int) -> list[Record]:
        """What they do next, as the log keeps it."""
        self._orders = max(self._orders + 1, now_ms * 1_000_000)
        acts = self._chance.choices(list(self._acts.values()), self._weights, k=count)
        begun = len(self.told)
        events = []
        for index, act in enumerate(acts):
            number = begun + index
            event, fate, labels, dead = act(self, number)
            event = {"messageId": f"m{number}", **event}
            when = now_ms
            if event["type"] == "identify" and "timestamp" not in event:
                when = self._happened(event, now_ms, (self._orders + index) // 1_000_000)
            events.append(event)
            self._tell(number, event, fate, labels, dead, when)
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
        """Give some events a time of their own: late ones, and clocks that are ahead, a little or too far."""
        luck = self._chance.random()
        if luck < 0.6:
            return now_ms
        when = now_ms + (self._chance.randrange(-90_000, 60_000) if luck < 0.95 else 3_600_000)
        event["timestamp"] = iso(when)
        return when if when <= received_ms + AHEAD_MS else received_ms

    def _tell(
        self,
        number: int,
        event: dict[str, Any],
        fate: str,
        labels: tuple[str, ...],
        dead: int,
        when: int,
    ) -> None:
        people = tuple(letter + event[name] for letter, name in _NAMES if name in event)
        self.told.append(
            Told(
                number=number,
                fate=fate,
                things=frozenset((number, label) for label in labels),
                dead=dead,
                people=people,
                event=event,
                when=when,
            )
        )

    # -- what somebody can do: (event, fate, labels, dead letters)

    def _who(self) -> dict[str, str]:
        person = self._chance.randrange(self._people)
        known = self._chance.random()
        if known < 0.7:
            return {"userId": f"user-{person}"}
        if known < 0.85:
            return {"userId": f"user-{person}", "anonymousId": f"device-{person % 4}"}
        return {"anonymousId": f"device-{person % 4}"}

    def _bad(self) -> dict[str, bool]:
        return {POISON: True} if self._chance.random() < self._poison else {}

    def _identify(self, number: int) -> "Act":
        person = self._chance.randrange(self._people)
        who = {"userId": f"user-{person}"}
        if self._chance.random() < 0.3:
            who["anonymousId"] = f"device-{person % 4}"
        bad = self._bad()
        traits = {"n": number, f"mood{self._chance.randrange(3)}": number, **self._habits(), **bad}
        event = {"type": "identify", **who, "traits": traits}
        return (event, "dead", (), 1) if bad else (event, "delivered", ("attributes",), 0)

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

    def _habit(self, number: int) -> "Act":
        """Says nothing that tells one event from another, and often nothing new."""
        who = {"userId": f"user-{self._chance.randrange(self._people)}"}
        return {"type": "identify", **who, "traits": self._habits() or {"plan": "plus"}}, "delivered", (), 0

    def _visit(self, number: int) -> "Act":
        """A visitor says something of themselves; they have a profile by it."""
        who = {"anonymousId": f"device-{self._chance.randrange(4)}"}
        event = {"type": "identify", **who, "traits": {f"theme{self._chance.randrange(2)}": number}}
        return event, "delivered", ("attributes",), 0

    def _claim(self, number: int) -> "Act":
        """A server's alias call: that visitor was this person."""
        user, device = f"user-{self._chance.randrange(self._people)}", f"device-{self._chance.randrange(4)}"
        return {"type": "alias", "userId": user, "previousId": device}, "delivered", (), 0

    def _merge(self, number: int) -> "Act":
        """Of two people, the second of whom is there: else Braze does nothing, which nobody can know who has
        not made everybody."""
        gone, kept = self._chance.sample(range(self._people), 2)
        if not population(self.told).knows(f"user-{kept}"):
            return self._habit(number)
        event = {"type": "track", "event": "Merged", "userId": f"user-{kept}"}
        return {**event, "properties": {"gone": f"user-{gone}"}}, "delivered", (), 0

    def _step(self, number: int) -> "Act":
        bad = self._bad()
        event = {"type": "track", "event": "Step", **self._who(), "properties": {"n": number, **bad}}
        return (event, "dead", (), 1) if bad else (event, "delivered", ("Step",), 0)

    def _both(self, number: int) -> "Act":
        """Two subscriptions want this one."""
        bad = self._bad()
        event = {"type": "track", "event": "Both", **self._who(), "properties": {"n": number, **bad}}
        return (event, "dead", (), 2) if bad else (event, "delivered", ("Both", "Echo"), 0)

    def _order(self, number: int) -> "Act":
        count = self._chance.choice((1, 1, 2, 3, 12))
        products = [{"product_id": f"p{number}-{index}", "price": 1.5} for index in range(count)]
        event = {
            "type": "track",
            "event": "Order Completed",
            **self._who(),
            "properties": {"n": number, "products": products},
        }
        return event, "delivered", tuple(f"p{number}-{index}" for index in range(count)), 0

    def _order_without_price(self, number: int) -> "Act":
        products = [{"product_id": "tea", "price": "a lot"}]
        properties = {"n": number, "products": products}
        event = {"type": "track", "event": "Order Completed", **self._who(), "properties": properties}
        return event, "dead", (), 1

    def _page(self, number: int) -> "Act":
        return {"type": "page", **self._who(), "properties": {"n": number}}, "filtered", (), 0

    def _misfit(self, number: int) -> "Act":
        who = {"userId": NEVER_FITS + str(number % 3)}
        event = {"type": "track", "event": "Step", **who, "properties": {"n": number}}
        return event, "dead", (), 1

    def _again(self, number: int) -> "Act":
        """The sender was not sure and sends an event a second time."""
        if not self.told:
            return self._step(number)
        return self._chance.choice(self.told[-50:]).event, "duplicate", (), 0


def population(told: Iterable[Told]) -> Population:
    """Who is who after these events, as Braze's rules have it."""
    people = Population()
    for each in told:
        if each.fate not in ("delivered", "dead"):
            continue
        event = each.event
        user, device = event.get("userId", ""), event.get("anonymousId", "")
        if event["type"] == "alias":
            people.join(user, event["previousId"])
        elif event.get("event") == "Merged":
            people.merge(event["properties"]["gone"], user)
        elif event["type"] == "identify":
            if user and device:
                people.join(user, device)
            if each.fate == "delivered":
                person = people.person(user) if user else people.visitor(device)
                person.describe(event["traits"], each.when)
        elif each.fate == "delivered":
            (people.person(user) if user else people.visitor(device)).steps.append(each.number)
    return people


Act = tuple[dict[str, Any], str, tuple[str, ...], int]

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

_SOCIAL_ACTS: Final = {"visit": Crowd._visit, "claim": Crowd._claim, "merge": Crowd._merge}


def _alias(path: str) -> dict[str, Any]:
    return {"alias_name": {"@path": path}, "alias_label": "device"}


def _log_in(id: str, trigger: str, path: str) -> Subscription:
    mapping = {"external_id": {"@path": "$.userId"}, "user_alias": _alias(path), "merge_behavior": "merge"}
    return Subscription(id=id, action="identify-user", trigger=trigger, mapping=mapping)


SOCIAL: Final = (
    _log_in("log-in", 'type = "identify" and userId != null and anonymousId != null', "$.anonymousId"),
    _log_in("claim", 'type = "alias"', "$.previousId"),
    Subscription(
        id="visitors",
        action="update-user-profile",
        trigger='type = "identify" and userId = null',
        mapping={
            "user_alias": _alias("$.anonymousId"),
            "_update_existing_only": False,
            "custom_attributes": {"@path": "$.traits"},
        },
    ),
    Subscription(
        id="merges",
        action="merge-users",
        trigger='type = "track" and event = "Merged"',
        mapping={
            "identifier_to_merge": {"external_id": {"@path": "$.properties.gone"}},
            "identifier_to_keep": {"external_id": {"@path": "$.userId"}},
        },
    ),
)
"""What a workspace has that sends visitors too."""


def destination(delivery: Delivery, batch_size: int, *, is_social: bool = False) -> BoundDestination:
    """Braze as the crowd's events expect it: four subscriptions, requests of at most so many objects."""
    size = {"batch_size": batch_size, "enable_batching": True}
    who: dict[str, Any] = {
        "external_id": {"@path": "$.userId"},
        "user_alias": _alias_of_the_nameless(),
    }
    event = {"time": {"@path": "$.timestamp"}, "properties": {"@path": "$.properties"}}
    if is_social:
        who["_update_existing_only"] = False
    steps = {**who, **event, "name": {"@path": "$.event"}, **size}
    products = {
        "@arrayPath": [
            "$.properties.products",
            {"product_id": {"@path": "$.product_id"}, "price": {"@path": "$.price"}},
        ]
    }
    return bind(
        (
            *(SOCIAL if is_social else ()),
            Subscription(
                id="profile",
                action="update-user-profile",
                trigger='type = "identify" and userId != null',
                mapping={
                    "external_id": {"@path": "$.userId"},
                    "custom_attributes": {"@path": "$.traits"},
                    **size,
                },
            ),
            Subscription(
                id="steps",
                action="track-event",
                trigger='type = "track" and event != "Order Completed" and event != "Merged"',
                mapping=steps,
            ),
            Subscription(
                id="echo",
                action="track-event",
                trigger='type = "track" and event = "Both"',
                mapping={**steps, "name": "Echo"},
            ),
            Subscription(
                id="orders",
                action="track-purchase",
                trigger='type = "track" and event = "Order Completed"',
                mapping={**who, **event, "products": products, **size},
            ),
        ),
        delivery=delivery,
    )


def _alias_of_the_nameless() -> dict[str, Any]:
    """Who has no userId goes by the name of their device."""
    return {
        "@if": {"exists": {"@path": "$.userId"}, "then": None, "else": _alias("$.anonymousId")},
    }

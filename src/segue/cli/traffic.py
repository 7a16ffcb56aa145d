"""A realistic day of a small shop: what 300 people did, and what their Braze profiles must look like after.

    day = make_day(people=300, until_ms=…, seed=7)
    day.calls                    in time order; each says whether the SDK or plain HTTP sends it
    day.people["user-001"]       what must be in Braze in the end, worked out without the pipeline

The same seed makes the same day.
"""

import random
import uuid
from collections import Counter
from typing import Any, Final, Literal

import msgspec

DAY_MS: Final = 24 * 3_600_000

FIRST_NAMES: Final = (
    "Ada",
    "Björn",
    "Chiara",
    "Dev",
    "Elif",
    "Femi",
    "Greta",
    "Hiro",
    "Inés",
    "Jonas",
    "Kaja",
    "Léa",
)
LAST_NAMES: Final = (
    "Lindqvist",
    "Moreau",
    "Okafor",
    "Petrov",
    "Quiroga",
    "Rossi",
    "Sato",
    "Tanaka",
    "Ueda",
    "Varga",
)
CITIES: Final = (
    ("Berlin", "DE"),
    ("Lyon", "FR"),
    ("Porto", "PT"),
    ("Austin", "US"),
    ("Osaka", "JP"),
    ("Gdańsk", "PL"),
)
PLANS: Final = ("free", "plus", "family")
PRODUCTS: Final = (
    ("tea-green", "Green Tea", 7.5),
    ("tea-black", "Black Tea", 6.9),
    ("cup-blue", "Blue Cup", 14.0),
    ("pot-iron", "Iron Pot", 59.0),
    ("honey", "Forest Honey", 9.25),
    ("tray-oak", "Oak Tray", 32.0),
)
ARTICLES: Final = ("Brewing green tea", "Water matters", "A history of cups")


class Call(msgspec.Struct, frozen=True):
    """One event to send.

    via    "sdk" or "http"
    event  as the tracking API takes it, timestamp included
    fate   what must become of it: "delivered", "filtered", "duplicate", "dead" or "rejected" at the door
    """

    at_ms: int
    via: Literal["sdk", "http"]
    event: dict[str, Any]
    fate: Literal["delivered", "filtered", "duplicate", "dead", "rejected"]


class Expected(msgspec.Struct):
    """What a person's profile must say in the end."""

    user_id: str
    attributes: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    events: Counter[str] = msgspec.field(default_factory=Counter)
    purchases: Counter[str] = msgspec.field(default_factory=Counter)
    revenue_cents: int = 0


class Day(msgspec.Struct, frozen=True):
    """A day's calls in time order, and the people who made them."""

    calls: list[Call]
    people: dict[str, Expected]

    def fates(self) -> Counter[str]:
        """How many calls must end how."""
        return Counter(call.fate for call in self.calls)


def make_day(*, people: int, until_ms: int, seed: int = 7) -> Day:
    """Make up a day that ends at `until_ms` (milliseconds since the epoch)."""
    chance = random.Random(seed)  # noqa: S311 - a story, not a secret
    writer = _Writer(chance, until_ms - DAY_MS)
    for number in range(1, people + 1):
        writer.person(number)
    writer.accidents()
    writer.calls.sort(key=lambda call: call.at_ms)
    return Day(writer.calls, writer.people)


class _Writer:
    """Writes one person's day after the other."""

    def __init__(self, chance: random.Random, start_ms: int) -> None:
        self.chance = chance
        self.start_ms = start_ms
        self.calls: list[Call] = []
        self.people: dict[str, Expected] = {}

    def person(self, number: int) -> None:
        chance = self.chance
        user = Expected(f"user-{number:03d}")
        self.people[user.user_id] = user
        anonymous = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        at = self.start_ms + chance.randrange(DAY_MS // 2)
        for _ in range(chance.randint(1, 2)):
            at = self._later(at)
            self._add(at, "sdk", {"type": "page", "anonymousId": anonymous, "name": "Home"}, "filtered")
        at = self._later(at)
        self._identify(user, number, anonymous, at)
        if number % 10 == 0:
            event = {"type": "alias", "userId": user.user_id, "previousId": anonymous}
            self._add(at + 1, "sdk", event, "filtered")
        if number % 8 == 0:
            group: dict[str, Any] = {"type": "group", "groupId": f"club-{number % 3}", "userId": user.user_id}
            self._add(at + 2, "http", {**group, "traits": {"name": "Tea Club"}}, "filtered")
        for _ in range(chance.randint(2, 5)):
            at = self._later(at)
            self._browse(user, at)
        if chance.random() < 0.4:
            at = self._later(at)
            self._order(user, f"order-{number}", at)
        if chance.random() < 0.35:
            at = self._later(at)
            plan = chance.choice(PLANS)
            user.custom["plan"] = plan
            self._add(
                at, "sdk", {"type": "identify", "userId": user.user_id, "traits": {"plan": plan}}, "delivered"
            )

    def accidents(self) -> None:
        """What goes wrong on any day: retries, senders without ids, opt-outs, a price that is no price."""
        delivered = [call for call in self.calls if call.via == "http" and call.fate == "delivered"]
        for call in delivered[:12]:
            self.calls.append(Call(call.at_ms + 5_000, "http", call.event, "duplicate"))
        middle = self.start_ms + DAY_MS // 2
        for index in range(5):
            event = {"type": "track", "event": "Lost", "messageId": f"lost-{index}"}
            self._add(middle + index, "http", event, "rejected")
        for index in range(8):
            survey = {"type": "track", "event": "Survey Answered", "userId": f"user-{index + 1:03d}"}
            self._add(middle + index, "http", {**survey, "integrations": {"All": False}}, "filtered")
        broken = {"order_id": "order-broken", "products": [{"product_id": "tea-green", "price": "a lot"}]}
        order = {"type": "track", "event": "Order Completed", "userId": "user-001", "properties": broken}
        self._add(middle, "http", order, "dead")

    def _identify(self, user: Expected, number: int, anonymous: str, at: int) -> None:
        chance = self.chance
        city, country = chance.choice(CITIES)
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        email = f"{user.user_id}@example.com"
        traits: dict[str, Any] = {
            "firstName": first,
            "lastName": last,
            "email": email,
            "address": {"city": city, "country": country},
            "plan": chance.choice(PLANS),
            "newsletter": chance.random() < 0.5,
            "favourites": chance.sample([name for name, _, _ in PRODUCTS], 2),
            "loyalty": {"points": chance.randrange(500), "level": chance.choice(("leaf", "bud"))},
        }
        birthday = f"{chance.randint(1950, 2005)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
        traits["birthday"] = "soon" if number % 50 == 0 else birthday
        user.attributes = {
            "first_name": first,
            "last_name": last,
            "email": email,
            "home_city": city,
            "country": country,
        }
        if number % 50:
            user.attributes["dob"] = birthday
        user.custom = {key: traits[key] for key in ("plan", "newsletter", "favourites", "loyalty")}
        event = {"type": "identify", "userId": user.user_id, "anonymousId": anonymous, "traits": traits}
        self._add(at, "sdk", event, "delivered")

    def _browse(self, user: Expected, at: int) -> None:
        product, name, price = self.chance.choice(PRODUCTS)
        event, properties = self.chance.choice(
            [
                ("Product Viewed", {"product_id": product, "name": name, "price": price, "in_stock": True}),
                (
                    "Product Added",
                    {"product_id": product, "name": name, "quantity": self.chance.randint(1, 3)},
                ),
                (
                    "Article Read",
                    {"title": self.chance.choice(ARTICLES), "seconds": self.chance.randrange(240)},
                ),
            ]
        )
        user.events[event] += 1
        track = {"type": "track", "event": event, "userId": user.user_id, "properties": properties}
        self._add(at, "sdk", track, "delivered")

    def _order(self, user: Expected, order: str, at: int) -> None:
        products = []
        for product, name, price in self.chance.sample(PRODUCTS, self.chance.randint(1, 4)):
            quantity = self.chance.randint(1, 3)
            products.append({"product_id": product, "name": name, "price": price, "quantity": quantity})
            user.purchases[product] += quantity
            user.revenue_cents += round(price * 100) * quantity
        properties = {"order_id": order, "currency": "USD", "products": products}
        event = {
            "type": "track",
            "event": "Order Completed",
            "userId": user.user_id,
            "properties": properties,
        }
        self._add(at, "http", event, "delivered")

    def _later(self, at: int) -> int:
        return at + self.chance.randint(5_000, 40 * 60_000)

    def _add(
        self,
        at: int,
        via: Literal["sdk", "http"],
        event: dict[str, Any],
        fate: Literal["delivered", "filtered", "duplicate", "dead", "rejected"],
    ) -> None:
        message_id = (
            event.get("messageId") or f"{via}-{uuid.UUID(int=self.chance.getrandbits(128), version=4)}"
        )
        self.calls.append(Call(at, via, {**event, "messageId": message_id}, fate))

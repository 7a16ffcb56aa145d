"""Events as a shop sends them: 60 % track, 30 % identify, 10 % Order Completed with three products.

    traffic = make(1000)            # the same events every time
    traffic[0]["type"]              # "track"
    body = Pool(traffic).batch(100) # JSON of {"batch": [...]}, every event with a messageId of its own

About 1.0 kB a track, 1.2 kB an identify, 1.4 kB an order. A hundred happen in a second, and a person keeps
their anonymousId.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

KINDS: Final = ("track", "identify", "order")
SHARES: Final = (60, 30, 10)
PEOPLE: Final = 100_000

START: Final = datetime(2026, 11, 1, tzinfo=UTC)
SPACING_MS: Final = 10
JITTER_MS: Final = 2_000
AGENT: Final = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0 Safari/537.36"
)

Event = dict[str, Any]


def make(count: int, *, people: int = PEOPLE, seed: int = 7) -> list[Event]:
    """Mixed events of people drawn at random."""
    return list(stream(count, people=people, seed=seed))


def stream(count: int, *, people: int = PEOPLE, seed: int = 7) -> Iterator[Event]:
    """The same one by one: a million of them do not fit in memory beside anything else."""
    chance = random.Random(seed)
    kinds = chance.choices(KINDS, SHARES, k=count)
    for index, kind in enumerate(kinds):
        yield make_one(kind, chance.randrange(people), index, chance)


def make_kind(kind: str, count: int, *, people: int = PEOPLE, seed: int = 7) -> list[Event]:
    """Events of one kind."""
    chance = random.Random(seed)
    return [make_one(kind, chance.randrange(people), index, chance) for index in range(count)]


def make_one(kind: str, person: int, index: int, chance: random.Random) -> Event:
    """One event; `index` makes its order id its own."""
    email = f"user{person}@example.com"
    happened = START + timedelta(milliseconds=index * SPACING_MS + chance.randrange(JITTER_MS))
    moment = f"{happened:%Y-%m-%dT%H:%M:%S}.{happened.microsecond // 1000:03d}Z"
    event = {
        "type": "identify" if kind == "identify" else "track",
        "messageId": f"ajs-next-{chance.getrandbits(128):032x}",
        "anonymousId": f"{person * 0x9E3779B97F4A7C15:032x}",
        "userId": f"user-{person:06d}",
        "timestamp": moment,
        "sentAt": moment,
        "integrations": {},
        "context": {
            "library": {"name": "analytics.js", "version": "next-1.84.3"},
            "ip": f"203.0.113.{person % 250}",
            "userAgent": AGENT,
            "locale": "en-US",
            "timezone": "Europe/Berlin",
            "page": {
                "path": "/pricing",
                "referrer": "",
                "search": f"?q={person}",
                "title": "Pricing",
                "url": "https://shop.example.com/pricing",
            },
            "location": {"country": "DE", "latitude": 52.5 + person / 1e6, "longitude": 13.4},
            "traits": {"email": email},
        },
    }
    return event | _BODIES[kind](email, person, index, chance)


def _track(email: str, person: int, index: int, chance: random.Random) -> Event:
    return {
        "event": chance.choice(["Product Searched", "Button Clicked", "Signed Up", "Article Read"]),
        "properties": {
            "email": email,
            "sku": f"SKU-{person}",
            "price": chance.randrange(1, 9999) / 100,
            "category": "shoes",
            "position": chance.randrange(50),
            "variant": "b",
            "coupon": None,
            "tags": ["a", "b", "c"],
        },
    }


def _identify(email: str, person: int, index: int, chance: random.Random) -> Event:
    return {
        "traits": {
            "email": email,
            "firstName": "Ada",
            "lastName": f"L{person}",
            "gender": chance.choice(["female", "male", "other"]),
            "phone": f"+4930{person:07d}",
            "avatar": f"https://img.example.com/{person}.png",
            "address": {"city": "Berlin", "country": "DE", "postalCode": "10115"},
            "plan": chance.choice(["free", "pro", "team"]),
            "logins": chance.randrange(100),
            "createdAt": "2025-01-02T03:04:05.000Z",
            "newsletter": True,
            "ltv": round(chance.random() * 1000, 2),
        }
    }


def _order(email: str, person: int, index: int, chance: random.Random) -> Event:
    products = [
        {
            "product_id": f"p-{number}",
            "sku": f"S-{number}",
            "name": f"Product {number}",
            "price": chance.randrange(1, 9999) / 100,
            "quantity": chance.randrange(1, 5),
            "category": "shoes",
        }
        for number in range(3)
    ]
    order = {"order_id": f"o-{index}", "total": 99.5, "revenue": 88.2, "shipping": 5.0, "tax": 6.3}
    return {
        "event": "Order Completed",
        "traits": {"email": email},
        "properties": {**order, "currency": "EUR", "coupon": "WINTER", "products": products},
    }


_BODIES: Final = {"track": _track, "identify": _identify, "order": _order}


def objects(event: Event) -> int:
    """How many Braze objects an event becomes: an order one for each product, anything else one."""
    return len(event.get("properties", {}).get("products", (None,)))


class Pool:
    """Events written as JSON once, to be sent many times under new messageIds.

    prefix   16 characters no other pool of the same run uses
    objects  how many Braze objects everything given so far becomes
    """

    def __init__(self, events: list[Event], prefix: bytes) -> None:
        self._calls = [(event["type"].encode(), *_halves(event), objects(event)) for event in events]
        self._prefix = prefix
        self._next = 0
        self.objects = 0

    def call(self) -> tuple[bytes, bytes]:
        """The next event: its type and its JSON."""
        kind, before, after, count = self._calls[self._next % len(self._calls)]
        self._next += 1
        self.objects += count
        return kind, b"%b%b%016x%b" % (before, self._prefix, self._next, after)

    def batch(self, count: int) -> bytes:
        """The next events as the body of a batch."""
        return b'{"batch":[' + b",".join([self.call()[1] for _ in range(count)]) + b"]}"


def _halves(event: Event) -> tuple[bytes, bytes]:
    text = json.dumps({**event, "messageId": "MESSAGE-ID"}, separators=(",", ":"))
    before, _, after = text.partition("MESSAGE-ID")
    return before.encode(), after.encode()

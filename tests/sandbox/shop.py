"""A workspace with a month of life in it: people of cloud and device, purchases, mistakes, a campaign."""

from typing import Any

from tests.sandbox.client import Client

from segue.sandbox.app import Sandbox, create_app
from segue.sandbox.audience.filters import Filter
from segue.sandbox.clock import StillTime, iso
from segue.sandbox.seed import DEFAULT_APP, DEFAULT_GROUP, Key, Seed
from segue.sandbox.workspace import App, Campaign, Furnishing, Segment, SubscriptionGroup

DAY_MS = 86_400_000
PEOPLE = 40


def seed(**more: Any) -> Seed:
    """What the operator set up."""
    gold = Filter(kind="text_attribute", name="plan", comparator="equals", value="gold")
    return Seed(
        workspaces=[
            Furnishing(
                apps=[App(app_id=DEFAULT_APP)],
                subscription_groups=[SubscriptionGroup(id=DEFAULT_GROUP)],
                segments=[Segment(id="gold", name="Gold members", filter=gold)],
                campaigns=[
                    Campaign(id="c1", name="Welcome", segment_id="gold", conversion_event="Signed Up")
                ],
                **more,
            )
        ],
        keys=[Key(key="sandbox")],
    )


async def lively(**more: Any) -> tuple[Sandbox, Client]:
    """A sandbox after a month."""
    time = StillTime()
    app = create_app(clock=time, seed=seed(**more))
    sandbox = Client(app, time)
    begin = time.ms - 30 * DAY_MS
    for place in range(PEOPLE):
        who = {"external_id": f"user-{place}"}
        time.ms = begin + place * 16 * 3_600_000
        at = iso(time.ms)
        person = {
            **who,
            "email": f"user{place}@example.com",
            "first_name": "Ann",
            "plan": ("gold", "free")[place % 2],
        }
        await sandbox.track(
            attributes=[person],
            events=[
                {
                    **who,
                    "name": ("Signed Up", "Product Viewed")[place % 2],
                    "time": at,
                    "properties": {"n": place},
                }
            ],
            purchases=[
                {**who, "product_id": f"sku-{place % 3}", "currency": "USD", "price": 9.5 + place, "time": at}
            ],
        )
        if place % 4 == 0:
            body = {
                "api_key": DEFAULT_APP,
                "device_id": f"device-{place}",
                "device": {
                    "browser": "Chromium",
                    "os_version": "Linux",
                    "locale": "en-us",
                    "time_zone": "UTC",
                },
                "events": [
                    {
                        "name": "ss",
                        "data": {},
                        "session_id": f"s{place}",
                        "time": time.ms / 1000,
                        "user_id": who["external_id"],
                    }
                ],
            }
            await sandbox.post("/api/v3/data/", body)
    await sandbox.track(
        events=[
            {"name": "Lost", "time": iso(time.ms)},
            {"external_id": "user-1", "name": "Kept", "time": iso(time.ms)},
        ]
    )
    await sandbox.track(
        attributes=[{"external_id": "user-2", "country": "Atlantis", "<b>odd</b>": "</script><b>x"}]
    )
    await sandbox.post("/users/track", {}, headers={"authorization": "Bearer nope"})
    await sandbox.post("/users/delete", {"external_ids": ["user-39"]})
    order = {
        "order_id": "o1", "total_value": 42.5, "currency": "USD", "source": "web",
        "products": [
            {"product_id": "p", "product_name": "P", "variant_id": "v", "quantity": 1, "price": 42.5}
        ],
    }  # fmt: skip
    await sandbox.track(
        events=[
            {
                "external_id": "user-2",
                "name": "ecommerce.order_placed",
                "time": iso(time.ms),
                "properties": order,
            }
        ]
    )
    await sandbox.post("/_sandbox/campaigns/send", {"campaign_id": "c1"})
    time.ms += 300_000
    return app, sandbox

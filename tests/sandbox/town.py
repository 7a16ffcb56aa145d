"""Four people to build segments over, and the helpers to write filters with."""

from typing import Any

from tests.sandbox.client import Client, client

from segue.sandbox.audience.filters import Filter
from segue.sandbox.seed import DEFAULT_APP, DEFAULT_GROUP, Key, Seed
from segue.sandbox.workspace import App, Campaign, Cohort, Furnishing, Segment, SubscriptionGroup


async def town() -> Client:
    """Ann buys and uses the app, Bob is like her but less, Cat is blank, Dan is nobody's email."""
    gold = Filter(kind="text_attribute", name="plan", comparator="equals", value="gold")
    furnishing = Furnishing(
        apps=[App(app_id=DEFAULT_APP)],
        subscription_groups=[SubscriptionGroup(id=DEFAULT_GROUP)],
        segments=[Segment(id="gold", name="Gold", filter=gold), Segment(id="all", name="All")],
        campaigns=[Campaign(id="c1", name="Welcome", segment_id="gold")],
        cohorts=[Cohort(id="k", name="Cohort")],
        segmentable={"Seen": ["color"], "shoe": ["color"]},
    )
    sandbox = client(seed=Seed(workspaces=[furnishing], keys=[Key(key="sandbox")]))
    await sandbox.track(
        attributes=[
            {
                "external_id": "ann",
                "email": "ann@example.com",
                "plan": "gold",
                "age": 40,
                "vip": True,
                "tags": ["red", "blue"],
                "joined": "2025-06-01",
                "country": "NO",
                "email_subscribe": "opted_in",
                "renews": "2026-01-11",
                "cars": [{"make": "Saab", "year": 1999}, {"make": "Fiat", "year": 2020}],
                "home": {"rooms": 3, "pet": {"kind": "cat"}},
                "subscription_groups": [
                    {"subscription_group_id": DEFAULT_GROUP, "subscription_state": "subscribed"}
                ],
            },
            {
                "external_id": "bob",
                "email": "bob@example.com",
                "plan": "Silver",
                "age": 0,
                "vip": False,
                "tags": ["red"],
                "joined": "2025-12-31",
                "cars": [{"make": "Saab", "year": 2020}],
                "push_subscribe": "unsubscribed",
            },
            {"external_id": "cat"},
            {
                "user_alias": {"alias_name": "dan", "alias_label": "nick"},
                "_update_existing_only": False,
                "x": 1,
            },
        ],
        events=[
            {"external_id": "ann", "name": "Seen", "time": "2025-01-01", "properties": {"color": "red"}},
            {
                "external_id": "ann",
                "name": "Seen",
                "time": "2025-12-31T10:00:00Z",
                "properties": {"color": "red"},
            },
            {
                "external_id": "ann",
                "name": "Seen",
                "time": "2025-12-31T11:00:00Z",
                "properties": {"color": "blue"},
            },
            {"external_id": "bob", "name": "Seen", "time": "2025-12-20", "properties": {"color": 5}},
        ],
        purchases=[
            {
                "external_id": "ann",
                "product_id": "shoe",
                "currency": "USD",
                "price": 50,
                "quantity": 2,
                "time": "2025-12-30",
                "properties": {"color": "red"},
            },
            {"external_id": "bob", "product_id": "hat", "currency": "USD", "price": 10, "time": "2025-02-01"},
        ],
    )
    for place in range(2):
        day = ("2025-12-31", "2025-12-01")[place]
        seconds = {"2025-12-31": 1_767_182_400, "2025-12-01": 1_764_590_400}[day]
        start = {"name": "ss", "user_id": "ann", "session_id": day, "time": seconds}
        await sandbox.post("/api/v3/data/", {"api_key": DEFAULT_APP, "device_id": "d", "events": [start]})
    secret = {"client_secret": "sandbox-data-import-key", "cohort_id": "k"}
    await sandbox.post(
        "/partners/segment/cohorts/users", {**secret, "cohort_changes": [{"user_ids": ["bob"]}]}
    )
    await sandbox.post(
        "/campaigns/trigger/send", {"campaign_id": "c1", "recipients": [{"external_user_id": "cat"}]}
    )
    return sandbox


def is_(kind: str, comparator: str, value: Any = None, name: str = "", **more: Any) -> dict[str, Any]:
    """A filter as JSON."""
    given = {} if value is None else {"value": value}
    return {"kind": kind, "comparator": comparator, **({"name": name} if name else {}), **given, **more}


def criteria(*entries: tuple[str, str, Any]) -> list[dict[str, Any]]:
    """What one object must meet."""
    return [{"name": name, "comparator": how, "value": value} for name, how, value in entries]


async def names(sandbox: Client, test: Any) -> str:
    """Whom a test finds, by first letters."""
    people = sandbox.app.world.workspaces["sandbox"].people
    return "".join(sorted((one.external_id or "dan")[0] for one in people if test(one)))

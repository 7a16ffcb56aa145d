"""Connected audiences: whom a broadcast goes to, as the API writes it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.rules import OURS, Case, rule, table
from tests.sandbox.town import names, town

from segue.sandbox.audience.connected import connected
from segue.sandbox.audience.filters import Scope
from segue.sandbox.people import People

CONNECTED = "Connected audience object"
NOBODY = ""


def attribute(name: str, comparison: str, value: Any = None) -> dict[str, Any]:
    """A custom attribute filter of the API."""
    given = {} if value is None else {"value": value}
    return {"custom_attribute": {"custom_attribute_name": name, "comparison": comparison, **given}}


AUDIENCES = [
    Case("string equals", "D", CONNECTED, attribute("plan", "equals", "gold"), "a"),
    Case("string not_equal", "D", CONNECTED, attribute("plan", "not_equal", "gold"), "bcd"),
    Case("string matches_regex", "D", CONNECTED, attribute("plan", "matches_regex", "^s"), "b"),
    Case(
        "string does_not_match_regex", "D", CONNECTED, attribute("plan", "does_not_match_regex", "^s"), "acd"
    ),
    Case("exists", "D", CONNECTED, attribute("plan", "exists"), "ab"),
    Case("does_not_exist", "D", CONNECTED, attribute("plan", "does_not_exist"), "cd"),
    Case("array includes_value", "D", CONNECTED, attribute("tags", "includes_value", "blue"), "a"),
    Case(
        "array does_not_include_value",
        "D",
        CONNECTED,
        attribute("tags", "does_not_include_value", "blue"),
        "bcd",
    ),
    Case("number equals", "D", CONNECTED, attribute("age", "equals", 0), "b"),
    Case("number greater_than", "D", CONNECTED, attribute("age", "greater_than", 0), "a"),
    Case(
        "number greater_than_or_equal_to",
        "D",
        CONNECTED,
        attribute("age", "greater_than_or_equal_to", 0),
        "ab",
    ),
    Case("number less_than_or_equal_to", "D", CONNECTED, attribute("age", "less_than_or_equal_to", 39), "b"),
    Case("number less_than finds the unset", "S", OURS, attribute("age", "less_than", 1), "bcd"),
    Case("boolean equals", "D", CONNECTED, attribute("vip", "equals", True), "a"),
    Case("boolean does_not_equal", "D", CONNECTED, attribute("vip", "does_not_equal", True), "bcd"),
    Case("time less_than_x_days_ago", "D", CONNECTED, attribute("joined", "less_than_x_days_ago", 2), "b"),
    Case(
        "time greater_than_x_days_ago", "D", CONNECTED, attribute("joined", "greater_than_x_days_ago", 2), "a"
    ),
    Case(
        "time less_than_x_days_in_the_future",
        "D",
        CONNECTED,
        attribute("renews", "less_than_x_days_in_the_future", 20),
        "a",
    ),
    Case(
        "time greater_than_x_days_in_the_future",
        "D",
        CONNECTED,
        attribute("renews", "greater_than_x_days_in_the_future", 20),
        NOBODY,
    ),
    Case("time after", "D", CONNECTED, attribute("joined", "after", "2025-12-01T00:00:00Z"), "b"),
    Case("time before", "D", CONNECTED, attribute("joined", "before", "2025-12-01T00:00:00Z"), "a"),
    Case(
        "email_subscription_status",
        "D",
        CONNECTED,
        {"email_subscription_status": {"comparison": "is", "value": "opted_in"}},
        "a",
    ),
    Case(
        "push_subscription_status",
        "D",
        CONNECTED,
        {"push_subscription_status": {"comparison": "is_not", "value": "unsubscribed"}},
        "acd",
    ),
    Case(
        "last_used_app",
        "D",
        CONNECTED,
        {"last_used_app": {"comparison": "after", "value": "2025-12-01T00:00:00Z"}},
        "a",
    ),
    Case(
        "AND with OR inside",
        "D",
        CONNECTED,
        {
            "AND": [
                attribute("plan", "exists"),
                {"OR": [attribute("vip", "equals", False), attribute("age", "equals", 99)]},
            ]
        },
        "b",
    ),
]


@table(AUDIENCES)
async def test_a_broadcast_goes_to_its_audience(given, expected):
    """The same four people, written as the API writes filters."""
    sandbox = await town()
    scope = sandbox.app.world.workspaces["sandbox"].scope(sandbox.time.ms)
    assert await names(sandbox, connected(given, scope)) == expected


@rule("a broadcast goes to the campaign's segment, narrowed by the audience", "D", CONNECTED)
async def test_an_audience_narrows_the_campaigns_segment():
    """The segment alone reaches Ann, a filter she does not meet nobody."""
    sandbox = await town()
    for audience, reached in (({}, 1), (attribute("vip", "equals", False), 0)):
        sandbox.app.world.workspaces["sandbox"].registry.sends.clear()
        body = {"campaign_id": "c1", "broadcast": True, "audience": audience}
        assert (await sandbox.post("/campaigns/trigger/send", body)).status == 201
        shown = (await sandbox.get("/campaigns/data_series?campaign_id=c1&length=1")).json["data"]
        assert shown[0]["unique_recipients"] == reached


@rule("nested attributes are no filter of an audience: a path finds nobody", "D", "Nested custom attributes")
async def test_a_nested_attribute_is_no_audience():
    """Only whole attributes are looked at."""
    sandbox = await town()
    await sandbox.track(attributes=[{"external_id": "ann", "car": {"make": "Fiat"}}])
    scope = sandbox.app.world.workspaces["sandbox"].scope(sandbox.time.ms)
    for comparison, value in (("equals", "Fiat"), ("exists", None), ("matches_regex", "F")):
        test = connected(attribute("car.make", comparison, value), scope)
        assert await names(sandbox, test) == NOBODY


@rule("an audience the documents do not know is 400", "S", OURS)
@pytest.mark.parametrize(
    "audience",
    [
        [],
        {"AND": {}},
        {"NOT": []},
        {"custom_attribute": []},
        {"custom_attribute": {"comparison": "equals"}},
        attribute("plan", "sounds_like", "gold"),
        attribute("plan", "matches_regex", 5),
        {"email_subscription_status": {"comparison": "is", "value": "maybe"}},
        {"last_used_app": {"comparison": "after", "value": "soon"}},
        {"AND": [], "OR": []},
    ],
)
async def test_a_bad_audience_is_refused(audience):
    """Nothing is sent, and the log says what was wrong."""
    sandbox = await town()
    body = {"campaign_id": "c1", "broadcast": True, "audience": audience}
    answer = await sandbox.post("/campaigns/trigger/send", body)
    assert (answer.status, answer.json) == (400, {"message": "'audience' is not valid"})
    assert await sandbox.warnings() == ["audience"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
PARTS = st.sampled_from(["AND", "OR", "custom_attribute", "last_used_app", "email_subscription_status"])
AUDIENCE = st.recursive(
    VALUES,
    lambda inner: st.dictionaries(PARTS, inner | st.lists(inner, max_size=3), max_size=2),
    max_leaves=8,
)


@given(AUDIENCE)
def test_any_audience_decides_or_says_why_not(audience):
    """Whatever is sent as audience."""
    person = People().create(0, external_id="u")
    try:
        test = connected(audience, Scope(1_767_225_600_000))
    except ValueError:
        return
    assert test(person) in (True, False)

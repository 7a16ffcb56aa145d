"""Segment filters, one by one over the same four people, and where segments are used."""

import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.rules import OURS, TYPES, Case, rule, table
from tests.sandbox.town import criteria, is_, names, town

from segue.sandbox.audience.filters import KINDS, Filter, Scope, compiled
from segue.sandbox.people import People
from segue.sandbox.seed import DEFAULT_APP, DEFAULT_GROUP
from segue.sandbox.workspace import Segment

FILTERS = "Segmentation filters"
EVENTS = "Custom events"
PURCHASES = "Purchase events"
NESTED = "Nested custom attributes"
EXPORT = "Export user profile by segment"


ALL, NOBODY = "abcd", ""
CASES = [
    Case("custom event: more than N", "D", EVENTS, is_("custom_event", "more_than", 2, "Seen"), "a"),
    Case("custom event: exactly N", "D", EVENTS, is_("custom_event", "exactly", 1, "Seen"), "b"),
    Case(
        "custom event: less than N finds those who never did",
        "D",
        EVENTS,
        is_("custom_event", "less_than", 2, "Seen"),
        "bcd",
    ),
    Case(
        "first did custom event before",
        "D",
        FILTERS,
        is_("first_custom_event", "before", "2025-06-01", "Seen"),
        "a",
    ),
    Case(
        "first did custom event after",
        "D",
        FILTERS,
        is_("first_custom_event", "after", "2025-06-01", "Seen"),
        "b",
    ),
    Case(
        "last did custom event less than X days ago",
        "D",
        FILTERS,
        is_("last_custom_event", "less_than_days_ago", 5, "Seen"),
        "a",
    ),
    Case(
        "last did custom event more than X days ago",
        "D",
        FILTERS,
        is_("last_custom_event", "more_than_days_ago", 5, "Seen"),
        "b",
    ),
    Case(
        "X custom event in Y days",
        "D",
        EVENTS,
        is_("custom_event_in_days", "more_than", 1, "Seen", days=7),
        "a",
    ),
    Case(
        "X custom event in Y days counts calendar days of UTC",
        "D",
        EVENTS,
        is_("custom_event_in_days", "exactly", 0, "Seen", days=1),
        "abcd",
    ),
    Case(
        "X custom event property in Y days",
        "D",
        EVENTS,
        is_(
            "event_property_in_days",
            "exactly",
            1,
            "Seen",
            days=30,
            property="color",
            criteria=criteria(("", "equals", "red")),
        ),
        "a",
    ),
    Case(
        "X custom event property in Y days: a number",
        "D",
        EVENTS,
        is_(
            "event_property_in_days",
            "more_than",
            0,
            "Seen",
            days=30,
            property="color",
            criteria=criteria(("", "number_more_than", 4)),
        ),
        "b",
    ),
    Case("purchased product", "D", PURCHASES, is_("purchased_product", "has", name="shoe"), "a"),
    Case("did not purchase product", "D", PURCHASES, is_("purchased_product", "has_not", name="shoe"), "bcd"),
    Case("first made purchase", "D", PURCHASES, is_("first_purchase", "before", "2025-06-01"), "b"),
    Case("last made purchase", "D", PURCHASES, is_("last_purchase", "less_than_days_ago", 3), "a"),
    Case(
        "first purchased product",
        "D",
        PURCHASES,
        is_("first_purchased_product", "after", "2025-01-01", "hat"),
        "b",
    ),
    Case(
        "last purchased product",
        "D",
        PURCHASES,
        is_("last_purchased_product", "more_than_days_ago", 30, "hat"),
        "b",
    ),
    Case("total number of purchases counts quantities", "D", PURCHASES, is_("purchases", "exactly", 2), "a"),
    Case("money spent", "D", PURCHASES, is_("money_spent", "more_than", 10), "a"),
    Case("X purchases in Y days", "D", PURCHASES, is_("purchases_in_days", "more_than", 1, days=30), "a"),
    Case(
        "X product purchased in Y days",
        "D",
        PURCHASES,
        is_("product_in_days", "exactly", 2, "shoe", days=3),
        "a",
    ),
    Case(
        "X money spent in Y days", "D", PURCHASES, is_("money_spent_in_days", "more_than", 99, days=30), "a"
    ),
    Case(
        "X purchase property in Y days",
        "D",
        PURCHASES,
        is_(
            "purchase_property_in_days",
            "exactly",
            1,
            "shoe",
            days=30,
            property="color",
            criteria=criteria(("", "equals", "red")),
        ),
        "a",
    ),
    Case("boolean is true", "D", TYPES, is_("boolean_attribute", "true", name="vip"), "a"),
    Case("boolean is false", "D", TYPES, is_("boolean_attribute", "false", name="vip"), "b"),
    Case(
        "boolean is true or not set", "D", TYPES, is_("boolean_attribute", "true_or_unset", name="vip"), "acd"
    ),
    Case(
        "boolean is false or not set",
        "D",
        TYPES,
        is_("boolean_attribute", "false_or_unset", name="vip"),
        "bcd",
    ),
    Case("boolean is blank", "D", TYPES, is_("boolean_attribute", "blank", name="vip"), "cd"),
    Case("boolean is not blank", "D", TYPES, is_("boolean_attribute", "not_blank", name="vip"), "ab"),
    Case("number exactly", "D", TYPES, is_("number_attribute", "exactly", 40, "age"), "a"),
    Case("number exactly 0 finds the unset", "D", TYPES, is_("number_attribute", "exactly", 0, "age"), "bcd"),
    Case(
        "number less than finds the unset", "D", TYPES, is_("number_attribute", "less_than", 1, "age"), "bcd"
    ),
    Case("number more than", "D", TYPES, is_("number_attribute", "more_than", -1, "age"), "ab"),
    Case("number does not equal", "D", TYPES, is_("number_attribute", "not_equal", 40, "age"), "bcd"),
    Case("number is blank", "D", TYPES, is_("number_attribute", "blank", name="age"), "cd"),
    Case(
        "string equals minds the case", "D", TYPES, is_("text_attribute", "equals", "silver", "plan"), NOBODY
    ),
    Case("string equals", "D", TYPES, is_("text_attribute", "equals", "Silver", "plan"), "b"),
    Case(
        "string does not equal finds the blank",
        "D",
        TYPES,
        is_("text_attribute", "not_equal", "gold", "plan"),
        "bcd",
    ),
    Case(
        "string matches a regex in any case",
        "D",
        TYPES,
        is_("text_attribute", "matches", "^SIL", "plan"),
        "b",
    ),
    Case(
        "string does not match a regex",
        "D",
        TYPES,
        is_("text_attribute", "not_matches", "^sil", "plan"),
        "acd",
    ),
    Case("string is any of", "D", TYPES, is_("text_attribute", "any_of", ["gold", "Silver"], "plan"), "ab"),
    Case("string is none of", "D", TYPES, is_("text_attribute", "none_of", ["gold"], "plan"), "bcd"),
    Case("string contains any of", "D", TYPES, is_("text_attribute", "contains_any", ["ol"], "plan"), "a"),
    Case(
        "string contains none of", "D", TYPES, is_("text_attribute", "contains_none", ["ol"], "plan"), "bcd"
    ),
    Case("string is blank", "D", TYPES, is_("text_attribute", "blank", name="plan"), "cd"),
    Case("array includes value", "D", TYPES, is_("array_attribute", "includes", "blue", "tags"), "a"),
    Case(
        "array does not include value",
        "D",
        TYPES,
        is_("array_attribute", "not_includes", "blue", "tags"),
        "bcd",
    ),
    Case("array matches regex", "D", TYPES, is_("array_attribute", "matches", "^BL", "tags"), "a"),
    Case(
        "array does not match regex", "D", TYPES, is_("array_attribute", "not_matches", "^bl", "tags"), "bcd"
    ),
    Case(
        "array includes any of",
        "D",
        TYPES,
        is_("array_attribute", "includes_any", ["blue", "x"], "tags"),
        "a",
    ),
    Case(
        "array includes none of", "D", TYPES, is_("array_attribute", "includes_none", ["red"], "tags"), "cd"
    ),
    Case(
        "array values contain any of", "D", TYPES, is_("array_attribute", "contains_any", ["lu"], "tags"), "a"
    ),
    Case(
        "array values contain none of",
        "D",
        TYPES,
        is_("array_attribute", "contains_none", ["lu"], "tags"),
        "bcd",
    ),
    Case("array is all of", "D", TYPES, is_("array_attribute", "all_of", ["blue", "red"], "tags"), "a"),
    Case("array is not all of", "D", TYPES, is_("array_attribute", "not_all_of", ["red"], "tags"), "acd"),
    Case("array has a value", "D", TYPES, is_("array_attribute", "has_value", name="tags"), "ab"),
    Case("array is empty", "D", TYPES, is_("array_attribute", "empty", name="tags"), "cd"),
    Case("time before", "D", TYPES, is_("time_attribute", "before", "2025-07-01", "joined"), "a"),
    Case("time after", "D", TYPES, is_("time_attribute", "after", "2025-07-01", "joined"), "b"),
    Case(
        "time more than X days ago",
        "D",
        TYPES,
        is_("time_attribute", "more_than_days_ago", 30, "joined"),
        "a",
    ),
    Case(
        "time less than X days ago",
        "D",
        TYPES,
        is_("time_attribute", "less_than_days_ago", 30, "joined"),
        "b",
    ),
    Case(
        "time in less than X days", "D", TYPES, is_("time_attribute", "in_less_than_days", 11, "renews"), "a"
    ),
    Case(
        "time in more than X days", "D", TYPES, is_("time_attribute", "in_more_than_days", 9, "renews"), "a"
    ),
    Case("time on a day of the year", "D", TYPES, is_("time_attribute", "day_of_year", 11, "renews"), "a"),
    Case("time is blank", "D", TYPES, is_("time_attribute", "blank", name="joined"), "cd"),
    Case(
        "nested: one object meets all criteria",
        "D",
        NESTED,
        is_(
            "nested_attribute",
            "has",
            name="cars",
            property="[]",
            criteria=criteria(("make", "equals", "Saab"), ("year", "number_more_than", 2000)),
        ),
        "b",
    ),
    Case(
        "nested: a path to an object",
        "D",
        NESTED,
        is_(
            "nested_attribute",
            "has",
            name="home",
            property="pet",
            criteria=criteria(("kind", "equals", "cat")),
        ),
        "a",
    ),
    Case(
        "nested: has not",
        "D",
        NESTED,
        is_("nested_attribute", "has_not", name="home", criteria=criteria(("rooms", "number_exactly", 3))),
        "bcd",
    ),
    Case("first used app", "D", FILTERS, is_("first_used_app", "before", "2025-12-15"), "a"),
    Case(
        "last used app of one app",
        "D",
        FILTERS,
        is_("last_used_app", "less_than_days_ago", 2, DEFAULT_APP),
        "a",
    ),
    Case(
        "last used app of another",
        "D",
        FILTERS,
        is_("last_used_app", "less_than_days_ago", 2, "other"),
        NOBODY,
    ),
    Case("session count", "D", FILTERS, is_("sessions", "exactly", 2), "a"),
    Case("X sessions in Y days", "D", FILTERS, is_("sessions_in_days", "exactly", 1, days=7), "a"),
    Case("segment membership", "D", FILTERS, is_("segment", "has", name="gold"), "a"),
    Case("no segment membership", "D", FILTERS, is_("segment", "has_not", name="gold"), "bcd"),
    Case("cohort membership", "D", FILTERS, is_("cohort", "has", name="k"), "b"),
    Case("external user id", "D", FILTERS, is_("external_id", "blank"), "d"),
    Case("email address", "D", FILTERS, is_("email_address", "matches", "@EXAMPLE"), "ab"),
    Case("phone number", "D", FILTERS, is_("phone_number", "not_blank"), NOBODY),
    Case(
        "country, language and other fields",
        "D",
        FILTERS,
        is_("profile_field", "equals", "NO", "country"),
        "a",
    ),
    Case("created at", "D", FILTERS, is_("created_at", "less_than_days_ago", 1), ALL),
    Case("random bucket", "D", FILTERS, is_("random_bucket", "less_than", 10_000), ALL),
    Case("email subscription status", "D", FILTERS, is_("email_subscription", "is", "opted_in"), "a"),
    Case("push subscription status", "D", FILTERS, is_("push_subscription", "is_not", "unsubscribed"), "acd"),
    Case(
        "subscription group", "D", FILTERS, is_("subscription_group", "is", "subscribed", DEFAULT_GROUP), "a"
    ),
    Case("received a campaign", "D", FILTERS, is_("received_campaign", "has", name="c1"), "c"),
    Case(
        "filters joined by and",
        "D",
        FILTERS,
        {"all": [is_("boolean_attribute", "not_blank", name="vip"), is_("purchases", "less_than", 2)]},
        "b",
    ),
    Case(
        "filters joined by or, in groups",
        "D",
        FILTERS,
        {"any": [{"all": [is_("external_id", "blank")]}, is_("purchases", "more_than", 1)]},
        "ad",
    ),
]


@table(CASES)
async def test_a_filter_finds_whom_it_should(given, expected):
    """Over the same four people: those named, by count and one by one."""
    sandbox = await town()
    answer = await sandbox.post("/_sandbox/segments/count", {"filter": given})
    assert answer.json == {"count": len(expected), "of": 4}
    workspace = sandbox.app.world.workspaces["sandbox"]
    segment = Segment(id="s", name="S", filter=Filter(**_structured(given)))
    assert await names(sandbox, workspace.members(segment, sandbox.time.ms)) == expected


def _structured(given: dict[str, Any]) -> dict[str, Any]:
    inner = {
        key: [Filter(**_structured(one)) for one in value]
        for key, value in given.items()
        if key in ("all", "any", "criteria")
    }
    return {**given, **inner}


async def test_every_kind_of_filter_has_a_case():
    """A kind nobody tries would go unnoticed."""
    tried = {case.given.get("kind") for case in CASES}
    assert set(KINDS) - tried == set()


BAD_FILTERS = [
    (is_("nope", "exactly", 1), "kind 'nope' is unknown"),
    (is_("purchases", "equals", 1), "comparator 'equals' is unknown"),
    (is_("purchases", "exactly", "x"), "value must be a number"),
    (is_("custom_event", "exactly", 1), "name is missing"),
    (is_("custom_event_in_days", "exactly", 1, "Seen", days=31), "days must be 1 to 30"),
    (is_("text_attribute", "matches", "(", "plan"), "no regular expression"),
    (is_("text_attribute", "any_of", [], "plan"), "a list of 1 to 256"),
    (is_("time_attribute", "before", "soon", "joined"), "value must be a date"),
    (is_("segment", "has", name="nope"), "segment 'nope' is unknown"),
    (
        is_(
            "event_property_in_days",
            "exactly",
            1,
            "Seen",
            days=1,
            property="size",
            criteria=criteria(("", "equals", "x")),
        ),
        "not enabled for segmentation",
    ),
]


@rule("a filter that cannot be is refused in words, and no segment is made", "S", OURS)
@pytest.mark.parametrize(("given", "said"), BAD_FILTERS, ids=[said for _, said in BAD_FILTERS])
async def test_a_bad_filter_is_refused(given, said):
    """Counting, adding, seeding: all the same."""
    sandbox = await town()
    segment = {"id": "new", "name": "New", "filter": given}
    for path, body in (
        ("segments/count", {"filter": given}),
        ("segments", segment),
        ("seed", {"workspaces": [{"segments": [segment]}], "keys": []}),
    ):
        answer = await sandbox.post(f"/_sandbox/{path}", body)
        assert answer.status == 400
        assert said in answer.json["error"]
    assert (await sandbox.totals())["people"] == 4


async def test_a_segment_in_itself_is_refused():
    """Rather than asked about for ever."""
    sandbox = await town()
    for name, inside in (("a", "gold"), ("b", "a"), ("a", "b")):
        body = {"id": name, "name": name, "filter": is_("segment", "has", name=inside)}
        answer = await sandbox.post("/_sandbox/segments", body)
    assert (answer.status, "in itself" in answer.json["error"]) == (400, True)


@rule("series and exports of a segment use its filters", "D", EXPORT)
async def test_a_built_segment_is_used_everywhere():
    """Added over the control API, then listed, counted, exported and removed."""
    sandbox = await town()
    body = {"id": "buyers", "name": "Buyers", "filter": is_("purchases", "more_than", 0)}
    assert (await sandbox.post("/_sandbox/segments", body)).status == 201
    listed = (await sandbox.get("/segments/list")).json["segments"]
    assert "buyers" in [one["id"] for one in listed]
    series = (await sandbox.get("/segments/data_series?segment_id=buyers&length=1")).json
    assert series["data"][0]["size"] == 2
    shown = (await sandbox.get("/sessions/data_series?segment_id=gold&length=2")).json["data"]
    assert [one["sessions"] for one in shown] == [1, 0]
    counted = (await sandbox.get("/events/data_series?event=Seen&segment_id=gold&length=2")).json["data"]
    assert [one["count"] for one in counted] == [2, 0]
    assert (await sandbox.send("DELETE", "/_sandbox/segments/buyers")).status == 200
    assert (await sandbox.send("DELETE", "/_sandbox/segments/buyers")).status == 404
    assert (await sandbox.get("/segments/data_series?segment_id=buyers&length=1")).status == 400


@rule("a finished export is posted to callback_endpoint as success and url", "D", EXPORT)
async def test_an_export_calls_back_when_it_is_over():
    """Once, when the export has run; as one gzip if asked for."""
    sandbox = await town()
    await sandbox.send("PATCH", "/_sandbox/switches", {"segment_export_ms": 5_000})
    body = {
        "segment_id": "gold",
        "fields_to_export": ["external_id"],
        "output_format": "gzip",
        "callback_endpoint": "http://127.0.0.1:1/done",
    }
    answer = (await sandbox.post("/users/export/segment", body)).json
    called: list[tuple[str, Any]] = []

    async def post(url, headers, content):
        called.append((url, orjson.loads(content)))
        return 200

    world = sandbox.app.world
    world.settle(sandbox.time.ms)
    assert await world.reach_out(post) == 0
    sandbox.time.ms += 5_000
    world.settle(sandbox.time.ms)
    assert await world.reach_out(post) == 1
    assert called == [("http://127.0.0.1:1/done", {"success": True, "url": answer["url"]})]
    path = "/" + answer["url"].split("/", 3)[3]
    export = await sandbox.get(path)
    assert export.headers["content-type"] == "application/gzip"
    assert gzip.decompress(export.body) == b'{"external_id":"ann"}\n'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(sorted({said for kind in KINDS.values() for said in kind.family})),
    VALUES,
    st.integers(-5, 40),
)
def test_any_filter_decides_or_says_why_not(kind, comparator, value, days):
    """A made filter answers about anybody; a bad one is a ValueError, nothing else."""
    people = People()
    person = people.create(0, external_id="u")
    person.custom = {"n": value}
    wanted = Filter(
        kind=kind, comparator=comparator, value=value, days=days, name="n", property="n", criteria=[]
    )
    try:
        test = compiled(wanted, Scope(1_767_225_600_000))
    except ValueError:
        return
    assert test(person) in (True, False)

"""Events and purchases: what is refused, what is left out, what is remembered, what it costs."""

import orjson
import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import CLIENTS, EVENTS, OURS, POINTS, PURCHASES, TRACK, Case, rule, table

from segue.sandbox.seed import Key, Seed
from segue.sandbox.workspace import Furnishing

EVENT = {"external_id": "u", "name": "Hi", "time": "2025-12-01T10:00:00Z"}
PURCHASE = {
    "external_id": "u",
    "product_id": "p",
    "currency": "USD",
    "price": 9.99,
    "time": "2025-12-01T10:00:00Z",
}
MISSING = "left out"
CURRENCIES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTC BTN BWP BYR BZD CAD
CDF CHF CLF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EEK EGP ERN ETB EUR FJD FKP GBP GEL GGP GHS GIP
GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS IMP INR IQD IRR ISK JEP JMD JOD JPY KES KGS KHR KMF KPW KRW KWD
KYD MXN NOK NZD PLN SEK SGD THB TRY UAH USD UYU UZS VND ZAR ZMW
"""
NO_CURRENCY = "'currency' must be an ISO 4217 currency"

BAD_EVENTS = [
    Case("event without name", "A", OURS, {"name": MISSING}, "'name' is required", switch="texts"),
    Case("event with an empty name", "A", OURS, {"name": ""}, "'name' is required", switch="texts"),
    Case("event name that is no text", "A", OURS, {"name": ["Hi"]}, "'name' is not valid", switch="texts"),
    Case(
        "event name over 255 characters",
        "A",
        EVENTS,
        {"name": "x" * 256},
        "'name' is not valid",
        switch="long_event_name",
    ),
    Case("event without time", "A", OURS, {"time": MISSING}, "'time' is required", switch="texts"),
    Case("event time no date", "A", OURS, {"time": "soon"}, "'time' is not valid", switch="texts"),
    Case("event time a number", "A", OURS, {"time": 1_764_583_200}, "'time' is not valid", switch="texts"),
    Case(
        "event properties no object",
        "A",
        OURS,
        {"properties": [1]},
        "'properties' is not valid",
        switch="bad_properties",
    ),
    Case(
        "event properties text",
        "A",
        OURS,
        {"properties": ""},
        "'properties' is not valid",
        switch="bad_properties",
    ),
    Case(
        "event properties over 102,400 bytes",
        "D+",
        EVENTS,
        {"properties": {"a": ["x" * 200] * 520}},
        "'properties' is too large",
    ),
]
BAD_PURCHASES = [
    Case(
        "purchase without product_id",
        "A",
        OURS,
        {"product_id": MISSING},
        "'product_id' is required",
        switch="texts",
    ),
    Case(
        "product_id over 255 characters",
        "D",
        PURCHASES,
        {"product_id": "x" * 256},
        "'product_id' is not valid",
    ),
    Case(
        "purchase without currency",
        "A",
        OURS,
        {"currency": MISSING},
        "'currency' is required",
        switch="texts",
    ),
    Case("currency outside ISO 4217", "D+", TRACK, {"currency": "ZZZ"}, NO_CURRENCY),
    Case(
        "currency in small letters", "A", OURS, {"currency": "usd"}, NO_CURRENCY, switch="currency_any_case"
    ),
    Case("currency no text", "A", OURS, {"currency": 840}, NO_CURRENCY, switch="texts"),
    Case("purchase without price", "A", OURS, {"price": MISSING}, "'price' is required", switch="texts"),
    Case("price as text", "A", OURS, {"price": "9.99"}, "'price' is not valid", switch="price_as_text"),
    Case("price a boolean", "A", OURS, {"price": True}, "'price' is not valid", switch="texts"),
    Case("quantity 0", "O", CLIENTS, {"quantity": 0}, "'quantity' is not valid"),
    Case("quantity 101", "O", CLIENTS, {"quantity": 101}, "'quantity' is not valid"),
    Case("quantity 1.5", "O", CLIENTS, {"quantity": 1.5}, "'quantity' is not valid"),
    Case("quantity as text", "O", CLIENTS, {"quantity": "2"}, "'quantity' is not valid"),
    Case("purchase without time", "A", OURS, {"time": MISSING}, "'time' is required", switch="texts"),
    Case("purchase time no date", "A", OURS, {"time": "2025-13-01"}, "'time' is not valid", switch="texts"),
    Case(
        "purchase properties no object",
        "A",
        OURS,
        {"properties": 7},
        "'properties' is not valid",
        switch="bad_properties",
    ),
]


def changed(item, given):
    """An object with fields replaced or left out."""
    return {name: value for name, value in {**item, **given}.items() if value != MISSING}


@table(BAD_EVENTS)
async def test_a_bad_event_is_an_error(given, expected):
    """At its index; nothing of it is logged."""
    sandbox = client()
    answer = await sandbox.track(events=[EVENT, changed(EVENT, given)])
    assert answer.json["errors"] == [{"type": expected, "input_array": "events", "index": 1}]
    assert (await sandbox.totals())["events"] == 1


@table(BAD_PURCHASES)
async def test_a_bad_purchase_is_an_error(given, expected):
    """At its index; nothing of it is logged."""
    sandbox = client()
    answer = await sandbox.track(purchases=[changed(PURCHASE, given), PURCHASE])
    assert answer.json["errors"] == [{"type": expected, "input_array": "purchases", "index": 0}]
    assert (await sandbox.totals())["purchases"] == 1


TIMES = [
    Case("ISO 8601 with zone", "D", EVENTS, "2025-12-01T12:00:00+02:00", "2025-12-01T10:00:00.000Z"),
    Case("ISO 8601 without zone is UTC", "D", EVENTS, "2025-12-01T10:00:00", "2025-12-01T10:00:00.000Z"),
    Case("milliseconds after a colon", "D", EVENTS, "2025-12-01T10:00:00:123Z", "2025-12-01T10:00:00.123Z"),
    Case("a blank for the T", "D", EVENTS, "2025-12-01 10:00:00", "2025-12-01T10:00:00.000Z"),
    Case("a plain day", "D", EVENTS, "2025-12-01", "2025-12-01T00:00:00.000Z"),
    Case("American order", "D", EVENTS, "12/01/2025", "2025-12-01T00:00:00.000Z"),
    Case(
        "weekday, month, day, time, zone, year",
        "D",
        EVENTS,
        "Mon 12 01 10:00:00.UTC 2025",
        "2025-12-01T10:00:00.000Z",
    ),
    Case("the future is now", "D", EVENTS, "2030-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
]


@table(TIMES)
async def test_a_time_is_read_in_every_documented_form(given, expected):
    """Events and purchases alike."""
    sandbox = client()
    await sandbox.track(events=[{**EVENT, "time": given}], purchases=[{**PURCHASE, "time": given}])
    person = await sandbox.person("u")
    assert (person["events"][0]["time"], person["purchases"][0]["time"]) == (expected, expected)


PROPERTIES = [
    Case(
        "time and event_name are reserved in event properties",
        "D",
        EVENTS,
        {"time": 1, "event_name": 2, "price": 3},
        {"price": 3},
    ),
    Case("a property name with a leading dollar is left out", "D", EVENTS, {"$a": 1, "b$": 2}, {"b$": 2}),
    Case("an empty property name is left out", "D", EVENTS, {"": 1, "a": 2}, {"a": 2}),
    Case("a property name over 255 characters is left out", "D", EVENTS, {"a" * 256: 1, "a": 2}, {"a": 2}),
    Case(
        "a text property over 255 characters is left out",
        "S",
        EVENTS,
        {"a": "x" * 256, "b": "x" * 255},
        {"b": "x" * 255},
    ),
    Case("a property name of 255 characters is kept", "D", EVENTS, {"é" * 255: 1}, {"é" * 255: 1}),
    Case(
        "numbers, booleans, dates and arrays are kept",
        "D",
        EVENTS,
        {"i": 1, "f": 0.5, "b": True, "t": "2025-12-01T10:00:00Z", "l": ["a", 1]},
        {"i": 1, "f": 0.5, "b": True, "t": "2025-12-01T10:00:00Z", "l": ["a", 1]},
    ),
    Case(
        "purchase names are free in event properties",
        "D",
        EVENTS,
        {"product_id": "p", "quantity": 1, "currency": "USD"},
        {"product_id": "p", "quantity": 1, "currency": "USD"},
    ),
    Case(
        "nested properties are kept",
        "D",
        EVENTS,
        {"a": {"b": [1, {"c": None}]}},
        {"a": {"b": [1, {"c": None}]}},
    ),
]


@table(PROPERTIES)
async def test_properties_that_cannot_be_kept_are_left_out(given, expected):
    """With a warning; the event counts."""
    sandbox = client()
    answer = await sandbox.track(events=[{**EVENT, "properties": given}])
    assert answer.json == {"message": "success", "events_processed": 1}
    assert bool(await sandbox.warnings()) == (given != expected)
    assert (await sandbox.person("u"))["events"][0]["properties"] == expected


@rule("of more than 256 properties the first 256 are kept", "D", EVENTS)
async def test_only_the_first_256_properties_are_kept():
    """No error."""
    sandbox = client()
    await sandbox.track(events=[{**EVENT, "properties": {f"p{n}": n for n in range(300)}}])
    assert list((await sandbox.person("u"))["events"][0]["properties"]) == [f"p{n}" for n in range(256)]


@pytest.mark.parametrize("more", [0, 1])
@rule("properties of exactly 102,400 bytes pass, one byte more does not", "D+", EVENTS)
async def test_the_largest_properties_pass(more):
    """Of events and of purchases."""
    properties = {f"p{number:03}": "x" * 249 for number in range(250)}
    room = 102_400 - len(orjson.dumps(properties | {"rest": [""]}))
    properties["rest"] = ["x" * (room + more)]
    assert len(orjson.dumps(properties)) == 102_400 + more
    answer = await client().track(
        events=[{**EVENT, "properties": properties}, EVENT],
        purchases=[{**PURCHASE, "properties": properties}, PURCHASE],
    )
    assert [error["type"] for error in answer.json.get("errors", [])] == [
        "'properties' is too large"
    ] * 2 * more


LARGEST = [
    Case(
        "a name of 255 characters",
        "A",
        EVENTS,
        ("events", {**EVENT, "name": "é" * 255}),
        1,
        switch="long_event_name",
    ),
    Case(
        "a product_id of 255 characters",
        "D",
        PURCHASES,
        ("purchases", {**PURCHASE, "product_id": "é" * 255}),
        1,
    ),
    Case("a quantity of 100", "D", PURCHASES, ("purchases", {**PURCHASE, "quantity": 100}), 100),
    Case("no quantity is one", "D", PURCHASES, ("purchases", PURCHASE), 1),
    Case("app_id is kept", "D", EVENTS, ("events", {**EVENT, "app_id": "app"}), 1),
    Case("app_id of a purchase is kept", "D", PURCHASES, ("purchases", {**PURCHASE, "app_id": "app"}), 1),
]


@table(LARGEST)
async def test_the_largest_occurrences_are_kept(given, expected):
    """As sent, and counted."""
    array, item = given
    sandbox = client()
    assert (await sandbox.track(**{array: [item]})).json == {"message": "success", f"{array}_processed": 1}
    snapshot = (await sandbox.get("/_sandbox/snapshot")).json["workspaces"][0]["people"][0]
    kept = snapshot[array][0]
    assert {name: kept[name] for name in item.keys() & kept.keys()} == {
        name: item[name] for name in item.keys() & kept.keys()
    }
    assert kept.get("app_id") == item.get("app_id")
    (summary,) = snapshot["event_summaries" if array == "events" else "purchase_summaries"].values()
    assert summary["count"] == expected


@rule("every currency the page prints is accepted", "D", PURCHASES)
async def test_every_printed_currency_is_accepted():
    """In capitals; 75 to a request."""
    sandbox, codes = client(), CURRENCIES.split()
    for start in range(0, len(codes), 75):
        bought = [{**PURCHASE, "currency": code} for code in codes[start : start + 75]]
        assert (await sandbox.track(purchases=bought)).json == {
            "message": "success",
            "purchases_processed": len(bought),
        }


@rule("a product id seen first is a product from then on", "D", PURCHASES)
async def test_new_products_are_listed_by_themselves():
    """By its first purchase."""
    sandbox = client()
    await sandbox.track(purchases=[{**PURCHASE, "product_id": name} for name in ("b", "a", "b")])
    assert (await sandbox.get("/purchases/product_list")).json["products"] == ["a", "b"]


@rule("a blocklisted event or product is dropped silently", "D", EVENTS)
async def test_what_is_blocklisted_is_no_error():
    """The answer is that of a success; nobody is made for it."""
    workspace = Furnishing(blocklisted_events=["Noise"], blocklisted_products=["junk"])
    sandbox = client(seed=Seed(workspaces=[workspace], keys=[Key(key="sandbox")]))
    answer = await sandbox.track(
        events=[{**EVENT, "name": "Noise"}], purchases=[{**PURCHASE, "product_id": "junk"}]
    )
    assert (answer.status, answer.json) == (
        201,
        {"message": "success", "events_processed": 1, "purchases_processed": 1},
    )
    assert (await sandbox.totals())["people"] == 0
    assert (await sandbox.get("/events/list")).json["events"] == []


@rule("reserved names inside properties are an API error", "D", EVENTS)
async def test_reserved_property_names_can_be_refused():
    """By switch, in both arrays; purchases reserve more names."""
    sandbox = client(switches={"reserved_properties": "refuse"})
    answer = await sandbox.track(
        events=[{**EVENT, "properties": {"time": 1}}, {**EVENT, "properties": {"price": 1}}],
        purchases=[{**PURCHASE, "properties": {"currency": 1}}],
    )
    assert answer.json["errors"] == [
        {"type": "Invalid 'properties' field", "input_array": "events", "index": 0},
        {"type": "Invalid 'properties' field", "input_array": "purchases", "index": 0},
    ]


@rule("purchase properties reserve time, product_id, quantity, event_name, price, currency", "D", PURCHASES)
async def test_reserved_purchase_properties_are_left_out():
    """By default with a warning each."""
    sandbox = client()
    names = ["time", "product_id", "quantity", "event_name", "price", "currency"]
    await sandbox.track(purchases=[{**PURCHASE, "properties": {**dict.fromkeys(names, 1), "size": "M"}}])
    assert (await sandbox.person("u"))["purchases"][0]["properties"] == {"size": "M"}
    assert await sandbox.warnings() == ["reserved-property"] * 6


@rule("a quantity of X counts as X purchases; revenue is price times quantity", "D", PURCHASES)
async def test_revenue_is_price_times_quantity():
    """A negative price is a refund and counts as a purchase."""
    sandbox = client()
    await sandbox.track(purchases=[{**PURCHASE, "quantity": 3}, {**PURCHASE, "price": -5}])
    person = await sandbox.person("u")
    assert (person["purchase_summaries"]["p"]["count"], person["total_revenue"]) == (4, 24.97)


@rule("amounts are shown in US dollars at the day's rate", "D", PURCHASES)
async def test_other_currencies_are_converted_at_the_given_rate():
    """The sandbox has no rates of its own: without one a unit counts as a dollar."""
    sandbox = client(switches={"usd_rates": {"EUR": 1.25}})
    await sandbox.track(
        purchases=[{**PURCHASE, "price": 8, "currency": "EUR"}, {**PURCHASE, "price": 1, "currency": "JPY"}]
    )
    assert (await sandbox.person("u"))["total_revenue"] == 11.0


@rule("a currency in small letters may be accepted", "A", OURS, switch="currency_any_case")
async def test_a_currency_in_small_letters_can_be_accepted():
    """By switch."""
    sandbox = client(switches={"currency_any_case": True})
    await sandbox.track(purchases=[{**PURCHASE, "currency": "eur"}])
    assert (await sandbox.person("u"))["purchases"][0]["currency"] == "EUR"


@rule("an event's summary keeps first, last and count", "D", "Export user profile by identifier")
async def test_a_summary_keeps_first_last_and_count():
    """In whatever order they come."""
    sandbox = client()
    days = ["2025-12-03", "2025-12-01", "2025-12-02", "2025-12-01"]
    await sandbox.track(events=[{**EVENT, "time": day} for day in days])
    answer = await sandbox.post(
        "/users/export/ids", {"external_ids": ["u"], "fields_to_export": ["custom_events"]}
    )
    assert answer.json["users"] == [
        {
            "custom_events": [
                {
                    "name": "Hi",
                    "first": "2025-12-01T00:00:00.000Z",
                    "last": "2025-12-03T00:00:00.000Z",
                    "count": 4,
                }
            ]
        }
    ]
    people = sandbox.app.world.workspaces["sandbox"].people
    assert sorted(people.by_external_id("u").event_days("Hi").values()) == [1, 1, 2]


COSTS = [
    Case("an event: 1", "D", POINTS, ("events", EVENT), 1),
    Case("an event with properties: 1", "D", POINTS, ("events", {**EVENT, "properties": {"size": 1}}), 1),
    Case(
        "an event with a segmentable property: 2",
        "D",
        POINTS,
        ("events", {**EVENT, "properties": {"color": 1}}),
        2,
    ),
    Case(
        "a purchase with a segmentable property: 2",
        "D",
        POINTS,
        ("purchases", {**PURCHASE, "properties": {"size": 1}}),
        2,
    ),
    Case("a purchase: 1", "D", POINTS, ("purchases", PURCHASE), 1),
    Case(
        "a purchase of 5: 5",
        "A",
        POINTS,
        ("purchases", {**PURCHASE, "quantity": 5}),
        5,
        switch="metered_quantity",
    ),
    Case("a blocklisted event: 0", "D", POINTS, ("events", {**EVENT, "name": "Noise"}), 0),
    Case("a blocklisted product: 0", "D", POINTS, ("purchases", {**PURCHASE, "product_id": "junk"}), 0),
]


@table(COSTS)
async def test_an_occurrence_costs_the_documented_data_points(given, expected):
    """What is blocklisted is not even logged."""
    array, item = given
    workspace = Furnishing(
        segmentable={"Hi": ["color"], "p": ["size"]},
        blocklisted_events=["Noise"],
        blocklisted_products=["junk"],
    )
    sandbox = client(seed=Seed(workspaces=[workspace], keys=[Key(key="sandbox")]))
    assert (await sandbox.track(**{array: [item]})).status == 201
    totals = await sandbox.totals()
    assert totals["data_points"][array] == expected
    assert totals[array] == int(expected > 0)

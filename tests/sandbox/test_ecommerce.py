"""Ecommerce recommended events: the strict schema, the carts, the totals."""

from tests.sandbox.client import client
from tests.sandbox.rules import ECOMMERCE, OURS, POINTS, Case, rule, table

PRODUCT = {"product_id": "p", "product_name": "Shoe", "variant_id": "v", "quantity": 2, "price": 10.5}
ORDER = {"order_id": "o1", "total_value": 21.0, "currency": "EUR", "products": [PRODUCT], "source": "web"}
MISSING = "left out"


def event(name, properties, time="2025-12-01T10:00:00Z"):
    """An ecommerce event."""
    return {"external_id": "u", "name": f"ecommerce.{name}", "time": time, "properties": properties}


def changed(properties, given):
    """Properties replaced or left out."""
    return {name: value for name, value in {**properties, **given}.items() if value != MISSING}


VIOLATIONS = [
    Case("order_id missing", "D+", ECOMMERCE, {"order_id": MISSING}, "'order_id' is required"),
    Case("order_id null", "S", OURS, {"order_id": None}, "'order_id' is required"),
    Case("an extra property", "D+", ECOMMERCE, {"coupon": "X"}, "'coupon' is not allowed"),
    Case("money as text", "D+", ECOMMERCE, {"total_value": "29.99"}, "'total_value' must be a float"),
    Case("money below zero", "D+", ECOMMERCE, {"total_value": -1}, "'total_value' must be a float"),
    Case(
        "currency outside ISO 4217",
        "D+",
        ECOMMERCE,
        {"currency": "EURO"},
        "'currency' must be an ISO 4217 currency",
    ),
    Case("products no array", "D+", ECOMMERCE, {"products": PRODUCT}, "'products' must be a array"),
    Case(
        "a product without variant_id",
        "D+",
        ECOMMERCE,
        {"products": [changed(PRODUCT, {"variant_id": MISSING})]},
        "'variant_id' is required",
    ),
    Case(
        "a product with a fractional quantity",
        "D+",
        ECOMMERCE,
        {"products": [{**PRODUCT, "quantity": 1.5}]},
        "'quantity' must be a integer",
    ),
    Case(
        "a product with an extra key",
        "D+",
        ECOMMERCE,
        {"products": [{**PRODUCT, "sku": 1}]},
        "'sku' is not allowed",
    ),
]


@table(VIOLATIONS)
async def test_a_schema_violation_drops_the_event(given, expected):
    """Reported at its index with message success; nothing is kept of it."""
    sandbox = client()
    answer = await sandbox.track(
        events=[event("order_placed", ORDER), event("order_placed", changed(ORDER, given))]
    )
    assert (answer.status, answer.json["message"]) == (201, "success")
    assert answer.json["errors"] == [{"type": expected, "input_array": "events", "index": 1}]
    assert (await sandbox.totals())["events"] == 1


@rule("a name near to a recommended one is an ordinary event", "D+", ECOMMERCE)
async def test_a_near_miss_is_an_ordinary_event():
    """No validation, no error, no totals."""
    sandbox = client()
    answer = await sandbox.track(events=[event("OrderPlaced", {"anything": "goes"})])
    assert answer.json == {"message": "success", "events_processed": 1}
    assert (await sandbox.person("u"))["commerce"] is None


CART = {"cart_id": "c", "currency": "EUR", "products": [PRODUCT], "source": "web", "total_value": 21.0}
VALID = [
    Case(
        "product_viewed",
        "D+",
        ECOMMERCE,
        (
            "product_viewed",
            {
                "product_id": "p",
                "product_name": "Shoe",
                "variant_id": "v",
                "price": 1,
                "currency": "EUR",
                "source": "web",
                "type": ["price_drop"],
                "metadata": {"a": 1},
            },
        ),
        0,
    ),
    Case("cart_updated with a total", "D+", ECOMMERCE, ("cart_updated", CART), 0),
    Case(
        "cart_updated adding needs no total",
        "D+",
        ECOMMERCE,
        ("cart_updated", changed({**CART, "action": "add"}, {"total_value": MISSING})),
        0,
    ),
    Case(
        "cart_updated replacing needs one",
        "D+",
        ECOMMERCE,
        ("cart_updated", changed({**CART, "action": "replace"}, {"total_value": MISSING})),
        1,
    ),
    Case(
        "checkout_started",
        "D+",
        ECOMMERCE,
        (
            "checkout_started",
            {
                "checkout_id": "k",
                "total_value": 1,
                "currency": "EUR",
                "products": [],
                "source": "web",
                "tax": 0.5,
            },
        ),
        0,
    ),
    Case(
        "order_placed with discounts",
        "D+",
        ECOMMERCE,
        ("order_placed", {**ORDER, "discounts": [{"code": "X", "amount": 1}], "total_discounts": 1}),
        0,
    ),
    Case("order_refunded", "D+", ECOMMERCE, ("order_refunded", ORDER), 0),
    Case("order_cancelled needs a reason", "D+", ECOMMERCE, ("order_cancelled", ORDER), 1),
    Case("order_cancelled", "D+", ECOMMERCE, ("order_cancelled", {**ORDER, "cancel_reason": "late"}), 0),
]


@table(VALID)
async def test_each_recommended_event_has_its_schema(given, expected):
    """`expected` is the number of errors."""
    answer = await client().track(events=[event(*given), {**event("x", {}), "name": "ordinary"}])
    assert len(answer.json.get("errors", [])) == expected


PLACED = ("order_id", "total_value", "currency", "products", "source")
TOTALS = ("subtotal_value", "tax", "shipping")
CUTS = ("total_discounts", "discounts")
SCHEMAS = {
    "product_viewed": (
        ("product_id", "product_name", "variant_id", "price", "currency", "source"),
        ("image_url", "product_url", "type", "metadata"),
    ),
    "cart_updated": (
        ("cart_id", "currency", "products", "source", "total_value"),
        ("action", *TOTALS, "metadata"),
    ),
    "checkout_started": (
        ("checkout_id", "total_value", "currency", "products", "source"),
        ("cart_id", *TOTALS, "metadata"),
    ),
    "order_placed": (PLACED, ("cart_id", *TOTALS, *CUTS, "metadata")),
    "order_refunded": (PLACED, (*CUTS, "metadata")),
    "order_cancelled": ((*PLACED, "cancel_reason"), (*TOTALS, *CUTS, "metadata")),
}
"""The printed table: each event's required and optional properties."""
NUMBERS = ("price", "total_value", "total_discounts", *TOTALS)
OF_THEIR_KIND = {
    **dict.fromkeys(NUMBERS, 1.5),
    "currency": "EUR",
    "products": [{**PRODUCT, "image_url": "i", "product_url": "u", "metadata": {"a": 1}}],
    "metadata": {"a": 1},
    "type": ["price_drop", "back_in_stock"],
    "action": "replace",
    "discounts": [{"code": "X", "amount": 1}],
}


def whole(names):
    """Properties of their kinds."""
    return {name: OF_THEIR_KIND.get(name, "text") for name in names}


@table(
    [
        Case(f"the schema of {name}, every property", "D+", ECOMMERCE, name, schema)
        for name, schema in SCHEMAS.items()
    ]
)
async def test_every_property_of_a_recommended_event_is_held_to_the_schema(given, expected):
    """All at once pass; one required less, one of another kind, one too many does not."""
    required, optional = expected
    good = whole([*required, *optional])
    wrong = [
        *(
            ({key: one for key, one in good.items() if key != name}, f"'{name}' is required")
            for name in required
        ),
        *(({**good, name: 7 if not isinstance(good[name], float) else "7"}, name) for name in good),
        *(({**good, name: -0.01}, name) for name in good if name in NUMBERS),
        ({**good, "extra": 1}, "'extra' is not allowed"),
    ]
    if given == "product_viewed":
        wrong.append(({**good, "type": ["sold_out"]}, "type"))
    if "products" in good:
        wrong += [
            ({**good, "products": [changed(PRODUCT, {name: MISSING})]}, f"'{name}' is required")
            for name in PRODUCT
        ]
    sandbox = client()
    assert (await sandbox.track(events=[event(given, good), event(given, whole(required))])).json == {
        "message": "success",
        "events_processed": 2,
    }
    for properties, says in wrong:
        answer = await sandbox.track(events=[event(given, good), event(given, properties)])
        (error,) = answer.json["errors"]
        assert says in error["type"], properties
        assert (error["index"], answer.json["events_processed"]) == (1, 1)


@rule("properties of a recommended event are capped at 102,400 bytes too", "D+", ECOMMERCE)
async def test_recommended_events_are_capped():
    """Metadata counts."""
    order = {**ORDER, "metadata": {"a": "x" * 102_400}}
    answer = await client().track(events=[event("order_placed", ORDER), event("order_placed", order)])
    assert [error["type"] for error in answer.json["errors"]] == ["'properties' is too large"]


@rule("valid recommended events cost no data points", "D+", POINTS)
async def test_recommended_events_are_free():
    """The ordinary event beside them is not."""
    sandbox = client()
    await sandbox.track(events=[event("order_placed", ORDER), {**event("x", {}), "name": "ordinary"}])
    assert (await sandbox.totals())["data_points"]["events"] == 1


@rule("revenue is placed less refunded; orders are placed less cancelled", "D+", ECOMMERCE)
async def test_orders_add_up():
    """Cancelling leaves the revenue alone, refunding the number of orders."""
    sandbox = client()
    await sandbox.track(
        events=[
            event("order_placed", ORDER),
            event("order_placed", ORDER),
            event("order_placed", {**ORDER, "order_id": "o2", "total_value": 9}),
            event("order_cancelled", {**ORDER, "order_id": "o2", "cancel_reason": "late"}),
            event("order_refunded", {**ORDER, "total_value": 1}),
        ]
    )
    commerce = (await sandbox.person("u"))["commerce"]
    assert (commerce["total_orders"], commerce["total_revenue"], commerce["refund_cents"]) == (1, 50.0, 100)


@rule("a cart follows replace, add and remove, by time, until checked out or 30 days old", "D+", ECOMMERCE)
async def test_a_cart_follows_its_updates():
    """Older events, empty ones and those after the order change nothing."""
    sandbox = client()

    async def update(action, quantity, day, products=None):
        listed = [{**PRODUCT, "quantity": quantity}] if products is None else products
        await sandbox.track(
            events=[event("cart_updated", {**CART, "action": action, "products": listed}, f"2025-{day}")]
        )
        return (await sandbox.person("u"))["commerce"]["carts"]["c"]["items"].get("p/v", 0)

    assert await update("replace", 3, "10-01") == 3
    assert await update("add", 2, "10-02") == 5
    assert await update("remove", 1, "10-03") == 4
    assert await update("replace", 9, "10-02") == 4
    assert await update("replace", 9, "10-04", products=[]) == 4
    assert await update("add", 1, "11-30") == 1
    await sandbox.track(events=[event("order_placed", {**ORDER, "cart_id": "c"}, "2025-12-01")])
    assert await update("add", 1, "12-02") == 1

"""Events and purchases of /users/track: checked, then logged and summed up on a person.

Source  Braze docs, "Event object", "Purchase object", "Custom event properties", read 2026-11-23
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import orjson

from segue.sandbox import campaigns, custom, ecommerce, identity
from segue.sandbox.dates import read_time
from segue.sandbox.exchange import Call
from segue.sandbox.identity import Target
from segue.sandbox.person import NO_PROPERTIES, Occurrence, Person, Purchase, Summary
from segue.sandbox.places import CURRENCIES
from segue.sandbox.registry import Tally
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Workspace

TEXT_LIMIT = 255
PROPERTIES_BYTES = 102_400
PROPERTY_COUNT = 256
PRICE_LIMIT = 1e9
"""Ours, far beyond any price: keeps cents within 64 bits."""

RESERVED_EVENT = frozenset({"time", "event_name"})
RESERVED_PURCHASE = frozenset({"time", "product_id", "quantity", "event_name", "price", "currency"})


class EventDeed(NamedTuple):
    """A checked event; `name` is empty when a blocklist swallows it."""

    target: Target
    create: bool
    name: str
    time_ms: int
    app_id: str | None
    properties: msgspec.Raw
    order: dict[str, Any] | None
    """The properties again when it is an ecommerce event."""
    points: int
    where: int


class PurchaseDeed(NamedTuple):
    """A checked purchase; `product_id` is empty when a blocklist swallows it."""

    target: Target
    create: bool
    product_id: str
    time_ms: int
    app_id: str | None
    currency: str
    price: float
    quantity: int
    properties: msgspec.Raw
    points: int
    where: int


def check_event(call: Call, item: Mapping[str, Any], index: int) -> EventDeed:
    """What an event object asks for.

    Raises Refused for what Braze answers with an error; lenient cases are warnings of the call.
    """
    workspace = call.workspace
    target = identity.target_of(item, workspace, strict=call.world.switches.odd_identifiers == "refuse")
    name = item.get("name")
    if type(name) is not str or not 0 < len(name) <= TEXT_LIMIT:
        name = _event_name(call, name, f"events[{index}]")
    time_ms = _time_of(item, call.now_ms)
    create = (target.kind == "external_id" and "_update_existing_only" not in item) or _may_create(
        call, item, target
    )
    sent = item.get("properties")
    order = None
    points = 1
    properties = NO_PROPERTIES
    if name in ecommerce.SCHEMAS:
        if not isinstance(sent, dict):
            raise Refused("not-valid" if sent is not None else "required", "properties")
        ecommerce.check(name, sent)
        order, points = sent, 0
        properties = _packed(sent)
    elif _is_kept(call, sent, f"events[{index}]"):
        properties, points = _properties(call, sent, RESERVED_EVENT, name, f"events[{index}]")
    if name in workspace.blocklisted_events:
        call.warn("event-blocklisted", f"events[{index}]", f"event {name!r} is on the blocklist", name)
        name, points = "", 0
    return EventDeed(target, create, name, time_ms, _app(item), properties, order, points, index)


def apply_event(call: Call, workspace: Workspace, deed: EventDeed, now_ms: int) -> None:
    """Log a checked event on its person."""
    target, create, name, time_ms, app_id, properties, order, points, index = deed
    if not name:
        return
    person = _person(call, workspace, target, create, now_ms, "events", index)
    if person is None:
        return
    person.events.append(Occurrence(name, time_ms, now_ms, app_id, properties))
    summary = person.event_summaries.get(name)
    if summary is None:
        person.event_summaries[name] = Summary(time_ms, time_ms, 1)
    else:
        summary.add(time_ms)
    tally = workspace.registry.events.get(name)
    if tally is None:
        tally = workspace.registry.events[name] = Tally(now_ms)
    tally.add(time_ms, app_id)
    if order is not None:
        ecommerce.apply(person, name, order, time_ms, call.world.switches.cart_days)
        _sum_orders(workspace, name, order)
    if workspace.awaiting:
        campaigns.heed(workspace, person, name, time_ms)
    if workspace.streams:
        workspace.emit(
            "users.behaviors.CustomEvent",
            person,
            time_ms,
            {"name": name, "app_id": app_id},
            own=msgspec.json.decode(properties),
        )
    person.data_points += points
    workspace.registry.meter("events", points, now_ms)


def check_purchase(call: Call, item: Mapping[str, Any], index: int) -> PurchaseDeed:
    """What a purchase object asks for.

    Raises Refused for what Braze answers with an error; lenient cases are warnings of the call.
    """
    workspace = call.workspace
    target = identity.target_of(item, workspace, strict=call.world.switches.odd_identifiers == "refuse")
    product = _named(item.get("product_id"), "product_id")
    currency = _currency(call, item.get("currency"))
    price = _price(call, item.get("price"))
    quantity = item.get("quantity")
    if quantity is None:
        quantity = 1
    if type(quantity) is not int or not 1 <= quantity <= 100:
        raise Refused("quantity")
    time_ms = _time_of(item, call.now_ms)
    sent = item.get("properties")
    properties, extra = NO_PROPERTIES, 0
    if _is_kept(call, sent, f"purchases[{index}]"):
        properties, points = _properties(call, sent, RESERVED_PURCHASE, product, f"purchases[{index}]")
        extra = points - 1
    points = (quantity if call.world.switches.metered_quantity else 1) + extra
    if product in workspace.blocklisted_products:
        why = f"product {product!r} is on the blocklist"
        call.warn("product-blocklisted", f"purchases[{index}]", why, product)
        product, points = "", 0
    return PurchaseDeed(
        target,
        _may_create(call, item, target),
        product,
        time_ms,
        _app(item),
        currency,
        price,
        quantity,
        properties,
        points,
        index,
    )


def apply_purchase(call: Call, workspace: Workspace, deed: PurchaseDeed, now_ms: int) -> None:
    """Log a checked purchase on its person; a quantity of X counts as X purchases of one."""
    product, time_ms, quantity = deed.product_id, deed.time_ms, deed.quantity
    if not product:
        return
    person = _person(call, workspace, deed.target, deed.create, now_ms, "purchases", deed.where)
    if person is None:
        return
    person.purchases.append(
        Purchase(product, time_ms, now_ms, deed.currency, deed.price, quantity, deed.app_id, deed.properties)
    )
    summary = person.purchase_summaries.get(product)
    if summary is None:
        person.purchase_summaries[product] = Summary(time_ms, time_ms, quantity)
    else:
        summary.add(time_ms, quantity)
    rate = call.world.switches.usd_rates.get(deed.currency, 1.0)
    cents = round(deed.price * rate * 100) * quantity
    person.revenue_cents += cents
    person.purchase_count += quantity
    registry = workspace.registry
    for tallies, amount in ((registry.products, quantity), (registry.revenue, cents)):
        tally = tallies.get(product)
        if tally is None:
            tally = tallies[product] = Tally(now_ms)
        tally.add(time_ms, deed.app_id, amount)
    person.data_points += deed.points
    registry.meter("purchases", deed.points, now_ms)
    if workspace.streams:
        told = {"product_id": product, "price": deed.price, "currency": deed.currency, "app_id": deed.app_id}
        for _ in range(quantity):
            workspace.emit(
                "users.behaviors.Purchase", person, time_ms, told, own=msgspec.json.decode(deed.properties)
            )


def _sum_orders(workspace: Workspace, name: str, order: Mapping[str, Any]) -> None:
    """Let an ecommerce event move the workspace's totals, which have no memory of single orders."""
    registry = workspace.registry
    cents = round(order["total_value"] * 100) if "total_value" in order else 0
    match name:
        case "ecommerce.order_placed":
            registry.orders += 1
            registry.order_cents += cents
        case "ecommerce.order_cancelled":
            registry.orders -= 1
        case "ecommerce.order_refunded":
            registry.order_cents -= cents
            registry.refund_cents += cents


def _person(
    call: Call, workspace: Workspace, target: Target, create: bool, now_ms: int, array: str, index: int
) -> Person | None:
    people = workspace.people
    person = identity.find(people, target)
    if person is None and create:
        person = identity.make(people, target, now_ms)
    if person is None:
        call.warn("nobody", f"{array}[{index}]", f"no profile for this {target.kind}, and none was made")
    else:
        person.updated_ms = now_ms
    return person


def _may_create(call: Call, item: Mapping[str, Any], target: Target) -> bool:
    return identity.may_create(item, target, alias_can_create=call.world.switches.alias_events_can_create)


def _named(value: Any, field: str) -> str:
    """A name or product id; a number is taken as text."""
    if value is None or value == "":
        raise Refused("required", field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise Refused("not-valid", field)
    return value


def _event_name(call: Call, value: Any, where: str) -> str:
    if isinstance(value, str) and call.world.switches.long_event_name == "truncate" and value:
        call.warn("string-truncated", where, f"the name was cut to {TEXT_LIMIT} characters", "name")
        return value[:TEXT_LIMIT]
    return _named(value, "name")


def _price(call: Call, value: Any) -> float:
    if value is None:
        raise Refused("required", "price")
    if isinstance(value, str) and call.world.switches.price_as_text == "coerce":
        value = custom.number_of(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -PRICE_LIMIT < value < PRICE_LIMIT  # which no NaN is
    ):
        raise Refused("not-valid", "price")
    return value


def _is_kept(call: Call, sent: Any, where: str) -> bool:
    """Whether there are properties to keep. Raises Refused: they are no object."""
    if sent is None or isinstance(sent, dict):
        return bool(sent)
    if call.world.switches.bad_properties == "refuse":
        raise Refused("not-valid", "properties")
    call.warn(
        "properties-dropped", where, f"properties are no object but {type(sent).__name__}", "properties"
    )
    return False


def _time_of(item: Mapping[str, Any], now_ms: int) -> int:
    text = item.get("time")
    if text is None or text == "":
        raise Refused("required", "time")
    at_ms = read_time(text) if isinstance(text, str) else None
    if at_ms is None:
        raise Refused("not-valid", "time")
    return min(at_ms, now_ms)


def _app(item: Mapping[str, Any]) -> str | None:
    app_id = item.get("app_id")
    return app_id if isinstance(app_id, str) and app_id else None


def _currency(call: Call, value: Any) -> str:
    if value is None or value == "":
        raise Refused("required", "currency")
    if isinstance(value, str):
        if value in CURRENCIES:
            return value
        if call.world.switches.currency_any_case and value.upper() in CURRENCIES:
            return value.upper()
    raise Refused("currency")


def _properties(
    call: Call, sent: Any, reserved: frozenset[str], name: str, where: str
) -> tuple[msgspec.Raw, int]:
    """The properties that are kept, packed, and what the object costs with them."""
    packed = _packed(sent)
    bad = dict.fromkeys(key for key, value in sent.items() if not _is_keepable(key, value, reserved))
    if bad or len(sent) > PROPERTY_COUNT:
        found_reserved = reserved.intersection(sent)
        if found_reserved and call.world.switches.reserved_properties == "refuse":
            raise Refused("reserved-property", min(found_reserved))
        for key in bad:
            rule = "reserved-property" if key in reserved else "property-left-out"
            call.warn(rule, where, f"property {key[:40]!r} was left out", key)
        kept = {key: value for key, value in sent.items() if key not in bad}
        if len(kept) > PROPERTY_COUNT:
            call.warn("too-many-properties", where, f"the first {PROPERTY_COUNT} of {len(kept)} are kept")
            kept = dict(list(kept.items())[:PROPERTY_COUNT])
        sent, packed = kept, _packed(kept)
    segmentable = call.workspace.segmentable.get(name)
    points = 1 + len(segmentable.intersection(sent)) if segmentable else 1
    return (packed if sent else NO_PROPERTIES), points


def _is_keepable(key: str, value: Any, reserved: frozenset[str]) -> bool:
    if not key or len(key) > TEXT_LIMIT or key[0] == "$" or key in reserved:
        return False
    return type(value) is not str or len(value) <= TEXT_LIMIT


def _packed(properties: Any) -> msgspec.Raw:
    try:
        packed = orjson.dumps(properties)
    except TypeError as fault:  # nested deeper than the encoder follows
        raise Refused("not-valid", "properties") from fault
    if len(packed) > PROPERTIES_BYTES:
        raise Refused("properties-too-large")
    return msgspec.Raw(bytes(memoryview(packed)))  # a copy: orjson hands out its whole working buffer

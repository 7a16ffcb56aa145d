"""Items of a catalog: many at once, asynchronously, all or nothing; or one at a time, at once.

Source  Braze docs, the catalog item endpoints, read 2026-11-23
"""

from collections.abc import Mapping
from typing import Any, Literal

import orjson

from segue.sandbox.catalogs import NAME, NAME_LIMIT, CatalogFault, catalog_of
from segue.sandbox.dates import read_time
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.listings import cursor_of, next_link
from segue.sandbox.workspace import Catalog

ITEMS = 50
ITEM_CHARACTERS = 5_000
DEPTH = 50
Item = dict[str, Any]
Mode = Literal["add", "update", "replace", "delete"]


# -- many


def add_many(call: Call) -> Reply:
    """Add items; one that exists stays as it is."""
    return _many(call, "add")


def update_many(call: Call) -> Reply:
    """Change some fields of items; one that does not exist stays away."""
    return _many(call, "update")


def replace_many(call: Call) -> Reply:
    """Put items in place, whether they exist or not."""
    return _many(call, "replace")


def delete_many(call: Call) -> Reply:
    """Remove items."""
    return _many(call, "delete")


def listed(call: Call) -> Reply:
    """Items in pages of 50; the Link header leads on."""
    catalog = catalog_of(call)
    start = cursor_of(call)
    items = list(catalog.items.values())
    more = start + ITEMS < len(items)
    headers = [next_link(call, start + ITEMS)] if more else None
    return reply(200, {"items": items[start : start + ITEMS], "message": "success"}, headers)


def _many(call: Call, mode: Mode) -> Reply:
    catalog = catalog_of(call)
    items = _items(call)
    if len(items) > ITEMS:
        raise CatalogFault("request-includes-too-many-items")
    missing = sum(item.get("id") is None for item in items)
    if missing:
        raise CatalogFault("items-missing-ids", ["count"], [missing])
    ids = [item["id"] for item in items]
    _check_ids(ids)
    if mode != "delete":
        items = [_checked(catalog, item, partly=mode == "update") for item in items]
    call.objects = call.accepted = len(items)
    call.world.apply_later(call, lambda now_ms: _apply(call, catalog, mode, items, now_ms))
    return reply(202, {"message": "success"})


def _apply(call: Call, catalog: Catalog, mode: Mode, items: list[Item], now_ms: int) -> None:
    for item in items:
        held = catalog.items.get(item["id"])
        if mode == "delete":
            catalog.items.pop(item["id"], None)
        elif mode == "replace" or (mode == "add" and held is None):
            catalog.items[item["id"]] = item
        elif mode == "update" and held is not None:
            catalog.items[item["id"]] = _merged(held, item)
        else:
            call.warn("item-skipped", "items", f"item {item['id']!r} was left alone")
    catalog.updated_at_ms = now_ms


# -- one


def get_one(call: Call) -> Reply:
    """One item."""
    catalog = catalog_of(call)
    return reply(200, {"items": [_held(call, catalog)], "message": "success"})


def create_one(call: Call) -> Reply:
    """Add one item, which must not exist."""
    catalog, item = catalog_of(call), _single(call)
    if item["id"] in catalog.items:
        raise CatalogFault("item-already-exists", ["item_id"], [item["id"]])
    _keep(call, catalog, _checked(catalog, item))
    return reply(201, {"message": "success"})


def update_one(call: Call) -> Reply:
    """Change some fields of one item, which must exist."""
    catalog, item = catalog_of(call), _single(call)
    held = _held(call, catalog)
    _keep(call, catalog, _merged(held, _checked(catalog, item, partly=True)))
    return reply(200, {"message": "success"})


def replace_one(call: Call) -> Reply:
    """Put one item in place, whether it exists or not."""
    catalog, item = catalog_of(call), _single(call)
    _keep(call, catalog, _checked(catalog, item))
    return reply(200, {"message": "success"})


def delete_one(call: Call) -> Reply:
    """Remove one item, which must exist."""
    catalog = catalog_of(call)
    del catalog.items[_held(call, catalog)["id"]]
    return reply(200, {"message": "success"})


def _held(call: Call, catalog: Catalog) -> Item:
    call.world.catch_up(call.now_ms)
    item = catalog.items.get(call.parts[1])
    if item is None:
        raise CatalogFault("item-not-found", ["item_id"], [call.parts[1]], 404)
    return item


def _single(call: Call) -> Item:
    items = _items(call)
    if len(items) > 1:
        raise CatalogFault("request-includes-too-many-items")
    if "id" in items[0]:
        raise CatalogFault("id-in-body", ["id"], [items[0]["id"]])
    _check_ids([call.parts[1]])
    return {"id": call.parts[1], **items[0]}


def _keep(call: Call, catalog: Catalog, item: Item) -> None:
    if call.world.keep:
        catalog.items[item["id"]] = item
        catalog.updated_at_ms = call.now_ms


# -- checks


def _items(call: Call) -> list[Item]:
    items = call.document.get("items")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise CatalogFault("item-array-invalid")
    return items


def _check_ids(ids: list[Any]) -> None:
    if not all(isinstance(item_id, str) for item_id in ids):
        raise CatalogFault("ids-not-strings", ["item_ids"], ids)
    bad = [item_id for item_id in ids if not NAME.match(item_id)]
    if bad:
        raise CatalogFault("invalid-ids", ["item_ids"], bad)
    long = [item_id for item_id in ids if len(item_id) > NAME_LIMIT]
    if long:
        raise CatalogFault("ids-too-large", ["item_ids"], long)
    if len(set(ids)) < len(ids):
        raise CatalogFault("ids-not-unique", ["item_ids"], ids)


def _checked(catalog: Catalog, item: Item, *, partly: bool = False) -> Item:
    """The item with its values in the types of their fields.

    partly  array fields may carry `$add` and `$remove`
    """
    types = {field.name: field.type for field in catalog.fields}
    unknown = [name for name in item if name not in types]
    if unknown:
        raise CatalogFault("invalid-fields", ["id", *unknown], [item])
    kept: Item = {}
    for name, value in item.items():
        _check_nesting(value, 0)
        if partly and types[name] == "array" and _is_edit(value):
            kept[name] = value
        else:
            try:
                kept[name] = None if value is None else _coerced(types[name], value)
            except ValueError as fault:
                raise CatalogFault("unable-to-coerce-value", ["id", name], [item]) from fault
    if len(orjson.dumps(kept)) > ITEM_CHARACTERS:
        raise CatalogFault("items-too-large", ["item_ids"], [item["id"]])
    return kept


def _is_edit(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and value.keys() <= {"$add", "$remove"}
        and all(isinstance(part, list) for part in value.values())
    )


def _check_nesting(value: Any, depth: int) -> None:
    if depth > DEPTH:
        raise CatalogFault("too-deep-nesting-in-value-object")
    if isinstance(value, dict):
        if depth or not _is_edit(value):
            bad = [key for key in value if "." in key or "$" in key]
            if bad:
                raise CatalogFault("invalid-keys-in-value-object", ["keys"], bad)
        for part in value.values():
            _check_nesting(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check_nesting(part, depth + 1)


def _coerced(wanted: str, value: Any) -> Any:
    """The value as a field's type. Raises ValueError: it does not fit."""
    match wanted:
        case "string" if isinstance(value, str):
            return value
        case "string" if isinstance(value, bool):
            return "true" if value else "false"
        case "string" if isinstance(value, int | float):
            return str(value)
        case "number" if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        case "number" if isinstance(value, str):
            try:
                number = float(value)
            except ValueError:
                number = float("nan")
            if abs(number) < 2**53:
                return int(number) if number.is_integer() else number
        case "boolean" if isinstance(value, bool):
            return value
        case "boolean" if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        case "time" if isinstance(value, str) and read_time(value) is not None:
            return value
        case "object" if isinstance(value, dict):
            return value
        case "array" if isinstance(value, list):
            return value
    raise ValueError(wanted)


def _merged(held: Item, item: Mapping[str, Any]) -> Item:
    merged = dict(held)
    for name, value in item.items():
        if _is_edit(value):
            before = merged.get(name)
            kept = list(before) if isinstance(before, list) else []
            kept += [entry for entry in value.get("$add", []) if entry not in kept]
            merged[name] = [entry for entry in kept if entry not in value.get("$remove", [])]
        else:
            merged[name] = value
    return merged

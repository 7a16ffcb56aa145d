"""Catalogs: made, listed, removed; and the faults their endpoints speak of.

Source  Braze docs, "Create catalog", "List catalogs", "Delete catalog", read 2026-11-23
A fault is 400 or 404 with `{"errors": [{id, message, parameters, parameter_values}], "message": …}`; the
codes are documented, most of the sentences are ours.
"""

import re
from collections.abc import Callable
from typing import Any

import orjson

from segue.sandbox.clock import iso
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.workspace import Catalog, CatalogField

NAME = re.compile(r"^[A-Za-z0-9_-]+\Z")
NAME_LIMIT = 250
FIELDS = 500
TYPES = frozenset({"string", "number", "boolean", "time", "object", "array"})
CATALOGS = 10_000
"""Ours: keeps a runaway test in bounds."""

MESSAGES = {
    "catalog-not-found": "Could not find catalog",
    "catalog-array-invalid": "'catalogs' must be an array of objects",
    "too-many-catalog-atoms": "Only one catalog can be created per request",
    "catalog-name-already-exists": "A catalog with that name already exists",
    "catalog-name-too-large": "Catalog name exceeds 250 characters",
    "invalid-catalog-name": "Catalog name may only include letters, numbers, hyphens, and underscores",
    "description-too-long": "Description exceeds 250 characters",
    "invalid-fields": "Some of the fields given do not exist in the catalog",
    "invalid-field-list": "'fields' must be an array of objects with a name and a type",
    "too-many-fields": "A catalog may have at most 500 fields",
    "id-not-first-column": "The first field must be 'id' of type string",
    "invalid-field-names": "Field names may only include letters, numbers, hyphens, and underscores",
    "field-names-too-large": "Some field names exceed 250 characters",
    "field-names-not-unique": "Field names must be unique",
    "invalid-field-types": "Some field types are not valid",
    "item-array-invalid": "'items' must be an array of objects",
    "request-includes-too-many-items": "A request may include at most 50 items",
    "items-missing-ids": "There are {0} item(s) that do not have ids",
    "ids-not-strings": "Some item ids are not strings",
    "ids-too-large": "Some item ids exceed 250 characters",
    "invalid-ids": "Item ids may only include letters, numbers, hyphens, and underscores",
    "ids-not-unique": "Item ids must be unique",
    "items-too-large": "Some items exceed 5,000 characters",
    "invalid-keys-in-value-object": "Keys of objects may not include '.' or '$'",
    "too-deep-nesting-in-value-object": "Objects may be nested at most 50 levels deep",
    "unable-to-coerce-value": "Some values do not fit the type of their field",
    "id-in-body": "The item's id belongs in the path, not in the body",
    "item-already-exists": "An item with that id already exists in the catalog",
    "item-not-found": "Could not find item",
    "cursor-invalid": "'cursor' is not valid",
}
"""Every code and its sentence; `{0}` is the first value."""
_CODES = {"invalid-field-list": "invalid-fields"}


class CatalogFault(Exception):  # noqa: N818 - an answer to the caller, not a fault of ours
    """A catalog request turned down; `names` and `values` say about what."""

    def __init__(
        self, code: str, names: list[str] | None = None, values: list[Any] | None = None, status: int = 400
    ) -> None:
        super().__init__(code)
        self.code = code
        self.names = names or []
        self.values = values or []
        self.status = status


def guarded(answer: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
    """An endpoint that answers CatalogFault in the catalogs' own form."""

    def answer_or_say(call: Call) -> Reply:
        try:
            return answer(call)
        except CatalogFault as fault:
            message = MESSAGES[fault.code].replace("{0}", str(fault.values[0]) if fault.values else "")
            code = _CODES.get(fault.code, fault.code)
            error = {
                "id": code,
                "message": message,
                "parameters": fault.names,
                "parameter_values": fault.values,
            }
            call.problems.append(error)
            status = call.world.switches.statuses.get(code, fault.status)
            return reply(status, {"errors": [error], "message": "Invalid Request"})

    return answer_or_say


def catalog_of(call: Call) -> Catalog:
    """The catalog the path names.

    Raises CatalogFault: there is none, 404.
    """
    name = call.parts[0]
    catalog = call.workspace.catalogs.get(name)
    if catalog is None:
        raise CatalogFault("catalog-not-found", ["catalog_name"], [name], 404)
    return catalog


def listed(call: Call) -> Reply:
    """Every catalog with its fields."""
    is_live = call.world.switches.catalog_shape == "live"
    entries = [
        {
            **_shown(catalog),
            "num_items": len(catalog.items),
            "updated_at": iso(catalog.updated_at_ms),
            **(_as_seen_live(catalog) if is_live else {}),
        }
        for catalog in call.workspace.catalogs.values()
    ]
    return reply(200, {"catalogs": entries, "message": "success"})


def create(call: Call) -> Reply:
    """Make one catalog."""
    entries = call.document.get("catalogs")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise CatalogFault("catalog-array-invalid")
    if len(entries) > 1 or len(call.workspace.catalogs) >= CATALOGS:
        raise CatalogFault("too-many-catalog-atoms")
    entry = entries[0]
    name = entry.get("name")
    if not isinstance(name, str) or not NAME.match(name):
        raise CatalogFault("invalid-catalog-name", ["name"], [name])
    if len(name) > NAME_LIMIT:
        raise CatalogFault("catalog-name-too-large", ["name"], [name])
    if name in call.workspace.catalogs:
        raise CatalogFault("catalog-name-already-exists", ["name"], [name])
    description = entry.get("description") or ""
    if not isinstance(description, str) or len(description) > NAME_LIMIT:
        raise CatalogFault("description-too-long", ["description"], [description])
    catalog = Catalog(
        name=name, description=description, fields=_fields(entry.get("fields")), updated_at_ms=call.now_ms
    )
    if call.world.keep:
        own = call.workspace
        own.furnishing.catalogs = [*own.furnishing.catalogs, catalog]
        own.refresh()
    return reply(201, {"catalogs": [_shown(catalog)], "message": "success"})


def delete(call: Call) -> Reply:
    """Remove a catalog and its items."""
    catalog = catalog_of(call)
    own = call.workspace
    own.furnishing.catalogs = [other for other in own.furnishing.catalogs if other is not catalog]
    own.refresh()
    return reply(200, {"message": "success"})


def _fields(value: Any) -> list[CatalogField]:
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        raise CatalogFault("invalid-field-list", ["fields"], [])
    if len(value) > FIELDS:
        raise CatalogFault("too-many-fields")
    names = [entry.get("name") for entry in value]
    bad = [name for name in names if not isinstance(name, str) or not NAME.match(name)]
    if bad:
        raise CatalogFault("invalid-field-names", ["name"], bad)
    long = [name for name in names if len(str(name)) > NAME_LIMIT]
    if long:
        raise CatalogFault("field-names-too-large", ["name"], long)
    if len(set(names)) < len(names):
        raise CatalogFault("field-names-not-unique", ["name"], names)
    wrong = [
        entry.get("type")
        for entry in value
        if not isinstance(entry.get("type"), str) or entry["type"] not in TYPES
    ]
    if wrong:
        raise CatalogFault("invalid-field-types", ["type"], wrong)
    if (value[0]["name"], value[0]["type"]) != ("id", "string"):
        raise CatalogFault("id-not-first-column", ["name"], [value[0]["name"]])
    return [CatalogField(name=entry["name"], type=entry["type"]) for entry in value]


def _shown(catalog: Catalog) -> dict[str, Any]:
    return {
        "name": catalog.name,
        "description": catalog.description,
        "fields": [{"name": field.name, "type": field.type} for field in catalog.fields],
    }


def _as_seen_live(catalog: Catalog) -> dict[str, Any]:
    """What clients were given beyond the documents; names and types are theirs, the values ours."""
    return {
        "fields": [{"name": field.name, "type": field.type, "token": field.name} for field in catalog.fields],
        "selections": [],
        "selections_size": 0,
        "source": 0,
        "storage_size": sum(len(orjson.dumps(item)) for item in catalog.items.values()),
    }

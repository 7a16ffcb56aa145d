"""Upsert catalog item: an event creates, replaces or deletes an item of a Braze catalog.

Endpoint  PUT or DELETE /catalogs/{catalog}/items/{id} for one item, /catalogs/{catalog}/items for several
Limits    50 items a request, 5,000 characters an item; one bad item fails its whole request
Source    Braze docs, "Replace catalog items" and "Delete catalog items", read 2026-11-24
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from segue.kit.action import (
    SYNC_MODE_KEY,
    Action,
    Batch,
    JsonObject,
    Settings,
    Shaped,
    Shaping,
    SyncModes,
)
from segue.kit.field import Field, when
from segue.model.delivery import Outcome, Payload, Request, Response, Row, Verdict
from segue.model.errors import InvalidPayload

from .. import batching, catalogs, rest

MOST_ITEMS: Final = 50

SAVED: Final = "onMappingSave"

MODES: Final = SyncModes(choices=("upsert", "delete"), default="upsert")

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,250}")


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One item. Only the sync mode ``delete`` deletes; without a mode an item is created or replaced.

    Raises InvalidPayload without a catalog, with an id Braze does not take, or with nothing to write.
    """
    saved = shaping.hooks.get(SAVED)
    catalog = saved.get("catalog_name") if isinstance(saved, Mapping) else None
    if not isinstance(catalog, str) or not _NAME.fullmatch(catalog):
        raise InvalidPayload(
            [("", "no catalog is chosen for this mapping: choose or create one with segue hook")]
        )
    item_id = payload["item_id"]
    if not _NAME.fullmatch(item_id):
        raise InvalidPayload(
            [("item_id", "must be letters, digits, hyphens and underscores only, found a text that is not")]
        )
    if shaping.sync_mode == "delete":
        return Shaped(items=[{"id": item_id}], context=f"DELETE {catalog}")
    if not payload.get("item"):
        raise InvalidPayload([("item", "is required but has no value")])
    return Shaped(items=[{**payload["item"], "id": item_id}], context=f"PUT {catalog}")


def build(rows: Sequence[Row], settings: Settings) -> Request:
    """The item's own address for one, the catalog's for several; of an id that repeats the last holds."""
    method, _, catalog = rows[0].context.partition(" ")
    items = {item["id"]: item for row in rows for item in map(orjson.loads, row.items)}
    path = f"/catalogs/{catalog}/items"
    if len(items) == 1:
        [(item_id, item)] = items.items()
        body = {"items": [{key: value for key, value in item.items() if key != "id"}]}
        return rest.request(
            settings, f"{path}/{item_id}", orjson.dumps(body), method=method, pool=catalogs.CATALOGS_POOL
        )
    return rest.request(
        settings, path, orjson.dumps({"items": list(items.values())}), method=method, pool=catalogs.ITEMS_POOL
    )


def read(response: Response, rows: Sequence[Row]) -> list[Outcome]:
    """One outcome per row. The items an error names are refused; as Braze then took none, the others leave
    again. A catalog that does not exist refuses all; an item to delete that is not there is done. A 2xx
    is believed, unless its message says that the request was refused, or its errors name items."""
    answer = rest.body_of(response)
    errors = answer.get("errors")
    entries = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    codes = {error["id"] for error in entries if isinstance(error.get("id"), str)}
    words = next((str(error["message"]) for error in entries if error.get("message")), "")
    message = rest.shorten(words or rest.message_of(answer))
    if 200 <= response.status < 300:
        return _accepted(response.status, rows, entries, answer, message)
    outcomes = rest.of_status(response, rows, message)
    if not entries:
        return outcomes
    if "catalog-not-found" in codes:
        refused = Outcome(verdict=Verdict.REJECTED, status=404, code="NOT_FOUND", message=message)
        return [refused] * len(rows)
    gone = "item-not-found" in codes and rows[0].context.startswith("DELETE ")
    if gone and len(rows) == 1:
        return [Outcome(verdict=Verdict.DELIVERED, status=response.status, message=message)]
    named = {item_id: error for error in reversed(entries) for item_id in _ids_of(error)}
    return [_outcome(row, named, gone, outcome) for row, outcome in zip(rows, outcomes, strict=True)]


def _accepted(
    status: int, rows: Sequence[Row], entries: Sequence[JsonObject], answer: JsonObject, message: str
) -> list[Outcome]:
    """What a 2xx says of each row."""
    if rest.is_failure(rest.message_of(answer)):
        verdict = Verdict.BATCH_REJECTED if len(rows) > 1 else Verdict.REJECTED
        return [Outcome(verdict=verdict, status=status, code="BAD_REQUEST", message=message)] * len(rows)
    unsaid = message if entries else "" if answer else rest.UNREADABLE
    taken = Outcome(verdict=Verdict.DELIVERED, status=status, message=unsaid)
    named = {item_id: error for error in reversed(entries) for item_id in _ids_of(error)}
    return [
        _outcome(row, named, False, taken) if orjson.loads(row.items[0])["id"] in named else taken
        for row in rows
    ]


def _outcome(row: Row, named: Mapping[str, JsonObject], gone: bool, other: Outcome) -> Outcome:
    """The outcome of one row; `gone`: what is named does not exist any more, as it should."""
    item_id = orjson.loads(row.items[0])["id"]
    if item_id in named:
        words = rest.shorten(str(named[item_id].get("message") or "refused without a reason"))
        if gone and named[item_id].get("id") == "item-not-found":
            return Outcome(verdict=Verdict.DELIVERED, status=other.status, message=words)
        return Outcome(verdict=Verdict.REJECTED, status=400, code="PAYLOAD_VALIDATION_FAILED", message=words)
    if named:
        words = "not written, because other items of the same request were refused"
        return Outcome(verdict=Verdict.RETRY, status=other.status, code="RETRYABLE_ERROR", message=words)
    return other


def _ids_of(error: JsonObject) -> list[str]:
    """The item ids an error names: texts, or whole items when it has more than one parameter."""
    values, parameters = error.get("parameter_values"), error.get("parameters")
    if not isinstance(values, list):
        return []
    if isinstance(parameters, list) and len(parameters) > 1:
        return [
            value["id"] for value in values if isinstance(value, dict) and isinstance(value.get("id"), str)
        ]
    return [value for value in values if isinstance(value, str)]


_UPSERT: Final = when(SYNC_MODE_KEY, "is", "upsert")

UPSERT_CATALOG_ITEM: Final = Action(
    slug="upsert-catalog-item",
    title="Upsert catalog item",
    description="Creates, replaces or deletes an item of a Braze catalog.",
    fields={
        "item": Field(
            "object",
            label="Catalog item to upsert",
            help="The item's fields by name; they must exist in the catalog.",
            required=_UPSERT,
            shown_when=_UPSERT,
            essential=True,
            dynamic="catalog-fields",
            ui="keyvalue",
        ),
        "item_id": Field(
            "string",
            label="Item ID",
            help="Letters, digits, hyphens and underscores.",
            required=True,
            minimum=1,
            maximum=250,
        ),
        **batching.fields(MOST_ITEMS, minimum=1, labels=("Batch Data to Braze?", "Batch Size")),
    },
    batch=Batch(items=MOST_ITEMS, wait_seconds=30.0, bytes=rest.OBJECTS_BYTES),
    sync=MODES,
    slugs={"upsertCatalogItem": MODES, "3rHZERwR6c55kFDYDFmu5V": MODES},
    pool=catalogs.ITEMS_POOL,
    hooks={SAVED: catalogs.CHOOSE_CATALOG},
    shape=shape,
    build=build,
    read=read,
    repeatable=True,
)

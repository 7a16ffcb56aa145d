"""Braze catalogs at the console: which there are, what fields they have, and making a new one.

Source  Braze docs, "List catalogs" and "Create catalog", read 2026-11-24
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from segue.kit.action import Choices, Hook, JsonObject, Page, Settings
from segue.kit.field import Choice, Field, pick, when
from segue.model.delivery import Request, Response
from segue.model.errors import InvalidPayload

from . import listings, rest

ITEMS_POOL: Final = "catalogs/items"
CATALOGS_POOL: Final = "catalogs"
"""One limit for listing and making catalogs and for single items."""


def _save_request(inputs: Mapping[str, Any], settings: Settings) -> Request | None:
    if inputs["operation"] == "select":
        return None
    columns = [
        {"name": column["name"], "type": column["type"]}
        for column in inputs.get("columns", ())
        if column["name"] != "id"
    ]
    catalog = {
        "name": inputs["created_catalog_name"],
        "description": inputs.get("description", ""),
        "fields": [{"name": "id", "type": "string"}, *columns],
    }
    return rest.request(settings, "/catalogs", orjson.dumps({"catalogs": [catalog]}), pool=CATALOGS_POOL)


def _save_read(inputs: Mapping[str, Any], response: Response | None) -> JsonObject:
    if response is None:
        return {"catalog_name": inputs.get("selected_catalog_name") or ""}
    if 200 <= response.status < 300:
        return {"catalog_name": inputs["created_catalog_name"]}
    errors = rest.body_of(response).get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    words = (
        first.get("message") or rest.message_of(rest.body_of(response)) or response.error or "no reason given"
    )
    raise InvalidPayload(
        [("created_catalog_name", f"Braze did not create the catalog: {words}")], code="ERROR"
    )


_CREATE: Final = when("operation", "is", "create")
_SELECT: Final = when("operation", "is", "select")

CHOOSE_CATALOG: Final = Hook(
    label="Choose a catalog",
    help="Picks the catalog the items go to, or creates it at Braze.",
    needed=("catalog_name",),
    fields={
        "operation": Field(
            "string",
            label="Operation",
            help="Use a catalog there is, or make a new one.",
            required=True,
            choices=(Choice("create", "Create a new catalog"), Choice("select", "Use an existing catalog")),
        ),
        "selected_catalog_name": Field(
            "string",
            label="Catalog Name",
            help="The catalog to use.",
            required=_SELECT,
            shown_when=_SELECT,
            dynamic="catalogs",
        ),
        "created_catalog_name": Field(
            "string",
            label="Catalog Name",
            help="Letters, digits, hyphens and underscores.",
            required=_CREATE,
            shown_when=_CREATE,
        ),
        "description": Field(
            "string", label="Catalog Description", help="What the catalog holds.", shown_when=_CREATE
        ),
        "columns": Field(
            "object",
            label="Catalog Fields",
            help="What each item has beside its id.",
            required=_CREATE,
            essential=True,
            multiple=True,
            additional_properties=True,
            ui="arrayeditor",
            shown_when=_CREATE,
            properties={
                "name": Field("string", label="Field Name", help="The field's name.", required=True),
                "type": Field(
                    "string",
                    label="Field Type",
                    help="What kind of value it holds.",
                    required=True,
                    choices=pick("string", "number", "time", "boolean", "object", "array"),
                ),
            },
        ),
    },
    request=_save_request,
    read=_save_read,
)


def _list_catalogs(settings: Settings, page: str, payload: Mapping[str, Any]) -> Request:
    return rest.request(settings, "/catalogs", method="GET", pool=CATALOGS_POOL)


def _read_names(response: Response, page: str, payload: Mapping[str, Any]) -> Page:
    return listings.read_choices(response, "catalogs", _named)


def _named(entry: Mapping[str, Any]) -> Choice | None:
    return Choice(entry["name"], entry["name"]) if entry.get("name") else None


def _read_fields(response: Response, page: str, payload: Mapping[str, Any]) -> Page:
    catalog = payload.get("catalog_name")
    found = _read_names(response, page, payload)
    if found.problem:
        return found
    for entry in rest.body_of(response)["catalogs"]:
        if isinstance(entry, dict) and entry.get("name") == catalog:
            fields = entry.get("fields")
            members = (
                [_named(field) for field in fields if isinstance(field, dict)]
                if isinstance(fields, list)
                else []
            )
            return Page(choices=[member for member in members if member is not None and member.value != "id"])
    return Page(code="404", problem=f'Braze has no catalog "{catalog}"')


CATALOGS: Final = Choices(request=_list_catalogs, read=_read_names)

FIELDS: Final = Choices(request=_list_catalogs, read=_read_fields)
"""The fields of the catalog named by ``catalog_name``, a saved hook's output."""

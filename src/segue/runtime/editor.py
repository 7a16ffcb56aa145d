"""What an editor knows of the workspace file: its JSON Schema (2020-12), to complete, check and explain.

    text = schema_text()                            # write it beside the workspace file
    schema = workspace_schema(catalogue())          # the same as plain data, for any catalogue

The structure comes from the model's structs, settings and actions from the catalogue, explanations from
their help texts. It refuses nothing that `segue validate` accepts, but for settings the page does not know,
which `segue validate` only warns of. What it cannot say (whether a trigger parses, whether ids are unique)
only `segue validate` knows.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from segue.catalog.contents import catalogue
from segue.io.storage.form import Bounds
from segue.io.storage.workspace import BOUNDS, ID, PREFIX, WRITE_KEY
from segue.kit.action import Action
from segue.kit.field import TEXT_TYPES, Field, json_schema
from segue.kit.partner import Destination as Page
from segue.model.workspace import (
    SANDBOX_KEY,
    Budget,
    Cap,
    Delivery,
    Destination,
    Filter,
    Ingest,
    Source,
    Subscription,
)

Json = dict[str, Any]

REFERENCE: Final[Json] = {"type": "string", "pattern": r"\$\{[^}]+\}"}
"""Any value may come from a variable."""

EXPLAINED: Final[Mapping[str, str]] = {
    "name": "What you call this workspace.",
    "ingest": "How events come in.",
    "sources": "Where events come from: one per application, by an id of your choice.",
    "destinations": "Where events go: one per Braze workspace or other receiver, by an id of your choice.",
    "Source.name": "What people call it.",
    "Source.platform": "Where the SDK runs.",
    "Source.write_keys": "Keys that may append events here; the first is the one shown in snippets.",
    "Source.write_key": "The key you put into the Segment SDK; public, it can only append events.",
    "Source.enabled": "false refuses this source's events, without touching the sender.",
    "Destination.name": "What people call it; an event's `integrations` object may use it.",
    "Destination.type": "Which page of the catalogue.",
    "Destination.source": "The source whose events it gets.",
    "Destination.enabled": "false sends nothing; events wait in the log and travel when it is enabled again.",
    "Destination.settings": "What the catalogue page asks for; keep keys in variables: ${NAME}.",
    "Destination.subscriptions": "Which events become what; replaces the presets.",
    "Destination.presets": "What to send when no subscriptions are written: our set, the published or none.",
    "Destination.filters": "What to keep from this destination before any subscription sees it.",
    "Destination.consent_categories": "Send only events whose consent object agrees to all of these.",
    "Destination.delivery": "How requests travel.",
    "Destination.budget": "What the contract with the partner allows, and caps to stay within it.",
    "Budget.contract": "What the contract counts: points (data points) or requests.",
    "Budget.monthly_limit": "How much of it a calendar month has, for the forecast; 0 when not said.",
    "Budget.caps": "Bounds of your own, each with what happens when it is reached.",
    "Cap.limit": "So many data points or requests.",
    "Cap.of": "What the limit counts: points or requests.",
    "Cap.per": "day or month, by the calendar, UTC.",
    "Cap.event": 'Only events of this name, or of this kind when they have none ("identify").',
    "Cap.policy": "At the limit: warn goes on, hold waits for the next day or month, drop filters.",
    "Subscription.id": "Short name; made from name or action when left out.",
    "Subscription.name": "What people call it.",
    "Subscription.action": "What the event becomes: an action of the catalogue page.",
    "Subscription.trigger": 'Which events, for instance type = "track" and event = "Order Completed".',
    "Subscription.mapping": "How fields are filled from the event; the action's default when left out.",
    "Subscription.enabled": "false checks it and sends nothing.",
    "Filter.id": "Short name; made from the title when left out.",
    "Filter.title": "What people call it.",
    "Filter.if": 'Which events it acts on, in the filter language; "all" for every event.',
    "Filter.actions": "What it does: DROP, SAMPLE, DROP_PROPERTIES or ALLOW_PROPERTIES.",
    "Filter.enabled": "false leaves everything through.",
    "Delivery.batching": "false sends every row at once, alone.",
    "Delivery.wait_seconds": "A batch leaves when full, or this long after its first row.",
    "Delivery.in_flight": "Most requests on the way at one time.",
    "Delivery.packing": "action: each action has its own requests; person: one carries all of a person.",
    "Delivery.limit_per": "What 75 objects is the most of when packed: the request, or each of its arrays.",
    "Delivery.attributes": "all: send every attribute; changed: only those that differ from the last sent.",
    "Delivery.remember": "values of attributes for delta sending, or hashes that only tell what changed.",
    "Delivery.ahead_seconds": "How far after its receipt an event may say it happened.",
    "Delivery.uncertain": "After a crash, what becomes of events that may have arrived: resend or hold.",
    "Delivery.dedupe_hours": "How long a messageId is remembered, so that its event is delivered once.",
    "Destination.framework": "actions or classic, where a type has both; the type's own when left out.",
    "Destination.mode": "cloud: Segue delivers; device: the SDK in the page or app does.",
    "Delivery.debounce": "Leave out identify calls that say nothing new about a person.",
    "Ingest.public_url": "Where SDKs reach this server; the host of each request when left out.",
    "Ingest.prefix": "Path the tracking API is served under.",
    "Ingest.lanes": "Parallel lanes of the event log; fixed once the log exists.",
    "Ingest.trust_forwarded": "Take the sender's address from X-Forwarded-For; only behind a proxy of yours.",
    "Ingest.retention_hours": "How long events are kept.",
    "Ingest.retention_bytes": "How large the log may grow; the older events go first.",
}
"""What each key means to whoever writes it. A key without an entry fails a test."""

ALL_BOUNDS: Final[Bounds] = {
    **BOUNDS,
    (Delivery, "wait_seconds"): (0, 600),
    (Delivery, "in_flight"): (1, 256),
    (Delivery, "dedupe_hours"): (1, 720),
}
"""A destination's are `segue.engine.plan`'s to check; a test keeps these equal to what it takes."""

FILTER_ACTION: Final[Json] = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["DROP", "SAMPLE", "DROP_PROPERTIES", "ALLOW_PROPERTIES"]},
        "percent": {"type": "number", "minimum": 0, "maximum": 1, "description": "Share to keep, 0 to 1."},
        "path": {
            "type": "string",
            "description": "Sample by this value, so a person is kept or dropped whole.",
        },
        "fields": {
            "type": "object",
            "description": 'Path -> names of properties; "" is the top level.',
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}
"""Source  segmentio/public-api-sdk-typescript, model of a destination filter, read 2026-11-23."""


def schema_text() -> str:
    """The schema with the catalogue of this installation, as the text of a file."""
    return json.dumps(workspace_schema(catalogue()), indent=2, ensure_ascii=False) + "\n"


def workspace_schema(pages: Mapping[str, Page]) -> Json:
    """The whole schema, as plain JSON."""
    source = _object(Source, without={"id"})
    source["properties"]["write_key"] = _explained(
        "Source.write_key", {"type": "string", "pattern": f"^{WRITE_KEY}$"}
    )
    source["properties"]["write_keys"] |= {
        "minItems": 1,
        "items": {"type": "string", "pattern": f"^{WRITE_KEY}$"},
    }
    source["required"].remove("write_keys")
    source["oneOf"] = [{"required": ["write_key"]}, {"required": ["write_keys"]}]
    ingest = _object(Ingest)
    ingest["properties"]["prefix"]["pattern"] = f"^{PREFIX}$"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Segue workspace",
        "type": "object",
        "additionalProperties": False,
        "required": ["sources"],
        "properties": {
            "name": _explained("name", {"type": "string", "default": "default"}),
            "ingest": _explained("ingest", {"$ref": "#/$defs/ingest"}),
            "sources": _explained("sources", {**_by_id("#/$defs/source"), "minProperties": 1}),
            "destinations": _explained("destinations", _by_id("#/$defs/destination")),
        },
        "$defs": {
            "reference": REFERENCE,
            "ingest": _open(ingest),
            "source": _open(source),
            "delivery": _open(_object(Delivery)),
            "budget": _open(_budget()),
            "cap": _open(_object(Cap)),
            "filter": _open(_filter()),
            "destination": _destination(pages),
            **{f"{slug}.settings": _settings(page) for slug, page in pages.items()},
            **{
                f"{slug}.{action.slug}": _mapping(action)
                for slug, page in pages.items()
                for action in page.actions
            },
            **{f"{slug}.subscription": _subscription(slug, page) for slug, page in pages.items()},
        },
    }


def _budget() -> Json:
    budget = _object(Budget)
    budget["properties"]["caps"] = _explained(
        "Budget.caps", {"type": "array", "items": {"$ref": "#/$defs/cap"}}
    )
    return budget


def _destination(pages: Mapping[str, Page]) -> Json:
    """One of any type: what the type brings with it is chosen by its name."""
    whole = _object(Destination, without={"id"})
    kinds = {name: slug for slug, page in pages.items() for name in (slug, *page.slugs)}
    entry = {"type": "array"}
    whole["properties"] |= {
        "type": _explained("Destination.type", {"enum": list(kinds)}),
        "settings": _explained("Destination.settings", {"type": ["object", "null"]}),
        "subscriptions": _explained("Destination.subscriptions", {"type": ["array", "null"]}),
        "filters": _explained("Destination.filters", {**entry, "items": {"$ref": "#/$defs/filter"}}),
        "delivery": _explained("Destination.delivery", {"$ref": "#/$defs/delivery"}),
        "budget": _explained("Destination.budget", {"$ref": "#/$defs/budget"}),
    }
    whole = _open(whole)
    whole["allOf"] = [
        {
            "if": _is_of(page),
            "then": {
                "properties": {
                    "settings": {"$ref": f"#/$defs/{slug}.settings"},
                    "subscriptions": {"items": {"$ref": f"#/$defs/{slug}.subscription"}},
                },
                **({"required": ["settings"]} if _asks_for(page) else {}),
            },
        }
        for slug, page in pages.items()
    ]
    return whole


def _is_of(page: Page) -> Json:
    """Whether a destination is certainly of this page. Where one type stands for several pages, framework,
    mode and the source's platform choose among them; the last of these a schema cannot know."""
    named: Json = {"required": ["type"], "properties": {"type": {"enum": [page.slug, *page.slugs]}}}
    if page.slug != page.family:
        return named
    others = [
        {"required": [key], "properties": {key: {"const": value}}}
        for key, value in (("mode", "device"), ("framework", "classic"))
    ]
    return {"allOf": [named, {"not": {"anyOf": others}}]}


def _settings(page: Page) -> Json:
    """What a page asks for. Where it offers a list of addresses any other address is taken too, and the
    word for the sandbox; text may be written as a number."""
    schema = json_schema(page.settings, title=f"{page.title} settings")
    for key, field in page.settings.items():
        schema["properties"][key] = _lenient(schema["properties"][key], field)
    schema["description"] = page.description
    return schema


def _lenient(schema: Json, field: Field) -> Json:
    said: Json = {key: schema.pop(key) for key in ("title", "description", "default") if key in schema}
    if "default" in said and isinstance(said["default"], dict):
        del said["default"]
    offered = schema.pop("enum", None)
    others = [{"enum": offered}] if offered else [schema]
    if field.format in ("uri", "http-url"):
        others = [*others, {"type": "string", "format": "uri"}, {"const": SANDBOX_KEY}]
    if field.type in TEXT_TYPES and not field.multiple and not field.format:
        others = [*others, {"type": ["number", "boolean"]}]
    return {**said, "anyOf": [*others, {"$ref": "#/$defs/reference"}]}


def _subscription(slug: str, page: Page) -> Json:
    """A subscription of this page; its mapping's fields are chosen by its action."""
    if not page.actions:
        return {"not": {}}
    schema = _object(Subscription)
    names = [name for action in page.actions for name in (action.slug, *action.slugs)]
    schema["required"].remove("id")
    schema["properties"] |= {
        "id": _explained("Subscription.id", {"type": "string", "pattern": f"^{ID}$"}),
        "action": _explained("Subscription.action", {"enum": list(dict.fromkeys(names))}),
        "mapping": _explained("Subscription.mapping", {"type": ["object", "null"]}),
    }
    schema = _open(schema)
    schema["allOf"] = [
        {
            "if": {"required": ["action"], "properties": {"action": {"enum": [action.slug, *action.slugs]}}},
            "then": {"properties": {"mapping": {"$ref": f"#/$defs/{slug}.{action.slug}"}}},
        }
        for action in page.actions
    ]
    return schema


def _mapping(action: Action) -> Json:
    """A field may be filled with anything or by a directive, so only the names are known."""
    schema = json_schema(action.fields)
    properties: Json = {}
    for key, field in action.fields.items():
        known = schema["properties"][key]
        said = {name: known[name] for name in ("title", "description") if name in known}
        properties[key] = {**said, **({"default": field.default} if field.has_default else {})}
    return {
        "type": ["object", "null"],
        "title": action.title,
        "description": action.description,
        "properties": properties,
    }


def _filter() -> Json:
    schema = _object(Filter)
    schema["properties"]["id"] |= {"pattern": f"^{ID}$"}
    schema["properties"]["actions"] = _explained("Filter.actions", {"type": "array", "items": FILTER_ACTION})
    return schema


def _object(kind: type[msgspec.Struct], *, without: frozenset[str] | set[str] = frozenset()) -> Json:
    """A struct's own schema, explained, with its bounds; nested structs are the caller's to replace."""
    _, components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    schema = components[kind.__name__]
    properties = {}
    for key, value in schema["properties"].items():
        if key not in without:
            bounds = dict(zip(("minimum", "maximum"), ALL_BOUNDS.get((kind, key), ()), strict=False))
            properties[key] = _explained(f"{kind.__name__}.{key}", {**value, **bounds})
    required = [key for key in schema.get("required", []) if key not in without]
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _open(schema: Json) -> Json:
    """Let every simple value also be empty (as if not written) or come from a variable."""
    properties = {}
    for key, value in schema["properties"].items():
        said = {name: value[name] for name in ("description", "default") if name in value}
        bare = {name: rule for name, rule in value.items() if name not in said}
        needed = key in schema.get("required", [])
        others = [] if needed else [{"type": "null"}]
        properties[key] = {**said, "anyOf": [bare, {"$ref": "#/$defs/reference"}, *others]}
    return {**schema, "properties": properties}


def _by_id(reference: str) -> Json:
    return {
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{ID}$"},
        "additionalProperties": {"$ref": reference},
    }


def _explained(name: str, schema: Json) -> Json:
    return {"description": EXPLAINED[name], **schema} if name in EXPLAINED else schema


def _asks_for(page: Page) -> bool:
    return any(field.required is True and not field.has_default for field in page.settings.values())

"""What Terraform keeps of a Segment workspace, under the Public API's names.

    resources({"version": 4, "resources": [{"type": "segment_source", "instances": [{"attributes": {…}}]}]})
    -> [("source", {"id": "src_1", "writeKeys": ["…"]})]

Read are state files of the versions 1 to 4 and what ``terraform show -json`` prints. Up to version 3 a state
holds the attributes of a resource flat, every value a text, ``#`` and ``%`` counting lists and maps; a state
that was upgraded from there may hold some so in version 4:

    {"write_keys.#": "1", "write_keys.0": "k", "actions.#": "1", "actions.0.type": "DROP", "enabled": "true"}

Source  Terraform provider of Segment 1.6.0, its resources; Terraform docs, "JSON Output Format" and "State";
        state files of Terraform 0.11 and 0.12; read 2026-11-27
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from segue.model.errors import InvalidError

Json = dict[str, Any]

RESOURCES: Final[Mapping[str, str]] = {
    "segment_source": "source",
    "segment_destination": "destination",
    "segment_destination_subscription": "subscription",
    "segment_destination_filter": "filter",
    "segment_function": "function",
    "segment_insert_function_instance": "insert function",
    "segment_tracking_plan": "tracking plan",
    "segment_source_tracking_plan_connection": "tracking plan connection",
    "segment_transformation": "transformation",
    "segment_warehouse": "warehouse",
    "segment_source_warehouse_connection": "warehouse connection",
    "segment_profiles_warehouse": "warehouse",
    "segment_reverse_etl_model": "reverse ETL model",
    "segment_label": "label",
    "segment_user": "user",
    "segment_user_group": "user group",
}
"""Type of a resource -> kind; resources of other providers are none of ours."""

NEWEST: Final = 4
FLAT_UNTIL: Final = 3
DEEPEST: Final = 40
"""Levels a flat attribute may have; below them its name stays whole."""

_JSON_TEXTS: Final = frozenset({"settings", "reverseEtlSchedule"})
"""Terraform keeps these as text that holds JSON."""


def is_terraform(document: Json) -> bool:
    """Whether an object is a state file or the output of ``terraform show -json``."""
    is_state = "version" in document and any(
        isinstance(document.get(key), list) for key in ("resources", "modules")
    )
    return is_state or isinstance(_root_module(document), dict)


def resources(document: Json) -> Iterator[tuple[str, Any]]:
    """Every resource of Segment's: its kind, and its attributes as the Public API would name them, or
    whatever else stands in their place. Raises InvalidError for state of a version that is not known, or
    without what its version has."""
    root = _root_module(document)
    found = _shown(root) if isinstance(root, dict) else _stored(document, document["version"])
    for type_, attributes in found:
        kind = RESOURCES.get(type_) if isinstance(type_, str) else None
        if kind is not None:
            yield kind, _as_api(attributes) if isinstance(attributes, dict) else attributes


def from_text(value: Any) -> Any:
    """The value of a text that holds JSON; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _stored(document: Json, version: Any) -> Iterator[tuple[Any, Any]]:
    if version not in range(1, NEWEST + 1):
        raise InvalidError(f"is Terraform state of version {version}; versions 1 to {NEWEST} can be read")
    is_flat = version <= FLAT_UNTIL
    key = "modules" if is_flat else "resources"
    if not isinstance(document.get(key), list):
        raise InvalidError(f"is Terraform state of version {version} without its {key}")
    return _flat(document) if is_flat else _instances(document)


def _root_module(document: Json) -> Any:
    values = document.get("values")
    return values.get("root_module") if isinstance(values, dict) else None


def _shown(root: Json) -> Iterator[tuple[Any, Any]]:
    """The resources of a module and of those below it."""
    waiting = [root]
    while waiting:
        each = waiting.pop(0)
        for resource in _entries(each, "resources"):
            yield resource.get("type"), resource.get("values")
        waiting += _entries(each, "child_modules")


def _instances(document: Json) -> Iterator[tuple[Any, Any]]:
    for resource in _entries(document, "resources"):
        for instance in _entries(resource, "instances"):
            flat = instance.get("attributes_flat")
            attributes = instance.get("attributes")
            if attributes is None and isinstance(flat, dict):
                attributes = expand(flat)
            yield resource.get("type"), attributes


def _flat(document: Json) -> Iterator[tuple[Any, Any]]:
    for module in _entries(document, "modules"):
        held = module.get("resources")
        for resource in held.values() if isinstance(held, dict) else ():
            primary = resource.get("primary") if isinstance(resource, dict) else None
            if isinstance(primary, dict):
                attributes = primary.get("attributes")
                named = {"id": primary.get("id")}
                flat = {**named, **attributes} if isinstance(attributes, dict) else named
                yield resource.get("type"), expand(flat)


def _entries(body: Json, key: str) -> list[Json]:
    found = body.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


# --- flat attributes ----------------------------------------------------------------------------


def expand(flat: Mapping[str, Any]) -> Json:
    """Attributes as they were before they were made flat, values of a known type read from their text."""
    body = _nested(flat, 0)
    if "enabled" in body:
        body["enabled"] = _typed(body["enabled"])
    for metadata in (body.get("metadata"), *_entries(body, "metadata")):
        if isinstance(metadata, dict) and "is_cloud_event_source" in metadata:
            metadata["is_cloud_event_source"] = _typed(metadata["is_cloud_event_source"])
    if isinstance(settings := body.get("settings"), dict):
        body["settings"] = _typed(settings)
    for action in _entries(body, "actions"):
        for key, value in [*action.items()]:
            action[key] = (_typed(value) if key in ("percent", "fields") else value) or None
    return body


def _nested(flat: Mapping[str, Any], depth: int) -> Json:
    groups: dict[str, Json] = {}
    for key, value in flat.items():
        name, dot, rest = key.partition(".")
        groups.setdefault(name, {})[dot + rest] = value
    return {name: _member(members, depth) for name, members in groups.items()}


def _member(members: Json, depth: int) -> Any:
    """A value, by the ends of the keys it has: ``""`` for a plain one, else ``.#``, ``.%``, ``.name.…``."""
    if members.keys() == {""}:
        return members[""]
    parts = {key[1:]: value for key, value in members.items() if key not in ("", ".#", ".%")}
    if depth >= DEEPEST or (".%" in members and _is_plain(parts, members[".%"])):
        return parts
    made = _nested(parts, depth + 1)
    # Before version 3 maps were counted with # too. The members of a set have hashes in place of places.
    if ".%" not in members and all(name.isascii() and name.isdecimal() for name in made):
        return [made[name] for name in sorted(made, key=lambda name: (len(name), name))]
    return made


def _is_plain(parts: Json, count: Any) -> bool:
    """Whether dots in a map's keys belong to the keys: it has as many members as keys."""
    return str(count) == str(len(parts)) and not any(key.endswith((".#", ".%")) for key in parts)


def _typed(value: Any) -> Any:
    """Texts as the truth values, numbers, lists and objects that JSON writes with the same characters."""
    if isinstance(value, dict):
        return {key: _typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_typed(each) for each in value]
    read = from_text(value)
    if isinstance(read, dict | list):
        return read
    return read if isinstance(value, str) and read is not None and json.dumps(read) == value else value


# --- names --------------------------------------------------------------------------------------


def _as_api(attributes: Json) -> Json:
    """Terraform's attributes under the Public API's names; texts that hold JSON are read.

    A text that should hold JSON and does not stays a text, for the reader of the item to refuse.
    """
    body = {_camel(key): value for key, value in attributes.items()}
    for key in _JSON_TEXTS & body.keys():
        body[key] = from_text(body[key])
    if "metadata" in body:
        metadata = body["metadata"]
        first = metadata[0] if isinstance(metadata, list) and metadata else metadata
        named = first if isinstance(first, dict) else {}
        body["metadata"] = {_camel(name): each for name, each in named.items()}
    if isinstance(actions := body.get("actions"), list):
        body["actions"] = [_action(each) if isinstance(each, dict) else each for each in actions]
    return body


def _action(action: Json) -> Json:
    return {key: from_text(value) if key == "fields" else value for key, value in action.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)

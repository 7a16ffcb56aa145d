"""What the members of a Braze attribute object are, and which values Braze stores as they are sent.

Source  Braze docs, "User attributes object", "Object custom attributes", "Array of objects",
        "Data points (Legacy)", "Track users", read 2026-11-24
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any, Final

import orjson

from segue.kit.attributes import AttributeShape, Disturbance, JsonObject, ListEdits

TEXT_LIMIT: Final = 255
SIZE_LIMIT: Final = 102_400
"""Bytes of one array or object."""

FEW: Final = 16
"""Members of an object that is small whatever their names and texts are."""

SHORT: Final = 60
"""Elements of a list that is small whatever texts it holds: a character takes six bytes at most."""

DEPTH_LIMIT: Final = 50
"""Braze names none; deeper values are not taken apart."""

EDITS: Final = ListEdits(
    add="$add",
    remove="$remove",
    update="$update",
    key="$identifier_key",
    value="$identifier_value",
    new="$new_object",
)

METERED: Final = frozenset(
    {
        *("first_name", "last_name", "email", "phone", "gender", "dob", "home_city", "time_zone", "bio"),
        *("country", "language", "current_location", "twitter"),
    }
)

CARRIED: Final = frozenset(
    {
        *("first_name", "last_name", "email", "gender", "dob", "phone"),
        *("time_zone", "home_city", "country", "language"),
    }
)
"""Source  Braze docs, "Identify users" and "Merge users": fields taken over where missing, read 2026-11-23"""

FIXED: Final = METERED | {
    *("alias_name", "alias_label", "image_url", "facebook"),
    *("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at"),
    *("email_open_tracking_disabled", "email_click_tracking_disabled"),
    *("email_subscribe", "push_subscribe", "subscription_groups", "push_tokens", "email_subscription_info"),
}


def operates(value: JsonObject) -> bool:
    """Whether an object value is an operation: inc, add and remove, or an edit of a list of objects."""
    if not 0 < len(value) <= len(_EDITS):
        return False
    keys = value.keys()
    if keys == {"inc"} or keys <= _EDITS:
        return True
    return keys <= {"add", "remove"} and all(isinstance(part, list) for part in value.values())


def storable(value: Any) -> bool:
    """Whether Braze takes a custom attribute's value as it is: nothing cut, dropped or refused."""
    return _CHECKS[type(value)](value)


def is_flat(value: JsonObject) -> bool:
    """Whether an object is surely stored as sent: few members, and none of them an object or a list."""
    if len(value) > FEW:
        return False
    for key, part in value.items():
        kind = type(part)
        if ((kind is not str or len(part) > TEXT_LIMIT) and kind not in _NUMBERS) or not _is_key(key):
            return False
    return True


def proves(item: JsonObject) -> bool:
    """Whether an accepted object means that its profile exists.

    Only an external id, or an alias with a plain false, creates; everything else may be dropped in
    silence, or reach whoever holds the address today.
    """
    flag = item.get("_update_existing_only")
    if item.get("external_id"):
        return flag not in (True, "true")
    return bool(item.get("user_alias")) and flag is False


SHAPE: Final = AttributeShape(
    identifiers=("external_id", "user_alias", "braze_id"),
    lookups=("email", "phone"),
    flags=frozenset({"_update_existing_only", "_merge_objects", "push_token_import"}),
    merge_flag="_merge_objects",
    fixed=FIXED,
    metered=METERED,
    carried=CARRIED,
    always=frozenset({"email_subscribe", "push_subscribe"}),
    untimed=frozenset({"push_tokens"}),
    entries={"subscription_groups": "subscription_group_id"},
    edits=EDITS,
    operates=operates,
    storable=storable,
    short=TEXT_LIMIT,
    flat=is_flat,
    proves=proves,
)


def identify_disturbs(item: JsonObject) -> Disturbance:
    """An identify may pour one profile into another, unless that has an alias of the same label."""
    names = ("external_id", "user_alias", "email")
    forgotten = tuple({name: item[name]} for name in names if name in item)
    return Disturbance(forgotten=forgotten, joined=True, slot="" if "email" in item else _label(item))


def alias_disturbs(item: JsonObject) -> Disturbance:
    """A new alias is another way to reach the same person."""
    alias = {"user_alias": {name: item.get(name) for name in ("alias_label", "alias_name")}}
    if not item.get("external_id"):
        return Disturbance(present=(alias,), forgotten=(alias,))
    forgotten = ({"external_id": item["external_id"]}, alias)
    return Disturbance(forgotten=forgotten, joined=True, slot=_label(alias))


def _label(item: JsonObject) -> str:
    """The label of an object's alias; of one label a profile has one alias."""
    return str((item.get("user_alias") or {}).get("alias_label", ""))


def merge_disturbs(item: JsonObject) -> Disturbance:
    """A merge ends one profile and fills the gaps of another."""
    return Disturbance(
        forgotten=(item["identifier_to_keep"],), erased=(item["identifier_to_merge"],), joined=True
    )


# -- what is stored as sent


def _list(value: list[Any]) -> bool:
    if len(value) <= SHORT and _SCALARS.issuperset(map(type, value)):
        return all(len(element) <= TEXT_LIMIT for element in value if type(element) is str)
    if value and all(isinstance(element, dict) for element in value):
        fits = all(_nested(element, 2) for element in value)
    else:
        fits = all(type(element) in _SCALARS and _nested(element, 2) for element in value)
    return fits and _is_small(value)


def _object(value: JsonObject) -> bool:
    if not operates(value):
        return is_flat(value) or (_nested(value, 1) and _is_small(value))
    if "inc" in value:
        return type(value["inc"]) is int
    if value.keys() <= _EDITS:
        return all(_edit(word, entries) for word, entries in value.items())
    return all(_list(part) and not (part and isinstance(part[0], dict)) for part in value.values())


def _edit(word: str, entries: Any) -> bool:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return False
    if word == EDITS.add:
        return all(_nested(entry, 2) and _is_small(entry) for entry in entries)
    for entry in entries:
        if not isinstance(entry.get(EDITS.key), str) or type(entry.get(EDITS.value)) not in _SCALARS:
            return False
        new = entry.get(EDITS.new, {} if word == EDITS.remove else None)
        if not isinstance(new, dict) or not _nested(new, 2) or not _is_small(new):
            return False
    return True


def _nested(value: Any, depth: int) -> bool:
    if type(value) is str:
        return len(value) <= TEXT_LIMIT
    if type(value) is dict:
        if value.keys() == {"$time"}:
            return _is_time(value["$time"])
        return depth <= DEPTH_LIMIT and all(
            _is_key(key) and _nested(part, depth + 1) for key, part in value.items()
        )
    if type(value) is list:
        return depth <= DEPTH_LIMIT and all(_nested(part, depth + 1) for part in value)
    return value is not None


@lru_cache(4096)
def _is_key(key: str) -> bool:
    return 0 < len(key) <= TEXT_LIMIT and not ("." in key or "$" in key or " " in key)


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and 1 < datetime.fromisoformat(value).year <= 3000
    except ValueError:
        return False


def _is_small(value: Any) -> bool:
    return len(orjson.dumps(value)) <= SIZE_LIMIT


_CHECKS: Final[Mapping[type, Callable[[Any], bool]]] = {
    type(None): lambda value: True,
    bool: lambda value: True,
    int: lambda value: True,
    float: isfinite,
    str: lambda value: len(value) <= TEXT_LIMIT,
    list: _list,
    dict: _object,
}
_EDITS: Final = EDITS.words
_NUMBERS: Final = frozenset({bool, int, float})
_SCALARS: Final = _NUMBERS | {str}

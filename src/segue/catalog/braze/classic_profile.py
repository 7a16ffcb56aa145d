"""Traits as the classic destination turns them into a profile's attributes.

    attributes_of({"firstName": "Jane", "address": {"city": "Turku"}, "pets": {"cat": 1}}, notes)
    {"first_name": "Jane", "home_city": "Turku"}     # notes say why "pets" is left out

Traits are looked up whatever their spelling (``firstName``, ``first_name``, ``First Name``), and a full name
stands in for first and last name.

Source  Segment docs, "Braze Destination", identify; segment-boneyard/integration-appboy, observed behaviour;
        ``@segment/facade`` 3, lookups; read 2026-11-24. Standard attributes: Braze docs, "User attributes
        object", read 2026-11-24
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from segue.kit import dates
from segue.kit.action import JsonObject

from .attributes import operates
from .values import GENDERS, Notes

CONSUMED: Final = frozenset(
    {
        *("firstName", "lastName", "birthday", "avatar"),
        *("id", "name", "address", "braze_subscription_groups"),
    }
)
"""Traits that never travel under their own names."""

STANDARD: Final = frozenset(
    {
        *("first_name", "last_name", "dob", "image_url", "home_city", "country", "gender", "email", "phone"),
        *("email_subscribe", "email_open_tracking_disabled", "email_click_tracking_disabled"),
        *("push_subscribe", "push_tokens", "subscription_groups", "language", "time_zone", "bio"),
        *("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at"),
        *("current_location", "facebook", "twitter"),
    }
)
"""Braze's own attributes: they pass under their names, objects and lists included."""

RESERVED: Final = frozenset(
    {
        *("external_id", "braze_id", "user_alias", "alias_name", "alias_label", "email_subscription_info"),
        *("_update_existing_only", "_merge_objects", "push_token_import"),
    }
)
"""Names that say who is meant or how to apply the object; a trait must not."""

GENDER_WORDS: Final = frozenset({"m", "f", "male", "female", "man", "woman", "other"})


def attributes_of(traits: JsonObject, notes: Notes) -> JsonObject:
    """A profile's attributes: its standard ones first, then the customer's. Each trait left out is noted."""
    spellings = _spellings(traits)
    attributes = {name: value for name, value in traits.items() if name in STANDARD}
    attributes |= _names(traits, spellings)
    if (birthday := _find(traits, spellings, "birthday")) is not None:
        attributes["dob"] = birthday
    if avatar := next(filter(None, (_find(traits, spellings, name) for name in _PICTURES)), None):
        attributes["image_url"] = avatar
    attributes |= _place(traits.get("address"))
    if attributes.get("dob"):
        attributes["dob"] = dates.day(attributes["dob"])
        if attributes["dob"] is None:
            _leave_out(attributes, "dob", "no date, left out", notes)
    if "gender" in attributes:
        _set_gender(attributes, notes)
    if groups := _subscription_groups(traits.get("braze_subscription_groups"), notes):
        attributes["subscription_groups"] = groups
    for name, value in traits.items():
        if name in CONSUMED or name in STANDARD:
            continue
        problem = "reserved name, removed" if name in RESERVED else _unfit(value)
        if problem:
            notes.append((f"traits.{name}", problem))
        else:
            attributes[name] = value
    return attributes


_PICTURES: Final = ("avatar", "photourl", "avatarurl")


def _spellings(traits: JsonObject) -> Mapping[str, str]:
    """The traits' names by their letters and digits alone: ``firstname`` -> ``First Name``."""
    spellings: dict[str, str] = {}
    for name in traits:
        spellings.setdefault(_SIGNS.sub("", name).lower(), name)
    return spellings


_SIGNS: Final = re.compile(r"[^A-Za-z0-9]+")


def _find(traits: JsonObject, spellings: Mapping[str, str], name: str) -> Any:
    return traits.get(spellings.get(name, ""))


def _names(traits: JsonObject, spellings: Mapping[str, str]) -> JsonObject:
    """First and last name, each its own trait's or a part of the full name's, if that is a text."""
    full = _find(traits, spellings, "name")
    first, _, last = full.strip().partition(" ") if isinstance(full, str) else (None, "", "")
    parts = {"first_name": first, "last_name": last.strip() or None}
    for name, trait in (("first_name", "firstName"), ("last_name", "lastName")):
        value = traits.get(trait)
        own = value if value is not None else _find(traits, spellings, trait.lower())
        if isinstance(own, str):
            parts[name] = own.strip()
    return {name: part for name, part in parts.items() if part is not None}


def _place(address: Any) -> JsonObject:
    if not isinstance(address, dict):
        return {}
    place = {"home_city": address.get("city"), "country": address.get("country")}
    return {name: value for name, value in place.items() if value}


def _set_gender(attributes: JsonObject, notes: Notes) -> None:
    """Braze's letter for the words classic knows; any other value is left out."""
    value = attributes["gender"]
    word = value.lower() if isinstance(value, str) else ""
    if word in GENDER_WORDS:
        attributes["gender"] = GENDERS[word]
    else:
        _leave_out(attributes, "gender", f"none of {', '.join(sorted(GENDER_WORDS))}, left out", notes)


def _leave_out(attributes: JsonObject, name: str, problem: str, notes: Notes) -> None:
    del attributes[name]
    notes.append((f"traits.{'birthday' if name == 'dob' else name}", problem))


def _subscription_groups(trait: Any, notes: Notes) -> list[JsonObject]:
    """``[{subscription_group_id, subscription_group_state}]`` in the words of the REST API."""
    groups = []
    for index, entry in enumerate(trait if isinstance(trait, list) else [trait] if trait else []):
        group = entry if isinstance(entry, dict) else {}
        id_, state = group.get("subscription_group_id"), group.get("subscription_group_state")
        if isinstance(id_, str) and id_ and state in ("subscribed", "unsubscribed"):
            groups.append({"subscription_group_id": id_, "subscription_state": state})
        else:
            where = f"traits.braze_subscription_groups[{index}]"
            notes.append((where, "no id, or a state other than subscribed and unsubscribed, left out"))
    return groups


def _unfit(value: Any) -> str:
    """Why a value is no classic custom attribute, "" when it is one: nothing nested, but for Braze's
    operations on plain values (inc, add, remove)."""
    if isinstance(value, dict):
        is_plain = operates(value) and not any(map(_unfit, value.values()))
        return "" if is_plain else "an object, left out: classic sends none"
    if isinstance(value, list) and any(isinstance(element, dict | list) for element in value):
        return "a list with something nested, left out: classic sends none"
    return ""

"""What Braze has of people, asked of its export, and put beside what was sent.

Source  Braze docs, "Export user profile by identifier", "User attributes object", read 2026-11-26
        Up to 50 people a request; 250 requests a minute for workspaces made since 2024-08-22. Fields without
        a value are left out. Custom attributes that look like dates may come back as Braze writes dates.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from segue.kit import dates
from segue.kit.action import JsonObject, Settings
from segue.kit.partner import Audit, Who
from segue.model.delivery import Request, Response
from segue.model.errors import UnavailableError

from . import rest

MOST: Final = 50
PER_MINUTE: Final = 250

OWN: Final = frozenset(
    {
        *("first_name", "last_name", "email", "phone", "gender", "dob"),
        *("home_city", "country", "language", "time_zone"),
    }
)
"""Fields of Braze's own that it gives back in the form they were sent in, or nearly."""

GENDERS: Final = ("M", "F", "O", "N", "P")

SHORTEST_LIST: Final = 25
"""Entries a list of plain values may have at least; where Braze's bound is, up to 500, a workspace says. Of
a longer list Braze drops the oldest."""

FIELDS: Final = ("external_id", "user_aliases", "custom_attributes", *sorted(OWN))


def request(people: Sequence[Who], settings: Settings) -> Request:
    """Ask for at most `MOST` people."""
    body: dict[str, Any] = {"fields_to_export": FIELDS}
    if ids := [values[0] for name, values in people if name == "external_id"]:
        body["external_ids"] = ids
    if aliases := [_alias(values) for name, values in people if name == "user_alias"]:
        body["user_aliases"] = aliases
    return rest.request(settings, "/users/export/ids", orjson.dumps(body), pool="users/export/ids")


_REMEDIES: Final = {
    0: "Look whether settings.endpoint is the right address and can be reached from here, then ask again.",
    401: "Look whether settings.api_key is a key of this workspace.",
    403: "Give the key in settings.api_key the permission users.export.ids.",
    429: "Its limit is used up: ask again in a minute, with a smaller --budget.",
}


def _remedy(status: int) -> str:
    """What helps when no profiles came back."""
    found = "Look whether settings.endpoint is the address of a REST endpoint." if status < 500 else ""
    return _REMEDIES.get(status) or found or "Ask again later: it is trouble of its own."


def read(response: Response, people: Sequence[Who]) -> list[JsonObject | None]:
    """The attributes of each, None for nobody. Raises UnavailableError when Braze does not say."""
    users = rest.body_of(response).get("users")
    if not 200 <= response.status < 300 or not isinstance(users, list):
        words = rest.message_of(rest.body_of(response)) or response.error or f"status {response.status}"
        raise UnavailableError(f"Braze did not export the profiles: {words}. {_remedy(response.status)}")
    found: dict[Who, JsonObject] = {}
    for user in users:
        attributes = {**user.get("custom_attributes", {})}
        attributes |= {name: user[name] for name in OWN if name in user}
        found["external_id", (str(user.get("external_id", "")),)] = attributes
        for alias in user.get("user_aliases", ()):
            found["user_alias", (str(alias["alias_label"]), str(alias["alias_name"]))] = attributes
    return [found.get(who) for who in people]


def is_same(name: str, held: Any, found: Any) -> bool:
    """Whether Braze has what was sent, as far as its answer can tell. found: None for nothing."""
    if held == found and type(held) is type(found):
        return True
    if held in (None, "") and found in (None, ""):
        return True
    if _holds_time(held) and found is not None:
        return True  # {"$time": …} comes back in words of Braze's own
    if isinstance(held, list) and isinstance(found, list):
        return _are_kept(held, found)
    if _is_ignored(name, held):
        return True  # acknowledged and dropped in silence: what was there stayed, and stays
    if type(held) is not str or type(found) is not str:
        return isinstance(held, float) and isinstance(found, int | float) and held == found
    if name in ("country", "language") and len(held) != 2:
        return True  # Braze finds the code itself
    if name == "phone":
        return _digits(held) == _digits(found)
    if name in OWN:
        return held.casefold() == found.casefold()
    moment = dates.parse(held)
    return moment is not None and moment == dates.parse(found)


def _are_kept(held: Sequence[Any], found: Sequence[Any]) -> bool:
    """Whether this is what Braze keeps of a list of plain values: each once, where it came last."""
    if any(isinstance(each, dict | list) for each in held):
        return False
    last = dict.fromkeys((type(each), each) for each in reversed(held))
    kept, there = list(reversed(last)), [(type(each), each) for each in found]
    return kept == there or (len(there) >= SHORTEST_LIST and kept[-len(there) :] == there)


def _is_ignored(name: str, held: Any) -> bool:
    """Whether Braze takes a value of one of its own fields and does nothing with it."""
    if not isinstance(held, str):
        return False
    if name == "gender":
        return held not in GENDERS
    return name == "dob" and dates.parse(held) is None


def tell(who: Who, attributes: Mapping[str, Any]) -> JsonObject:
    """The attribute object that says this of a person who is there."""
    name, values = who
    if name == "external_id":
        return {"external_id": values[0], **attributes}
    return {"user_alias": _alias(values), "_update_existing_only": True, **attributes}


def _alias(values: Sequence[str]) -> JsonObject:
    return {"alias_label": values[0], "alias_name": values[1]}


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _holds_time(value: Any) -> bool:
    if isinstance(value, dict):
        return "$time" in value or any(map(_holds_time, value.values()))
    return isinstance(value, list) and any(map(_holds_time, value))


AUDIT: Final = Audit(
    most=MOST,
    per_minute=PER_MINUTE,
    identifiers=frozenset({"external_id", "user_alias"}),
    own=OWN,
    request=request,
    read=read,
    is_same=is_same,
    tell=tell,
)

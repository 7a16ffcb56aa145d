"""Braze's own profile fields: what each takes, and what becomes of anything else.

A reader gives the value to store, SKIP to leave the field as it is (with a warning), or raises Refused where
Braze answers with an error of the object.
Source  Braze docs, "User attributes object", "Track users" (endpoint-specific errors), "Data points",
        read 2026-11-23
"""

from collections.abc import Callable, Mapping
from typing import Any

from segue.sandbox import custom, identity
from segue.sandbox.dates import is_day, read_time
from segue.sandbox.exchange import Call
from segue.sandbox.places import country_of, is_language, is_time_zone
from segue.sandbox.texts import Refused

EMAIL_STATES = frozenset({"opted_in", "unsubscribed", "subscribed"})
GROUP_STATES = frozenset({"subscribed", "unsubscribed"})
GENDERS = frozenset("MFONP")
DEVICE_ID_BYTES = range(8, 256)


class _Skip:
    """Stands for a value that is left out."""


SKIP = _Skip()
Reader = Callable[[Call, str, Any, str], Any]


def ignored(call: Call, name: str, value: Any, where: str) -> Any:
    """The reader of a field that is accepted and does nothing."""
    return SKIP


def _lenient(call: Call, name: str, where: str, why: str) -> Any:
    call.warn("field-not-set", where, f"{name}: {why}; not set", name)
    return SKIP


def _unfit(call: Call, name: str, where: str, why: str) -> Any:
    if call.world.switches.unfit_field == "clear":
        call.warn("field-cleared", where, f"{name}: {why}; cleared", name)
        return None
    return _lenient(call, name, where, why)


def _text(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _lenient(call, name, where, f"expected text, found {type(value).__name__}")
    text = str(value)
    if len(text) <= custom.TEXT_LIMIT:
        return text
    if call.world.switches.long_string == "truncate":
        call.warn("string-truncated", where, f"{name} was cut to {custom.TEXT_LIMIT} characters", name)
        return text[: custom.TEXT_LIMIT]
    return _lenient(
        call, name, where, f"text of {len(text)} characters, at most {custom.TEXT_LIMIT} are kept"
    )


def _email(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None or identity.is_email(value):
        return value
    raise Refused("email-not-valid")


def _phone(call: Call, name: str, value: Any, where: str) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return (
        value if value is None or identity.is_phone(value) else _lenient(call, name, where, "no phone number")
    )


def _birthday(call: Call, name: str, value: Any, where: str) -> Any:
    fits = value is None or (isinstance(value, str) and is_day(value))
    return value if fits else _unfit(call, name, where, "expected YYYY-MM-DD")


def _gender(call: Call, name: str, value: Any, where: str) -> Any:
    fits = value is None or (isinstance(value, str) and value in GENDERS and len(value) == 1)
    return value if fits else _unfit(call, name, where, "expected M, F, O, N or P")


def _country(call: Call, name: str, value: Any, where: str) -> Any:
    code = country_of(value) if isinstance(value, str) else None
    if code is None and value is not None:
        call.warn("country-unmapped", where, "country: no ISO 3166 country found; stored null", name)
    return code


def _language(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None:
        return None
    if isinstance(value, str) and is_language(value):
        return value.lower()
    return _lenient(call, name, where, "expected an ISO 639-1 code")


def _zone(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None or (isinstance(value, str) and is_time_zone(value)):
        return value
    return _lenient(call, name, where, "not a time zone")


def _moment(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None or (isinstance(value, str) and read_time(value) is not None):
        return value
    return _lenient(call, name, where, "not a date")


def _flag(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    return _lenient(call, name, where, f"expected a boolean, found {type(value).__name__}")


def _social(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, dict):
        return _lenient(call, name, where, f"expected an object, found {type(value).__name__}")
    wanted = _SOCIAL[name]
    kept = {key: part for key, part in value.items() if _fits_social(part, wanted.get(key))}
    if len(kept) < len(value):
        left_out = ", ".join(sorted(key[:40] for key in value.keys() - kept.keys()))
        call.warn("field-part-left-out", where, f"{name}: {left_out} not set", name)
    return kept


_SOCIAL: Mapping[str, Mapping[str, type]] = {
    "facebook": {"id": str, "likes": list, "num_friends": int},
    "twitter": {
        "id": int,
        "screen_name": str,
        "followers_count": int,
        "friends_count": int,
        "statuses_count": int,
    },
}


def _fits_social(part: Any, wanted: type | None) -> bool:
    if wanted is None or isinstance(part, bool) or not isinstance(part, wanted):
        return False
    return not isinstance(part, list) or all(isinstance(entry, str) for entry in part)


def _email_state(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None or (isinstance(value, str) and value in EMAIL_STATES):
        return value
    raise Refused("email-subscribe")


def _push_state(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None or (isinstance(value, str) and value in EMAIL_STATES):
        return value
    raise Refused("push-subscribe")


def _location(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused("location")
    longitude, latitude = value.get("longitude"), value.get("latitude")
    if not (_is_within(longitude, 180) and _is_within(latitude, 90)):
        raise Refused("location")
    return {"longitude": longitude, "latitude": latitude}


def _is_within(value: Any, bound: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -bound <= value <= bound


def _groups(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None:
        return SKIP
    if not isinstance(value, list):
        raise Refused("group-array")
    states: list[tuple[str, str]] = []
    for entry in value:
        if not isinstance(entry, dict) or not {"subscription_group_id", "subscription_state"} <= entry.keys():
            raise Refused("group-hash")
        group_id, state = entry["subscription_group_id"], entry["subscription_state"]
        if not isinstance(group_id, str) or group_id not in call.workspace.groups:
            raise Refused("group-id")
        if not isinstance(state, str) or state not in GROUP_STATES:
            raise Refused("group-state")
        if entry.get("use_double_opt_in_logic") is True and state == "subscribed":
            call.warn("double-opt-in", where, "nobody is asked to confirm here; subscribed at once")
        states.append((group_id, state))
    return states


def _tokens(call: Call, name: str, value: Any, where: str) -> Any:
    if value is None:
        return SKIP
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise Refused("token-value")
    tokens: list[dict[str, Any]] = []
    for entry in value:
        app_id, token, device = entry.get("app_id"), entry.get("token"), entry.get("device_id")
        if not isinstance(token, str) or not token:
            raise Refused("token-string")
        if not isinstance(app_id, str) or app_id not in call.workspace.app_ids:
            raise Refused("token-app")
        if device is not None and not (isinstance(device, str) and len(device.encode()) in DEVICE_ID_BYTES):
            raise Refused("token-device")
        tokens.append({"app_id": app_id, "token": token, "device_id": device})
    return tokens


def _subscription_info(call: Call, name: str, value: Any, where: str) -> Any:
    raise Refused("email-subscription-info")


RESERVED: Mapping[str, Reader] = {
    **dict.fromkeys(
        (
            "external_id", "user_alias", "braze_id", "alias_name", "alias_label",
            "_update_existing_only", "_merge_objects", "push_token_import",
        ),
        ignored,
    ),
    **dict.fromkeys(("first_name", "last_name", "home_city", "bio", "image_url"), _text),
    **dict.fromkeys(("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at"), _moment),
    **dict.fromkeys(("email_open_tracking_disabled", "email_click_tracking_disabled"), _flag),
    **dict.fromkeys(("facebook", "twitter"), _social),
    "email": _email,
    "phone": _phone,
    "dob": _birthday,
    "gender": _gender,
    "country": _country,
    "language": _language,
    "time_zone": _zone,
    "current_location": _location,
    "email_subscribe": _email_state,
    "push_subscribe": _push_state,
    "subscription_groups": _groups,
    "push_tokens": _tokens,
    "email_subscription_info": _subscription_info,
}  # fmt: skip
"""Every reserved key and its reader; any other key is a custom attribute."""

METERED = frozenset(
    {"first_name", "last_name", "email", "phone", "gender", "dob", "home_city", "time_zone", "bio", "country",
     "language", "current_location", "twitter"}
)  # fmt: skip
"""Braze's own fields that count a data point when set. Source: Braze docs, "Data points", 2026-11-23."""

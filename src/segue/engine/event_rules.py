"""What the tracking spec asks of one event, with the published code for each fault.

    check({"type": "track", "userId": "u1", "event": 7})   raises InvalidEvent, code event_not_string

An explicit null counts as absent: SDKs send ``userId: null`` for visitors who have not logged in.

Source  Segment docs, "Delivery Overview: discards" (the codes) and "Spec: common fields, track, page,
screen, group", read 2026-11-24. Codes of ours, for faults the list does not name: ``not_an_object``,
``context_not_object``, ``integrations_not_object``, ``message_id_not_string``, ``message_id_too_long``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from segue.model.errors import InvalidEvent
from segue.model.event import KINDS, Event

MESSAGE_ID_LENGTH: Final = 100
"""A messageId has fewer characters than this."""

CONSENT_EVENT: Final = "Segment Consent Preference Updated"
"""The one event whose ``context.consent`` is checked when it arrives."""


def check(event: Any, kind: str = "") -> str:
    """Say what kind of event this is, or raise InvalidEvent with the first fault's code.

    kind  what the route implies; "" in a batch, where each event has to say its own type
    """
    if not isinstance(event, dict):
        raise InvalidEvent("not_an_object", f"the event is {_found(event)}; expected a JSON object")
    kind = kind or _stated_kind(event)
    for field, kinds, is_right, code, expected in _RULES:
        value = event.get(field)
        if value is not None and kind in kinds and not is_right(value):
            raise InvalidEvent(code, f"{field} of this {kind} event is {_found(value)}; expected {expected}")
    if kind == "track" and _is_blank(event.get("event")):
        raise InvalidEvent(
            "event_not_defined", 'a track event needs a name: add "event", for instance "Order Completed"'
        )
    if not any(event.get(field) is not None for field in ("userId", "anonymousId", *_OWN_IDS.get(kind, ()))):
        raise InvalidEvent(
            "no_user_anon_id", f"this {kind} event names nobody: add a userId or an anonymousId"
        )
    if kind == "group" and event.get("groupId") is None:
        raise InvalidEvent(
            "id_required", "a group event needs the groupId of the group the person belongs to"
        )
    if kind == "track" and event.get("event") == CONSENT_EVENT:
        _check_consent(event)
    return kind


def _stated_kind(event: Event) -> str:
    kind = event.get("type")
    if kind is None:
        raise InvalidEvent("missing_type", f'the event has no "type"; expected one of {", ".join(KINDS)}')
    if kind not in KINDS:
        raise InvalidEvent("invalid_type", f'"type" is {_found(kind)}; expected one of {", ".join(KINDS)}')
    return str(kind)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_id(value: object) -> bool:
    return _is_name(value) or _is_number(value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_message_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_short(value: object) -> bool:
    return len(str(value)) < MESSAGE_ID_LENGTH


_ALL: Final = frozenset(KINDS)
_VIEWS: Final = frozenset({"page", "screen"})
_OWN_IDS: Final[Mapping[str, tuple[str, ...]]] = {"group": ("groupId",), "alias": ("previousId",)}
"""The ids that stand in for userId and anonymousId in these kinds; SDKs do send them alone."""

_RULES: Final[tuple[tuple[str, frozenset[str], Callable[[object], bool], str, str], ...]] = (
    ("userId", _ALL, _is_name, "id_not_string", "a string that is not empty"),
    ("anonymousId", _ALL, _is_name, "id_not_string", "a string that is not empty"),
    # Published for userId and anonymousId only; python's SDK leaves a numeric groupId a number.
    ("groupId", frozenset({"group"}), _is_id, "id_not_string", "a string that is not empty, or a number"),
    ("previousId", frozenset({"alias"}), _is_id, "id_not_string", "a string that is not empty, or a number"),
    ("event", frozenset({"track"}), _is_text, "event_not_string", "a string"),
    ("properties", _VIEWS | {"track"}, _is_object, "properties_not_object", "an object"),
    ("traits", frozenset({"identify", "group"}), _is_object, "traits_not_object", "an object"),
    ("name", _VIEWS, _is_filled, "name_not_string", "a string that is not empty; leave it out for none"),
    # Segment's Kotlin SDK (1.27.0) writes "category": "" into every screen call that names none.
    ("category", _VIEWS, _is_text, "category_not_string", "a string"),
    ("context", _ALL, _is_object, "context_not_object", "an object"),
    ("integrations", _ALL, _is_object, "integrations_not_object", 'an object like {"All": true}'),
    ("messageId", _ALL, _is_message_id, "message_id_not_string", "a string"),
    ("messageId", _ALL, _is_short, "message_id_too_long", f"fewer than {MESSAGE_ID_LENGTH} characters"),
)
"""(field, kinds it is checked in, test of a value that is there, code, what was expected)."""


def _check_consent(event: Event) -> None:
    context = event.get("context") or {}
    consent = context.get("consent")
    preferences = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    device = context.get("device")
    advertising = device.get("advertisingId") if isinstance(device, dict) else None
    version = consent.get("version") if isinstance(consent, dict) else None
    place = "context.consent.categoryPreferences"
    if preferences is None:
        raise InvalidEvent("consent_categorypreferences_should_exist", f'"{CONSENT_EVENT}" needs {place}')
    if not isinstance(preferences, dict):
        problem = f"{place} is {_found(preferences)}; expected an object of category to true or false"
        raise InvalidEvent("consent_categorypreferences_fields_should_be_object", problem)
    for category, choice in preferences.items():
        if not isinstance(choice, bool):
            problem = f"{place}.{category[:60]} is {_found(choice)}; expected true or false"
            raise InvalidEvent("consent_categorypreferences_fields_should_be_bool", problem)
    if advertising is not None and not isinstance(advertising, str):
        problem = f"context.device.advertisingId is {_found(advertising)}; expected a string"
        raise InvalidEvent("device_advertisingid_should_be_string", problem)
    if version is not None and not _is_number(version):
        problem = f"context.consent.version is {_found(version)}; expected a number"
        raise InvalidEvent("consent_version_should_be_number", problem)


def _found(value: object) -> str:
    """Name a JSON value without repeating a customer's text."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value!r:.24}"
        case str():
            return f"a string of {len(value)} characters" if value.strip() else "an empty string"
        case list():
            return "an array"
        case dict():
            return "an object"
        case _:
            return "null"

"""The published debounces, each as the sources state it, and ours beside them: events in, decisions out.

    variant = VARIANTS["android"]()
    variant.sees(event)      ->  True when the event goes on to Braze
    variant.integrations     ->  what the event's ``integrations`` hold after it

Written from the rules in `debounce.yaml`, which names the sources. They say what a table of cases means for
code that is not ours to run here; the code that is runs the same table in its own tests.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.conformance.equality import same

Event = Mapping[str, Any]
WEB_NAMES: Final = ("Braze Web Mode (Actions)", "Braze Cloud Mode (Actions)", "Appboy")
BRAZE: Final = "Appboy"
NAMES: Final = ("Appboy", "Braze", "Braze Cloud Mode (Actions)")


class Web:
    """The browser's: three flags, true as well as false, on identify and group."""

    def __init__(self) -> None:
        self._id: Any = None
        self._anonymous: Any = None
        self._traits: Any = None
        self.integrations: dict[str, Any] | None = None

    def sees(self, event: Event) -> bool:
        """Compare what is set with the person remembered, then remember the person."""
        self.integrations = _written(event)
        if event["type"] not in ("identify", "group"):
            return True
        user, anonymous, traits = event.get("userId"), event.get("anonymousId"), event.get("traits") or {}
        send = bool(
            (user and user != self._id)
            or (anonymous and anonymous != self._anonymous)
            or _text(self._traits) != _text(traits)
        )
        if event["type"] == "identify":
            self._id, self._anonymous, self._traits = user or self._id, anonymous or self._anonymous, traits
        self.integrations = {**(self.integrations or {}), **dict.fromkeys(WEB_NAMES, send)}
        return send


class Device:
    """The mobile shape: the identify before in memory, one flag on a repeat.

    repeats     whether an identify says the same as the one before
    forgets     any other call empties the memory
    keeps_sent  only an identify that was sent is remembered
    heeds_app   an identify the app switched off for Braze itself is not remembered
    """

    def __init__(
        self,
        repeats: Callable[[Event, Event], bool],
        *,
        forgets: bool = False,
        keeps_sent: bool = False,
        heeds_app: bool = False,
    ) -> None:
        self._repeats, self._forgets = repeats, forgets
        self._keeps_sent, self._heeds_app = keeps_sent, heeds_app
        self._before: Event | None = None
        self.integrations: dict[str, Any] | None = None

    def sees(self, event: Event) -> bool:
        """Compare with the identify before and remember this one."""
        self.integrations = _written(event)
        if event["type"] != "identify":
            self._before = None if self._forgets else self._before
            return True
        wanted = _wants_braze(self.integrations)
        if self._heeds_app and not wanted:
            return False
        repeated = self._before is not None and self._repeats(self._before, event)
        if not (repeated and self._keeps_sent):
            self._before = event
        if repeated:
            self.integrations = {**(self.integrations or {}), BRAZE: False}
        return wanted and not repeated


class Server:
    """Ours on the server: as on the phone, with a memory for each person."""

    def __init__(self) -> None:
        self._people: dict[tuple[str, Any], Device] = {}
        self.integrations: dict[str, Any] | None = None

    def sees(self, event: Event) -> bool:
        """Ask the person's own memory."""
        user = event.get("userId")
        person = ("u", user) if user else ("a", event.get("anonymousId"))
        return self._people.setdefault(person, _phone()).sees(event)


def _text(value: Any) -> str:
    """JSON as a browser writes it; nothing remembered is no text at all."""
    return "" if value is None else json.dumps(value, separators=(",", ":"))


def _written(event: Event) -> dict[str, Any] | None:
    written = event.get("integrations")
    return None if written is None else dict(written)


def _wants_braze(integrations: Mapping[str, Any] | None) -> bool:
    written = integrations or {}
    entries = [written[name] for name in NAMES if name in written] or [written.get("All", True)]
    return False not in entries


def _ids(one: Event, other: Event) -> bool:
    return all(one.get(name) == other.get(name) for name in ("userId", "anonymousId"))


def _deep(one: Event, other: Event) -> bool:
    return _ids(one, other) and same(one.get("traits") or {}, other.get("traits") or {})


def _android(one: Event, other: Event) -> bool:
    return other.get("userId") is not None and _deep(one, other)


def _by_reference(one: Event, other: Event) -> bool:
    """Two events of a table never share an object, so only traits that are missing in both are the same."""
    held = one.get("traits") is None and other.get("traits") is None
    return _ids(one, other) and held and other.get("integrations") is not None


def _react_native(one: Event, other: Event) -> bool:
    return _ids(one, other) and one.get("traits") is not None and _objects(one["traits"], other.get("traits"))


def _objects(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_objects(one[key], other[key]) for key in one)
    return not isinstance(one, list | dict) and same(one, other)


def _phone() -> Device:
    return Device(_deep, heeds_app=True)


VARIANTS: Final[Mapping[str, Callable[[], Any]]] = {
    "web": Web,
    "android": lambda: Device(_android),
    "ios-swift": lambda: Device(_deep),
    "ios-objc": lambda: Device(_deep, forgets=True),
    "react-native-middleware": lambda: Device(_by_reference, keeps_sent=True),
    "react-native-braze": lambda: Device(_react_native, keeps_sent=True),
    "phone": _phone,
    "server": Server,
}

"""Sketch: of an event of the log only what quick ways look at, read in one pass over its JSON.

    sketcher = sketcher_of([("userId",), ("context", "traits", "email"), ("properties",)])
    sketcher.read(record)    ({"type": "track", "userId": "u1", "context": {"traits": {…}}}, event_ms, sure)

What nobody asks for is skipped, not made into objects; that and the fields a server adds are half of what
`segue.engine.intake.restored` costs. At every path asked for, a sketch has what the whole event has, or
there is no sketch: a value of another kind than nearly all have, half a surrogate pair, an integer that
decoders take differently. Whoever gets none restores the whole event.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, TypedDict

import msgspec

from segue.engine.intake import happened, iso_often, lie_under
from segue.language.writer import DEEPEST_LOAD, Keys
from segue.model.event import Event, Record

_Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Larger ones are numbers without end to one decoder and doubles to the other."""

_Members = dict[str, Any]
_Value = str | bool | _Whole | float | list[Any] | _Members

_ALWAYS: Final[dict[str, Any]] = {
    "userId": str | None,
    "anonymousId": str | None,
    "previousId": str,
    "event": str,
    "timestamp": str,
    "integrations": Any,
    "_metadata": Any,
}
"""What routing itself looks at. A null at the top is as good as missing, and only ids often have one."""

_RESTORED: Final = frozenset(
    {"writeKey", "sentAt", "originalTimestamp", "channel", "version", "projectId", "receivedAt", "messageId"}
)
"""Fields that are not as they were sent."""

_NEVER: Final = _RESTORED - {"receivedAt", "messageId"}

_Faults: Final = (msgspec.MsgspecError, RecursionError, UnicodeError)


class Sketcher:
    """Reads records for whoever looks at certain paths only; made by `sketcher_of`."""

    def __init__(self, paths: Iterable[Keys]) -> None:
        wanted = frozenset(path[:DEEPEST_LOAD] for path in paths)
        roots = {path[0] for path in wanted}
        tree: dict[str, Any] = {}
        for path in wanted:
            branch = tree
            for key in path:
                branch = branch.setdefault(key, {})
        fields = {
            name: _type_of((name,), branch, wanted)
            for name, branch in tree.items()
            if name not in _RESTORED and name not in ("type", *_ALWAYS)
        }
        self._decode = msgspec.json.Decoder(_typed({**fields, **_ALWAYS})).decode
        self._wants_address = ("context",) in wanted or ("context", "ip") in wanted
        self._wants_context = ("context",) in wanted
        self._wants_integrations = "integrations" in roots
        self._wants_receipt = "receivedAt" in roots
        self._wants_id = "messageId" in roots
        self._wants_more = (
            self._wants_context or self._wants_integrations or self._wants_receipt or self._wants_id
        )

    def read(self, record: Record) -> tuple[Event, int, bool] | None:
        """The sketch of a record, its corrected timestamp, and whether that is surely written the usual way,
        as it was written here; None when it must be restored whole."""
        try:
            event: Event = self._decode(record.raw)
        except _Faults:
            return None
        if event.get("userId", "") is None:
            del event["userId"]
        if event.get("anonymousId", "") is None:
            del event["anonymousId"]
        event["type"] = record.kind
        given = event.get("timestamp")
        timestamp, _, event_ms = happened(record, given)
        event["timestamp"] = timestamp
        more = record.envelope or self._wants_more or (self._wants_address and record.ip is not None)
        if more and not self._complete(record, event):
            return None
        return event, event_ms, timestamp is not given and timestamp != ""

    def _complete(self, record: Record, event: Event) -> bool:
        """Add what a server adds and is looked at; False when the event must be restored whole."""
        if self._wants_receipt:
            event["receivedAt"] = iso_often(record.received_ms)
        if self._wants_id:
            event["messageId"] = record.message_id
        if record.envelope or self._wants_integrations:
            event["integrations"] = event.get("integrations") or {}
        if record.envelope or (self._wants_address and record.ip is not None):
            event.setdefault("context", {})
            return self._lie_over(record, event)
        return not self._wants_context or type(event.setdefault("context", {})) is dict

    def _lie_over(self, record: Record, event: Event) -> bool:
        """Put an event's context and integrations over those of its batch; False when they are no objects."""
        context, integrations = event["context"], event.get("integrations", _NOTHING)
        if type(context) is not dict or (record.envelope and type(integrations) is not dict):
            return False
        if record.envelope:
            context, integrations = lie_under(record.envelope, context, integrations)
            event["context"], event["integrations"] = context, integrations
        if self._wants_address and record.ip is not None and not context.get("ip"):
            context["ip"] = record.ip
        return True


_NOTHING: Final[dict[str, Any]] = {}


def sketcher_of(paths: Iterable[Keys]) -> Sketcher | None:
    """A sketcher for these paths; None when they ask for the whole event, or for what only it has."""
    paths = list(paths)
    if any(not path or path[0] in _NEVER for path in paths):
        return None
    try:
        return Sketcher(paths)
    except UnicodeError:  # half a surrogate pair in a name
        return None


def _type_of(path: Keys, branch: dict[str, Any], wanted: frozenset[Keys]) -> Any:
    """The type of the value at a path: all of it where it is wanted, else those members that are."""
    if path in wanted or not branch:
        return _Value if len(path) == 1 else _Value | None
    return _typed({name: _type_of((*path, name), inner, wanted) for name, inner in branch.items()})


def _typed(fields: dict[str, Any]) -> Any:
    for name in fields:
        name.encode()
    return TypedDict("Sketch", fields, total=False)  # type: ignore[operator]  # a class made at run time

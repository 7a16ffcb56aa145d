"""A sighting: where an attribute of a person was seen in an event, what it met, and what that means."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from segue.model.delivery import UNCHANGED, Halt


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One event that carried the attribute, at one destination.

    field    the mapping field that makes it, "" when none does; directive: what that field is mapped from
    value    as it would have been sent, or as the sender gave it where nothing was made of it
    event_ms  its time, by which values follow one another; of a time far in the future, when it came in
    outcome  "delivered", "left out" (with code UNCHANGED or STALE_ATTRIBUTES as reason), "dead", "filtered",
             "duplicate", "waiting", "unmapped" (no subscription reads it), "suppressed" or "unknown"
    """

    message_id: str
    kind: str
    name: str
    lane: int
    offset: int
    received_ms: int
    timestamp: str
    destination: str
    event_ms: int = 0
    subscription: str = ""
    field: str = ""
    directive: Any = None
    value: Any = None
    outcome: str
    reason: str = ""
    message: str = ""
    request: str = ""
    status: int = 0
    at_ms: int = 0


def verdict(
    person: str, attribute: str, sightings: Sequence[Sighting], found: int, since_ms: int
) -> tuple[str, str]:
    """The newest sighting in one sentence, and what to do.

    found     events of the person that were looked at; since_ms: how far back the log was read
    """
    if not sightings:
        since = f" since {moment(since_ms)}" if since_ms else ""
        if not found:
            return (
                f"no event of {person} is in the log{since}",
                "Look whether the id is spelled as the sender spells it: segue tail --grep ID. Events that "
                "name only an anonymousId belong to that one: segue why --anonymous.",
            )
        return (
            f'none of the {found:,} events of {person} in the log{since} carries "{attribute}"',
            "The sender has to put it into traits; segue tail --grep shows what it sends.",
        )
    newest = sightings[0]
    said = f": {newest.message}" if newest.message else ""
    match newest.outcome:
        case "delivered" if (later := _later(newest, sightings)) is not None:
            return (
                f"the newest event that carried it, messageId {newest.message_id}, tells of an earlier time "
                f"than messageId {later.message_id} of {moment(later.event_ms)}, and that value stands",
                "The value of the latest timestamp stands, whatever came in last. If a timestamp is wrong, "
                "look at the sender's clock.",
            )
        case "delivered":
            return (
                f"it was delivered to {newest.destination} in request {newest.request} at "
                f"{moment(newest.at_ms)}, and accepted with status {newest.status}",
                "If the partner shows otherwise, it was changed there since, or the partner dropped the "
                "value afterwards (a data type that differs from the attribute's, a blocklisted attribute).",
            )
        case "left out" if newest.reason == UNCHANGED:
            return (
                f"it was not sent again: {newest.destination} has acknowledged this very value before",
                f"If somebody changed it at the partner since: segue drift {newest.destination} "
                f"--person {person[2:]} compares, segue refresh sends everything of the person again.",
            )
        case "left out":
            return (
                f"it was left out: {newest.destination} has a value of a later event",
                "The event came late; nothing is to do. A timestamp far in the future of an earlier event "
                "would do the same: look at the sender's clock.",
            )
        case "dead":
            return (
                f"the newest event that carried it died: {newest.reason}{said}",
                "Mend what the reason names, then: segue dead retry "
                f"--message-id {newest.message_id}. segue dead explain tells more.",
            )
        case "waiting":
            return (
                f"the newest event that carries it waits: {newest.reason}{said}",
                "It arrives when that ends; segue doctor says what to do about it.",
            )
        case "unmapped":
            return (
                f"the sender gave it, and nothing sends it: {newest.message}",
                "Map it: docs/guides/map-a-trait.md. segue try shows the way of an event step by step.",
            )
        case "duplicate":
            return (
                "the newest event that carried it repeated a messageId, so only the first event of that id "
                "counts",
                f"segue trace {newest.message_id} shows both; the sender must give each event its own id.",
            )
        case _:
            return (
                f"the newest event that carried it was {newest.outcome}: {newest.reason or 'unknown'}{said}",
                _REMEDIES.get(newest.reason, f"segue trace {newest.message_id} tells its whole story."),
            )


_REMEDIES: Final[Mapping[str, str]] = {
    "FILTERED_BY_INTEGRATIONS_OBJECT": "The sender's integrations object switches this destination off.",
    "FILTERED_BY_RULES": "A filter of the destination drops it: see its filters in the workspace file.",
    "FILTERED_BY_END_USER_CONSENT": "The person has not agreed to the destination's consent categories.",
    "MESSAGE_SENT_CLIENT_SIDE": "The device has sent it itself; its own SDK at the partner is to be asked.",
    "NO_MATCHING_MAPPING": "No trigger matches this kind of event: send the attribute with an identify, or "
    "add a subscription.",
}


def _later(newest: Sighting, sightings: Sequence[Sighting]) -> Sighting | None:
    """The event whose value stands, when it is not the newest: of a later time, at the same destination."""
    there = [
        each
        for each in sightings
        if each.destination == newest.destination
        and (each.outcome == "delivered" or each.reason == UNCHANGED)
        and each.event_ms > newest.event_ms
    ]
    return max(there, key=lambda each: each.event_ms, default=None)


def words_of(halt: Halt) -> str:
    """Why a destination sends nothing, in a few words, and since when."""
    since = f"since {moment(halt.since_ms)}"
    if halt.kind == "paused":
        return f"paused by hand {since}"
    if halt.kind == "capped":
        return f"keeping rows back for a cap {since}: {halt.message}"
    if halt.kind == "limited":
        return f"waiting for the partner's rate limit {since}, until {moment(halt.until_ms)}"
    said = f' (the partner says "{halt.message}")' if halt.message else ""
    return f"held by {halt.code} {since}{said}"


def remedy_of(halt: Halt, destination: str) -> str:
    """What to do about a destination that sends nothing."""
    if halt.kind == "paused":
        return f"It was paused by hand: segue resume {destination} lets it go on."
    if halt.kind == "capped":
        return (
            "A cap of yours is used up: raise it in budget.caps of the workspace file and start Segue again, "
            f"or wait until {moment(halt.until_ms)}. segue cost shows what is spent."
        )
    if halt.kind == "limited":
        return (
            "It goes on by itself then. If that happens often, make fewer and fuller requests (packing: "
            "person, attributes: changed), or ask the partner for a higher limit."
        )
    if halt.code in _HALTS:
        return _HALTS[halt.code].format(destination=destination)
    return (
        f"It tries again by itself. If it lasts, look at the partner's status page and at the address of "
        f'destination "{destination}".'
    )


_KEY: Final = (
    'Give destination "{destination}" a REST API key that is valid and has the permissions it needs, and '
    "start Segue again; no attempt is used up meanwhile."
)
_NETWORK: Final = (
    'Look whether this machine reaches the endpoint of destination "{destination}": the address, DNS, '
    "firewall, proxy. It tries again by itself."
)
_HALTS: Final[Mapping[str, str]] = {
    "UNAUTHORIZED": _KEY,
    "FORBIDDEN": _KEY,
    "TOO_MANY_REQUESTS": "The partner's rate limit is reached; it goes on by itself. If it lasts, somebody "
    "else uses the same limit, or a higher one is needed.",
    "ENOTFOUND": _NETWORK,
    "ECONNREFUSED": _NETWORK,
    "ECONNRESET": _NETWORK,
    "ECONNABORTED": _NETWORK,
    "ETIMEDOUT": _NETWORK,
}


def moment(at_ms: int) -> str:
    """A time in UTC, to the second."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M:%S}Z"

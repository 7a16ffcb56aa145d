"""Drift: where a partner's profiles differ from what it acknowledged, because somebody else changed them.

drifts = compare(key, decode(body, epoch), found, shape, audit)
repairs(drifts, audit)          # what to send again, by person and time
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import orjson

from segue.engine.difference import is_branch, news
from segue.engine.entry import Entry, is_held, newest
from segue.engine.person import SEPARATOR
from segue.engine.profile import Profile
from segue.kit.attributes import AttributeShape, JsonObject
from segue.kit.partner import Audit, Who


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute of one person that is not what was acknowledged.

    person    key of the person, as the partner names them
    attribute "" when the partner has no such profile any more
    held      what was acknowledged; a text that says so where only its hash is kept
    found     what the partner has; None for nothing
    clock     event time of the value held, milliseconds since the epoch
    known     whether `held` is the value itself, which can be sent again
    """

    person: str
    attribute: str
    held: Any = None
    found: Any = None
    clock: int = 0
    known: bool = False


class Repair(msgspec.Struct, frozen=True, array_like=True):
    """An attribute object to be sent again, as new as it was."""

    person: str
    item: bytes
    event_ms: int


HASHED = "(only its hash is kept)"


def who(person: str) -> Who:
    """A person's key taken apart: the identifier's name and its values."""
    name, _, text = person.partition(":")
    return name, tuple(text.split(SEPARATOR))


def is_askable(person: str, audit: Audit) -> bool:
    """Whether the partner can be asked about a person by the name they have here."""
    return who(person)[0] in audit.identifiers


def compare(
    person: str, profile: Profile, found: JsonObject | None, shape: AttributeShape, audit: Audit
) -> list[Drift]:
    """Put what was acknowledged beside what there is. Values that are not known are not compared.

    found  the attributes the partner has, None when it has no such profile
    """
    known = {
        name: entry
        for name, entry in profile.entries.items()
        if len(entry) > 2 and (name not in shape.fixed or name in audit.own)
    }
    if found is None:
        return [Drift(person=person, attribute="")] if known and profile.exists else []
    drifts = []
    for name, entry in known.items():
        value = found.get(name)
        if _is_there(name, entry, value, audit):
            continue
        is_hash = type(entry[2]) is bytes
        drifts.append(
            Drift(
                person=person,
                attribute=name,
                held=HASHED if is_hash else entry[2],
                found=value,
                clock=newest(entry),
                known=not is_hash and len(entry) == 3,
            )
        )
    return drifts


def repairs(drifts: Iterable[Drift], audit: Audit) -> tuple[list[Repair], list[str]]:
    """What to send again, and of whom the next update must travel whole because no value is known."""
    told: dict[tuple[str, int], dict[str, Any]] = {}
    whole: dict[str, None] = {}
    for drift in drifts:
        if drift.known:
            told.setdefault((drift.person, drift.clock), {})[drift.attribute] = drift.held
        else:
            whole[drift.person] = None
    found = [
        Repair(person, orjson.dumps(audit.tell(who(person), attributes)), clock)
        for (person, clock), attributes in told.items()
    ]
    return found, list(whole)


def _is_there(name: str, entry: Entry, value: Any, audit: Audit) -> bool:
    held = entry[2]
    if type(held) is bytes:
        return value is not None and (
            is_held((entry[0], None, held), value) or audit.is_same(name, held, value)
        )
    if len(entry) == 4:  # some members of it; there may be others
        return is_branch(held) and isinstance(value, Mapping) and not news(dict(value), held)
    return audit.is_same(name, held, value)

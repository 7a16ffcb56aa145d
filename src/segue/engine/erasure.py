"""Erasure: people deleted at the partner because somebody asked for it, and how far that is.

    people = read_people(["u1", "u2"])            # or a clear error
    erasure = Erasure.of(command, arguments, asked_ms, is_ours)
    erasure.rows("braze", action)                 # what leaves, of people not done with
    erasure.settle(row.part, died)
    erasure.arguments()                           # as it is kept, so that a restart repeats nobody

What was taken in before somebody asked, and comes up later from a backlog, would make the person anew: its
rows are left out (`DELETED`). What was taken in after goes out after, to somebody new.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final, Self

import msgspec
import orjson

from segue.engine.travel import Travel
from segue.kit.action import Action
from segue.model.delivery import COMMAND_LANE, Row
from segue.model.errors import InvalidError
from segue.model.event import person_key

PEOPLE_MOST: Final = 5_000
"""In one call, as Segment's regulations have it.

Source  Segment docs, "User Deletion and Suppression", read 2026-11-23
"""

ID_BYTES: Final = 987
"""The longest external id Braze takes; nobody has a longer one.

Source  Braze docs, "Track users", errors, read 2026-11-23
"""

SUBSCRIPTION: Final = "(deletion)"
"""Stands for a subscription in rows, receipts and counts of deletions; no subscription has such an id."""

KIND: Final = "delete"


def read_people(ids: Iterable[str]) -> tuple[str, ...]:
    """The userIds of a call, each once. Raises InvalidError that names what is wrong, and where."""
    people: dict[str, None] = {}
    for number, user_id in enumerate(ids, 1):
        if not user_id.strip():
            raise InvalidError(f"userId {number} is blank: a deletion needs the id of somebody; leave it out")
        if (size := len(user_id.encode("utf-8", "surrogatepass"))) > ID_BYTES:
            raise InvalidError(
                f'userId {number}, "{user_id[:40]}…", has {size:,} bytes; an id has at most {ID_BYTES}, so '
                "it can be nobody's: look whether several ids ran together"
            )
        try:
            user_id.encode()
        except UnicodeEncodeError as error:
            raise InvalidError(f"userId {number} is no text in UTF-8: save the file as UTF-8") from error
        people[user_id] = None
    if not people:
        raise InvalidError("nobody is named: give the userIds of the people to delete")
    if len(people) > PEOPLE_MOST:
        raise InvalidError(
            f"{len(people):,} people are named, one call takes {PEOPLE_MOST:,}: split them over several"
        )
    return tuple(people)


_VALUES: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s",:;{}\[\]&=]+)')
"""A JSON text, or a bare word: a number, or whatever stands in what is no JSON."""


def mentions(text: str, people: Set[str]) -> bool:
    """Whether one of these userIds is a whole value or word of a text, which may be the torn beginning of
    JSON, or none."""
    for quoted, bare in _VALUES.findall(text):
        if bare in people or quoted in people:
            return True
        if "\\" in quoted:
            with contextlib.suppress(msgspec.DecodeError):
                if msgspec.json.decode(f'"{quoted}"') in people:
                    return True
    return False


class Erasure(msgspec.Struct, eq=False):
    """One call of somebody's, as one courier has it.

    command  its number in the destination's state; name: the same at every destination
    people   everybody named; ours: indexes of those whose events this courier reads
    settled  indexes of those that are done with; dead: how many of them were refused
    flying   people whose deletion is on its way
    """

    command: int
    name: str
    people: tuple[str, ...]
    asked_ms: int
    ours: frozenset[int]
    settled: set[int]
    dead: int = 0
    flying: int = 0

    @classmethod
    def of(cls, command: int, arguments: Mapping[str, Any], asked_ms: int, ours: Iterable[int]) -> Self:
        """Take up a call where it was left."""
        settled = {part for start, end in arguments.get("settled", ()) for part in range(start, end)}
        return cls(
            command,
            arguments["name"],
            tuple(arguments["people"]),
            asked_ms,
            frozenset(ours),
            settled,
            arguments.get("dead", 0),
        )

    @property
    def order(self) -> int:
        """The place of the call in the order events come in."""
        return self.asked_ms * 1_000_000

    @property
    def waiting(self) -> int:
        """People not done with."""
        return len(self.ours - self.settled)

    @property
    def keys(self) -> list[str]:
        """Person keys of everybody whose events this courier reads."""
        return [person_key(self.people[part], None) for part in sorted(self.ours)]

    def rows(self, destination: str, action: Action) -> list[Row]:
        """A row for everybody not done with."""
        return [
            Row(
                destination=destination,
                subscription=SUBSCRIPTION,
                action=action.slug,
                lane=COMMAND_LANE,
                offset=self.command,
                order=self.order,
                person=person_key(self.people[part], None),
                message_id=self.name,
                kind=KIND,
                event_ms=self.asked_ms,
                items=(orjson.dumps({"external_id": self.people[part]}),),
                part=part,
                parts=len(self.people),
            )
            for part in sorted(self.ours - self.settled)
        ]

    def settle(self, part: int, died: str) -> None:
        """Somebody is done with. died: why the partner refused, "" when they are deleted."""
        if part not in self.settled:
            self.settled.add(part)
            self.dead += bool(died)

    def arguments(self) -> dict[str, Any]:
        """As the state keeps it."""
        return {
            "name": self.name,
            "people": self.people,
            "settled": _ranges(sorted(self.settled)),
            "dead": self.dead,
            "ours": len(self.ours),
            "flying": self.flying,
        }


def travel_of(action: Action) -> Travel:
    """How deletions travel: before all else, and many together."""
    batch = action.batch
    return Travel(
        action=action.slug,
        items=batch.items,
        wait_seconds=0.0,
        bytes=batch.bytes,
        pool=action.pool,
        urgent=True,
        ordered=batch.ordered,
    )


def _ranges(parts: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for part in parts:
        if ranges and ranges[-1][1] == part:
            ranges[-1] = (ranges[-1][0], part + 1)
        else:
            ranges.append((part, part + 1))
    return ranges

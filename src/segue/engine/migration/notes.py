"""What is to be known of a migration: what came along, what did not, what must be set."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from segue.engine.migration.naming import variable

What = Literal["unreadable", "left out", "held back", "changed", "noted"]


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to know about what was carried over, or was not.

    what     unreadable: a file or an entry of it; left out: not carried over; held back: enabled at Segment,
             disabled here until you have looked; changed: carried over in another form; noted: as it was
    subject  what it is about, in words: ``destination "Braze" (dst_1)``
    place    where it is in the workspace file, "" when it is not: ``destinations.braze.filters.no-mail``
    file     the file it was read from, "" for several
    """

    what: What
    subject: str
    why: str
    remedy: str = ""
    place: str = ""
    file: str = ""


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable to set before the workspace runs.

    place     where its value belongs: ``destinations.braze.settings.api_key``
    stand_in  what the workspace holds there meanwhile
    """

    name: str
    place: str
    why: str
    stand_in: str


class Notes:
    """The remarks and variables made so far."""

    def __init__(self, remarks: Sequence[Remark]) -> None:
        self.remarks = list(remarks)
        self.variables: list[Variable] = []

    def remark(self, what: What, item: Any, why: str, remedy: str = "", place: str = "") -> None:
        """Note something about an exported item."""
        self.remarks.append(
            Remark(what=what, subject=item.subject, why=why, remedy=remedy, place=place, file=item.file)
        )

    def reference(self, place: str, words: Sequence[str], why: str, stand_in: str = "") -> Variable:
        """Note a variable for a place; its name stands in for the value unless something better is given."""
        name = variable(words, (each.name for each in self.variables))
        made = Variable(name=name, place=place, why=why, stand_in=stand_in or name)
        self.variables.append(made)
        return made

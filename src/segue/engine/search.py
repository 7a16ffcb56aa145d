"""Find the culprits of a batch that was refused as a whole, in few requests.

Of n rows with k culprits at most k * ceil(log2 n) + 1 further requests are made when k is 1, and for any k
when n is a full batch (65 to 75); for a few other n at most two more. For 4 rows with 2 culprits no way at
all keeps to that bound. The rows known to hold a culprit are the *suspects*; a *probe*, always their front
part, is sent alone. If it is refused, it holds a culprit, and nothing is known of the others; if it passes, a
culprit is among the others. When the first culprit is found, all that is not known about goes into one
request; when a later one is, so much of it as one probe fewer than for the whole batch would search.

    suspects   1 2 3 4 5 6 7 8        refused; 7 is bad
    probe      1 2 3 4                passes  -> suspects 5 6 7 8
    probe      5 6                    passes  -> suspects 7 8
    probe      7                      refused -> 7 is dead, 8 goes on

The front part is what exceeds a power of two: then a later culprit never costs more than the first one.
Probes are taken from the front so that no row of a person overtakes an earlier one.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from segue.engine.batch import Search
from segue.engine.line import Waiting
from segue.model.delivery import Outcome


class Step(msgspec.Struct, frozen=True):
    """What to do next.

    probe      rows that leave now in one request, with the search they belong to; empty when it is over
    convicted  a row found guilty by elimination: all that was refused with it passed without it
    """

    probe: list[Waiting] = []
    search: Search | None = None
    convicted: Waiting | None = None


def refused(entries: list[Waiting], search: Search | None, refusal: Outcome) -> Step:
    """A request with these rows was refused as a whole and no row was named."""
    if search is None:
        search = Search(rest=[], unknown=[], refusal=refusal, size=len(entries))
    unknown = [*search.rest, *search.unknown]
    return _narrow(entries, replace(search, unknown=unknown, refusal=refusal, is_loose=False))


def passed(search: Search, *, found: bool) -> Step:
    """A probe was not refused as a whole. found: one of its rows was refused by name, so the culprit may
    be known; then nothing is known about the others. Nor is it when a row of the probe was left out of it."""
    if found or search.is_loose:
        return _go_on([*search.rest, *search.unknown], search, culprits=1)
    if not search.rest:
        return _go_on(search.unknown, search)
    if len(search.rest) == 1 and search.unknown:
        return replace(_go_on(search.unknown, search, culprits=1), convicted=search.rest[0])
    return _narrow(search.rest, search)


def front(size: int) -> int:
    """How many of so many suspects to probe: what exceeds the largest power of two below their number."""
    return size - (1 << (size - 1).bit_length() - 1) if size > 1 else 1


def _go_on(unknown: Sequence[Waiting], search: Search, *, culprits: int = 0) -> Step:
    """Send what nothing is known about: all of it when one culprit is found, as there is seldom another."""
    found = search.found + culprits
    cut = len(unknown) if found <= 1 else 1 << (search.size - 1).bit_length() - 1
    rest = replace(search, rest=[], unknown=list(unknown[cut:]), found=found, is_loose=False)
    return Step(probe=list(unknown[:cut]), search=rest)


def _narrow(suspects: Sequence[Waiting], search: Search) -> Step:
    cut = front(len(suspects))
    return Step(probe=list(suspects[:cut]), search=replace(search, rest=list(suspects[cut:])))

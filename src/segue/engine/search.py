"""Find the culprits of a batch that was refused as a whole, in few requests.

Of n rows with k culprits at most k * ceil(log2 n) + 1 further requests are made when n is 65 to 75, a full
batch; in general at most k - 1 more than that. The rows known to hold a culprit are the *suspects*; a
*probe*, always their front part, is sent alone. If it is refused, it holds a culprit, and nothing is known
of the others; if it passes, a culprit is among the others. When one culprit is found, everything not known
about goes into one request.

    suspects   1 2 3 4 5 6 7 8        refused; 7 is bad
    probe      1 2 3 4                passes  -> suspects 5 6 7 8
    probe      5 6                    passes  -> suspects 7 8
    probe      7                      refused -> 7 is dead, 8 goes on

The front part is what exceeds a power of two: then a later culprit never costs more than the first one.
Probes are taken from the front so that no row of a person overtakes an earlier one.
"""

from collections.abc import Sequence

import msgspec

from segue.engine.batch import Search, Waiting
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
    unknown = [*search.rest, *search.unknown] if search is not None else []
    return _narrow(entries, unknown, refusal)


def passed(search: Search, *, found: bool) -> Step:
    """A probe was not refused as a whole. found: one of its rows was refused by name, so the culprit may
    be known; then nothing is known about the others."""
    if found or not search.rest:
        return Step(probe=[*search.rest, *search.unknown])
    if len(search.rest) == 1 and search.unknown:
        return Step(probe=list(search.unknown), convicted=search.rest[0])
    return _narrow(search.rest, search.unknown, search.refusal)


def front(size: int) -> int:
    """How many of so many suspects to probe: what exceeds the largest power of two below their number."""
    return size - (1 << (size - 1).bit_length() - 1) if size > 1 else 1


def _narrow(suspects: Sequence[Waiting], unknown: Sequence[Waiting], refusal: Outcome) -> Step:
    cut = front(len(suspects))
    search = Search(rest=list(suspects[cut:]), unknown=list(unknown), refusal=refusal)
    return Step(probe=list(suspects[:cut]), search=search)

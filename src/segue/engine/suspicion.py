"""Suspicion: tells a request that alone keeps failing from a partner that fails.

    A partner that is down fails everybody. A request is suspected only when, since it failed last, several
    others have passed in a row and nobody else has failed: then it has failed *alone*, and that is counted.
    Many rows that failed alone are cut in two; one that failed alone is tried again by itself, later and
    later, and in the end it is dead with its whole history. Nobody waits for it but its own people.

Where there are no others, something harmless is asked of the partner in their place, if it has that: whatever
passes is a neighbour. But when several requests fail and none of anybody passes, that is trouble of the
partner's, whatever it says to harmless questions.

While a destination is held and the same rows fail probe after probe, they are cut in two as well, without
being blamed for anything: a half that passes ends the hold, and shows who failed.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, Literal

from segue.engine.line import Waiting
from segue.model.delivery import Outcome

NEIGHBOURS: Final = 3
"""So many others must have passed in a row since the last failure of anybody."""

PROBES: Final = 2
"""A request that failed so often in a row while the destination was held is cut in two for the next probe."""

LONELY: Final = 6
"""A request that failed so often in a row has no neighbours to tell by; something harmless is asked."""

LONGEST_DELAY_SECONDS: Final = 256.0

PARTNER_ONLY: Final = frozenset({401, 403, 423, 429})
"""Answers about our credentials or our pace; what was sent has no part in them."""

Judgement = Literal["hold", "halve", "hold-halved", "alone"]
"""hold: the partner has trouble; halve: cut in two, nobody waits; hold-halved: the partner may have trouble,
cut in two for the next probe; alone: this one row failed while others passed."""


class Suspicion:
    """What one destination knows of who fails and who passes."""

    def __init__(self) -> None:
        self._passed = 0
        self._trouble_at = 0  # answers that had passed at the last trouble
        # Rows are known by their numbers, which no other row ever has; their place in memory may be given to
        # another once they are gone.
        self._trouble_of: frozenset[int] = frozenset()  # whose it was
        self._failing: frozenset[int] = frozenset()  # the first to fail since somebody's request passed
        self._is_crowd = False  # others have failed as well since then

    def passed(self, entries: Sequence[Waiting]) -> None:
        """A request was answered by a partner in good health, whatever it says of single rows."""
        self._passed += 1
        if entries:
            self._is_crowd, self._failing = False, frozenset()
        for entry in entries:
            if entry.troubles:
                entry.troubles = entry.suspected = 0
                entry.failed_at = -1

    def judge(self, entries: Sequence[Waiting], outcome: Outcome, *, sent: bool) -> Judgement:
        """Say what a request that met trouble of the partner's means. sent: the partner may have seen it."""
        if not sent or outcome.status in PARTNER_ONLY or (300 <= outcome.status < 400):
            self._note(entries)
            return "hold"
        is_alone = self._failed_alone(entries)
        self._note(entries)
        for entry in entries:
            entry.troubles += 1
            entry.suspected += 0 <= entry.failed_at < self._passed
            entry.failed_at = self._passed
        if is_alone:
            return "halve" if len(entries) > 1 else "alone"
        is_stuck = min(entry.troubles for entry in entries) > PROBES
        return "hold-halved" if is_stuck and len(entries) > 1 else "hold"

    def wants_witness(self, entries: Sequence[Waiting]) -> bool:
        """Whether these rows, and nobody else, keep failing, and nobody was heard of since they did last.

        Then something harmless should be asked of the partner before they are tried again.
        """
        if not entries or entries[0].troubles < LONELY:  # nearly always
            return False
        is_stuck = min(entry.troubles for entry in entries) >= LONELY
        is_quiet = self._passed == max(entry.failed_at for entry in entries)
        return is_stuck and is_quiet and not self._is_crowd

    def unheard(self) -> None:
        """Something harmless failed as well."""
        self._note(())

    def delay_seconds(self, entry: Waiting) -> float:
        """How long it keeps away after trouble, so that others are heard of before it is tried again: longer
        each time others had passed, not at all while nobody does."""
        return min(LONGEST_DELAY_SECONDS, 4.0**entry.suspected) if entry.suspected else 0.0

    def _failed_alone(self, entries: Sequence[Waiting]) -> bool:
        """Whether it failed before, and since then and since anybody else failed enough others passed."""
        if any(entry.failed_at < 0 for entry in entries):
            return False
        since = max(entry.failed_at for entry in entries)
        if self._trouble_of.isdisjoint(map(_number, entries)):
            since = max(since, self._trouble_at)
        return self._passed - since >= NEIGHBOURS

    def _note(self, entries: Sequence[Waiting]) -> None:
        self._trouble_at = self._passed
        self._trouble_of = found = frozenset(map(_number, entries))
        self._is_crowd = self._is_crowd or not found <= (self._failing or found)
        self._failing = self._failing or found


_number: Final = attrgetter("number")

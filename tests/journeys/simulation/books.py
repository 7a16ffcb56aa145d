"""What the couriers' books say once everything is settled."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from tests.journeys.simulation.traffic import Told

from segue.io.storage.state import State
from segue.model.delivery import DeadLetter

RowName = tuple[str, str]
"""messageId and subscription."""


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Of all couriers of a destination together.

    totals   events by (result, reason)
    dead     the dead letters
    doubts   messageIds of what was told to be uncertain
    ends     how each row ended that did not die: (result, reason) of each of its receipts
    dropped  letters somebody wanted forgotten
    """

    totals: Mapping[tuple[str, str], int]
    dead: Sequence[DeadLetter] = ()
    doubts: frozenset[str] = frozenset()
    ends: Mapping[RowName, Sequence[tuple[str, str]]] = {}
    dropped: Sequence[DeadLetter] = ()

    def gone(self, parts: Mapping[RowName, int]) -> dict[RowName, list[DeadLetter]]:
        """The rows of which a letter is left, or was until it was forgotten. parts: of how many each is."""
        letters: dict[RowName, list[DeadLetter]] = defaultdict(list)
        for letter in self.dead:
            letters[name_of(letter)].append(letter)
        for letter in self.dropped:
            name = name_of(letter)
            known = len(self.ends.get(name, ())) + len(letters[name])
            if known < parts[name] and letter.id not in {each.id for each in letters[name]}:
                letters[name].append(letter)
        return {name: found for name, found in letters.items() if found}


def name_of(letter: DeadLetter) -> RowName:
    """Which row a letter was."""
    return letter.message_id, letter.subscription


async def read_books(
    states: Iterable[State], told: Iterable[Told], dropped: Sequence[DeadLetter] = ()
) -> Books:
    """Read them from the states."""
    totals = Counter[tuple[str, str]]()
    dead: list[DeadLetter] = []
    doubts: set[str] = set()
    ends = defaultdict[RowName, list[tuple[str, str]]](list)
    ids = {event.id for event in told}
    for state in states:
        totals.update(await state.totals())
        dead += await state.dead_letters(limit=100_000)
        doubts.update(each.message_id for each in await state.uncertain(limit=100_000))
        for message_id in ids:
            for receipt in await state.receipts(message_id):
                if receipt.subscription and receipt.result != "dead":
                    ends[message_id, receipt.subscription].append((receipt.result, receipt.reason))
    return Books(totals=totals, dead=dead, doubts=frozenset(doubts), ends=ends, dropped=dropped)

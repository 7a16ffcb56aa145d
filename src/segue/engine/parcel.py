"""Parcel: what of a batch really travels, and what the answer says of each of its rows.

    parcel = pack(batch.waiting, profiles, describes)          # as the request is made
    parcel.left_out                                            # rows with nothing to send, and why
    request = action.build(parcel.rows, settings)
    outcomes = parcel.settle(action.read(response, parcel.rows), response)   # one per entry of parcel.waiting

Rows whose objects describe people go through `segue.engine.delta`: several may travel as one object, one
may travel without some of its attributes, or not at all. Other rows travel as they are. Everybody the
rows are about must have been loaded into the profiles.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import orjson
from msgspec.structs import replace

from segue.engine.delta import Profiles
from segue.engine.departure import Departure, Fate, Update
from segue.engine.line import Waiting
from segue.engine.points import Spending
from segue.engine.profile import Prepared
from segue.kit.attributes import JsonObject
from segue.model.delivery import STALE, UNCHANGED, Outcome, Response, Row, Verdict, left_out


class LeftOut(msgspec.Struct, frozen=True):
    """A row with nothing to send. notes: its receipt's; entry: None when it was not waiting yet."""

    row: Row
    entry: Waiting | None
    reason: str
    notes: tuple[str, ...] = ()


class Carrier(msgspec.Struct, eq=False):
    """A row as it travels.

    owners      indexes of the entries it carries
    prepared    None for what is no delta
    may_repeat  refused, its entries are told again, each as it came
    """

    row: Row
    owners: tuple[int, ...]
    prepared: Prepared | None = None
    may_repeat: bool = False


class Parcel(msgspec.Struct, eq=False):
    """What one request carries.

    waiting    the entries that travel
    rows       the rows to build the request from, and to read its answer with
    carriers   likewise, with whom each carries; () when each entry travels as it is
    late       attribute values left out because a newer one had been sent
    points     data points of what was settled as applied
    saved      data points that it and what was left out cost less than all their rows whole
    held       entries that must not leave yet, and what comes after them
    spending   the same by rows alike and attribute, of what was left out or settled as applied; empty unless
               asked
    """

    waiting: list[Waiting]
    rows: list[Row]
    carriers: Sequence[Carrier] = ()
    left_out: list[LeftOut] = []
    late: int = 0
    points: int = 0
    saved: int = 0
    spending: list[Spending] = []
    profiles: Profiles | None = None
    held: Sequence[Waiting] = ()

    @property
    def people(self) -> list[str]:
        """Keys of the people whose profiles it changes."""
        return [carrier.prepared.person for carrier in self.carriers if carrier.prepared is not None]

    def settle(
        self, outcomes: Sequence[Outcome], response: Response, *, itemized: bool = False
    ) -> list[Outcome]:
        """Learn what became of each object; gives one outcome per entry that travelled."""
        profiles = self.profiles
        if profiles is None:
            return list(outcomes)
        if outcomes and not response.error:
            fine = outcomes[0]
            is_fine = fine.verdict is Verdict.DELIVERED and not fine.message
            if is_fine and outcomes.count(fine) == len(self.carriers):  # nearly always
                self._arrived(profiles, itemized=itemized)
                return [fine] * len(self.waiting)
        verdicts: dict[int, Outcome] = {}
        for carrier, found in zip(self.carriers, outcomes, strict=True):
            outcome = found
            if (prepared := carrier.prepared) is not None:
                profiles.settle(prepared, fate_of(found, response))
                if found.verdict is Verdict.DELIVERED:
                    self.points += prepared.points
                    self.saved += prepared.saved
                    if (found.message or response.error) and prepared.person:
                        # Something was wrong with the answer, and nobody knows with whom.
                        profiles.forget(prepared.person)
                    if itemized:
                        self._spend(carrier.owners, prepared, profiles)
                elif found.verdict is Verdict.REJECTED and carrier.may_repeat and response.status:
                    outcome = replace(found, verdict=Verdict.APART)
            for owner in carrier.owners:
                other = verdicts.get(owner)
                if other is None or _GRAVITY[outcome.verdict] > _GRAVITY[other.verdict]:
                    verdicts[owner] = outcome
        return [verdicts[index] for index in sorted(verdicts)]

    def _arrived(self, profiles: Profiles, *, itemized: bool) -> None:
        """All of it was applied."""
        alike: dict[tuple[str, str, int], Spending] = {}  # by subscription, event and, the same object, costs
        for carrier in self.carriers:
            prepared, owners = carrier.prepared, carrier.owners
            if prepared is None:
                continue
            profiles.settle(prepared, Fate.APPLIED)
            self.points += prepared.points
            self.saved += prepared.saved
            if not itemized:
                continue
            row, costs = self.waiting[owners[0]].row, prepared.costs
            if costs is None or len(owners) > 1 or prepared.item is not row.items[0]:
                self._spend(owners, prepared, profiles)
                continue
            kind = (row.subscription, row.event or row.kind, id(costs))
            found = alike.get(kind)
            if found is None:
                alike[kind] = found = Spending(row, costs, {})
                self.spending.append(found)
            else:
                found.times += 1

    def _spend(self, owners: Sequence[int], prepared: Prepared, profiles: Profiles) -> None:
        costs = prepared.costs
        if costs is None:
            costs = profiles.meter.by_attribute(orjson.loads(prepared.item))
        row = self.waiting[owners[0]].row
        if len(owners) == 1 and prepared.item == row.items[0]:  # whole and alone: it saved nothing
            self.spending.append(Spending(row, costs, {}))
            return
        sent = dict(costs)
        # The latest row that says something is the one that pays.
        for owner, whole in zip(reversed(owners), reversed(prepared.whole), strict=False):
            row = self.waiting[owner].row
            paid = {name: sent.pop(name) for name in whole if name in sent}
            saved = {name: cost - paid.get(name, 0) for name, cost in whole.items()}
            self.spending.append(Spending(row, paid, {name: n for name, n in saved.items() if n}))


def pack(
    entries: Sequence[Waiting],
    profiles: Profiles | None,
    describes: Callable[[str], bool],
    *,
    itemized: bool = False,
) -> Parcel:
    """Say what of these entries travels in their request.

    describes  whether the objects of an action, by its slug, describe people
    itemized   keep what each attribute costs and saves
    """
    rows = [entry.row for entry in entries]
    owners = [index for index, row in enumerate(rows) if describes(row.action)]
    if profiles is None or not owners:
        return Parcel(list(entries), rows)
    places = [(index, item) for index in owners for item in rows[index].items]
    departure = profiles.prepare(
        [update(entries[index].row, item, alone=entries[index].is_alone) for index, item in places]
    )
    carriers = _carriers(entries, places, departure, changed_only=profiles.changed_only)
    chosen = set(owners)
    carriers += [Carrier(entry.row, (index,)) for index, entry in enumerate(entries) if index not in chosen]
    travelling = sorted({index for carrier in carriers for index in carrier.owners})
    parcel = Parcel(
        [entries[index] for index in travelling],
        [carrier.row for carrier in carriers],
        carriers,
        late=sum(map(len, departure.notes.values())),
        saved=sum(dropped.saved for dropped in departure.dropped),
        profiles=profiles,
    )
    _note(entries, places, departure, profiles)
    moved = {index: place for place, index in enumerate(travelling)}
    for dropped in departure.dropped:
        index, _ = places[dropped.index]
        if index in moved:
            continue  # other objects of the row travel
        row, notes = entries[index].row, entries[index].notes
        if dropped.reason == UNCHANGED:
            notes = (*notes, left_out(UNCHANGED, dropped.names))
        parcel.left_out.append(LeftOut(row, entries[index], dropped.reason, notes))
        if itemized:
            parcel.spending.append(Spending(row, {}, dropped.costs))
    positions: dict[int, int] = {}  # by array
    for carrier in carriers:
        place = entries[carrier.owners[0]].place
        position = positions.get(place, 0)
        for index in carrier.owners:
            entries[index].position = position
        positions[place] = position + len(carrier.row.items)
        carrier.owners = tuple(moved[index] for index in carrier.owners)
    return parcel


def update(row: Row, item: bytes, *, alone: bool = False) -> Update:
    """What an object of a row says, and when that was; the ingest order tells when it came in."""
    received_ms = row.order // 1_000_000 or row.event_ms
    return Update(item, row.event_ms, received_ms, alone)


def fate_of(outcome: Outcome, response: Response) -> Fate:
    """What an outcome means for what is known of the person."""
    match outcome.verdict:
        case Verdict.DELIVERED:
            return Fate.APPLIED
        case Verdict.REJECTED | Verdict.APART:
            return Fate.REFUSED if response.status or not response.sent else Fate.UNCERTAIN
        case Verdict.BATCH_REJECTED:
            return Fate.UNCERTAIN if response.status < 300 else Fate.UNSENT
        case _:
            is_uncertain = response.sent and (response.status == 0 or response.status >= 500)
            return Fate.UNCERTAIN if is_uncertain else Fate.UNSENT


def _carriers(
    entries: Sequence[Waiting],
    places: Sequence[tuple[int, bytes]],
    departure: Departure,
    *,
    changed_only: bool,
) -> list[Carrier]:
    carriers = []
    for prepared in departure.objects:
        first, item = places[prepared.members[0]]
        row = entries[first].row
        if len(prepared.members) == 1 and prepared.item is item and len(row.items) == 1:  # nearly always
            carriers.append(Carrier(row, (first,), prepared))
            continue
        owners = tuple(dict.fromkeys(places[member][0] for member in prepared.members))
        is_reworded = len(prepared.members) > 1 or prepared.item != item
        if is_reworded or len(row.items) > 1:
            row = replace(row, items=(prepared.item,))
        # Said in our words, or together with others: refused, it is told again as it came, once.
        is_ours = len(prepared.members) > 1 or (is_reworded and changed_only)
        is_first_try = not all(entries[owner].is_alone for owner in owners)
        carriers.append(Carrier(row, owners, prepared, is_ours and is_first_try))
    return carriers


def _note(
    entries: Sequence[Waiting],
    places: Sequence[tuple[int, bytes]],
    departure: Departure,
    profiles: Profiles,
) -> None:
    """Write on each entry what it travels without."""
    for index, _ in places:
        entries[index].notes = ()
    for member, found in departure.notes.items():
        entry = entries[places[member][0]]
        entry.notes = (*entry.notes, left_out(STALE, (f"{name} ({why})" for name, why in found)))
    if not profiles.changed_only:
        return
    for prepared in departure.objects:
        still = prepared.still
        for member in prepared.members if still else ():
            index, item = places[member]
            said: JsonObject = orjson.loads(item) if len(prepared.members) > 1 else {}
            names = [name for name in still if not said or name in said]
            if names:
                entries[index].notes = (*entries[index].notes, left_out(UNCHANGED, names))


_GRAVITY: Final = {
    verdict: weight
    for weight, verdict in enumerate(
        (
            Verdict.DELIVERED,
            Verdict.REJECTED,
            Verdict.BATCH_REJECTED,
            Verdict.APART,
            Verdict.RETRY,
            Verdict.HOLD,
        )
    )
}
"""Which outcome of several objects is the row's."""

"""Succession: what a state hands over when lanes of the log change from one courier to another.

Ids and people are copied page by page, which changes nothing yet: whoever reads a lane is who has its cursor.
Positions, dead letters, commands and costs are then `adopt`-ed in one transaction of the heir, and
`surrender`-ed in one of the other; a crash in between leaves the heir's note of it (`DEBT`), and the second
is done at its next start. Receipts, counts and the uncertain set stay where they are, to be read beside the
heir's.

All calls but `beginnings` come from the database's thread.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.io.storage import dead, expenses, revisions, tally
from segue.io.storage.database import Session
from segue.io.storage.ids import Table
from segue.io.storage.leaves import entry, parted, prefix_of, unpacked
from segue.io.storage.seen import LANES_MOST, halves
from segue.io.storage.spans import Spans
from segue.model.cost import Cost, CostKey
from segue.model.delivery import COMMAND_LANE, DeadLetter

DEBT: Final = "heir_of"
"""Name of the state's value: the names of states that were adopted from and do not know yet."""

GIVEN: Final = "given"
"""Name of the state's value: set when all lanes were given away. Nobody carries out commands there."""

BEGUN: Final = "begun"
"""Name of the state's value: (lane -> where this book begins in it, events of other times in its totals)."""

PAGE: Final = 5_000
PACKED_PAGE: Final = 120
"""Rows of a table of packed ids, forty to a row; the rows of the newest are few or short."""

Cursor = tuple[int, tuple[tuple[int, int], ...]]
"""How far a lane is: (next offset, settled ranges above it)."""

Cursors = Mapping[int, Cursor]
Home = Callable[[str], int]
"""Whose lane a person's key belongs to."""


class Estate(msgspec.Struct, frozen=True, kw_only=True):
    """What changes hands: everything of some lanes that is not only to be read.

    cursors  of these lanes: (next offset, settled ranges above it)
    letters  as they are kept, of events of these lanes
    values   merged by the heir
    """

    name: str
    cursors: Cursors
    letters: Sequence[tuple[Any, ...]] = ()
    commands: Sequence[tuple[Any, ...]] = ()
    costs: Sequence[tuple[CostKey, Cost]] = ()
    uses: Sequence[revisions.Use] = ()
    values: Mapping[str, bytes] = {}


class Page(msgspec.Struct, frozen=True):
    """Some rows of a table, and after which key to go on; None at the end."""

    rows: Sequence[tuple[Any, ...]]
    after: tuple[int, ...] | None


def cursors_of(session: Session) -> dict[int, Cursor]:
    """Lane -> (next offset, settled ranges above it)."""
    rows = session.execute("SELECT lane, next_offset, settled FROM cursor")
    return {lane: (offset, _ranges(settled)) for lane, offset, settled in rows}


def done(cursor: Cursor) -> int:
    """How far a lane is, as one number: events settled since the beginning of the log."""
    return cursor[0] + sum(end - start for start, end in cursor[1])


def estate(session: Session, name: str, cursors: Cursors, home: Home, values: Sequence[str]) -> Estate:
    """Everything of these lanes."""
    return Estate(
        name=name,
        cursors=cursors,
        letters=_letters(session, cursors, home),
        commands=session.execute("SELECT name, arguments, asked_ms FROM command ORDER BY id"),
        costs=expenses.between(session, 0, 1 << 40),
        uses=revisions.uses(session),
        values={each: body for each in values if (body := _value(session, each)) is not None},
    )


def adopt(
    session: Session,
    found: Estate,
    lanes: Sequence[int],
    origins: Mapping[int, int],
    values: Mapping[str, bytes],
    home: Home,
) -> None:
    """Take it over.

    lanes    all that the heir reads; origins: where the destination began in each
    values   the heir's from now on
    """
    kept = {
        lane: cursor
        for lane, cursor in cursors_of(session).items()
        if lane in lanes and lane not in found.cursors
    }
    begun, _ = _begun(session)
    begun = {lane: begun.get(lane, origins.get(lane, 0)) for lane in kept}
    read = sum(done(cursor) - begun[lane] for lane, cursor in kept.items())
    settled = sum(n for (result, _), n in tally.totals(session).items() if not result.startswith("rows_"))
    begun |= {lane: done(cursor) for lane, cursor in found.cursors.items()}
    session.execute("DELETE FROM cursor")
    session.insert(
        "INSERT INTO cursor(lane, next_offset, settled) VALUES",
        [
            (lane, offset, msgspec.msgpack.encode(settled_above))
            for lane, (offset, settled_above) in {**kept, **found.cursors}.items()
        ],
    )
    dead.revive(session, [row[0] for row in _letters(session, found.cursors, home)])
    session.insert(
        "INSERT INTO dead(id, subscription, reason, message_id, person, letter) VALUES", found.letters
    )
    session.insert("INSERT INTO command(name, arguments, asked_ms) VALUES", found.commands)
    expenses.add(session, dict(found.costs))
    _merge_uses(session, found, lanes)
    debts = _names(_value(session, DEBT))
    written = {
        **values,
        BEGUN: msgspec.msgpack.encode((begun, settled - read)),
        DEBT: msgspec.msgpack.encode(sorted({*debts, found.name})),
        GIVEN: b"",
    }
    _write(session, written)


def surrender(session: Session, lanes: Collection[int], home: Home, values: Mapping[str, bytes]) -> None:
    """These lanes are another's now. values: ours from now on; `GIVEN` among them counts if none is left."""
    gone = [row[0] for row in _letters(session, lanes, home)]
    dead.revive(session, gone)
    for lane in lanes:
        session.execute("DELETE FROM cursor WHERE lane = ?", (lane,))
    session.execute("DELETE FROM cost")
    is_empty = bool(values[GIVEN]) and not cursors_of(session)
    if is_empty:
        session.execute("DELETE FROM command")
    _write(session, {**values, "halt": b"", GIVEN: b"1" if is_empty else b""})
    _write(session, {"paused": b""} if is_empty else {})


def settle_debt(session: Session, name: str) -> None:
    """The other knows."""
    left = [each for each in _names(_value(session, DEBT)) if each != name]
    _write(session, {DEBT: msgspec.msgpack.encode(left) if left else b""})


def debts(session: Session) -> list[str]:
    """The states that were adopted from and do not know yet."""
    return _names(_value(session, DEBT))


def beginnings(body: bytes | None) -> tuple[dict[int, int], int]:
    """Where the book begins in lanes that were taken over, and how many events of other times are in its
    totals; from the value `BEGUN`."""
    return _decode_begun(body) if body else ({}, 0)


# -- ids and people, page by page


def ids(session: Session, table: Table, lanes: Collection[int], after: tuple[int, ...]) -> Page:
    """Ids met in some lanes, of one of `Spans.tables` or `AGAIN`: high, low, bucket and place of each. after:
    the last key of the page before."""
    key = ", ".join(table.key)
    among = f"place % {LANES_MOST} IN ({', '.join(str(int(lane)) for lane in lanes)})"
    rows = session.execute(
        f"""SELECT {key}, {", ".join(table.columns)} FROM {table.name} WHERE ({key}) > (?, ?, ?)
        AND {"1 = 1" if table.is_packed else among}
        ORDER BY {key} LIMIT {PACKED_PAGE if table.is_packed else PAGE}""",  # noqa: S608 - names we made, and numbers
        after,
    )
    is_full = len(rows) == (PACKED_PAGE if table.is_packed else PAGE)
    found: list[tuple[Any, ...]] = [row[3:] for row in rows]
    if table.is_packed:
        met = [(bucket, *unpacked(each)) for bucket, body in found for each in parted(body)]
        found = [
            (*halves(digest), bucket, place) for bucket, digest, place in met if place % LANES_MOST in lanes
        ]
    return Page(found, tuple(rows[-1][:3]) if is_full else None)


def add_ids(session: Session, ids: Spans, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add them."""
    if table is AGAIN:
        columns = ", ".join(table.columns)
        session.insert(f"INSERT INTO again({columns}) VALUES", rows, then="ON CONFLICT DO NOTHING")
        return
    entries: dict[int, list[bytes]] = {}
    for high, low, bucket, place in sorted(rows):
        entries.setdefault(bucket, []).append(entry(prefix_of(high) + prefix_of(low), place))
    if entries:
        ids.add(session, entries, table.span_ms)


def people(session: Session, after: int) -> Page:
    """What is known of people from an id on."""
    rows = session.execute(
        """SELECT profile.id, person, touched_day, profile.body, stamp.body FROM profile
        LEFT JOIN stamp ON stamp.id = profile.id WHERE profile.id > ? ORDER BY profile.id LIMIT ?""",
        (after, PAGE),
    )
    return Page(rows, (rows[-1][0],) if len(rows) == PAGE else None)


def add_people(session: Session, rows: Sequence[tuple[Any, ...]], lanes: Collection[int], home: Home) -> None:
    """Add them: those at home in these lanes take the place of what was known."""
    if not rows:
        return
    query = "SELECT id FROM profile WHERE id >= ? AND id <= ?"
    known = {number for (number,) in session.execute(query, (rows[0][0], rows[-1][0]))}
    new = [row for row in rows if row[0] not in known or home(row[1]) in lanes]
    for row in new:
        if row[0] in known:
            session.execute("DELETE FROM profile WHERE id = ?", (row[0],))
            session.execute("DELETE FROM stamp WHERE id = ?", (row[0],))
    session.insert("INSERT INTO profile(id, person, touched_day, body) VALUES", [row[:4] for row in new])
    stamps = [(number, stamp) for number, *_, stamp in new if stamp is not None]
    session.insert("INSERT INTO stamp(id, body) VALUES", stamps, then="ON CONFLICT(id) DO NOTHING")


def repeats(session: Session, after: str) -> Page:
    """What people said last, by their keys from one on."""
    query = "SELECT person, touched_ms, body FROM repeat WHERE person > ? ORDER BY person LIMIT ?"
    rows = session.execute(query, (after, PAGE))
    return Page(rows, (rows[-1][0],) if len(rows) == PAGE else None)


def add_repeats(session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add them."""
    session.insert(
        "INSERT INTO repeat(person, touched_ms, body) VALUES",
        rows,
        then="ON CONFLICT(person) DO UPDATE SET touched_ms = excluded.touched_ms, body = excluded.body",
    )


AGAIN: Final = Table("again", ("high", "low", "place"), ("high", "low", "place", "seen_ms"))
"""Where ids met more than once are, beside the `Ids`."""

_NOWHERE: Final = 1 << 62


def _letters(session: Session, lanes: Collection[int], home: Home) -> list[tuple[Any, ...]]:
    query = "SELECT id, subscription, reason, message_id, person, letter FROM dead ORDER BY id"
    return [row for row in session.execute(query) if _lane(_letter(row[5]), home) in lanes]


def _lane(letter: DeadLetter, home: Home) -> int:
    """Whose it is; one of a deletion is of no event."""
    return home(letter.person) if letter.lane == COMMAND_LANE else letter.lane


def _merge_uses(session: Session, found: Estate, lanes: Sequence[int]) -> None:
    """Which revision was in force when, of these lanes by the other and of the rest by us."""
    taken, rest = found.cursors.keys(), set(lanes) - found.cursors.keys()
    merged = [(use, rest) for use in found.uses] + [(use, taken) for use in revisions.uses(session)]
    session.execute("DELETE FROM revision")
    session.insert(
        "INSERT INTO revision(id, since_ms, cursors) VALUES",
        [
            (
                use.id,
                use.since_ms,
                msgspec.msgpack.encode({**use.cursors, **dict.fromkeys(not_of, (_NOWHERE, ()))}),
            )
            for use, not_of in sorted(merged, key=lambda each: each[0].since_ms)
        ],
    )


def _begun(session: Session) -> tuple[dict[int, int], int]:
    return beginnings(_value(session, BEGUN))


def _names(body: bytes | None) -> list[str]:
    return list(_decode_names(body)) if body else []


def _value(session: Session, name: str) -> bytes | None:
    rows = session.execute("SELECT body FROM value WHERE name = ?", (name,))
    return bytes(rows[0][0]) if rows else None


def _write(session: Session, values: Mapping[str, bytes]) -> None:
    for name, body in values.items():
        session.execute("DELETE FROM value WHERE name = ?", (name,))
        if body:
            session.execute("INSERT INTO value(name, body) VALUES (?, ?)", (name, body))


_ranges: Final = msgspec.msgpack.Decoder(tuple[tuple[int, int], ...]).decode
_letter: Final = msgspec.msgpack.Decoder(DeadLetter).decode
_decode_names: Final = msgspec.msgpack.Decoder(list[str]).decode
_decode_begun: Final = msgspec.msgpack.Decoder(tuple[dict[int, int], int]).decode

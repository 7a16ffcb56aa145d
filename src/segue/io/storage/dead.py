"""Dead letters: rows that wait for a human, found by subscription, reason, message or person."""

from collections.abc import Sequence
from typing import Final

import msgspec

from segue.io.storage.database import Session
from segue.model.delivery import DeadLetter

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(DeadLetter).decode

FILTERS: Final = ("subscription", "reason", "message_id", "person")


def bury(session: Session, letters: Sequence[DeadLetter]) -> None:
    """Add letters; one that was there already is replaced."""
    session.insert(
        "INSERT INTO dead(id, subscription, reason, message_id, person, letter) VALUES",
        [
            (letter.id, letter.subscription, letter.reason, letter.message_id, letter.person, _encode(letter))
            for letter in {letter.id: letter for letter in letters}.values()
        ],
        then="""ON CONFLICT(id) DO UPDATE SET subscription = excluded.subscription, reason = excluded.reason,
            message_id = excluded.message_id, person = excluded.person, letter = excluded.letter""",
    )


def revive(session: Session, ids: Sequence[str]) -> None:
    """Remove letters that are being retried or were dropped; unknown ids are no fault."""
    for letter_id in ids:
        session.execute("DELETE FROM dead WHERE id = ?", (letter_id,))


def find(
    session: Session, wanted: dict[str, str | None], after_id: str | None, limit: int
) -> list[DeadLetter]:
    """Letters by id that match all filters given.

    wanted    filter -> value, None for any; see FILTERS
    after_id  id of the last letter of the page before
    """
    conditions = [f"{name} = ?" for name in FILTERS if wanted.get(name) is not None]
    cells = [wanted[name] for name in FILTERS if wanted.get(name) is not None]
    if after_id is not None:
        conditions.append("id > ?")
        cells.append(after_id)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    query = f"SELECT letter FROM dead {where} ORDER BY id LIMIT ?"  # noqa: S608 - the conditions are of FILTERS
    return [_decode(letter) for (letter,) in session.execute(query, [*cells, limit])]


def show(session: Session, letter_id: str) -> DeadLetter | None:
    """One letter, None when there is none of that id."""
    rows = session.execute("SELECT letter FROM dead WHERE id = ?", (letter_id,))
    return _decode(rows[0][0]) if rows else None


def count_by_reason(session: Session) -> dict[str, int]:
    """How many letters there are of each reason."""
    return dict(session.execute("SELECT reason, count(*) FROM dead GROUP BY reason ORDER BY reason"))

"""State and journals as earlier versions wrote them, byte for byte: everything in them is read.

The files under tests/fixtures/state were written by the versions that had these formats of the state, of 24
and 26 November 2026: a dead letter with its try, two receipts, counts, positions, and a journal in which
request 8 was answered in part, 9 was not, and 10 was on its way. `format-5.people.gz` holds what is known of
two people, of the 27th, and `format-8.people.gz` too, one of them with a stamp.
"""

import gzip
import shutil
from pathlib import Path

import pytest

from segue.catalog.braze.attributes import SHAPE
from segue.engine.delta import Profiles
from segue.engine.departure import Update
from segue.io.storage.journal import Journal, RowKey, Settled
from segue.io.storage.state import Checkpoint, Cursor, State
from segue.model.delivery import Attempt, CountKey, DeadLetter, Receipt

FILES = sorted((Path(__file__).parents[1] / "fixtures" / "state").glob("*.db.gz"))
PEOPLE = sorted(FILES[0].parent.glob("*.people.gz"))
NOW_MS = 1_764_000_000_000
LETTER = DeadLetter(
    id="3-18-s-0",
    destination="braze",
    subscription="s",
    action="track-event",
    lane=3,
    offset=18,
    order=18,
    person="u:u1",
    message_id="m18",
    kind="track",
    event="Read",
    event_ms=NOW_MS,
    reason="NOT_FOUND",
    message="Not Found",
    items=(b'{"external_id":"u1","name":"Read"}',),
    attempts=(Attempt(NOW_MS, "7", 404, "NOT_FOUND", "Not Found"),),
    died_ms=NOW_MS,
)


def unpack(file: Path, path: Path) -> None:
    path.write_bytes(gzip.decompress(file.read_bytes()))


def key(offset: int) -> RowKey:
    return RowKey(3, offset, "s", 0)


def receipt(offset: int, result: str, **more: object) -> Receipt:
    row = {"lane": 3, "offset": offset, "message_id": f"m{offset}", "subscription": "s"}
    return Receipt(**row, action="track-event", result=result, settled_ms=NOW_MS, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.split(".")[0])
async def test_a_state_of_an_older_version_is_read_and_goes_on(file: Path, tmp_path: Path) -> None:
    """Positions, ids met, receipts with what they note, the dead letter with its history, counts, values;
    and it is written further."""
    path = tmp_path / "braze.db"
    unpack(file, path)
    state = await State.open(path, dedupe_hours=24)
    try:
        assert await state.load() == {3: Cursor(next_offset=19, settled=((21, 23),))}
        assert await state.dead_letters() == [LETTER]
        [delivered] = await state.receipts("m17")
        notes = ("UNCHANGED: plan",) if "format-1" not in file.name else ()
        assert delivered == receipt(17, "delivered", request="6", position=4, status=201, notes=notes)
        assert await state.receipts("m18") == [
            receipt(18, "dead", reason="NOT_FOUND", request="7", status=404)
        ]
        minute = NOW_MS // 60_000
        assert dict(await state.counts(minute, minute + 1)) == {
            CountKey(minute, "web", "", "delivered", ""): 1,
            CountKey(minute, "web", "", "dead", "NOT_FOUND"): 1,
        }
        assert await state.totals() == {("delivered", ""): 1, ("dead", "NOT_FOUND"): 1}
        assert await state.value("requests") == b"7"
        assert await state.fresh([("m17", 3, 99, NOW_MS), ("m99", 3, 100, NOW_MS)]) == [False, True]
        again = receipt(18, "delivered", request="9", position=2, status=201, part=1)
        await state.commit(Checkpoint(now_ms=NOW_MS, revived=[LETTER.id], receipts=[again]))
        assert await state.dead_letters() == []
        assert again in await state.receipts("m18")
    finally:
        await state.close()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.split(".")[0])
def test_a_journal_of_an_older_version_is_read_and_goes_on(file: Path, tmp_path: Path) -> None:
    """What was answered is not sent again, what was not is in doubt, and new entries follow the old ones."""
    shutil.copyfile(file.with_name(file.name.replace(".db.gz", ".journal")), tmp_path / "braze.0.journal")
    journal, found = Journal.open(tmp_path / "braze", 0)
    assert found.settled == {key(19): Settled(8, 0, 201)}
    assert found.uncertain == {key(23): 9, key(24): 10}
    assert found.requests == 10
    journal.leave(11, [key(25)])
    journal.deliver(11, 201, [0])
    journal.close()
    assert Journal.peek(tmp_path / "braze", 0) == {key(23): 9, key(24): 10}


@pytest.mark.parametrize("file", PEOPLE, ids=lambda file: file.name.split(".")[0])
async def test_people_an_older_version_knew_are_known(file: Path, tmp_path: Path) -> None:
    """What is there already is not sent, and from then on it is as new as it was told, and sealed."""
    unpack(file, path := tmp_path / "braze.db")
    state = await State.open(path)
    people = ["external_id:u", "external_id:v"]
    home = b'{"external_id":"u","plan":"plus","home":{"city":"Oslo"}}'
    told: list[tuple[bytes, int, list[bytes]]] = [
        (home, NOW_MS + 8, []),
        (home, NOW_MS + 9, []),
        (b'{"external_id":"u","plan":"old"}', NOW_MS + 8, []),
        (b'{"external_id":"v","plan":"old"}', NOW_MS - 1, []),
        (b'{"external_id":"v","plan":"free","seen":1}', NOW_MS + 9, [b'{"external_id":"v","seen":1}']),
    ]
    for at, (item, when_ms, sent) in enumerate(told):
        profiles, stamps = Profiles(SHAPE, changed_only=True), dict[str, bytes]()
        profiles.load(profiles.missing(people), await state.profiles(people))
        objects = profiles.prepare([Update(item, when_ms, when_ms)]).objects
        assert [prepared.item for prepared in objects] == sent
        await state.commit(Checkpoint(now_ms=NOW_MS, profiles=profiles.changed(stamps), stamps=stamps))
        assert len(stamps) == (at == 1)
    await state.close()


def test_there_are_files_of_several_formats() -> None:
    """Nobody takes them away."""
    assert (len(FILES), len(PEOPLE)) == (3, 2)

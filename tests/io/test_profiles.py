"""What was acknowledged about people is kept in the state, by person, all or nothing."""

from pathlib import Path

import pytest

from segue.io.storage import profiles
from segue.io.storage.sqlite import SqliteDatabase

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


async def test_bodies_come_back_by_person_in_any_number(tmp_path: Path) -> None:
    """Few and many are looked up alike; who is not there is left out."""
    database = await SqliteDatabase.open(tmp_path / "state.db", family="state")
    bodies = {f"external_id:{number}": b"%d" % number for number in range(700)}
    await database.transact(lambda session: profiles.write(session, bodies, NOW_MS))
    for size in (0, 1, 8, 9, 256, 257, 700):
        wanted = dict(list(bodies.items())[:size])
        found = await database.read(lambda session, w=wanted: profiles.load(session, [*w, "nobody"]))
        assert found == wanted
    assert await database.read(profiles.count) == 700
    await database.close()


async def test_a_later_body_replaces_and_an_empty_one_removes(tmp_path: Path) -> None:
    """A checkpoint says what is true from now on."""
    database = await SqliteDatabase.open(tmp_path / "state.db", family="state")
    for bodies in ({"a": b"1", "b": b"1"}, {"a": b"2", "b": b""}):
        await database.transact(lambda session, b=bodies: profiles.write(session, b, NOW_MS))
    assert await database.read(lambda session: profiles.load(session, ["a", "b"])) == {"a": b"2"}
    await database.close()


async def test_a_stamp_stands_before_the_body_until_the_next_one(tmp_path: Path) -> None:
    """Few and many; who is forgotten takes it along."""
    database = await SqliteDatabase.open(tmp_path / "state.db", family="state")
    people = [f"external_id:{number}" for number in range(300)]
    bodies = dict.fromkeys(people, b"body")

    async def write(bodies: dict[str, bytes], stamps: dict[str, bytes]) -> dict[str, bytes]:
        await database.transact(lambda session: profiles.write(session, bodies, NOW_MS, stamps))
        return await database.read(lambda session: profiles.load(session, people))

    assert await write(bodies, {}) == bodies
    assert await write({}, dict.fromkeys(people, b"1")) == dict.fromkeys(people, b"1body")
    assert await write({}, {people[7]: b"2"}) == dict.fromkeys(people, b"1body") | {people[7]: b"2body"}
    assert await write({people[0]: b"", people[7]: b"new"}, {}) == dict.fromkeys(people[1:], b"1body") | {
        people[7]: b"new"
    }
    assert await write({people[0]: b"back"}, {}) == dict.fromkeys(people, b"1body") | {
        people[0]: b"back",
        people[7]: b"new",
    }
    await database.close()


async def test_two_people_with_one_id_are_never_taken_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one written last is known, the other is new again."""
    monkeypatch.setattr(profiles, "_id", lambda person: 7)  # nobody can wait for two equal digests
    database = await SqliteDatabase.open(tmp_path / "state.db", family="state")
    await database.transact(lambda session: profiles.write(session, {"a": b"1"}, NOW_MS))
    await database.transact(lambda session: profiles.write(session, {"b": b"2"}, NOW_MS))
    assert await database.read(lambda session: profiles.load(session, ["a", "b"])) == {"b": b"2"}
    await database.transact(lambda session: profiles.write(session, {}, NOW_MS, {"a": b"1"}))
    assert await database.read(lambda session: profiles.load(session, ["a", "b"])) == {"b": b"2"}
    await database.transact(lambda session: profiles.write(session, {"a": b""}, NOW_MS))
    assert await database.read(profiles.count) == 1
    await database.close()


async def test_a_walk_meets_everybody_once(tmp_path: Path) -> None:
    """Page by page, for a check of drift."""
    database = await SqliteDatabase.open(tmp_path / "state.db", family="state")
    for age, name in ((0, "new"), (10, "old")):
        bodies = {f"{name}:{number}": b"x" for number in range(25)}
        await database.transact(
            lambda session, b=bodies, a=age: profiles.write(session, b, NOW_MS - a * DAY_MS)
        )
    met: list[str] = []
    start = profiles.FIRST
    while page := await database.read(lambda session, s=start: profiles.walk(session, s, limit=10)):
        met += [person for _, person in page]
        start = page[-1][0] + 1
    assert sorted(met) == sorted(f"{name}:{number}" for name in ("new", "old") for number in range(25))
    await database.close()

"""The state in a SQLite file: what survives, what is refused, how much stays in memory."""

import apsw
import pytest
from tests.sandbox.client import client
from tests.sandbox.furnished import furnished
from tests.sandbox.rules import OURS, rule

from segue.sandbox.app import create_app, running

EVENT = {"external_id": "u", "name": "Hi", "time": "2025-12-01", "properties": {"a": 1}}
ALIAS = {"alias_name": "a", "alias_label": "anon"}


async def full(sandbox):
    """Put a bit of everything into a sandbox; give the people as they are seen."""
    await sandbox.track(
        attributes=[{"external_id": "u", "email": "a@b.co", "phone": "+15551234567", "tags": ["x"]}],
        events=[EVENT],
        purchases=[
            {"external_id": "u", "product_id": "p", "currency": "EUR", "price": 1, "time": "2025-12-01"}
        ],
    )
    await sandbox.post("/users/alias/new", {"user_aliases": [ALIAS]})
    return [await sandbox.person(name) for name in ("u", "anon:a", "a@b.co")]


@rule("a state file keeps people, catalogs, keys and switches from one run to the next", "S", OURS)
async def test_a_closed_sandbox_opens_as_it_was(tmp_path):
    """Whatever seed the second run begins with."""
    path = tmp_path / "state.sqlite"
    first = furnished(state_file=path)
    before = await full(first)
    await first.post("/_sandbox/keys", {"key": "k2"})
    await first.send("PATCH", "/_sandbox/switches", {"profile": "legacy"})
    await first.send("PUT", "/catalogs/shop/items", {"items": [{"id": "shirt"}]})
    first.app.world.close()

    second = client(state_file=path, key="another")
    for key in ("k2", "another"):
        second.key = key
        assert (await second.post("/users/delete", {"external_ids": ["nobody"]})).status == 201
    assert [await second.person(name) for name in ("u", "anon:a", "a@b.co")] == before
    assert (await second.get("/catalogs/shop/items")).json["items"] == [{"id": "shirt"}]
    assert (await second.get("/_sandbox/switches")).json["switches"]["profile"] == "legacy"
    await second.track(events=[EVENT, {**EVENT, "external_id": "new"}])
    totals = await second.totals()
    assert (totals["people"], totals["events"], totals["data_points"]["events"]) == (3, 3, 3)
    second.app.world.close()


@rule("what waits for its moment is applied on closing", "S", OURS)
async def test_waiting_work_is_not_lost_on_closing(tmp_path):
    """An orderly end owes nothing."""
    path = tmp_path / "state.sqlite"
    first = client(state_file=path, switches={"processing_delay_ms": [1_000, 1_000]})
    await first.track(events=[EVENT])
    first.app.world.close()
    second = client(state_file=path)
    assert (await second.person("u"))["event_summaries"]["Hi"]["count"] == 1
    second.app.world.close()


async def test_a_file_of_before_finds_people_by_device(tmp_path):
    """Files written when a device led nowhere are given the names that do, once."""
    path = tmp_path / "state.sqlite"
    first = client(state_file=path)
    token = {"app_id": "sandbox-app", "token": "t", "device_id": "device-1"}
    await first.track(attributes=[{"external_id": "u", "push_tokens": [token]}])
    first.app.world.close()
    connection = apsw.Connection(str(path))
    connection.execute("delete from names where kind = 'owner'; pragma user_version = 0")
    connection.close()
    for _ in range(2):
        again = client(state_file=path)
        body = {"device_id": "device-1", "fields_to_export": ["external_id"]}
        assert (await again.post("/users/export/ids", body)).json["users"] == [{"external_id": "u"}]
        again.app.world.close()


async def test_a_reset_empties_the_file(tmp_path):
    """And so does restoring something else."""
    path = tmp_path / "state.sqlite"
    sandbox = client(state_file=path)
    await full(sandbox)
    snapshot = await sandbox.get("/_sandbox/snapshot")
    await sandbox.post("/_sandbox/reset", {})
    assert (await sandbox.totals())["people"] == 0
    assert await sandbox.person("a@b.co") is None
    await sandbox.track(events=[{**EVENT, "external_id": "other"}])
    await sandbox.send("POST", "/_sandbox/restore", raw=snapshot.body)
    assert [await sandbox.person(name) is None for name in ("u", "anon:a", "other")] == [False, False, True]
    sandbox.app.world.close()


async def test_hardly_anybody_stays_in_memory(tmp_path):
    """However many there are; everybody is found again."""
    sandbox = client(state_file=tmp_path / "state.sqlite")
    sandbox.app.world.file.limit = 10
    for start in range(0, 300, 30):
        people = [{"external_id": f"u{number}", "n": number} for number in range(start, start + 30)]
        await sandbox.track(attributes=people)
    await sandbox.track(attributes=[{"external_id": "u7", "n": {"inc": 1}}])
    people = sandbox.app.world.workspaces["sandbox"].people
    assert len(people.by_braze_id.loaded) <= 31
    assert (len(people), [(await sandbox.person(name))["custom"]["n"] for name in ("u7", "u299")]) == (
        300,
        [8, 299],
    )
    sandbox.app.world.close()


async def test_two_sandboxes_cannot_share_a_file(tmp_path):
    """The second one is told at once."""
    path = tmp_path / "state.sqlite"
    first = create_app(state_file=path)
    with pytest.raises(apsw.BusyError):
        create_app(state_file=path)
    first.world.close()


async def test_a_served_sandbox_saves_when_it_ends(tmp_path):
    """Without anybody asking."""
    path = tmp_path / "state.sqlite"
    app = create_app(state_file=path)
    async with running(app):
        app.world.workspaces["sandbox"].people.create(0, external_id="u")
    app.world.file.close()
    again = create_app(state_file=path)
    assert again.world.workspaces["sandbox"].people.by_external_id("u") is not None
    again.world.close()


async def test_a_deleted_name_can_be_used_again():
    """The old way to the profile goes with it: who comes after is one person, not one at every call."""
    sandbox = client(state_file=":memory:")
    person = {"external_id": "u", "email": "u@example.com", "a": 1}
    for _ in range(2):
        await sandbox.track(attributes=[person])
    await sandbox.post("/users/delete", {"external_ids": ["u"]})
    assert await sandbox.person("u") is None
    for _ in range(3):
        await sandbox.track(attributes=[person])
    assert (await sandbox.totals())["people"] == 1
    assert (await sandbox.person("u"))["data_points"] == 6
    sandbox.app.world.close()


async def test_a_profile_needs_little_of_the_disk(tmp_path):
    """A profile of about a kilobyte does not spill into a page of its own."""
    sandbox = client(state_file=tmp_path / "state.sqlite")
    for first in range(0, 1_000, 50):
        people = [
            {"external_id": f"user-{number}", **{f"note {part}": "x" * 250 for part in range(3)}}
            for number in range(first, first + 50)
        ]
        await sandbox.track(attributes=people)
    sandbox.app.world.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_500 * 1_000

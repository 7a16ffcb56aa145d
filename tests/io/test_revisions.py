"""Which workspace an event was routed by can be told as long as the event is kept."""

from pathlib import Path

from segue.io.storage import revisions
from segue.io.storage.state import Checkpoint, Cursor, State
from segue.model.workspace import Workspace

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


def test_a_revision_is_kept_once_by_its_content(tmp_path: Path) -> None:
    """The same workspace is the same file; only its owner may read it; what nobody names is removed."""
    folder = tmp_path / "revisions"
    one = revisions.keep(folder, Workspace(name="one"))
    assert revisions.keep(folder, Workspace(name="one")) == one
    other = revisions.keep(folder, Workspace(name="other"))
    assert len({one, other}) == len(list(folder.iterdir())) == 2
    assert (folder / f"{one}.json").stat().st_mode & 0o077 == 0
    assert revisions.read(folder, one) == Workspace(name="one")
    revisions.tidy(folder, [other])
    assert revisions.read(folder, one) is None
    assert revisions.read(folder, other) == Workspace(name="other")


def test_a_damaged_file_is_no_revision(tmp_path: Path) -> None:
    """Then the story is told without it."""
    name = revisions.keep(tmp_path, Workspace())
    (tmp_path / f"{name}.json").write_bytes(b"{")
    assert revisions.read(tmp_path, name) is None


async def test_the_revision_in_force_is_the_one_that_settled_the_event(tmp_path: Path) -> None:
    """What was settled out of order before a change belongs to the old revision, what was open to the new."""
    state = await State.open(tmp_path / "braze.db")
    await state.use_revision("a", NOW_MS)
    cursors = {0: Cursor(next_offset=5, settled=((7, 9),)), 1: Cursor(next_offset=0)}
    await state.commit(Checkpoint(now_ms=NOW_MS, cursors=cursors))
    await state.use_revision("a", NOW_MS + 1)  # a restart without a change
    await state.use_revision("b", NOW_MS + 2)
    uses = await state.revisions()
    assert [use.id for use in uses] == ["a", "b"]

    def which(lane: int, offset: int) -> str:
        found = revisions.in_force(uses, lane, offset)
        return found.id if found else ""

    assert [which(0, offset) for offset in range(3, 11)] == ["a", "a", "b", "b", "a", "a", "b", "b"]
    assert which(1, 0) == "b"
    assert which(2, 0) == "b"

    await state.commit(Checkpoint(now_ms=NOW_MS, cursors={0: Cursor(next_offset=20)}))
    await state.use_revision("c", NOW_MS + 10 * DAY_MS)
    await state.prune(NOW_MS + 11 * DAY_MS, 7 * DAY_MS)
    assert [use.id for use in await state.revisions()] == ["b", "c"]
    await state.close()

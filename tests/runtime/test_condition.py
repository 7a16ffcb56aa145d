"""How a destination stands: what waits, since when, and whether it may be lost."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.runtime.house import Desk, bind, opened, records

from segue.io.storage.state import StateReader
from segue.model.workspace import Ingest, Workspace
from segue.runtime.archive import Archive, Books
from segue.runtime.condition import Condition, conditions
from segue.runtime.current import Current
from segue.runtime.settings import Settings

RECEIVED_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as found:
        yield found


WEEK = Ingest(retention_hours=168, retention_bytes=2**40)
RUNS = {"braze": "17"}


async def condition(
    desk: Desk, now_ms: int, ingest: Ingest = WEEK, holders: Mapping[str, str | None] = RUNS
) -> Condition:
    """The one destination's, as doctor reads it. holders: who runs which of its state files."""
    state = await StateReader.open(desk.folder / "braze.db")
    books = [
        Books(
            destination="braze",
            stem=stem,
            state=state,
            cursors=await state.load(),
            uses=(),
            halt=await state.halt(),
            origins=desk.origins,
            holder=holder,
        )
        for stem, holder in holders.items()
    ]
    bound = bind()
    workspace = Workspace(destinations=(bound.config,), ingest=ingest)

    plan = SimpleNamespace(destinations={"braze": bound})
    current = Current(workspace, None, plan)  # type: ignore[arg-type]
    try:
        [found] = await conditions(Archive(Settings(), current, desk.stream, books), now_ms)
    finally:
        await state.close()
    return found


async def test_waiting_events_that_may_leave_the_log_are_told_in_time(desk: Desk) -> None:
    """Held since the first event: content for most of the retention, at risk in its last quarter, by age; by
    size when the log is nearly full and its oldest events wait."""
    desk.wire.fault(status=503, path="/users/track")
    events = [{"type": "track", "event": "E", "userId": f"u{n}", "messageId": f"m{n}"} for n in range(20)]
    await desk.stream.append(records(*events))
    await desk.deliver()
    found = await condition(desk, RECEIVED_MS + HOUR_MS)
    assert (found.waiting, found.oldest_ms, found.lost, found.risk) == (20, RECEIVED_MS, 0, "")
    assert found.halt is not None
    assert found.expires_ms == RECEIVED_MS + 168 * HOUR_MS
    assert (await condition(desk, RECEIVED_MS + 125 * HOUR_MS)).risk == ""
    assert (await condition(desk, RECEIVED_MS + 127 * HOUR_MS)).risk == "age"
    full = Ingest(retention_hours=168, retention_bytes=1024)
    assert (await condition(desk, RECEIVED_MS + HOUR_MS, full)).risk == "size"


async def test_a_destination_that_has_everything_is_at_no_risk(desk: Desk) -> None:
    """Nothing waits, whatever the age and size of the log."""
    await desk.stream.append(records({"type": "track", "event": "E", "userId": "u", "messageId": "m"}))
    await desk.deliver()
    found = await condition(desk, RECEIVED_MS + 160 * HOUR_MS, Ingest(retention_bytes=1024))
    assert found == Condition(destination="braze")


@pytest.mark.parametrize(
    ("holders", "unserved"),
    [
        ({"braze": "17"}, ()),
        ({"braze": None}, ()),  # nobody can tell
        ({"braze": ""}, (0, 1, 2, 3)),
        ({"braze@0-1": "17", "braze@2-3": "18"}, ()),
        ({"braze@0-1": "17", "braze@2-3": ""}, (2, 3)),
        ({"braze@0-1": "17"}, (2, 3)),  # the others never ran
        ({"braze@0-1": "17", "braze": ""}, (2, 3)),  # split lately
    ],
)
async def test_lanes_nobody_delivers_are_told(
    desk: Desk, holders: Mapping[str, str | None], unserved: tuple[int, ...]
) -> None:
    """Those in which something waits."""
    events = [{"type": "track", "event": "E", "userId": f"u{n}", "messageId": f"m{n}"} for n in range(20)]
    await desk.stream.append(records(*events))
    async with desk.courier() as courier:
        await courier.start()
    assert tuple((await condition(desk, RECEIVED_MS, holders=holders)).unserved) == unserved
    await desk.deliver()
    assert tuple((await condition(desk, RECEIVED_MS, holders=holders)).unserved) == ()

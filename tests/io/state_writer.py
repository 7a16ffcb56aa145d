"""A courier's habits in a process of its own, for a test to kill: meet ids, commit, report."""

from multiprocessing.connection import Connection
from pathlib import Path

from segue.io.storage.state import Checkpoint, CountKey, Cursor, State
from segue.model.delivery import Receipt

START_MS = 1_790_000_000_000
STEP = 50


def ids_of(step: int) -> list[tuple[str, int, int, int]]:
    """The ids a courier meets in one step: all of lane 0."""
    return [(f"m{offset}", 0, offset, START_MS + offset) for offset in range(step * STEP, (step + 1) * STEP)]


def checkpoint_of(step: int) -> Checkpoint:
    """What a courier commits after one step."""
    receipts = [
        Receipt(
            lane=lane,
            offset=offset,
            message_id=message_id,
            subscription="all",
            action="track-event",
            result="delivered",
            request=str(step + 1),
            settled_ms=received_ms,
        )
        for message_id, lane, offset, received_ms in ids_of(step)
    ]
    return Checkpoint(
        now_ms=START_MS,
        cursors={0: Cursor(next_offset=(step + 1) * STEP)},
        receipts=receipts,
        counts={CountKey(1, "web", "all", "delivered", ""): STEP},
    )


async def deliver_for_ever(reports: Connection, path: Path) -> None:
    """Go on from the cursor; report each step before and after its commit."""
    state = await State.open(path, ids_in_run=3 * STEP)
    cursors = await state.load()
    step = cursors[0].next_offset // STEP if cursors else 0
    while True:
        verdicts = await state.fresh(ids_of(step))
        reports.send((step, "met", all(verdicts)))
        await state.commit(checkpoint_of(step))
        reports.send((step, "committed", True))
        step += 1

"""What the desk reads of a Segue's books."""

from pathlib import Path

from tests.cli.house import workspace
from tests.runtime.house import records

from segue.io.log.sqlite import SqliteLog
from segue.io.storage.origins import settle_origins
from segue.io.storage.state import Checkpoint, Cursor, State
from segue.model.delivery import CountKey
from segue.runtime import desk
from segue.runtime.current import read_current
from segue.runtime.folders import LOG_FOLDER, STATE_FOLDER
from segue.runtime.settings import read_settings


async def test_what_is_settled_before_anything_else_of_its_lane_adds_up(tmp_path: Path) -> None:
    """The first two events of a lane wait for their batch, the third died at once; another lane began at an
    offset and was not read yet."""
    folder = workspace(tmp_path)
    settings = read_settings(folder, {}, config=folder / "segue.yaml", data=folder / "data")
    stream = await SqliteLog.open(settings.data / LOG_FOLDER, lanes=2)
    people = ["u1"] * 3 + ["u4"] * 4
    events = [
        {"type": "track", "event": "E", "userId": who, "messageId": f"m{n}"} for n, who in enumerate(people)
    ]
    await stream.append(records(*events))
    heads = await stream.heads()
    lane = heads.index(3)
    begun = [4, 4]
    begun[lane] = 0  # what came before does not concern the destination
    settle_origins(settings.data / STATE_FOLDER, "braze", begun)
    await stream.close()
    state = await State.open(settings.data / STATE_FOLDER / "braze.db", dedupe_hours=24)
    await state.commit(
        Checkpoint(
            now_ms=1_790_000_000_000,
            cursors={lane: Cursor(next_offset=0, settled=((2, 3),))},
            counts={CountKey(100, "web", "", "dead", "BAD_REQUEST"): 1},
        )
    )
    await state.close()
    [book] = await desk.counted(settings, read_current(settings, folder, {}))
    assert (book.residual, book.waiting, book.lag, book.events) == (0, 2, 3, {"dead": 1})

"""Deletions and the budget: they leave first, live traffic goes on, dead letters tried again come last."""

import asyncio
import json
from pathlib import Path

from tests.engine.limited_partner import Partner
from tests.journeys.simulation.memory_database import MemoryDatabase
from tests.journeys.simulation.memory_log import MemoryLog, Tape
from tests.journeys.simulation.virtual_time import VirtualClock, VirtualLoop
from tests.runtime.house import ADDRESS, bind, records

from segue.engine.travel import Travel
from segue.io.storage.state import Checkpoint, State
from segue.model.delivery import Attempt, DeadLetter, Request, Response
from segue.model.workspace import Delivery, Subscription
from segue.runtime.clock import HandClock
from segue.runtime.courier import Courier
from segue.runtime.eraser import ERASE
from segue.runtime.pacing import Accounts
from segue.runtime.revival import RETRY
from segue.runtime.telemetry import Telemetry

LANES = 4
LIVE, REPLAYS, DELETIONS = 40, 10, 3
START_MS = 1_790_000_000_400

ALIAS = Subscription(
    id="alias",
    action="create-alias",
    trigger='type = "track"',
    mapping={
        "external_id": {"@path": "$.userId"},
        "alias_name": {"@path": "$.userId"},
        "alias_label": "label",
    },
)


class Limited:
    """A partner that takes ten requests of a minute, and what it took."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.partner = Partner([(-60.0, 10, 60)], "epoch")
        self.taken: list[str] = []
        self.refused = 0

    async def send(self, request: Request) -> Response:
        await self.clock.sleep(0.05)
        status, headers = self.partner.answer(self.clock.now_ms() / 1000)
        if status == 201:
            is_replay = b"dead" in request.body
            is_deletion = request.url == f"{ADDRESS}/users/delete"
            self.taken.append("delete" if is_deletion else "replay" if is_replay else "live")
        self.refused += status == 429
        return Response(status=status, headers=headers, body=b'{"message": "success"}')


def test_under_a_tight_limit_deletions_go_first_and_replays_last(tmp_path: Path) -> None:
    """Ten requests a minute for a backlog of 40 rows, ten dead letters to be tried again, and, when a quarter
    is through, 120 people to be deleted: their three requests are the next to leave."""

    async def life() -> None:
        clock = VirtualClock(START_MS)
        wire, log, state = Limited(clock), MemoryLog(Tape(LANES)), State(MemoryDatabase(), 24)
        courier = Courier(
            bind([ALIAS], delivery=Delivery(batching=False, in_flight=4)),
            log,
            state,
            wire,
            clock,
            Telemetry(),
            origins=dict.fromkeys(range(LANES), 0),
            journal=tmp_path / "braze",
        )
        await state.commit(Checkpoint(now_ms=clock.now_ms(), dead=[_letter(n) for n in range(REPLAYS)]))
        await state.ask(RETRY, {}, asked_ms=clock.now_ms())
        calls = [
            {"type": "track", "event": "e", "userId": f"u{n}", "messageId": f"m{n}"} for n in range(LIVE)
        ]
        await log.append(records(*calls))
        running = asyncio.create_task(courier.run())
        while len(wire.taken) < 10:
            await clock.sleep(0.5)
        people = [f"gone{n}" for n in range(120)]
        await state.ask(ERASE, {"name": "erase-1", "people": people}, asked_ms=clock.now_ms())
        await clock.sleep(600)
        assert wire.taken == ["live"] * 10 + ["delete"] * DELETIONS + ["live"] * 30 + ["replay"] * REPLAYS
        assert wire.refused == 0
        courier.stop()
        await running
        courier.books.journal.close()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(life())


def test_the_last_of_a_window_is_kept_for_deletions() -> None:
    """Also where another courier of the account has live traffic. What is kept shrinks as a window goes by:
    here, of a hundred requests one is no live one's, and 29 are no replay's."""
    clock = HandClock(START_MS)
    account = Accounts(clock).of(bind())
    request = Request(method="POST", url="", headers={}, pool="users")
    live, deletion = Travel("create-alias", pool="users"), Travel("delete-users", pool="users", urgent=True)
    replay = Travel("create-alias", pool="users", revived=True)
    opens = []
    partner = Partner([(-60.0, 100, 3)], "epoch")
    for _ in range(100):
        opens.append([account.opens_at(travel) <= clock.monotonic() for travel in (deletion, live, replay)])
        permit = account.take(deletion)
        assert permit is not None
        status, headers = partner.answer(clock.now_ms() / 1000)
        account.learned(permit, request, Response(status=status, headers=headers))
    first_shut = [[each[which] for each in opens].index(False) for which in (1, 2)]
    assert first_shut == [99, 71]
    assert all(is_open for is_open, _, _ in opens)


def _letter(number: int) -> DeadLetter:
    alias = {"external_id": f"dead{number}", "alias_name": f"dead{number}", "alias_label": "label"}
    return DeadLetter(
        id=f"0-{900 + number}-alias-0",
        destination="braze",
        subscription="alias",
        action="create-alias",
        lane=0,
        offset=900 + number,
        person=f"u:dead{number}",
        message_id=f"d{number}",
        kind="track",
        reason="BAD_REQUEST",
        message="",
        items=(json.dumps(alias).encode(),),
        attempts=(Attempt(1, "1", 400, "BAD_REQUEST", ""),),
    )

"""The exchange: processes of one data folder keep one rate budget, and each goes on when it cannot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.cli.house import workspace
from tests.engine.limited_partner import START, Run

from segue.engine.pace import Governor
from segue.engine.pool import Priority
from segue.io.storage.pace import PaceBoard
from segue.runtime.clock import HandClock
from segue.runtime.compose import House, opened
from segue.runtime.current import read_current
from segue.runtime.exchange import ALONE_MS, Exchange
from segue.runtime.pacing import Account
from segue.runtime.settings import read_settings
from segue.runtime.telemetry import Telemetry
from segue.sandbox.limits import Limits
from segue.sandbox.switches import Switches

NAME = "braze-0123456789ab"
HIDDEN = {"x-ratelimit-retry-after": "2"}


class Process:
    """One process's exchange and its only account, with a clock of its own."""

    def __init__(self, folder: Path, name: str = NAME, *, after: float = 0.0) -> None:
        self.clock = HandClock(round((START + after) * 1000))
        self.account = Account(name, Governor(), self.clock)
        self.exchange = Exchange(folder / "pace.db", {name: self.account}, self.clock)

    def refuse(self) -> None:
        """The second request of a window is one too many, and nobody says of which limit."""
        governor, now = self.account.governor, self.clock.now_ms() / 1000
        first, second = (governor.force("p", Priority.LIVE, now) for _ in range(2))
        governor.learned(first, 201, {}, now)
        governor.learned(second, 429, HIDDEN, now)

    @property
    def ceiling(self) -> int:
        standing = self.account.snapshot().get("p")
        return standing.ceiling if standing is not None else 0


async def together(folder: Path, switches: Switches, seconds: int) -> list[Run]:
    """Two processes that send all they may to one sandbox, and exchange twice a second."""
    limits = Limits()

    def answer(now: float) -> tuple[int, dict[str, str]]:
        permit = limits.take(switches, "w", "track", int(now * 1000))
        return (201 if permit.granted else 429), {k.decode(): v.decode() for k, v in permit.headers}

    processes = [Process(folder), Process(folder)]
    runs = [Run(answer, governor=p.account.governor, seed=i) for i, p in enumerate(processes)]
    for step in range(1, 2 * seconds + 1):
        for process, run in zip(processes, runs, strict=True):
            run.until(step / 2)
            process.clock.jump(0.5)
        for process in processes:
            await process.exchange.round()
    for process in processes:
        await process.exchange.close()
    return runs


@pytest.mark.parametrize(
    "switches",
    [
        Switches(profile="standard", limits={"track": (60, 3)}),
        Switches(profile="mau", limits={"track": (60, 3)}, mau_track_hourly=1_000_000),
    ],
    ids=["told", "hidden"],
)
async def test_two_processes_share_the_sandbox_s_limit_evenly(tmp_path: Path, switches: Switches) -> None:
    """All of it is used, hardly anything is refused, and neither starves the other."""
    runs = await together(tmp_path, switches, 120)
    granted = [run.granted(60, 120) for run in runs]
    assert sum(granted) >= 0.95 * 20 * 60
    assert min(granted) >= 0.4 * 20 * 60
    assert max(run.refused_share(60, 120) for run in runs) < 0.01


async def test_a_limit_one_process_finds_is_known_to_the_other_and_to_the_next(tmp_path: Path) -> None:
    """To one at work, and to one that starts when the first is gone; another account hears nothing."""
    one, two, other = Process(tmp_path), Process(tmp_path), Process(tmp_path, "braze-other")
    for process in (one, two, other):
        await process.exchange.round()
    one.refuse()
    with capture_logs() as lines:
        for process in (one, two, other, two):
            process.clock.jump(ALONE_MS / 1000)
            await process.exchange.round()
    assert (one.ceiling, two.ceiling, other.ceiling) == (1, 1, 0)
    assert two.exchange.others == {one.exchange.process}
    assert [(line["event"], line["count"]) for line in lines] == [("budget_shared", 2)]
    for process in (one, two, other, other):
        await process.exchange.close()
    following = Process(tmp_path, after=ALONE_MS / 500 + 5)
    await following.exchange.round()
    assert following.ceiling == 1
    assert not following.exchange.others
    await following.exchange.close()


async def test_a_board_that_cannot_be_used_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    """And is used as soon as it can be; words of another version are passed over."""
    (tmp_path / "pace.db").mkdir()
    process = Process(tmp_path)
    with capture_logs() as lines:
        await process.exchange.round()
        await process.exchange.round()
    assert [line["event"] for line in lines] == ["budget_not_shared"]
    assert "pace.db" in lines[0]["error"]
    (tmp_path / "pace.db").rmdir()
    board = await PaceBoard.open(tmp_path / "pace.db")
    await board.tell("stranger", {NAME: b"\x91\x01"}, process.clock.now_ms())
    process.refuse()
    await process.exchange.round()
    told = {word.process for word in await board.hear("me", process.clock.now_ms())}
    assert told == {process.exchange.process, "stranger"}
    await board.close()
    await process.exchange.close()


@asynccontextmanager
async def house(folder: Path, roles: str, lanes: str) -> AsyncIterator[House]:
    """A process of the folder, as `segue run --roles … --lanes …` puts it together."""
    settings = read_settings(folder, {}, data=folder / "data", roles=roles, lanes=lanes)
    current = read_current(settings, folder, {})
    async with opened(settings, current, HandClock(), Telemetry()) as made:
        yield made


async def test_couriers_of_one_folder_name_their_account_alike(tmp_path: Path) -> None:
    """What the courier of the first lanes learned, that of the others starts with; the file has no key."""
    workspace(tmp_path)
    async with house(tmp_path, "receiver,courier", "0-3") as one:
        (account,) = one._accounts.all().values()
        now = HandClock().now_ms() / 1000
        permits = [account.governor.force("p", Priority.LIVE, now) for _ in range(2)]
        for permit, status in zip(permits, (201, 429), strict=True):
            account.governor.learned(permit, status, HIDDEN, now)
        await one._exchange.round()
        await one._exchange.close()
        async with house(tmp_path, "courier", "4-7") as two:
            (account,) = two._accounts.all().values()
            assert account.snapshot()["p"].ceiling == 1
    assert b"sandbox" not in (tmp_path / "data" / "pace.db").read_bytes()

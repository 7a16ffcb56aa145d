"""The exchange: processes of one data folder keep one rate budget, and each goes on when it cannot."""

import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.cli.house import workspace
from tests.engine.limited_partner import START, Partner, Run, together
from tests.runtime.turns import NAME, TRAVEL, Child, Process

from segue.engine.pool import Permit, Priority
from segue.io.storage.pace import PaceBoard
from segue.model.delivery import Request, Response
from segue.runtime.clock import HandClock
from segue.runtime.compose import House, opened
from segue.runtime.current import read_current
from segue.runtime.settings import read_settings
from segue.runtime.telemetry import Telemetry
from segue.sandbox.limits import Limits
from segue.sandbox.switches import Switches

HIDDEN = {"x-ratelimit-retry-after": "2"}
NOW = START


def refuse(process: Process) -> None:
    """The second request of a window is one too many, and nobody says of which limit."""
    first, second = (process.permit("pool", Priority.LIVE, NOW) for _ in range(2))
    assert isinstance(first, Permit)
    assert isinstance(second, Permit)
    process.learned(first, 201, {}, NOW)
    process.learned(second, 429, HIDDEN, NOW)


def ceiling(process: Process) -> int:
    """What a process takes the limit for."""
    standing = process.account.snapshot().get("pool")
    return standing.ceiling if standing is not None else 0


@pytest.mark.parametrize(
    "switches",
    [
        Switches(profile="standard", limits={"track": (60, 3)}),
        Switches(profile="mau", limits={"track": (60, 3)}, mau_track_hourly=1_000_000),
    ],
    ids=["told", "hidden"],
)
@pytest.mark.parametrize("share", [math.inf, 0.1], ids=["both want all", "one wants a tenth"])
def test_two_processes_use_up_the_sandbox_s_limit(tmp_path: Path, switches: Switches, share: float) -> None:
    """At least 95 % of it, less than one refusal in a thousand, and neither starves the other."""
    limits = Limits()

    def answer(now: float) -> tuple[int, dict[str, str]]:
        permit = limits.take(switches, "w", "track", int(now * 1000))
        return (201 if permit.granted else 429), {k.decode(): v.decode() for k, v in permit.headers}

    processes = [Process(tmp_path, who) for who in (1, 2)]
    demands = [{Priority.LIVE: math.inf}, {Priority.LIVE: 20 * share}]
    runs = [
        Run(answer, governor=process, seed=who, demand=demand)
        for who, (process, demand) in enumerate(zip(processes, demands, strict=True))
    ]
    together(runs, 92, lambda now: [process.round(now) for process in processes])
    for process in processes:
        process.exchange.close()
    granted = [run.granted(62, 92) for run in runs]
    assert sum(granted) >= 0.95 * 20 * 30
    assert min(granted) >= 0.8 * 20 * 30 * min(share, 0.5)
    assert sum(run.refused_share(62, 92) for run in runs) < 0.002


def test_two_real_processes_share_a_limit_nobody_tells_of(tmp_path: Path) -> None:
    """Each is a process of the system with the file open; the partner refuses without a word. One of them is
    killed, and the other has all of it."""
    command = [sys.executable, "-m", "tests.runtime.turns", os.fspath(tmp_path)]
    started = [
        subprocess.Popen([*command, who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for who in "12"
    ]
    try:
        children = [Child(process.stdin, process.stdout) for process in started]
        partner = Partner([(0, 20, 1)], "silent")
        runs = [Run(partner.answer, governor=child, seed=seed) for seed, child in enumerate(children)]
        others: list[list[int]] = []
        together(runs, 25, lambda now: others.append([child.ask("round", now) for child in children]))
        granted = [run.granted(10, 25) for run in runs]
        assert sum(granted) >= 0.95 * 20 * 15
        assert min(granted) >= 0.4 * 20 * 15
        assert max(run.refused_share(10, 25) for run in runs) <= 1 / 150
        assert others[-1] == [1, 1]
        started[0].kill()
        runs[1].until(40)
        assert runs[1].granted(30, 40) >= 0.95 * 20 * 10
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_what_one_process_found_is_known_to_the_other_and_to_the_next(tmp_path: Path) -> None:
    """To one at work, and to one that starts when the first is gone; another account hears nothing."""
    one, two, other = Process(tmp_path, 1), Process(tmp_path, 2), Process(tmp_path, 3, "braze-other")
    refuse(one)
    with capture_logs() as lines:
        for process in (one, two, other, one, two):
            process.round(NOW)
    assert [line["event"] for line in lines] == ["budget_shared"] * 3
    assert (ceiling(one), ceiling(two), ceiling(other)) == (1, 1, 0)
    assert two.exchange.others == {one.exchange.process, other.exchange.process}
    for process in (one, two, other, other):
        process.exchange.close()
    following = Process(tmp_path, 4)
    following.round(NOW + 5)
    assert ceiling(following) == 1
    assert not following.exchange.others
    following.exchange.close()


def test_one_that_is_alone_again_asks_nobody(tmp_path: Path) -> None:
    """It goes on with the pool as the other left it."""
    one, two = Process(tmp_path, 1), Process(tmp_path, 2)
    for process in (one, two, one):
        process.round(NOW)
    refuse(two)
    two.exchange.close()
    one.round(NOW + 0.5)
    assert not one.exchange.others
    assert ceiling(one) == 1
    board = PaceBoard.open(tmp_path / "pace.db")
    before = board.pools(NAME, round(NOW * 1000))
    one.permit("pool", Priority.LIVE, NOW + 30)
    assert board.pools(NAME, round(NOW * 1000)) == before
    board.close()
    one.exchange.close()


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_request_of_another_pool_than_was_thought_counts_there(tmp_path: Path, is_shared: bool) -> None:
    """Only one pool pays, alone as well as in turns."""
    one, two = Process(tmp_path, 1), Process(tmp_path, 2)
    for process in (one, two, one) if is_shared else (one,):
        process.round(NOW)
    permit = one.account.take(TRAVEL)
    assert permit is not None
    elsewhere = Request(method="POST", url="", headers={}, pool="other")
    one.account.learned(permit, elsewhere, Response(status=201))
    found = one.account.snapshot()
    assert (found["pool"].in_flight, found["other"].in_flight, found["other"].granted) == (0, 0, 1)
    for process in (one, two):
        process.exchange.close()


def test_a_board_that_cannot_be_used_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    """It is used as soon as it can be; what another version left is passed over."""
    (tmp_path / "pace.db").mkdir()
    process = Process(tmp_path, 1)
    with capture_logs() as lines:
        process.round(NOW)
        process.round(NOW)
    assert [line["event"] for line in lines] == ["budget_not_shared"]
    assert "pace.db" in lines[0]["error"]
    (tmp_path / "pace.db").rmdir()
    board = PaceBoard.open(tmp_path / "pace.db")
    board.meet("stranger", round(NOW * 1000))
    board.turn(NAME, "pool", round(NOW * 1000), lambda held: b"\x91\x01")
    process.round(NOW)
    refuse(process)
    assert ceiling(process) == 1

    def meanwhile(held: bytes | None) -> bytes:
        assert isinstance(process.permit("pool", Priority.LIVE, NOW + 30), Permit)
        return b""

    with capture_logs() as lines:
        board.turn(NAME, "pool", round(NOW * 1000), meanwhile)
    assert [line["event"] for line in lines] == ["budget_not_shared"]
    board.close()
    process.exchange.close()


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
        one._exchange.close()
        async with house(tmp_path, "courier", "4-7") as two:
            (account,) = two._accounts.all().values()
            assert account.snapshot()["p"].ceiling == 1
    assert b"sandbox" not in (tmp_path / "data" / "pace.db").read_bytes()

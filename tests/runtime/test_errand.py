"""Requests of a command wait for the budget that couriers use."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.engine.limited_partner import START
from tests.runtime.house import bind
from tests.runtime.turns import Process

from segue.engine.pool import Permit, Priority
from segue.model.delivery import Request, Response
from segue.model.errors import UnavailableError
from segue.runtime.clock import HandClock
from segue.runtime.errand import errand
from segue.runtime.pacing import account_name
from segue.runtime.settings import read_settings

REQUEST = Request(method="POST", url="", headers={}, pool="pool")


class Wire:
    """Answers everything, and remembers how often."""

    sent = 0
    headers: Mapping[str, str] = {}

    async def send(self, request: Request) -> Response:
        self.sent += 1
        return Response(status=201, headers=self.headers)


async def test_a_request_waits_for_the_budget_a_courier_has_used_up(tmp_path: Path) -> None:
    """The courier's process was told one request in a minute and has sent it."""
    data = tmp_path / "data"
    data.mkdir()
    clock, wire, bound = HandClock(round(START * 1000)), Wire(), bind()
    courier = Process(data, 1, account_name(bound))
    courier.round(START)
    permit = courier.permit("pool", Priority.LIVE, START)
    assert isinstance(permit, Permit)
    told = {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1790000040"}
    courier.learned(permit, 201, told, START)
    courier.exchange.close()
    async with errand(read_settings(tmp_path, {}, data=data), bound, clock, wire) as sender:
        sending = asyncio.ensure_future(sender.send(REQUEST))
        await clock.advance(20)
        assert wire.sent == 0
        await clock.advance(21)
        assert (await sending).status == 201
    assert wire.sent == 1


async def test_a_request_that_would_wait_for_long_says_so_instead(tmp_path: Path) -> None:
    """Somebody sits at the terminal: how long, and of which limit."""
    clock, wire = HandClock(round(START * 1000)), Wire()
    async with errand(
        read_settings(tmp_path, {}, data=tmp_path), bind(), clock, wire, patience_seconds=60
    ) as sender:
        wire.headers = {
            "x-ratelimit-limit": "1",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": "1790002800",
        }
        await sender.send(REQUEST)
        with pytest.raises(UnavailableError, match=r'"pool" is used up, and free again in 2,8\d\d seconds'):
            await sender.send(REQUEST)
    assert wire.sent == 1


async def test_where_nothing_ever_ran_no_folder_is_made(tmp_path: Path) -> None:
    """And the request leaves at once."""
    settings = read_settings(tmp_path, {}, data=tmp_path / "data")
    async with errand(settings, bind(), HandClock(), wire := Wire()) as sender:
        await sender.send(REQUEST)
    assert wire.sent == 1
    assert not settings.data.exists()


async def test_a_command_beside_a_courier_prints_nothing_but_its_answer(tmp_path: Path) -> None:
    """That others use the budget too is news for a courier's log, not for who reads JSON from a command."""
    data = tmp_path / "data"
    data.mkdir()
    clock, wire, bound = HandClock(round(START * 1000)), Wire(), bind()
    courier = Process(data, 1, account_name(bound))
    courier.round(START)
    with capture_logs() as lines:
        async with errand(read_settings(tmp_path, {}, data=data), bound, clock, wire) as sender:
            sending = asyncio.ensure_future(sender.send(REQUEST))
            await clock.advance(61)
            assert (await sending).status == 201
    courier.exchange.close()
    assert lines == []

"""The clock that is passed in: the real one tells the time, the hand-wound one stands still."""

import asyncio

import pytest

from segue.runtime.clock import START_MS, Clock, HandClock, SystemClock


def test_both_clocks_are_clocks() -> None:
    """The protocol holds for the real and the hand-wound one; mypy checks the types, this the names."""
    clocks: list[Clock] = [SystemClock(), HandClock()]
    for clock in clocks:
        assert clock.now_ms() > 1_700_000_000_000
        assert clock.monotonic() <= clock.monotonic()


async def test_a_hand_clock_stands_still_until_it_is_advanced() -> None:
    """Reading it any number of times changes nothing; advancing moves both of its hands."""
    clock = HandClock()
    assert (clock.now_ms(), clock.monotonic()) == (START_MS, 0.0)
    await clock.advance(1.5)
    assert (clock.now_ms(), clock.monotonic()) == (START_MS + 1500, 1.5)


async def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    """Each sleeper sees exactly the moment it asked for, whoever went to bed first."""
    clock, woken = HandClock(), []

    async def nap(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        for seconds in (3.0, 1.0, 2.0):
            tasks.create_task(nap(seconds))
        await clock.advance(2.5)
        assert woken == [(1.0, 1.0), (2.0, 2.0)]
        assert clock.sleepers == 1
        await clock.advance(0.5)
    assert woken[-1] == (3.0, 3.0)


async def test_a_loop_that_sleeps_again_is_woken_again_in_the_same_advance() -> None:
    """A minute of one-second ticks is sixty ticks, however coarsely the test winds."""
    clock, ticks = HandClock(), []

    async def tick() -> None:
        while True:
            await clock.sleep(1)
            ticks.append(clock.monotonic())

    task = asyncio.create_task(tick())
    await clock.advance(60)
    assert ticks == [float(second) for second in range(1, 61)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await clock.advance(5)
    assert len(ticks) == 60


async def test_sleeping_no_time_gives_others_a_turn() -> None:
    """Zero or negative waits return at once on every clock."""
    for clock in (SystemClock(), HandClock()):
        await clock.sleep(0)
        await clock.sleep(-1)


async def test_a_jump_wakes_nobody_until_the_next_advance() -> None:
    """A synchronous test may move the hand; who is due wakes when the loop next runs the clock."""
    clock = HandClock()
    task = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    clock.jump(11)
    await asyncio.sleep(0)
    assert not task.done()
    await clock.advance(0)
    assert task.done()
    assert clock.monotonic() == 11

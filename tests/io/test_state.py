"""What a courier remembers: all of a checkpoint or nothing of it, and every id as long as promised."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, product
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.io.appender import start
from tests.io.state_writer import STEP, checkpoint_of, deliver_for_ever, ids_of

from segue.io.storage.database import Session
from segue.io.storage.ids import RUN
from segue.io.storage.seen import BUCKETS_IN_WINDOW
from segue.io.storage.sqlite import MIGRATIONS, SqliteDatabase
from segue.io.storage.state import Checkpoint, CountKey, Cursor, State, StateReader
from segue.model.delivery import Attempt, DeadLetter, Receipt, left_out, read_note
from segue.model.errors import MisconfiguredError, StorageUnavailable

HOUR_MS = 3_600_000
NOW_MS = 1_790_000_000_000

properties = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
numbers = count()


@asynccontextmanager
async def opened(path: Path, dedupe_hours: float = 24, ids_in_run: int = RUN) -> AsyncIterator[State]:
    state = await State.open(path, dedupe_hours=dedupe_hours, ids_in_run=ids_in_run)
    try:
        yield state
    finally:
        await state.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "braze.db"


def receipt(number: int, **changes: object) -> Receipt:
    fields: dict[str, object] = {
        "lane": number % 8,
        "offset": number,
        "message_id": f"m{number}",
        "subscription": "orders",
        "action": "track-purchase",
        "result": "delivered",
        "request": str(number // 75 + 1),
        "position": number % 75,
        "status": 201,
        "settled_ms": NOW_MS + number,
    }
    return Receipt(**(fields | changes))  # type: ignore[arg-type]


def letter(number: int, **changes: object) -> DeadLetter:
    fields: dict[str, object] = {
        "id": f"braze/0/{number:06d}/orders/0",
        "destination": "braze",
        "subscription": "orders",
        "action": "track-purchase",
        "lane": 0,
        "offset": number,
        "order": number,
        "person": f"u:{number % 3}",
        "message_id": f"m{number}",
        "kind": "track",
        "event": "Order Completed",
        "event_ms": NOW_MS,
        "reason": "BAD_REQUEST" if number % 2 else "PAYLOAD_VALIDATION_FAILED",
        "message": 'field "price": expected a number, found "soon"',
        "items": (b'{"a":1}', b"\xff\x00"),
        "attempts": (Attempt(NOW_MS, "17", 400, "BAD_REQUEST", "no"),),
        "died_ms": NOW_MS,
    }
    return DeadLetter(**(fields | changes))  # type: ignore[arg-type]


async def meet(state: State, reader: StateReader, number: int = 1) -> None:
    """Commit one event the reader can look for."""
    await state.fresh([(f"m{number}", number % 8, number, NOW_MS)])
    await state.commit(Checkpoint(now_ms=NOW_MS, receipts=[receipt(number)]))
    assert await reader.receipts(f"m{number}") == [receipt(number)]


class TestCheckpoint:
    async def test_everything_in_a_checkpoint_is_there_after_a_restart(self, path: Path) -> None:
        """Cursors, receipts, dead letters, counts, totals, values."""
        checkpoint = Checkpoint(
            now_ms=NOW_MS,
            cursors={0: Cursor(next_offset=7, settled=((9, 12), (15, 16))), 5: Cursor(next_offset=0)},
            receipts=[receipt(1), receipt(2, result="filtered", reason="filter:vip", request="", status=0)],
            dead=[letter(3)],
            counts={CountKey(100, "web", "orders", "delivered", ""): 3},
            values={"requests": b"12", "note": b"\x00\xff"},
        )
        async with opened(path) as state:
            assert await state.load() == {}
            assert await state.fresh([(f"m{n}", n % 8, n, NOW_MS) for n in (1, 2)]) == [True, True]
            await state.commit(checkpoint)
        async with opened(path) as state:
            assert await state.load() == dict(checkpoint.cursors)
            assert await state.receipts("m1") == [checkpoint.receipts[0]]
            assert await state.receipts("m2") == [checkpoint.receipts[1]]
            assert await state.receipts("m3") == []
            assert await state.dead_letters() == [letter(3)]
            assert await state.counts(0, 101) == [(CountKey(100, "web", "orders", "delivered", ""), 3)]
            assert await state.totals() == {("delivered", ""): 3}
            assert await state.value("note") == b"\x00\xff"
            assert await state.value("nothing") is None

    async def test_later_cursors_and_values_replace_earlier_ones_and_counts_add_up(self, path: Path) -> None:
        """An empty value is gone; lanes not mentioned stay."""
        key, other = (
            CountKey(7, "web", "", "filtered", "no-match"),
            CountKey(8, "web", "", "filtered", "no-match"),
        )
        async with opened(path) as state:
            await state.commit(
                Checkpoint(
                    now_ms=NOW_MS,
                    cursors={0: Cursor(next_offset=1), 1: Cursor(next_offset=1)},
                    values={"a": b"1", "b": b"2"},
                    counts={key: 5, other: 2},
                )
            )
            await state.commit(
                Checkpoint(
                    now_ms=NOW_MS,
                    cursors={0: Cursor(next_offset=9)},
                    values={"a": b"3", "b": b""},
                    counts={key: -1},
                )
            )
            assert await state.load() == {0: Cursor(next_offset=9), 1: Cursor(next_offset=1)}
            assert (await state.value("a"), await state.value("b")) == (b"3", None)
            assert await state.counts(7, 8) == [(key, 4)]
            assert await state.counts(8, 9) == [(other, 2)]
            assert await state.totals() == {("filtered", "no-match"): 6}

    async def test_a_checkpoint_that_fails_changes_nothing_and_may_be_tried_again(self, path: Path) -> None:
        """The file may not grow: StorageUnavailable. With room, the checkpoint and the ids met are kept."""
        big = [receipt(n, reason=f"reason {n} " + "x" * 200) for n in range(2000)]
        checkpoint = Checkpoint(
            now_ms=NOW_MS,
            cursors={0: Cursor(next_offset=5)},
            receipts=big,
            counts={CountKey(1, "web", "", "filtered", ""): 1},
            values={"a": b"1"},
        )
        async with opened(path) as state:
            await state.commit(Checkpoint(now_ms=NOW_MS, cursors={0: Cursor(next_offset=1)}))
            connection = state._database._connection  # type: ignore[attr-defined]
            pages = connection.pragma("page_count")
            connection.pragma("max_page_count", pages + 4)
            assert await state.fresh([("m1", 1, 1, NOW_MS)]) == [True]
            for _ in range(2):
                with pytest.raises(StorageUnavailable, match=rf'{path}" cannot be written: the disk is full'):
                    await state.commit(checkpoint)
                assert await state.load() == {0: Cursor(next_offset=1)}
                assert await state.totals() == {}
                assert await state.value("a") is None
                assert await state.fresh([("m1", 2, 9, NOW_MS)]) == [False]
            connection.pragma("max_page_count", 1_000_000)
            await state.commit(checkpoint)
        async with opened(path) as state:
            assert await state.load() == {0: Cursor(next_offset=5)}
            assert await state.totals() == {("filtered", ""): 1}
            assert await state.receipts("m1") == [big[1]]
            assert await state.fresh([("m1", 2, 9, NOW_MS), ("m1", 1, 1, NOW_MS)]) == [False, True]

    async def test_ids_met_while_a_checkpoint_is_written_belong_to_the_next(self, path: Path) -> None:
        """Meeting and committing at the same time loses no id."""
        async with opened(path) as state:
            met = []
            for step in range(20):
                ids = [(f"m{step}-{n}", 0, step * 10 + n, NOW_MS) for n in range(10)]
                fresh, _ = await asyncio.gather(state.fresh(ids), state.commit(Checkpoint(now_ms=NOW_MS)))
                assert all(fresh)
                met += ids
            await state.commit(Checkpoint(now_ms=NOW_MS))
        async with opened(path) as state:
            assert not any(await state.fresh([(name, 1, offset, at_ms) for name, _, offset, at_ms in met]))

    async def test_a_cancelled_commit_is_finished_all_the_same(self, path: Path) -> None:
        """And the next one is not disturbed by it."""
        async with opened(path) as state:
            await state.fresh([("m1", 0, 1, NOW_MS)])
            task = asyncio.create_task(state.commit(checkpoint_of(0)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await state.commit(checkpoint_of(1))
            assert await state.totals() == {("delivered", ""): 2 * STEP}
            assert await state.load() == {0: Cursor(next_offset=2 * STEP)}

    async def test_a_lane_beyond_the_most_there_can_be_is_refused(self, path: Path) -> None:
        """Places pack lane and offset in one number."""
        async with opened(path) as state:
            with pytest.raises(MisconfiguredError, match="lane 1024 is out of range"):
                await state.commit(Checkpoint(now_ms=NOW_MS, cursors={1024: Cursor(next_offset=1)}))


class TestMetIds:
    @properties
    @given(
        dedupe_hours=st.sampled_from([0, 1, 8, 24]),
        ids_in_run=st.sampled_from([1, 5, RUN]),
        steps=st.lists(
            st.tuples(
                st.lists(
                    st.tuples(st.sampled_from("abcdef"), st.integers(0, 3), st.integers(0, 6)),
                    max_size=12,
                ),
                st.sampled_from(["go on", "commit", "restart"]),
            ),
            max_size=10,
        ),
    )
    async def test_ids_are_new_or_not_exactly_as_a_table_of_them_says(
        self,
        tmp_path: Path,
        dedupe_hours: int,
        ids_in_run: int,
        steps: list[tuple[list[tuple[str, int, int]], str]],
    ) -> None:
        """Across checkpoints, restarts and moves from table to table: met at another place within the window
        means not new."""
        path = tmp_path / f"{next(numbers)}.db"
        span = max(dedupe_hours / BUCKETS_IN_WINDOW, 1)

        def hour_of(lane: int, offset: int) -> int:  # a place was received at one time, lanes may lag
            return (lane * 17 + offset * 9) % 61

        first_hour = NOW_MS // HOUR_MS // 24 * 24
        durable: list[tuple[str, tuple[int, int], int]] = []
        memory: list[tuple[str, tuple[int, int], int]] = []
        state = await State.open(path, dedupe_hours=dedupe_hours, ids_in_run=ids_in_run)
        for ids, then in steps:
            expected = []
            for name, lane, offset in ids:
                hour = hour_of(lane, offset)
                here, bucket = (lane, offset), int((first_hour + hour) // span)
                first = int((first_hour + hour - dedupe_hours) // span)
                last = int((first_hour + hour + dedupe_hours) // span)
                known = [(place, at) for other, place, at in durable + memory if other == name]
                if any(place == here for place, _ in known):
                    expected.append(True)
                elif any(first <= at <= last for _, at in known):
                    expected.append(not dedupe_hours)
                else:
                    expected.append(True)
                    memory.append((name, here, bucket))
            met = [
                (name, lane, offset, (first_hour + hour_of(lane, offset)) * HOUR_MS)
                for name, lane, offset in ids
            ]
            assert await state.fresh(met) == expected
            if then == "commit":
                await state.commit(Checkpoint(now_ms=NOW_MS))
                durable, memory = durable + memory, []
            if then == "restart":
                await state.close()
                state = await State.open(path, dedupe_hours=dedupe_hours, ids_in_run=ids_in_run)
                memory = []
        await state.close()

    async def test_reading_again_after_a_crash_makes_no_duplicates(self, path: Path) -> None:
        """The same id at the same place is new as often as it is read; elsewhere it is not."""
        async with opened(path) as state:
            assert await state.fresh([("m1", 3, 17, NOW_MS), ("m1", 3, 18, NOW_MS)]) == [True, False]
            await state.commit(Checkpoint(now_ms=NOW_MS))
        async with opened(path) as state:
            again = [
                ("m1", 3, 17, NOW_MS),
                ("m1", 3, 18, NOW_MS),
                ("m1", 2, 17, NOW_MS),
                ("m2", 3, 17, NOW_MS),
            ]
            assert await state.fresh(again) == [True, False, False, True]

    async def test_ids_are_remembered_for_the_window_and_forgotten_after_it(self, path: Path) -> None:
        """A day, and at most a quarter of a day longer."""
        async with opened(path, dedupe_hours=24) as state:
            await state.fresh([("m1", 0, 1, NOW_MS)])
            await state.commit(Checkpoint(now_ms=NOW_MS))
            assert await state.fresh([("m1", 0, 2, NOW_MS + 24 * HOUR_MS)]) == [False]
            assert await state.fresh([("m1", 0, 3, NOW_MS + 31 * HOUR_MS)]) == [True]
            assert await state.fresh([("m1", 0, 4, NOW_MS + 32 * HOUR_MS)]) == [False]

    @pytest.mark.parametrize("ids_in_run", [1, RUN])
    async def test_old_ids_are_forgotten_but_not_what_a_backlog_still_needs(
        self, path: Path, ids_in_run: int
    ) -> None:
        """A destination that reads what came three days ago keeps the ids of those days, in every table."""

        def tables() -> set[object]:
            connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READONLY)
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
            [small] = [name for name in names if name.startswith("newest")]
            recent = {bucket for (bucket,) in connection.execute(f"SELECT bucket FROM {small}")}  # noqa: S608
            connection.close()
            return {name for name in names if name.startswith("leaf")} | recent

        day_ms = 24 * HOUR_MS
        async with opened(path, 24, ids_in_run) as state:
            await state.fresh([("m1", 0, 1, NOW_MS), ("m2", 0, 2, NOW_MS + 3 * day_ms)])
            await state.commit(Checkpoint(now_ms=NOW_MS))
            assert len(tables()) == 2
            await state.prune(NOW_MS + 3 * day_ms, 0)
            assert len(tables()) == 2
            assert await state.fresh([("m1", 0, 9, NOW_MS)]) == [False]
            await state.prune(NOW_MS + 3 * day_ms, 0)
            assert len(tables()) == 2, "the ids just read are of the old day"
            await state.prune(NOW_MS + 3 * day_ms, 0)
            assert len(tables()) == 1, "nothing old was read since"
            await state.prune(NOW_MS + 30 * day_ms, 7 * day_ms)
            assert tables() == set()
            assert await state.fresh([("m1", 0, 10, NOW_MS + 30 * day_ms)]) == [True]

    async def test_many_ids_at_once_are_told_apart(self, path: Path) -> None:
        """More than one statement holds, with duplicates inside and outside the batch."""
        async with opened(path) as state:
            first = [(f"m{n}", 0, n, NOW_MS) for n in range(1500)]
            assert await state.fresh(first) == [True] * 1500
            await state.commit(Checkpoint(now_ms=NOW_MS))
            second = [(f"m{n}", 1, n, NOW_MS) for n in range(1000, 2500)] * 2
            repeated = [(name, lane, offset + 10_000, at_ms) for name, lane, offset, at_ms in second[1500:]]
            verdicts = await state.fresh(second[:1500] + repeated)
            assert verdicts == [n >= 1500 for n in range(1000, 2500)] + [False] * 1500
            assert await state.fresh([]) == []


class TestReceipts:
    async def test_an_event_is_found_wherever_it_was_met(self, path: Path) -> None:
        """Delivered once, met again as a duplicate, suppressed at a third place."""
        found = [
            receipt(1, message_id="m", lane=0, offset=1, settled_ms=NOW_MS),
            receipt(
                2, message_id="m", lane=1, offset=5, result="duplicate", request="", settled_ms=NOW_MS + 1
            ),
            receipt(
                3, message_id="m", lane=2, offset=6, result="suppressed", request="", settled_ms=NOW_MS + 2
            ),
        ]
        async with opened(path) as state:
            assert await state.fresh([("m", 0, 1, NOW_MS)]) == [True]
            await state.commit(Checkpoint(now_ms=NOW_MS, receipts=found[:1]))
            assert await state.fresh([("m", 1, 5, NOW_MS)]) == [False]
            await state.commit(Checkpoint(now_ms=NOW_MS, receipts=found[1:]))
            assert await state.receipts("m") == found

    async def test_one_event_may_have_several_receipts(self, path: Path) -> None:
        """One per subscription, and another when it is revived; the very same twice is one."""
        several = [
            receipt(1, subscription="orders", result="dead", reason="BAD_REQUEST", status=400, attempts=3),
            receipt(1, subscription="profile", action="identify"),
            receipt(1, subscription="orders", settled_ms=NOW_MS + 60_000, attempts=4),
        ]
        async with opened(path) as state:
            await state.fresh([("m1", 1, 1, NOW_MS)])
            await state.commit(Checkpoint(now_ms=NOW_MS, receipts=[*several, several[0]]))
            found = await state.receipts("m1")
            assert sorted(found, key=repr) == sorted(several, key=repr)
            assert found[-1].settled_ms == NOW_MS + 60_000

    async def test_neighbours_in_a_lane_are_told_apart(self, path: Path) -> None:
        """Their receipts share rows; of another lane, another checkpoint or another day they do not. What is
        written again in other company is still one."""
        found = [
            receipt(number, lane=lane, offset=offset, settled_ms=NOW_MS + after_ms, position=offset)
            for number, (lane, offset, after_ms) in enumerate(product((0, 1), (30, 31, 32, 33), (0, 10**8)))
        ]
        async with opened(path) as state:
            await state.fresh([(each.message_id, each.lane, each.offset, NOW_MS) for each in found[::2]])
            await state.commit(Checkpoint(now_ms=NOW_MS, receipts=found[:9]))
            await state.commit(Checkpoint(now_ms=NOW_MS, receipts=found[3:]))
            for day, next_day in zip(found[::2], found[1::2], strict=True):
                same = structs.replace(next_day, message_id=day.message_id)
                assert await state.receipts(day.message_id) == [day, same]

    @pytest.mark.parametrize(
        "request_id", ["", "1", "4611686018427387903", "99999999999999999999", "01HXYZ", "0", "007"]
    )
    async def test_request_ids_come_back_as_they_were(self, path: Path, request_id: str) -> None:
        """Numbers are stored as numbers, anything else by name."""
        async with opened(path) as state:
            await state.fresh([("m1", 1, 1, NOW_MS)])
            await state.commit(Checkpoint(now_ms=NOW_MS, receipts=[receipt(1, request=request_id)]))
            assert [found.request for found in await state.receipts("m1")] == [request_id]

    async def test_receipts_are_forgotten_after_the_retention_by_whole_days(self, path: Path) -> None:
        """Of events received and settled; counts by the minute stay a month, totals for ever."""
        day_ms = 24 * HOUR_MS
        minute = NOW_MS // 60_000
        async with opened(path) as state:
            await state.fresh([("m1", 1, 1, NOW_MS), ("m2", 2, 2, NOW_MS + 5 * day_ms)])
            await state.commit(
                Checkpoint(
                    now_ms=NOW_MS,
                    receipts=[receipt(1), receipt(2, settled_ms=NOW_MS + 5 * day_ms)],
                    counts={CountKey(minute, "web", "orders", "delivered", ""): 2},
                )
            )
            await state.prune(NOW_MS + 7 * day_ms, 7 * day_ms)
            assert await state.receipts("m1") == [receipt(1)]
            await state.prune(NOW_MS + 9 * day_ms, 7 * day_ms)
            assert await state.receipts("m1") == []
            assert len(await state.receipts("m2")) == 1
            assert len(await state.counts(minute, minute + 1)) == 1
            await state.prune(NOW_MS + 31 * day_ms, 7 * day_ms)
            assert await state.counts(0, minute + 1) == []
            assert await state.totals() == {("delivered", ""): 2}


class TestDeadLetters:
    async def test_letters_are_found_by_every_filter_and_page_by_page(self, path: Path) -> None:
        """Filters combine; pages follow the id."""
        letters = [letter(n) for n in range(30)]
        async with opened(path) as state:
            await state.commit(Checkpoint(now_ms=NOW_MS, dead=letters))
            assert await state.dead_letters() == letters
            assert await state.dead_letters(reason="BAD_REQUEST") == letters[1::2]
            assert await state.dead_letters(person="u:2", reason="BAD_REQUEST") == letters[5::6]
            assert await state.dead_letters(message_id="m4") == [letters[4]]
            assert await state.dead_letters(subscription="another") == []
            assert await state.dead_letters(after_id=letters[9].id, limit=5) == letters[10:15]
            assert await state.dead_letter(letters[7].id) == letters[7]
            assert await state.dead_letter("nobody") is None
            assert await state.count_dead() == {"BAD_REQUEST": 15, "PAYLOAD_VALIDATION_FAILED": 15}

    async def test_revived_letters_are_gone_and_one_that_dies_again_is_there_once(self, path: Path) -> None:
        """In the same checkpoint or a later one."""
        async with opened(path) as state:
            await state.commit(Checkpoint(now_ms=NOW_MS, dead=[letter(1), letter(2), letter(3)]))
            died_again = letter(1, reason="CONFLICT")
            revived = [letter(1).id, letter(2).id, "unknown"]
            await state.commit(Checkpoint(now_ms=NOW_MS, revived=revived, dead=[died_again, died_again]))
            assert await state.dead_letters() == [died_again, letter(3)]
            await state.commit(Checkpoint(now_ms=NOW_MS, dead=[letter(3, reason="GONE")]))
            assert await state.count_dead() == {"CONFLICT": 1, "GONE": 1}


class TestBesideTheCourier:
    async def test_what_is_read_together_is_of_one_moment(self, path: Path) -> None:
        """A checkpoint between two questions of one reading does not show in the second."""
        async with opened(path) as state:
            await state.commit(Checkpoint(now_ms=NOW_MS, cursors={0: Cursor(next_offset=1)}))
            guest = await SqliteDatabase.open(path, family="state", shared=True)
            loop = asyncio.get_running_loop()

            def look(session: Session) -> list[list[tuple[Any, ...]]]:
                before = session.execute("SELECT next_offset FROM cursor")
                later = state.commit(Checkpoint(now_ms=NOW_MS, cursors={0: Cursor(next_offset=2)}))
                asyncio.run_coroutine_threadsafe(later, loop).result(10)
                return [before, session.execute("SELECT next_offset FROM cursor")]

            assert await guest.read(look) == [[(1,)], [(1,)]]
            assert await guest.read(lambda session: session.execute("SELECT next_offset FROM cursor")) == [
                (2,)
            ]
            await guest.close()

    async def test_others_read_every_checkpoint_while_the_courier_runs(self, path: Path) -> None:
        """Also tables made after they opened the file, and not those dropped since."""
        async with opened(path) as state:
            reader = await StateReader.open(path)
            await meet(state, reader, 1)
            await meet(state, reader, 2)
            await state.commit(Checkpoint(now_ms=NOW_MS, dead=[letter(1)]))
            assert await reader.count_dead() == {"BAD_REQUEST": 1}
            await state.prune(NOW_MS + 100 * 24 * HOUR_MS, 0)
            assert await reader.receipts("m1") == []
            await reader.close()

    async def test_commands_reach_the_courier_and_end_with_its_checkpoint(self, path: Path) -> None:
        """Asked in order, done in any, gone after a restart too."""
        async with opened(path) as state:
            reader = await StateReader.open(path)
            first = await reader.ask("retry", {"reason": "BAD_REQUEST"}, asked_ms=NOW_MS)
            second = await reader.ask("drop", {"ids": ["a", "b"]}, asked_ms=NOW_MS + 1)
            await reader.close()
            commands = await state.commands()
            assert [(each.id, each.name, each.arguments, each.asked_ms) for each in commands] == [
                (first, "retry", {"reason": "BAD_REQUEST"}, NOW_MS),
                (second, "drop", {"ids": ["a", "b"]}, NOW_MS + 1),
            ]
            await state.commit(Checkpoint(now_ms=NOW_MS, done_commands=[second]))
        async with opened(path) as state:
            assert [each.id for each in await state.commands()] == [first]

    async def test_commands_are_left_while_the_courier_is_busy(self, path: Path) -> None:
        """Between checkpoints the file is free, however many ids have been met."""
        async with opened(path) as state:
            reader = await StateReader.open(path)
            await state.fresh([(f"m{n}", 0, n, NOW_MS) for n in range(1000)])
            async with asyncio.timeout(60):
                await reader.ask("retry", {}, asked_ms=NOW_MS)
            await reader.close()

    async def test_a_second_courier_learns_who_is_the_first(self, path: Path) -> None:
        """Two would send everything twice."""
        async with opened(path):
            with pytest.raises(StorageUnavailable, match=rf"in use by process {os.getpid()}\b"):
                await State.open(path)
        async with opened(path):
            pass

    async def test_reading_a_state_that_is_not_there_is_said_clearly(self, path: Path) -> None:
        """And makes no empty file."""
        with pytest.raises(StorageUnavailable, match=rf'"{path}" cannot be opened'):
            await StateReader.open(path)
        assert not path.parent.exists()

    async def test_a_state_written_by_a_newer_version_is_left_alone(self, path: Path) -> None:
        """For its courier."""
        async with opened(path):
            pass
        connection = apsw.Connection(os.fspath(path))
        connection.pragma("user_version", 99)
        connection.close()
        with pytest.raises(MisconfiguredError, match=r"format 99.*a newer version wrote it"):
            await State.open(path)

    async def test_closing_twice_is_fine_and_a_closed_state_says_so(self, path: Path) -> None:
        """In our words."""
        state = await State.open(path)
        await state.close()
        await state.close()
        with pytest.raises(StorageUnavailable, match="closed"):
            await state.load()


async def test_a_killed_courier_repeats_at_most_one_step_and_loses_none(path: Path) -> None:
    """SIGKILL at seeded random moments: cursor, ids, receipts and counts are of the same checkpoint."""
    random = Random(4)
    path.parent.mkdir()
    committed = 0
    for _ in range(12):
        process, reports = start(deliver_for_ever, path)
        for _ in range(random.randrange(0, 24)):
            step, what, fine = reports.recv()
            assert fine, f"step {step}: ids of a step that was rolled back, or read again, are not duplicates"
            committed = max(committed, step + 1) if what == "committed" else committed
        reports.poll(random.random() * 0.003)
        process.kill()
        process.join()
        async with opened(path) as state:
            cursors = await state.load()
            steps = cursors[0].next_offset // STEP if cursors else 0
            assert steps >= committed
            assert await state.totals() == ({("delivered", ""): steps * STEP} if steps else {})
            for step in range(max(steps - 2, 0), steps):
                name, *_ = ids_of(step)[-1]
                assert await state.receipts(name) == [checkpoint_of(step).receipts[-1]]
            elsewhere = [(name, 1, offset, at_ms) for name, _, offset, at_ms in ids_of(steps)]
            assert all(await state.fresh(elsewhere)), "an id outlived the rollback of its step"
            if steps:
                known = [(name, 1, offset, at_ms) for name, _, offset, at_ms in ids_of(steps - 1)]
                assert not any(await state.fresh(known)), "an id of a committed step is forgotten"
        committed = max(committed, steps)
    assert committed > 20


async def test_notes_of_receipts_are_kept_word_by_word_and_go_with_their_day(path: Path) -> None:
    """Two receipts of one wording, one without, one of the day before; pruning takes the old ones."""
    changed = (left_out("UNCHANGED", ["plan", "address.city"]), left_out("STALE_ATTRIBUTES", ["email"]))
    found = [
        receipt(1, notes=changed),
        receipt(2, notes=changed),
        receipt(3),
        receipt(4, notes=changed[:1], settled_ms=NOW_MS - 48 * HOUR_MS),
    ]
    async with opened(path) as state:
        await state.fresh([(f"m{n}", n % 8, n, NOW_MS) for n in (1, 2, 3, 4)])
        for _ in range(2):  # the same receipts twice are one
            await state.commit(Checkpoint(now_ms=NOW_MS, receipts=found))
    async with opened(path) as state:
        for each in found:
            assert await state.receipts(each.message_id) == [each]
        await state.prune(NOW_MS, 24 * HOUR_MS)
        await state.commit(Checkpoint(now_ms=NOW_MS, receipts=[receipt(5, message_id="m1", notes=changed)]))
        assert [each.notes for each in await state.receipts("m1")] == [changed]
        assert await state.receipts("m4") == []
    assert changed[0] == "UNCHANGED: address.city, plan"
    assert read_note(changed[0]) == ("UNCHANGED", ("address.city", "plan"))


STEPS = sorted((MIGRATIONS / "state").glob("[0-9]*.sql"))


@pytest.mark.parametrize("seen", range(1, len(STEPS)))
async def test_a_state_of_any_older_format_goes_on_where_it_stood(path: Path, seen: int) -> None:
    """Positions, values and commands are carried, and everything newer can be written."""
    path.parent.mkdir()
    with apsw.Connection(os.fspath(path)) as old:
        for step in STEPS[:seen]:
            old.execute(step.read_text("utf-8"))
        old.pragma("user_version", seen)
        old.execute("INSERT INTO cursor(lane, next_offset, settled) VALUES (3, 17, ?)", (b"\x90",))
        old.execute("INSERT INTO value(name, body) VALUES ('journal', ?)", (b"5",))
        old.execute("INSERT INTO command(name, arguments, asked_ms) VALUES ('pause', ?, 1)", (b"\x80",))
    old.close()
    async with opened(path) as state:
        assert await state.load() == {3: Cursor(next_offset=17)}
        assert await state.value("journal") == b"5"
        assert [command.name for command in await state.commands()] == ["pause"]
        await state.commit(
            Checkpoint(
                now_ms=NOW_MS,
                cursors={3: Cursor(next_offset=18)},
                receipts=[receipt(17)],
                profiles={"u:1": b"x"},
                repeats={"u:1": b"y"},
            )
        )
        assert await state.profiles(["u:1"]) == {"u:1": b"x"}
    async with opened(path) as state:
        assert await state.load() == {3: Cursor(next_offset=18)}

"""What travels together and when it leaves."""

import sys
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.engine.rows import row

from segue.engine.batch import Batch, Batcher
from segue.engine.line import NEVER, Waiting
from segue.engine.travel import Travel

TRACK = Travel("track", items=3, wait_seconds=30.0)
PROFILE = Travel("profile", items=3, wait_seconds=30.0)
ALONE = Travel("alone", items=1, wait_seconds=0.0)
MERGE = Travel("merge", items=3, wait_seconds=0.0, ordered=False)


def offsets(batches: list[Batch]) -> list[list[int]]:
    return [[each.offset for each in batch.rows] for batch in batches]


def test_a_full_batch_leaves_at_once() -> None:
    """Three rows fill a batch of three; the clock does not matter."""
    batcher = Batcher()
    for offset in range(4):
        batcher.add(row(offset, person=f"u:{offset}"), TRACK, [f"u:{offset}"], now=0.0)
    assert offsets(batcher.due(0.0, 10)) == [[0, 1, 2]]
    assert batcher.rows == 4
    assert batcher.in_flight == 3


def test_a_batch_that_is_not_full_leaves_30_seconds_after_its_first_row() -> None:
    """The second row does not put the departure off."""
    batcher = Batcher()
    batcher.add(row(0, person="u:0"), TRACK, ["u:0"], now=100.0)
    batcher.add(row(1, person="u:1"), TRACK, ["u:1"], now=120.0)
    assert batcher.due(129.9, 10) == []
    assert batcher.next_due(129.9) == 130.0
    assert offsets(batcher.due(130.0, 10)) == [[0, 1]]
    assert batcher.next_due(130.0) == NEVER


def test_without_batching_every_row_leaves_alone_and_at_once() -> None:
    """A travel of one item and no wait is the switched-off batch: the same path."""
    batcher = Batcher()
    for offset in range(3):
        batcher.add(row(offset, person=f"u:{offset}"), ALONE, [f"u:{offset}"], now=0.0)
    assert offsets(batcher.due(0.0, 10)) == [[0], [1], [2]]


def test_actions_never_share_a_request() -> None:
    """Rows of two actions wait in two queues."""
    batcher = Batcher()
    batcher.add(row(0, person="u:0"), TRACK, ["u:0"], now=0.0)
    batcher.add(row(1, person="u:1", action="profile"), PROFILE, ["u:1"], now=0.0)
    assert offsets(batcher.due(30.0, 10)) == [[0], [1]]


EACH = Travel("track", items=3, wait_seconds=30.0, pack=(("profile", 0), ("track", 1)), each=True)


def test_where_each_array_is_bounded_a_full_one_takes_others_along() -> None:
    """Three events fill their array; later attributes still travel, a fourth event does not."""
    batcher = Batcher()
    for offset, action in enumerate(["track"] * 4 + ["profile"] * 2):
        batcher.add(row(offset, action=action), EACH, [f"u:{offset}"], now=0.0)
    assert offsets(batcher.due(0.0, 10)) == [[0, 1, 2, 4, 5]]
    assert batcher.due(0.0, 10) == []
    assert offsets(batcher.due(30.0, 10)) == [[3]]


def test_where_each_array_is_bounded_nothing_leaves_before_one_is_full() -> None:
    """Two and two are four objects, and still room for two."""
    batcher = Batcher()
    for offset, action in enumerate(["track", "profile"] * 2):
        batcher.add(row(offset, action=action), EACH, [f"u:{offset}"], now=0.0)
    assert batcher.due(29.9, 10) == []
    batcher.add(row(4, action="profile"), EACH, ["u:4"], now=29.9)
    assert offsets(batcher.due(29.9, 10)) == [[0, 1, 2, 3, 4]]


def test_several_rows_of_one_person_share_a_request_in_order() -> None:
    """One request is applied in order, so it may hold a person twice."""
    batcher = Batcher()
    for offset in range(3):
        batcher.add(row(offset), TRACK, ["u:1"], now=0.0)
    assert offsets(batcher.due(0.0, 10)) == [[0, 1, 2]]


def test_where_a_request_has_no_order_nobody_is_in_it_twice() -> None:
    """Merges: the partner may take either first, and then the second would mean somebody else."""
    batcher = Batcher()
    for offset, people in enumerate((["u:a", "u:b"], ["u:c", "u:a"], ["u:d", "u:e"])):
        batcher.add(row(offset, person=people[0]), MERGE, people, now=0.0)
    [first] = batcher.due(0.0, 10)
    assert offsets([first]) == [[0, 2]]
    for entry in first.waiting:
        batcher.settle(entry)
    assert offsets(batcher.due(0.0, 10)) == [[1]]


def test_a_second_request_of_a_person_waits_for_the_first() -> None:
    """Requests on the way share no person."""
    batcher = Batcher()
    for offset in range(6):
        batcher.add(row(offset), TRACK, ["u:1"], now=0.0)
    first = batcher.due(0.0, 10)
    assert offsets(first) == [[0, 1, 2]]
    assert batcher.due(100.0, 10) == []
    for entry in first[0].waiting:
        batcher.settle(entry)
    assert offsets(batcher.due(100.0, 10)) == [[3, 4, 5]]


def test_a_track_waits_for_the_identify_before_it_and_hurries_it() -> None:
    """When the events are due and an earlier identify of the person is not, the identify leaves first."""
    slow = Travel("profile", items=3, wait_seconds=300.0)
    batcher = Batcher()
    batcher.add(row(0, action="profile"), slow, ["u:1"], now=0.0)
    batcher.add(row(1), TRACK, ["u:1"], now=0.0)
    assert batcher.due(29.0, 10) == []
    first = batcher.due(30.0, 10)
    assert offsets(first) == [[0]]
    batcher.settle(first[0].waiting[0])
    assert offsets(batcher.due(30.0, 10)) == [[1]]


def test_a_full_batch_is_filled_with_people_who_may_leave() -> None:
    """A blocked row is passed over, keeps its place and does not make a batch leave half empty."""
    batcher = Batcher()
    batcher.add(row(0, action="profile"), PROFILE, ["u:1"], now=0.0)
    batcher.add(row(1), TRACK, ["u:1"], now=0.0)
    for offset in (2, 3):
        batcher.add(row(offset, person=f"u:{offset}"), TRACK, [f"u:{offset}"], now=0.0)
    assert batcher.due(0.0, 10) == []
    batcher.add(row(4, person="u:4"), TRACK, ["u:4"], now=0.0)
    assert offsets(batcher.due(0.0, 10)) == [[2, 3, 4]]


def test_a_batch_stays_below_its_bytes() -> None:
    """Two rows of 60 bytes do not fit 100."""
    small = Travel("track", items=75, wait_seconds=0.0, bytes=100)
    batcher = Batcher()
    for offset in range(2):
        batcher.add(row(offset, person=f"u:{offset}", size=60), small, [f"u:{offset}"], now=0.0)
    assert offsets(batcher.due(0.0, 10)) == [[0], [1]]


def test_an_order_of_several_objects_is_never_cut_by_the_batcher() -> None:
    """Two objects fit beside one of two in a batch of three only in the next request."""
    batcher = Batcher()
    for offset in range(2):
        batcher.add(row(offset, person=f"u:{offset}", items=2), TRACK, [f"u:{offset}"], now=0.0)
    assert offsets(batcher.due(30.0, 10)) == [[0], [1]]


def test_halves_leave_one_after_the_other_when_they_share_a_person() -> None:
    """A refused batch put back in two parts keeps the order of the person in both."""
    batcher = Batcher()
    for offset in range(3):
        batcher.add(row(offset), TRACK, ["u:1"], now=0.0)
    [batch] = batcher.due(0.0, 10)
    batcher.put_back(batch, [(batch.waiting[:2], None), (batch.waiting[2:], None)])
    [first] = batcher.due(0.0, 10)
    assert offsets([first]) == [[0, 1]]
    assert first.tries == 1
    for entry in first.waiting:
        batcher.settle(entry)
    assert offsets(batcher.due(0.0, 10)) == [[2]]


def test_a_row_put_back_for_later_waits_for_its_time() -> None:
    """`not_before` holds a retried row, and `next_due` says when to look again."""
    batcher = Batcher()
    batcher.add(row(0), ALONE, ["u:1"], now=0.0)
    [batch] = batcher.due(0.0, 10)
    batch.waiting[0].not_before = 8.0
    batcher.put_back(batch, [(batch.waiting, None)])
    assert batcher.due(7.9, 10) == []
    assert batcher.next_due(7.9) == 8.0
    assert offsets(batcher.due(8.0, 10)) == [[0]]


def behind_three(batcher: Batcher, blocked: int) -> list[Batch]:
    """Three people's events are on their way; behind them wait so many of theirs, and beside them one of
    somebody else, who is due at 30."""
    for offset in range(3):
        batcher.add(row(offset, person=f"u:{offset}"), TRACK, [f"u:{offset}"], now=0.0)
    first = batcher.due(0.0, 10)
    for offset in range(3, 6):
        person = f"u:{offset - 3}"
        batcher.add(row(offset, person=person, action="profile"), PROFILE, [person], now=0.0)
    for offset in range(6, 6 + blocked):
        batcher.add(row(offset, person=f"u:{offset - 6}"), TRACK, [f"u:{offset - 6}"], now=0.0)
    batcher.add(row(9, person="u:9"), TRACK, ["u:9"], now=0.0)
    assert offsets(first) == [[0, 1, 2]]
    assert batcher.due(29.9, 10) == []
    return first


def test_few_rows_that_are_due_wait_for_more_on_their_way_while_many_wait_behind() -> None:
    """Somebody few and far behind would else leave in a request for each."""
    batcher = Batcher()
    [first] = behind_three(batcher, blocked=3)
    assert batcher.due(30.0, 10) == []
    batcher.settle(first.waiting[0])
    assert offsets(batcher.due(31.0, 10)) == [[3]]
    batcher.settle_all(first.waiting[1:])
    assert sorted(offsets(batcher.due(32.0, 10))) == [[4, 5], [9]]


def test_no_row_waits_for_company_longer_than_its_batch_does() -> None:
    """However long the answer takes: 30 seconds after it was due and could leave."""
    batcher = Batcher()
    behind_three(batcher, blocked=3)
    assert batcher.due(31.0, 10) == []
    assert batcher.next_due(31.0) == 61.0
    assert batcher.due(60.9, 10) == []
    assert offsets(batcher.due(61.0, 10)) == [[9]]


def test_no_row_waits_for_company_that_would_fill_no_request() -> None:
    """Two behind three are no backlog."""
    batcher = Batcher()
    behind_three(batcher, blocked=2)
    assert offsets(batcher.due(30.0, 10)) == [[9]]


@pytest.mark.parametrize("seed", range(8))
def test_a_backlog_of_few_people_leaves_in_time_and_in_order(seed: int) -> None:
    """Rows of five people in two queues, answers after any time: each row leaves, after all earlier ones of
    its person, at the latest when its batch has waited once for it and once for company."""
    chance = Random(seed)
    batcher, wait = Batcher(), TRACK.wait_seconds
    added: list[Waiting] = []
    for number in range(60):
        person, travel = f"u:{chance.randrange(5)}", chance.choice((TRACK, PROFILE))
        added.append(batcher.add(row(number, person=person, action=travel.action), travel, [person], now=0.0))
    could_leave = {entry.number: 0.0 for entry in added}
    answers: list[tuple[float, int, Batch]] = []
    left: list[Waiting] = []
    now = 0.0
    while batcher.rows:
        for batch in batcher.due(now, 100):
            heappush(answers, (now + chance.choice((0.5, 2.0, 100.0)), batch.id, batch))
            left += batch.waiting
            assert all(now <= could_leave[entry.number] + 2 * wait for entry in batch.waiting)
        now = min(batcher.next_due(now), answers[0][0])
        while answers and answers[0][0] <= now:
            for entry in heappop(answers)[2].waiting:
                batcher.settle(entry)
                could_leave |= {each.number: now for each in added if each.people == entry.people}
    assert len(left) == len(added)
    for people in {entry.people for entry in added}:
        numbers = [entry.number for entry in left if entry.people == people]
        assert numbers == sorted(numbers)


def test_hurry_makes_everything_due() -> None:
    """The caller needs room or is stopping: no batch waits for company."""
    batcher = Batcher()
    batcher.add(row(0, person="u:0"), TRACK, ["u:0"], now=0.0)
    batcher.hurry()
    assert offsets(batcher.due(0.0, 10)) == [[0]]


def calls(work: Callable[[], object]) -> int:
    """How many functions it calls."""
    count = 0

    def see(*_: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("people", [1, 4, 1000])
def test_a_long_backlog_costs_no_more_than_a_short_one(people: int) -> None:
    """Few people or many: what waits behind others is not looked at, neither for a request nor after one."""

    def work(rows: int) -> int:
        batcher = Batcher()
        for number in range(rows):
            person = f"u:{number % people}"
            travel = (TRACK, PROFILE)[number // people % 2]
            batcher.add(row(number, person=person), travel, [person], now=0.0)

        def turn() -> None:
            for batch in batcher.due(100.0, 4):
                for entry in batch.waiting:
                    batcher.settle(entry)

        turn()  # what it learns on the way is learnt
        return calls(turn)

    assert work(8000) <= work(2000) * 1.1


class Batching(RuleBasedStateMachine):
    """Any sequence of arrivals, departures, answers and retries keeps the rules."""

    @initialize()
    def begin(self) -> None:
        self.batcher = Batcher()
        self.now = 0.0
        self.added: list[Waiting] = []
        self.settled: set[int] = set()
        self.stones: list[tuple[Waiting, int]] = []
        self.on_the_way: list[Batch] = []

    @rule(
        person=st.sampled_from(["u:1", "u:2", "u:3", "a:1"]),
        other=st.sampled_from(["", "a:1", "u:1"]),
        travel=st.sampled_from([TRACK, PROFILE, ALONE, Travel("late", items=2, wait_seconds=90.0), MERGE]),
        items=st.integers(0, 3),
    )
    def add(self, person: str, other: str, travel: Travel, items: int) -> None:
        people = [person] if other in ("", person) else [person, other]
        entry = self.batcher.add(
            row(len(self.added), person=person, items=items), travel, people, now=self.now
        )
        self.added.append(entry)

    @rule(person=st.sampled_from(["u:1", "u:2", "a:1"]))
    def bar(self, person: str) -> None:
        self.stones.append((self.batcher.bar(person), len(self.added)))

    @precondition(lambda self: self.stones)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        stone, _ = self.stones.pop(data.draw(st.integers(0, len(self.stones) - 1)))
        self.batcher.lift(stone)

    @invariant()
    def nobody_passes_a_stone(self) -> None:
        for stone, after in getattr(self, "stones", ()):
            for batch in self.on_the_way:
                ids = {id(entry) for entry in batch.waiting}
                late = [each for each in self.added[after:] if id(each) in ids]
                assert not any(set(each.people) & set(stone.people) for each in late)

    @rule(seconds=st.sampled_from([0.0, 1.0, 30.0, 90.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def hurry(self) -> None:
        self.batcher.hurry()

    @rule(most=st.integers(1, 4))
    def leave(self, most: int) -> None:
        found = self.batcher.due(self.now, most)
        assert len(found) <= most
        for batch in found:
            assert batch.waiting, "no empty request"
            assert len({entry.travel for entry in batch.waiting}) == 1
            items = sum(len(each.items) for each in batch.rows)
            assert items <= batch.travel.items or len(batch.rows) == 1
            assert batch.tries or not self.passed_over(batch)
        self.on_the_way += found

    def passed_over(self, batch: Batch) -> list[Waiting]:
        """Rows from before a request's last that wait although nothing else stands before them."""
        chosen = {id(entry) for entry in batch.waiting}
        return [
            entry
            for entry in self.added[: self.added.index(batch.waiting[-1])]
            if entry.is_queued
            and entry.travel == batch.travel
            and not any(
                set(earlier.people) & set(entry.people)
                and id(earlier) not in self.settled
                and (id(earlier) not in chosen or not batch.travel.ordered)
                for earlier in self.added[: self.added.index(entry)]
            )
            and not any(
                set(stone.people) & set(entry.people) and self.added.index(entry) >= after
                for stone, after in self.stones
            )
        ]

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data(), what=st.sampled_from(["deliver", "again", "halve", "one", "later"]))
    def answer(self, data: st.DataObject, what: str) -> None:
        batch = self.on_the_way.pop(data.draw(st.integers(0, len(self.on_the_way) - 1)))
        rest = batch.waiting
        if what in ("deliver", "one"):
            done = rest if what == "deliver" else rest[:1]
            for entry in done:
                self.settled.add(id(entry))
                self.batcher.settle(entry)
            rest = rest[len(done) :]
        if what == "later":
            for entry in rest:
                entry.not_before = self.now + 5.0
        middle = len(rest) // 2
        parts = [rest[:middle], rest[middle:]] if what == "halve" else [rest]
        self.batcher.put_back(batch, [(part, None) for part in parts])

    @invariant()
    def nobody_is_overtaken(self) -> None:
        """A row on the way has all earlier rows of its people settled or in the same request."""
        if not hasattr(self, "added"):
            return
        for batch in self.on_the_way:
            chosen = {id(entry) for entry in batch.waiting}
            assert [each.offset for each in batch.rows] == sorted(each.offset for each in batch.rows)
            for entry in batch.waiting:
                for earlier in self.added:
                    if earlier is entry:
                        break
                    if set(earlier.people) & set(entry.people):
                        along = id(earlier) in chosen and (batch.travel.ordered or batch.tries > 0)
                        assert id(earlier) in self.settled or along

    @invariant()
    def counts_are_true(self) -> None:
        if hasattr(self, "added"):
            assert self.batcher.rows == len(self.added) - len(self.settled)
            assert self.batcher.in_flight == sum(len(batch.waiting) for batch in self.on_the_way)

    def teardown(self) -> None:
        """Whatever happened, everything leaves in the end."""
        if not hasattr(self, "added"):
            return
        for stone, _ in self.stones:
            self.batcher.lift(stone)
        for batch in self.on_the_way:
            for entry in batch.waiting:
                self.batcher.settle(entry)
        for _ in range(len(self.added) + 1):
            self.now += 1000.0
            for batch in self.batcher.due(self.now, 100):
                for entry in batch.waiting:
                    self.batcher.settle(entry)
        assert self.batcher.rows == 0
        assert self.batcher.next_due(self.now) == NEVER


TestBatching = Batching.TestCase
TestBatching.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

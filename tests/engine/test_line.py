"""Rows in line."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.rows import row

from segue.engine.line import NEVER, Free, Queue, Waiting
from segue.engine.travel import Travel


def test_a_line_forgets_what_left_though_its_first_row_is_stuck() -> None:
    """Somebody's barrier may stand for hours while everybody else passes by."""
    queue = Queue.of(Travel("track", items=75, wait_seconds=30.0))
    entries = [Waiting(row(at), queue.travel, (f"u:{at}",), since=float(at), number=at) for at in range(5000)]
    for entry in entries:
        entry.is_queued = True
        queue.line.append(entry)
        queue.count([entry])
        if entry is not entries[0]:
            queue.take([entry])
    assert queue.rows == 1
    assert len(queue.line) < 100
    assert list(queue.entries()) == entries[:1]
    assert queue.due_at() == 30.0


@given(st.data())
def test_free_rows_leave_by_number_however_they_came(data: st.DataObject) -> None:
    """Some came free, some were freed later, some were taken and stayed after all."""
    free, came = Free(), itertools.count()
    held: list[Waiting] = []
    expected: set[int] = set()
    for step in data.draw(st.lists(st.sampled_from(["come", "wait", "freed", "look"]), max_size=30)):
        if step in ("come", "wait"):
            entry = Waiting(row(), Travel("track"), (), since=0.0, number=next(came))
            if step == "come":
                free.came.append(entry)
                expected.add(entry.number)
            else:
                held.append(entry)
        elif step == "freed" and held:
            free.add(entry := held.pop(data.draw(st.integers(0, len(held) - 1))))
            expected.add(entry.number)
        elif step == "look":
            taken = [free.take() for _ in range(data.draw(st.integers(0, min(4, len(free)))))]
            assert [each.number for each in taken] == sorted(expected)[: len(taken)]
            stay = [each for each in taken if data.draw(st.booleans())]
            expected -= {each.number for each in taken if each not in stay}
            free.give_back(reversed(stay))
        assert free.first == min(expected, default=NEVER)
        assert bool(free) == bool(expected)

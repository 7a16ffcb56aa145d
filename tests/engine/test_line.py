"""Rows in line."""

from tests.engine.rows import row

from segue.engine.line import Queue, Waiting
from segue.engine.travel import Travel


def test_a_line_forgets_what_left_though_its_first_row_is_stuck() -> None:
    """Somebody's barrier may stand for hours while everybody else passes by."""
    queue = Queue.of(Travel("track", items=75, wait_seconds=30.0))
    entries = [Waiting(row(at), queue.travel, (f"u:{at}",), since=float(at), number=at) for at in range(5000)]
    for entry in entries:
        queue.add(entry)
        if entry is not entries[0]:
            queue.take([entry])
    assert queue.rows == 1
    assert len(queue.line) < 100
    assert list(queue.entries()) == entries[:1]
    assert queue.due_at() == 30.0

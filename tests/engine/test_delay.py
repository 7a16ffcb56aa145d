"""What whoever asks is told of a row that has not left."""

import pytest
from tests.engine.rows import row
from tests.engine.test_batch import PROFILE, TRACK, behind_three
from tests.engine.test_kinship import U, X
from tests.engine.test_namesakes import Desk

from segue.engine.aftermath import weigh
from segue.engine.batch import Batcher
from segue.engine.delay import delays
from segue.engine.namesakes import Namesakes
from segue.model.delivery import Outcome, Verdict


def told(batcher: Batcher, offset: int, now: float) -> tuple[str, float | None]:
    """Kind and seconds of the one row of an offset."""
    [delay] = delays(batcher, Namesakes(), 0, offset, now)
    return delay.kind, delay.seconds


def test_a_batch_leaves_with_its_first_row() -> None:
    """So a later one waits for no longer, nor when somebody hurries, nor when it is full."""
    batcher = Batcher()
    for offset, came in ((0, 0.0), (1, 20.0)):
        batcher.add(row(offset, person=f"u:{offset}"), TRACK, [f"u:{offset}"], now=came)
    assert [told(batcher, offset, 25.0) for offset in (0, 1)] == [("batch", 5.0)] * 2
    batcher.hurry()
    assert told(batcher, 1, 25.0) == ("due", None)
    other = Batcher()
    for offset in range(3):
        other.add(row(offset, person=f"u:{offset}"), TRACK, [f"u:{offset}"], now=0.0)
    assert told(other, 2, 1.0) == ("due", None)


def test_a_row_that_is_due_and_waits_for_company_says_so_and_until_when() -> None:
    """It is not due: it leaves with those that wait behind rows on their way, in 30 seconds at the most."""
    batcher = Batcher()
    behind_three(batcher, blocked=3)
    assert told(batcher, 9, 29.0) == ("batch", 1.0)
    assert batcher.due(31.0, 10) == []
    assert told(batcher, 9, 35.0) == ("company", 26.0)
    assert told(batcher, 0, 35.0) == ("in-flight", None)
    assert told(batcher, 3, 35.0) == ("order", None)
    assert batcher.next_due(35.0) == 61.0  # to ask has changed nothing
    assert told(batcher, 9, 61.0) == ("due", None)


def test_rows_that_leave_again_together_wait_for_the_last_of_them() -> None:
    """What is tried again at another time than its neighbours would leave in another request."""
    batcher = Batcher()
    for offset in range(3):
        batcher.add(row(offset, person=f"u:{offset}"), PROFILE, [f"u:{offset}"], now=0.0)
    [batch] = batcher.due(0.0, 1)
    batch.waiting[1].not_before = 8.0
    batcher.put_back(batch, [(batch.waiting, None)])
    assert told(batcher, 0, 2.0) == ("retry", 6.0)
    assert told(batcher, 0, 8.0) == ("due", None)


@pytest.mark.parametrize("size", [2, 3])
def test_what_a_search_for_culprits_keeps_waits_for_it(size: int) -> None:
    """Half of a refused request is asked again; the other half waits for what comes of it."""
    batcher = Batcher()
    for offset in range(size):
        batcher.add(row(offset, person=f"u:{offset}"), PROFILE, [f"u:{offset}"], now=0.0)
    [batch] = batcher.due(40.0, 1)
    refused = Outcome(verdict=Verdict.BATCH_REJECTED, status=400, code="BAD_REQUEST")
    aftermath = weigh(batch, [refused] * size, "1", 40.0, 40_000)
    batcher.put_back(batch, aftermath.again)
    [probe] = batcher.due(41.0, 1)
    kinds = [told(batcher, offset, 41.0)[0] for offset in range(size)]
    assert kinds.count("in-flight") == len(probe.waiting)
    assert kinds.count("search") == size - len(probe.waiting) > 0


def test_a_row_that_waits_for_another_name_says_so() -> None:
    """Whatever its time to look again is."""
    desk, batcher = Desk(), Batcher()
    entry = batcher.add(row(0, person="u:0"), PROFILE, ["u:0"], now=0.0)
    desk.send(U, 1)
    assert desk.held(desk.entry(entry.number, X)) == [entry.number]
    [delay] = delays(batcher, desk.namesakes, 0, 0, 1.0)
    assert (delay.kind, delay.seconds) == ("name", None)

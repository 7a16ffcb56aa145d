"""What an answer means for each row of a batch."""

import math
import random

import pytest

from segue.engine.aftermath import receipt, weigh
from segue.engine.batch import Batch, Batcher, Travel
from segue.model.delivery import Outcome, Verdict
from tests.engine.rows import row

TRAVEL = Travel("track", items=75, wait_seconds=0.0)
FINE = Outcome(verdict=Verdict.DELIVERED, status=201)


def batch_of(count: int, batcher: Batcher | None = None) -> Batch:
    batcher = batcher or Batcher()
    for offset in range(count):
        batcher.add(row(offset, person=f"u:{offset}"), TRAVEL, [f"u:{offset}"], now=0.0)
    [batch] = batcher.due(0.0, 1)
    return batch


def test_only_the_refused_row_dies() -> None:
    """Two neighbours of a refused row are delivered, each with its position in the request."""
    refused = Outcome(verdict=Verdict.REJECTED, status=400, code="BAD_REQUEST", message="bad name")
    after = weigh(batch_of(3), [FINE, refused, FINE], "7", 0.0, 1000)
    assert [(each.reason, each.position) for each in after.ended] == [("", 0), ("BAD_REQUEST", 1), ("", 2)]
    assert after.again == []
    assert receipt(after.ended[1], "7", 1000).reason == "BAD_REQUEST"


def test_trouble_of_the_partner_sends_the_same_rows_again_together() -> None:
    """A 503 burns no attempt: the rows stay one request and the destination holds."""
    trouble = Outcome(verdict=Verdict.HOLD, status=503, code="SERVICE_UNAVAILABLE")
    batch = batch_of(3)
    for _ in range(100):
        after = weigh(batch, [trouble] * 3, "1", 0.0, 1000)
        assert after.trouble is trouble
        assert [len(group) for group in after.again] == [3]
        assert not after.ended
    assert len(batch.waiting[0].attempts) <= 20


@pytest.mark.parametrize(("size", "culprits"), [(75, 1), (75, 2), (75, 5), (64, 1), (3, 3), (2, 1), (75, 75)])
def test_a_refused_batch_is_halved_until_only_the_culprits_are_left_out(size: int, culprits: int) -> None:
    """Exactly the culprits die, everybody else is delivered once, in a bounded number of requests."""
    chosen = set(random.Random(size * culprits).sample(range(size), culprits))
    batcher = Batcher()
    open_batches = [batch_of(size, batcher)]
    dead: list[int] = []
    delivered: list[int] = []
    requests = 0
    while open_batches:
        batch = open_batches.pop(0)
        requests += 1
        guilty = [each.offset in chosen for each in batch.rows]
        if any(guilty):
            verdict = Verdict.BATCH_REJECTED if len(guilty) > 1 else Verdict.REJECTED
            outcome = Outcome(verdict=verdict, status=400, code="BAD_REQUEST")
        else:
            outcome = FINE
        after = weigh(batch, [outcome] * len(guilty), str(requests), 0.0, 0)
        for ended in after.ended:
            (dead if ended.reason else delivered).append(ended.entry.row.offset)
            batcher.settle(ended.entry)
        batcher.put_back(batch, after.again)
        open_batches += batcher.due(0.0, 100)
    assert sorted(dead) == sorted(chosen)
    assert sorted(delivered) == sorted(set(range(size)) - chosen)
    assert batcher.rows == 0
    if culprits <= 2:
        assert requests - 1 <= 2 * culprits * math.ceil(math.log2(size))


def test_a_row_wanted_again_leaves_alone_and_later() -> None:
    """Its neighbours do not wait for it."""
    again = Outcome(verdict=Verdict.RETRY, status=200, code="RETRYABLE_ERROR", wait_seconds=9.0)
    batch = batch_of(2)
    after = weigh(batch, [FINE, again], "1", 50.0, 0)
    assert len(after.ended) == 1
    assert [[entry.not_before for entry in group] for group in after.again] == [[59.0]]

"""What an answer means for each row of a batch."""

import functools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.engine.rows import row

from segue.engine import search
from segue.engine.aftermath import receipt, weigh
from segue.engine.batch import Batch, Batcher, Search
from segue.engine.travel import Travel
from segue.model.delivery import Outcome, Verdict

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


def test_what_an_answer_says_of_nobody_is_kept_with_all_it_came_with() -> None:
    """The row that died has its own words, and those beside the yes are in one line."""
    beside = replace(FINE, message="something\nis off")
    refused = Outcome(verdict=Verdict.REJECTED, status=400, code="BAD_REQUEST", message="bad name")
    after = weigh(batch_of(3), [beside, refused, FINE], "7", 0.0, 1000)
    assert [receipt(each, "7", 1000).notes for each in after.ended] == [("SAID: something is off",), (), ()]


def test_trouble_of_the_partner_sends_the_same_rows_again_together() -> None:
    """A 503 burns no attempt: the rows stay one request and the destination holds."""
    trouble = Outcome(verdict=Verdict.HOLD, status=503, code="SERVICE_UNAVAILABLE")
    batch = batch_of(3)
    for _ in range(100):
        after = weigh(batch, [trouble] * 3, "1", 0.0, 1000)
        assert after.trouble is trouble
        assert [len(group) for group, _ in after.again] == [3]
        assert not after.ended
    [tried] = batch.waiting[0].attempts
    assert (tried.times, tried.code, tried.last_request) == (100, "SERVICE_UNAVAILABLE", "1")


def test_the_whole_history_of_a_row_is_kept_in_bounded_space() -> None:
    """Tries that end alike are one entry; of answers that alternate for ever, the first and the last stay."""
    batch = batch_of(1)
    for number in range(200):
        status = 503 if number % 2 else 502
        trouble = Outcome(verdict=Verdict.HOLD, status=status, code=str(status))
        weigh(batch, [trouble], str(number + 1), 0.0, number)
    tried = batch.waiting[0].attempts
    assert len(tried) == 50
    assert [each.request for each in (*tried[:10], tried[-1])] == [*map(str, range(1, 11)), "200"]
    refused = Outcome(verdict=Verdict.REJECTED, status=400, code="BAD_REQUEST", message="no")
    [ended] = weigh(batch, [refused], "201", 0.0, 300).ended
    assert ended.entry.attempts[-1].message == "no"
    assert receipt(ended, "201", 300).attempts == 50


def send_until_settled(
    size: int, chosen: set[int], trouble: random.Random | None = None
) -> tuple[list[int], list[int], int]:
    """Send a batch to a partner that refuses whatever holds a chosen row; (dead, delivered, requests)."""
    batcher = Batcher()
    on_the_way = [batch_of(size, batcher)]
    dead: list[int] = []
    delivered: list[int] = []
    requests = 0
    while on_the_way:
        batch = on_the_way.pop(0)
        if trouble is not None and trouble.random() < 0.3:
            outcome = Outcome(verdict=Verdict.HOLD, status=503, code="SERVICE_UNAVAILABLE")
        elif any(each.offset in chosen for each in batch.rows):
            requests += 1
            verdict = Verdict.BATCH_REJECTED if len(batch.rows) > 1 else Verdict.REJECTED
            outcome = Outcome(verdict=verdict, status=400, code="BAD_REQUEST", message="no")
        else:
            requests += 1
            outcome = FINE
        after = weigh(batch, [outcome] * len(batch.rows), str(requests), 0.0, 0)
        for ended in after.ended:
            (dead if ended.reason else delivered).append(ended.entry.row.offset)
            batcher.settle(ended.entry)
        batcher.put_back(batch, after.again)
        on_the_way += batcher.due(0.0, 100)
    assert batcher.rows == 0
    assert batcher.in_flight == 0
    return dead, delivered, requests


@given(st.data())
def test_a_refused_batch_loses_only_its_culprits_in_few_requests(data: st.DataObject) -> None:
    """Exactly the culprits die, everybody else is delivered once, and the bound of the module holds."""
    size = data.draw(st.integers(2, 75))
    chosen = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=size))
    dead, delivered, requests = send_until_settled(size, chosen)
    assert sorted(dead) == sorted(chosen)
    assert sorted(delivered) == sorted(set(range(size)) - chosen)
    assert requests - 1 <= len(chosen) * math.ceil(math.log2(size)) + 1 + (len(chosen) > 1) * excess(size)


@functools.cache
def excess(size: int) -> int:
    """By how many requests more than k * ceil(log2 n) + 1 the search of n rows may be over, whatever the k
    culprits and wherever they are: the worst that an adversary who answers it can do."""
    probes = math.ceil(math.log2(size))

    @functools.cache
    def worst(probe: int, rest: int, unknown: int, found: int, is_sure: bool) -> int:
        held = Search(rest=[_ROW] * rest, unknown=[_ROW] * unknown, refusal=_REFUSAL, size=size, found=found)
        if probe == 1:
            refused = after(search.passed(held, found=True)) - probes
        else:
            refused = after(search.refused([_ROW] * probe, held, _REFUSAL), is_narrowed=True)
        if is_sure:  # the last suspect
            return 1 + refused
        return 1 + max(refused, after(search.passed(held, found=False), is_narrowed=bool(rest)))

    def after(step: search.Step, *, is_narrowed: bool = False) -> int:
        less = probes if step.convicted else 0
        if not step.probe or step.search is None:
            return -less
        held = step.search
        is_sure = is_narrowed and not less and not held.rest
        return worst(len(step.probe), len(held.rest), len(held.unknown), min(held.found, 2), is_sure) - less

    cut = 1 << probes - 1
    for rows in range(1, size):  # the small ones first, so that nothing recurs deeply
        worst(min(rows, cut), 0, max(0, rows - cut), 2, False)
    return max(0, after(search.refused([_ROW] * size, None, _REFUSAL), is_narrowed=True) - 1)


_REFUSAL = Outcome(verdict=Verdict.BATCH_REJECTED, status=400, code="BAD_REQUEST", message="no")
_ROW = batch_of(1).waiting[0]


def test_the_bound_holds_for_every_size_against_an_adversary() -> None:
    """A full batch keeps k * ceil(log2 n) + 1 for every k; no size exceeds it by more than two."""
    found = {size: excess(size) for size in range(2, 76)}
    assert max(found.values()) == 2
    assert [size for size in range(65, 76) if found[size]] == []
    over = {*(4, 7, 8), *range(13, 17), *range(25, 33), *range(49, 65)}
    assert {size for size, more in found.items() if more} == over


@pytest.mark.parametrize("culprits", [1, 2, 3, 5, 10, 74])
def test_a_full_batch_keeps_the_bound_for_any_number_of_culprits(culprits: int) -> None:
    """75 rows, seeded places: at most k * 7 + 1 further requests."""
    chance = random.Random(culprits)
    for _ in range(20):
        chosen = set(chance.sample(range(75), culprits))
        dead, _, requests = send_until_settled(75, chosen)
        assert set(dead) == chosen
        assert requests - 1 <= culprits * 7 + 1


def test_one_culprit_anywhere_keeps_the_bound() -> None:
    """Every place of a single culprit, exhaustively."""
    for size in (2, 3, 5, 8, 31, 50, 64, 65, 75):
        for place in range(size):
            dead, delivered, requests = send_until_settled(size, {place})
            assert dead == [place]
            assert len(delivered) == size - 1
            assert requests - 1 <= math.ceil(math.log2(size)) + 1


def test_nobody_is_convicted_for_a_suspect_that_stayed_behind() -> None:
    """A probe whose row turned out to have nothing to send, or less to send, says nothing of the others: they
    are asked themselves, and who is innocent is delivered."""
    refused = Outcome(verdict=Verdict.BATCH_REJECTED, status=400, code="BAD_REQUEST")
    batch = batch_of(3)
    [(probe, held)] = weigh(batch, [refused] * 3, "1", 0.0, 1000).again
    assert held is not None
    batch = Batch(2, TRAVEL, probe, 1, held)
    [(probe, held)] = (
        weigh(batch, [refused] * len(probe), "2", 0.0, 1000).again if len(probe) > 1 else [(probe, held)]
    )
    assert held is not None
    assert held.rest
    for left in ([], probe):
        after = weigh(
            Batch(3, TRAVEL, left, 2, replace(held, is_loose=True)), [FINE] * len(left), "3", 0.0, 1000
        )
        assert [each.reason for each in after.ended] == [""] * len(left)
        [(others, search_on)] = after.again
        assert others == [*held.rest, *held.unknown]
        assert search_on is not None
        assert not search_on.is_loose


def test_an_outage_in_the_middle_of_a_search_changes_nothing() -> None:
    """A probe that meets a 503 leaves again as the same probe."""
    for seed in range(30):
        dead, delivered, _ = send_until_settled(75, {3, 40, 41}, random.Random(seed))
        assert sorted(dead) == [3, 40, 41]
        assert len(delivered) == 72


def test_a_batch_refused_for_its_size_alone_kills_nobody() -> None:
    """All parts pass: the last suspect is sent alone before anybody is convicted."""
    batcher = Batcher()
    on_the_way = [batch_of(75, batcher)]
    while on_the_way:
        batch = on_the_way.pop(0)
        too_many = Outcome(verdict=Verdict.BATCH_REJECTED, status=413, code="PAYLOAD_TOO_LARGE")
        after = weigh(batch, [too_many if len(batch.rows) > 50 else FINE] * len(batch.rows), "1", 0.0, 0)
        for ended in after.ended:
            assert not ended.reason
            batcher.settle(ended.entry)
        batcher.put_back(batch, after.again)
        on_the_way += batcher.due(0.0, 100)
    assert batcher.rows == 0


def test_a_row_wanted_again_leaves_alone_and_later() -> None:
    """Its neighbours do not wait for it."""
    again = Outcome(verdict=Verdict.RETRY, status=200, code="RETRYABLE_ERROR", wait_seconds=9.0)
    batch = batch_of(2)
    after = weigh(batch, [FINE, again], "1", 50.0, 0)
    assert len(after.ended) == 1
    assert [[entry.not_before for entry in group] for group, _ in after.again] == [[59.0]]

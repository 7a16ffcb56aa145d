"""What becomes of a row after a try, and of a destination whose partner has trouble."""

import pytest

from segue.engine.retry import FREE, MAX_ATTEMPTS, Dead, Done, Halve, Later, Wait, decide, wait_seconds
from segue.model.delivery import Outcome, Verdict


@pytest.mark.parametrize(
    ("verdict", "decision"),
    [
        (Verdict.DELIVERED, Done),
        (Verdict.REJECTED, Dead),
        (Verdict.BATCH_REJECTED, Halve),
        (Verdict.RETRY, Later),
        (Verdict.HOLD, Wait),
    ],
)
def test_each_verdict_has_its_decision(verdict: Verdict, decision: type) -> None:
    """The table of the module, row by row."""
    assert isinstance(decide(Outcome(verdict=verdict, code="X"), 1, 0.0, "seed"), decision)


def test_a_row_the_partner_wants_again_is_tried_ten_times() -> None:
    """The tenth retry that fails is the end, with the partner's code and words."""
    outcome = Outcome(verdict=Verdict.RETRY, code="RETRYABLE_ERROR", message="busy")
    assert isinstance(decide(outcome, MAX_ATTEMPTS - 1, 0.0, "seed"), Later)
    dead = decide(outcome, MAX_ATTEMPTS, 0.0, "seed")
    assert isinstance(dead, Dead)
    assert dead.reason == "RETRYABLE_ERROR"
    assert "busy" in dead.message


def test_waits_double_up_to_a_bound_and_depend_only_on_the_seed() -> None:
    """The same row always waits the same; two rows rarely do."""
    waits = [wait_seconds(attempt, "a", 900.0) for attempt in range(1, 20)]
    assert waits == [wait_seconds(attempt, "a", 900.0) for attempt in range(1, 20)]
    assert all(2.0 ** (n - 1) / 2 <= wait <= 2.0 ** (n - 1) for n, wait in enumerate(waits[:9], 1))
    assert max(waits) <= 900.0
    assert len({wait_seconds(5, seed, 900.0) for seed in "abcdefgh"}) > 4


def test_the_wait_the_partner_asks_for_is_kept() -> None:
    """A rate limit that says 17 seconds gets 17 seconds, not a guess."""
    outcome = Outcome(verdict=Verdict.HOLD, status=429, code="TOO_MANY_REQUESTS", wait_seconds=17.0)
    assert FREE.after_trouble(outcome, 100.0, "seed").until == 117.0


def test_a_held_destination_sends_one_probe_when_its_time_has_come() -> None:
    """Before the time nothing leaves, after it one request at a time."""
    hold = FREE.after_trouble(
        Outcome(verdict=Verdict.HOLD, status=503, code="SERVICE_UNAVAILABLE"), 100.0, "s"
    )
    assert hold.is_held
    assert not hold.allows(hold.until - 0.01, 0)
    assert hold.allows(hold.until, 0)
    assert not hold.allows(hold.until, 1)
    ramp = hold.after_success()
    assert not ramp.is_held
    assert ramp.allows(0.0, 1)
    assert not ramp.allows(0.0, 2)


def test_after_a_hold_twice_as_many_leave_after_each_success() -> None:
    """From two on, until there is no bound any more; trouble in between holds again."""
    outcome = Outcome(verdict=Verdict.HOLD, status=503)
    ramp = FREE.after_trouble(outcome, 100.0, "s").after_success()
    bounds = []
    while ramp is not FREE:
        bounds.append(ramp.most)
        ramp = ramp.after_success()
    assert bounds == [2, 4, 8, 16, 32, 64]
    assert FREE.after_success() is FREE
    assert FREE.after_trouble(outcome, 100.0, "s").after_success().after_trouble(outcome, 101.0, "s").is_held


def test_requests_that_were_on_the_way_together_count_as_one_failure() -> None:
    """Sixteen requests that hit the same outage do not make the hold sixteen times longer."""
    outcome = Outcome(verdict=Verdict.HOLD, status=503, code="SERVICE_UNAVAILABLE")
    hold = FREE.after_trouble(outcome, 100.0, "s")
    for _ in range(15):
        hold = hold.after_trouble(outcome, 100.01, "s")
    assert hold.failures == 1
    assert hold.after_trouble(outcome, hold.until, "s").failures == 2


def test_a_long_outage_is_probed_at_least_every_minute() -> None:
    """However long it lasts, recovery is noticed within a minute."""
    hold, now = FREE, 0.0
    for _ in range(100):
        hold = hold.after_trouble(Outcome(verdict=Verdict.HOLD, code="ETIMEDOUT"), now, "s")
        assert hold.until - now <= 60.0
        now = hold.until
    assert hold.since == 0.0 or hold.since < now

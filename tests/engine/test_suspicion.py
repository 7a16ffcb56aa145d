"""Who is to blame for trouble: the partner, or one request that alone keeps failing."""

from random import Random

from tests.engine.rows import row

from segue.engine.line import Waiting
from segue.engine.suspicion import LONELY, NEIGHBOURS, PROBES, Suspicion
from segue.engine.travel import Travel
from segue.model.delivery import Outcome, Verdict

DOWN = Outcome(verdict=Verdict.HOLD, status=500, code="INTERNAL_SERVER_ERROR")


def entries(first: int, count: int) -> list[Waiting]:
    return [
        Waiting(row=row(offset), travel=Travel("track"), people=(), since=0.0, number=offset)
        for offset in range(first, first + count)
    ]


def test_a_request_that_fails_while_its_neighbours_pass_is_cut_down_to_the_culprit() -> None:
    """Each time in two, and the one row left is tried alone."""
    suspicion, suspects, others, cuts = Suspicion(), entries(0, 75), entries(100, 1), 0
    assert suspicion.judge(suspects, DOWN, sent=True) == "hold"
    while len(suspects) > 1:
        for _ in range(NEIGHBOURS):
            suspicion.passed(others)
        assert suspicion.judge(suspects, DOWN, sent=True) == "halve"
        suspects = suspects[: (len(suspects) + 1) // 2]
        cuts += 1
    assert cuts == 7
    for _ in range(NEIGHBOURS):
        suspicion.passed(others)
    assert suspicion.judge(suspects, DOWN, sent=True) == "alone"


def test_a_partner_that_is_down_is_never_mistaken_for_a_bad_request() -> None:
    """Three days of probes, whoever is sent: nobody is blamed, nobody's attempts are counted."""
    suspicion, groups = Suspicion(), [entries(10 * index, 1) for index in range(16)]
    for _ in range(5):
        suspicion.passed(entries(999, 1))
    for probe in range(5000):
        assert suspicion.judge(groups[probe % 16], DOWN, sent=True) == "hold"
    assert all(entry.retries == 0 for group in groups for entry in group)


def test_a_partner_that_fails_half_of_what_it_is_asked_blames_nearly_nobody() -> None:
    """Ten failures alone would be needed for a dead letter; a row passes long before."""
    chance, suspicion, worst = Random(7), Suspicion(), 0
    for _ in range(2000):
        [mine], alone = entries(0, 1), 0
        while chance.random() < 0.5:
            alone += suspicion.judge([mine], DOWN, sent=True) == "alone"
            for _ in range(6):
                other = entries(500, 1)
                if chance.random() < 0.5:
                    suspicion.judge(other, DOWN, sent=True)
                else:
                    suspicion.passed(other)
        suspicion.passed([mine])
        worst = max(worst, alone)
    assert worst <= 4


def test_the_same_rows_failing_probe_after_probe_are_cut_without_blame() -> None:
    """When there is nobody else to tell a bad request from a bad partner by."""
    suspicion, suspects = Suspicion(), entries(0, 4)
    for _ in range(PROBES):
        assert suspicion.judge(suspects, DOWN, sent=True) == "hold"
    assert suspicion.judge(suspects, DOWN, sent=True) == "hold-halved"
    one = suspects[:1]
    assert {suspicion.judge(one, DOWN, sent=True) for _ in range(50)} == {"hold"}


def test_answers_about_credentials_or_pace_blame_nobody() -> None:
    """401, 429 and what never left say nothing about the rows."""
    suspicion, suspects, others = Suspicion(), entries(0, 2), entries(9, 1)
    for status, sent in ((401, True), (403, True), (429, True), (307, True), (0, False)):
        for _ in range(5):
            for _ in range(NEIGHBOURS):
                suspicion.passed(others)
            outcome = Outcome(verdict=Verdict.HOLD, status=status)
            assert suspicion.judge(suspects, outcome, sent=sent) == "hold"


def test_a_row_that_came_later_is_not_taken_for_one_that_is_gone() -> None:
    """Though it lies where that lay in memory: two have failed, so the partner has trouble."""
    suspicion, gone = Suspicion(), entries(0, 1)
    suspicion.judge(gone, DOWN, sent=True)
    place = id(gone[0])
    del gone
    later = entries(1, 1)
    for number in range(2, 100):
        if id(later[0]) == place:
            break
        later = entries(number, 1)
    for _ in range(LONELY):
        suspicion.judge(later, DOWN, sent=True)
    assert not suspicion.wants_witness(later)

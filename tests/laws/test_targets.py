"""The verdict of a benchmark's run: each target that was measured is held against its limit."""

import pytest
from bench.__main__ import BENCHES
from bench.targets import TARGETS, judged

FIGURES = {
    "routing": {"ratio_200_to_1": 1.2},
    "mapping": {"track_batch_ratio": 9.9, "identify_batch_ratio": 10.0},
    "whole": {"one_process_batch_times_bare": 1.4, "two_processes_batch_times_bare": 2.7},
    "backlog": {"us_per_event_10000": 100.0, "us_per_event_100000": 149.0},
}


def test_each_target_that_was_measured_is_judged() -> None:
    """A floor by the least, a limit by the most; of several layouts and sizes the worst counts."""
    verdict = judged(FIGURES)
    assert verdict is not None
    [table] = verdict.tables
    assert {(row[0], row[1], row[3]) for row in table.rows} == {
        ("identify in batches against npm", 10.0, "met"),
        ("track in batches against npm", 9.9, "NOT MET"),
        ("end to end in batches against a bare pair", 2.7, "NOT MET"),
        ("an event of the largest backlog against the smallest", 1.49, "met"),
        ("200 subscriptions against one", 1.2, "met"),
    }


def test_nothing_is_said_of_what_was_not_measured() -> None:
    """`bench packing` alone has no target."""
    assert judged({"packing": {"requests_per_1000_events_person": 35.0}}) is None


@pytest.mark.parametrize("bench", sorted({target.bench for target in TARGETS}))
def test_each_target_belongs_to_a_bench_that_runs_by_itself(bench: str) -> None:
    """One that must be asked for, or is not there any more, would never be judged."""
    assert bench in BENCHES

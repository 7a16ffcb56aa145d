"""Fifty times SIGKILL under load: nothing acknowledged is lost, and what came twice was uncertain."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.journeys.campaign import Campaign
from tests.journeys.house import Braze
from tests.journeys.nursery import Nursery

SECONDS = 600


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One for all campaigns."""
    with Nursery() as nursery:
        yield nursery


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(("kills", "is_split"), [(35, True), (15, False)], ids=["roles apart", "in one"])
def test_no_acknowledged_event_is_lost_however_often_processes_are_killed(
    kills: int,
    is_split: bool,
    tmp_path: Path,
    braze: Braze,
    nursery: Nursery,
    record_property: Callable[[str, object], None],
) -> None:
    """Receiver and couriers die at moments chosen by a seed while clients send. Every acknowledged event,
    purchase and attribute is in Braze or a dead letter, each person's in order; only rows reported as
    uncertain came twice, and none of the destination that holds them; the books add up at every look."""
    report = Campaign(tmp_path / "segue", braze, nursery, seed=20261126, is_split=is_split).run(kills)
    record_property("campaign", report.line())
    print(report.line())
    assert report.faults == []
    assert report.acknowledged >= 5 * kills

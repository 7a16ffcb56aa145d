"""Figures in docs/explain/guarantees.md and the guides are those of the code."""

import re

import pytest
from tests.laws.house import DOCS, ROOT

from segue.engine import erasure, intake
from segue.io.storage import refusals, seen
from segue.model.workspace import Delivery, Ingest
from segue.runtime import doorkeeper, eraser, room

WINDOW_HOURS = Delivery().dedupe_hours
TABLES = round(Ingest().retention_hours / WINDOW_HOURS * seen.BUCKETS_IN_WINDOW)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("explain/guarantees", f"pauses at {room.MOST_ROWS:,} waiting rows"),
        ("explain/guarantees", f"at {room.MOST_ROWS // 4:,} while the destination is held"),
        ("explain/guarantees", f"the {room.ROOM_BYTES >> 20} MiB a process gives to all of them"),
        ("explain/guarantees", f"delivered once in {WINDOW_HOURS} hours"),
        ("explain/guarantees", f"whole retention, {TABLES} for seven days"),
        ("explain/guarantees", f"their first {intake.SAMPLE_BYTES:,} bytes"),
        ("explain/guarantees", f"at most {doorkeeper.UNWRITTEN} of a half second"),
        (
            "explain/guarantees",
            f"the newest {refusals.KEPT_EACH:,}, in all the newest {refusals.KEPT_IN_ALL:,}",
        ),
        ("explain/guarantees", f"kept per day for {refusals.COUNTED_DAYS} days"),
        ("guides/deletion", f"at most {erasure.PEOPLE_MOST:,} in a call"),
        ("guides/deletion", f"the last {eraser.MOST_KEPT} calls are kept"),
        ("guides/deletion", f"more than {eraser.MOST_ROWS:,} deletions are under way"),
    ],
)
def test_a_figure_is_that_of_the_code(page: str, said: str) -> None:
    """Whoever changes the one is told of the other."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert said in re.sub(r"\s+", " ", text)


def test_as_many_worlds_are_played_as_is_said() -> None:
    """In the suite and by make soak."""
    simulation = (ROOT / "tests/journeys/simulation/test_simulation.py").read_text(encoding="utf-8")
    assert 'USUAL: Final = "160-2000"' in simulation  # the first are played by a test of their own
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert ("SOAK_SEEDS ?= 10000-15000" in makefile, "SOAK_KILLS ?= 1000" in makefile) == (True, True)

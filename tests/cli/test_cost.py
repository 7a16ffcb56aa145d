"""`segue cost`: what was spent, saved and is to come, for people and for machines."""

from datetime import date
from pathlib import Path

import pytest
from tests.cli.house import segue, workspace


def test_the_ledger_is_printed_with_a_chart_and_a_forecast(furnished: Path) -> None:
    """What the events of the fixture cost: two attributes and an event, in two requests."""
    ran = segue("cost", folder=furnished)
    assert ran.code == 0, ran.err
    assert "braze" in ran.out
    [found] = segue("cost", "--json", folder=furnished).json
    (day,) = map(date.fromisoformat, found["days"])  # when the fixture was made, perhaps before midnight
    assert f"{day:%B %Y}, contract counts points" in ran.out
    lines = {line.split()[0]: line.split() for line in ran.out.splitlines() if line.strip()}
    assert lines["email"][1:3] == ["1", "0"]
    assert lines["plan"][1:3] == ["1", "0"]
    assert f"{day:%d %b}" in ran.out
    assert "█" in ran.out


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("attribute", {"(events and purchases)", "email", "plan"}),
        ("event", {"Article Read", "identify"}),
        ("source", {"web"}),
        ("day", set()),
    ],
)
def test_it_is_broken_down_as_asked(furnished: Path, by: str, names: set[str]) -> None:
    """The parts make the whole."""
    [found] = segue("cost", "--json", "--by", by, folder=furnished).json
    groups = {group["name"]: group for group in found["groups"]}
    assert (names or found["days"].keys()) <= groups.keys()
    assert sum(group["points"] for group in groups.values()) == found["total"]["points"]
    assert sum(group["share"] for group in groups.values()) == pytest.approx(1, abs=0.001)
    assert found["total"]["requests"] == pytest.approx(round(found["total"]["requests"]))


def test_a_budget_of_the_workspace_is_held_against_it(lived_in: Path) -> None:
    """The limit of the contract, and how each cap stands."""
    text = (lived_in / "segue.yaml").read_text("utf-8")
    budget = (
        "    budget:\n      monthly_limit: 10\n      caps:\n"
        "        - {limit: 1, event: identify, policy: hold}\n        - {limit: 500, per: day}\n"
    )
    (lived_in / "segue.yaml").write_text(text + budget, "utf-8")
    ran = segue("cost", folder=lived_in)
    assert "of 10 points are spent" in ran.out
    assert 'cap 1 points a month on "identify", then hold: 200% spent' in ran.out
    assert "cap 500 points a day, then warn" in ran.out
    [found] = segue("cost", "--json", folder=lived_in).json
    assert next((cap["limit"], cap["policy"], cap["spent"]) for cap in found["caps"]) == (1, "hold", 2.0)


def test_a_month_without_anything_says_so(tmp_path: Path) -> None:
    """Before the first event, and for a month long past."""
    workspace(tmp_path)
    assert "nothing was spent" in segue("cost", folder=tmp_path).out
    assert "January 2020" in segue("cost", "--month", "2020-01", folder=tmp_path).out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--month", "lately"), "expected a month such as 2026-11"),
        (("-d", "amplitude"), "there is: braze"),
    ],
)
def test_what_cannot_be_asked_is_explained(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """Exit code 2, and what to write instead."""
    workspace(tmp_path)
    ran = segue("cost", *options, folder=tmp_path)
    assert ran.code == 2
    assert words in " ".join(ran.err.split())

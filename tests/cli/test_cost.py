"""`segue cost`: what was spent, saved and is to come, for people and for machines."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.cli.house import segue, workspace

from segue.runtime.clock import HandClock


@pytest.fixture
def settled_ms(furnished: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """When the events of the fixture were settled; by the clock of `segue cost` it is that moment, though
    the last midnight of a month has passed since."""
    [told] = json.loads(segue("trace", "tr-1", "--json", folder=furnished).out)["events"]
    at_ms: int = told["destinations"][0]["receipts"][0]["settled_ms"]
    monkeypatch.setattr("segue.cli.cost.SystemClock", lambda: HandClock(at_ms))
    return at_ms


@pytest.mark.usefixtures("settled_ms")
def test_the_ledger_is_printed_with_a_chart_and_a_forecast(furnished: Path) -> None:
    """What the events of the fixture cost: two attributes and an event, in two requests."""
    ran = segue("cost", folder=furnished)
    assert ran.code == 0, ran.err
    assert "braze" in ran.out
    [found] = segue("cost", "--json", folder=furnished).json
    day = min(map(date.fromisoformat, found["days"]))  # the fixture may have been made across a midnight
    assert f"{day:%B %Y}, contract counts points" in ran.out
    lines = {line.split()[0]: line.split() for line in ran.out.splitlines() if line.strip()}
    assert lines["email"][1:3] == ["1", "0"]
    assert lines["plan"][1:] == ["1", "0", "33.3%"]
    assert lines["attribute"] == ["attribute", "points", "saved", "share", "of", "points"]
    assert f"{day:%d %b}" in ran.out
    assert "█" in ran.out


@pytest.mark.usefixtures("settled_ms")
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


@pytest.mark.usefixtures("settled_ms")
def test_a_contract_of_requests_shares_them_among_events(lived_in: Path) -> None:
    """Attributes are no part of a request: their lines share the points whatever the contract counts."""
    text = (lived_in / "segue.yaml").read_text("utf-8")
    (lived_in / "segue.yaml").write_text(
        text + "    budget: {contract: requests, monthly_limit: 8}\n", "utf-8"
    )
    ran = segue("cost", "--by", "event", folder=lived_in)
    assert "contract counts requests" in ran.out
    assert "of 8 requests are spent" in ran.out
    assert "share of requests" in ran.out
    [found] = segue("cost", "--json", folder=lived_in).json
    assert {group["name"]: group["share"] for group in found["groups"]}["plan"] == pytest.approx(
        1 / 3, abs=1e-3
    )
    assert sum(group["share"] for group in found["groups"]) == pytest.approx(1, abs=0.001)


def test_last_month_is_told_when_it_is_asked_for(
    furnished: Path, settled_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second after its last midnight this month is empty, and what was spent is that month's for good."""
    when = datetime.fromtimestamp(settled_ms / 1000, UTC)
    year, month = when.year + when.month // 12, when.month % 12 + 1
    midnight = datetime(year, month, 1, tzinfo=UTC)
    monkeypatch.setattr(
        "segue.cli.cost.SystemClock", lambda: HandClock(round(midnight.timestamp() * 1000) + 1)
    )
    assert "nothing was spent in this month yet" in segue("cost", folder=furnished).out
    [found] = segue("cost", "--json", "--month", f"{when:%Y-%m}", folder=furnished).json
    assert found["total"]["points"] == 3
    assert {found["forecast"]["points"][name] for name in ("spent", "expected", "low", "high")} == {3}


@pytest.mark.usefixtures("settled_ms")
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
    past = segue("cost", "--month", "2020-01", folder=lived_in)
    assert (past.code, "cap " in past.out) == (0, False)
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
        (("--month", "2999-01"), "2999-01 has not begun; this month is 20"),
        (("-d", "amplitude"), "there is: braze"),
    ],
)
def test_what_cannot_be_asked_is_explained(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """Exit code 2, and what to write instead."""
    workspace(tmp_path)
    ran = segue("cost", *options, folder=tmp_path)
    assert ran.code == 2
    assert words in " ".join(ran.err.split())

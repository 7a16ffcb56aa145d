"""The cost ledger adds up, a flood of names cannot fill it, and forecasts are what the last weeks say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.engine.rows import row

from segue.engine.cost import MOST_NAMES, OTHER, Costs, forecast
from segue.engine.points import Spending
from segue.model.cost import MILLION, Cost, CostKey
from segue.model.delivery import Row


def a_row(number: int, *, objects: int = 1, **fields: str) -> Row:
    """A row of some event."""
    return replace(row(number, items=objects), **fields)


def test_each_point_is_noted_under_what_it_was_spent_on() -> None:
    """An event under its name, attributes under theirs, what was saved beside what was spent."""
    costs = Costs("web")
    costs.took(a_row(1, kind="track", event="Viewed", subscription="track"), 1, 100)
    costs.took(a_row(2, kind="track", event="Viewed", subscription="track"), 1, 101)
    identify = a_row(3, kind="identify", event="", subscription="profile")
    assert costs.attributes(Spending(identify, {"plan": 1, "cart": 4}, {"email": 1}), 100) == 5
    assert costs.entries() == {
        CostKey(100, "web", "track", "Viewed", ""): Cost(points=1),
        CostKey(101, "web", "track", "Viewed", ""): Cost(points=1),
        CostKey(100, "web", "profile", "identify", "plan"): Cost(points=1),
        CostKey(100, "web", "profile", "identify", "cart"): Cost(points=4),
        CostKey(100, "web", "profile", "identify", "email"): Cost(points_saved=1),
    }


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=80), folded=st.integers(0, 10))
def test_a_request_is_shared_out_whole(sizes: list[int], folded: int) -> None:
    """Whatever rows were in it, their parts make one request, and their objects those that were carried."""
    rows = [a_row(number, objects=size) for number, size in enumerate(sizes)]
    carried = max(1, sum(sizes) - folded)
    costs = Costs("web")
    costs.request(rows, carried, 1)
    made = costs.entries().values()
    assert sum(cost.micro_requests for cost in made) == MILLION
    assert sum(cost.objects for cost in made) == carried
    assert sum(cost.objects_saved for cost in made) == sum(sizes) - carried


def test_what_comes_during_a_checkpoint_stays_for_the_next() -> None:
    """And nothing is counted twice."""
    costs = Costs("web")
    row = a_row(1, kind="track", event="Viewed")
    costs.took(row, 1, 1)
    entries = costs.entries()
    costs.took(row, 2, 1)
    costs.written(entries)
    assert [cost.points for cost in costs.entries().values()] == [2]
    costs.written(costs.entries())
    assert costs.entries() == {}


def test_names_made_up_by_a_sender_are_summed_beyond_a_bound() -> None:
    """Nothing is left out of the sums, over checkpoints too."""
    costs = Costs("web")
    entries: dict[CostKey, Cost] = {}
    for number in range(MOST_NAMES + 500):
        costs.took(a_row(number, kind="track", event=f"Event {number}"), 1, 1)
        if number % 1000 == 0:
            for key, cost in (found := costs.entries()).items():
                entries.setdefault(key, Cost()).add(cost)
            costs.written(found)
    for key, cost in costs.entries().items():
        entries.setdefault(key, Cost()).add(cost)
    assert len(entries) == MOST_NAMES + 1
    assert sum(cost.points for cost in entries.values()) == MOST_NAMES + 500
    assert next(cost for key, cost in entries.items() if key.event == OTHER).points == 500


def test_a_steady_month_goes_on_steadily() -> None:
    """Ten full days of 100, none of today yet: 30 days make 3,000, and there is no doubt about it."""
    found = forecast(dict.fromkeys(range(100, 110), 100.0), 100, 110.0, 129)
    assert (found.spent, found.expected, found.low, found.high) == (1000, 3000, 3000, 3000)


def test_weekends_are_expected_to_be_weekends() -> None:
    """Two weeks and more with quiet sixth and seventh days: so are those to come."""
    amounts = {day: 10.0 if day % 7 in (5, 6) else 100.0 for day in range(70, 91)}
    found = forecast(amounts, 84, 91.0, 97)
    assert found.expected == pytest.approx(2 * (5 * 100 + 2 * 10))


def test_the_first_day_goes_on_at_its_pace() -> None:
    """Half a day spent 50; the other half and nine more days are expected to be alike, with wide margins."""
    found = forecast({100: 50.0}, 100, 100.5, 109)
    assert found.expected == pytest.approx(1000)
    assert found.low == 50
    assert found.high > 1500


def test_a_month_that_is_over_ended_where_it_ended() -> None:
    """Nothing of what came after it counts."""
    found = forecast({100: 5.0, 130: 99.0}, 100, 140.2, 129)
    assert (found.spent, found.expected, found.low, found.high) == (5, 5, 5, 5)


@given(
    by_day=st.dictionaries(st.integers(60, 130), st.floats(0, 1e9), max_size=40),
    now=st.floats(100, 131),
)
def test_a_forecast_is_never_below_what_is_spent(by_day: dict[int, float], now: float) -> None:
    """And its bounds are in order."""
    past = {day: amount for day, amount in by_day.items() if day <= now}
    found = forecast(past, 100, now, 129)
    assert found.spent <= found.expected + 1e-3
    assert found.low <= found.expected + 1e-3
    assert found.expected <= found.high + 1e-3

"""The debounce table holds together: every documented variant gives the answers the table says.

The implementations run it too: React Native's own and ours in tests/mobile, the server's and the browser's
where those live.
"""

import pytest
from tests.conformance.debounce import Case, cases, table
from tests.conformance.debounce_variants import VARIANTS

EVERY = [pytest.param(name, case, id=f"{name}: {case.name}") for name in VARIANTS for case in cases(name)]


def test_every_variant_of_the_table_is_described_and_played() -> None:
    """A variant that is only described, or only played, is a hole in the table."""
    assert set(table()["variants"]) == set(VARIANTS)
    for case in table()["cases"]:
        assert set(case["sends"]) <= {*VARIANTS, "every"}
        for sends in case["sends"].values():
            assert sends is None or len(sends) == len(case["events"]), case["name"]
        for flags in case.get("flags", {}).values():
            assert len(flags) == len(case["events"]), case["name"]


@pytest.mark.parametrize(("name", "case"), EVERY)
def test_a_variant_decides_as_the_table_says(name: str, case: Case) -> None:
    """Each event in its turn, from an empty memory; and the flags it leaves behind."""
    variant = VARIANTS[name]()
    decided, flags = [], []
    for event in case.events:
        decided.append(variant.sees(event))
        flags.append(variant.integrations)
    assert decided == case.sends
    if case.flags is not None:
        assert flags == case.flags


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_first_identify_always_passes_and_a_memory_is_one_instances_own(name: str) -> None:
    """Nothing is held back by what another page view, process or destination saw."""
    event = {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "pro"}}
    assert VARIANTS[name]().sees(event)
    assert VARIANTS[name]().sees(event)

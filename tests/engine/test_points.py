"""The ledger's data points are those of Braze's own meter."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.attribute_history import REFUSED, Braze, conditional, mixed, timely

from segue.catalog.braze.attributes import SHAPE
from segue.engine.points import Meter

METER = Meter(SHAPE)


@settings(max_examples=500, deadline=None)
@given(st.one_of(timely, mixed, conditional))
def test_an_object_costs_what_the_meter_counts(attributes: dict[str, Any]) -> None:
    """Values of every kind, operations, nulls and what Braze drops in silence."""
    attributes = {
        name: value for name, value in attributes.items() if name not in (REFUSED, "_update_existing_only")
    }
    braze = Braze()
    braze.send([{"external_id": "u", **attributes}])
    assert METER.of_object({"external_id": "u", **attributes}) == braze.points
    assert sum(METER.by_attribute(attributes).values()) == braze.points

"""Every preset names a page, parses and fits it; that the published ones are as published is in
`test_published_fields`."""

import pytest
from tests.catalog.braze.pages import page

from segue.catalog.braze.destination import BRAZE
from segue.kit.partner import Preset
from segue.language import mapping as mappings
from segue.language import trigger as triggers

ALL = [(kind, preset) for kind, presets in BRAZE.presets.items() for preset in presets]


@pytest.mark.parametrize(("kind", "chosen"), ALL, ids=lambda value: getattr(value, "name", value))
def test_a_preset_names_a_page_parses_and_maps_only_its_fields(kind: str, chosen: Preset) -> None:
    """It has a trigger or a platform event."""
    assert set(chosen.mapping) <= set(page(chosen.action).fields)
    mappings.prepare(chosen.mapping)
    assert (chosen.trigger is None) == (chosen.event_slug is not None)
    if chosen.trigger is not None:
        assert not triggers.parse(chosen.trigger).warnings

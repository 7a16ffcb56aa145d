"""The harmless requests: Braze takes each, and nothing of anybody is different afterwards."""

import json
from typing import Any

import pytest
from tests.runtime.house import ADDRESS, KEY, Wire

from segue.catalog.braze.classic import BRAZE_CLASSIC
from segue.catalog.braze.destination import BRAZE
from segue.sandbox.app import create_app

SETTINGS = {"api_key": KEY, "endpoint": ADDRESS}
WITHOUT = {"upsert-catalog-item", "trigger-campaign", "trigger-canvas", "debounce"}
ASKED = [action.slug for action in BRAZE.actions if action.slug not in WITHOUT] + ["delete-users"]


def state(wire: Wire) -> Any:
    """Every profile there is, and who it is known as."""
    people = wire.sandbox.world.workspaces[KEY].people
    return sorted(str(person) for person in people.by_braze_id.values())


@pytest.mark.parametrize("slug", ASKED)
async def test_a_harmless_request_is_taken_and_changes_nothing(slug: str) -> None:
    """It goes where the action's rows go, and counts against the same limit."""
    wire = Wire(create_app(key=KEY))
    ada = {"external_id": "ada", "plan": "plus"}
    await wire.post("/users/track", {"attributes": [ada]})
    action, make = BRAZE.carried(slug), BRAZE.witness
    assert action is not None
    assert make is not None
    before = state(wire)
    request = make(SETTINGS, slug)
    assert request is not None
    assert request.pool == action.pool
    answer = await wire.send(request)
    assert 200 <= answer.status < 300
    body = json.loads(answer.body)
    assert (body["message"], body.get("errors"), body.get("deleted", 0)) == ("success", None, 0)
    assert state(wire) == before
    assert len(before) == 1


@pytest.mark.parametrize("slug", sorted(WITHOUT))
def test_where_every_write_does_something_there_is_none(slug: str) -> None:
    """A lone request of these waits for others to pass."""
    assert BRAZE.witness is not None
    assert BRAZE.witness(SETTINGS, slug) is None


def test_a_classic_destination_asks_at_its_own_address() -> None:
    """Its settings have other names."""
    assert BRAZE_CLASSIC.witness is not None
    request = BRAZE_CLASSIC.witness({"restCustomEndpoint": ADDRESS, "appGroupId": KEY}, "track")
    assert request is not None
    assert request.url == f"{ADDRESS}/users/track"
    assert request.headers["authorization"] == f"Bearer {KEY}"

"""Log-ins after which Braze keeps two profiles, or hands nothing over, and nobody tells: with
`merge_behavior: none`, and where the alias was given to somebody else by other means. Whole journeys into the
sandbox."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.journeys.simulation.subscriptions import LABEL, alias
from tests.runtime.house import Desk, bind, opened, records

from segue.engine.plan import BoundDestination
from segue.model.workspace import Delivery, Subscription

Attributes = Literal["all", "changed"]
both_ways = pytest.mark.parametrize("attributes", ["all", "changed"])


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as made:
        yield made


def logging_in(attributes: Attributes, merge_behavior: str) -> BoundDestination:
    """What visitors and people say of themselves, and log-ins."""
    traits = {"custom_attributes": {"@path": "$.traits"}, "_update_existing_only": False}
    person = {"external_id": {"@path": "$.userId"}}
    visitor = {"user_alias": alias("$.anonymousId")}
    return bind(
        (
            Subscription(
                id="log-in",
                action="identify-user",
                trigger='type = "identify" and userId != null and anonymousId != null',
                mapping={**person, **visitor, "merge_behavior": merge_behavior},
            ),
            Subscription(
                id="visitors",
                action="update-user-profile",
                trigger='type = "identify" and userId = null',
                mapping={**visitor, **traits},
            ),
            Subscription(
                id="people",
                action="update-user-profile",
                trigger='type = "identify" and userId != null',
                mapping={**person, **traits},
            ),
        ),
        delivery=Delivery(wait_seconds=0, attributes=attributes),
    )


class Town:
    """Who says what, each time to a courier of its own."""

    def __init__(self, desk: Desk, destination: BoundDestination) -> None:
        self._desk = desk
        self._destination = destination
        self._said = 0

    async def say(self, at: str, *, user: str = "", device: str = "", **traits: Any) -> None:
        """Somebody says this of themselves at a time of day, and it is delivered, or found to be old."""
        self._said += 1
        who = {"userId": user} if user else {}
        who |= {"anonymousId": device} if device else {}
        event = {"type": "identify", "messageId": f"m{self._said}", **who, "traits": traits}
        await self._desk.stream.append(records({**event, "timestamp": f"2026-09-01T{at}:00Z"}))
        courier = await self._desk.deliver(self._destination)
        assert courier.ledger.residual == courier.ledger.waiting == courier.ledger.total("dead") == 0
        assert courier.ledger.read == self._said

    def custom(self, user: str) -> Mapping[str, Any]:
        """What Braze has of a person."""
        found = self._desk.wire.sandbox.world.workspaces["sandbox"].people.by_external_id(user)
        return {} if found is None else found.custom


@both_ways
async def test_what_a_log_in_leaves_behind_is_said_again(desk: Desk, attributes: Attributes) -> None:
    """`none` hands nothing over, so what the visitor had is not the person's until they say it; then it
    travels, though it is what the visitor said. What is older than that does not come back."""
    town = Town(desk, logging_in(attributes, "none"))
    await town.say("09:00", user="ada", plan="silver")
    await town.say("10:00", device="phone", color="red", plan="free")
    await town.say("10:01", user="ada", device="phone", plan="gold")
    assert town.custom("ada") == {"plan": "gold"}
    await town.say("10:02", user="ada", color="red")
    await town.say("09:59", device="phone", color="dim")
    assert town.custom("ada") == {"plan": "gold", "color": "red"}
    await town.say("10:03", device="phone", color="blue")
    assert town.custom("ada") == {"plan": "gold", "color": "blue"}
    await town.say("10:02", user="ada", color="green")
    assert town.custom("ada") == {"plan": "gold", "color": "blue"}


@both_ways
async def test_an_alias_that_is_somebody_elses_at_braze_takes_nothing_from_who_logs_in(
    desk: Desk, attributes: Attributes
) -> None:
    """Segue takes both names for one person: an older value of the visitor is left out, as the guarantees
    say, and a newer one reaches whom the alias belongs to. What the person says is always theirs."""
    town = Town(desk, logging_in(attributes, "merge"))
    phone = {"alias_name": "phone", "alias_label": LABEL}
    await desk.wire.post("/users/track", {"attributes": [{"external_id": "bob", "color": "black"}]})
    await desk.wire.post("/users/alias/new", {"user_aliases": [{"external_id": "bob", **phone}]})
    await town.say("10:01", user="ada", device="phone", color="gold")
    assert (town.custom("ada"), town.custom("bob")) == ({"color": "gold"}, {"color": "black"})
    await town.say("10:00", device="phone", color="dim")
    assert (town.custom("ada"), town.custom("bob")) == ({"color": "gold"}, {"color": "black"})
    await town.say("10:03", device="phone", color="blue")
    assert (town.custom("ada"), town.custom("bob")) == ({"color": "gold"}, {"color": "blue"})
    await town.say("10:04", user="ada", color="gold", plan="plus")
    assert town.custom("ada") == {"color": "gold", "plan": "plus"}
    await town.say("10:05", user="ada", color="blue")
    assert town.custom("ada") == {"color": "blue", "plan": "plus"}

"""drift and refresh: what Braze has of people, compared with what it acknowledged, and mended."""

import asyncio
import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.cli.house import AT, KEY, WORKSPACE, beside, control, segue, workspace

from segue.cli.post import post_events
from segue.cli.serve import Running
from segue.runtime.clock import SystemClock

CHANGED = WORKSPACE.replace("{wait_seconds: 0}", "{wait_seconds: 0, attributes: changed}")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder whose destination sends only what changed."""
    return workspace(tmp_path / "shop", CHANGED)


def identify(user: str, number: int = 1, **traits: Any) -> dict[str, Any]:
    return {
        "type": "identify",
        "userId": user,
        "messageId": f"{user}-{number}",
        "timestamp": AT,
        "traits": traits,
    }


def tell(process: Running, *events: dict[str, Any]) -> None:
    """Post events and wait until they are settled and written down."""
    door = f"{process.addresses.door}{process.addresses.prefix}"
    courier = process.house.couriers["braze"]
    before = courier.ledger.read
    asyncio.run(post_events(json.dumps(events).encode(), door, KEY))
    until(lambda: courier.ledger.read >= before + len(events) and not courier.ledger.waiting)
    until(lambda: not courier.ledger.dirty)


def until(is_so: Any) -> None:
    async def wait() -> None:
        async with asyncio.timeout(60):
            while not is_so():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    asyncio.run(wait())


def edit(process: Running, user: str, **attributes: Any) -> None:
    """Somebody else changes a profile in Braze."""
    import urllib.request

    body = json.dumps({"attributes": [{"external_id": user, **attributes}]}).encode()
    headers = {"authorization": "Bearer sandbox", "content-type": "application/json"}
    url = f"{process.addresses.sandbox}/users/track"
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers), timeout=60):  # noqa: S310
        pass


def custom(process: Running, user: str) -> Any:
    return control(process.addresses.sandbox, "GET", f"/people/{user}")["custom"]


class Unhurried(SystemClock):
    """Notes how long it would have slept."""

    slept: ClassVar[list[float]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_drift_is_found_and_mended_while_segue_runs(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By person and attribute; what was acknowledged is sent again, without waiting for an event."""
    with beside(shop) as process:
        tell(process, *(identify(f"u{n}", plan="plus", home={"city": "Oslo"}) for n in range(60)))
        at = {"ENDPOINT": process.addresses.sandbox}
        fine = segue("drift", "braze", "--budget", "2500", folder=shop, **at)
        assert (fine.code, "60 people compared in 2 requests, 0 differences" in fine.out) == (0, True)
        with monkeypatch.context() as patch:
            patch.setattr("segue.cli.drift.SystemClock", Unhurried)
            assert segue("drift", "braze", "--budget", "12", folder=shop, **at).code == 0
        assert Unhurried.slept == [5.0]  # between two requests, of twelve a minute
        edit(process, "u7", plan="free", seats=3)
        edit(process, "u9", home={"city": "Rome"}, email="x@example.com")
        ran = segue("drift", "braze", "--budget", "2500", "--json", folder=shop, **at)
        assert ran.code == 1
        found = {(each["person"], each["attribute"]): each["found"] for each in ran.json["drifts"]}
        assert found == {
            ("external_id:u7", "plan"): "free",
            ("external_id:u9", "home"): {"city": "Rome"},
        }
        one = segue("drift", "braze", "--person", "u7", folder=shop, **at)
        assert (one.code, "Mend them with: segue drift braze --person u7 --repair" in one.out) == (1, True)
        shown = segue("drift", "braze", "--person", "u9", folder=shop, **at).out
        assert '{"city":"Oslo"}' in shown
        assert '{"city":"Rome"}' in shown
        refused = {"status": 403, "path": "/users/export/ids", "count": 1}
        control(process.addresses.sandbox, "POST", "/faults", refused)
        ran = segue("drift", "braze", folder=shop, **at)
        assert ran.code == 3
        assert 'destination "braze": Braze did not export the profiles' in ran.err
        assert "the permission users.export.ids" in ran.err
        mended = segue("drift", "braze", "--budget", "2500", "--repair", folder=shop, **at)
        assert (mended.code, "2 objects will be sent again" in mended.out) == (0, True)
        until(lambda: custom(process, "u7")["plan"] == "plus")
        until(lambda: custom(process, "u9")["home"] == {"city": "Oslo"})
        courier = process.house.couriers["braze"]
        until(lambda: not courier.memory.is_dirty)
        assert courier.ledger.residual == 0
        again = segue("drift", "braze", "--budget", "2500", folder=shop, **at)
        assert (again.code, "0 differences" in again.out) == (0, True)


def test_refresh_sends_everything_again_with_the_next_update(shop: Path) -> None:
    """Asked for while Segue runs."""
    with beside(shop) as process:
        tell(process, identify("u1", plan="plus"))
        edit(process, "u1", plan="free")
        tell(process, identify("u1", 2, plan="plus"))
        assert custom(process, "u1") == {"plan": "free"}
        ran = segue("refresh", "braze", "--person", "u1", folder=shop)
        assert (ran.code, "The next update of 1 person travels whole" in ran.out) == (0, True)
        slip = segue("refresh", "braze", "--person", "u1", "--person", "nobody", folder=shop)
        assert (slip.code, "The next update of 1 person travels whole" in slip.out) == (1, True)
        assert 'nothing is known of "nobody" at braze' in slip.err
        courier = process.house.couriers["braze"]
        until(lambda: courier.memory.known("u1") == {})
        tell(process, identify("u1", 3, plan="plus"))
        assert custom(process, "u1") == {"plan": "plus"}


@pytest.mark.parametrize(
    ("command", "text", "says"),
    [
        (("drift", "braze"), WORKSPACE, "attributes: changed"),
        (("drift", "brase"), CHANGED, 'no enabled destination "brase"; there is: braze'),
        (("refresh", "braze"), CHANGED, "has no state"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, command: tuple[str, ...], text: str, says: str) -> None:
    """With what to write instead."""
    ran = segue(*command, folder=workspace(tmp_path / "shop", text))
    assert ran.code == 2
    assert says in ran.err

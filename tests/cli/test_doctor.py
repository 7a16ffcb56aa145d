"""doctor's word on a destination that sends nothing though the partner is well: pause, cap, rate limit."""

from pathlib import Path
from typing import Any

import pytest
from tests.cli.house import TRACK, WORKSPACE, beside, control, segue, workspace
from tests.cli.test_records import post
from tests.journeys.house import until

from segue.cli.serve import Running

CAPPED = WORKSPACE + "    budget: {caps: [{limit: 1, per: day, policy: hold}]}\n"


def paused(folder: Path, process: Running) -> None:
    """By the command an operator types, and it has taken hold before anything comes in."""
    assert segue("pause", "braze", folder=folder).code == 0
    courier = process.house.couriers["braze"]
    until(lambda: courier.halt is not None, "the pause takes hold")


def limited(folder: Path, process: Running) -> None:
    """Braze asks to wait for an hour. Right after a second began it is asked again at once, in case its clock
    is behind ours, and then the destination is held: doctor names either."""
    fault = {"status": 429, "path": "/users/track", "header_style": "retry-after", "wait_seconds": 3600}
    control(process.addresses.sandbox, "POST", "/faults", fault)


def capped(folder: Path, process: Running) -> None:
    """The day's one data point is spent."""
    post(process, {**TRACK, "messageId": "tr-0"})
    ledger = process.house.couriers["braze"].ledger
    until(lambda: ledger.total("delivered"), "it is delivered")


@pytest.mark.parametrize(
    ("halt", "text", "says", "remedy"),
    [
        (paused, WORKSPACE, ("paused by hand since 20",), ("segue resume braze lets it go on",)),
        (capped, CAPPED, ("keeping rows back for a cap since 20",), ("raise it in budget.caps",)),
        (
            limited,
            WORKSPACE,
            ("waiting for the partner's rate limit since 20", "held by TOO_MANY_REQUESTS since 20"),
            ("fewer and fuller requests", "a higher one is needed"),
        ),
    ],
)
def test_doctor_names_what_keeps_a_destination_from_sending(
    tmp_path: Path, halt: Any, text: str, says: tuple[str, ...], remedy: tuple[str, ...]
) -> None:
    """With what waits and the remedy, beside a running Segue and after its stop."""
    folder = workspace(tmp_path / "shop", text)

    def finding(port: str = "") -> Any:
        environ = {"SEGUE_PORT": port} if port else {}
        ran = segue("doctor", "--json", folder=folder, **environ)
        return next(one for one in ran.json["findings"] if one["name"] == "destination braze")

    with beside(folder) as process:
        halt(folder, process)
        port = post(process, TRACK, {**TRACK, "messageId": "tr-2"})
        found = until(lambda: not (now := finding(port))["ok"] and now, "doctor sees it")
    for told in (found, finding()):
        assert not told["ok"]
        which = [words in told["says"] for words in says]
        assert any(which)
        assert " waiting, the oldest for" in told["says"]
        assert remedy[which.index(True)] in told["remedy"]
        assert "Nothing is lost before 20" in told["remedy"]
    assert segue("doctor", folder=folder).code == 1

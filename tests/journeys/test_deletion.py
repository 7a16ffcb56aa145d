"""People deleted through the doors an operator uses, over a kill: `segue erase` beside `segue run`."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.journeys.house import SCRIPT, Braze, Segue, environment, track, until


def _segue(folder: Path, *arguments: str) -> Any:
    ran = subprocess.run(
        [SCRIPT, *arguments, "--json"], cwd=folder, env=environment(), capture_output=True, check=True
    )
    return json.loads(ran.stdout)


def test_somebody_is_deleted_once_over_a_kill_and_comes_back(tmp_path: Path, braze: Braze) -> None:
    """Braze is down when it is asked for and Segue is killed before it can: the next run deletes, once, and
    what the person did meanwhile is what there is of them afterwards."""
    with Segue(tmp_path, endpoint=braze.address) as segue:
        assert segue.send([track("u1", "t1"), track("u2", "t2")])[0] == 200
        until(lambda: braze.count("people") == 2, "both are there")
        down = braze.fault(path="/users/delete", status=503)
        name = _segue(tmp_path, "erase", "u1", "--yes")["name"]
        until(lambda: segue.metrics().total("segue_circuit_state") > 0, "the destination is held")
        assert segue.send([track("u1", "t3", "Came Back")])[0] == 200
        segue.kill()
    braze.control("DELETE", f"/faults/{down}")
    with Segue(tmp_path, endpoint=braze.address) as segue:
        until(lambda: "Came Back" in str(braze.everybody().get("u1")), "the person is there anew")
        until(lambda: _segue(tmp_path, "erase", "--status", name)[0]["done_ms"], "the call is done")
        segue.kill()
    with Segue(tmp_path, endpoint=braze.address) as segue:
        assert segue.send([track("u2", "t4")])[0] == 200
        until(lambda: segue.settled(4), "all four are settled")
        assert segue.stop() == 0
    [told] = _segue(tmp_path, "erase", "--status", name)
    assert (told["deleted"], told["dead"], told["waiting"]) == (1, 0, 0)
    people = braze.everybody()
    assert sorted(people) == ["u1", "u2"]
    assert "Seen" not in str(people["u1"])
    assert "Seen" in str(people["u2"])

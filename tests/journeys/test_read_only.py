"""A data folder that may not be written any more, under a process that runs.

Root may write anything, so the processes lose that right first; where it cannot be taken, this is skipped.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journeys.house import Braze, Segue, track, until

PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
CAP_DAC_OVERRIDE, CAP_SETPCAP = 1, 8
LIBRARY = ctypes.CDLL(None, use_errno=True)
IS_LAWLESS = os.geteuid() == 0 and (
    not hasattr(LIBRARY, "prctl") or LIBRARY.prctl(PR_CAPBSET_READ, CAP_SETPCAP) != 1
)
pytestmark = pytest.mark.skipif(IS_LAWLESS, reason="root's right to write anything cannot be taken away here")


def obey() -> None:
    """Take from root the right to write what may not be written; others have none."""
    if os.geteuid() == 0 and LIBRARY.prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE):
        raise OSError(ctypes.get_errno(), "prctl")


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be made or removed in a folder, and no file of it opened for writing."""
    paths = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in paths]
    for path, mode in zip(paths, modes, strict=True):
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)


def test_a_folder_made_read_only_pauses_the_courier_until_it_may_write(tmp_path: Path, braze: Braze) -> None:
    """It is said what cannot be written and why; whatever was answered with 200 meanwhile is delivered once,
    and no restart is needed."""
    with Segue(tmp_path, endpoint=braze.address, limit=obey) as segue:
        assert segue.send([track("u1", "before")])[0] == 200
        until(lambda: segue.settled(1), "the first is settled")
        with read_only(tmp_path / "segue-data"):
            marks = ["before"]
            if segue.send([track("u1", "meanwhile")])[0] == 200:  # the file that is open may still be written
                marks.append("meanwhile")
            until(lambda: not segue.readiness()["checks"]["roles"]["ok"], "the courier is paused")
            checks = segue.readiness()["checks"]
            assert checks["roles"]["reason"] == "the courier of braze waits for its state to be writable"
            assert "cannot be written: Permission denied" in checks["log"]["reason"]
            [said] = {line["error"] for line in segue.lines() if line["event"] == "courier_paused"}
            assert "segue-data/state/braze" in said
            assert "Permission denied; check owner, permissions and mount options" in said
        until(lambda: segue.readiness()["ready"], "it is ready again")
        assert segue.send([track("u1", "after")])[0] == 200
        until(lambda: segue.settled(len(marks) + 1), "everything is settled")
        assert segue.stop() == 0
    found = [event["properties"]["mark"] for event in braze.everybody()["u1"]["events"]]
    assert found == [*marks, "after"]

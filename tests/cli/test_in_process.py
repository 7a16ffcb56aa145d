"""How a process is set up for the one thing it does."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, sys
from segue.cli.serve import in_process
async def main():
    return sys.getswitchinterval()
print(in_process(main(), only_receives={only_receives}))
"""


@pytest.mark.parametrize(("only_receives", "seconds"), [(True, 0.001), (False, 0.005)])
def test_only_where_nothing_is_delivered_threads_change_places_more_often(
    only_receives: bool, seconds: float
) -> None:
    """In a process of its own: the setting is the interpreter's."""
    program = PROGRAM.format(only_receives=only_receives)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(seconds)

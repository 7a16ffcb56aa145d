"""One sandbox process for all journeys of a test run, emptied before each."""

from collections.abc import Iterator

import pytest
from tests.journeys.house import Braze, sandbox


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Braze]:
    """A sandbox that outlives every Segue."""
    with sandbox(tmp_path_factory.mktemp("sandbox")) as braze:
        yield braze


@pytest.fixture
def braze(sandbox_process: Braze) -> Braze:
    """An empty sandbox, without faults."""
    sandbox_process.control("POST", "/reset", {})
    sandbox_process.control("DELETE", "/faults")
    sandbox_process.control("PATCH", "/switches", {"enforce_limits": False})
    return sandbox_process

"""What holds for every test: generated examples are the same each time, a slow machine is no failure, a
contract's tests may run for several implementations, and the process's logging is as nobody has set it."""

import gc
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile(
    "segue",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.load_profile("segue")


@pytest.fixture(autouse=True)
def logging_as_found() -> Iterator[None]:
    """A test that opens a logbook, as each command does, leaves no level or stream of it to the next."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers, root.level = handlers, level


def pytest_collection_finish() -> None:
    """Nine thousand tests stay until the end: no search for garbage looks at them again, nor after every 700
    new objects at what is new; memory is there for a few more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)

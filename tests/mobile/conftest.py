"""A running Segue with a source for every kind of phone, for the tests of one file."""

from collections.abc import Iterator

import pytest
from tests.mobile.pipeline import Pipeline, running


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """`segue run` with the sandbox as the cloud's Braze."""
    with running(tmp_path_factory.mktemp("pipeline")) as made:
        yield made

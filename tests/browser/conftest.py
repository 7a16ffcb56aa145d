"""One shop for the browser tests of a run: its servers and its browser are started once."""

from collections.abc import Iterator

import pytest
from tests.browser.shop import Shop, opened_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop for a module's tests; each uses people and pages of its own."""
    with opened_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened

"""The REST endpoint as people write it: with and without its scheme, or the SDK's by mistake."""

from typing import Any

import pytest
from tests.runtime.house import SOURCE

from segue.catalog.contents import catalogue
from segue.engine.plan import Plan, prepare
from segue.model.errors import MisconfiguredWorkspace
from segue.model.workspace import Destination, Workspace


def planned(type: str, **settings: Any) -> Plan:
    braze = Destination(id="braze", type=type, source="web", settings=settings)
    return prepare(Workspace(sources=(SOURCE,), destinations=(braze,)), catalogue())


MODERN = ("braze", "endpoint", {"api_key": "k"})
CLASSIC = ("braze-classic", "restCustomEndpoint", {"appGroupId": "k", "datacenter": "eu"})


@pytest.mark.parametrize(("type", "name", "others"), [MODERN, CLASSIC])
@pytest.mark.parametrize("written", ["rest.iad-01.braze.com", " rest.iad-01.braze.com/ "])
def test_an_endpoint_without_its_scheme_is_reached_by_https_and_said(
    type: str, name: str, others: dict[str, Any], written: str
) -> None:
    """Braze's own page writes it without."""
    plan = planned(type, **{name: written}, **others)
    assert plan.destinations["braze"].settings[name].rstrip("/") == "https://rest.iad-01.braze.com"
    [warning] = plan.warnings
    assert warning.place == f"destinations.braze.settings.{name}"
    assert "It is read as https://rest.iad-01.braze.com" in warning.remedy


@pytest.mark.parametrize(("type", "name", "others"), [MODERN, CLASSIC])
@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("sdk.iad-03.braze.com", "Write https://rest.iad-03.braze.com."),
        ("https://sdk.iad-03.braze.com", "Write https://rest.iad-03.braze.com."),
        ("US-01", "must be a web address that starts with https://"),
        ("ftp://rest.iad-01.braze.com", "must be a web address"),
        ("127.0.0.1:8000", "must be a web address"),
        ("rest.iad-01.braze.com/users/track?x", "must be a web address"),
    ],
)
def test_what_is_no_rest_endpoint_is_refused_with_the_right_one(
    type: str, name: str, others: dict[str, Any], written: str, says: str
) -> None:
    """The two endpoints of a Braze instance are easily confused."""
    with pytest.raises(MisconfiguredWorkspace) as refused:
        planned(type, **{name: written}, **others)
    assert says in str(refused.value)


def test_an_endpoint_with_its_scheme_needs_no_word() -> None:
    """Nor does one that is not written."""
    assert planned("braze", api_key="k", endpoint="https://rest.iad-01.braze.com").warnings == ()
    assert planned("braze-classic", appGroupId="k", datacenter="eu", restCustomEndpoint="").warnings == ()

"""Judged by what others recorded: Segment's real requests sent to us, and Braze's answers in their fixtures.

The requests are those a published Segment destination sent; the canned answers in the same file are partly
real shapes and partly invented. Only the real ones are compared, by shape: names and types, not wording.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.sandbox.client import Client
from tests.sandbox.rules import CLIENTS, rule

from segue.sandbox.app import create_app
from segue.sandbox.clock import StillTime
from segue.sandbox.faults import Fault
from segue.sandbox.seed import Key, Seed
from segue.sandbox.workspace import (
    App,
    Campaign,
    Canvas,
    Catalog,
    CatalogField,
    Furnishing,
    SubscriptionGroup,
)

LINES = (Path(__file__).parents[1] / "conformance" / "braze.ndjson").read_text(encoding="utf-8").splitlines()
CASES = [json.loads(line) for line in LINES]
REQUESTS = [
    (case["case"]["id"], request) for case in CASES for request in case["expected"].get("requests") or []
]
ANSWERS = [
    (request, answer)
    for case in CASES
    for request, answer in zip(
        case["expected"].get("requests") or [], case["case"].get("responses") or [], strict=False
    )
]

REFUSED = {
    "Only one of 'external_id', 'braze_id', 'user_alias' may be provided": "both ids of a mapping were sent",
    "The value provided for the 'email' field is not a valid email.": "x@y and the like",
    "BAD_LOCATION_UPDATE": "a location without longitude",
    "BAD_PUSH_TOKEN_APP_ID": "an app that is not ours",
    "BAD_SUBSCRIPTION_GROUP_ARRAY": "groups that are no list",
    "BAD_SUBSCRIPTION_GROUP_ID": "a group that is not ours",
    "'currency' must be an ISO 4217 currency": "small letters or no currency",
    "'currency' is required": "an empty currency",
    "'name' is not valid": "a name over 255 characters",
    "'phone' is not valid": "no phone number",
    "'quantity' is not valid": "a quantity of 0",
    "'time' is not valid": "the year 275760",
}
"""Why single objects of the recorded requests are turned down here, as Braze's pages say they would be."""


def partner() -> Client:
    """A workspace that has what the recorded requests name."""
    time = StillTime(1_800_000_000_000)
    fields = ("id", "name", "price", "x", "a")
    furnishing = Furnishing(
        apps=[App(app_id="test-app-id")],
        subscription_groups=[SubscriptionGroup(id="sg-1")],
        campaigns=[Campaign(id="id-1", name="One")],
        canvases=[Canvas(id="id-1", name="One")],
        catalogs=[
            Catalog(name="products", fields=[CatalogField(name=name, type="string") for name in fields])
        ],
    )
    seed = Seed(workspaces=[furnishing], keys=[Key(key="test-api-key")])
    return Client(create_app(clock=time, seed=seed), time, "test-api-key")


async def ask(sandbox: Client, request: dict[str, Any]) -> Any:
    """Send a recorded request as it was."""
    where = urlsplit(request["url"])
    path = f"{where.path}?{where.query}" if where.query else where.path
    return await sandbox.send(request["method"], path, request.get("json"), headers=request["headers"])


def shape(value: Any) -> Any:
    """Names and types of an answer."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@rule("every request a published Segment destination sends is understood", "O", CLIENTS)
@pytest.mark.parametrize(("name", "request_"), REQUESTS, ids=[name for name, _ in REQUESTS])
async def test_a_recorded_request_is_understood(name, request_):
    """Taken in, or turned down for a reason Braze's pages give."""
    answer = await ask(partner(), request_)
    errors = {error.get("type") for error in answer.json.get("errors", [])}
    if request_["headers"]["authorization"] != "Bearer test-api-key":
        assert (answer.status, answer.json) == (401, {"message": "Invalid API Key"})
    elif answer.status == 400 and "trigger/send" in request_["url"]:
        assert answer.json == {"message": "'prioritization' is not valid"}  # an email recipient without it
    elif answer.status == 400 and "catalogs" not in request_["url"]:
        assert answer.json["message"].startswith("Valid data must be provided")
        assert errors
    elif answer.status >= 400:
        assert "catalogs" in request_["url"]
        assert answer.json["message"] == "Invalid Request"
    else:
        assert answer.json["message"] == "success"
    assert "catalogs" in request_["url"] or errors <= set(REFUSED)


async def test_every_reason_for_turning_down_is_met():
    """The table above says nothing that does not happen."""
    met: set[str] = set()
    for _, request in REQUESTS:
        errors = (await ask(partner(), request)).json.get("errors", [])
        met |= {error["type"] for error in errors if "type" in error}
    assert met == set(REFUSED)


def recorded(path: str, status: int, **has: Any) -> tuple[dict[str, Any], Any]:
    """The request and the answer of the first recorded exchange of that kind."""
    for request, answer in ANSWERS:
        found = answer.get("json") or {}
        if path in request["url"] and answer.get("status") == status and all(key in found for key in has):
            return request, found
    raise LookupError(path)


@rule(
    "answers have the shapes recorded from partners: success, item errors, nothing valid, catalogs",
    "O",
    CLIENTS,
)
async def test_answers_have_the_recorded_shapes():
    """Names and types of every member."""
    request, good = recorded("/users/track", 201)
    assert shape((await ask(partner(), request)).json) == shape(good)

    sandbox = partner()
    partial = next(
        answer["json"]
        for _, answer in ANSWERS
        if answer.get("json", {}).get("errors") and answer["status"] == 201
    )
    event = {"external_id": "u", "name": "N", "time": "2026-01-01"}
    ours = (await sandbox.track(events=[event, {"name": "N"}])).json
    del ours["events_processed"]
    assert shape(ours) == shape(partial)

    _, fatal = recorded("/users/track", 400, errors=1, message=1)
    answer = await sandbox.track(events=[{"name": "N"}])
    assert (answer.status, shape(answer.json)) == (400, shape(fatal))
    assert answer.json["message"].startswith(fatal["message"])

    _, lost = recorded("/catalogs/products/items/", 404)
    answer = await sandbox.send("PUT", "/catalogs/nothing/items/", {"items": [{"id": "a"}]})
    error, theirs = answer.json["errors"][0], lost["errors"][0]
    assert answer.status == 404
    assert shape(error) == shape(theirs)
    assert error["id"] == theirs["id"]

    sandbox.app.world.faults.add(Fault(status=429, header_style="retry-after"))
    _, limited = recorded("/users/track", 429)
    answer = await sandbox.track(events=[event])
    assert (answer.status, shape(answer.json)) == (429, shape(limited))

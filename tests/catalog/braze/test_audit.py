"""What Braze's export says, beside what was sent."""

from typing import Any

import pytest

from segue.catalog.braze.attributes import SHAPE
from segue.catalog.braze.audit import AUDIT, is_same, read, request, tell
from segue.engine.drift import compare, repairs, who
from segue.engine.entry import hashed
from segue.engine.profile import Profile
from segue.model.delivery import Response
from segue.model.errors import UnavailableError

SETTINGS = {"api_key": "k", "endpoint": "https://rest.example.com"}


@pytest.mark.parametrize(
    ("name", "held", "found", "same"),
    [
        ("plan", "plus", "plus", True),
        ("plan", "plus", "free", False),
        ("plan", "plus", None, False),
        ("plan", None, None, True),
        ("plan", 1, True, False),
        ("ratio", 2.0, 2, True),
        ("since", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z", True),
        ("since", "2026-01-02T03:04:05Z", "2026-01-02T03:04:06.000Z", False),
        ("since", {"$time": "2026-01-02"}, "2026-01-02T00:00:00Z", True),
        ("country", "DE", "de", True),
        ("country", "Germany", "DE", True),
        ("country", "DE", "NO", False),
        ("email", "Ada@example.com", "ada@example.com", True),
        ("phone", "+49 30 123", "+4930123", True),
        ("plan", "Plus", "plus", False),
        ("tags", ["x", "y", "x"], ["y", "x"], True),
        ("tags", ["x", "y", "x"], ["x", "y"], False),
        ("tags", [1, True], [1, True], True),
        ("tags", ["x", "y"], ["y"], False),
        ("tags", [*range(40)], [*range(15, 40)], True),
        ("tags", [*range(40)], [*range(25)], False),
        ("tags", [*range(40)], [39], False),
        ("cars", [{"id": 1}, {"id": 1}], [{"id": 1}], False),
        ("gender", "M", "F", False),
        ("gender", "zz", "F", True),
        ("dob", "nonsense", None, True),
        ("dob", "1990-01-01", None, False),
    ],
)
def test_values_are_compared_as_braze_writes_them(name: str, held: Any, found: Any, same: bool) -> None:
    """A custom attribute exactly; dates by their moment, Braze's own fields by what they mean."""
    assert is_same(name, held, found) is same


def test_an_export_names_people_by_each_of_their_ids() -> None:
    """Whom Braze does not know is nobody; anything but an export is an error."""
    people = [("external_id", ("u1",)), ("user_alias", ("device", "a1")), ("external_id", ("u2",))]
    body = request(people, SETTINGS).body
    assert b'"external_ids":["u1","u2"]' in body
    assert b'"user_aliases":[{"alias_label":"device","alias_name":"a1"}]' in body
    answer = b"""{"message": "success", "users": [
        {"external_id": "u1", "email": "a@b.c", "custom_attributes": {"plan": "plus"}},
        {"user_aliases": [{"alias_label": "device", "alias_name": "a1"}]}]}"""
    found = read(Response(status=201, body=answer), people)
    assert found == [{"plan": "plus", "email": "a@b.c"}, {}, None]
    with pytest.raises(UnavailableError, match="Rate Limited"):
        read(Response(status=429, body=b'{"message": "Rate Limited"}'), people)


@pytest.mark.parametrize(
    ("response", "found", "remedy"),
    [
        (Response(status=0, error="ECONNREFUSED"), "ECONNREFUSED", "Look whether settings.endpoint"),
        (Response(status=401, body=b'{"message": "Invalid API key"}'), "Invalid API key", "settings.api_key"),
        (Response(status=403), "status 403", "the permission users.export.ids"),
        (Response(status=429), "status 429", "a smaller --budget"),
        (Response(status=404), "status 404", "the address of a REST endpoint"),
        (Response(status=200, body=b"<html>"), "status 200", "the address of a REST endpoint"),
        (Response(status=503), "status 503", "Ask again later"),
    ],
)
def test_what_helps_against_a_missing_export_is_said(response: Response, found: str, remedy: str) -> None:
    """What came instead, and what to look at."""
    with pytest.raises(UnavailableError) as caught:
        read(response, [])
    assert found in str(caught.value)
    assert remedy in str(caught.value)


def test_differences_become_the_objects_that_mend_them() -> None:
    """By person and time; where only a hash is kept the next update travels whole."""
    profile = Profile(
        {
            "plan": (5, None, "plus"),
            "seats": (7, None, 3),
            "city": (7, None, hashed("Oslo")),
            "same": (5, None, 1),
            "unknown": (9,),
            "home": (5, {"home.zip": 6}, {"zip": 1}, True),
        },
        exists=True,
    )
    there = {"plan": "free", "city": "Rome", "same": 1, "unknown": 2, "home": {"zip": 1, "city": "Oslo"}}
    drifts = compare("external_id:u1", profile, there, SHAPE, AUDIT)
    assert [(each.attribute, each.found, each.known) for each in drifts] == [
        ("plan", "free", True),
        ("seats", None, True),
        ("city", "Rome", False),
    ]
    objects, whole = repairs(drifts, AUDIT)
    assert [(each.item, each.event_ms) for each in objects] == [
        (b'{"external_id":"u1","plan":"plus"}', 5),
        (b'{"external_id":"u1","seats":3}', 7),
    ]
    assert whole == ["external_id:u1"]
    [gone] = compare("external_id:u1", profile, None, SHAPE, AUDIT)
    assert (gone.attribute, gone.known) == ("", False)


def test_an_alias_is_told_without_making_anybody() -> None:
    """A key taken apart and put together again."""
    assert tell(who("user_alias:device\x1fa1"), {"plan": "plus"}) == {
        "user_alias": {"alias_label": "device", "alias_name": "a1"},
        "_update_existing_only": True,
        "plan": "plus",
    }

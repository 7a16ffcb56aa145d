"""demo: the whole pipeline before a newcomer's eyes, and honest about what it sees."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from tests.cli.house import segue

from segue.cli import demo
from segue.cli.traffic import Expected, make_day


def test_the_demo_ends_well(tmp_path: Path) -> None:
    """A day of forty people in a process of its own: every count adds up, every profile is right, exit 0."""
    command = [Path(sys.executable).parent / "segue", "demo", "--people", "40", "--json", "--keep", "kept"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["right"] is True
    assert told["sent"] == told["received"] == sum(told["events"].values()) + sum(told["rejected"].values())
    assert all(check["ok"] for check in told["checks"])
    assert told["person"] in {event.get("userId") for event in told["story"]}
    assert told["profile"]["external_id"] == told["person"]
    kept = segue("doctor", "--json", folder=tmp_path / "kept").json
    assert {finding["name"]: finding["ok"] for finding in kept["findings"]}["books of braze"] is True


def test_the_demo_fails_when_a_profile_is_not_what_it_must_be(tmp_path: Path) -> None:
    """One wrong expectation among five people, and the demo ends with 1 and says which check failed."""

    def sabotaged(**given: int) -> object:
        day = make_day(**given)
        day.people["user-003"].attributes["email"] = "somebody@else.example"
        return day

    with mock.patch.object(demo, "make_day", sabotaged):
        ran = segue("demo", "--people", "5", "--json", folder=tmp_path)
    assert ran.code == 1, ran
    told = ran.json
    assert told["right"] is False
    assert [check["says"] for check in told["checks"] if not check["ok"]] == [
        "4 of 5 profiles are exactly right"
    ]


def test_the_demo_wants_a_folder_of_its_own(tmp_path: Path) -> None:
    """It never writes among somebody's files."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    ran = segue("demo", "--people", "1", "--keep", "mine", folder=tmp_path)
    assert ran.code == 2
    assert '"mine" is no empty folder' in ran.err


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ({}, "email: None instead of 'ada@example.com'"),
        ({"email": "ada@example.com", "custom_events": [{"name": "A", "count": 1}]}, "custom_events"),
        ({"email": "ada@example.com", "total_revenue": 0.01}, "total_revenue: 1 instead of 0 cents"),
        ({"email": "ada@example.com", "purchases": [{"name": "tea", "count": 2}]}, "purchases"),
        ({"email": "ada@example.com", "custom_attributes": {"plan": "plus"}}, "custom_attributes"),
    ],
)
def test_every_difference_of_a_profile_is_found(profile: dict[str, object], says: str) -> None:
    """Fields, custom attributes, events, purchases and money; an equal profile has none."""
    expected = Expected("u1", attributes={"email": "ada@example.com"})
    assert any(says in difference for difference in demo.differences(expected, profile))
    assert demo.differences(expected, {"email": "ada@example.com"}) == []


def test_a_seed_makes_a_day() -> None:
    """The same number the same day, another number another; enough of it for the real demo."""
    one, same, other = (make_day(people=300, until_ms=1_790_000_000_000, seed=seed) for seed in (7, 7, 8))
    assert (
        msgspec.json.encode(one.calls) == msgspec.json.encode(same.calls) != msgspec.json.encode(other.calls)
    )
    assert len(one.calls) >= 2_000
    assert {call.event["type"] for call in one.calls} >= {"identify", "track", "page", "alias", "group"}
    assert {call.fate for call in one.calls} == {"delivered", "filtered", "duplicate", "dead", "rejected"}

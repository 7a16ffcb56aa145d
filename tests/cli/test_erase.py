"""erase: people deleted at the partner, asked for, followed, refused with a reason."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.house import IDENTIFY, KEY, WORKSPACE, Ran, beside, control, segue, workspace
from tests.journeys.house import until

from segue.cli.post import post_events
from segue.cli.serve import Running

TWO = (
    WORKSPACE
    + """\
  hook:
    type: webhook
    source: web
    settings: {url: "http://127.0.0.1:9/"}
"""
)


def erase(folder: Path, *options: str, stdin: bytes = b"") -> Ran:
    return segue("erase", *options, folder=folder, stdin=stdin)


def people(process: Running) -> dict[str, Any]:
    """Everybody at the sandbox, by external id."""
    found = control(process.addresses.sandbox, "GET", "/snapshot")["workspaces"][0]["people"]
    return {person["external_id"]: person for person in found}


def send(process: Running, **changes: Any) -> None:
    door = f"{process.addresses.door}{process.addresses.prefix}"
    asyncio.run(post_events(json.dumps([{**IDENTIFY, **changes}]).encode(), door, KEY))


def test_somebody_is_deleted_beside_a_running_segue(tmp_path: Path) -> None:
    """From the question to the answer; a later event makes them anew; trace tells the same."""
    folder = workspace(tmp_path / "shop")
    with beside(folder) as process:
        send(process)
        until(lambda: "u1" in people(process), "the person is there")
        asked = erase(folder, "u1", "--yes", "--json").json
        assert (asked["people"], asked["destinations"], asked["left_out"]) == (1, ["braze"], [])
        name = asked["name"]
        until(lambda: not people(process), "the person is gone")
        until(lambda: erase(folder, "--status", name, "--json").json[0]["done_ms"], "the call is done")
        [told] = erase(folder, "--status", name, "--json").json
        assert (told["waiting"], told["deleted"], told["dead"]) == (0, 1, 0)
        assert segue("trace", name, "--json", folder=folder).json == [told]
        assert "done 20" in erase(folder, "--status", name).out
        send(process, messageId="id-2", traits={"plan": "new"})
        until(lambda: "u1" in people(process), "the person is there anew")


def test_what_waits_and_what_was_refused_is_told(lived_in: Path) -> None:
    """A call is kept while nothing runs; a refusal says where the reason is."""
    ran = erase(lived_in, "u1", "u1", "nobody", "--yes")
    assert ran.code == 0
    assert "2 people will be deleted at braze" in ran.out
    assert "It does not delete what Segue itself keeps" in ran.out
    [waiting] = erase(lived_in, "--status", "--json").json
    assert (waiting["people"], waiting["waiting"], waiting["on_its_way"], waiting["done_ms"]) == (2, 2, 0, 0)
    assert "on its way" in erase(lived_in, "--status").out
    with beside(lived_in) as process:
        until(lambda: erase(lived_in, "--status", "--json").json[0]["done_ms"], "the call is done")
        fault = {"status": 400, "path": "/users/delete", "body": {"message": "not today"}}
        control(process.addresses.sandbox, "POST", "/faults", fault)
        assert erase(lived_in, "--yes", "--file", "-", stdin=b"u1\n").code == 0
        until(lambda: len(erase(lived_in, "--status", "--json").json) == 2, "it is there")
        until(lambda: erase(lived_in, "--status", "--json").json[1]["done_ms"], "it is done")
    ran = erase(lived_in, "--status")
    assert ran.code == 1
    name = erase(lived_in, "--status", "--json").json[1]["name"]
    assert f"segue dead list --message-id {name}" in ran.out
    [letter] = segue("dead", "list", "--message-id", name, "--json", folder=lived_in).json
    assert (letter["action"], letter["message"]) == ("delete-users", "not today")


def test_what_segue_keeps_of_them_is_removed_where_it_is_asked_for(lived_in: Path) -> None:
    """Dead letters and samples of refused events, of nobody else; without the option it is said that they
    stay."""

    def kept(port: str = "1") -> list[str]:
        """What is written down, and with a port also what is in the memory of whoever listens there."""
        letters = segue("dead", "list", "--json", folder=lived_in).json
        refused = segue("tail", "--rejected", "--json", folder=lived_in, SEGUE_PORT=port).lines
        return sorted(each["message_id"] for each in (*letters, *refused) if "ada" in each["message_id"])

    with beside(lived_in) as process:
        port = process.addresses.door.rpartition(":")[2]
        control(process.addresses.sandbox, "POST", "/faults", {"status": 404, "path": "/users/track"})
        for user in ("ada", "adam"):
            send(process, userId=user, messageId=f"died-{user}")
            send(process, userId=user, messageId=f"refused-{user}", type="track")
        everything = ["died-ada", "died-adam", "refused-ada", "refused-adam"]
        until(lambda: kept() == everything, "two died and two were refused")
        ran = erase(lived_in, "nobody", "--yes")
        assert "--here-too removes as well" in ran.out
        ran = erase(lived_in, "ada", "--yes", "--here-too")
        assert (
            "1 dead letter of theirs will be forgotten as soon, and of 1 refused event the sample is"
            in ran.out
        )
        until(lambda: kept(port) == ["died-adam", "refused-adam"], "only the other's are left")


def test_who_cannot_delete_is_named_with_the_reason(tmp_path: Path, lived_in: Path) -> None:
    """A webhook has no such call; a destination that never ran has nothing to delete."""
    (lived_in / "segue.yaml").write_text(TWO, encoding="utf-8")
    ran = erase(lived_in, "u1", "--yes")
    assert (ran.code, "hook is left out: Webhook has no call that deletes people" in ran.out) == (0, True)
    fresh = workspace(tmp_path / "fresh", TWO)
    ran = erase(fresh, "u1", "--yes")
    assert ran.code == 1
    assert "braze is left out: it has never run here" in ran.out
    assert "Nobody is deleted anywhere." in ran.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "nobody is named: give the userIds"),
        (("u1", " "), "userId 2 is blank"),
        (("x" * 988,), "has 988 bytes; an id has at most 987"),
        (("--file", "many.txt"), "5,001 people are named, one call takes 5,000"),
        (("--file", "gone.txt"), '"gone.txt" cannot be read: No such file'),
        (("--file", "binary.txt"), "is no text in UTF-8"),
        (("u1", "--destination", "nope"), 'there is no destination "nope"; there is: braze'),
        (("--status", "erase-nope"), 'nothing is known of a call "erase-nope"'),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(folder: Path, options: tuple[str, ...], said: str) -> None:
    """Before anything is queued, naming the thing and the remedy."""
    (folder / "many.txt").write_text("\n".join(f"u{number}" for number in range(5_001)), encoding="utf-8")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00")
    ran = erase(folder, "--yes", *options)
    assert ran.code == 2
    assert said in ran.err


def test_without_somebody_to_ask_it_must_be_said_that_it_is_meant(lived_in: Path) -> None:
    """Nobody is deleted by a script that forgot it."""
    ran = erase(lived_in, "u1")
    assert ran.code == 2
    assert "1 person would be deleted at braze for good" in ran.err
    assert erase(lived_in, "--status", "--json").json == []

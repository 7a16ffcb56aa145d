"""tail and doctor: see what came in, and whether all is well."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.cli.house import KEY, PAGE, TRACK, beside, segue, workspace

from segue.cli.post import post_events
from segue.io.claim import tell
from segue.model.errors import InvalidRequest
from segue.runtime.presence import announce
from segue.runtime.settings import read_settings


def ids(folder: Path, *options: str) -> list[str]:
    """messageIds that `tail --json` shows."""
    ran = segue("tail", "--json", *options, folder=folder)
    assert ran.code == 0, ran.err
    return [line["event"]["messageId"] for line in ran.lines]


ALL = ["id-1", "tr-1", "pg-1", "or-1", "rf-1"]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ((), ALL),
        (("-n", "2"), ALL[-2:]),
        (("-n", "0"), []),
        (("-n", "99"), ALL),
        (("--type", "page"), ["pg-1"]),
        (("--grep", "order_id"), ["or-1"]),
        (("--grep", "nowhere"), []),
        (("--source", "web", "--type", "track", "-n", "1"), ["rf-1"]),
        (("--source", "other"), []),
    ],
)
def test_tail_shows_the_newest_that_are_asked_for(
    furnished: Path, options: tuple[str, ...], shown: list[str]
) -> None:
    """Oldest of them first, as they came in."""
    assert ids(furnished, *options) == shown


def test_tail_shows_names_as_they_are_and_obeys_none(furnished: Path) -> None:
    """Brackets and colons are text, an escape sequence does not reach the terminal."""
    text = segue("tail", folder=furnished).out
    assert "Refused [red] \N{REPLACEMENT CHARACTER}[31m" in text
    assert "\x1b" not in text
    raw = segue("tail", "--json", "--type", "track", "-n", "3", folder=furnished).lines[0]
    assert raw["event"]["properties"]["title"] == "Tea [/bold] :fire:"


def test_tail_follows_what_comes_in(folder: Path) -> None:
    """Each new event is a line of its own, until the follower is interrupted."""
    with beside(folder) as process:
        door = f"{process.addresses.door}{process.addresses.prefix}"
        # Whoever is started in the background by a shell hears no interrupt, and neither do their children.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            follower = subprocess.Popen(
                [Path(sys.executable).parent / "segue", "tail", "-f", "--json", "-n", "0", "--type", "track"],
                cwd=folder,
                stdout=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")},
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)
        assert follower.stdout is not None
        stop = threading.Event()

        def feed() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                events = [{**TRACK, "messageId": f"n{number}"}, PAGE]
                asyncio.run(post_events(json.dumps(events).encode(), door, KEY))
                stop.wait(0.05)

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            seen = [json.loads(follower.stdout.readline())["event"]["messageId"] for _ in range(3)]
        finally:
            stop.set()
            feeder.join()
            with contextlib.suppress(ProcessLookupError):
                follower.send_signal(signal.SIGINT)
            follower.stdout.close()
            code = follower.wait(60)
        first = int(seen[0][1:])
        assert seen == [f"n{first}", f"n{first + 1}", f"n{first + 2}"]
        assert code in (0, 1)


def test_what_was_refused_can_be_seen(folder: Path) -> None:
    """Each refusal with its reason and the beginning of the event, filtered as asked, as text and as data."""
    with beside(folder) as process:
        door = f"{process.addresses.door}{process.addresses.prefix}"
        broken = [{"type": "track", "event": "Lost [red]"}, {"type": "dance", "userId": "u"}, TRACK]
        asyncio.run(post_events(json.dumps(broken).encode(), door, KEY))
        port = process.addresses.door.rpartition(":")[2]
        text = segue("tail", "--rejected", folder=folder, SEGUE_PORT=port)
        data = segue("tail", "--rejected", "--json", folder=folder, SEGUE_PORT=port)
        only = segue("tail", "--rejected", "--code", "invalid_type", "--json", folder=folder, SEGUE_PORT=port)
        none = segue("tail", "--rejected", "--source", "other", folder=folder, SEGUE_PORT=port)
    assert (text.code, data.code, only.code, none.code) == (0, 0, 0, 0)
    assert "no_user_anon_id" in text.out
    assert "Lost [red]" in text.out
    assert [line["code"] for line in data.lines] == ["no_user_anon_id", "invalid_type"]
    assert json.loads(data.lines[0]["sample"]) == broken[0]
    assert [line["code"] for line in only.lines] == ["invalid_type"]
    assert "Nothing that was refused is kept" in none.out


def test_what_was_refused_is_told_after_the_end(folder: Path) -> None:
    """Nobody runs any more: the samples of before and how many there were; trace knows the event. Whatever
    was sent, the terminal obeys none of it."""
    nasty = {
        "type": "track",
        "userId": 5,
        "messageId": "nasty",
        "event": "\x1b[2J\u202e[red]\x07" + "x" * 9_000,
    }
    with beside(folder) as process:
        door = f"{process.addresses.door}{process.addresses.prefix}"
        asyncio.run(post_events(json.dumps([nasty] * 3).encode(), door, KEY))
        with contextlib.suppress(InvalidRequest):
            asyncio.run(post_events(json.dumps(TRACK).encode(), door, "wk_\x1b[31mgone"))
    text = segue("tail", "--rejected", folder=folder, SEGUE_PORT="1")
    assert text.code == 0
    assert "web          id_not_string: 3 events" in text.out
    assert "-            unknown_write_key: 1 whole request" in text.out
    assert not [each for each in text.out if not each.isprintable() and each != "\n"]
    assert max(map(len, text.out.splitlines())) < 3_000
    data = segue("tail", "--rejected", "--json", "--source", "web", folder=folder, SEGUE_PORT="1").lines
    assert [line["message_id"] for line in data] == ["nasty"] * 3
    told = segue("trace", "nasty", folder=folder, SEGUE_PORT="1")
    assert (told.code, told.out.count("by the receiver: id_not_string")) == (0, 3)
    (folder / "segue-data" / "refusals.db").write_bytes(b"no database" * 1_000)
    broken = segue("tail", "--rejected", folder=folder, SEGUE_PORT="1")
    assert broken.code == 3
    assert 'refusals.db" cannot be' in broken.err
    assert "the file is not a database" in broken.err


def test_refusals_of_a_segue_without_their_book_are_asked_of_whoever_runs(folder: Path) -> None:
    """As one of before 1.0 has none; whoever answers with another data folder is not believed."""
    with beside(folder) as process:
        (folder / "segue-data" / "refusals.db").rename(folder / "away.db")
        port = process.addresses.door.rpartition(":")[2]
        asked = segue("tail", "--rejected", folder=folder, SEGUE_PORT=port)
        (folder / "segue-data" / "token").write_text("st_another", encoding="ascii")
        stranger = segue("tail", "--rejected", folder=folder, SEGUE_PORT=port)
    assert asked.code == 0
    assert stranger.code == 2
    assert "answered 401" in stranger.err
    assert "SEGUE_DATA" in stranger.err


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--type", "dance"), 2, 'there is no event type "dance"; there is: identify'),
        (("--rejected", "-f"), 2, "leave --follow out"),
        (("--code", "x"), 2, "--rejected"),
        (("-n", "-1"), 2, "greater than or equal to 0"),
    ],
)
def test_tail_says_what_it_cannot_do(furnished: Path, options: tuple[str, ...], code: int, says: str) -> None:
    """With the value found and those there are."""
    ran = segue("tail", *options, folder=furnished, SEGUE_PORT="8080")
    assert ran.code == code
    assert says in " ".join(ran.err.replace("│", " ").split())


def test_tail_before_the_first_start_says_so(folder: Path) -> None:
    """There is no log yet; exit code 3, as it may come."""
    ran = segue("tail", folder=folder)
    assert ran.code == 3
    assert 'there is no log in "segue-data/log" yet' in ran.err
    ran = segue("tail", "--rejected", folder=folder, SEGUE_PORT="1")
    assert ran.code == 3
    assert "nobody answers at http://127.0.0.1:1/control/rejections" in ran.err


def test_doctor_is_content_with_a_healthy_segue(folder: Path) -> None:
    """Running, books in order, nothing dead: exit code 0."""
    with beside(folder) as process:
        door = f"{process.addresses.door}{process.addresses.prefix}"
        asyncio.run(post_events(json.dumps([TRACK, PAGE]).encode(), door, KEY))
        port = process.addresses.door.rpartition(":")[2]
        ran = segue("doctor", "--json", folder=folder, SEGUE_PORT=port)
    findings = {finding["name"]: finding for finding in ran.json["findings"]}
    assert (ran.code, ran.json["well"]) == (0, True), ran.json
    assert list(findings) == [
        "libraries",
        "disk",
        "workspace",
        "process",
        "destination braze",
        "books of braze",
    ]
    assert findings["destination braze"]["says"].startswith("nothing keeps it from sending; ")
    assert findings["process"]["says"] == f"ready at http://127.0.0.1:{port}/readyz"
    assert "the books add up" in findings["books of braze"]["says"]


def test_doctor_finds_whoever_runs_by_the_data_folder(folder: Path) -> None:
    """Whatever port the settings name; where that process gives no answer it is named; after the stop nobody
    runs."""

    def finding(**environ: str) -> Any:
        ran = segue("doctor", "--json", folder=folder, **environ)
        return next(one for one in ran.json["findings"] if one["name"] == "process")

    with beside(folder) as process:
        found = finding(SEGUE_PORT="1")
        assert (found["ok"], found["says"]) == (True, f"ready at {process.addresses.door}/readyz")
        told = read_settings(folder, {}, data=folder / "segue-data")
        announce(told, ["braze"], "http://127.0.0.1:1")
        found = finding()
        assert not found["ok"]
        assert found["says"] == (
            f"nobody answers at http://127.0.0.1:1/readyz, though process {os.getpid()} has segue-data open"
        )
        assert "it hangs" in found["remedy"]
        for path in (folder / "segue-data").rglob("*lock"):
            tell(path, "http://127.0.0.1:1", "another-host")
        found = finding()
        assert (found["ok"], "on another-host has segue-data open" in found["says"]) == (True, True)
    found = finding()
    assert (found["ok"], found["says"]) == (
        True,
        "no process has segue-data open: Segue does not run here now",
    )


def test_doctor_finds_what_needs_somebody(furnished: Path) -> None:
    """Dead letters, with their reasons and the way on."""
    ran = segue("doctor", folder=furnished)
    assert ran.code == 1
    assert "look dead letters of braze: 2: 1 BAD_REQUEST, 1 PAYLOAD_VALIDATION_FAILED" in ran.out
    assert "→ segue dead list" in ran.out
    assert "the books add up" in ran.out
    assert segue("doctor", "--json", folder=furnished).json["well"] is False


def test_doctor_goes_on_after_a_bad_finding(folder: Path) -> None:
    """A data folder that is a file, a workspace with faults: both are told, neither ends the examination."""
    (folder / "segue-data").write_text("in the way", encoding="utf-8")
    (folder / "segue.yaml").write_text("sources: {", encoding="utf-8")
    ran = segue("doctor", "--json", folder=folder)
    found = {finding["name"]: finding["ok"] for finding in ran.json["findings"]}
    assert ran.code == 1
    assert found["libraries"] is True
    assert found["disk"] is False
    assert found["workspace"] is False


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose state file is no database."""
    folder = workspace(tmp_path_factory.mktemp("damaged"))
    (folder / "segue-data" / "state").mkdir(parents=True)
    (folder / "segue-data" / "state" / "braze.db").write_bytes(b"not a database at all" * 500)
    return folder


@pytest.mark.parametrize(
    "command", [("trace", "m"), ("dead", "list"), ("dead", "retry", "--all"), ("doctor",)]
)
def test_a_damaged_state_file_is_named(damaged: Path, command: tuple[str, ...]) -> None:
    """Not a traceback: the file, and that it cannot be read."""
    ran = segue(*command, folder=damaged)
    assert ran.code in (1, 3)
    assert "braze.db" in ran.out + ran.err

"""The command as a whole: it teaches, it fails in words, and no input ever shows a traceback."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli.house import segue

from segue import __version__
from segue.cli.app import app


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command: how it is typed, and itself."""
    found = getattr(group, "commands", None)
    if not found:
        yield words, group
        return
    for name, command in found.items():
        yield from commands(command, (*words, name))


ALL = list(commands(typer.main.get_command(app)))


def test_the_commands_are_those_the_readme_promises() -> None:
    """A command that vanishes is noticed here."""
    assert {words[0] for words, _ in ALL} >= {
        "init", "validate", "schema", "run", "sandbox", "try", "send", "tail", "trace", "doctor",
        "demo", "dead",
    }  # fmt: skip


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_help_of_every_command_teaches(words: tuple[str, ...], command: Any, tmp_path: Path) -> None:
    """A sentence that says what it does, and one for each option and argument; -h is the same."""
    shown = segue(*words, "--help", folder=tmp_path)
    assert shown.code == 0
    assert shown.out == segue(*words, "-h", folder=tmp_path).out
    sentence = re.split(r"\.\s", (command.help or "").strip() + " ")[0]
    assert len(sentence.split()) >= 4, f"{words}: {command.help!r}"
    silent = [one.name for one in command.params if one.name != "help" and not (one.help or "").strip()]
    assert silent == []
    flat = " ".join(shown.out.replace("│", " ").split())
    assert " ".join(command.help.split())[:60] in flat


def test_help_of_the_whole_says_where_to_start(tmp_path: Path) -> None:
    """Also when nothing is typed; every command has its line."""
    shown = segue("--help", folder=tmp_path)
    assert shown.code == 0
    assert "segue init" in shown.out
    assert "segue demo" in shown.out
    assert all(words[0] in shown.out for words, _ in ALL)
    assert "Usage" in segue(folder=tmp_path).out + segue(folder=tmp_path).err


def test_version_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The installed script is the same command."""
    script = Path(sys.executable).parent / "segue"
    done = subprocess.run([script, "--version"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"segue {__version__}\n", "")


def test_a_failing_command_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Exit code and message are those of the tests in this process; the error goes to stderr."""
    script = Path(sys.executable).parent / "segue"
    environ = {**os.environ, "SEGUE_PROT": "1"}
    done = subprocess.run(
        [script, "validate"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "SEGUE_PROT" in done.stderr
    assert "SEGUE_PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environ", "says"),
    [
        (("validte",), {}, "validte"),
        (("validate", "--jsn"), {}, "--json"),
        (("validate", "-c", "other.yaml"), {}, "other.yaml"),
        (("validate", "-c", "."), {}, "."),
        (("validate",), {"SEGUE_PORT": "many"}, "SEGUE_PORT"),
        (("run", "--port", "99999"), {}, "99999"),
        (("run", "--roles", "reciever"), {}, "reciever"),
        (("run", "--roles", ""), {}, "SEGUE_ROLES"),
        (("run", "--lanes", "3-x"), {}, "3-x"),
        (
            ("run", "--lanes", "9", "--port", "0"),
            {"SEGUE_SANDBOX_PORT": "0"},
            "no lane 9: the log has lanes 0 to 7",
        ),
        (
            ("run", "--host", "no.such.host.invalid", "--port", "0"),
            {"SEGUE_SANDBOX_PORT": "0"},
            "no.such.host",
        ),
        (("run", "--data", "segue.yaml"), {"SEGUE_SANDBOX_PORT": "0"}, "segue.yaml"),
        (("sandbox", "--port", "70000"), {}, "65535"),
        (("sandbox", "--host", "no.such.host.invalid"), {}, "no.such.host"),
        (("demo", "--people", "0"), {}, "--people"),
        (("try",), {}, "'file'"),
        (("dead",), {}, "retry"),
        (("init", "a\0b"), {}, "null byte"),
    ],
)
def test_what_is_typed_wrongly_is_named(
    folder: Path, arguments: tuple[str, ...], environ: dict[str, str], says: str
) -> None:
    """The thing, the value that was found, and a way on; exit code 2 or 3, nothing started."""
    ran = segue(*arguments, folder=folder, **environ)
    assert ran.code in (2, 3), ran
    assert says in ran.out + ran.err


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[]", b"a: [", b"sources: 3", b"- a", b"a: &x [*x]", b"\0"]
)
def test_a_workspace_that_is_none_is_a_fault_with_a_place(folder: Path, content: bytes) -> None:
    """Whatever is in the file."""
    (folder / "segue.yaml").write_bytes(content)
    ran = segue("validate", folder=folder)
    assert ran.code == 2, ran
    assert "segue.yaml" in ran.err


ODD = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ["", "-", "--", "--json", "-n", "[/]", "[red]", "\x1b[2J", "../..", "/", "0", "-1", "9" * 30, "ü"]
    ),
)
WORDS = st.sampled_from([words for words, _ in ALL if words[0] not in ("run", "sandbox", "demo", "init")])


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(words=WORDS, arguments=st.lists(ODD, max_size=3), stdin=st.binary(max_size=30))
def test_no_input_shows_a_traceback(
    furnished: Path, words: tuple[str, ...], arguments: list[str], stdin: bytes
) -> None:
    """Odd words, odd options, odd bytes: an exit code of ours, and whoever fails says something."""
    if words[0] == "tail" and any(one.startswith("-") and "f" in one for one in arguments):
        arguments = [*arguments, "--rejected"]  # following would never end
    if words[0] == "send":
        arguments = [*arguments, "--url", "http://127.0.0.1:9"]
    ran = segue(*words, *arguments, folder=furnished, stdin=stdin)
    assert ran.code in (0, 1, 2, 3)
    assert ran.code == 0 or ran.out or ran.err
    assert "Traceback" not in ran.out + ran.err
    assert "\x1b" not in ran.out + ran.err


EVENTS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    kind=st.sampled_from(["track", "identify", "page", "group", "alias", "screen"]),
    name=st.text(max_size=12),
    data=EVENTS,
    field=st.sampled_from(["properties", "traits", "context", "integrations", "timestamp", "previousId"]),
)
def test_no_event_breaks_the_telling_of_its_journey(
    furnished: Path, kind: str, name: str, data: object, field: str
) -> None:
    """Whatever senders put into an event, `try` tells what becomes of it."""
    event = {"type": kind, "userId": "u", "event": name, "name": name, "groupId": "g", field: data}
    ran = segue("try", "-", "--all", folder=furnished, stdin=json.dumps(event).encode())
    assert ran.code in (0, 1, 2)
    assert ran.out or ran.err
    assert "\x1b" not in ran.out + ran.err


def test_a_port_that_is_taken_is_named_with_the_way_to_another(folder: Path) -> None:
    """The tracking API's and the sandbox's; nothing stays behind that keeps the data folder busy."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ours = segue("run", "--port", port, folder=folder, SEGUE_SANDBOX_PORT="0")
        theirs = segue("run", "--port", "0", folder=folder, SEGUE_SANDBOX_PORT=port)
        alone = segue("sandbox", "--port", port, folder=folder)
    assert (ours.code, theirs.code, alone.code) == (2, 2, 2)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in ours.err
    assert "SEGUE_PORT" in ours.err
    assert port in theirs.err
    assert "SEGUE_SANDBOX_PORT" in theirs.err
    assert "Choose another" in alone.err

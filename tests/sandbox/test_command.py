"""`segue sandbox`: what it takes, what it prints, and how it says no."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from segue.sandbox import command
from segue.sandbox.command import main
from segue.sandbox.switches import Switches

SEGUE = Path(sys.executable).with_name("segue")


@pytest.fixture
def started(monkeypatch):
    """Runs the command up to the moment it would serve; gives the sandbox it would serve."""
    held = []

    async def serve(app, **where):
        where["started"].set_result(where["port"] or 1)
        held.append(app)

    monkeypatch.setattr(command, "serve", serve)

    def run(*arguments):
        assert main([str(argument) for argument in arguments]) == 0
        return held[-1]

    return run


def test_what_is_asked_for_is_what_begins(started, tmp_path, capsys):
    """Key, switches by name and by options of their own, before those of the seed; addresses are told."""
    seed = tmp_path / "seed.json"
    switches = {"profile": "legacy", "long_string": "truncate"}
    seed.write_text(
        json.dumps(
            {"workspaces": [{"id": "eu"}], "keys": [{"key": "k", "workspace": "eu"}], "switches": switches}
        )
    )
    app = started(
        "--seed", seed, "--key", "mine", "--profile", "mau", "--delay", "10-100",
        "--set", "error_style=enum", "--set", "array_max_length=25", "--set", 'usd_rates={"EUR": 1.1}',
    )  # fmt: skip
    wanted = Switches(
        profile="mau", processing_delay_ms=(10, 100), error_style="enum", array_max_length=25,
        usd_rates={"EUR": 1.1}, long_string="truncate",
    )  # fmt: skip
    assert app.world.switches == wanted
    assert {name: key.workspace for name, key in app.world.keys.items()} == {"k": "eu", "mine": "eu"}
    app.world.reset()
    assert app.world.switches == wanted
    told = capsys.readouterr().out
    assert "http://127.0.0.1:8089/_sandbox/" in told
    assert "k, mine" in told
    assert "not Braze" in told


def test_people_of_a_seed_are_there_and_strictness_holds(started, tmp_path, capsys):
    """Beside the usual workspace and key; somebody who is no good is named with the place in the file."""
    seed = tmp_path / "seed.json"
    seed.write_text('{"people": [{"attributes": [{"external_id": "ann", "plan": "gold"}]}]}')
    app = started("--seed", seed, "--strict")
    assert app.world.switches.strictness == "strict"
    assert list(app.world.keys) == ["sandbox"]
    assert app.world.workspaces["sandbox"].people.by_external_id("ann").custom == {"plan": "gold"}
    seed.write_text('{"people": [{"events": [{"external_id": "ann"}]}]}')
    assert main(["--seed", str(seed)]) == 2
    told = capsys.readouterr().err
    assert f"--seed {seed}: the seed cannot be used: people[0].events[0]: 'name' is required" in told


def test_a_file_keeps_the_world_and_takes_new_switches(started, tmp_path):
    """Switches said at the start go before those of the file; a delay of one number is exact."""
    state = tmp_path / "braze.sqlite"
    first = started("--state", state, "--profile", "legacy")
    first.world.close()
    again = started("--state", state, "--delay", 50)
    assert (again.world.switches.profile, again.world.switches.processing_delay_ms) == ("legacy", (50, 50))
    again.world.close()


def test_a_seed_is_printed_to_be_edited(started, tmp_path, capsys):
    """What it prints is what it begins with."""
    assert main(["--print-seed", "--key", "k"]) == 0
    seed = tmp_path / "seed.json"
    seed.write_text(capsys.readouterr().out, encoding="utf-8")
    app = started("--seed", seed)
    assert list(app.world.keys) == ["k"]
    assert [one.app_id for one in app.world.workspaces["sandbox"].furnishing.apps] == ["sandbox-app"]


def test_the_switches_are_listed_with_their_marks(capsys):
    """Every one of them."""
    assert main(["--switches"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name} " in told for name in Switches.__struct_fields__)
    assert told.count("[A]") > 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seed", "{file}"], "the seed cannot be used: Input data was truncated"),
        (["--seed", "missing.json"], "missing.json: cannot be read: No such file"),
        (["--set", "profile"], "expected NAME=VALUE"),
        (["--set", "colour=red"], "there is no switch 'colour'; list them with --switches"),
        (["--set", "profile=gold"], "Invalid enum value 'gold'"),
        (["--delay", "soon"], "a switch cannot be set"),
        (["--state", "{file}"], "--state {file}: file is not a database. Name another"),
        (["--state", "no/such/folder/x"], "no/such/folder/x: unable to open database file"),
        (["--host", "no.such.host.invalid", "--port", "0"], "cannot listen on no.such.host.invalid:0"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(tmp_path, monkeypatch, capsys, arguments, says):
    """The option, the value, and a way on; the process ends with 2."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.write_text("{" if "--seed" in arguments else "no database, surely", encoding="utf-8")
    assert main([argument.format(file=file) for argument in arguments]) == 2
    assert says.format(file=file) in capsys.readouterr().err


def test_a_seed_whose_key_leads_nowhere_is_refused(tmp_path, capsys):
    """With the workspaces there are."""
    seed = tmp_path / "seed.json"
    seed.write_text('{"keys": [{"key": "k", "workspace": "nowhere"}]}', encoding="utf-8")
    assert main(["--seed", str(seed)]) == 2
    assert "workspace 'nowhere' is unknown" in capsys.readouterr().err


@pytest.mark.parametrize("depth", [900, 100_000])
def test_a_seed_nested_too_deeply_is_refused(tmp_path, capsys, depth):
    """By the reader or by the checks of its people."""
    seed = tmp_path / "seed.json"
    nested = '{"k":' * depth + "1" + "}" * depth
    seed.write_text(f'{{"people": [{{"attributes": [{{"external_id": "a", "x": [{nested}]}}]}}]}}')
    assert main(["--seed", str(seed)]) == 2
    assert "cannot be used: " in capsys.readouterr().err


def test_a_state_file_in_use_is_said_to_be(tmp_path, capsys):
    """By another sandbox, whose state stays whole."""
    from segue.sandbox.app import create_app

    held = create_app(state_file=tmp_path / "braze.sqlite")
    try:
        assert main(["--state", str(tmp_path / "braze.sqlite")]) == 2
    finally:
        held.world.close()
    assert "another sandbox has it open" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--port", "70000"], ["--port", "x"], ["--journal", "-1"], ["--profil", "mau"]]
)
def test_an_option_typed_wrongly_ends_with_two(arguments, capsys):
    """Abbreviations too: they would break when an option is added."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert arguments[-1] in capsys.readouterr().err


def test_the_door_loads_nothing_but_the_sandbox():
    """So that it starts in well under a second: no part of the pipeline, no typer, no rich, no aiohttp."""
    code = (
        "import sys; sys.argv = ['segue', 'sandbox', '--switches']\n"
        "from segue.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "ours = {name.split('.')[1] for name in sys.modules if name.startswith('segue.')}\n"
        "rest = ours - {'sandbox', 'cli'}\n"
        "heavy = {'typer', 'rich', 'aiohttp', 'fastapi', 'pydantic', 'sqlalchemy'} & set(sys.modules)\n"
        "sys.exit(f'{rest} {heavy}' if rest | heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_line_knows_it_too():
    """`segue --help` lists it; a taken port ends it with words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([SEGUE, "sandbox", "--port", port], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use. Choose another" in done.stderr

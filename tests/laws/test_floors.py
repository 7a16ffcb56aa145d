"""Imports run downward only: the contract in .importlinter, kept and complete."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest
from tests.laws.house import ROOMS, ROOT, SOURCE, modules, named, room_of

CONTRACT = ROOT / ".importlinter"


def read_contract() -> configparser.ConfigParser:
    """The contract file."""
    contract = configparser.ConfigParser()
    contract.read(CONTRACT, encoding="utf-8")
    return contract


def test_the_layer_contract_is_kept() -> None:
    """No room imports what the table of the house forbids, annotations included."""
    # In a process of its own, because the linter rearranges the logging of the one it runs in.
    command = [Path(sys.executable).with_name("lint-imports"), "--config", CONTRACT, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_room_is_under_the_contract() -> None:
    """A new folder cannot appear without a line that says what it may import."""
    contract = read_contract()
    covered = {contract[section].get("source_modules", "") for section in contract.sections()}
    assert {room_of(path) for path in modules()} - {""} <= set(ROOMS)
    assert {f"segue.{room}" for room in ROOMS} <= covered


def test_every_room_is_forbidden_to_those_above_it_by_name() -> None:
    """Each contract names the rooms it forbids; a room that nobody mentions would be open to all."""
    contract = read_contract()
    named_rooms = " ".join(contract[section].get("forbidden_modules", "") for section in contract.sections())
    assert [room for room in ROOMS if f"segue.{room}" not in named_rooms and room != "model"] == []


@pytest.mark.parametrize("path", [path for path in modules() if path.name == "__init__.py"], ids=named)
def test_packages_are_entered_through_their_modules(path: Path) -> None:
    """An `__init__.py` is empty, but for the package's own promise and the entry of the command line."""
    if path not in (SOURCE / "__init__.py", SOURCE / "cli" / "__init__.py"):
        assert path.read_text(encoding="utf-8") == ""

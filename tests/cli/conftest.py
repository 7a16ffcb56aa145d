"""Folders as commands find them: a workspace alone, and one beside the data a Segue has left."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from tests.cli.house import furnish, workspace


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Log lines of a Segue in this process are collected, not printed between a command's lines."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a workspace file and nothing else."""
    return workspace(tmp_path / "shop")


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose Segue ran and stopped; only to be read."""
    made = workspace(tmp_path_factory.mktemp("furnished"))
    with structlog.testing.capture_logs():
        furnish(made)
    return made


@pytest.fixture
def lived_in(furnished: Path, tmp_path: Path) -> Path:
    """A copy of the furnished folder, to do with as one likes."""
    return shutil.copytree(furnished, tmp_path / "lived-in")

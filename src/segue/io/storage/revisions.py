"""Revisions: the workspace as it was planned, kept while events routed by it can still be asked about.

A revision is a JSON file named by its content, in one folder for all destinations; which destination used
which revision, and from which positions of the log on, is kept with the destination's state. Secrets are
taken out before it comes here (`segue.engine.revision`).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from segue.io.names import make_folder
from segue.io.sqlite import explain
from segue.io.storage.database import Session
from segue.io.storage.once import write_once
from segue.model.errors import StorageUnavailable
from segue.model.workspace import Workspace

ID_LENGTH: Final = 16

Cursors = Mapping[int, tuple[int, tuple[tuple[int, int], ...]]]
"""Lane -> (first offset not settled, settled ranges above it)."""

_cursors = msgspec.msgpack.Decoder(dict[int, tuple[int, tuple[tuple[int, int], ...]]]).decode


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A destination went on with a revision: every event not settled at these cursors is routed by it."""

    id: str
    since_ms: int
    cursors: Cursors

    def covers(self, lane: int, offset: int) -> bool:
        """True when an event was not settled yet when this use began."""
        next_offset, settled = self.cursors.get(lane, (0, ()))
        return offset >= next_offset and not any(start <= offset < end for start, end in settled)


def keep(folder: Path, workspace: Workspace) -> str:
    """Keep a workspace without secrets; gives its id. Blocks for a sync when it is new.

    Raises StorageUnavailable.
    """
    content = msgspec.json.encode(workspace)
    name = hashlib.sha256(content).hexdigest()[:ID_LENGTH]
    path = folder / f"{name}.json"
    try:
        make_folder(folder)
        if not path.exists():
            write_once(path, content)
    except OSError as error:
        raise StorageUnavailable(f'"{path}" cannot be written: {explain(error)}') from error
    return name


def read(folder: Path, name: str) -> Workspace | None:
    """A workspace that was kept; None when it is not there (any more) or of a version that cannot be read."""
    try:
        return msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=Workspace)
    except (OSError, msgspec.DecodeError):
        return None


def tidy(folder: Path, wanted: Iterable[str]) -> None:
    """Remove the workspaces nobody asks for any more."""
    names = set(wanted)
    for path in folder.glob("*.json"):
        if path.stem not in names:
            path.unlink(missing_ok=True)


def use(session: Session, name: str, since_ms: int, cursors: Cursors) -> None:
    """Write down that a revision is in force from here on; nothing when it is the one that was."""
    last = session.execute("SELECT id FROM revision ORDER BY number DESC LIMIT 1")
    if not last or last[0][0] != name:
        session.execute(
            "INSERT INTO revision(id, since_ms, cursors) VALUES (?, ?, ?)",
            (name, since_ms, msgspec.msgpack.encode(cursors)),
        )


def uses(session: Session) -> list[Use]:
    """Every use that is kept, oldest first."""
    rows = session.execute("SELECT id, since_ms, cursors FROM revision ORDER BY number")
    return [Use(id=name, since_ms=since_ms, cursors=_cursors(cursors)) for name, since_ms, cursors in rows]


def in_force(uses: Sequence[Use], lane: int, offset: int) -> Use | None:
    """The use an event was routed under: the last one that began before it was settled."""
    return next((each for each in reversed(uses) if each.covers(lane, offset)), None)


def prune(session: Session, oldest_ms: int) -> None:
    """Forget a use when the one after it is older than this: its events are gone from the log."""
    session.execute(
        """DELETE FROM revision WHERE number < (SELECT max(number) FROM revision WHERE since_ms < ?)""",
        (oldest_ms,),
    )

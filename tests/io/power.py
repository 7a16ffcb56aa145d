"""A machine whose power can be cut: it knows what was synced, and makes the folder a restart would find.

    with Machine(folder, Random(7), cuts=[40, 90]) as machine:
        ...                          # what happens in the folder; at its 40th and 90th step images are made
    machine.images                   # [Image(folder=…, step=40), …]

What SQLite does goes through a VFS; what Python does is seen when it calls `os.fsync`, and at the cut. Synced
is what a sync returned for, no more: of a file what was written before, of a folder the names in it. The rest
is there or not by chance, each write and each name for itself, writes torn at any sector, and what Python
wrote cut off anywhere, perhaps with zeros behind it.
"""

import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import apsw

SECTOR: Final = 512

_NEW_NAMES: Final = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
"""Files of which the first sync covers the name, too, if they might have been made (`UNIXFILE_DIRSYNC`)."""


class Image(NamedTuple):
    """A folder as a restart finds it. seen: what `Machine.witness` said at that moment."""

    folder: Path
    step: int
    seen: Any


class Content:
    """Of one file: what is synced, and what was written since, in order."""

    def __init__(self) -> None:
        self.synced = bytearray()
        self.written: list[tuple[int, bytes | None]] = []  # None: cut off there

    def sync(self) -> None:
        for at, piece in self.written:
            _put(self.synced, at, piece)
        self.written = []

    def after_cut(self, chance: Random) -> bytes:
        """What the disk has of it."""
        found = bytearray(self.synced)
        keeps = chance.choice((0.0, 0.5, 0.9, 1.0))
        for at, piece in self.written:
            if chance.random() > keeps:
                continue
            if piece is not None and chance.random() < 0.3:
                start = chance.randrange(0, len(piece) + SECTOR, SECTOR)
                end = chance.randrange(start, len(piece) + 2 * SECTOR, SECTOR)
                at, piece = at + start, piece[start:end]  # noqa: PLW2901 - what of it is there
                if not piece:
                    continue
            _put(found, at, piece)
        return bytes(found)


class Machine(apsw.VFS):
    """Everything under a folder, while it is entered.

    cuts     steps at which an image is made; a step is a write, a sync or a change of names
    witness  called at each cut, in whatever thread: what is known then
    """

    def __init__(
        self,
        folder: Path,
        images: Path,
        chance: Random,
        cuts: Collection[int],
        witness: Callable[[], Any] = lambda: None,
    ) -> None:
        self.steps = 0
        self.images: list[Image] = []
        self._folder = folder
        self._place = images
        self._chance = chance
        self._cuts = frozenset(cuts)
        self._witness = witness
        self._lock = threading.RLock()
        self._contents: dict[Path, tuple[int, Content]] = {}  # with the inode
        self._names: dict[Path, dict[str, Content | None]] = {folder: {}}  # synced; None: a folder
        self._fsync = os.fsync
        super().__init__("machine", "", makedefault=True)

    def __enter__(self) -> Self:
        os.fsync = self._sync_handle
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        os.fsync = self._fsync
        apsw.set_default_vfs("unix")
        self.unregister()

    # -- what SQLite does

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = Path((name.filename() if isinstance(name, apsw.URIFilename) else name) or "/")
        if not path.is_relative_to(self._folder):
            return super().xOpen(name, flags)
        is_new = not path.exists()
        with self._lock:
            file = _File(self, path, name, flags)
            if is_new:
                self._step()
            return file

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802
        with self._lock:
            Path(name).unlink(missing_ok=True)
            self._step()
            if sync_folder:
                self.sync_names(Path(name).parent)

    def content(self, path: Path) -> Content:
        """Of the file that is there now."""
        inode = path.stat().st_ino
        known = self._contents.get(path)
        if known is None or known[0] != inode:
            known = self._contents[path] = (inode, Content())
        return known[1]

    def write(self, content: Content, at: int, piece: bytes | None) -> None:
        with self._lock:
            content.written.append((at, piece))
            self._step()

    def sync(self, content: Content) -> None:
        with self._lock:
            self._step()
            content.sync()

    def sync_names(self, folder: Path) -> None:
        """The names in a folder are on the disk."""
        with self._lock:
            self._names[folder] = {each.name: self._of(each) for each in folder.iterdir()}

    # -- what Python does

    def _sync_handle(self, handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if not path.is_relative_to(self._folder):
            return self._fsync(handle)
        with self._lock:
            self._step()
            if path.is_dir():
                self.sync_names(path)
            else:
                self.content(path).synced = bytearray(path.read_bytes())
        return None

    def _of(self, path: Path) -> Content | None:
        return None if path.is_dir() else self.content(path)

    # -- the cut

    def cut(self) -> None:
        """Make an image now."""
        with self._lock:
            seen = self._witness()
            made = self._place / str(self.steps)
            made.mkdir(parents=True)
            self._copy(self._folder, made)
            self.images.append(Image(made, self.steps, seen))

    def _step(self) -> None:
        self.steps += 1
        if self.steps in self._cuts:
            self.cut()

    def _copy(self, folder: Path, made: Path) -> None:
        chance = self._chance
        there = {each.name: self._of(each) for each in folder.iterdir()}
        synced = self._names.get(folder, {})
        for name in sorted(there.keys() | synced.keys()):
            path = folder / name
            sides = [side[name] for side in (synced, there) if name in side]
            if (name in synced) != (name in there) or sides[0] is not sides[-1]:
                if (name in synced) != (name in there) and chance.random() < 0.5:
                    continue  # it is not there yet, or no more
                sides = [chance.choice(sides)]
            content = sides[0]
            if content is None:
                (made / name).mkdir()
                if path.is_dir():
                    self._copy(path, made / name)
            elif not name.endswith(("-shm", ".lock", "lock")):  # made anew by whoever comes first
                (made / name).write_bytes(self._left(path, content))

    def _left(self, path: Path, content: Content) -> bytes:
        """What is left of a file: of one that Python writes, more or less of what is not synced."""
        if content.written or not path.exists() or self._contents.get(path, (0, None))[1] is not content:
            return content.after_cut(self._chance)
        now, synced = path.read_bytes(), bytes(content.synced)
        if not now.startswith(synced):
            return self._chance.choice((now, synced))
        more = now[len(synced) :]
        kept = more[: self._chance.randint(0, len(more))]
        zeros = self._chance.choice((0, len(more) - len(kept)))
        return synced + kept + bytes(zeros)


class _File(apsw.VFSFile):
    def __init__(
        self, machine: Machine, path: Path, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        kinds = flags[0]
        super().__init__("unix", name, flags)
        self._machine = machine
        self._content = machine.content(path)
        makes_names = kinds & apsw.SQLITE_OPEN_CREATE and kinds & _NEW_NAMES
        self._folder = path.parent if makes_names else None
        self._is_readonly = bool(kinds & apsw.SQLITE_OPEN_READONLY)

    def xLock(self, level: int) -> None:  # noqa: N802
        if self._is_readonly and level > apsw.SQLITE_LOCK_SHARED:
            raise apsw.BusyError  # the system refuses it too; SQLite does not mind, but APSW would say so
        super().xLock(level)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._machine.write(self._content, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._machine.write(self._content, size, None)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802 - no real disk is needed
        self._machine.sync(self._content)
        if self._folder is not None:
            self._machine.sync_names(self._folder)
            self._folder = None


def _put(content: bytearray, at: int, piece: bytes | None) -> None:
    if piece is None:
        del content[at:]
        return
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(piece)] = piece


def spread(chance: Random, steps: int, count: int) -> list[int]:
    """So many different steps, by chance."""
    return sorted(chance.sample(range(1, steps + 1), count))

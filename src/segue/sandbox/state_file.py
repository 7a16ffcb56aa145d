"""The state of a sandbox in a SQLite file: as many people as the disk holds, in bounded memory.

People are read when they are needed and kept while they are in use; what was touched is written at every
`save`, and the longest untouched leave memory when there are too many. Nothing leaves while a request is
answered, so one person is never two objects.

`people` holds a profile as JSON, `names` every identifier that leads to one, `world` the rest (workspaces,
keys, switches) as one document. One process at a time: a second one is refused by SQLite's lock.
A crash loses what came after the last `save`.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from itertools import islice
from pathlib import Path

import apsw
import msgspec

from segue.sandbox.currents.connector import Happening, Standing, Stream
from segue.sandbox.people import Alias, People, Shared
from segue.sandbox.person import Person

SCHEMA = """
create table if not exists world (only integer primary key check (only = 1), document blob not null);
create table if not exists people (
  workspace text not null, braze_id text not null, body blob not null,
  primary key (workspace, braze_id)) without rowid;
create table if not exists names (
  workspace text not null, kind text not null, name text not null, braze_id text not null,
  primary key (workspace, kind, name, braze_id)) without rowid;
create table if not exists waiting (
  workspace text not null, connector text not null, number integer not null, body blob not null,
  primary key (workspace, connector, number)) without rowid;
"""
PEOPLE_IN_MEMORY = 50_000

_ENCODE = msgspec.json.Encoder().encode
_HAPPENING = msgspec.json.Decoder(Happening).decode
_DECODE = msgspec.json.Decoder(Person).decode


class StateFile:
    """An open state file.

    Raises apsw.Error: the file cannot be opened, is no database, or another sandbox has it.
    """

    def __init__(self, path: str | Path, *, people_in_memory: int = PEOPLE_IN_MEMORY) -> None:
        self.path = Path(path)
        self.limit = people_in_memory
        self.connection = apsw.Connection(str(path))
        self._shelves: list[Shelf] = []
        self._written: dict[tuple[str, str], int] = {}
        """By workspace and connector: the running number up to which waiting events are in the file."""
        execute = self.connection.execute
        execute("pragma page_size = 8192")  # a profile fits beside its key
        execute("pragma locking_mode = exclusive")
        execute("pragma journal_mode = wal").fetchall()
        execute("pragma synchronous = normal")
        execute(SCHEMA)
        execute("begin immediate")
        if execute("pragma user_version").fetchone() == (0,):
            self._list_owners()

    def _list_owners(self) -> None:
        """Give a file of before devices led to people the names that do."""
        rows = self.connection.execute("select workspace, braze_id, body from people")
        self.connection.executemany(
            "insert or ignore into names values (?, 'owner', ?, ?)",
            (
                (workspace, device_id, braze_id)
                for workspace, braze_id, body in rows
                for device_id in _DECODE(body).device_ids
            ),
        )
        self.connection.execute("pragma user_version = 1")

    def read(self) -> bytes | None:
        """The world document of the last save; None for a new file."""
        row = self.connection.execute("select document from world").fetchone()
        return row[0] if row else None

    def people(self, workspace: str) -> People:
        """The people of a workspace, as the file has them."""
        shelf = Shelf(self, workspace)
        self._shelves = [*(other for other in self._shelves if other.workspace != workspace), shelf]
        external = Names(shelf, "external_id")
        alias = Aliases(shelf)
        return People(
            shelf,
            external,
            alias,
            Holders(shelf, "email"),
            Holders(shelf, "phone"),
            Names(shelf, "device"),
            Names(shelf, "token"),
            Holders(shelf, "owner"),
        )

    def waiting(self, workspace: str, standing: Standing) -> list[Happening]:
        """The Currents events that waited for a connector at the last save."""
        rows: list[tuple[bytes]] = self.connection.execute(
            "select body from waiting where workspace = ? and connector = ? and number >= ? order by number",
            (workspace, standing.id, standing.gone),
        ).fetchall()  # type: ignore[assignment]  # the column is never anything else
        self._written[workspace, standing.id] = standing.gone + len(rows)
        return [_HAPPENING(body) for (body,) in rows]

    def save(self, document: bytes, streams: Mapping[str, Iterable[Stream]] | None = None) -> None:
        """Write what was touched, and the rest of the world, in one transaction.

        streams  by workspace: what waits for its Currents connectors
        """
        for shelf in self._shelves:
            shelf.flush()
        for workspace, listed in (streams or {}).items():
            for stream in listed:
                self._keep_waiting(workspace, stream)
        self.connection.execute(
            "insert into world values (1, ?) on conflict do update set document = excluded.document",
            (document,),
        )
        self.connection.execute("commit")
        self.connection.execute("begin immediate")

    def _keep_waiting(self, workspace: str, stream: Stream) -> None:
        """Write the events that came since the last save, and drop those that left."""
        name, gone = stream.connector.id, stream.gone
        end = gone + len(stream.waiting)
        written = max(gone, self._written.get((workspace, name), 0))
        if written > end:  # a connector made anew under a name that was in use
            written = gone
            self.connection.execute(
                "delete from waiting where workspace = ? and connector = ?", (workspace, name)
            )
        self.connection.execute(
            "delete from waiting where workspace = ? and connector = ? and number < ?",
            (workspace, name, gone),
        )
        fresh = islice(stream.waiting, written - gone, None)
        self.connection.executemany(
            "insert into waiting values (?, ?, ?, ?) on conflict do update set body = excluded.body",
            [(workspace, name, number, _ENCODE(one)) for number, one in enumerate(fresh, written)],
        )
        self._written[workspace, name] = end

    def trim(self) -> None:
        """Let people who were not touched for longest leave memory; called between requests."""
        for shelf in self._shelves:
            if len(shelf.loaded) > self.limit:
                shelf.trim(self.limit)

    def forget(self, workspace: str) -> None:
        """Drop the people of a workspace."""
        for table in ("people", "names", "waiting"):
            self.connection.execute(f"delete from {table} where workspace = ?", (workspace,))  # noqa: S608 - above

    def clear(self) -> None:
        """Empty the file."""
        self._shelves.clear()
        self._written.clear()
        for table in ("world", "people", "names", "waiting"):
            self.connection.execute(f"delete from {table}")  # noqa: S608 - names of our own, above

    def close(self) -> None:
        """Close the file; what was not saved is lost."""
        self.connection.execute("rollback")
        self.connection.close()


class Shelf(MutableMapping[str, Person]):
    """The profiles of a workspace by braze id."""

    def __init__(self, file: StateFile, workspace: str) -> None:
        self.file = file
        self.workspace = workspace
        self.loaded: dict[str, Person] = {}
        self._touched: set[str] = set()
        row = self.execute("select count(*) from people where workspace = ?", (workspace,)).fetchone()
        self._count: int = row[0] if row else 0

    def execute(self, statement: str, values: tuple[str | bytes, ...]) -> apsw.Cursor:
        """Run one statement of this file."""
        return self.file.connection.execute(statement, values)

    def __getitem__(self, braze_id: str) -> Person:
        person = self.loaded.pop(braze_id, None)
        if person is None:
            row = self.execute(
                "select body from people where workspace = ? and braze_id = ?", (self.workspace, braze_id)
            ).fetchone()
            if row is None:
                raise KeyError(braze_id)
            person = _DECODE(row[0])
        self.loaded[braze_id] = person  # at the end: touched last
        self._touched.add(braze_id)
        return person

    def __setitem__(self, braze_id: str, person: Person) -> None:
        if braze_id not in self:
            self._count += 1
        self.loaded[braze_id] = person
        self._touched.add(braze_id)

    def __delitem__(self, braze_id: str) -> None:
        if braze_id not in self:
            raise KeyError(braze_id)
        self.loaded.pop(braze_id, None)
        self._touched.discard(braze_id)
        self.execute("delete from people where workspace = ? and braze_id = ?", (self.workspace, braze_id))
        self._count -= 1

    def __contains__(self, braze_id: object) -> bool:
        if braze_id in self.loaded:
            return True
        found = self.execute(
            "select 1 from people where workspace = ? and braze_id = ?", (self.workspace, str(braze_id))
        ).fetchone()
        return found is not None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        self.flush()
        after = ""
        while rows := self.execute(
            "select braze_id from people where workspace = ? and braze_id > ? order by braze_id limit 1000",
            (self.workspace, after),
        ).fetchall():
            after = str(rows[-1][0])
            yield from (str(braze_id) for (braze_id,) in rows)

    def look(self) -> Iterator[Person]:
        """Everybody, to look at and not to change: those not in memory are not kept there."""
        for braze_id in self:
            person = self.loaded.get(braze_id)
            if person is None:
                row = self.execute(
                    "select body from people where workspace = ? and braze_id = ?", (self.workspace, braze_id)
                ).fetchone()
                if row is None:
                    continue
                person = _DECODE(row[0])
            yield person

    def flush(self) -> None:
        """Write everybody who was touched."""
        rows = [(self.workspace, name, _ENCODE(self.loaded[name])) for name in self._touched]
        self.file.connection.executemany(
            "insert into people values (?, ?, ?) on conflict do update set body = excluded.body", rows
        )
        self._touched.clear()

    def trim(self, limit: int) -> None:
        """Keep the latest touched four fifths of a limit in memory."""
        self.flush()
        for braze_id in list(self.loaded)[: len(self.loaded) - limit * 4 // 5]:
            del self.loaded[braze_id]


class Names(MutableMapping[str, Person]):
    """One kind of identifier that leads to one person."""

    def __init__(self, shelf: Shelf, kind: str) -> None:
        self._shelf = shelf
        self._kind = kind

    def __getitem__(self, name: str) -> Person:
        row = self._shelf.execute(
            "select braze_id from names where workspace = ? and kind = ? and name = ?",
            (self._shelf.workspace, self._kind, name),
        ).fetchone()
        if row is None:
            raise KeyError(name)
        return self._shelf[row[0]]

    def __setitem__(self, name: str, person: Person) -> None:
        self.discard(name)
        self._shelf.execute(
            "insert into names values (?, ?, ?, ?)",
            (self._shelf.workspace, self._kind, name, person.braze_id),
        )

    def __delitem__(self, name: str) -> None:
        self.discard(name)

    def discard(self, name: str) -> None:
        """Let the name lead nowhere."""
        self._shelf.execute(
            "delete from names where workspace = ? and kind = ? and name = ?",
            (self._shelf.workspace, self._kind, name),
        )

    def __iter__(self) -> Iterator[str]:
        rows = self._shelf.execute(
            "select name from names where workspace = ? and kind = ?", (self._shelf.workspace, self._kind)
        ).fetchall()
        return iter([str(name) for (name,) in rows])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Aliases(MutableMapping[Alias, Person]):
    """Aliases; in the file label and name are one text, with the length of the label before them."""

    def __init__(self, shelf: Shelf) -> None:
        self._names = Names(shelf, "alias")

    def __getitem__(self, alias: Alias) -> Person:
        return self._names[_joined(alias)]

    def __setitem__(self, alias: Alias, person: Person) -> None:
        self._names[_joined(alias)] = person

    def __delitem__(self, alias: Alias) -> None:
        del self._names[_joined(alias)]

    def __iter__(self) -> Iterator[Alias]:
        for text in self._names:
            length, _, both = text.partition(":")
            yield both[int(length) :], both[: int(length)]

    def __len__(self) -> int:
        return len(self._names)


class Holders(Shared):
    """One kind of identifier several people may share."""

    def __init__(self, shelf: Shelf, kind: str) -> None:
        self._shelf = shelf
        self._kind = kind

    def find(self, name: str) -> list[Person]:
        """Everyone who has it."""
        rows = self._shelf.execute(
            "select braze_id from names where workspace = ? and kind = ? and name = ? order by braze_id",
            (self._shelf.workspace, self._kind, name),
        ).fetchall()
        return [self._shelf[str(braze_id)] for (braze_id,) in rows]

    def add(self, name: str, person: Person) -> None:
        """One more who has it."""
        self._shelf.execute(
            "insert or ignore into names values (?, ?, ?, ?)",
            (self._shelf.workspace, self._kind, name, person.braze_id),
        )

    def discard(self, name: str, person: Person) -> None:
        """One fewer."""
        self._shelf.execute(
            "delete from names where workspace = ? and kind = ? and name = ? and braze_id = ?",
            (self._shelf.workspace, self._kind, name, person.braze_id),
        )


def _joined(alias: Alias) -> str:
    name, label = alias
    return f"{len(label)}:{label}{name}"

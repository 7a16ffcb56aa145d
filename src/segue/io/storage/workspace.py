"""`segue.yaml` read into a `Workspace`, or every fault in it at once.

    name: shop
    sources:
      website: {name: Website, platform: server, write_key: wk_…}
    destinations:
      braze:
        type: braze
        source: website
        settings: {api_key: "${BRAZE_API_KEY}", endpoint: US-01}
        subscriptions: [{action: track-event, trigger: type = "track"}]

Shapes only: whether settings fit a catalogue page or a trigger parses is `segue.engine.plan`'s to say; the
faults it finds get their file and line from `locate`. Raises MisconfiguredWorkspace and nothing else.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from segue.io.storage.document import WHOLE, Document, Filled, Missing, read_document
from segue.io.storage.form import BOUNDLESS, Bounds, Form, found, has_missing, meant
from segue.model.errors import Fault, MisconfiguredWorkspace
from segue.model.workspace import (
    CONCEALED,
    Budget,
    Cap,
    Delivery,
    Destination,
    Filter,
    Ingest,
    Source,
    Subscription,
    Workspace,
)

FILE: Final = "segue.yaml"

ID: Final = r"[a-z0-9][a-z0-9-]{0,63}"
"""What a source, destination, subscription or filter may be called."""

WRITE_KEY: Final = r"[A-Za-z0-9._~-]{1,128}"
"""A write key travels in addresses and as a user name, so it keeps to characters safe in both."""

PUBLIC_URL: Final = r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?"

PREFIX: Final = r"(/[A-Za-z0-9._~-]+)*"

BOUNDS: Final[Bounds] = {
    (Ingest, "lanes"): (1, 256),
    (Ingest, "retention_hours"): (0.01, 87_600),
    (Ingest, "retention_bytes"): (1024 * 1024, BOUNDLESS),
    (Budget, "monthly_limit"): (0, BOUNDLESS),
    (Cap, "limit"): (1, BOUNDLESS),
}
"""Lowest and highest value of the numbers nobody else checks; a destination's are the plan's to check."""

_LISTS: Final = ("subscriptions", "filters")


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says beside its values.

    file     its name, for messages
    lines    place -> line, from 1; what is inside subscriptions and filters is there by index and by id
    secrets  the values that came from variables: mask them wherever text leaves the process
    """

    file: str = FILE
    lines: Mapping[str, int] = {}
    secrets: frozenset[str] = frozenset()

    def line(self, place: str) -> int:
        """The line of a place, or of the nearest place around it that the file has; 1 at worst."""
        name = re.sub(r"\[(\d+)\]", r".\1", place).replace("/", ".").strip(".")
        while name and name not in self.lines:
            name = name.rpartition(".")[0]
        return self.lines.get(name, 1)


def read_workspace(path: Path, environment: Mapping[str, str]) -> tuple[Workspace, Positions]:
    """Read a workspace file; `environment` fills ``${NAME}`` in. Reads the disk, so it may block."""
    return parse_workspace(read_content(path), environment, file=str(path))


def read_content(path: Path) -> bytes:
    """The bytes of a workspace file. Raises MisconfiguredWorkspace when there is none to be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        remedy = "Run `segue init` to write a first one." if isinstance(error, FileNotFoundError) else ""
        problem = f"cannot be read: {error.strerror or error}."
        fault = Fault(place=WHOLE, problem=problem, remedy=remedy, file=str(path), line=1)
        raise MisconfiguredWorkspace([fault]) from error


def parse_workspace(
    content: bytes, environment: Mapping[str, str], *, file: str = FILE
) -> tuple[Workspace, Positions]:
    """Read a workspace from the bytes of a file; `file` is only its name in messages."""
    workspace, positions, faults = examine_workspace(content, environment, file=file)
    if faults or workspace is None:
        raise MisconfiguredWorkspace(faults)
    return workspace, positions


def examine_workspace(
    content: bytes, environment: Mapping[str, str], *, file: str = FILE
) -> tuple[Workspace | None, Positions, tuple[Fault, ...]]:
    """Read as much of a workspace as can be read, and every fault of its shape, located and in order.

    With faults the workspace lacks whatever they concern; None when nothing of it can be read.
    """
    faults: list[Fault] = []
    document = read_document(content, environment, faults)
    positions = Positions(file=file, lines=_lines(document), secrets=frozenset(document.secrets))
    workspace = None
    if document.data is not None:
        workspace = _Reader(faults).workspace(document.data)
    elif not faults:
        remedy = "Run `segue init` to write a first one."
        faults.append(Fault(place=WHOLE, problem="the file is empty.", remedy=remedy))
    if workspace is not None:
        workspace = msgspec.structs.replace(workspace, revision=revision_of(content))
    located = sorted(locate(faults, positions), key=lambda fault: fault.line or 0)
    return workspace, positions, tuple(located)


def locate(faults: Iterable[Fault], positions: Positions) -> tuple[Fault, ...]:
    """Give file and line to faults that have none, by the nearest place around each."""
    return tuple(
        msgspec.structs.replace(fault, file=positions.file, line=fault.line or positions.line(fault.place))
        for fault in faults
    )


def revision_of(content: bytes) -> str:
    """Name a file's text: twelve hex digits, the same for the same text whatever the variables hold."""
    return hashlib.sha256(content).hexdigest()[:12]


def starter(write_key: str, *, schema: str = "") -> str:
    """The commented file `segue init` writes: one source, and one Braze destination at the sandbox.

    schema  where the file's JSON Schema is, relative to it, for editors; "" for nowhere
    """
    text = Path(__file__).with_name("starter.yaml").read_text(encoding="utf-8")
    head = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    return head + text.replace("<write key>", write_key)


class _Reader:
    """Makes the structs of plain data; `faults` grows by everything that is wrong on the way."""

    def __init__(self, faults: list[Fault]) -> None:
        self.form = Form(faults, BOUNDS)

    def workspace(self, data: Any) -> Workspace | None:
        if not isinstance(data, dict):
            self.form.wrong(WHOLE, "a mapping with sources and destinations", data)
            return None
        given = dict(data)
        for part in ("sources", "destinations"):  # a key with nothing after it is an empty one
            given[part] = self.form.mapping(given.get(part), part, "a mapping of ids to what they are")
        if not given["sources"]:
            remedy = "Add one under `sources`; `segue init` writes an example."
            self.form.fault("sources", "there is no source, so nothing could ever arrive.", remedy)
        names = list(given["sources"])
        readers = {
            "ingest": self.ingest,
            "sources": lambda sources, place: self.sources(sources),
            "destinations": lambda destinations, place: self.destinations(destinations, names),
        }
        return self.form.struct(Workspace, given, "", fixed={"revision": ""}, readers=readers)

    def ingest(self, given: Any, place: str) -> Ingest | Missing:
        ingest = self.form.struct(Ingest, given, place)
        if ingest and not re.fullmatch(PREFIX, ingest.prefix):
            problem = f"{found(ingest.prefix)} cannot be the prefix of an address."
            self.form.fault(f"{place}.prefix", problem, 'Write for instance "/v1", or "" for none.')
        if ingest and ingest.public_url and not re.fullmatch(PUBLIC_URL, ingest.public_url):
            problem = f"{found(ingest.public_url)} is not the address of a server."
            self.form.fault(f"{place}.public_url", problem, "Write for instance https://events.example.com.")
        return ingest or Missing()

    def sources(self, given: Mapping[str, Any]) -> tuple[Source, ...]:
        sources = [self.source(id_, written) for id_, written in given.items()]
        owners: dict[str, str] = {}
        for source in filter(None, sources):
            for index, key in enumerate(source.write_keys):
                if key in owners:
                    problem = f'this write key already belongs to source "{owners[key]}".'
                    place = _write_key_place(source.id, given[source.id], index)
                    self.form.fault(place, problem, "Give every source keys of its own.")
                owners.setdefault(key, source.id)
        return tuple(filter(None, sources))

    def source(self, id_: str, given: Any) -> Source | None:
        place = f"sources.{id_}"
        self.id(id_, place)
        if given is not None and not isinstance(given, dict):
            self.form.wrong(place, "a mapping with a write_key", given)
            return None
        fields = dict(given or {})
        single = fields.pop("write_key", None)
        several = fields.get("write_keys")
        if single is not None and several is not None:
            self.form.fault(
                f"{place}.write_key", "write_key and write_keys are both written.", "Keep write_keys."
            )
        elif single is not None:
            fields["write_keys"] = single if isinstance(single, Missing) else [single]
        elif several in (None, []):
            remedy = "Add write_key: any text of letters, digits and . _ ~ - that nobody hits upon by chance."
            self.form.fault(
                f"{place}.write_key", "there is no write key, so nothing could be sent here.", remedy
            )
            fields["write_keys"] = Missing()
        source = self.form.struct(Source, fields, place, fixed={"id": id_})
        for index, key in enumerate(source.write_keys if source else ()):
            if not re.fullmatch(WRITE_KEY, key):
                where = _write_key_place(id_, given, index)
                remedy = "Use letters, digits and . _ ~ - only, at most 128 of them."
                self.form.fault(where, f"{len(key)} characters that cannot be a write key.", remedy)
        return source

    def destinations(self, given: Mapping[str, Any], sources: Collection[str]) -> tuple[Destination, ...]:
        made = []
        for id_, written in given.items():
            place = f"destinations.{id_}"
            self.id(id_, place)
            fields = self.form.mapping(written, place, "a mapping with a type, a source and settings")
            source = fields.get("source")
            if isinstance(source, str) and source not in sources:
                remedy = meant(source, sources) or f"There is: {', '.join(sources) or 'none'}."
                named = "of that name" if isinstance(source, Filled) else f'"{source}"'
                self.form.fault(f"{place}.source", f"there is no source {named}.", remedy)
            readers = {
                "settings": self.settings,
                "delivery": self.delivery,
                "budget": self.budget,
                "subscriptions": lambda value, inner: self.entries(Subscription, value, inner),
                "filters": lambda value, inner: self.entries(Filter, value, inner),
            }
            if written is None or isinstance(written, dict):
                made.append(self.form.struct(Destination, fields, place, fixed={"id": id_}, readers=readers))
        return tuple(filter(None, made))

    def settings(self, given: Any, place: str) -> Any:
        """A destination's settings; one that could not be filled in does not hide the others."""
        if isinstance(given, dict):
            given = {key: CONCEALED if has_missing(value) else value for key, value in given.items()}
        return self.form.value(Mapping[str, Any], given, place)

    def delivery(self, given: Any, place: str) -> Delivery | Missing:
        return self.form.struct(Delivery, given, place) or Missing()

    def budget(self, given: Any, place: str) -> Budget | Missing:
        return self.form.struct(Budget, given, place, readers={"caps": self.caps}) or Missing()

    def caps(self, given: Any, place: str) -> tuple[Cap, ...]:
        if not isinstance(given, list):
            self.form.wrong(place, "a list, each entry starting with a dash", given)
            return ()
        made = [self.form.struct(Cap, entry, f"{place}.{index}") for index, entry in enumerate(given)]
        return tuple(filter(None, made))

    def entries(self, kind: type[Subscription] | type[Filter], given: Any, place: str) -> tuple[Any, ...]:
        """A list of subscriptions or filters, each with an id."""
        if not isinstance(given, list):
            self.form.wrong(place, "a list, each entry starting with a dash", given)
            return ()
        ids = _ids(given, place.rpartition(".")[2])
        made = []
        for index, (entry, id_) in enumerate(zip(given, ids, strict=True)):
            inner = f"{place}.{index}"
            if isinstance(entry, dict):
                self.id(id_, f"{inner}.id")
                if id_ in ids[:index]:
                    self.form.fault(
                        f"{inner}.id", f'the id "{id_}" is already used above.', "Choose another."
                    )
            fields = {**entry, "id": entry.get("id") or id_} if isinstance(entry, dict) else entry
            made.append(self.form.struct(kind, fields, inner))
        return tuple(filter(None, made))

    def id(self, id_: str, place: str) -> None:
        if not re.fullmatch(ID, id_):
            better = _slug(id_)[:64]
            remedy = (
                f"Use lower-case letters, digits and dashes{f', for instance {better}' if better else ''}."
            )
            self.form.fault(place, f'"{id_}" cannot be an id.', remedy)


def _write_key_place(id_: str, given: Any, index: int) -> str:
    several = isinstance(given, dict) and given.get("write_keys") is not None
    return f"sources.{id_}.write_keys.{index}" if several else f"sources.{id_}.write_key"


def _lines(document: Document) -> dict[str, int]:
    """The lines of a document; what is inside lists of named things is there under their ids as well."""
    lines = dict(document.lines)
    destinations = document.data.get("destinations") if isinstance(document.data, dict) else None
    for name, destination in destinations.items() if isinstance(destinations, dict) else ():
        for part in _LISTS if isinstance(destination, dict) else ():
            entries = destination.get(part)
            if isinstance(entries, list):
                prefix = f"destinations.{name}.{part}."
                ids = _ids(entries, part)
                for place, line in document.lines.items():
                    if place.startswith(prefix):
                        index, dot, rest = place[len(prefix) :].partition(".")
                        lines.setdefault(f"{prefix}{ids[int(index)]}{dot}{rest}", line)
    return lines


def _ids(entries: Sequence[Any], part: str) -> list[str]:
    """The id of each entry of a list: the one written, else one made of its name or action, numbered when
    that is taken."""
    written = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
    taken = {id_ for id_ in written if isinstance(id_, str)}
    ids = []
    for entry, own in zip(entries, written, strict=True):
        id_ = own
        if not isinstance(id_, str):
            fields = entry if isinstance(entry, dict) else {}
            words = fields.get("name") or fields.get("title") or fields.get("action")
            stem = _slug(words)[:56].rstrip("-") if isinstance(words, str) else ""
            id_ = next(name for name in _numbered(stem or part.removesuffix("s")) if name not in taken)
            taken.add(id_)
        ids.append(id_)
    return ids


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")

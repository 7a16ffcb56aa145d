"""What a Segment workspace exported, whatever shape it was saved in.

    export = read_export([("sources.json", {"data": {"sources": [{"id": "src_1", …}]}})])
    export.of("source")          every source, once, in the order found
    export.of("function")        what Segue has no place for is here too, to be named

Read are answers of Segment's Public API (lists, single objects, pages of a list, bare or in their envelope)
and what Terraform keeps (`segue.engine.migration.terraform`). Names are the Public API's.

Source  Segment Public API 73.2.0, read 2026-11-24
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.engine.migration.notes import Remark
from segue.engine.migration.terraform import Json, is_terraform, resources
from segue.model.errors import InvalidError


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One exported thing; `body` has the Public API's names, and the customer's own JSON as it was."""

    kind: str
    id: str
    body: Json
    file: str

    @property
    def name(self) -> str:
        """What it is called, for a message."""
        for key in ("name", "title", "displayName", "slug"):
            if isinstance(found := self.body.get(key), str) and found:
                return found
        return ""

    @property
    def subject(self) -> str:
        """What it is, for a message: ``destination "Braze" (dst_1)``."""
        named = f' "{self.name}"' if self.name else ""
        return f"{self.kind}{named}" + (f" ({self.id})" if self.id else "")


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """Every thing found, once, by kind; remarks say what could not be read or is missing."""

    items: Mapping[str, Sequence[Item]]
    remarks: Sequence[Remark]

    def of(self, kind: str) -> Sequence[Item]:
        """The things of one kind, in the order found."""
        return self.items.get(kind, ())


KINDS: Final[Mapping[str, str]] = {
    "source": "source",
    "destination": "destination",
    "subscription": "subscription",
    "destinationSubscription": "subscription",
    "filter": "filter",
    "destinationFilter": "filter",
    "function": "function",
    "insertFunctionInstance": "insert function",
    "trackingPlan": "tracking plan",
    "transformation": "transformation",
    "warehouse": "warehouse",
    "reverseEtlModel": "reverse ETL model",
    "audience": "audience",
    "computedTrait": "computed trait",
    "space": "space",
    "regulation": "regulation",
    "label": "label",
    "user": "user",
    "userGroup": "user group",
}
"""Word of an envelope -> kind; a list has the word with an ``s``."""

SILENT: Final = frozenset({"pagination", "status", "sourcesCatalog", "destinationsCatalog", "workspace"})
"""Words of an envelope that hold nothing to carry over."""

_WORDS: Final = {**KINDS, **{f"{word}s": kind for word, kind in KINDS.items()}}


def read_export(documents: Iterable[tuple[str, Any]]) -> Export:
    """Gather what some JSON documents hold: (name of the file, document) pairs. Raises nothing."""
    reader = _Reader()
    for file, document in documents:
        reader.document(document, file)
    reader.count_pages()
    by_kind: dict[str, list[Item]] = {}
    for item in reader.found.values():
        by_kind.setdefault(item.kind, []).append(item)
    return Export(items=by_kind, remarks=reader.remarks)


def text(body: Mapping[str, Any], key: str) -> str:
    """A text of an exported thing; "" when there is none or it is something else."""
    found = body.get(key)
    return found if isinstance(found, str) else ""


def member(body: Mapping[str, Any], key: str) -> Json:
    """An object of an exported thing; an empty one when there is none or it is something else."""
    found = body.get(key)
    return found if isinstance(found, dict) else {}


class _Reader:
    """Collects items by kind and id; a thing met twice is one thing."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Item] = {}
        self.remarks: list[Remark] = []
        self.pages: dict[tuple[str, str], str] = {}
        self.continued: dict[tuple[str, str], str] = {}

    def document(self, document: Any, file: str) -> None:
        if isinstance(document, list):
            for each in document:
                self.document(each, file)
        elif not isinstance(document, dict):
            self.unreadable(file, "holds neither an object nor a list of objects.")
        elif is_terraform(document):
            self.terraform(document, file)
        elif "data" not in document and isinstance(errors := document.get("errors"), list):
            said = errors[0].get("message") if errors and isinstance(errors[0], dict) else ""
            self.unreadable(file, f"is an error answer of the API{f': {said}' if said else ''}.")
        elif isinstance(data := document.get("data"), dict | list):
            self.document(data, file) if isinstance(data, list) else self.envelope(data, file)
        elif kind := _kind_of(document):
            self.add(kind, document, file)
        else:
            self.envelope(document, file)

    def envelope(self, data: Json, file: str) -> None:
        words = [word for word in data if word in _WORDS and isinstance(data[word], dict | list)]
        if not words:
            if kind := _kind_of(data):
                self.add(kind, data, file)
            elif not SILENT & data.keys():
                why = "nothing in it is a source, destination, subscription or filter."
                self.remarks.append(Remark(what="noted", subject=f"file {file}", why=why, file=file))
            return
        for word in words:
            entries = data[word] if isinstance(data[word], list) else [data[word]]
            for entry in entries:
                self.add(_WORDS[word], entry, file)
            self.page(_WORDS[word], data.get("pagination"), entries, file)
        if isinstance(plan := data.get("trackingPlanId"), str) and plan:
            self.add("tracking plan connection", {"id": plan}, file)

    def page(self, kind: str, pagination: Any, entries: Sequence[Any], file: str) -> None:
        """Note which page of a list this is and which one follows; lists below a destination are its own."""
        if isinstance(pagination, dict):
            first = entries[0] if entries and isinstance(entries[0], dict) else {}
            owner = f"{kind} {first.get('destinationId', '')}"
            if isinstance(current := pagination.get("current"), str):
                self.pages[owner, current] = file
            if isinstance(following := pagination.get("next"), str) and following:
                self.continued[owner, following] = file

    def count_pages(self) -> None:
        """Remark on lists whose next page was not among the files."""
        for (owner, cursor), file in self.continued.items():
            if (owner, cursor) not in self.pages:
                kind = owner.partition(" ")[0]
                self.remarks.append(
                    Remark(
                        what="unreadable",
                        subject=f"the rest of the {kind}s in {file}",
                        why="the list goes on, and its next page is not among the files.",
                        remedy=f"Fetch it with pagination[cursor]={cursor} and put it beside the others.",
                        file=file,
                    )
                )

    def terraform(self, document: Json, file: str) -> None:
        try:
            for kind, body in resources(document):
                self.add(kind, body, file)
        except InvalidError as error:
            self.unreadable(file, f"{error}.")

    def add(self, kind: str, body: Any, file: str) -> None:
        id_ = body.get("id") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(id_, str) or not id_:
            found = "no id" if isinstance(body, dict) else f"a {type(body).__name__}, not an object"
            self.unreadable(file, f"has a {kind} with {found}; the entry is skipped.")
            return
        body = {key: value for key, value in body.items() if value is not None}
        known = self.found.get((kind, id_))
        if known is not None:
            differing = [key for key in body if key in known.body and body[key] != known.body[key]]
            if differing:
                why = f"it is also in {known.file}, with another {', '.join(differing)}; this one holds."
                self.remarks.append(Remark(what="changed", subject=known.subject, why=why, file=file))
            body = {**known.body, **body}
        self.found[kind, id_] = Item(kind=kind, id=id_, body=body, file=file)

    def unreadable(self, file: str, why: str) -> None:
        self.remarks.append(Remark(what="unreadable", subject=f"file {file}", why=why, file=file))


def _kind_of(body: Json) -> str:
    """The kind of an object that stands alone, by what only that kind has; "" when none fits."""
    if "writeKeys" in body:
        return "source"
    if "trigger" in body and ("actionId" in body or "actionSlug" in body):
        return "subscription"
    if "if" in body and "actions" in body:
        return "filter"
    if "sourceId" in body and "metadata" in body:
        return "destination"
    return "function" if "resourceType" in body and "code" in body else ""

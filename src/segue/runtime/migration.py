"""A folder with a Segment workspace's export becomes the text of a `segue.yaml`.

    made = import_segment(Path("export"))
    save(made, Path("segue.yaml"))

The text is read back before anybody gets it: it holds the workspace that was made, and a plan can be made
of it. What could not come along is in `made.remarks`, what must be set in `made.variables`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Final

import msgspec

from segue.catalog.contents import catalogue
from segue.engine.migration.export import read_export
from segue.engine.migration.migrate import Migration, migrate
from segue.engine.migration.notes import Remark, Variable, What
from segue.engine.plan import prepare
from segue.io.outside.files import read_documents, write_whole
from segue.io.storage.workspace import parse_workspace
from segue.io.storage.yaml_text import workspace_text
from segue.model.errors import BrokenError, InvalidError
from segue.model.workspace import Workspace

__all__ = ["Imported", "Remark", "Variable", "What", "import_segment", "save"]

MADE: Final = (
    "Made from the export of a Segment workspace by `segue import segment`.",
    "Read the remarks, set the variables, check it with `segue validate`, and look at what",
    "would be sent with `segue try`.",
)


WIDTH: Final = 96
"""Characters of a comment's line."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace file that was made, and what there is to know about it. `files` counts those read."""

    text: str
    workspace: Workspace
    variables: Sequence[Variable]
    remarks: Sequence[Remark]
    files: int

    @property
    def is_whole(self) -> bool:
        """True when every file, and every entry in them, could be read."""
        return not any(remark.what == "unreadable" for remark in self.remarks)


def import_segment(place: Path) -> Imported:
    """Make a workspace of the JSON files under a folder, or of one file.

    Raises MisconfiguredError when there is no such folder, InvalidError when no source is in it.
    """
    documents, unread = read_documents(place)
    export = read_export((document.file, document.value) for document in documents)
    damaged = [
        Remark(
            what="unreadable",
            subject=f"file {each.file}",
            why=each.why,
            remedy="What it held is missing below; mend the file and import again.",
            file=each.file,
        )
        for each in unread
    ]
    export = msgspec.structs.replace(export, remarks=[*damaged, *export.remarks])
    moved = migrate(export, catalogue())
    if not moved.workspace.sources:
        told = "; ".join(f"{each.subject} {each.why}" for each in moved.remarks[:3])
        found = f" ({told})" if told else ""
        raise InvalidError(
            f"{place}: there is no source in it, so there is nothing to import{found}. "
            "Save the answer of GET /sources, or Terraform's state, as .json there."
        )
    text = workspace_text(
        moved.workspace,
        references={each.place: each.name for each in moved.variables},
        comments=_comments(moved.remarks),
        head=_head(moved),
    )
    _prove(text, moved)
    files = len({document.file for document in documents}) + len(unread)
    return Imported(
        text=text,
        workspace=moved.workspace,
        variables=moved.variables,
        remarks=moved.remarks,
        files=files,
    )


def save(made: Imported, path: Path, *, replace: bool = False) -> None:
    """Write the file whole. Raises MisconfiguredError when it is there and may not be replaced."""
    write_whole(path, made.text, replace=replace)


def _head(moved: Migration) -> list[str]:
    lines = list(MADE)
    if moved.variables:
        lines += ["", "Set in the environment, or in the file .env beside this one:"]
        lines += [f"  {each.name}: {each.place}, {each.why}" for each in moved.variables]
    away = [each for each in moved.remarks if not each.place]
    if away:
        lines += ["", "What is not in this file:"]
        lines += [f"  {line}" for each in away for line in _lines(each)]
    return lines


def _comments(remarks: Sequence[Remark]) -> Mapping[str, list[str]]:
    comments: dict[str, list[str]] = {}
    for each in remarks:
        if each.place:
            comments.setdefault(each.place, []).extend(_lines(each))
    return comments


def _lines(remark: Remark) -> list[str]:
    said = f"{remark.what}: {remark.subject}: {remark.why}{f' {remark.remedy}' if remark.remedy else ''}"
    return [line for part in said.splitlines() for line in wrap(part, WIDTH, subsequent_indent="  ")]


def _prove(text: str, moved: Migration) -> None:
    """Read the text back as `segue validate` would. Raises what is wrong with it, BrokenError if it says
    something else than was meant."""
    environment = {each.name: each.stand_in for each in moved.variables}
    read, _ = parse_workspace(text.encode(), environment, file="the file to be written")
    if msgspec.structs.replace(read, revision="") != moved.workspace:
        raise BrokenError("the workspace file does not read back as what was imported; please tell us.")
    prepare(read, catalogue())

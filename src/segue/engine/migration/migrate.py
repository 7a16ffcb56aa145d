"""A Segment workspace becomes one of ours, and whatever cannot come along is named with its reason.

    moved = migrate(read_export(documents), catalogue)
    moved.workspace      every part of it passes `segue.engine.plan.prepare`
    moved.variables      what must be set before it runs: secrets, and what the export did not hold
    moved.remarks        what was left out, held back or changed, and why

Nothing is sent that Segment would have kept back: a destination whose filter, function or transformation
cannot come along is carried over disabled.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from segue.engine.migration.destinations import move_destinations
from segue.engine.migration.export import Export, text
from segue.engine.migration.notes import Notes, Remark, Variable
from segue.engine.migration.sieve import sift
from segue.engine.migration.sources import move_sources
from segue.engine.plan import Catalogue
from segue.model.workspace import Workspace

ELSEWHERE: Final[Mapping[str, str]] = {
    "function": "functions are JavaScript that runs at Segment; Segue has none yet.",
    "insert function": "functions are JavaScript that runs at Segment; Segue has none yet.",
    "tracking plan": "Segue does not check events against a tracking plan yet; what it blocked will pass.",
    "tracking plan connection": "Segue does not check events against a tracking plan yet.",
    "transformation": "Segue has no transformations; mappings and filters can do most of them.",
    "warehouse": "Segue does not fill warehouses.",
    "warehouse connection": "Segue does not fill warehouses.",
    "reverse ETL model": "Segue does not read warehouses.",
    "audience": "audiences are computed from Segment's history of events, which is not in an export.",
    "computed trait": "traits are computed from Segment's history of events, which is not in an export.",
    "space": "spaces belong to Segment's Engage and Unify.",
    "regulation": "deletion requests are not carried over; repeat those that must still hold.",
    "label": "Segue has no labels.",
    "user": "Segue has no user accounts.",
    "user group": "Segue has no user accounts.",
}
"""Kind -> why it stays behind."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of an export. Where a variable belongs the workspace holds a stand-in."""

    workspace: Workspace
    variables: Sequence[Variable]
    remarks: Sequence[Remark]


def migrate(export: Export, catalogue: Catalogue) -> Migration:
    """Make a workspace of an export.

    Raises nothing for what is wrong with the export; the remarks say it. Without any source the workspace
    is empty.
    """
    notes = Notes(export.remarks)
    sources = move_sources(export, notes)
    destinations = move_destinations(export, catalogue, sources, notes)
    _leave_orphans(export, set(destinations), notes)
    for kind, why in ELSEWHERE.items():
        for item in export.of(kind):
            notes.remark("left out", item, why)
    subjects = {
        destinations[item.id].id: item.subject for item in export.of("destination") if item.id in destinations
    }
    workspace = sift(
        Workspace(sources=tuple(sources.values()), destinations=tuple(destinations.values())),
        catalogue,
        subjects,
        notes,
    )
    places = {f"sources.{each.id}" for each in workspace.sources}
    places |= {f"destinations.{each.id}" for each in workspace.destinations}
    variables = [each for each in notes.variables if ".".join(each.place.split(".")[:2]) in places]
    return Migration(workspace=workspace, variables=variables, remarks=notes.remarks)


def _leave_orphans(export: Export, kept: set[str], notes: Notes) -> None:
    """Name the subscriptions and filters whose destination does not come along."""
    exported = {item.id for item in export.of("destination")}
    for kind in ("subscription", "filter"):
        for item in export.of(kind):
            owner = text(item.body, "destinationId")
            if not owner:
                notes.remark("left out", item, "it belongs to no destination.")
            elif owner not in exported:
                remedy = f"Add the answer of GET /destinations/{owner} to the folder."
                notes.remark("left out", item, f'its destination "{owner}" is not in the export.', remedy)
            elif owner not in kept:
                notes.remark("left out", item, "its destination was left out.")

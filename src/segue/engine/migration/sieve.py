"""A workspace without whatever would stop it: parts the plan refuses are taken out, each with its reason."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from segue.engine.migration.notes import Notes, Remark
from segue.engine.plan import Catalogue, prepare
from segue.model.errors import Fault, MisconfiguredWorkspace
from segue.model.workspace import Destination, Workspace

Part = tuple[str, str, int]
"""(destination, "subscriptions" or "filters", index), or (destination, "", 0) for the whole of it."""


def sift(workspace: Workspace, catalogue: Catalogue, subjects: Mapping[str, str], notes: Notes) -> Workspace:
    """The workspace with only such parts as `prepare` accepts.

    A destination that loses an enabled filter is disabled: it would send what the filter kept back.

    subjects  what each destination is called in remarks, by its id
    """
    while True:
        try:
            plan = prepare(workspace, catalogue)
        except MisconfiguredWorkspace as error:
            faulty: dict[Part, Fault] = {}
            for fault in error.faults:
                if not fault.warning:
                    faulty.setdefault(_part(fault.place), fault)
            kept = [_without(each, faulty, subjects, notes) for each in workspace.destinations]
            workspace = msgspec.structs.replace(workspace, destinations=tuple(filter(None, kept)))
            continue
        notes.remarks += (
            Remark(
                what="noted",
                subject=fault.place.removeprefix("destinations."),
                why=fault.problem,
                remedy=fault.remedy,
                place=fault.place,
            )
            for fault in plan.warnings
        )
        return workspace


def _part(place: str) -> Part:
    _, id_, *inner = place.split(".")
    if len(inner) > 1 and inner[0] in ("subscriptions", "filters") and inner[1].isdigit():
        return id_, inner[0], int(inner[1])
    return id_, "", 0


def _without(
    destination: Destination, faulty: Mapping[Part, Fault], subjects: Mapping[str, str], notes: Notes
) -> Destination | None:
    subject, place = subjects[destination.id], f"destinations.{destination.id}"
    if fault := faulty.get((destination.id, "", 0)):
        notes.remarks.append(_left_out(subject, fault))
        return None
    parts: dict[str, Sequence[Any]] = {
        "subscriptions": destination.subscriptions or (),
        "filters": destination.filters,
    }
    kept: dict[str, tuple[Any, ...]] = {}
    for part, entries in parts.items():
        faults = [faulty.get((destination.id, part, index)) for index in range(len(entries))]
        if any(faults):
            kept[part] = tuple(entry for entry, fault in zip(entries, faults, strict=True) if fault is None)
        for entry, fault in zip(entries, faults, strict=True):
            if fault is not None:
                notes.remarks.append(_left_out(f'{part[:-1]} "{entry.id}" of {subject}', fault, place))
                if part == "filters" and entry.enabled and destination.enabled and "enabled" not in kept:
                    why = f'without its filter "{entry.id}" it would send what the filter kept back.'
                    remedy = "Rewrite the filter, then remove enabled: false."
                    notes.remarks.append(
                        Remark(what="held back", subject=subject, why=why, remedy=remedy, place=place)
                    )
                    destination = msgspec.structs.replace(destination, enabled=False)
    return msgspec.structs.replace(destination, **kept)


def _left_out(subject: str, fault: Fault, place: str = "") -> Remark:
    return Remark(what="left out", subject=subject, why=fault.problem, remedy=fault.remedy, place=place)

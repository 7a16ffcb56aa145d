"""A canvas played out: entry, experiment, steps in time, conversion, and the ways out of it.

Source  Braze docs, "Message engagement events" (canvas events), read 2026-11-23, for what is told; when it
        happens is the sandbox's own. `progression_type` and `exit_reason` are assumed words.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Literal

from segue.sandbox import messages
from segue.sandbox.person import Person, Reception
from segue.sandbox.workspace import Canvas, CanvasStep, Workspace

_ENTRIES = uuid.UUID("5e90e000-0000-4000-8000-000000000002")


def enter(
    workspace: Workspace,
    canvas: Canvas,
    person: Person,
    told: Mapping[str, Any],
    now_ms: int,
    later: messages.Later,
) -> None:
    """Let a person in, or into its control group; their steps follow in time."""
    reception = person.receptions[canvas.id]
    reception.entered_ms, reception.exited_ms = now_ms, None
    told = {**told, **_variation(canvas)}
    entry = {**told, "in_control_group": reception.in_control}
    messages.happen(workspace, person.braze_id, "users.canvas.Entry", canvas, entry, now_ms)
    if reception.in_control:
        return
    person.canvases_received[canvas.id] = now_ms
    if canvas.experiment_paths >= 2:
        split = {**told, **_path(canvas, person), "in_control_group": False}
        kind = "users.canvas.experimentstep.SplitEntry"
        messages.happen(workspace, person.braze_id, kind, canvas, split, now_ms)
    told["canvas_entry_id"] = str(uuid.uuid5(_ENTRIES, f"{told['dispatch_id']}/{person.braze_id}"))
    steps = canvas.steps or [CanvasStep(id=f"{canvas.id}-step-1", name="Step 1", channels=canvas.channels)]
    for place in range(len(steps)):
        run = _running(workspace, canvas, person.braze_id, steps, place, told, now_ms, later)
        if steps[place].after_seconds == 0:
            run(now_ms)
        else:
            later(now_ms + steps[place].after_seconds * 1_000, run)


def convert(
    workspace: Workspace, canvas: Canvas, person: Person, told: Mapping[str, Any], at_ms: int
) -> None:
    """Tell that a person did what the canvas is for."""
    told = {"canvas_id": canvas.id, "canvas_name": canvas.name, **_variation(canvas), **told}
    messages.happen(workspace, person.braze_id, "users.canvas.Conversion", canvas, told, at_ms)
    if canvas.experiment_paths >= 2:
        told |= _path(canvas, person)
        kind = "users.canvas.experimentstep.Conversion"
        messages.happen(workspace, person.braze_id, kind, canvas, told, at_ms)


def leave(
    workspace: Workspace,
    canvas: Canvas,
    person: Person,
    why: Literal["PerformedEvent", "MatchedAudience"],
    at_ms: int,
) -> None:
    """Let a person out before the end; the steps to come are not theirs any more."""
    reception = person.receptions.setdefault(canvas.id, Reception())
    if reception.exited_ms is not None:
        return
    reception.exited_ms = at_ms
    told = {"canvas_id": canvas.id, "canvas_name": canvas.name, **_variation(canvas)}
    messages.happen(workspace, person.braze_id, f"users.canvas.exit.{why}", canvas, told, at_ms)


def _running(
    workspace: Workspace,
    canvas: Canvas,
    braze_id: str,
    steps: list[CanvasStep],
    place: int,
    told: Mapping[str, Any],
    entered_ms: int,
    later: messages.Later,
) -> Callable[[int], None]:
    """What lets one step happen, if the person is still in it by then."""

    def run(at_ms: int) -> None:
        person = workspace.people.by_braze_id.get(braze_id)
        reception = person.receptions.get(canvas.id) if person is not None else None
        if person is None or reception is None or reception.entered_ms != entered_ms:
            return  # deleted, merged, or in it anew
        if reception.exited_ms is not None:
            return
        segment = workspace.segments.get(canvas.exit_segment_id)
        if segment is not None and workspace.members(segment, at_ms)(person):
            leave(workspace, canvas, person, "MatchedAudience", at_ms)
            return
        step = steps[place]
        reception.steps[step.id] = at_ms
        is_last = place == len(steps) - 1
        said = {
            **told,
            "canvas_step_id": step.id,
            "canvas_step_name": step.name,
            "is_canvas_entry": place == 0,
            "next_step_id": None if is_last else steps[place + 1].id,
            "progression_type": "exited" if is_last else "advanced",
            "exit_reason": "completed" if is_last else None,
        }
        messages.happen(workspace, braze_id, "users.canvasstep.Progression", canvas, said, at_ms)
        messages.play(workspace, person, step.channels, canvas, said, at_ms, later)
        if is_last:
            reception.exited_ms = at_ms

    return run


def _variation(canvas: Canvas) -> dict[str, str]:
    return {"canvas_variation_id": f"{canvas.id}-1", "canvas_variation_name": "Variant 1"}


def _path(canvas: Canvas, person: Person) -> dict[str, str]:
    """The path of the experiment a person takes: always the same."""
    number = int(messages.share(person.braze_id, canvas.id, "path") * canvas.experiment_paths) + 1
    return {
        "experiment_step_id": f"{canvas.id}-experiment",
        "experiment_split_id": f"{canvas.id}-path-{number}",
        "experiment_split_name": f"Path {number}",
    }

"""Control operations on how a workspace is set up, while the people in it stay."""

from collections.abc import Mapping
from typing import Any

import msgspec

from segue.sandbox.operations import WHERE, Asked, Missing, Route, Wrong, workspace_of
from segue.sandbox.seed import check_segments
from segue.sandbox.workspace import App, Canvas, Furnishing, SubscriptionGroup, Workspace
from segue.sandbox.world import World


def _change(world: World, asked: Asked) -> Any:
    workspace = world.workspaces.get(asked.part)
    if workspace is None:
        known = ", ".join(sorted(world.workspaces))
        raise Missing(f"workspace {asked.part!r} is unknown; there are: {known}")
    unknown = asked.body.keys() - set(Furnishing.__struct_fields__)
    if unknown or asked.body.get("id", workspace.id) != workspace.id:
        named = min(unknown, default="id")
        others = ", ".join(name for name in Furnishing.__struct_fields__ if name != "id")
        raise Wrong(f"{named!r} cannot be changed; these can: {others}")
    return _furnish(workspace, asked.body)


def _furnish(workspace: Workspace, changed: Mapping[str, Any]) -> Furnishing:
    """Put changed parts in force. Raises Wrong: a segment asks for what there is not."""
    now = msgspec.to_builtins(workspace.furnishing)
    made = msgspec.convert({**now, **changed}, type=Furnishing)
    try:
        check_segments([made])
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    workspace.furnishing = made
    workspace.refresh()
    return made


def _add_app(world: World, asked: Asked) -> Any:
    workspace, app = workspace_of(world, asked), asked.body
    own = workspace.furnishing
    own.apps = [one for one in own.apps if one.app_id != app.app_id] + [app]
    workspace.refresh()
    return app


def _add_group(world: World, asked: Asked) -> Any:
    workspace, group = workspace_of(world, asked), asked.body
    own = workspace.furnishing
    own.subscription_groups = [one for one in own.subscription_groups if one.id != group.id] + [group]
    workspace.refresh()
    return group


def _canvases(world: World, asked: Asked) -> Any:
    return {"canvases": workspace_of(world, asked).furnishing.canvases}


def _add_canvas(world: World, asked: Asked) -> Any:
    workspace, canvas = workspace_of(world, asked), asked.body
    now_ms = world.clock.now_ms()
    canvas.created_at_ms, canvas.updated_at_ms = canvas.created_at_ms or now_ms, now_ms
    own = workspace.furnishing
    own.canvases = [one for one in own.canvases if one.id != canvas.id] + [canvas]
    workspace.refresh()
    return canvas


ROUTES: Mapping[tuple[str, str], Route] = {
    ("PATCH", "/workspaces/{id}"): Route(
        "Change how a workspace is set up, its people kept: apps, groups, blocklists, types and the rest.",
        _change,
        dict[str, Any],
        part="The workspace's id.",
    ),
    ("POST", "/apps"): Route("Add an app or replace one.", _add_app, App, WHERE, 201),
    ("POST", "/subscription_groups"): Route(
        "Add a subscription group or replace one.", _add_group, SubscriptionGroup, WHERE, 201
    ),
    ("GET", "/canvases"): Route("Canvases.", _canvases, query=WHERE),
    ("POST", "/canvases"): Route("Add a canvas or replace one.", _add_canvas, Canvas, WHERE, 201),
}
"""These operations: method and path below the root."""

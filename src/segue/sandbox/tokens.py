"""Push tokens: kept by person, found by token, and every change of one told to Currents.

Source  Braze docs, "User attributes object", "Customer behavior events" (token state changes),
        read 2026-11-23. A new token is an add; the same token on the same person with another device or app
        an update; one that was somebody else's, or replaces the one of the same device and app, is a remove
        of the old and an add. One that turns out invalid is removed; with a person's last one gone, the app
        counts as uninstalled.
"""

from typing import Any

from segue.sandbox.clock import iso
from segue.sandbox.person import Person
from segue.sandbox.workspace import Workspace

Token = dict[str, Any]
"""`app_id`, `token`, `device_id`."""


def keep_token(workspace: Workspace, person: Person, token: Token, now_ms: int) -> None:
    """Put a token on a person, and take it from whoever had it."""
    before = person.device_ids
    _put(workspace, person, token, now_ms)
    workspace.people.relist_devices(person, before)


def _put(workspace: Workspace, person: Person, token: Token, now_ms: int) -> None:
    device = token["device_id"] or _device(person, token)
    kept = {**token, "device_id": device}
    same = next((held for held in person.push_tokens if held["token"] == token["token"]), None)
    if same is not None:
        person.push_tokens = tuple(kept if held is same else held for held in person.push_tokens)
        if same != kept:
            _tell(workspace, person, kept, "update", now_ms)
        return
    owner = workspace.people.by_token(token["token"])
    if owner is not None and owner is not person:
        taken = next((held for held in owner.push_tokens if held["token"] == token["token"]), None)
        if taken is not None:
            _take(workspace, owner, taken, now_ms)
    for held in person.push_tokens:
        if (held["device_id"], held["app_id"]) == (device, token["app_id"]):
            _take(workspace, person, held, now_ms)
    person.push_tokens = (*person.push_tokens, kept)
    workspace.people.list_token(person, token["token"])
    _tell(workspace, person, kept, "add", now_ms)


def drop_token(workspace: Workspace, person: Person, token: Token, now_ms: int) -> None:
    """Remove a token that turned out invalid; the last one tells that the app is gone."""
    _take(workspace, person, token, now_ms)
    if not person.push_tokens:
        person.fields["uninstalled_at"] = iso(now_ms)
        told = {"app_id": token["app_id"]}
        workspace.emit(
            "users.behaviors.Uninstall", person, now_ms, told, device={"device_id": token["device_id"]}
        )


def _device(person: Person, token: Token) -> str:
    """A device id for a token that came without: the one it has, or a new one."""
    held = next((one for one in person.push_tokens if one["token"] == token["token"]), None)
    if held is not None:
        return str(held["device_id"])
    return f"sandbox-device-{person.random_bucket:04d}-{len(person.push_tokens)}"


def _take(workspace: Workspace, person: Person, token: Token, now_ms: int) -> None:
    before = person.device_ids
    person.push_tokens = tuple(held for held in person.push_tokens if held["token"] != token["token"])
    workspace.people.relist_devices(person, before)
    workspace.people.unlist_token(person, token["token"])
    _tell(workspace, person, token, "remove", now_ms)


def _tell(workspace: Workspace, person: Person, token: Token, change: str, now_ms: int) -> None:
    if not workspace.streams:
        return
    told = {
        "app_id": token["app_id"],
        "push_token": token["token"],
        "push_token_device_id": token["device_id"],
        "push_token_created_at": now_ms // 1_000,
        "push_token_updated_at": now_ms // 1_000,
        "push_token_state_change_type": change,
    }
    device = {"device_id": token["device_id"], "platform": _platform(workspace, token)}
    workspace.emit("users.behaviors.pushnotification.TokenStateChange", person, now_ms, told, device=device)


def _platform(workspace: Workspace, token: Token) -> str | None:
    app = workspace.apps.get(token["app_id"])
    return app.platform.lower() if app is not None else None

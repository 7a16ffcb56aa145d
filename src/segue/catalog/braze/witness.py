"""Harmless requests: about somebody who is not there, to see whether an endpoint of Braze works.

Each goes to the endpoint, and needs the permission, of the rows it speaks for, and changes nothing: Braze
updates nobody who is not there, gives no alias to nobody, and identifies, merges and deletes nobody it does
not find. Catalogs and triggered messages have none: every write there changes or sends something.

Source  Braze docs, "Track users", "Create new user aliases", "Identify users", "Merge users", "Delete users",
        read 2026-11-23
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from segue.kit.action import Settings
from segue.model.delivery import Request

from . import deletion, rest

NOBODY: Final = "segue-witness"
"""The external id, alias and label of somebody who is not there."""

_ALIAS: Final = {"alias_name": NOBODY, "alias_label": NOBODY}
_MERGE: Final = {"identifier_to_merge": {"user_alias": _ALIAS}, "identifier_to_keep": {"external_id": NOBODY}}

_QUESTIONS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "create-alias": ("/users/alias/new", {"user_aliases": [{"external_id": NOBODY, **_ALIAS}]}),
    "identify-user": (
        "/users/identify",
        {"aliases_to_identify": [{"external_id": NOBODY, "user_alias": _ALIAS}]},
    ),
    "merge-users": ("/users/merge", {"merge_updates": [_MERGE]}),
    deletion.SLUG: ("/users/delete", {"external_ids": [NOBODY]}),
}
"""By action: path and body."""


def witness(settings: Settings, action: str) -> Request | None:
    """The harmless request for an action's endpoint; None when there is none."""
    if action in rest.ARRAYS:
        nobody = {"external_id": NOBODY, "_update_existing_only": True}
        body = rest.list_body("attributes", [orjson.dumps(nobody)])
        return rest.request(settings, "/users/track", body, pool=rest.TRACK_POOL)
    if action not in _QUESTIONS:
        return None
    path, question = _QUESTIONS[action]
    return rest.request(settings, path, orjson.dumps(question), pool=rest.USERS_POOL)

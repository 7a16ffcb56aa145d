"""The endpoints of this Braze: path, permission, rate-limit bucket, and who answers.

Source  Braze docs, each endpoint's page and "API overview" (permissions), read 2026-11-23
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from segue.sandbox import aliases, deletion, export, identify, track
from segue.sandbox.exchange import Call, Reply

MEGABYTE = 1_048_576


class Endpoint(NamedTuple):
    """One method and path. `answer` raises Refused for what the endpoint turns down."""

    permission: str
    answer: Callable[[Call], Reply]
    bucket: str = "default"
    body_bytes: int = 4 * MEGABYTE
    over_body: tuple[int, str] = (413, "too-large")
    """Status and rule for a longer body."""


EXACT: Mapping[tuple[str, str], Endpoint] = {
    ("POST", "/users/track"): Endpoint("users.track", track.track, "track"),
    ("POST", "/users/export/ids"): Endpoint("users.export.ids", export.export_ids, "export-ids"),
    ("POST", "/users/delete"): Endpoint("users.delete", deletion.delete, "identity"),
    ("POST", "/users/alias/new"): Endpoint("users.alias.new", aliases.new_alias, "identity"),
    ("POST", "/users/identify"): Endpoint("users.identify", identify.identify, "identity"),
}


def find(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]] | None:
    """The endpoint of a path, and what its variable parts are."""
    endpoint = EXACT.get((method, path))
    return (endpoint, ()) if endpoint is not None else None

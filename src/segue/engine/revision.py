"""A workspace without its secrets, fit to be kept: it can still be planned and routed by, but not sent with.

conceal(workspace, catalogue, {"rest-key-1"}).destinations[0].settings["api_key"]     "***"
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from segue.engine.plan import Catalogue
from segue.engine.setup import find_page
from segue.kit.field import Field
from segue.model.workspace import CONCEALED, Destination, Workspace

CONCEALED_URL: Final = "https://concealed.invalid"
"""Where a setting must be an address."""

SHORTEST_SECRET: Final = 6
"""Shorter values of variables (a port, a flag) are not taken for secrets."""


def conceal(workspace: Workspace, catalogue: Catalogue, secrets: Iterable[str] = ()) -> Workspace:
    """The workspace with every password setting, every member of a setting that is an object (a webhook's
    headers), and every text that holds a secret, replaced.

    secrets  values that came from variables
    """
    hidden = tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
    return msgspec.structs.replace(
        workspace,
        destinations=tuple(_destination(each, catalogue, hidden) for each in workspace.destinations),
    )


def _destination(destination: Destination, catalogue: Catalogue, secrets: tuple[str, ...]) -> Destination:
    page = find_page(catalogue, destination.type)
    declared: Mapping[str, Field] = page.settings if page is not None else {}
    plain: dict[str, Any] = msgspec.to_builtins(destination)
    cleared = _cleared({name: value for name, value in plain.items() if name != "settings"}, secrets)
    settings = {
        name: _setting(declared.get(name), value, secrets) for name, value in plain["settings"].items()
    }
    return msgspec.convert({**cleared, "settings": settings}, Destination)


def _setting(field: Field | None, value: Any, secrets: tuple[str, ...]) -> Any:
    if field is not None and field.type == "password":
        return CONCEALED
    if field is not None and field.type == "object" and isinstance(value, Mapping):
        return dict.fromkeys(value, CONCEALED)
    shown = _cleared(value, secrets)
    is_address = field is not None and field.format == "http-url"
    return CONCEALED_URL if is_address and shown != value else shown


def _cleared(value: Any, secrets: tuple[str, ...]) -> Any:
    """Any plain value with the texts that hold a secret replaced, names of members included."""
    if isinstance(value, str):
        return CONCEALED if any(secret in value for secret in secrets) else value
    if isinstance(value, dict):
        return {_cleared(name, secrets): _cleared(each, secrets) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleared(each, secrets) for each in value]
    return value

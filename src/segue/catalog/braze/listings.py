"""What the console can offer for dynamic fields: campaigns, Canvases, subscription groups, by their names.

Source  Braze docs, "Export campaigns list", "Export Canvas list", "List user's subscription groups",
        read 2026-11-24
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from msgspec.structs import replace

from segue.kit.action import Choices, Page, Settings
from segue.kit.field import Choice
from segue.model.delivery import Request, Response

from . import rest


def listing(path: str, name: str, *, code: str = "404") -> Choices:
    """Every message of a kind, page by page until an empty one; the first page is 0.

    code  what to answer when there is nothing at all
    """

    def request(settings: Settings, page: str, payload: Mapping[str, Any]) -> Request:
        return rest.request(settings, f"{path}?page={page or 0}", method="GET")

    def read(response: Response, page: str, payload: Mapping[str, Any]) -> Page:
        found = read_choices(
            response, name, _named, following=str(int(page or 0) + 1), none=page in ("", "0")
        )
        return replace(found, code=code) if found.code == "404" else found

    return Choices(request=request, read=read)


def _named(entry: Mapping[str, Any]) -> Choice | None:
    identifier, label = entry.get("id"), entry.get("name")
    return Choice(identifier, str(label or identifier)) if identifier else None


def read_choices(
    response: Response,
    name: str,
    choice: Callable[[Mapping[str, Any]], Choice | None],
    *,
    following: str = "",
    none: bool = True,
) -> Page:
    """The choices of one page of an answer's list.

    following  the page to ask for next, unless this one is empty
    none       an empty page means that there is nothing at all
    """
    if not 200 <= response.status < 300:
        words = rest.message_of(rest.body_of(response)) or response.error or f"status {response.status}"
        return Page(code="500", problem=f"Braze did not give the {name}: {words}")
    entries = rest.body_of(response).get(name)
    if not isinstance(entries, list) or not entries:
        return Page(code="404", problem=f"Braze has no {name.replace('_', ' ')} yet") if none else Page()
    found = [choice(entry) for entry in entries if isinstance(entry, dict)]
    return Page(choices=[option for option in found if option is not None], next=following)


GROUPS: Final = 100
"""Most subscription groups in one answer."""


def _ask_groups(settings: Settings, page: str, payload: Mapping[str, Any]) -> Request:
    person = quote(str(payload.get("external_id", "")), safe="")
    path = f"/subscription/user/status?external_id={person}&limit={GROUPS}&offset={page or 0}"
    return rest.request(settings, path, method="GET")


def _read_groups(response: Response, page: str, payload: Mapping[str, Any]) -> Page:
    answer = rest.body_of(response)
    users = answer.get("users")
    if not isinstance(users, list):
        found = read_choices(response, "subscription_groups", _group, none=page in ("", "0"))
    else:
        groups = [
            group
            for user in users
            if isinstance(user, dict)
            for group in user.get("subscription_groups") or ()
            if isinstance(group, dict)
        ]
        found = Page(choices=[choice for group in groups if (choice := _group(group)) is not None])
    if not found.choices and page in ("", "0") and found.code != "500":
        return Page(code="404", problem="Braze knows no subscription group of this person")
    full = len(found.choices) >= GROUPS
    return replace(found, next=str(int(page or 0) + GROUPS) if full else "")


def _group(entry: Mapping[str, Any]) -> Choice | None:
    """Braze documents one shape of an entry and answers with another."""
    return _named({**entry, "id": entry.get("id") or entry.get("subscription_group_id")})


CAMPAIGNS: Final = listing("/campaigns/list", "campaigns")
CANVASES: Final = listing("/canvas/list", "canvases", code="")
"""No Canvas is no fault, as published; no campaign is."""
SUBSCRIPTION_GROUPS: Final = Choices(request=_ask_groups, read=_read_groups)
"""Braze lists groups only for a person: the one named by ``external_id``, a test profile for instance."""

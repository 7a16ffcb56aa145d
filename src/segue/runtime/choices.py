"""Values the partner can list for a dynamic field: campaigns, catalogs, subscription groups."""

from collections.abc import Mapping
from typing import Any, Final

from segue.model.errors import MisconfiguredError
from segue.runtime.clock import SystemClock
from segue.runtime.current import Current
from segue.runtime.errand import PATIENCE_SECONDS, errand
from segue.runtime.settings import Settings

MOST_PAGES: Final = 100


async def choices(
    settings: Settings, current: Current, destination: str, name: str, payload: Mapping[str, Any]
) -> tuple[list[tuple[Any, str]], str]:
    """Ask the partner which values a dynamic field can have: (value, label) pairs, and a problem or "".

    With a problem there may still be values, of the pages before it.
    payload  what the question needs beside the settings: {"catalog_name": "…"} or {"external_id": "…"}
    Raises MisconfiguredError for a destination or a list of choices that is not there, UnavailableError when
    the rate limit is used up for long.
    """
    bound = current.plan.destinations.get(destination)
    if bound is None:
        known = ", ".join(current.plan.destinations) or "none"
        raise MisconfiguredError(f'there is no enabled destination "{destination}"; there is: {known}')
    asked = bound.page.choices.get(name)
    if asked is None:
        known = ", ".join(bound.page.choices) or "none"
        raise MisconfiguredError(f'{bound.page.title} has no choices "{name}"; there is: {known}')
    found: list[tuple[Any, str]] = []
    page = ""
    async with errand(settings, bound, SystemClock(), patience_seconds=PATIENCE_SECONDS) as sender:
        for _ in range(MOST_PAGES):
            answer = asked.read(
                await sender.send(asked.request(bound.settings, page, payload)), page, payload
            )
            found += [(choice.value, choice.label) for choice in answer.choices]
            page = answer.next
            if not page:
                return found, answer.problem
    return found, f"there are more than {MOST_PAGES} pages; these are the first"

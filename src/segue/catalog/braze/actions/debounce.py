"""Debounce: keeps identify calls that say nothing new on a page from Braze.

It runs in the browser, in a small script that analytics.js loads for a web source; nothing is sent from
here. For every other source, and for what several pages say, there is `debounce` of a destination's delivery.

Source  Segment docs, "Braze Cloud Mode (Actions)", debounce, read 2026-11-26
"""

from collections.abc import Sequence

from segue.kit.action import Action, Settings, Shaped, Shaping
from segue.model.delivery import Payload, Request, Row
from segue.model.errors import BrokenError


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """Nothing: the script in the page decides, and marks the event's integrations object."""
    return Shaped(filtered="MESSAGE_SENT_CLIENT_SIDE")


def build(rows: Sequence[Row], settings: Settings) -> Request:
    """Never called: nothing is sent."""
    raise BrokenError("an action of the browser was to be sent by the server")


DEBOUNCE = Action(
    slug="debounce",
    slugs={"debouncePlugin": None, "7dNvUgwYkBjJjCrHHdo7jX": None},
    title="Debounce (in the browser)",
    description="Keeps identify calls that say nothing new on a page from Braze. Runs in pages only.",
    trigger='type = "identify" or type = "group"',
    fields={},
    shape=shape,
    build=build,
)

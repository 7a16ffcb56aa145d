"""Why a destination leaves an event alone, in words: which part of the event decided it.

    tell("FILTERED_BY_INTEGRATIONS_OBJECT", event, destination)
      ->  'its integrations object has "Braze": false'

The courier counts codes; people who ask about one event get the sentence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from segue.engine.consent import BY_CONSENT, ON_DEVICE
from segue.engine.device import BY_INTEGRATIONS, NO_MATCH
from segue.engine.plan import BoundDestination
from segue.model.event import Event

OF_SEGMENT: Final = frozenset({"All", "Segment.io"})
"""Keys of an ``integrations`` object that are no destination's name."""


def tell(reason: str, event: Event, destination: BoundDestination) -> str:
    """Say what a reason code of `segue.engine.route` comes from; "" for codes that say it elsewhere."""
    teller = _TELLERS.get(reason)
    return teller(event, destination) if teller is not None else ""


def unknown_names(event: Event, destinations: Iterable[BoundDestination]) -> tuple[str, ...]:
    """The names in an event's ``integrations`` object that no destination answers to: nothing happens for
    them, and they may be a known name misspelt."""
    integrations = event.get("integrations")
    if not isinstance(integrations, Mapping):
        return ()
    known = OF_SEGMENT.union(*(each.names for each in destinations))
    return tuple(name for name in integrations if name not in known)


def _by_integrations(event: Event, destination: BoundDestination) -> str:
    integrations: Any = event.get("integrations")
    for name in destination.names:
        if name in integrations and integrations[name] in (False, None):
            return (
                f'its integrations object has "{name}": {"false" if integrations[name] is False else "null"}'
            )
    return f'its integrations object has "All": false and none of the names {", ".join(destination.names)}'


def _by_consent(event: Event, destination: BoundDestination) -> str:
    place = "context.consent.categoryPreferences"
    categories = destination.config.consent_categories
    consent: Any = event["context"]["consent"]
    preferences = consent.get("categoryPreferences") if isinstance(consent, Mapping) else None
    if not isinstance(preferences, Mapping):
        return f"this destination needs consent to {', '.join(categories)}, and {place} cannot be read"
    said = (_preference(each, preferences) for each in categories if preferences.get(each) is not True)
    return f"this destination needs consent to {', '.join(categories)}, and {place} {', '.join(said)}"


def _preference(category: str, preferences: Mapping[str, Any]) -> str:
    if category not in preferences:
        return f"does not have {category}"
    return f"has {category}: {'false' if preferences[category] is False else 'something other than true'}"


def _on_device(event: Event, destination: BoundDestination) -> str:
    metadata: Any = event.get("_metadata")
    if destination.id in (metadata.get("bundledIds") or ()):
        return f'the sender delivered it itself: _metadata.bundledIds has "{destination.id}"'
    named = next(_named(metadata, destination), "")
    return f'the sender delivered it itself: _metadata.bundled has "{named}"'


def _named(metadata: Mapping[str, Any], destination: BoundDestination) -> Iterator[str]:
    return (name for name in metadata.get("bundled") or () if name in destination.names)


def _no_match(event: Event, destination: BoundDestination) -> str:
    return "" if destination.subscriptions else "it has no enabled subscription"


_TELLERS: Final[Mapping[str, Callable[[Event, BoundDestination], str]]] = {
    BY_INTEGRATIONS: _by_integrations,
    BY_CONSENT: _by_consent,
    ON_DEVICE: _on_device,
    NO_MATCH: _no_match,
}

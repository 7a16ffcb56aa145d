"""One subscription against two hundred: what an event costs when most subscriptions do not want it."""

from collections.abc import Callable
from typing import Final

from bench.mapping import per_call, whole
from bench.process import SOURCE, WRITE_KEY
from bench.result import Result, Table
from segue.catalog.contents import catalogue
from segue.engine.plan import BoundDestination, prepare
from segue.engine.route import Position, Routed, route
from segue.model.event import Event
from segue.model.workspace import Destination, Source, Subscription, Workspace

COUNTS: Final = (1, 10, 50, 200)
ROUNDS: Final = 15
WANTED: Final = ("Product Searched", "Button Clicked", "Signed Up", "Article Read")


def run(seconds: float) -> Result:
    """Time the same track events against destinations of more and more subscriptions, in turns."""
    source = Source(id=SOURCE, write_keys=(WRITE_KEY,))
    events = whole("track", source)
    destinations = {count: bound(count, source) for count in COUNTS}
    took: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(ROUNDS):
        for count, destination in destinations.items():
            took[count].append(per_call(router(destination), events, seconds / 60))
    best = {count: min(each) for count, each in took.items()}
    figures = {f"subscriptions_{count}_us": each for count, each in best.items()}
    figures["ratio_200_to_1"] = best[200] / best[1]
    table = Table(
        title="Routing one event, by subscriptions of the destination",
        columns=["subscriptions", "µs/event", "against one"],
        rows=[[str(count), each, each / best[1]] for count, each in best.items()],
        note="Exactly one subscription wants each event; the others name other events.",
    )
    return Result(name="routing", tables=[table], figures=figures)


def router(destination: BoundDestination) -> Callable[[Event], Routed]:
    """The destination's routing as a function of the event alone."""
    at = Position(0, 0, 0, "u:bench", "bench", 0)
    return lambda event: route(event, destination, at)


def bound(count: int, source: Source) -> BoundDestination:
    """A destination with one subscription for our events and the others for events that never come."""
    wanted = " or ".join(f'event = "{name}"' for name in WANTED)
    subscriptions = [
        Subscription(id="wanted", action="track-event", trigger=f'type = "track" and ({wanted})'),
        *(
            Subscription(
                id=f"other-{number}", action="track-event", trigger=f'type = "track" and event = "E{number}"'
            )
            for number in range(count - 1)
        ),
    ]
    # Fifty are the most a workspace may have; beyond, the destination is put together by hand.
    parts = []
    for start in range(0, count, 50):
        destination = Destination(
            id="braze",
            type="braze",
            source=source.id,
            settings={"api_key": "bench", "endpoint": "https://rest.iad-01.braze.com"},
            subscriptions=tuple(subscriptions[start : start + 50]),
        )
        plan = prepare(Workspace(sources=(source,), destinations=(destination,)), catalogue())
        parts.append(plan.destinations["braze"])
    first = parts[0]
    every = [subscription for part in parts for subscription in part.subscriptions]
    return BoundDestination(first.config, first.page, first.settings, every, first.filters)

"""Worlds: what kind of run a seed makes, before anything happens in it."""

from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any, Final, Literal

import msgspec
from tests.journeys.simulation.subscriptions import destination

from segue.engine.plan import BoundDestination
from segue.model.workspace import Budget, Cap, Delivery
from segue.runtime.clock import START_MS

LANES: Final = 4

SMALL: Final = ((0.0, 16, 75), (0.0, 4, 7), (2.0, 1, 75), (2.0, 4, 2), (5.0, 16, 7))
LARGE: Final = ((0.0, 1, 75), (2.0, 16, 2), (30.0, 4, 7), (30.0, 16, 75))
"""Seconds a batch waits, requests on the way, objects in each."""

ATTRIBUTES: Final[Mapping[str, Mapping[str, Any]]] = {
    "clocks": {},
    "changed": {"attributes": "changed"},
    "hashed": {"attributes": "changed", "remember": "hashes"},
}
"""What of people's attributes travels."""

MONTH_END_MS: Final = START_MS + 31 * 86_400_000
"""A midnight after which a month begins, too."""

REGROUPED: Final = (((0, 2), (1, 3)), ((0, 1, 2, 3),), (), ((0,), (1, 2, 3)))
"""Who has which lanes after a change: as before, one has all, and others have some."""

CAPPED_EVENTS: Final = ("Step", "Step", "Both", "Order Completed")


@cache
def destination_of(
    wait: float,
    in_flight: int,
    size: int,
    mode: str,
    packing: Literal["action", "person"] = "action",
    uncertain: Literal["resend", "hold"] = "resend",
    *,
    is_social: bool = False,
    caps: tuple[Cap, ...] = (),
) -> BoundDestination:
    """Braze, with requests that wait so many seconds, of which so many are on the way, of so many objects."""
    if caps:
        # The same with a budget: its triggers and mappings need not be compiled again.
        free = destination_of(wait, in_flight, size, mode, packing, uncertain, is_social=is_social)
        config = msgspec.structs.replace(free.config, budget=Budget(caps=caps))
        return BoundDestination(
            config, free.page, free.settings, [*free.subscriptions, *free.scripted], free.filters
        )
    return destination(
        Delivery(
            wait_seconds=wait, in_flight=in_flight, packing=packing, uncertain=uncertain, **ATTRIBUTES[mode]
        ),
        size,
        is_social=is_social,
    )


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of run it is.

    lifted     the destination once somebody has raised its caps: in the end nothing may be held by them
    start_ms   the calendar at the beginning
    seconds    for how long the crowd acts, and at most how many events
    size       objects in a request
    groups     the lanes of each courier; regrouped: and once lanes have changed hands, () when they do not
    is_run     somebody is at the console: letters are retried, people refreshed, the destination paused
    """

    bound: BoundDestination
    lifted: BoundDestination
    mode: str
    packing: Literal["action", "person"]
    uncertain: Literal["resend", "hold"]
    cap: Cap | None
    is_social: bool
    is_run: bool
    start_ms: int
    seconds: float
    events: int
    size: int
    groups: tuple[tuple[int, ...], ...]
    regrouped: tuple[tuple[int, ...], ...] = ()

    @property
    def words(self) -> list[str]:
        """What it is, for the count of what was met."""
        return [
            f"attributes {self.mode}",
            f"packing {self.packing}",
            f"uncertain {self.uncertain}",
            *(["visitors, log-ins and merges"] if self.is_social else []),
            *(["two couriers"] if len(self.groups) > 1 else []),
            *([f"cap {self.cap.policy}"] if self.cap is not None else []),
            *(["somebody at the console"] if self.is_run else []),
        ]


def world_of(luck: Random) -> World:
    """Most worlds are small; one in 25 is large."""
    kind = luck.choice(("plain", "plain", "held", "held", "social", "social", "shared", "shared"))
    is_large = luck.random() < 0.04
    mode = "clocks" if kind == "shared" else luck.choice(list(ATTRIBUTES))
    packing: Literal["action", "person"] = luck.choice(("action", "person"))
    uncertain: Literal["resend", "hold"] = "hold" if kind == "held" else "resend"
    travel = luck.choice(LARGE if is_large else SMALL)
    shape = *travel, mode, packing, uncertain
    cap = _cap(luck) if kind != "social" and luck.random() < (0.4 if kind == "shared" else 0.6) else None
    seconds = luck.choice((30.0, 120.0) if is_large else (3.0, 8.0, 15.0))
    bound = destination_of(*shape, is_social=kind == "social", caps=(cap,) if cap is not None else ())
    is_holding = cap is not None and cap.policy == "hold"
    return World(
        bound=bound,
        lifted=destination_of(*shape) if is_holding else bound,
        mode=mode,
        packing=packing,
        uncertain=uncertain,
        cap=cap,
        is_social=kind == "social",
        is_run=luck.random() < 0.5,
        start_ms=MONTH_END_MS - round(luck.uniform(0, 2) * seconds * 1000) if cap is not None else START_MS,
        seconds=seconds,
        events=150 if is_large else 24,
        size=travel[2],
        groups=((0, 1), (2, 3)) if kind == "shared" else (tuple(range(LANES)),),
        regrouped=luck.choice(REGROUPED) if kind == "shared" else (),
    )


def _cap(luck: Random) -> Cap:
    """On the points of one event, or on all requests."""
    policy: Literal["warn", "hold", "drop"] = luck.choice(("warn", "hold", "hold", "drop", "drop"))
    per: Literal["day", "month"] = luck.choice(("day", "month"))
    if luck.random() < 0.2:
        return Cap(limit=luck.randint(1, 6), of="requests", per=per, policy=policy)
    return Cap(limit=luck.randint(1, 3), per=per, event=luck.choice(CAPPED_EVENTS), policy=policy)

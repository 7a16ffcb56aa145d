"""From an event to the bytes of a request: trigger, mapping, coercion, shape, encoding.

All runners do the same on the same events, in turns within one run:

    compiled   the generated trigger, the quick way from a plain event to objects, JSON, the action's `build`
    courier    the same through `engine/route.py`, which also makes a row to follow each event by
    long       the way of any other event: generated trigger and mapping, then coercion and shape
    reference  the long way with trigger and mapping resolved step by step
    npm        `@segment/action-destinations` in Node, its HTTP layer answering 201 at once

Counted is processor time of the thread that does the work, ours and Node's main thread alike (its helpers
collect garbage for free), so that what else the machine does matters little. Many short rounds in turns; the
columns are medians, and a ratio is the median of the rounds' own ratios: both sides met the same weather.
Before anything is timed the bodies are compared, less what docs/explain/differences.md lists.
"""

import gc
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

import msgspec
import orjson

from bench import peer
from bench.process import SOURCE, WRITE_KEY, Bench
from bench.result import Result, Table
from bench.traffic import KINDS, Event, make_kind
from segue.catalog.contents import catalogue
from segue.engine import intake
from segue.engine.plan import BoundDestination, BoundSubscription, prepare
from segue.engine.route import Position, encode, route, shape
from segue.kit.action import Shaped
from segue.language import trigger as triggers
from segue.model.delivery import Payload, Row
from segue.model.workspace import Destination, Source, Subscription, Workspace

EVENTS: Final = 600
ROUNDS: Final = 25
AT_ONCE: Final = 100
SIZE: Final = {"identify": 75, "track": 75, "order": 25}
"""Events in a batch: 75 objects; an order is three."""

SUBSCRIPTIONS: Final = {
    "identify": ("updateUserProfile2", 'type = "identify"', "update"),
    "track": ("trackEvent2", 'type = "track" and event != "Order Completed"', "add"),
    "order": ("trackPurchase2", 'event = "Order Completed"', "add"),
}

SYNC_MODE: Final = "__segment_internal_sync_mode"
SETTINGS: Final = {"api_key": "bench", "app_id": "bench", "endpoint": "https://rest.iad-01.braze.com"}

RUNNERS: Final = ("compiled", "courier", "long", "reference", "npm")

Runner = Callable[[Sequence[Event]], bytes]


def run(seconds: float) -> Result:
    """Compare, then time in turns: each runner `ROUNDS` times for each kind, single and in batches."""
    source = Source(id=SOURCE, write_keys=(WRITE_KEY,))
    events = {kind: whole(kind, source) for kind in KINDS}
    destinations = {kind: bound(kind, source) for kind in KINDS}
    slice_seconds = seconds / 60
    with Bench() as bench:
        bench.folder.mkdir(exist_ok=True)
        if not peer.is_installed():
            return timed(events, destinations, None, slice_seconds)
        with peer.Peer(events, bench.folder) as original:
            compare(events, destinations, original)
            for kind in KINDS:  # let the just-in-time compiler see everything first
                original.microseconds(kind, SIZE[kind], 20 * slice_seconds)
                original.microseconds(kind, 1, 20 * slice_seconds)
            return timed(events, destinations, original, slice_seconds)


def timed(
    events: dict[str, list[Event]],
    destinations: dict[str, BoundDestination],
    original: peer.Peer | None,
    seconds: float,
) -> Result:
    """The tables: all runners against each other, and where the compiled path spends its time."""
    rows = []
    figures: dict[str, float] = {}
    for kind in KINDS:
        for label, size in (("single", 1), ("batch", SIZE[kind])):
            took: dict[str, list[float]] = {name: [] for name in RUNNERS}
            for _ in range(ROUNDS):
                for name, make in runners(destinations[kind]).items():
                    took[name].append(microseconds(make, events[kind], size, seconds))
                if original is not None:
                    took["npm"].append(original.microseconds(kind, size, seconds))
            usual = {name: median(each) if each else float("nan") for name, each in took.items()}
            ratios = [theirs / ours for theirs, ours in zip(took["npm"], took["compiled"], strict=False)]
            figures |= {f"{kind}_{label}_{name}_us": value for name, value in usual.items()}
            figures[f"{kind}_{label}_ratio"] = ratio = median(ratios) if ratios else float("nan")
            title = f"{kind}, {'one by one' if size == 1 else f'{size} a batch'}"
            rows.append([title, *usual.values(), ratio])
    version = original.version["version"] if original else "not installed: run `make bench`"
    compared = Table(
        title="Event to request body, µs of processor time an event",
        columns=["", "compiled", "with rows", "long way", "reference", "npm original", "npm / compiled"],
        rows=rows,
        note=f"npm: @segment/action-destinations {version}. The same bodies, compared beforehand.",
    )
    return Result(name="mapping", tables=[compared, stages(events, destinations, seconds)], figures=figures)


def stages(
    events: dict[str, list[Event]], destinations: dict[str, BoundDestination], seconds: float
) -> Table:
    """Each step of the compiled path alone, on what the step before it gave."""
    rows = []
    for kind in KINDS:
        [subscription] = destinations[kind].subscriptions
        mapped = [subscription.resolve(event) for event in events[kind]]
        payloads = [subscription.coercer.coerce(each)[0] for each in mapped]
        shaped = [shaper(subscription)(each) for each in payloads]
        steps: tuple[tuple[Callable[[Any], Any], Sequence[Any]], ...] = (
            (subscription.quick or subscription.resolve, events[kind]),
            (subscription.matches, events[kind]),
            (subscription.resolve, events[kind]),
            (subscription.coercer.coerce, mapped),
            (shaper(subscription), payloads),
            (lambda each: [orjson.dumps(item) for item in each.items], shaped),
        )
        rows.append([kind, *(best_call(step, given, seconds) for step, given in steps)])
    return Table(
        title="Of which, µs/event",
        columns=["", "quick way", "or: trigger", "mapping", "coerce", "shape", "encode"],
        rows=rows,
        note="With rows: what a courier needs to follow each event, candidates and filters included.",
    )


def shaper(subscription: BoundSubscription) -> Callable[[Payload], Shaped]:
    """The action's `shape` as a function of the payload alone."""
    return lambda payload: subscription.action.shape(payload, subscription.shaping)


def compare(
    events: dict[str, list[Event]], destinations: dict[str, BoundDestination], original: peer.Peer
) -> None:
    """Make sure that all say the same; raises AssertionError with the first that does not."""
    for kind in KINDS:
        size = SIZE[kind]
        count = len(events[kind]) // size
        theirs = original.bodies(kind, size, count)
        assert len(theirs) == count, f"{kind}: the original sent {len(theirs)} of {count} requests"
        for name, make in runners(destinations[kind]).items():
            for index, body in enumerate(theirs):
                # The original takes a batch from index * size, kept below the end; so do we.
                start = (index * size) % (len(events[kind]) - size + 1)
                ours = orjson.loads(make(events[kind][start : start + size]))
                unlike = first_difference(alike(ours), alike(body), "")
                assert not unlike, f"{kind}, {name}, batch {index}: {unlike}"


def alike(body: dict[str, Any]) -> dict[str, Any]:
    """A body without the listed differences (docs/explain/differences.md) that this traffic meets."""
    for purchase in body.get("purchases", ()):
        for taken in PURCHASE_PROPERTIES_TAKEN:
            purchase.get("properties", {}).pop(taken, None)
        purchase.pop("currency", None)  # the order's where the original says USD
    return body


def first_difference(ours: Any, theirs: Any, place: str) -> str:
    """Where two bodies first differ and how; "" when they say the same."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {**ours, **theirs}:
            found = first_difference(ours.get(key, "nothing"), theirs.get(key, "nothing"), f"{place}.{key}")
            if found:
                return found
        return ""
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return next(filter(None, (first_difference(*pair, f"{place}[{at}]") for at, pair in pairs)), "")
    return "" if ours == theirs else f"{place} is {ours!r} here and {theirs!r} there"


PURCHASE_PROPERTIES_TAKEN: Final = ("time", "product_id", "quantity", "event_name", "price", "currency")


def whole(kind: str, source: Source) -> list[Event]:
    """Events as destinations see them."""
    sent = make_kind(kind, EVENTS)
    events: list[Event] = []
    for start in range(0, EVENTS, AT_ONCE):
        admission = intake.read(
            orjson.dumps({"batch": sent[start : start + AT_ONCE]}),
            kind="",
            client=False,
            write_key=WRITE_KEY,
            sources=lambda _: source,
            now_ms=1_795_000_000_000,
            order=1,
            mark="bench",
        )
        events += [intake.restore(record) for record in admission.accepted]
    return events


def bound(kind: str, source: Source) -> BoundDestination:
    """A Braze destination with one subscription: a published action with its published mapping."""
    action, trigger, mode = SUBSCRIPTIONS[kind]
    page = catalogue()["braze"].action(action)
    assert page is not None
    mapping = {**page[0].default_mapping(action), SYNC_MODE: mode}
    subscription = Subscription(id=kind, action=action, trigger=trigger, mapping=mapping)
    destination = Destination(
        id="braze", type="braze", source=source.id, settings=SETTINGS, subscriptions=(subscription,)
    )
    plan = prepare(Workspace(sources=(source,), destinations=(destination,)), catalogue())
    return plan.destinations["braze"]


def by_reference(destination: BoundDestination) -> BoundDestination:
    """The same destination with its trigger and mapping resolved step by step."""
    [subscription] = destination.subscriptions
    trigger = subscription.trigger
    return changed(
        destination,
        quick=None,
        matches=lambda event: triggers.matches(trigger, event),
        resolve=subscription.mapping.resolve,
    )


def changed(destination: BoundDestination, **changes: Any) -> BoundDestination:
    """The same destination with its one subscription changed."""
    [subscription] = destination.subscriptions
    other = msgspec.structs.replace(subscription, **changes)
    return BoundDestination(
        destination.config, destination.page, destination.settings, [other], destination.filters
    )


def runners(destination: BoundDestination) -> dict[str, Runner]:
    """Every way of ours to make a body."""
    return {
        "compiled": runner(destination),
        "courier": routed(destination),
        "long": runner(changed(destination, quick=None)),
        "reference": runner(by_reference(destination)),
    }


def runner(destination: BoundDestination) -> Runner:
    """Events in, the body of the request that carries them out: what the original does too."""
    [subscription] = destination.subscriptions
    quick = subscription.quick or (lambda event: None)
    build, settings = subscription.action.build, destination.settings

    def make(events: Sequence[Event]) -> bytes:
        items: list[bytes] = []
        for event in events:
            made = quick(event)
            if made is not None:
                items += made
            elif subscription.matches(event):
                items += map(encode, shape(subscription, event)[0].items)
        row = Row(
            destination="braze",
            subscription=subscription.id,
            action=subscription.action.slug,
            lane=0,
            offset=0,
            order=0,
            person="",
            message_id="",
            kind="",
            items=tuple(items),
        )
        return build([row], settings).body

    return make


def routed(destination: BoundDestination) -> Runner:
    """The same as a courier does it: filters, candidates, and a row for each event beside its objects."""
    at = Position(0, 0, 0, "u:bench", "bench", 0)
    build, settings = destination.subscriptions[0].action.build, destination.settings

    def make(events: Sequence[Event]) -> bytes:
        rows: list[Row] = []
        for event in events:
            rows += [row for row, _ in route(event, destination, at).rows]
        return build(rows, settings).body

    return make


def microseconds(make: Runner, events: list[Event], size: int, seconds: float) -> float:
    """Time per event of calls with so many events, for about so long."""
    batches = [events[start : start + size] for start in range(0, len(events) - size + 1, size)]
    return per_call(make, batches, seconds) / size


def best_call(step: Callable[[Any], Any], given: Sequence[Any], seconds: float) -> float:
    """Microseconds of a call in the best of a few rounds."""
    return min(per_call(step, given, seconds / 5) for _ in range(5))


def per_call(step: Callable[[Any], Any], given: Sequence[Any], seconds: float) -> float:
    """Microseconds of a call, over and over everything given."""
    gc.collect()
    count, began = 0, peer.clock()
    while (took := peer.clock() - began) < seconds:
        for each in given:
            step(each)
        count += len(given)
    return took * 1e6 / count

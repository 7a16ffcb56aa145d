"""A subscription made ready to run: action found, trigger and mapping compiled, every fault named."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from segue.engine.mapping_faults import HOOK_KEYS, mapping_faults, no_liquid
from segue.engine.quick import Quick, compile_quick
from segue.engine.travel import Travel
from segue.kit.action import SYNC_MODE_KEY, Action, Batch, JsonObject, Shaping
from segue.kit.coerce import Coercer
from segue.kit.partner import Destination as Page
from segue.language import mapping as mappings
from segue.language import trigger as triggers
from segue.language.check import measure
from segue.language.compile import DEEPEST, LARGEST, Compiled, compile_mapping, compile_trigger
from segue.model.errors import Fault, InvalidMapping, InvalidTrigger
from segue.model.event import Event
from segue.model.workspace import Delivery, Subscription


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What one subscription made of the event: sends | filtered | dead, and why.

    notes  what was changed or left out on the way: (field, sentence)
    """

    subscription: str
    action: str
    result: str
    reason: str = ""
    message: str = ""
    notes: tuple[tuple[str, str], ...] = ()


class BoundSubscription(msgspec.Struct, frozen=True, eq=False):
    """A subscription ready to run.

    types, events  literal values of the event's ``type`` and ``event`` without which the trigger can
                   never match; None for any
    batch          the action's caps, lowered by the mapping's ``batch_size``
    travel         how its rows travel: alone and at once when batching is off
    sends          its verdict on an event it sends with nothing to note
    quick          from a plain event straight to the action's objects as JSON, none of them when the trigger
                   does not want it; gives None for any other event
    """

    id: str
    name: str
    action: Action
    shaping: Shaping
    trigger: triggers.Trigger
    mapping_json: Mapping[str, Any]
    mapping: mappings.Mapping
    coercer: Coercer
    batch: Batch
    travel: Travel
    types: frozenset[str] | None
    events: frozenset[str] | None
    matches: Callable[[Event], bool]
    resolve: Callable[[Event], Any]
    sends: Verdict
    quick: Quick | None = None


def bind_subscription(
    subscription: Subscription,
    delivery: Delivery,
    page: Page,
    settings: Mapping[str, Any],
    place: str,
    faults: list[Fault],
) -> BoundSubscription | None:
    """Make a subscription ready; None, with the reasons added to `faults`, when it cannot run.

    place  where it stands in the workspace, for the faults
    """
    found = page.action(subscription.action)
    if found is None:
        faults.append(
            Fault(
                place=f"{place}.action",
                problem=f'{page.title} has no action "{subscription.action}".',
                remedy=f"The actions are {', '.join(action.slug for action in page.actions)}.",
            )
        )
        check_languages(subscription, place, faults)
        return None
    action, _ = found
    slug = subscription.action
    mapping = new_mapping(action, slug) if subscription.mapping is None else subscription.mapping
    trigger = _parse_trigger(subscription.trigger, place, faults)
    prepared = _prepare_mapping(mapping, place, faults)
    if measure(mapping) is None:
        faults.extend(mapping_faults(action, slug, mapping, f"{place}.mapping"))
        if page.device is not None and page.mode == "device":
            faults.extend(no_liquid(mapping, f"{place}.mapping"))
    sync_mode, problem = action.sync_mode(mapping, slug)
    if trigger is None or prepared is None or problem:
        return None
    types, events = triggers.required(trigger)
    hooks = {
        key: hook.get("outputs", {}) for key in HOOK_KEYS if isinstance(hook := mapping.get(key), Mapping)
    }
    size = mapping.get("batch_size")
    batch = action.batch
    if isinstance(size, int) and not isinstance(size, bool) and 0 < size < batch.items:
        batch = msgspec.structs.replace(batch, items=size)
    wait = delivery.wait_seconds if batch.items > 1 else 0.0  # a request of one waits for nobody
    if wait is not None:
        batch = msgspec.structs.replace(batch, wait_seconds=wait)
    shaping = Shaping(settings=settings, sync_mode=sync_mode, hooks=hooks, slug=slug)
    is_batched = delivery.batching and mapping.get("enable_batching") is not False
    matches, resolve = compile_trigger(trigger), compile_mapping(prepared)
    _tell_of_size(matches, resolve, place, faults)
    return BoundSubscription(
        id=subscription.id,
        name=subscription.name or action.title,
        action=action,
        shaping=shaping,
        trigger=trigger,
        mapping_json=mapping,
        mapping=prepared,
        coercer=Coercer(action.fields_of(slug)),
        batch=batch,
        travel=_travel(action, batch, delivery, page, is_batched=is_batched),
        types=types,
        events=events,
        matches=matches,
        resolve=resolve,
        sends=Verdict(subscription.id, action.slug, "sends"),
        quick=compile_quick(action, slug, mapping, shaping, trigger),
    )


def _tell_of_size(matches: Compiled, resolve: Compiled, place: str, faults: list[Fault]) -> None:
    """Warn of what is too large to be compiled: it works, many times slower."""
    for compiled, name, what in ((matches, "trigger", "conditions"), (resolve, "mapping", "values")):
        if not compiled.source:
            faults.append(
                Fault(
                    place=f"{place}.{name}",
                    problem=f"more than {LARGEST:,} {what}, or more than {DEEPEST} inside one another: it is "
                    "not compiled, so each event takes many times as long.",
                    remedy="Write it flatter, or split the subscription in two.",
                    warning=True,
                )
            )


def new_mapping(action: Action, slug: str) -> JsonObject:
    """What a subscription without a mapping of its own starts with: the action's defaults, and its default
    sync mode when this slug has one."""
    modes = action.sync_modes(slug)
    mode = {SYNC_MODE_KEY: modes.default} if modes is not None else {}
    return {**action.default_mapping(slug), **mode}


def check_languages(subscription: Subscription, place: str, faults: list[Fault]) -> None:
    """Name what is wrong with a trigger and a mapping, where it is not known what they are for."""
    _parse_trigger(subscription.trigger, place, faults)
    if subscription.mapping is not None:
        _prepare_mapping(subscription.mapping, place, faults)


def _prepare_mapping(mapping: Mapping[str, Any], place: str, faults: list[Fault]) -> mappings.Mapping | None:
    try:
        return mappings.prepare(mapping)
    except InvalidMapping as error:
        faults.extend(
            Fault(
                place=f"{place}.mapping{pointer.replace('/', '.')}",
                problem=problem if problem.endswith(("?", ".")) else f"{problem}.",
                remedy="docs/reference/mapping-language.md says what each directive takes.",
            )
            for pointer, problem in error.problems
        )
        return None


def _parse_trigger(text: str, place: str, faults: list[Fault]) -> triggers.Trigger | None:
    try:
        trigger = triggers.parse(text)
    except InvalidTrigger as error:
        faults.append(
            Fault(
                place=f"{place}.trigger",
                problem=str(error),
                remedy='A trigger compares fields: type = "track" and event = "Order Completed".',
            )
        )
        return None
    faults.extend(
        Fault(place=f"{place}.trigger", problem=str(warning), warning=True) for warning in trigger.warnings
    )
    return trigger


def _travel(action: Action, batch: Batch, delivery: Delivery, page: Page, *, is_batched: bool) -> Travel:
    """How its rows travel: with others of the action, or packed with whatever shares its requests."""
    pack = page.pack
    is_packed = delivery.packing == "person" and pack is not None and action.slug in pack.actions
    if pack is not None and is_packed and is_batched:
        return Travel(
            action=pack.actions[0],
            items=min(batch.items, pack.batch.items),
            wait_seconds=batch.wait_seconds,
            bytes=pack.batch.bytes,
            pool=action.pool,
            pack=tuple(pack.arrays.items()),
            each=delivery.limit_per == "array",
        )
    return Travel(
        action=action.slug,
        items=batch.items if is_batched else 1,
        wait_seconds=batch.wait_seconds if is_batched else 0.0,
        bytes=batch.bytes,
        pool=action.pool,
        ordered=batch.ordered,
    )

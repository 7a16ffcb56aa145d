"""The auditor: puts what Braze has of people beside what it acknowledged, within a budget, and has it mended.

Nothing of this is on the way of an event: it reads the courier's state beside it and asks the partner itself.
What is to be mended is left to the courier as a command, so that it keeps its place among a person's rows.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from secrets import randbelow
from typing import Final

import msgspec

from segue.engine.drift import Drift, Repair, compare, is_askable, repairs, who
from segue.engine.plan import BoundDestination
from segue.engine.profile import decode
from segue.io.storage.profiles import FIRST
from segue.io.storage.state import StateReader
from segue.kit.attributes import AttributeShape
from segue.kit.partner import Audit
from segue.model.errors import MisconfiguredError, UnavailableError
from segue.runtime import desk
from segue.runtime.clock import Clock
from segue.runtime.current import Current
from segue.runtime.dispatcher import Sender
from segue.runtime.errand import errand
from segue.runtime.memory import EPOCH, REFRESH, RESEND, shape_of
from segue.runtime.settings import Settings

PAGE: Final = 500
TRIES: Final = 5
UNREACHED_TRIES: Final = 3
"""Where nobody answers: somebody waits at the terminal."""

COMMAND_OBJECTS: Final = 500


class Audited(msgspec.Struct, kw_only=True):
    """What an audit found so far.

    asked     people Braze was asked about
    moving    people left out because something was sent about them meanwhile
    unknown   people of whom no value is kept, so there is nothing to compare
    repaired  objects that are sent again; refreshed: people whose next update travels whole
    """

    asked: int = 0
    moving: int = 0
    unknown: int = 0
    requests: int = 0
    drifts: list[Drift] = []
    repaired: int = 0
    refreshed: int = 0


async def audit(
    settings: Settings,
    current: Current,
    destination: str,
    clock: Clock,
    *,
    people: Sequence[str] = (),
    sample: int = 100,
    per_minute: int = 60,
    repair: bool = False,
    progress: Callable[[Audited], None] = lambda found: None,
) -> Audited:
    """Compare some people: those named by userId or key, else a sample drawn at random.

    per_minute  most requests to the partner in a minute
    Raises MisconfiguredError, StorageUnavailable, UnavailableError when the partner does not answer.
    """
    bound, shape, asking = _page(current, destination)
    if bound.config.delivery.attributes != "changed":
        raise MisconfiguredError(
            f'destination "{destination}" has attributes: all, so the values that were acknowledged are not '
            "kept and there is nothing to compare; write delivery: {attributes: changed}"
        )
    found = Audited()
    async with errand(settings, bound, clock) as sender:
        async for state in desk.states(settings, destination):
            epoch = int(await state.value(EPOCH) or b"0")
            async for keys in _batches(state, shape, asking, people, sample):
                if found.requests:
                    await clock.sleep(60 / per_minute)
                await _look(state, epoch, keys, bound, shape, asking, sender, clock, found)
                progress(found)
    if repair:
        objects, whole = repairs(found.drifts, asking)
        await _mend(settings, destination, objects, whole, clock)
        found.repaired, found.refreshed = len(objects), len(whole)
    return found


async def refresh(
    settings: Settings, current: Current, destination: str, people: Sequence[str], clock: Clock
) -> tuple[int, list[str]]:
    """Have everything of these people, or of everybody, sent again with their next update; gives how many
    couriers were told, and of whom nothing was known at their last checkpoint. Raises MisconfiguredError."""
    _, shape, _ = _page(current, destination)
    keys = {_key(person, shape): person for person in people}
    known: set[str] = set()
    async for state in desk.states(settings, destination):
        known.update(await state.profiles(list(keys)))
    asked = await desk.ask(settings, [destination], REFRESH, {"people": list(keys)} if keys else {}, clock)
    return asked, [person for key, person in keys.items() if key not in known]


def _page(current: Current, destination: str) -> tuple[BoundDestination, AttributeShape, Audit]:
    bound = current.plan.destinations.get(destination)
    if bound is None:
        known = ", ".join(current.plan.destinations) or "none"
        raise MisconfiguredError(f'there is no enabled destination "{destination}"; there is: {known}')
    shape = shape_of(bound)
    if shape is None or bound.page.audit is None:
        raise MisconfiguredError(
            f'destination "{destination}" is of type {bound.page.slug}, which keeps no profiles of people'
        )
    return bound, shape, bound.page.audit


def _key(person: str, shape: AttributeShape) -> str:
    """A person's key: as it is given, or of a userId."""
    name = person.partition(":")[0]
    return person if name in shape.identifiers else f"{shape.identifiers[0]}:{person}"


async def _batches(
    state: StateReader, shape: AttributeShape, asking: Audit, people: Sequence[str], sample: int
) -> AsyncIterator[list[str]]:
    """Keys of the people to ask about, as many as fit one request."""
    if people:
        keys = [_key(person, shape) for person in people]
        for start in range(0, len(keys), asking.most):
            yield keys[start : start + asking.most]
        return
    # The ids are digests, so whoever follows a random one is a random person.
    begin = start = FIRST + randbelow(1 << 64)
    wrapped, waiting, left = False, list[str](), sample
    while left > 0:
        rows = await state.walk_profiles(start, min(PAGE, max(asking.most, left)))
        for number, person in rows:
            if (wrapped and number >= begin) or left <= 0:
                break
            if is_askable(person, asking):
                waiting.append(person)
                left -= 1
        while len(waiting) >= asking.most:
            yield waiting[: asking.most]
            waiting = waiting[asking.most :]
        if rows and rows[-1][0] < (1 << 63) - 1 and not (wrapped and rows[-1][0] >= begin):
            start = rows[-1][0] + 1
        elif wrapped:
            break
        else:
            wrapped, start = True, FIRST
    if waiting:
        yield waiting


async def _look(
    state: StateReader,
    epoch: int,
    keys: Sequence[str],
    bound: BoundDestination,
    shape: AttributeShape,
    asking: Audit,
    sender: Sender,
    clock: Clock,
    found: Audited,
) -> None:
    """Compare the people of one request. Who changes meanwhile is left out: that is traffic, not drift."""
    before = await state.profiles(keys)
    asked = [key for key in keys if key in before]
    found.unknown += len(keys) - len(asked)
    if not asked:
        return
    people = [who(key) for key in asked]
    for attempt in range(TRIES):
        found.requests += 1
        response = await sender.send(asking.request(people, bound.settings))
        is_over = attempt + 1 >= (TRIES if response.status else UNREACHED_TRIES)
        if is_over or (response.status != 429 and 0 < response.status < 500):
            break
        await clock.sleep(min(60.0, 2.0**attempt))
    try:
        answers = asking.read(response, people)
    except UnavailableError as error:
        raise UnavailableError(f'destination "{bound.config.id}": {error}') from error
    found.asked += len(asked)
    after: Mapping[str, bytes] = await state.profiles(asked)
    for key, answer in zip(asked, answers, strict=True):
        if after.get(key) != before[key]:
            found.moving += 1
            continue
        found.drifts += compare(key, decode(before[key], epoch), answer, shape, asking)


async def _mend(
    settings: Settings, destination: str, objects: Sequence[Repair], whole: Sequence[str], clock: Clock
) -> None:
    asked = 0
    for start in range(0, len(objects), COMMAND_OBJECTS):
        some = [
            msgspec.to_builtins(each, builtin_types=(bytes,))
            for each in objects[start : start + COMMAND_OBJECTS]
        ]
        asked += await desk.ask(settings, [destination], RESEND, {"objects": some}, clock)
    if whole:
        asked += await desk.ask(settings, [destination], REFRESH, {"people": list(whole)}, clock)
    if (objects or whole) and not asked:
        raise UnavailableError(
            f'nobody keeps the state of "{destination}" any more, so nothing can be mended'
        )

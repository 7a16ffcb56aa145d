"""The desk: answers questions about a Segue, whether it runs or not, and passes requests on to its couriers.

The command line and the control API ask here; nothing below knows who asked. Everything is read beside the
running process: the log is followed, state is read between checkpoints.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.engine import intake
from segue.engine.delay import Waits
from segue.engine.filter import Deed, Judged
from segue.engine.preview import DestinationPreview, Journey, SubscriptionPreview, preview
from segue.io.log.sqlite import SqliteLog
from segue.io.storage.origins import read_origins
from segue.io.storage.refusals import Refused, RefusedCount, RefusedKey
from segue.io.storage.state import StateReader
from segue.io.storage.succession import GIVEN
from segue.language.filter import Truth as FilterTruth
from segue.language.path import UNDEFINED
from segue.language.trigger import Truth
from segue.model.delivery import Outcome, Response
from segue.model.errors import (
    InvalidRequest,
    LogUnavailable,
    MisconfiguredError,
    StorageUnavailable,
    UnavailableError,
)
from segue.model.event import KIND_BIT, Event, Record
from segue.model.workspace import Source
from segue.runtime.archive import opened as archived
from segue.runtime.clock import Clock, SystemClock
from segue.runtime.current import Current
from segue.runtime.enquiry import waits
from segue.runtime.folders import LOG_FOLDER, STATE_FOLDER
from segue.runtime.refusals import refused_counts, rejections
from segue.runtime.settings import Settings
from segue.runtime.story import Live, Progress, Story, tell

__all__ = [
    "Answer",
    "Counted",
    "Deed",
    "DestinationPreview",
    "FilterTruth",
    "Journey",
    "Judged",
    "Refused",
    "RefusedCount",
    "RefusedKey",
    "Seen",
    "SubscriptionPreview",
    "Truth",
    "ask",
    "counted",
    "is_absent",
    "refused_counts",
    "rejections",
    "send_journey",
    "states",
    "tail",
    "trace",
    "try_event",
]

FOLLOW_SECONDS: Final = 0.5
TAKEN: Final = "segue_try"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the log as `segue tail` shows it."""

    lane: int
    offset: int
    source: str
    received_ms: int
    event: Event


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination's book says: events by result and reason, and dead letters by reason."""

    destination: str
    events: Mapping[str, int]
    reasons: Mapping[str, int]
    dead_letters: Mapping[str, int]
    residual: int
    waiting: int
    lag: int


def try_event(
    current: Current, body: bytes, *, source: str | None, destination: str | None, now_ms: int
) -> Journey:
    """Take one event, as a sender would send it, on its whole journey without wires.

    Raises InvalidRequest or InvalidEvent when the tracking API would refuse it, MisconfiguredError for a
    source or destination the workspace has not.
    """
    workspace = current.workspace
    sources = {each.id: each for each in workspace.sources}
    destinations = current.plan.everything
    if destination is not None and destination not in destinations:
        known = ", ".join(destinations) or "none"
        raise MisconfiguredError(f'there is no enabled destination "{destination}"; there is: {known}')
    if source is None and destination is not None:
        source = destinations[destination].config.source
    if source is None:
        source = next(iter(sources))
    if source not in sources:
        raise MisconfiguredError(f'there is no source "{source}"; there is: {", ".join(sources)}')
    _require_one_json(body)
    admission = intake.read(
        b'{"batch":[' + body + b"]}",
        kind="",
        client=False,
        write_key=TAKEN,
        sources=lambda _: Source(id=source, write_keys=(TAKEN,)),
        now_ms=now_ms,
        order=1,
        mark=TAKEN,
    )
    if not admission.accepted:
        refused = admission.rejected[0]
        raise InvalidRequest(
            refused.code, f"the tracking API refuses this event ({refused.code}): {refused.message}"
        )
    return preview(current.plan, source, intake.restore(admission.accepted[0]), destination=destination)


def is_absent(value: Any) -> bool:
    """True for the "no value" of a preview, which is not null."""
    return value is UNDEFINED


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner answered a request, and what that means for the row in it."""

    response: Response
    outcome: Outcome


async def send_journey(settings: Settings, current: Current, journey: Journey) -> list[list[Answer]]:
    """Really send what a preview would have sent, one after the other and within the rate budget; the answers
    of each destination. Raises UnavailableError when that is used up for long."""
    from segue.runtime.errand import PATIENCE_SECONDS, errand  # here: most questions send nothing

    answers: list[list[Answer]] = []
    for destination in journey.destinations:
        answers.append([])
        if not destination.requests:
            continue
        bound = current.plan.everything[destination.id]
        async with errand(settings, bound, SystemClock(), patience_seconds=PATIENCE_SECONDS) as sender:
            for request, (row, subscription) in zip(destination.requests, destination.sends, strict=True):
                response = await sender.send(request)
                [outcome] = subscription.action.read(response, [row])
                answers[-1].append(Answer(response=response, outcome=outcome))
    return answers


async def tail(
    settings: Settings,
    *,
    last: int = 10,
    follow: bool = False,
    source: str | None = None,
    kind: str | None = None,
    containing: str = "",
) -> AsyncIterator[Seen]:
    """The newest events of the log, oldest of them first; with `follow` also those to come.

    containing  only events whose JSON holds this text
    Raises LogUnavailable when there is no log yet.
    """
    folder = settings.data / LOG_FOLDER
    if not folder.exists():
        raise LogUnavailable(
            f'there is no log in "{folder}" yet: segue run makes it. Does it run with another SEGUE_DATA?'
        )
    stream = await SqliteLog.follow(folder)
    try:
        heads = await stream.heads()
        needle = containing.encode()
        found: list[tuple[int, Seen]] = []
        kinds = KIND_BIT[kind] if kind else None
        async for block in stream.scan(kinds=kinds, newest_first=True, containing=needle):
            for offset, record in enumerate(block.records, block.first_offset):
                if offset < heads[block.lane] and _is_wanted(record, source, kind, needle):
                    found.append((record.order, _seen(block.lane, offset, record)))
            if len(found) >= last:
                break
        found.sort(key=lambda each: each[0])
        for _, seen in found[-last:] if last else ():
            yield seen
        while follow:
            await stream.wait(heads, FOLLOW_SECONDS)
            now = await stream.heads()
            fresh: list[tuple[int, Seen]] = []
            for lane, head in enumerate(now):
                while heads[lane] < head:
                    for block in await stream.read(lane, heads[lane]):
                        for offset, record in enumerate(block.records, block.first_offset):
                            if heads[lane] <= offset < head and _is_wanted(record, source, kind, needle):
                                fresh.append((record.order, _seen(lane, offset, record)))
                        heads[lane] = max(heads[lane], min(block.next_offset, head))
            for _, seen in sorted(fresh, key=lambda each: each[0]):
                yield seen
    finally:
        await stream.close()


async def counted(settings: Settings, current: Current) -> list[Counted]:
    """What every destination's book says, as of its last checkpoint."""
    heads: list[int] = []
    with contextlib.suppress(LogUnavailable):
        stream = await SqliteLog.follow(settings.data / LOG_FOLDER)
        heads = await stream.heads()
        await stream.close()
    found = []
    for destination in current.workspace.destinations:
        if destination.id in current.plan.devices:
            continue  # the SDK on the device keeps no books here
        totals: dict[tuple[str, str], int] = {}
        dead: dict[str, int] = {}
        origins = await asyncio.to_thread(read_origins, settings.data / STATE_FOLDER, destination.id)
        ended = lag = 0
        async for state in states(settings, destination.id):
            standing = await state.standing()
            for key, n in standing.totals.items():
                totals[key] = totals.get(key, 0) + n
            for reason, n in standing.dead.items():
                dead[reason] = dead.get(reason, 0) + n
            for lane, cursor in standing.cursors.items():
                ahead = sum(end - start for start, end in cursor.settled)
                ended += cursor.next_offset - origins.get(lane, 0) + ahead
                lag += max(0, heads[lane] - cursor.next_offset) if heads else 0
        events: dict[str, int] = {}
        reasons: dict[str, int] = {}
        for (result, reason), n in totals.items():
            events[result] = events.get(result, 0) + n
            if reason and not result.startswith("rows_"):
                reasons[reason] = reasons.get(reason, 0) + n
        settled = sum(n for result, n in events.items() if not result.startswith("rows_"))
        came = sum(head - origins.get(lane, 0) for lane, head in enumerate(heads))
        found.append(
            Counted(
                destination=destination.id,
                events=events,
                reasons=reasons,
                dead_letters=dead,
                residual=ended - settled,
                waiting=max(0, came - ended),
                lag=lag,
            )
        )
    return found


async def ask(
    settings: Settings, destinations: Sequence[str], name: str, arguments: Mapping[str, Any], clock: Clock
) -> int:
    """Leave a command ("retry" or "drop") for the couriers of some destinations; gives how many got it."""
    asked = 0
    for destination in destinations:
        async for state in states(settings, destination):
            if not await state.value(GIVEN):  # else nobody carries out anything there
                await state.ask(name, arguments, asked_ms=clock.now_ms())
                asked += 1
    return asked


async def trace(
    settings: Settings,
    current: Current,
    message_id: str,
    *,
    destination: str | None = None,
    scan: bool = True,
    progress: Progress = lambda _: None,
) -> tuple[Story, list[Refused]]:
    """The story of a messageId, and what the receiver refused under it.

    Raises LogUnavailable, StorageUnavailable, MisconfiguredError for a destination there is not.
    """
    refused: list[Refused] = []
    with contextlib.suppress(
        UnavailableError, MisconfiguredError
    ):  # there is no book of it, and nobody remembers any
        refused = await rejections(settings, message_id=message_id)
    async with archived(settings, current) as archive:
        if destination is not None and destination not in archive.destinations:
            known = ", ".join(archive.destinations)
            raise MisconfiguredError(f'there is no destination "{destination}"; there is: {known}')
        story = await tell(
            archive, message_id, live(settings), destination=destination, scan=scan, progress=progress
        )
    return story, refused


def live(settings: Settings) -> Live:
    """Asks the running courier why an event waits; once nobody answered, nobody is asked again."""
    is_there = True

    async def ask_courier(destination: str, lane: int, offset: int) -> Waits | None:
        nonlocal is_there
        if not is_there:
            return None
        try:
            return await waits(settings, destination, lane, offset)
        except (UnavailableError, MisconfiguredError):
            is_there = False
            return None

    return ask_courier


def _require_one_json(body: bytes) -> None:
    if not body.strip():
        raise InvalidRequest(
            "invalid_json", "there is no event in it: expected one JSON object, found nothing"
        )
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest("invalid_json", f"the event is not one JSON object: {error}") from error


async def states(settings: Settings, destination: str) -> AsyncIterator[StateReader]:
    """The state files of a destination: one, or one per group of lanes."""
    folder = settings.data / STATE_FOLDER
    paths = sorted([*folder.glob(f"{destination}.db"), *folder.glob(f"{destination}@*.db")])
    for path in paths:
        try:
            state = await StateReader.open(path)
        except StorageUnavailable:
            if path.exists():
                raise
            continue
        try:
            yield state
        finally:
            await state.close()


def _is_wanted(record: Record, source: str | None, kind: str | None, needle: bytes) -> bool:
    return source in (None, record.source) and kind in (None, record.kind) and needle in record.raw


def _seen(lane: int, offset: int, record: Record) -> Seen:
    return Seen(
        lane=lane,
        offset=offset,
        source=record.source,
        received_ms=record.received_ms,
        event=intake.restore(record),
    )

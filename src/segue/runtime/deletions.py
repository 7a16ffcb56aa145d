"""Deletions asked for: people to be deleted at every destination that can, and how far that is.

    asked = await erase(settings, current, people, None, clock)     # `segue erase`
    for progress in await standings(settings, current, asked.name): …

Nothing is sent here: the call is left in each destination's state, whether or not it runs, and its courier
carries it out (`segue.runtime.eraser`).
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from segue.catalog.contents import catalogue
from segue.engine.erasure import read_people
from segue.engine.setup import find_page
from segue.io.storage.state import StateReader
from segue.model.delivery import Halt
from segue.model.errors import MisconfiguredError
from segue.model.event import person_key
from segue.runtime import desk, refusals
from segue.runtime.clock import Clock
from segue.runtime.current import Current
from segue.runtime.eraser import DONE, ERASE, Done
from segue.runtime.revival import DROP
from segue.runtime.settings import Settings

__all__ = ["PREFIX", "Asked", "Progress", "capable", "erase", "forget", "read_people", "standings"]

MANY: Final = 1_000_000

PREFIX: Final = "erase-"
"""Ids of calls begin with it."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a call.

    left_out         (destination, why) of those that got nothing
    letters, samples  dead letters that will be forgotten here, refused events that were
    """

    name: str
    people: int
    destinations: Sequence[str]
    left_out: Sequence[tuple[str, str]]
    letters: int = 0
    samples: int = 0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a call is at one destination, as of its last checkpoint.

    waiting  people not answered for yet; on_its_way: those of them who were sent
    deleted  people the partner took; dead: those it refused
    done_ms  when all was done, 0 while it is not
    halt     why the destination sends nothing at the moment
    """

    name: str
    destination: str
    asked_ms: int
    people: int
    waiting: int
    deleted: int
    dead: int
    on_its_way: int = 0
    done_ms: int = 0
    halt: Halt | None = None


def capable(current: Current, destination: str | None) -> tuple[list[str], list[tuple[str, str]]]:
    """The destinations that can delete people, and (destination, why not) of the others. Raises
    MisconfiguredError for a destination there is not."""
    known = {each.id: each for each in current.workspace.destinations}
    if destination is not None and destination not in known:
        raise MisconfiguredError(
            f'there is no destination "{destination}"; there is: {", ".join(known) or "none"}'
        )
    contents = catalogue()
    able: list[str] = []
    unable: list[tuple[str, str]] = []
    for name, written in known.items():
        page = find_page(contents, written.type)
        if destination is not None and name != destination:
            continue
        if page is None:
            unable.append((name, f'nobody knows what "{written.type}" is'))
        elif page.deletion is not None:
            able.append(name)
        elif page.mode == "device":
            unable.append((name, f"{page.title} works on the device: nothing of it is deleted from here"))
        else:
            unable.append((name, f"{page.title} has no call that deletes people"))
    return able, unable


async def erase(
    settings: Settings, current: Current, people: Sequence[str], destination: str | None, clock: Clock
) -> Asked:
    """Leave a call for the couriers of every destination that can delete people, or of one.

    Raises StorageUnavailable, MisconfiguredError for a destination there is not.
    """
    able, left_out = capable(current, destination)
    now_ms = clock.now_ms()
    day = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d")
    name = f"{PREFIX}{day}-{secrets.token_hex(4)}"
    told = []
    for each in able:
        if await desk.ask(settings, [each], ERASE, {"name": name, "people": list(people)}, clock):
            told.append(each)
        else:
            left_out.append((each, "it has never run here, so nothing was sent to it; run Segue once first"))
    return Asked(name=name, people=len(people), destinations=told, left_out=left_out)


async def forget(
    settings: Settings, current: Current, people: Sequence[str], destination: str | None, clock: Clock
) -> tuple[int, int]:
    """Have the dead letters of these people dropped, at every destination or one, and remove the samples of
    refused events that name them; gives how many of each there are. What dies of them later is left.

    Raises StorageUnavailable, MisconfiguredError for a destination there is not.
    """
    capable(current, destination)
    keys = [person_key(each, None) for each in people]
    letters = 0
    for each in current.workspace.destinations:
        if destination in (None, each.id):
            found = 0
            async for state in desk.states(settings, each.id):
                for key in keys:
                    found += len(await state.dead_letters(person=key, limit=MANY))
            if found:
                await desk.ask(settings, [each.id], DROP, {"people": keys}, clock)
            letters += found
    return letters, await refusals.forget(settings, people)


async def standings(settings: Settings, current: Current, name: str | None = None) -> list[Progress]:
    """How far calls are, oldest first: one of them, or all that are known. Raises StorageUnavailable."""
    found: dict[tuple[str, str], Progress] = {}
    for destination in current.workspace.destinations:
        async for state in desk.states(settings, destination.id):
            for progress in await _of(state, destination.id):
                if name is None or progress.name == name:
                    key = (progress.name, destination.id)
                    found[key] = _together(found[key], progress) if key in found else progress
    return sorted(found.values(), key=lambda each: (each.asked_ms, each.name, each.destination))


async def _of(state: StateReader, destination: str) -> list[Progress]:
    under_way = await state.commands()  # first: what is done meanwhile is found among what is done
    body = await state.value(DONE)
    found = [
        Progress(
            name=done.name,
            destination=destination,
            asked_ms=done.asked_ms,
            people=done.people,
            waiting=0,
            deleted=done.people - done.dead,
            dead=done.dead,
            done_ms=done.done_ms,
        )
        for done in (msgspec.msgpack.decode(body, type=list[Done]) if body else ())
    ]
    halt = await state.halt()
    known = {progress.name for progress in found}
    for command in under_way:
        if command.name != ERASE or command.arguments["name"] in known:
            continue
        told = command.arguments
        people = told.get("ours", len(told["people"]))
        settled, dead = sum(end - start for start, end in told.get("settled", ())), told.get("dead", 0)
        found.append(
            Progress(
                name=told["name"],
                destination=destination,
                asked_ms=command.asked_ms,
                people=people,
                waiting=people - settled,
                deleted=settled - dead,
                dead=dead,
                on_its_way=told.get("flying", 0),
                halt=halt,
            )
        )
    return found


def _together(one: Progress, other: Progress) -> Progress:
    """Of one destination whose lanes several couriers read."""
    is_done = bool(one.done_ms and other.done_ms)
    return Progress(
        name=one.name,
        destination=one.destination,
        asked_ms=min(one.asked_ms, other.asked_ms),
        people=one.people + other.people,
        waiting=one.waiting + other.waiting,
        deleted=one.deleted + other.deleted,
        dead=one.dead + other.dead,
        on_its_way=one.on_its_way + other.on_its_way,
        done_ms=max(one.done_ms, other.done_ms) if is_done else 0,
        halt=one.halt or other.halt,
    )

"""Dead letters taken out and back in, and explained: which rule each broke and what to do about it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.model.delivery import Attempt, DeadLetter
from segue.model.errors import MisconfiguredError
from segue.runtime import desk
from segue.runtime.archive import opened
from segue.runtime.clock import Clock
from segue.runtime.current import Current
from segue.runtime.revival import IMPORT
from segue.runtime.settings import Settings

PAGE: Final = 500


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter explained.

    rule    the rule it broke, in a sentence; field: what of it, "" when that is not known
    said    the reason in our words or the partner's; status, request: the last answer, 0 and "" for none
    remedy  what to do, in the imperative
    """

    id: str
    reason: str
    rule: str
    field: str
    said: str
    status: int
    request: str
    remedy: str


_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "PAYLOAD_VALIDATION_FAILED": (
        "what the mapping made does not fit the field's type or a required field is empty",
        "Mend the mapping, or the sender for events to come; then segue dead retry maps the event anew.",
    ),
    "MAPPING_FAILED": (
        "a directive of the mapping failed on this event",
        "See it step by step with segue try, mend the mapping, then segue dead retry maps the event anew.",
    ),
    "PAYLOAD_TOO_LARGE": (
        "the object, or the request with it alone, is larger than the partner takes",
        "Map fewer or shorter properties, then segue dead retry.",
    ),
    "BAD_REQUEST": (
        "the partner refused this object for good; its neighbours in the request were not harmed",
        "Mend what the partner names, in the mapping or at the sender, then segue dead retry. An object "
        "that was made already is sent as it was made.",
    ),
    "NOT_FOUND": (
        "the partner does not know what the request names",
        "Look at the ids and the address in the destination's settings, then segue dead retry.",
    ),
    "UNCERTAIN": (
        "it left, no answer is known, and delivery.uncertain is hold: it may have arrived",
        "Look at the partner whether it is there: if not, segue dead retry, otherwise segue dead drop.",
    ),
    "INTERNAL": (
        "a defect of Segue met this event",
        "Please report it with segue dead show --json; segue dead retry works once it is mended.",
    ),
}

_OTHER: Final = (
    "the partner did not take it",
    "Mend what the reason names, then segue dead retry; segue dead drop forgets it.",
)


def explain(letter: DeadLetter) -> Explained:
    """Say which rule a letter broke and what to do. Raises nothing."""
    rule, remedy = _REASONS.get(letter.reason, _OTHER)
    answered = [each for each in letter.attempts if each.request]
    field = letter.message.partition('field "')[2].partition('"')[0] if 'field "' in letter.message else ""
    return Explained(
        id=letter.id,
        reason=letter.reason,
        rule=rule,
        field=field,
        said=letter.message,
        status=answered[-1].status if answered else 0,
        request=(answered[-1].last_request or answered[-1].request) if answered else "",
        remedy=remedy,
    )


async def dead_letters(
    settings: Settings,
    destinations: Sequence[str],
    *,
    limit: int = 100,
    after: str = "",
    **filters: str | None,
) -> list[DeadLetter]:
    """Dead letters of some destinations, filtered by subscription, reason, message_id or person, in the order
    of the destinations and there by id.

    after  where a page goes on: the last letter of the one before as ``destination/id``; when only one
           destination is asked for, its id will do
    """
    place, _, last = after.partition("/")
    if place not in destinations:
        place, last = "", after
    if after and not place and len(destinations) > 1:
        raise MisconfiguredError(
            f'the dead letter "{after}" may be of any of {", ".join(destinations)}: name it as '
            f"{destinations[0]}/{after}, or one of them with -d"
        )
    first = destinations.index(place) if place else 0
    found: list[DeadLetter] = []
    for number, destination in enumerate(destinations[first:]):
        after_id = last if after and not number else None
        here: list[DeadLetter] = []
        async for state in desk.states(settings, destination):
            here += await state.dead_letters(**filters, after_id=after_id, limit=limit - len(found))
        found += sorted(here, key=lambda letter: letter.id)[: limit - len(found)]
        if len(found) >= limit:
            break
    return found


async def dead_letter(settings: Settings, destinations: Sequence[str], letter_id: str) -> DeadLetter | None:
    """One dead letter by its id. Raises MisconfiguredError when several destinations have one of that id."""
    found: dict[str, DeadLetter] = {}
    for destination in destinations:
        async for state in desk.states(settings, destination):
            letter = await state.dead_letter(letter_id)
            if letter is not None:
                found[destination] = letter
    if len(found) > 1:
        places = " and ".join(found)
        raise MisconfiguredError(
            f'there is a dead letter "{letter_id}" at {places}: say which of them is meant with -d'
        )
    return next(iter(found.values()), None)


async def export(
    settings: Settings,
    current: Current,
    destinations: Sequence[str],
    *,
    limit: int | None = None,
    **filters: str | None,
) -> AsyncIterator[tuple[DeadLetter, Any]]:
    """Every dead letter that matches, page by page, each with its event as it came in, None when the log has
    dropped that. Raises LogUnavailable, StorageUnavailable."""
    given = 0
    async with opened(settings, current) as archive:
        for books in archive.books:
            if books.destination not in destinations:
                continue
            after: str | None = None
            while True:
                page = await books.state.dead_letters(**filters, after_id=after, limit=PAGE)
                for letter in page:
                    if limit is not None and given >= limit:
                        return
                    given += 1
                    record = await archive.record(letter.lane, letter.offset)
                    is_it = record is not None and record.message_id == letter.message_id
                    yield letter, msgspec.json.decode(record.raw) if record is not None and is_it else None
                if len(page) < PAGE:
                    break
                after = page[-1].id


async def take_back(
    settings: Settings,
    current: Current,
    destinations: Sequence[str],
    lines: Sequence[bytes],
    clock: Clock,
) -> tuple[int, list[tuple[int, str]]]:
    """Leave exported letters for the couriers; gives how many, and (line, why) of those left out.

    A letter whose event is not in this log is left out: it belongs to another Segue, or is too old.
    Raises LogUnavailable, StorageUnavailable.
    """
    refused: list[tuple[int, str]] = []
    letters: dict[str, list[DeadLetter]] = {}
    async with opened(settings, current) as archive:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                letter = read_letter(line)
            except MisconfiguredError as error:
                refused.append((number, str(error)))
                continue
            record = await archive.record(letter.lane, letter.offset)
            if letter.destination not in destinations:
                refused.append((number, f'there is no destination "{letter.destination}"'))
            elif record is None or record.message_id != letter.message_id:
                problem = (
                    f"event {letter.message_id} is not at its place in this log: it is of another Segue, or "
                    "older than the log. Its original can be sent again with segue send"
                )
                refused.append((number, problem))
            else:
                letters.setdefault(letter.destination, []).append(letter)
    for destination, found in letters.items():
        for start in range(0, len(found), PAGE):
            packed = [msgspec.msgpack.encode(letter) for letter in found[start : start + PAGE]]
            if not await desk.ask(settings, [destination], IMPORT, {"letters": packed}, clock):
                raise MisconfiguredError(f'destination "{destination}" has never run: there is no state')
    return sum(map(len, letters.values())), refused


def read_letter(line: bytes) -> DeadLetter:
    """A dead letter as export prints it. Raises MisconfiguredError that says what is wrong."""
    try:
        plain = msgspec.json.decode(line)
        plain["items"] = [msgspec.json.encode(item) for item in plain["items"]]
        names = Attempt.__struct_fields__
        plain["attempts"] = [[each[name] for name in names] for each in plain["attempts"]]
        plain.pop("original", None)
        return msgspec.convert(plain, DeadLetter, builtin_types=(bytes,))
    except KeyError as error:
        raise MisconfiguredError(f"it is no line of segue dead export: it has no {error}") from error
    except (msgspec.MsgspecError, TypeError, AttributeError) as error:
        raise MisconfiguredError(f"it is no line of segue dead export: {error}") from error

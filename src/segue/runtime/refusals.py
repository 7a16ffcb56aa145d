"""What the receiver refused: from its book, and what is not in it yet from the process that runs."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping

from segue.engine.erasure import mentions
from segue.io.storage.refusals import RefusalReader, Refused, RefusedCount, RefusedKey
from segue.model.errors import MisconfiguredError, UnavailableError
from segue.runtime import enquiry
from segue.runtime.folders import REFUSALS_FILE
from segue.runtime.settings import Settings


async def rejections(
    settings: Settings,
    *,
    source: str | None = None,
    code: str | None = None,
    message_id: str | None = None,
) -> list[Refused]:
    """The newest refusals that match all that is given, oldest first; nobody needs to run.

    Raises StorageUnavailable when the book cannot be read; UnavailableError and MisconfiguredError as
    `segue.runtime.enquiry` does when there is no book.
    """
    trouble: UnavailableError | MisconfiguredError | None = None
    remembered: list[Refused] = []
    # Memory before book: what is written between the two looks is found twice, not missed.
    try:
        remembered = await enquiry.rejections(settings, source=source, code=code)
    except (UnavailableError, MisconfiguredError) as error:
        trouble = error
    written: list[Refused] = []
    async with _book(settings) as book:
        if book is not None:
            written = await book.find(source=source, code=code, message_id=message_id)
        elif trouble is not None:
            raise trouble
    # Counted rather than compared: the same event may be refused twice in a millisecond.
    unwritten = Counter(one for one in remembered if message_id in (None, one.message_id))
    unwritten -= Counter(written)
    return sorted([*written, *unwritten.elements()], key=lambda one: one.at_ms)


async def refused_counts(settings: Settings) -> Mapping[RefusedKey, RefusedCount]:
    """How much was refused on the last 30 days, up to half a second ago. Raises StorageUnavailable."""
    async with _book(settings) as book:
        return await book.counts() if book is not None else {}


async def forget(settings: Settings, people: Collection[str]) -> int:
    """Remove the samples of refused events that name one of these userIds, up to half a second ago; gives how
    many. Raises StorageUnavailable."""
    meant = frozenset(people)
    async with _book(settings) as book:
        return await book.forget(lambda text: mentions(text, meant)) if book is not None else 0


@contextlib.asynccontextmanager
async def _book(settings: Settings) -> AsyncIterator[RefusalReader | None]:
    """The book for reading; None when no receiver has made one."""
    path = settings.data / REFUSALS_FILE
    if not await asyncio.to_thread(path.exists):
        yield None
        return
    book = await RefusalReader.open(path)
    try:
        yield book
    finally:
        await book.close()

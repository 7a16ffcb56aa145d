"""The doorkeeper: remembers what the receiver refused, and writes it down beside the way of the events.

    doorkeeper.note(rejection, now_ms)      # the receiver, for each refusal; waits for nothing
    await doorkeeper.run()                  # writes twice a second, until cancelled
    await doorkeeper.write()                # the rest, at the end

A process that is killed loses the refusals of its last half second, samples and counts alike. While the book
cannot be written, counts are kept whole in memory and the newest samples with them.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

import msgspec
import structlog

from segue.engine.intake import Rejection
from segue.io.storage.refusals import DAY_MS, RefusalBook, Refused, RefusedCount, RefusedKey, storable
from segue.model.errors import UnavailableError
from segue.runtime.clock import Clock

SAMPLES: Final = 20
"""Refusals kept in memory per source and code, newest last; with a book, those that are not in it yet."""

UNWRITTEN: Final = 200
"""Refusals per source and code that wait to be written; under a flood the newest, and all are counted."""

ROUND_SECONDS: Final = 0.5

MESSAGE_LENGTH: Final = 500

log = structlog.get_logger("segue.receiver")

Place = tuple[str, str]
"""(source, code)."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One refusal as it happened: an event's, or a whole request's with source "" and kind ""."""

    at_ms: int
    rejection: Rejection


class Doorkeeper:
    """One per receiver. book: None to remember in memory only."""

    def __init__(self, clock: Clock, book: RefusalBook | None = None) -> None:
        self._clock = clock
        self._book = book
        self._recent: dict[Place, deque[Sample]] = {}
        self._unwritten: dict[Place, deque[Sample]] = {}
        self._events: Counter[RefusedKey] = Counter()
        self._requests: Counter[RefusedKey] = Counter()
        self._is_failing = False
        self._writing = asyncio.Lock()

    def note(self, rejection: Rejection, now_ms: int) -> None:
        """Remember a refusal; one without events is a request refused as a whole."""
        place = (rejection.source, rejection.code)
        sample = Sample(at_ms=now_ms, rejection=rejection)
        _put(self._recent, place, sample, SAMPLES)
        if self._book is None:
            return
        _put(self._unwritten, place, sample, UNWRITTEN)
        key = RefusedKey(now_ms // DAY_MS, rejection.source, rejection.kind, rejection.code)
        if rejection.count:
            self._events[key] += rejection.count
        else:
            self._requests[key] += 1

    def rejections(self, source: str | None = None, code: str | None = None) -> list[Sample]:
        """The newest refusals of this run that are in no book, oldest first; of one source, of one code, or
        all."""
        kept = [
            sample
            for (of_source, of_code), samples in self._recent.items()
            if source in (None, of_source) and code in (None, of_code)
            for sample in samples
        ]
        return sorted(kept, key=lambda sample: sample.at_ms)

    async def run(self) -> None:
        """Write until cancelled; what cannot be written now is tried again in the next round."""
        while True:
            await self._clock.sleep(ROUND_SECONDS)
            await asyncio.shield(self.write())  # a write under way is finished before the last one

    async def write(self) -> None:
        """Write what was noted since the last time. A book that cannot be written is logged, once."""
        async with self._writing:
            if self._book is not None and (self._events or self._requests):
                await self._write(self._book)

    async def _write(self, book: RefusalBook) -> None:
        unwritten, events, requests = self._unwritten, self._events, self._requests
        self._unwritten, self._events, self._requests = {}, Counter(), Counter()
        samples = sorted((each for kept in unwritten.values() for each in kept), key=lambda one: one.at_ms)
        counts = {
            key: RefusedCount(events=events[key], requests=requests[key]) for key in {**events, **requests}
        }
        try:
            await book.write([told(sample) for sample in samples], counts)
        except UnavailableError as error:
            self._take_back(samples, events, requests)
            if not self._is_failing:
                log.warning("refusals_not_written", error=str(error))
            self._is_failing = True
        else:
            self._is_failing = False
            self._forget(samples)

    def _forget(self, written: Iterable[Sample]) -> None:
        """What is in the book is not kept beside it: there it can be removed when its person is."""
        gone = {id(sample) for sample in written}
        for place, kept in list(self._recent.items()):
            left = [sample for sample in kept if id(sample) not in gone]
            if left:
                self._recent[place] = deque(left, maxlen=SAMPLES)
            else:
                del self._recent[place]

    def _take_back(
        self, samples: Iterable[Sample], events: Counter[RefusedKey], requests: Counter[RefusedKey]
    ) -> None:
        newer, self._unwritten = self._unwritten, {}
        for sample in [*samples, *(each for kept in newer.values() for each in kept)]:
            _put(self._unwritten, (sample.rejection.source, sample.rejection.code), sample, UNWRITTEN)
        self._events += events
        self._requests += requests


def told(sample: Sample) -> Refused:
    """A refusal as it is written and shown; the sample as text, whatever the sender sent."""
    rejection = sample.rejection
    return Refused(
        at_ms=sample.at_ms,
        source=rejection.source,
        kind=rejection.kind,
        code=rejection.code,
        message=storable(rejection.message)[:MESSAGE_LENGTH],
        message_id=storable(rejection.message_id),
        count=rejection.count,
        sample=rejection.sample.decode("utf-8", "replace"),
    )


def _put(kept: dict[Place, deque[Sample]], place: Place, sample: Sample, most: int) -> None:
    kept.setdefault(place, deque(maxlen=most)).append(sample)

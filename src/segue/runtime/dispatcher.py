"""The dispatcher: lets the batches of one destination leave, and learns from each answer."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog
from msgspec.structs import replace

from segue.engine.aftermath import weigh
from segue.engine.batch import Batch, Batcher
from segue.engine.parcel import Parcel
from segue.engine.plan import BoundDestination
from segue.engine.retry import FREE, Hold
from segue.model.delivery import Outcome, Request, Response, Verdict
from segue.model.errors import BrokenError, UnavailableError
from segue.runtime.accountant import Accountant
from segue.runtime.bookkeeper import IN_DOUBT, UNCERTAIN, Bookkeeper, is_repeatable
from segue.runtime.clock import Clock
from segue.runtime.memory import Memory

log = structlog.get_logger("segue.courier")


class Sender(Protocol):
    """What carries a request to the partner; never raises for trouble on the way."""

    async def send(self, request: Request) -> Response: ...


class Meter(Protocol):
    """Where a courier reports what it does; `segue.runtime.telemetry` says what each means."""

    def request(self, destination: str, action: str, status: int, items: int, seconds: float) -> None: ...

    def checkpoint(self, destination: str, seconds: float) -> None: ...

    def held(self, destination: str, code: str) -> None: ...

    def delta(self, destination: str, *, late: int, points: int, saved: int) -> None: ...

    def cap(self, destination: str, cap: str, share: float) -> None: ...


class Dispatcher:
    """Requests on the way.

    books     where everything is written down; set before anything leaves
    memory    what the partner is known to have of people
    accountant  what it costs, and the caps
    trouble   why something did not leave: the state could not be read or the journal not be written
    wake      set whenever something happened that may let more leave
    requests  number of the last request, counted over restarts
    retries   rows that had to leave again, in this run
    """

    def __init__(
        self,
        batcher: Batcher,
        sender: Sender,
        clock: Clock,
        meter: Meter,
        memory: Memory,
        accountant: Accountant,
    ) -> None:
        self.trouble: UnavailableError | None = None
        self.hold: Hold = FREE
        self.requests = 0
        self.retries = 0
        self.in_flight = 0
        self.wake = asyncio.Event()
        self._batcher = batcher
        self._sender = sender
        self._clock = clock
        self._meter = meter
        self._memory = memory
        self._accountant = accountant
        self._books: Bookkeeper | None = None

    @property
    def books(self) -> Bookkeeper:
        """Where everything is written down."""
        if self._books is None:
            raise BrokenError("the dispatcher has no books")
        return self._books

    @books.setter
    def books(self, books: Bookkeeper) -> None:
        self._books = books

    def dispatch(self, destination: BoundDestination, requests: asyncio.TaskGroup) -> None:
        """Let everything leave that may."""
        now = self._clock.monotonic()
        most = 1 if self.hold.is_held else destination.config.delivery.in_flight
        while self.in_flight < most and self.hold.allows(now, self.in_flight):
            batches = self._batcher.due(now, most - self.in_flight)
            for batch in batches:
                self.in_flight += 1
                self.requests += 1
                requests.create_task(self._deliver(destination, batch, self.requests))
            if not batches:
                return

    async def _deliver(self, destination: BoundDestination, batch: Batch, number: int) -> None:
        """Send one batch and act on the answer."""
        try:
            batch = self._within_budget(batch)
            if not batch.waiting:
                return
            parcel = await self._memory.pack(batch.waiting)
            batch = self._leave_out(batch, parcel)
            if batch.waiting:
                await self._send(destination, batch, parcel, number)
        except UnavailableError as error:  # nothing left: the courier pauses, and it leaves again
            self._batcher.put_back(batch, [(batch.waiting, batch.search)])
            self.trouble = error
        finally:
            self.in_flight -= 1
            self.wake.set()

    def _within_budget(self, batch: Batch) -> Batch:
        """Settle or keep the rows whose cap is reached; gives the batch of the others. The probes of a search
        have been let through before."""
        found = self._accountant.screen(batch.waiting) if batch.search is None else None
        if found is None:
            return batch
        now_ms = self._clock.now_ms()
        for left_out in found.dropped:
            self.books.leave_out(left_out, now_ms)
        if found.held:
            not_before = self._clock.monotonic() + max(0, found.until_ms - now_ms) / 1000
            for entry in found.held:
                entry.not_before = not_before
            self._batcher.put_back(batch, [(found.held, None)])
        return replace(batch, waiting=found.waiting)

    def _leave_out(self, batch: Batch, parcel: Parcel) -> Batch:
        """Settle the rows with nothing to send; gives the batch of the others."""
        if not parcel.left_out:
            return batch
        now_ms = self._clock.now_ms()
        for left_out in parcel.left_out:
            self.books.leave_out(left_out, now_ms)
        batch = replace(batch, waiting=parcel.waiting)
        if not batch.waiting:  # a probe for a culprit that holds nobody any more: the search goes on
            self._batcher.put_back(batch, weigh(batch, [], "", self._clock.monotonic(), now_ms).again)
        return batch

    async def _send(self, destination: BoundDestination, batch: Batch, parcel: Parcel, number: int) -> None:
        started = self._clock.monotonic()
        response, outcomes = await self._exchange(destination, batch, parcel, number)
        seconds = self._clock.monotonic() - started
        items = sum(len(row.items) for row in parcel.rows)
        self._meter.request(destination.id, batch.travel.action, response.status, items, seconds)
        if response.status:
            self._accountant.request([entry.row for entry in parcel.waiting], items)
        self._learn(destination, batch, number, response, self._memory.settle(parcel, outcomes, response))

    async def _exchange(
        self, destination: BoundDestination, batch: Batch, parcel: Parcel, number: int
    ) -> tuple[Response, Sequence[Outcome]]:
        """Send a parcel; gives one outcome for each of its rows, also when it cannot be made."""
        rows = parcel.rows
        try:
            return await self._post(destination, batch, parcel, number)
        except UnavailableError:
            unsent = Outcome(verdict=Verdict.RETRY)
            self._memory.settle(parcel, [unsent] * len(rows), Response(status=0, sent=False))
            raise
        except Exception as error:  # a defect of a page: its rows become dead letters, the others go on
            log.exception("request_not_made", destination=destination.id, action=batch.travel.action)
            broken = Outcome(verdict=Verdict.REJECTED, code="INTERNAL", message=str(error))
            return Response(status=0, error="INTERNAL", sent=False), [broken] * len(rows)

    async def _post(
        self, destination: BoundDestination, batch: Batch, parcel: Parcel, number: int
    ) -> tuple[Response, Sequence[Outcome]]:
        found = destination.page.action(batch.travel.action)
        if found is None:
            raise BrokenError(f'{destination.page.title} has no action "{batch.travel.action}" any more')
        action, rows = found[0], parcel.rows
        request = action.build(rows, destination.settings)
        self.books.leave(number, batch.rows, parcel.people)
        response = await self._sender.send(request)
        outcomes = action.read(response, rows)
        if len(outcomes) != len(rows):
            raise BrokenError(f'"{action.slug}" read {len(outcomes)} outcomes for {len(rows)} rows')
        return response, outcomes

    def _learn(
        self,
        destination: BoundDestination,
        batch: Batch,
        number: int,
        response: Response,
        outcomes: Sequence[Outcome],
    ) -> None:
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        trouble = next((each for each in outcomes if each.verdict is Verdict.HOLD), None)
        in_doubt = bool(response.error) and response.sent
        policy: str = destination.config.delivery.uncertain
        if is_repeatable(destination, batch.travel.action):
            policy = "repeated"
        if in_doubt and policy == "hold":
            doubt = Outcome(verdict=Verdict.REJECTED, code=UNCERTAIN, message=IN_DOUBT.format(request=number))
            outcomes = [doubt if each.verdict is Verdict.HOLD else each for each in outcomes]
        aftermath = weigh(batch, outcomes, str(number), now, now_ms)
        again = [entry for group, _ in aftermath.again for entry in group]
        if in_doubt and policy == "hold":
            for ended in aftermath.ended:
                self.books.count_doubt(ended.entry.row, number, policy, now_ms)
        self.books.answered(number, aftermath.ended, again if in_doubt else (), policy, now_ms)
        self._batcher.put_back(batch, aftermath.again)
        self.retries += len(again)
        if trouble is not None:
            if not self.hold.is_held:
                self._meter.held(destination.id, trouble.code)
            self.hold = self.hold.after_trouble(trouble, now, f"{destination.id}-{number}")
            wait = round(self.hold.until - now, 1)
            log.warning(
                "destination_held", destination=destination.id, code=self.hold.reason, wait_seconds=wait
            )
        elif self.hold.is_held:
            self.hold = self.hold.after_success()
            log.info("destination_released", destination=destination.id)

"""The dispatcher: lets the batches of one destination leave, and learns from each answer."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

import structlog
from msgspec.structs import replace

from segue.engine.aftermath import weigh
from segue.engine.batch import Batch, Batcher
from segue.engine.line import NEVER, Waiting
from segue.engine.parcel import Parcel
from segue.engine.plan import BoundDestination
from segue.engine.pool import Permit
from segue.engine.retry import FREE, Hold
from segue.engine.suspicion import Judgement, Suspicion
from segue.model.delivery import Halt, Outcome, Request, Response, Verdict
from segue.model.errors import BrokenError, UnavailableError
from segue.runtime.accountant import Accountant
from segue.runtime.bookkeeper import Bookkeeper
from segue.runtime.brake import Brake
from segue.runtime.clock import Clock
from segue.runtime.doubt import IN_DOUBT, UNCERTAIN, policy_of
from segue.runtime.memory import Memory
from segue.runtime.pacing import TOO_MANY, Account
from segue.runtime.witness import Witness

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
    account   the partner's rate limits, shared with others that send to it
    brake     whether the destination is paused by hand
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
        account: Account,
        brake: Brake,
    ) -> None:
        self.trouble: UnavailableError | None = None
        self.hold: Hold = FREE
        self.requests = 0
        self.retries = 0
        self.in_flight = 0
        self._limited_ms = 0
        self.wake = asyncio.Event()
        self._batcher = batcher
        self._sender = sender
        self._clock = clock
        self._meter = meter
        self._memory = memory
        self._accountant = accountant
        self._account = account
        self._brake = brake
        self._suspicion = Suspicion()
        self._witness = Witness(self, account, self._suspicion)
        self._books: Bookkeeper | None = None
        account.call(self.wake.set)

    @property
    def books(self) -> Bookkeeper:
        """Where everything is written down."""
        if self._books is None:
            raise BrokenError("the dispatcher has no books")
        return self._books

    @books.setter
    def books(self, books: Bookkeeper) -> None:
        self._books = books

    @property
    def is_held(self) -> bool:
        """Whether nothing can leave for a while: the partner has trouble, or somebody paused it."""
        return self.hold.is_held or self._brake.is_on

    @property
    def circuit(self) -> int:
        """0 closed, 1 a probe is on the way or it is opening again, 2 open, 3 paused by hand."""
        if self._brake.is_on:
            return 3
        if self.hold.is_held:
            return 1 if self.in_flight else 2
        return int(self.hold.is_ramping)

    @property
    def halt(self) -> Halt | None:
        """Why nothing leaves, as told to whoever asks; None while it does."""
        return self._brake.halt or self.hold.told(self._clock.monotonic(), self._clock.now_ms())

    def has_room(self, destination: BoundDestination) -> bool:
        """Whether one more request may be on the way, as far as their number goes."""
        most = destination.config.delivery.in_flight
        return self.in_flight < most and self.hold.allows(NEVER, self.in_flight)

    def next_due(self, destination: BoundDestination, now: float) -> float:
        """When something may leave if nothing else happens before; infinity when only that can help: an
        answer, for instance, while as many requests are on the way as may be."""
        if self._brake.is_on or not self.has_room(destination):
            return NEVER
        due_at = self._batcher.next_due(now, self._account.opens_at)
        return max(due_at, self.hold.until) if self.hold.is_held else due_at

    def is_shut(self) -> bool:
        """Whether everything that could leave has to wait for a rate limit, and for long: at a stop nobody
        waits for that, and it is kept."""
        return self._opens_in(SOON_SECONDS) is not None

    @property
    def limit(self) -> Halt | None:
        """The rate limit that everything that could leave waits for, when it does for long: for whoever asks
        why nothing leaves. None while something may, or soon."""
        seconds = self._opens_in(LONG_SECONDS)
        if seconds is None:
            self._limited_ms = 0
            return None
        now_ms = self._clock.now_ms()
        self._limited_ms = self._limited_ms or now_ms
        until_ms = -(-(now_ms + seconds * 1000) // TELLING_MS) * TELLING_MS  # the same at the next look
        return Halt(kind="limited", code=LIMITED, since_ms=self._limited_ms, until_ms=int(until_ms))

    def _opens_in(self, least: float) -> float | None:
        """In how many seconds a limit opens that all rows which could leave wait for; None when one may leave
        within `least` seconds, or none could."""
        now = self._clock.monotonic()
        opens_at = self._batcher.next_due(now, self._account.opens_at)
        is_shut = self._batcher.next_due(now) <= now + SOON_SECONDS and now + least < opens_at < NEVER
        return opens_at - now if is_shut else None

    def dispatch(self, destination: BoundDestination, requests: asyncio.TaskGroup) -> None:
        """Let everything leave that may."""
        now = self._clock.monotonic()
        while self.hold.until <= now and self.has_room(destination) and not self._brake.is_on:
            batches = self._batcher.due(now, 1, self._account.opens_at)
            if not batches:
                return
            for batch in batches:
                permit = self._account.take(batch.travel)
                if permit is None:  # another process was quicker
                    self._batcher.put_back(batch, [(batch.waiting, batch.search)])
                    return
                self.in_flight += 1
                self.requests += 1
                requests.create_task(self._deliver(destination, batch, self.requests, permit))

    async def _deliver(
        self, destination: BoundDestination, batch: Batch, number: int, permit: Permit
    ) -> None:
        """Send one batch and act on the answer. The permit comes back whatever happens."""
        try:
            batch = self._within_budget(batch)
            if not batch.waiting:
                return
            if (trouble := await self._witness.hear(destination, batch)) is not None:
                self._hold(destination, trouble, number, batch.waiting)
                self._memory.namesakes.gone(batch.waiting)
                self._batcher.put_back(batch, [(batch.waiting, batch.search)], last=True)
                return
            parcel = await self._memory.pack(batch.waiting, is_whole=batch.search is not None)
            batch = self._leave_out(batch, parcel)
            if batch.waiting:
                await self._send(destination, batch, parcel, number, permit)
        except UnavailableError as error:  # nothing left: the courier pauses, and it leaves again
            self._batcher.put_back(batch, [(batch.waiting, batch.search)])
            self.trouble = error
        finally:
            self._account.give_back(permit)  # of no effect once it was answered
            self.in_flight -= 1
            self.wake.set()

    def _within_budget(self, batch: Batch) -> Batch:
        """Settle or keep the rows whose cap is reached; gives the batch of the others. The probes of a search
        have been let through before."""
        found = self._accountant.screen(batch.waiting) if batch.search is None else None
        if found is None:
            return batch
        now_ms = self._clock.now_ms()
        self._memory.namesakes.gone([*(each.entry for each in found.dropped if each.entry), *found.held])
        self.books.drop(found.dropped, now_ms)
        if found.held:
            self._keep(batch, found.held, max(0, found.until_ms - now_ms) / 1000)
        return replace(batch, waiting=found.waiting)

    def _keep(self, batch: Batch, held: Sequence[Waiting], seconds: float) -> None:
        """Rows of a batch do not leave yet."""
        for entry in held:
            entry.not_before = self._clock.monotonic() + seconds
        self._batcher.put_back(batch, [(held, batch.search)])

    def _leave_out(self, batch: Batch, parcel: Parcel) -> Batch:
        """Settle the rows with nothing to send, keep those that must wait; gives the batch of the others."""
        if parcel.held:
            self._keep(batch, parcel.held, LATER_SECONDS)
            batch = replace(batch, waiting=parcel.waiting)
        if not parcel.left_out:
            return batch
        now_ms = self._clock.now_ms()
        for left_out in parcel.left_out:
            self.books.leave_out(left_out, now_ms)
        loose = replace(batch.search, is_loose=True) if batch.search is not None else None
        batch = replace(batch, waiting=parcel.waiting, search=loose)
        if not batch.waiting:  # a probe for a culprit that holds nobody any more: the search goes on
            self._batcher.put_back(batch, weigh(batch, [], "", self._clock.monotonic(), now_ms).again)
        return batch

    async def _send(
        self, destination: BoundDestination, batch: Batch, parcel: Parcel, number: int, permit: Permit
    ) -> None:
        started = self._clock.monotonic()
        response, outcomes, is_stuck = await self._exchange(destination, batch, parcel, number, permit)
        seconds = self._clock.monotonic() - started
        items = sum([len(row.items) for row in parcel.rows])
        pack = destination.page.pack
        action = pack.name if pack is not None and batch.travel.pack else batch.travel.action
        self._meter.request(destination.id, action, response.status, items, seconds)
        if response.status:
            self._accountant.request([entry.row for entry in parcel.waiting], items)
        settled = self._memory.settle(parcel, outcomes, response)
        self._learn(destination, batch, number, response, settled, is_stuck=is_stuck)

    async def _exchange(
        self, destination: BoundDestination, batch: Batch, parcel: Parcel, number: int, permit: Permit
    ) -> tuple[Response, Sequence[Outcome], bool]:
        """Send a parcel; gives one outcome for each of its rows, also when it cannot be made, and whether
        waiting for the rate limit is no remedy any more."""
        rows = parcel.rows
        try:
            return await self._post(destination, batch, parcel, number, permit)
        except UnavailableError:
            unsent = Outcome(verdict=Verdict.RETRY)
            self._memory.settle(parcel, [unsent] * len(rows), Response(status=0, sent=False))
            raise
        except Exception as error:  # a defect of a page: its rows become dead letters, the others go on
            log.exception("request_not_made", destination=destination.id, action=batch.travel.action)
            broken = Outcome(verdict=Verdict.REJECTED, code="INTERNAL", message=str(error))
            return Response(status=0, error="INTERNAL", sent=False), [broken] * len(rows), False

    async def _post(
        self, destination: BoundDestination, batch: Batch, parcel: Parcel, number: int, permit: Permit
    ) -> tuple[Response, Sequence[Outcome], bool]:
        action, rows = destination.page.carried(batch.travel.action), parcel.rows
        if action is None:
            raise BrokenError(f'{destination.page.title} has no action "{batch.travel.action}" any more')
        request = action.build(rows, destination.settings)
        self.books.leave(number, batch.rows, parcel.people)
        response = await self._sender.send(request)
        is_stuck = self._account.learned(permit, request, response)
        outcomes = action.read(response, rows)
        if len(outcomes) != len(rows):
            raise BrokenError(f'"{action.slug}" read {len(outcomes)} outcomes for {len(rows)} rows')
        return response, outcomes, is_stuck

    def _learn(
        self,
        destination: BoundDestination,
        batch: Batch,
        number: int,
        response: Response,
        outcomes: Sequence[Outcome],
        *,
        is_stuck: bool,
    ) -> None:
        now, now_ms = self._clock.monotonic(), self._clock.now_ms()
        fine = outcomes[0]
        is_plain = response.status and not response.error and not fine.message and batch.search is None
        if is_plain and fine.verdict is Verdict.DELIVERED and outcomes.count(fine) == len(outcomes):
            self._judge(batch, response, None, is_stuck=is_stuck)
            self.books.delivered(number, batch.waiting, fine.status, now_ms)
            self._passed(destination)
            return
        trouble = next((each for each in outcomes if each.verdict is Verdict.HOLD), None)
        in_doubt = response.sent and (bool(response.error) or response.status == TIMED_OUT)
        policy = partial(policy_of, destination)
        if in_doubt:
            doubt = Outcome(verdict=Verdict.REJECTED, code=UNCERTAIN, message=IN_DOUBT.format(request=number))
            outcomes = [
                doubt if each.verdict is Verdict.HOLD and policy(row) == "hold" else each
                for row, each in zip(batch.rows, outcomes, strict=True)
            ]
        judgement = self._judge(batch, response, trouble, is_stuck=is_stuck)
        if judgement == "alone":
            outcomes = [
                replace(each, verdict=Verdict.RETRY) if each.verdict is Verdict.HOLD else each
                for each in outcomes
            ]
        halve = judgement in ("halve", "hold-halved")
        aftermath = weigh(batch, outcomes, str(number), now, now_ms, halve=halve)
        again = [entry for group, _ in aftermath.again for entry in group]
        # A search ends or gives back rows that were not in this request.
        sent = set(map(id, batch.waiting)) if in_doubt else set()
        for ended in aftermath.ended if in_doubt else ():
            if id(ended.entry) in sent and policy(ended.entry.row) == "hold":
                self.books.count_doubt(ended.entry.row, number, "hold", now_ms)
        doubtful = [entry for entry in again if id(entry) in sent]
        self.books.answered(number, aftermath.ended, doubtful, policy, now_ms)
        self.retries += len(again)
        is_held = trouble is not None and judgement in ("hold", "hold-halved")
        if trouble is not None and is_held:
            self._hold(destination, trouble, number, again)
        elif trouble is None and response.status:
            self._passed(destination)
        self._batcher.put_back(batch, aftermath.again, last=is_held)

    def _passed(self, destination: BoundDestination) -> None:
        """A request was answered by a partner in good health: a hold ends."""
        if self.hold.is_held:
            log.info("destination_released", destination=destination.id)
        if self.hold.is_held or self.hold.is_ramping:
            self.hold = self.hold.after_success()

    def _hold(
        self, destination: BoundDestination, trouble: Outcome, number: int, again: Sequence[Waiting]
    ) -> None:
        """Let nothing leave for a while. again: the rows that met the trouble."""
        now = self._clock.monotonic()
        if not self.hold.is_held:
            self._meter.held(destination.id, trouble.code)
        self.hold = self.hold.after_trouble(trouble, now, f"{destination.id}-{number}")
        wait = round(self.hold.until - now, 1)
        log.warning("destination_held", destination=destination.id, code=self.hold.reason, wait_seconds=wait)
        for entry in again:  # the next probe is somebody else's, when there is somebody else
            until = max(self.hold.until + LATER_SECONDS, now + self._suspicion.delay_seconds(entry))
            entry.not_before = max(entry.not_before, until)

    async def carry(self, destination: BoundDestination, request: Request) -> Response:
        """Send a request that is about nobody (`segue.runtime.witness`)."""
        started = self._clock.monotonic()
        response = await self._sender.send(request)
        seconds = self._clock.monotonic() - started
        self._meter.request(destination.id, "witness", response.status, 0, seconds)
        if 200 <= response.status < 300:
            self._passed(destination)
        return response

    def _judge(
        self, batch: Batch, response: Response, trouble: Outcome | None, *, is_stuck: bool
    ) -> Judgement | None:
        """Who is to blame for trouble: nobody when there is none, or when a rate limit was merely met."""
        if trouble is None:
            if response.status:
                self._suspicion.passed(batch.waiting)
            return None
        if response.status == TOO_MANY and not is_stuck:
            return None
        return self._suspicion.judge(batch.waiting, trouble, sent=response.sent)


TIMED_OUT: Final = 504
"""Whoever stands before the partner gave up on it, and it may have done what it was asked. The other 5xx say
that it has not.

Source  Braze docs, "API errors", read 2026-11-23: 502 failed before the server, 503 no capacity, 504 timeout
"""

LATER_SECONDS: Final = 0.05
SOON_SECONDS: Final = 5.0

LONG_SECONDS: Final = 30.0
"""A limit that opens later is told to whoever asks; shorter windows open and shut all the time."""

TELLING_MS: Final = 10_000
LIMITED: Final = "TOO_MANY_REQUESTS"

"""The receiver: takes a tracking request's body, keeps its events in the log, and says what to answer.

    receiver = Receiver(log, plan.source, clock, telemetry)
    answer = await receiver.receive(body, kind="track", client=False, write_key="wk")
    answer.status, answer.body, answer.headers

200 only after the log has the events for good. A log that cannot be written is 503, more waiting bytes
than there is room for is 429, both with Retry-After: SDKs keep the events and come back. What is wrong
with a request as a whole is 400, which no SDK repeats; what is wrong with one event is 200, and the event
is counted and kept as a sample. `docs/decisions/0004-ingest-answers.md` says why.

The law of ingest: received = accepted + rejected + failed + waiting, per source.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from segue.engine import intake
from segue.engine.device import has_failures
from segue.engine.intake import Rejection
from segue.io.log.stream import Log
from segue.model.errors import InvalidRequest, UnavailableError
from segue.model.event import Record
from segue.model.workspace import Source
from segue.runtime.clock import Clock
from segue.runtime.doorkeeper import Doorkeeper
from segue.runtime.telemetry import Telemetry

WAITING_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of bodies on their way into the log; more are asked to come back."""

BUSY_SECONDS: Final = 1
LOG_SECONDS: Final = 5
"""What Retry-After says: a full room empties at once, a full disk needs a human."""

Headers = tuple[tuple[bytes, bytes], ...]

log = structlog.get_logger("segue.receiver")


class Answer(msgspec.Struct, frozen=True):
    """What to say to the sender: status, JSON body, headers beside content type and length."""

    status: int
    body: bytes
    headers: Headers = ()


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What came in since the receiver was made.

    received, accepted, failed  events by (source, kind); kind is "" where it is not known
    rejected                    events by (source, kind, code)
    refused                     requests refused as a whole, by code
    failed, failed_requests     not written to the log and answered 503
    requests, retried           all requests read; those whose sender said it was trying again
    """

    received: Mapping[tuple[str, str], int]
    accepted: Mapping[tuple[str, str], int]
    rejected: Mapping[tuple[str, str, str], int]
    failed: Mapping[tuple[str, str], int]
    refused: Mapping[str, int]
    failed_requests: int
    requests: int
    retried: int


FAILED: Final = b'"failedInitializations"'
"""Where a browser says which of its destinations did not start."""

OK: Final = Answer(200, b'{"success":true}')


class Receiver:
    """One process's way into the log. Use it from one event loop.

    sources        write key in, source out; asked for every request, so a new workspace counts at once
    waiting_bytes  the bound on bytes waiting for the log
    log_seconds    how long senders are asked to wait when the log cannot be written
    first_order    ingest orders start after this one: the log's last, in case the clock was set back
    doorkeeper     remembers what is refused; None: one that does so in memory only
    """

    def __init__(
        self,
        stream: Log,
        sources: Callable[[str], Source | None],
        clock: Clock,
        telemetry: Telemetry | None = None,
        *,
        waiting_bytes: int = WAITING_BYTES,
        log_seconds: int = LOG_SECONDS,
        first_order: int = 0,
        doorkeeper: Doorkeeper | None = None,
    ) -> None:
        self.sources = sources
        self.waiting_bytes = 0
        self._log = stream
        self._clock = clock
        self._telemetry = telemetry
        self._observe = telemetry.observer("segue_ingest_seconds") if telemetry is not None else None
        self._most_bytes = waiting_bytes
        self._unavailable = Answer(503, _NOT_KEPT, _wait(log_seconds)[:1])
        self._order = first_order
        self._mark = f"segue-{secrets.token_hex(6)}"
        self._received: Counter[tuple[str, str]] = Counter()
        self._accepted: Counter[tuple[str, str]] = Counter()
        self._rejected: Counter[tuple[str, str, str]] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()
        self._failed_requests = 0
        self._is_failing = False
        self._requests = 0
        self._retried = 0
        self.doorkeeper = doorkeeper or Doorkeeper(clock)
        if telemetry is not None:
            telemetry.before_render(self._show)

    async def receive(
        self,
        body: bytes,
        *,
        kind: str,
        client: bool,
        write_key: str | None = None,
        ip: str | None = None,
        retry: int = 0,
    ) -> Answer:
        """Take one decoded body in and answer when its events are durable.

        kind, client, write_key, ip  as `segue.engine.intake.read` takes them
        retry                        what the sender's X-Retry-Count says
        Raises nothing a sender can cause.
        """
        began = self._clock.monotonic()
        self._requests += 1
        self._retried += retry > 0
        size = len(body)
        if not self.has_room(size):
            return self.refuse(busy())
        now_ms = self._clock.now_ms()
        self._order = order = max(now_ms * 1_000_000, self._order + 1)
        try:
            admission = intake.read(
                body,
                kind=kind,
                client=client,
                write_key=write_key,
                sources=self.sources,
                now_ms=now_ms,
                order=order,
                mark=self._mark,
                ip=ip,
            )
        except InvalidRequest as error:
            return self.refuse(error, body)
        self._order += admission.received
        for rejection in admission.rejected:
            self._note(rejection, now_ms)
        if FAILED in body and self._telemetry is not None:
            for record in admission.accepted:
                if has_failures(record.raw):
                    self._telemetry.count("segue_device_failures_total", source=record.source)
        answer = await self._keep(admission.accepted, size) if admission.accepted else OK
        if self._observe is not None:
            self._observe(self._clock.monotonic() - began)
        return answer

    def has_room(self, size: int) -> bool:
        """Say whether a body of that size may wait now; one body alone always may."""
        return self.waiting_bytes + size <= self._most_bytes or not self.waiting_bytes

    def refuse(self, error: InvalidRequest, body: bytes = b"") -> Answer:
        """Count a request that is bad as a whole and give its answer."""
        self._refused[error.code] += 1
        if error.status < 429:
            refusal = Rejection(
                source="",
                kind="",
                code=error.code,
                message=str(error),
                sample=body[: intake.SAMPLE_BYTES],
                count=0,
            )
            self.doorkeeper.note(refusal, self._clock.now_ms())
        return Answer(error.status, failure(error.code, str(error)), _WAIT.get(error.status, ()))

    def counts(self) -> Counts:
        """The figures since the start, as a copy."""
        return Counts(
            received=dict(self._received),
            accepted=dict(self._accepted),
            rejected=dict(self._rejected),
            failed=dict(self._failed),
            refused=dict(self._refused),
            failed_requests=self._failed_requests,
            requests=self._requests,
            retried=self._retried,
        )

    @staticmethod
    def body_limit(kind: str) -> int:
        """Most bytes a decoded body may have; kind "" is a batch."""
        return intake.body_limit(kind)

    async def _keep(self, records: Sequence[Record], size: int) -> Answer:
        kinds = _by_kind(records)
        _add(self._received, kinds)
        self.waiting_bytes += size
        try:
            await self._log.append(records)
        except BaseException as error:
            _add(self._failed, kinds)
            self._failed_requests += 1
            if not isinstance(error, UnavailableError):
                raise
            if not self._is_failing:
                self._is_failing = True
                log.error("append_failed", error=str(error))  # noqa: TRY400  # the reason is all there is to say
            return self._unavailable
        finally:
            self.waiting_bytes -= size
        _add(self._accepted, kinds)
        if self._is_failing:
            self._is_failing = False
            log.info("append_recovered")
        return OK

    def _note(self, rejection: Rejection, now_ms: int) -> None:
        self._received[rejection.source, rejection.kind] += rejection.count
        self._rejected[rejection.source, rejection.kind, rejection.code] += rejection.count
        self.doorkeeper.note(rejection, now_ms)

    def _show(self) -> None:
        """Bring the metrics up to date."""
        telemetry = self._telemetry
        if telemetry is None:
            return
        for name, counter in (
            ("segue_events_received_total", self._received),
            ("segue_events_accepted_total", self._accepted),
        ):
            for (source, kind), total in counter.items():
                telemetry.set(name, total, source=source or "unknown", kind=kind or "unknown")
        by_code: Counter[tuple[str, str]] = Counter()
        for (source, _, code), total in self._rejected.items():
            by_code[source, code] += total
        for (source, code), total in by_code.items():
            telemetry.set("segue_events_rejected_total", total, source=source or "unknown", code=code)
        for code, total in self._refused.items():
            telemetry.set("segue_requests_refused_total", total, code=code)
        telemetry.set("segue_append_failures_total", self._failed_requests)


def _by_kind(records: Sequence[Record]) -> dict[tuple[str, str], int]:
    """How many events there are of each source and kind. A Counter alone costs as much as all else here."""
    kinds: dict[tuple[str, str], int] = {}
    for record in records:
        place = record.source, record.kind
        kinds[place] = kinds.get(place, 0) + 1
    return kinds


def _add(totals: Counter[tuple[str, str]], more: Mapping[tuple[str, str], int]) -> None:
    for place, count in more.items():
        totals[place] += count


def busy() -> InvalidRequest:
    """The refusal of a body there is no room for now."""
    problem = f"more is arriving than can be stored: wait {BUSY_SECONDS} s and send it again"
    return InvalidRequest("too_many_requests", problem, status=429)


def failure(code: str, message: str) -> bytes:
    """The JSON body of an answer that is not 200. SDKs read `code` and `message`."""
    return msgspec.json.encode({"success": False, "code": code, "message": message})


def _wait(seconds: int) -> Headers:
    text = str(seconds).encode()
    return ((b"retry-after", text), (b"x-ratelimit-reset", text))


_WAIT: Final[Mapping[int, Headers]] = {429: _wait(BUSY_SECONDS)}
"""Headers that go with a refusal's status."""

_NOT_KEPT: Final = failure(
    "log_unavailable", "the events cannot be stored at the moment and were not kept: send them again"
)

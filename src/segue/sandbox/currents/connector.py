"""A Currents connector: where events go, which ones, and what waits to be sent.

Custom connectors take `{"events": […]}` with a bearer token, Segment connectors a batch of track calls with
a write key. Both get at most 100 events a request, at least once.
Source  Braze docs, "Custom Currents Export", "Segment for Currents", read 2026-11-24
"""

import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from segue.sandbox.currents.events import KINDS

BATCH = 100
EVENT_BYTES = 900_000
"""A larger event is dropped."""
DAY_MS = 86_400_000
DISABLED_AFTER_MS = 5 * DAY_MS
QUEUE_KEPT_MS = {"custom": 7 * DAY_MS, "segment": 5 * DAY_MS}
"""Since the trouble began; then what waits is lost."""
WAITING = 200_000
"""Events that wait for one connector at most, so that memory stays bounded; the sandbox's own limit."""
LONGEST_WAIT_MS = 300_000
"""Assumed: the pages promise an exponential wait with jitter and name no bounds."""

State = Literal["live", "retrying", "paused", "disabled"]


class Connector(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A connector as an operator sets it up."""

    id: str
    name: str = "Currents"
    kind: Literal["segment", "custom"] = "segment"
    url: str
    """Segment: the tracking API, for instance `https://api.segment.io/v1`; custom: the whole address."""
    key: str = ""
    """Segment: the write key; custom: the bearer token, if any."""
    events: list[str] = msgspec.field(default_factory=lambda: ["*"])
    """Currents types; `*` is everything the partner page lists."""
    behaviors: bool = False
    """Also send sessions, custom events, purchases and what the partner page does not list."""
    include_anonymous: bool = False
    """Also send what people without external id do."""
    names: dict[str, str] = {}
    """Segment only: other names for events, by Currents type; the pages themselves do not agree on all."""
    timestamps: Literal["epoch", "iso"] = "epoch"
    """Segment only: seconds since the epoch as documented, or ISO 8601."""


class Happening(msgspec.Struct, frozen=True, gc=False):
    """Something Currents tells about: about whom, what, when, with which properties."""

    id: str
    type: str
    at_ms: int
    braze_id: str
    external_id: str | None
    email: str | None
    phone: str | None
    time_zone: str | None
    device: Mapping[str, Any]
    """`device_id`, `device_model`, `os_version`, `platform`, as far as known."""
    properties: Mapping[str, Any]
    own: Mapping[str, Any]
    """The customer's own properties of a custom event or purchase."""


class Told(NamedTuple):
    """Counts of a connector so far."""

    sent: int = 0
    requests: int = 0
    dropped: int = 0


class Standing(msgspec.Struct, kw_only=True):
    """How a stream stands, to be kept."""

    id: str
    state: State
    told: Told
    last_status: int | None
    attempt: int
    due_ms: int
    troubled_since_ms: int | None
    gone: int
    waiting: list[Happening] = []
    """Only in a snapshot: a state file has a table for them."""


class Stream:
    """What waits for one connector and how the last requests went."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self.waiting: deque[Happening] = deque()
        self.gone = 0
        """Events that waited and do no more: the running number of the first that waits."""
        self.state: State = "live"
        self.told = Told()
        self.last_status: int | None = None
        self.attempt = 0
        self.due_ms = 0
        self.troubled_since_ms: int | None = None
        self.is_busy = False
        """Whether a request is under way: one at a time."""
        self._size = BATCH
        self._small = 0
        """Events still to be sent in smaller batches."""

    def wants(self, kind: str, *, identified: bool) -> bool:
        """Whether the connector takes events of that type about such a person."""
        connector = self.connector
        if not identified and not connector.include_anonymous:
            return False
        group = KINDS[kind].group
        if group == "storage" and connector.kind == "segment":
            return False
        if kind in connector.events:
            return True
        if "*" not in connector.events or group in ("named", "storage"):
            return False
        return connector.behaviors or group in ("message", "subscription")

    def take(self, happening: Happening, *, too_large: bool = False) -> None:
        """Queue an event; a disabled connector loses it, and so does any one that is over the size.

        The oldest is lost when too many wait.
        """
        if too_large or self.state == "disabled":
            self._count(dropped=1)
            return
        self.waiting.append(happening)
        if len(self.waiting) > WAITING and not self.is_busy:
            self.waiting.popleft()
            self.gone += 1
            self._count(dropped=1)

    def standing(self) -> "Standing":
        """How it stands, without what waits."""
        return Standing(
            id=self.connector.id,
            state=self.state,
            told=self.told,
            last_status=self.last_status,
            attempt=self.attempt,
            due_ms=self.due_ms,
            troubled_since_ms=self.troubled_since_ms,
            gone=self.gone,
        )

    def resume(self, standing: "Standing", waiting: Iterable[Happening]) -> None:
        """Go on where another one stood."""
        self.state, self.told, self.last_status = standing.state, standing.told, standing.last_status
        self.attempt, self.due_ms = standing.attempt, standing.due_ms
        self.troubled_since_ms, self.gone = standing.troubled_since_ms, standing.gone
        self.waiting = deque(waiting)

    def reconnect(self, connector: Connector) -> None:
        """Go on under mended settings."""
        self.connector = connector
        self._recover()
        self._size, self._small = BATCH, 0

    def next_batch(self, now_ms: int) -> list[Happening]:
        """What to send now; empty when nothing waits, it is not time yet, or the connector is off."""
        self._age(now_ms)
        if self.state in ("paused", "disabled") or now_ms < self.due_ms:
            return []
        return [self.waiting[place] for place in range(min(self._size, len(self.waiting)))]

    def judge(self, batch: list[Happening], status: int, now_ms: int) -> None:
        """Take note of how a batch fared; 0 stands for a network failure.

        2xx: done. 400 and 413: smaller, and one alone is dropped. 401, 403, 404: paused until mended, and a
        custom connector loses the batch. Anything else: again after 2**attempt seconds with jitter.
        """
        self.last_status = status
        self._count(requests=1)
        match status:
            case _ if 200 <= status < 300:
                self._leave(len(batch))
                self._count(sent=len(batch))
                self._recover()
            case 400 | 413 if len(batch) == 1:
                self._leave(1)
                self._count(dropped=1)
            case 400 | 413:
                self._small = max(self._small, len(batch))
                self._size = 1 if status == 400 else len(batch) // 2
            case 401 | 403 | 404:
                self.state = "paused"
                self.troubled_since_ms = self.troubled_since_ms or now_ms
                if self.connector.kind == "custom":
                    self._leave(len(batch))
                    self._count(dropped=len(batch))
            case _:
                self.state = "retrying"
                self.attempt += 1
                self.troubled_since_ms = self.troubled_since_ms or now_ms
                jitter = 0.5 + zlib.crc32(batch[0].id.encode()) % 1_000 / 1_000
                self.due_ms = now_ms + min(
                    LONGEST_WAIT_MS, round(2 ** min(self.attempt, 12) * 1_000 * jitter)
                )

    def _age(self, now_ms: int) -> None:
        if self.troubled_since_ms is None:
            return
        if now_ms - self.troubled_since_ms > DISABLED_AFTER_MS:
            self.state = "disabled"
        if now_ms - self.troubled_since_ms > QUEUE_KEPT_MS[self.connector.kind]:
            self._count(dropped=len(self.waiting))
            self.gone += len(self.waiting)
            self.waiting.clear()

    def _recover(self) -> None:
        self.state, self.attempt, self.due_ms, self.troubled_since_ms = "live", 0, 0, None

    def _leave(self, count: int) -> None:
        for _ in range(min(count, len(self.waiting))):
            self.waiting.popleft()
            self.gone += 1
        self._small -= count
        if self._small <= 0:
            self._size, self._small = BATCH, 0

    def _count(self, *, sent: int = 0, requests: int = 0, dropped: int = 0) -> None:
        told = self.told
        self.told = Told(told.sent + sent, told.requests + requests, told.dropped + dropped)

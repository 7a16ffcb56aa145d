"""Faults on demand: which requests are disturbed, how, how often.

A fault is tried against every Braze request in the order the faults were made; the first that fires wins.
`before` means nothing reached the data, `after` that everything did and only the answer was lost.
"""

import fnmatch
import random
from typing import Annotated, Any, Literal

import msgspec
import orjson

from segue.sandbox.exchange import Headers, Reply
from segue.sandbox.limits import told


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A disturbance and when it happens. Give `status`, `drop`, `maintenance`, `latency_ms`, or a mix."""

    id: int = 0
    path: str = "*"
    """Which paths, with `*` as wildcard."""
    method: str = "*"
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Let so many matching requests pass first."""
    count: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Fire so many times, then be gone; for ever when left out."""
    allow: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """A hidden limit: let so many requests pass in each window of `window_seconds`, disturb the rest."""
    window_seconds: Annotated[int, msgspec.Meta(ge=1)] = 1

    latency_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 0
    status: Annotated[int, msgspec.Meta(ge=100, le=599)] | None = None
    body: Any = None
    """JSON answered with the status; a plain `{"message": …}` when left out."""
    headers: dict[str, str] = {}
    header_style: Literal["epoch", "seconds", "retry-after", "none"] = "none"
    """Rate-limit headers on the answer: the three with an epoch or seconds left, or only a wait."""
    wait_seconds: Annotated[int, msgspec.Meta(ge=0)] = 1
    """What those headers ask the caller to wait."""
    when: Literal["before", "after"] = "before"
    """Whether a `status` comes instead of the work or after it."""
    drop: Literal["before", "after"] | None = None
    """Cut the connection without an answer, before or after applying."""
    maintenance: bool = False
    """Take the request in and answer 202 `{"message": "queued"}`."""

    fired: int = 0
    seen: int = 0
    window_start: int = 0
    window_seen: int = 0

    def answer(self, now_ms: int) -> Reply | None:
        """The reply this fault gives in place of Braze's; None when it only delays or drops."""
        if self.maintenance and self.status is None:
            return Reply(202, b'{"message":"queued"}')
        if self.status is None:
            return None
        document = _TEXTS.get(self.status, "Error") if self.body is None else self.body
        body = orjson.dumps({"message": document} if self.body is None else document)
        headers = _style(self.header_style, self.wait_seconds, now_ms)
        headers += [
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in self.headers.items()
        ]
        return Reply(self.status, body, headers)

    @property
    def applies(self) -> bool:
        """Whether the request still does its work."""
        if self.drop is not None:
            return self.drop == "after"
        return self.maintenance or self.status is None or self.when == "after"


_TEXTS = {
    429: "Rate Limited",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Faults:
    """The faults in force. Chance comes from a seeded generator, so a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self.active: list[Fault] = []
        self._ids = 0
        self._chance = random.Random(seed)  # noqa: S311 - not a secret, a repeatable coin

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force; it is given its id."""
        self._ids += 1
        fault.id = self._ids
        self.active.append(fault)
        return fault

    def remove(self, fault_id: int) -> bool:
        """Lift a fault; False when there is none of that id."""
        before = len(self.active)
        self.active = [fault for fault in self.active if fault.id != fault_id]
        return len(self.active) < before

    def clear(self) -> None:
        """Lift them all."""
        self.active = []

    def pick(self, method: str, path: str, now_ms: int) -> Fault | None:
        """The fault this request meets, if any; counts it as fired."""
        for fault in self.active:
            if self._fires(fault, method, path, now_ms):
                fault.fired += 1
                if fault.count is not None and fault.fired >= fault.count:
                    self.active = [other for other in self.active if other is not fault]
                return fault
        return None

    def _fires(self, fault: Fault, method: str, path: str, now_ms: int) -> bool:
        if fault.method not in ("*", method) or not fnmatch.fnmatchcase(path, fault.path):
            return False
        if fault.count == 0:
            return False
        fault.seen += 1
        if fault.seen <= fault.skip:
            return False
        if fault.allow is not None:
            start = now_ms // 1000 // fault.window_seconds
            fault.window_seen = fault.window_seen + 1 if fault.window_start == start else 1
            fault.window_start = start
            if fault.window_seen <= fault.allow:
                return False
        return fault.probability >= 1 or self._chance.random() < fault.probability


def _style(style: str, wait: int, now_ms: int) -> Headers:
    match style:
        case "epoch":
            return told(0, 0, now_ms // 1000 + wait)
        case "seconds":
            return told(0, 0, wait)
        case "retry-after":
            return [(b"x-ratelimit-retry-after", b"%d" % wait)]
        case _:
            return []

"""The log of calls: each request, what was wrong with it, what was let pass with a warning.

Bodies are kept up to a size and calls up to a number, so the log stays small; the totals count everything.
"""

from collections import Counter, deque
from typing import Any

import msgspec

from segue.sandbox.exchange import Call, Reply, Warning_

BODY_BYTES = 65_536


class Entry(msgspec.Struct, kw_only=True):
    """One call. `warnings` may still grow while its effects are applied."""

    id: int
    at_ms: int
    workspace: str | None
    key_name: str | None
    method: str
    path: str
    query: str
    status: int
    """0 when the connection was dropped without an answer."""
    objects: int
    accepted: int
    problems: list[Any]
    warnings: list[Warning_]
    fault: int | None
    took_us: int
    request_bytes: int
    headers: dict[str, str]
    request_body: str
    reply_body: str

    @property
    def is_bad(self) -> bool:
        """Whether something was wrong with it."""
        return bool(self.problems) or not 200 <= self.status < 300


class Journal:
    """The latest calls and the totals of all."""

    def __init__(self, size: int = 1_000) -> None:
        self.entries: deque[Entry] = deque(maxlen=size)
        self.size = size
        self.calls = 0
        self.by_endpoint: Counter[str] = Counter()
        """`POST /users/track 201` to how often."""
        self.objects = Counter[str]()
        """accepted and rejected objects of /users/track and its kin."""
        self.warnings: Counter[str] = Counter()

    def write(self, call: Call, answer: Reply | None, fault: int | None, took_us: int) -> None:
        """Add a call and its answer; None for a dropped connection."""
        self.calls += 1
        status = answer.status if answer is not None else 0
        self.by_endpoint[f"{call.method} {call.path} {status}"] += 1
        if len(self.by_endpoint) > 10_000:  # paths are the caller's: keep the table bounded
            self.by_endpoint = Counter(dict(self.by_endpoint.most_common(1_000)))
        if call.objects and call.path.startswith("/users/track"):
            self.objects["accepted"] += call.accepted
            self.objects["rejected"] += call.objects - call.accepted
        if not self.size:
            return
        self.entries.append(
            Entry(
                id=self.calls,
                at_ms=call.now_ms,
                workspace=call.held_workspace.id if call.held_workspace else None,
                key_name=call.key.name if call.key else None,
                method=call.method,
                path=call.path,
                query=call.query_string.decode("latin-1"),
                status=status,
                objects=call.objects,
                accepted=call.accepted,
                problems=call.problems,
                warnings=call.warnings,
                fault=fault,
                took_us=took_us,
                request_bytes=len(call.body),
                headers={
                    name.decode("latin-1"): value.decode("latin-1")
                    for name, value in call.headers.items()
                    if name != b"authorization"
                },
                request_body=call.body[:BODY_BYTES].decode("utf-8", "replace"),
                reply_body=answer.body[:BODY_BYTES].decode("utf-8", "replace") if answer else "",
            )
        )

    def clear(self) -> None:
        """Forget the calls and the totals."""
        self.__init__(self.size)  # type: ignore[misc]  # a fresh journal in the same place

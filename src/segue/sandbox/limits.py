"""Rate limits in fixed clock windows, and the three ways Braze tells about them in headers.

Source  Braze docs, "API limits", "Track users", read 2026-11-23
A window of W seconds begins at multiples of W, so an hourly one on the hour. Limits belong to a workspace,
with the mau contract to the company.
"""

from collections.abc import Mapping
from typing import NamedTuple

from segue.sandbox.exchange import Headers
from segue.sandbox.switches import Switches


class Limit(NamedTuple):
    """So many requests in a window of so many seconds."""

    requests: int
    seconds: int


LIMITS: Mapping[str, Limit] = {
    "track": Limit(3_000, 3),
    "track-bulk": Limit(50, 1),
    "track-sync": Limit(500, 60),
    "identity": Limit(20_000, 60),
    "external-id-rename": Limit(1_000, 60),
    "external-id-remove": Limit(1_000, 60),
    "export-ids": Limit(250, 60),
    "subscription-set": Limit(5_000, 60),
    "broadcast": Limit(250, 60),
    "audience": Limit(10, 60),
    "sends": Limit(100, 86_400),
    "events-and-purchases": Limit(1_000, 3_600),
    "campaign-series": Limit(50_000, 60),
    "catalogs": Limit(50, 60),
    "catalog-items-bulk": Limit(16_000, 60),
    "catalog-items": Limit(50, 60),
    "default": Limit(250_000, 3_600),
}
"""By bucket: endpoints that name the same bucket share it."""

EXPORT_BEFORE_AUGUST_2024 = Limit(2_500, 60)


class Permit(NamedTuple):
    """Whether a request may pass, and the headers its answer carries."""

    granted: bool
    headers: Headers


class Limits:
    """The counters of all windows."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, switches: Switches, workspace: str, bucket: str, now_ms: int) -> Permit:
        """Count one request against its bucket and say how it stands."""
        limit = limit_of(switches, bucket)
        if bucket == "track" and switches.profile == "mau":
            return self._take_mau(switches, limit, now_ms)
        scope = "company" if switches.profile == "mau" else workspace
        count, ends = self._count(scope, bucket, limit, now_ms)
        granted = count <= limit.requests or not switches.enforce_limits
        headers = told(limit.requests, max(0, limit.requests - count), ends)
        if not granted and switches.plain_retry_after:
            headers.append((b"retry-after", b"%d" % max(1, ends - now_ms // 1000)))
        return Permit(granted, headers)

    def _take_mau(self, switches: Switches, burst: Limit, now_ms: int) -> Permit:
        hourly = Limit(switches.mau_track_hourly, 3_600)
        now = now_ms // 1000
        used, hour_ends = self._count("company", "track", hourly, now_ms)
        in_burst, burst_ends = self._count("company", "track-burst", burst, now_ms)
        if switches.enforce_limits and (used > hourly.requests or in_burst > burst.requests):
            wait = max(1, (hour_ends if used > hourly.requests else burst_ends) - now)
            headers: Headers = [(b"x-ratelimit-retry-after", b"%d" % wait)]
            if switches.plain_retry_after:
                headers.append((b"retry-after", b"%d" % wait))
            return Permit(False, headers)
        return Permit(True, told(hourly.requests, max(0, hourly.requests - used), hour_ends - now))

    def _count(self, scope: str, bucket: str, limit: Limit, now_ms: int) -> tuple[int, int]:
        """Requests in the current window, this one included, and when it ends, in epoch seconds."""
        start = now_ms // 1000 // limit.seconds * limit.seconds
        held = self._counts.get((scope, bucket))
        count = held[1] + 1 if held is not None and held[0] == start else 1
        self._counts[scope, bucket] = (start, count)
        return count, start + limit.seconds


def limit_of(switches: Switches, bucket: str) -> Limit:
    """The limit of a bucket under these switches; audience buckets end in their audience."""
    name = bucket.partition(":")[0]
    if name in switches.limits:
        return Limit(*switches.limits[name])
    if name == "export-ids" and not switches.onboarded_after_2024_08_22:
        return EXPORT_BEFORE_AUGUST_2024
    return LIMITS[name]


def told(limit: int, remaining: int, reset: int) -> Headers:
    """The three headers; reset in epoch seconds, or seconds left for mau's /users/track."""
    return [
        (b"x-ratelimit-limit", b"%d" % limit),
        (b"x-ratelimit-remaining", b"%d" % remaining),
        (b"x-ratelimit-reset", b"%d" % reset),
    ]

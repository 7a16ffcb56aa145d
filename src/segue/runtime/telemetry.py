"""Every metric of Segue, declared once, and the object that holds their values in one process.

    telemetry = Telemetry()
    telemetry.count("segue_events_accepted_total", 3, source="web", kind="track")
    telemetry.render()                       # Prometheus text, for /metrics

The declarations below make ``docs/reference/metrics.md`` too. Label values come from closed sets (ids the
operator chose, codes, kinds), never from events, so the number of series stays small and no person is in
them. Nothing here is global: two objects count apart. Log lines are declared in `segue.runtime.logbook`.
"""

import bisect
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from segue.engine.ledger import Ledger
from segue.engine.pool import Standing
from segue.model.errors import BrokenError

CONTENT_TYPE: Final = exposition.CONTENT_TYPE_LATEST

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ITEMS: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 75.0, 150.0, 225.0)


class Metric(msgspec.Struct, frozen=True):
    """One thing that is measured.

    meaning  what it counts or shows, one sentence
    watch    what to do when it moves (or stands still), one sentence
    buckets  upper bounds, for histograms
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    meaning: str
    watch: str
    buckets: tuple[float, ...] = ()


def _counter(name: str, unit: str, labels: str, meaning: str, watch: str) -> Metric:
    return Metric(f"segue_{name}_total", "counter", unit, tuple(labels.split()), meaning, watch)


def _gauge(name: str, unit: str, labels: str, meaning: str, watch: str) -> Metric:
    return Metric(f"segue_{name}", "gauge", unit, tuple(labels.split()), meaning, watch)


def _histogram(
    name: str, unit: str, labels: str, meaning: str, watch: str, buckets: tuple[float, ...] = SECONDS
) -> Metric:
    return Metric(f"segue_{name}", "histogram", unit, tuple(labels.split()), meaning, watch, buckets)


METRICS: Final = (
    # What comes in. received = accepted + rejected, per source.
    _counter("events_received", "events", "source kind", "Events found in tracking requests.",
             "Silence where there was traffic: look at the sender and its write key."),
    _counter("events_accepted", "events", "source kind", "Events written to the log and acknowledged.",
             "Falling behind received: see the rejections and append failures."),
    _counter("events_rejected", "events", "source code", "Events refused singly, by reason.",
             "A new code after a release of yours: the sender leaves something out; the code names it."),
    _counter("device_failures", "events", "source",
             "Events of pages whose browser could not start a device destination.",
             "The only sign of ad blockers, or of a Content Security Policy that keeps Braze's SDK out."),
    _counter("requests_refused", "requests", "code", "Tracking requests refused as a whole, by reason.",
             "Unknown write keys point at a sender with an old key, too large ones at its batch size."),
    _counter("append_failures", "requests", "", "Requests answered 503 because the log could not be written.",
             "Any: look at the disk now. Senders keep the events and try again for a while."),
    _histogram("ingest_seconds", "seconds", "", "From a request's last byte to its answer, fsync included.",
               "A rising tail is a slow disk or a full processor."),
    # What becomes of it: the terms of the conservation law (see segue.engine.ledger).
    _counter("events_read", "events", "destination", "Events a destination has taken from the log.",
             "Standing still while events are accepted: the destination is held or stopped."),
    _counter("events_delivered", "events", "destination", "Events whose every row the partner took.",
             "This is what you pay for; it should follow read."),
    _counter("events_filtered", "events", "destination reason", "Events meant not to be sent, by reason.",
             "A jump in NO_MATCHING_MAPPING often follows a renamed event: try one with `segue try`."),
    _counter("events_suppressed", "events", "destination", "Events of people who asked to be forgotten.",
             "Nothing; it shows that suppression works."),
    _counter("events_duplicate", "events", "destination", "Events whose messageId had been seen before.",
             "A steady few are senders' retries; many mean a sender that repeats itself."),
    _counter("events_expired", "events", "destination", "Events the log dropped before they were read.",
             "Any is data loss by your retention settings: raise them or mend the destination sooner."),
    _counter("events_skipped", "events", "destination", "Events in the log that belong to another source.",
             "Nothing; a destination reads past them."),
    _gauge("events_dead", "events", "destination", "Events of which a row was given up.",
           "`segue dead list` says why, each with the field and the rule."),
    _gauge("events_waiting", "events", "destination", "Events read and not settled yet.",
           "Growing: see whether the destination is held."),
    _gauge("events_lag", "events", "destination", "Events in the log the destination has not read yet.",
           "Growing for minutes: the partner's rate limit or an outage sets the pace."),
    _gauge("waiting_bytes", "bytes", "destination",
           "Memory of events between reading and settlement, about.",
           "At its bound (64 MiB in a process, half of it parted evenly) reading pauses; nothing is lost."),
    _gauge("conservation_residual", "events", "destination", "Read events unaccounted for. Must be 0.",
           "Anything else is a defect of Segue: please report it with `segue doctor`."),
    _gauge("oldest_waiting_seconds", "seconds", "destination", "Age of the oldest event not settled.",
           "Alert on this one: it rises whatever the reason is."),
    # How it travels.
    _counter("rows_delivered", "rows", "destination", "Rows (event and subscription) the partner took.",
             "Several for one event when several subscriptions match."),
    _counter("rows_filtered", "rows", "destination reason",
             "Rows not sent, by reason: UNCHANGED, STALE_ATTRIBUTES (the partner has it) or PERSON_DELETED.",
             "UNCHANGED is what delta sending saves; STALE_ATTRIBUTES comes of events that arrive late."),
    _counter("rows_dead", "rows", "destination reason", "Rows given up, by reason.",
             "See events_dead."),
    _counter("rows_uncertain", "rows", "destination reason",
             "Rows that left and had no answer, by what became of them: repeated, resend or hold.",
             "With resend an event may count twice; `delivery.uncertain: hold` asks you instead."),
    _counter("late_attributes", "values", "destination",
             "Attribute values left out because the value of a later event had been sent.",
             "A sender's clock, or a sender that keeps events for long: `segue trace` names the attribute."),
    _counter("points_sent", "data points", "destination", "Data points of the attributes the partner took.",
             "What contracts that count data points charge."),
    _counter("points_saved", "data points", "destination",
             "Data points that attributes would have cost more, sent whole and one by one.",
             "Nothing saved with `attributes: changed`: every update differs, perhaps in a time stamp."),
    _gauge("budget_used", "share", "destination cap",
           "Part of a cap of the workspace file that is spent in its day or month, 1 at the limit.",
           "At 1 the cap's policy applies; `segue cost` shows what it went to."),
    _counter("requests", "requests", "destination action status", "Requests sent, by status; 0 is no answer.",
             "Statuses other than 2xx: `segue doctor` explains each."),
    _histogram("request_seconds", "seconds", "destination action", "From sending a request to its answer.",
               "Slower than usual: the partner's status page."),
    _histogram("batch_items", "items", "destination action", "Objects in one request.",
               "Small ones cost rate limit: see whether batching is off or traffic low.", ITEMS),
    _counter("retries", "rows", "destination", "Rows sent again after an answer that allows it.",
             "A burst goes with a hold; a trickle with single refused items."),
    _counter("holds", "holds", "destination code", "Times a destination began to wait, by reason.",
             "UNAUTHORIZED needs a new key; 429 and 5xx pass by themselves."),
    _gauge("destination_held", "1 or 0", "destination", "1 while the destination waits for its partner.",
           "Nothing is lost while it waits, until the log's retention ends."),
    _gauge("circuit_state", "0 to 3", "destination",
           "Closed 0, opening again 1, open 2, paused by hand 3.",
           "2 for long: the partner's status page, or a key it refuses; 3: `segue resume`."),
    _gauge("pace_limit", "requests", "account pool", "Requests a window may hold, as the partner says.",
           "0 while it says nothing; then see the ceiling."),
    _gauge("pace_remaining", "requests", "account pool", "Requests left in the window, as the partner says.",
           "0 for long: the rate limit sets the pace. Larger batches or `packing: person` need fewer."),
    _gauge("pace_ceiling", "requests", "account pool", "Requests a window holds, documented or found out.",
           "Lower than your contract says: ask the partner."),
    _gauge("pace_in_flight", "requests", "account pool", "Requests on the way.",
           "At `delivery.in_flight` for long: the partner is slow."),
    _counter("pace_refused", "requests", "account pool", "Requests refused for a rate limit (429).",
             "More than one in a thousand: somebody else uses the same key or limit."),
    _gauge("dead_letters", "rows", "destination", "Rows kept for a human to retry or drop.",
           "Mend the mapping, then `segue dead retry`."),
    _histogram("checkpoint_seconds", "seconds", "destination", "Time to write receipts, state and position.",
               "A rising tail is a slow disk."),
    # The process and its log.
    _gauge("log_bytes", "bytes", "", "Size of the event log on disk.",
           "Bounded by retention; alert on the disk's free space."),
    _gauge("log_head", "offset", "lane", "Next offset to be written, per lane.",
           "Uneven lanes: one person, or a sender without ids, makes most of the events."),
    _gauge("log_tail", "offset", "lane", "Oldest offset kept, per lane.",
           "It moves when retention drops old events."),
    _gauge("build_info", "1", "version python", "Which Segue runs.", "It changes with a release."),
    _gauge("workspace_info", "1", "revision", "Which revision of the workspace is in force.",
           "It changes when a new workspace file is read."),
)  # fmt: skip
"""All of them, in the order the reference lists them."""


class Telemetry(Collector):
    """The values of all metrics in one process. Not for use from several threads at once.

    A name or label that is not declared raises BrokenError: it is a mistake in the code.
    """

    def __init__(self, metrics: Sequence[Metric] = METRICS) -> None:
        self._metrics = {metric.name: metric for metric in metrics}
        self._values: dict[str, dict[tuple[str, ...], float]] = {metric.name: {} for metric in metrics}
        self._histograms: dict[str, dict[tuple[str, ...], _Histogram]] = {
            metric.name: {} for metric in metrics
        }
        self._moved: set[str] = set()
        self._before: list[Callable[[], None]] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        series, key = self._series(name, labels)
        series[key] = series.get(key, 0) + amount

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge, or a counter that is counted elsewhere (a ledger's totals)."""
        series, key = self._series(name, labels)
        series[key] = value

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add one observation to a histogram."""
        self.observer(name, **labels)(value)

    def observer(self, name: str, /, **labels: str) -> Callable[[float], None]:
        """Give what adds an observation to one series: for what is observed thousands of times a second."""
        metric = self._metric(name)
        key = self._key(metric, labels)
        histogram = self._histograms[name].get(key)
        if histogram is None:
            histogram = self._histograms[name][key] = _Histogram(metric.buckets)
        return histogram.add

    def forget(self, **labels: str) -> None:
        """Drop every series with these labels: a destination that was removed is not shown for ever."""
        for name, metric in self._metrics.items():
            if set(labels) <= set(metric.labels):
                places = [(metric.labels.index(label), value) for label, value in labels.items()]
                for family in (self._values[name], self._histograms[name]):
                    for key in [key for key in family if all(key[at] == value for at, value in places)]:
                        del family[key]

    def value(self, name: str, /, **labels: str) -> float:
        """A counter's or gauge's value, or how many observations a histogram has; 0 when nothing came."""
        metric = self._metric(name)
        key = self._key(metric, labels)
        if metric.kind == "histogram":
            histogram = self._histograms[name].get(key)
            return float(histogram.count) if histogram else 0.0
        return self._values[name].get(key, 0.0)

    def moved(self) -> frozenset[str]:
        """The metrics that were touched since the object was made; a journey's test asserts on this."""
        observed = {
            name for name, series in self._histograms.items() if any(each.count for each in series.values())
        }
        return frozenset(self._moved | observed)

    def before_render(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` before each rendering: for gauges that are read off rather than counted."""
        self._before.append(refresh)

    def render(self) -> bytes:
        """All metrics as Prometheus text (see CONTENT_TYPE)."""
        for refresh in self._before:
            refresh()
        return exposition.generate_latest(self._registry)

    def request(self, destination: str, action: str, status: int, items: int, seconds: float) -> None:
        """Note one request a courier made and its answer; status 0 for no answer."""
        self.count("segue_requests_total", destination=destination, action=action, status=str(status))
        self.observe("segue_request_seconds", seconds, destination=destination, action=action)
        self.observe("segue_batch_items", items, destination=destination, action=action)

    def checkpoint(self, destination: str, seconds: float) -> None:
        """Note one checkpoint of a courier."""
        self.observe("segue_checkpoint_seconds", seconds, destination=destination)

    def delta(self, destination: str, *, late: int, points: int, saved: int) -> None:
        """Note what the attributes of a request cost and saved, and how many values came too late."""
        self.count("segue_late_attributes_total", late, destination=destination)
        self.count("segue_points_sent_total", points, destination=destination)
        self.count("segue_points_saved_total", saved, destination=destination)

    def cap(self, destination: str, cap: str, share: float) -> None:
        """Note how a cap stands."""
        self.set("segue_budget_used", share, destination=destination, cap=cap)

    def held(self, destination: str, code: str) -> None:
        """Note that a destination began to wait for its partner."""
        self.count("segue_holds_total", destination=destination, code=code)

    def pool(self, account: str, pool: str, standing: Standing) -> None:
        """Take over how a rate limit stands."""
        for name, value in (
            ("segue_pace_limit", standing.limit),
            ("segue_pace_remaining", standing.remaining),
            ("segue_pace_ceiling", standing.ceiling),
            ("segue_pace_in_flight", standing.in_flight),
            ("segue_pace_refused_total", standing.refused),
        ):
            self.set(name, value, account=account, pool=pool)

    def build(self, version: str) -> None:
        """Say which Segue runs."""
        self.set("segue_build_info", 1, version=version, python=platform.python_version())

    def workspace(self, revision: str) -> None:
        """Say which revision of the workspace is in force; the one before is shown no more."""
        self._values["segue_workspace_info"].clear()
        self.set("segue_workspace_info", 1, revision=revision)

    def ledger(self, destination: str, ledger: Ledger) -> None:
        """Take over what a destination's ledger says now."""
        self.set("segue_events_read_total", ledger.read, destination=destination)
        self.set("segue_events_waiting", ledger.waiting, destination=destination)
        self.set("segue_conservation_residual", ledger.residual, destination=destination)
        for result, name in LEDGER_RESULTS.items():
            self.set(name, ledger.total(result), destination=destination)
        for (result, reason), total in ledger.totals().items():
            if result in LEDGER_REASONS:
                self.set(LEDGER_REASONS[result], total, destination=destination, reason=reason)

    def collect(self) -> Iterator[Family]:
        """All metrics as the Prometheus client wants them."""
        for metric in self._metrics.values():
            text, labels = metric.meaning, metric.labels
            if metric.kind == "histogram":
                histogram = HistogramMetricFamily(metric.name, text, labels=labels)
                for key, each in self._histograms[metric.name].items():
                    histogram.add_metric(key, buckets=each.cumulated(), sum_value=each.sum)
                yield histogram
                continue
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(metric.name, text, labels=labels)
            values = self._values[metric.name]
            for key, value in (values or ({(): 0.0} if not labels else {})).items():
                family.add_metric(key, value)
            yield family

    def describe(self) -> Iterable[Family]:
        """Nothing: the names are checked by a test, and registering must not read values."""
        return ()

    def _series(
        self, name: str, labels: dict[str, str]
    ) -> tuple[dict[tuple[str, ...], float], tuple[str, ...]]:
        metric = self._metric(name)
        if metric.kind == "histogram":
            raise BrokenError(f'metric "{name}" is a histogram: it can only be observed')
        self._moved.add(name)
        return self._values[name], self._key(metric, labels)

    def _metric(self, name: str) -> Metric:
        metric = self._metrics.get(name)
        if metric is None:
            raise BrokenError(f'metric "{name}" is not declared in runtime/telemetry.py')
        return metric

    @staticmethod
    def _key(metric: Metric, labels: dict[str, str]) -> tuple[str, ...]:
        if len(labels) != len(metric.labels) or not labels.keys() <= set(metric.labels):
            raise BrokenError(
                f'metric "{metric.name}" takes the labels {metric.labels}, found {tuple(labels)}'
            )
        return tuple([labels[label] for label in metric.labels])


LEDGER_RESULTS: Final = {
    "delivered": "segue_events_delivered_total",
    "suppressed": "segue_events_suppressed_total",
    "duplicate": "segue_events_duplicate_total",
    "expired": "segue_events_expired_total",
    "skipped": "segue_events_skipped_total",
    "dead": "segue_events_dead",
    "rows_delivered": "segue_rows_delivered_total",
}
"""What a ledger counts -> the metric that shows it."""

LEDGER_REASONS: Final = {
    "filtered": "segue_events_filtered_total",
    "rows_filtered": "segue_rows_filtered_total",
    "rows_dead": "segue_rows_dead_total",
    "rows_uncertain": "segue_rows_uncertain_total",
}
"""Likewise, where the reason is shown too."""


class _Histogram:
    """Observations of one series, by bucket."""

    __slots__ = ("_bounds", "_counts", "count", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.count = 0
        self.sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self.count += 1
        self.sum += value

    def cumulated(self) -> list[tuple[str, float]]:
        total, buckets = 0, []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets

"""Metrics: declared once, counted per object, rendered for Prometheus."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from segue.engine.ledger import RESULTS, Ledger, Place
from segue.model.errors import BrokenError
from segue.runtime.telemetry import LEDGER_REASONS, LEDGER_RESULTS, METRICS, Metric, Telemetry


def samples(telemetry: Telemetry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of the rendered text, as a scraper reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(telemetry.render().decode())
        for sample in family.samples
    }


def touch(telemetry: Telemetry, metric: Metric, value: float = 1) -> dict[str, str]:
    """Move one metric the way its kind moves."""
    labels = {label: f"some-{label}" for label in metric.labels}
    move = {"counter": telemetry.count, "gauge": telemetry.set, "histogram": telemetry.observe}[metric.kind]
    move(metric.name, value, **labels)
    return labels


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_declared_metric_can_move_and_is_rendered(metric: Metric) -> None:
    """What is declared is what a scraper finds, under its name with its labels."""
    telemetry = Telemetry()
    labels = touch(telemetry, metric)
    name = metric.name + ("_count" if metric.kind == "histogram" else "")
    assert samples(telemetry)[name, tuple(sorted(labels.items()))] == 1
    assert telemetry.value(metric.name, **labels) == 1
    assert telemetry.moved() == {metric.name}


def test_names_follow_the_conventions() -> None:
    """Prefix, unit at the end, counters in _total, a sentence for meaning and for what to do."""
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        assert re.fullmatch(r"segue(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert metric.unit
        assert metric.meaning.endswith(".")
        assert metric.watch.endswith(".")


def test_no_label_could_hold_a_person() -> None:
    """Series are named by ids the operator chose and codes of ours, never by what is in events."""
    allowed = {
        "source",
        "kind",
        "code",
        "destination",
        "reason",
        "action",
        "status",
        "lane",
        "check",
        "version",
        "cap",
        "account",
        "pool",
    }
    assert {label for metric in METRICS for label in metric.labels} <= {*allowed, "python", "revision"}


def test_two_objects_count_apart() -> None:
    """There is no state of the process in it, so tests and embedded pipelines do not meet."""
    one, other = Telemetry(), Telemetry()
    one.count("segue_append_failures_total")
    assert (one.value("segue_append_failures_total"), other.value("segue_append_failures_total")) == (1, 0)
    assert samples(other)["segue_append_failures_total", ()] == 0


def test_a_histogram_counts_into_cumulated_buckets() -> None:
    """A value on a bound belongs to that bound's bucket."""
    telemetry = Telemetry()
    for value in (0.001, 0.002, 99):
        telemetry.observe("segue_ingest_seconds", value)
    found = samples(telemetry)
    assert found["segue_ingest_seconds_bucket", (("le", "0.001"),)] == 1
    assert found["segue_ingest_seconds_bucket", (("le", "0.0025"),)] == 2
    assert found["segue_ingest_seconds_bucket", (("le", "+Inf"),)] == 3
    assert found["segue_ingest_seconds_sum", ()] == pytest.approx(99.003)


def test_what_is_not_declared_is_a_mistake_in_the_code() -> None:
    """Names, labels and kinds are checked at the call, with the declared ones in the message."""
    telemetry = Telemetry()
    with pytest.raises(BrokenError, match="segue_evnts_total"):
        telemetry.count("segue_evnts_total")
    with pytest.raises(BrokenError, match="destination"):
        telemetry.set("segue_events_waiting", 1, destiny="x")
    with pytest.raises(BrokenError, match="histogram"):
        telemetry.count("segue_ingest_seconds")


def test_a_removed_destination_is_forgotten() -> None:
    """Its series disappear; others stay."""
    telemetry = Telemetry()
    for destination in ("a", "b"):
        telemetry.set("segue_events_waiting", 5, destination=destination)
        telemetry.request(destination, "track-event", 201, 75, 0.1)
    telemetry.forget(destination="a")
    text = telemetry.render().decode()
    assert 'destination="a"' not in text
    assert 'destination="b"' in text


def test_gauges_that_are_read_off_are_fresh_at_each_rendering() -> None:
    """The refresh runs once per scrape."""
    telemetry, sizes = Telemetry(), iter((10, 20))
    telemetry.before_render(lambda: telemetry.set("segue_log_bytes", next(sizes)))
    assert [samples(telemetry)["segue_log_bytes", ()] for _ in range(2)] == [10, 20]


def test_a_courier_meters_its_requests_and_checkpoints() -> None:
    """The two calls of a courier reach every metric they concern."""
    telemetry = Telemetry()
    telemetry.request("b", "track-event", 0, 75, 0.2)
    telemetry.checkpoint("b", 0.01)
    telemetry.build("0.1.0")
    telemetry.workspace("r1")
    telemetry.workspace("r2")
    assert telemetry.value("segue_requests_total", destination="b", action="track-event", status="0") == 1
    assert telemetry.value("segue_batch_items", destination="b", action="track-event") == 1
    assert [key for key in samples(telemetry) if key[0] == "segue_workspace_info"] == [
        ("segue_workspace_info", (("revision", "r2"),))
    ]
    assert telemetry.moved() >= {"segue_request_seconds", "segue_checkpoint_seconds", "segue_build_info"}


def test_a_ledger_is_shown_whole_and_adds_up() -> None:
    """The exported terms of the conservation law are the ledger's; a defect shows as a residual."""
    ledger = Ledger("web", {0: Place(0)}, {0: 0}, {})
    for offset, (result, reason) in enumerate(
        [("filtered", "NO_MATCHING_MAPPING"), ("duplicate", ""), ("dead", "BAD_REQUEST"), ("delivered", "")]
    ):
        assert ledger.take(0, offset)
        ledger.close(result, reason, 1)
    ledger.take(0, 4)  # read, and then forgotten: what must never happen
    telemetry = Telemetry()
    telemetry.ledger("b", ledger)

    def shown(name: str, **labels: str) -> float:
        return telemetry.value(name, destination="b", **labels)

    assert shown("segue_events_read_total") == 5
    assert shown("segue_events_filtered_total", reason="NO_MATCHING_MAPPING") == 1
    assert shown("segue_conservation_residual") == 1
    settled = sum(shown(name) for result, name in LEDGER_RESULTS.items() if not result.startswith("rows"))
    assert settled + 1 == 4


def test_every_result_of_a_ledger_has_its_metric() -> None:
    """A new result cannot be left out of the law's exported terms."""
    assert {*RESULTS, "rows_delivered", "rows_filtered", "rows_dead", "rows_uncertain"} == {
        *LEDGER_RESULTS,
        *LEDGER_REASONS,
    }

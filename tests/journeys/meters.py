"""Which journey moves which metric."""

from collections.abc import Mapping
from typing import Final

from tests.journeys.house import Metrics

from segue.runtime.telemetry import METRICS

KINDS: Final = {metric.name: metric.kind for metric in METRICS}

ORDINARY: Final = (
    "segue_events_received_total", "segue_events_accepted_total", "segue_events_rejected_total",
    "segue_requests_refused_total", "segue_ingest_seconds", "segue_events_read_total",
    "segue_events_delivered_total", "segue_events_filtered_total", "segue_events_duplicate_total",
    "segue_events_skipped_total", "segue_events_dead", "segue_rows_delivered_total", "segue_rows_dead_total",
    "segue_requests_total", "segue_request_seconds", "segue_batch_items", "segue_dead_letters",
    "segue_checkpoint_seconds", "segue_log_bytes", "segue_log_head", "segue_build_info",
    "segue_workspace_info", "segue_budget_used", "segue_points_sent_total", "segue_points_saved_total",
    "segue_rows_filtered_total", "segue_late_attributes_total",
)  # fmt: skip
HELD: Final = (
    "segue_retries_total", "segue_holds_total", "segue_destination_held", "segue_events_waiting",
    "segue_events_lag", "segue_oldest_waiting_seconds", "segue_waiting_bytes",
)  # fmt: skip
PACE: Final = (
    "segue_circuit_state", "segue_pace_limit", "segue_pace_remaining", "segue_pace_ceiling",
    "segue_pace_in_flight", "segue_pace_refused_total",
)  # fmt: skip
EXPIRED: Final = ("segue_events_expired_total", "segue_log_tail")
FULL: Final = ("segue_append_failures_total",)
DEVICE: Final = ("segue_device_failures_total",)
UNCERTAIN: Final = ("segue_rows_uncertain_total",)
STILL: Final[Mapping[str, str]] = {
    "segue_conservation_residual": "0 is the law: every look at /metrics in these journeys checks it",
    "segue_events_suppressed_total": "nobody can ask to be forgotten yet: erasure has an issue of its own",
}
"""Metrics no journey can move, and why."""


def still(metrics: Metrics, names: tuple[str, ...]) -> list[str]:
    """Those of the metrics that did not move."""
    return [name for name in names if not metrics.has_moved(name, KINDS[name])]

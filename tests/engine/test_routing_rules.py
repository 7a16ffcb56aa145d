"""A device destination's filters in the form SDKs evaluate; tsub itself judges them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.engine.sides import faults, mobile, plan, web, workspace

from segue.engine.filter import apply
from segue.engine.sdk_settings import Site, sdk_settings
from segue.model.workspace import Filter

NODE = Path(__file__).parents[1] / "node"
UMD = NODE / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
CONDITIONS = [
    'event = "Secret"',
    'type = "track" and properties.price > 10',
    'event = "A" or event = "Secret"',
    "userId = null",
    "userId != null",
    '!(event = "Secret")',
    'contains(event, "cre")',
    '!contains(event, "cre")',
    'match(event, "S*t")',
    'lowercase(event) = "secret"',
    'event in ["A", "Secret"]',
    "properties.vip",
    "properties.price <= 5",
    "all",
]
EVENTS: list[dict[str, Any]] = [
    {"type": "track", "event": "Secret", "userId": "u", "properties": {"price": 12, "vip": True}},
    {"type": "track", "event": "Seen", "properties": {"price": 5, "vip": False}},
    {"type": "track", "event": "A", "userId": None, "properties": {"price": 3, "vip": False}},
]


def dropping(*conditions: str) -> tuple[Filter, ...]:
    """A filter that drops for each condition."""
    return tuple(
        Filter(id=f"f{n}", condition=each, actions=({"type": "DROP"},)) for n, each in enumerate(conditions)
    )


def test_tsub_decides_as_we_do() -> None:
    """The matcher of analytics.js, unmodified, in Node: every condition on every event."""
    made = [plan(web(filters=dropping(each))).devices["braze-web"] for each in CONDITIONS]
    matchers = [each.routing_rules[0]["matchers"][0] for each in made]
    (bundle,) = UMD.glob("tsub-middleware.bundle.*.js")
    done = subprocess.run(
        ["node", str(NODE / "tsub.cjs"), str(bundle)],
        input=json.dumps([matchers, EVENTS]),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    ours = [[apply(each.filters, event).event is None for event in EVENTS] for each in made]
    assert dict(zip(CONDITIONS, json.loads(done.stdout), strict=True)) == dict(
        zip(CONDITIONS, ours, strict=True)
    )


def test_all_filters_of_a_destination_are_one_rule() -> None:
    """In the order they act; React Native would keep the last of several."""
    fields = {"": ["userId"], "properties": ["b", "a"]}
    filters = (
        Filter(id="a", condition='event = "A"', actions=({"type": "DROP_PROPERTIES", "fields": fields},)),
        *dropping('event = "B"'),
    )
    for made in (plan(web(filters=filters)), plan(mobile(filters=filters), platform="ios")):
        scripts = {"braze": "0123456789ab.js"}
        source = made.workspace.sources[0]
        served = sdk_settings(made, source, "wk", Site("https", "h", "/v1"), scripts)
        (rule,) = served["middlewareSettings"]["routingRules"]
        assert rule["destinationName"] in ("Braze Web Mode (Actions)", "Appboy")
        assert rule["transformers"] == [
            [{"type": "drop"}],
            [{"type": "drop_properties", "config": {"drop": {"": ["userId"], "properties": ["a", "b"]}}}],
        ]
        assert [each["config"]["expr"] for each in rule["matchers"]] == ['event = "B"', 'event = "A"']


@pytest.mark.parametrize(
    "condition",
    [
        'snakecase(event) = "a"',
        "length(event) = 3",
        'typeof(event) = "string"',
        '"a" in properties.list',
        r'properties.a\.b = "c"',
    ],
)
def test_what_sdks_would_judge_otherwise_is_refused(condition: str) -> None:
    """A filter must not let through on the device what it was written to keep."""
    told = faults(workspace(web(filters=dropping(condition))))
    assert "cannot work in device mode" in told["destinations.braze-web.filters.f0"]


def test_a_sample_cannot_work_in_the_browser() -> None:
    """It would choose others there than here; that is said when the workspace is read."""
    sampled = Filter(id="s", condition="all", actions=({"type": "SAMPLE", "percent": 0.5},))
    assert "destinations.braze-web.filters.s" in faults(workspace(web(filters=(sampled,))))

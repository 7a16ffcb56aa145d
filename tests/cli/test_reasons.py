"""Every reason for which an event is not sent: counted under its published code, told by trace and by try."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.cli.house import IDENTIFY, KEY, ORDER, TRACK, WORKSPACE, segue, settled, started, workspace

from segue.cli.post import post_events

RULED = (
    WORKSPACE
    + """\
    consent_categories: [marketing]
    filters:
      - title: No internal mail
        if: contains(traits.email, "@internal.example")
        actions: [{type: DROP}]
      - title: None of the tests
        if: event = "Test"
        actions: [{type: SAMPLE, percent: 0}]
    subscriptions:
      - {id: profiles, action: update-user-profile, trigger: type = "identify"}
      - {id: events, action: track-event, trigger: type = "track" and event != "Order Completed"}
      - {id: orders, action: track-purchase, trigger: type = "track" and event = "Order Completed"}
      - id: pages
        action: track-event
        trigger: type = "page"
        mapping: {external_id: {"@path": $.userId}, name: {"@path": $.name}, time: {"@path": $.properties.at}}
"""
)
RULES, CONSENT = "FILTERED_BY_RULES", "FILTERED_BY_END_USER_CONSENT"
INTEGRATIONS, DEVICE = "FILTERED_BY_INTEGRATIONS_OBJECT", "MESSAGE_SENT_CLIENT_SIDE"
NO_MATCH = "NO_MATCHING_MAPPING"
PAGE: dict[str, Any] = {"type": "page", "name": "Home"}

EVENTS: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "sent": (TRACK, "delivered", "", ""),
    "dropped": ({**IDENTIFY, "traits": {"email": "a@internal.example"}}, "filtered", RULES, "drops it"),
    "sampled": ({**TRACK, "event": "Test"}, "filtered", RULES, "samples it out"),
    "unclear": ({**IDENTIFY, "traits": {"email": 5}}, "filtered", RULES, "contains(traits.email"),
    "off": ({**TRACK, "integrations": {"Braze": False}}, "filtered", INTEGRATIONS, '"Braze": false'),
    "others": (
        {**TRACK, "integrations": {"All": False, "Slack": {}}},
        "filtered",
        INTEGRATIONS,
        '"All": false',
    ),
    "options": ({**TRACK, "integrations": {"All": False, "Appboy": {"x": 1}}}, "delivered", "", ""),
    "refused": (
        {**TRACK, "context": {"consent": {"categoryPreferences": {"marketing": False}}}},
        "filtered",
        CONSENT,
        "has marketing: false",
    ),
    "agreed": (
        {**TRACK, "context": {"consent": {"categoryPreferences": {"marketing": True}}}},
        "delivered",
        "",
        "",
    ),
    "device": ({**TRACK, "_metadata": {"bundled": ["Appboy"]}}, "filtered", DEVICE, 'bundled has "Appboy"'),
    "nobody": ({"type": "group", "groupId": "g"}, "filtered", NO_MATCH, "found"),
    "empty": ({**ORDER, "properties": {"products": []}}, "filtered", "no_products", ""),
    "unmapped": (
        {**PAGE, "properties": {"at": ["soon"]}},
        "dead",
        "PAYLOAD_VALIDATION_FAILED",
        'field "time" must be a date, found',
    ),
    "neighbour": ({**PAGE, "properties": {"at": "2026-11-24T10:00:00Z"}}, "delivered", "", ""),
}
"""Name and messageId -> event, what becomes of it, its code, words that trace and try say."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them sent in one batch through a whole Segue, which has ended since."""
    made = workspace(tmp_path_factory.mktemp("reasons"), RULED)
    batch = [
        {"timestamp": TRACK["timestamp"], "userId": "u1", **event, "messageId": name}
        for name, (event, *_) in EVENTS.items()
    ]

    async def live() -> None:
        async with started(made) as process:
            door = f"{process.addresses.door}{process.addresses.prefix}"
            await post_events(json.dumps(batch).encode(), door, KEY)
            await settled(process, len(batch))

    asyncio.run(live())
    return made


def test_each_event_is_counted_under_its_reason(folder: Path) -> None:
    """The books know every code, and nothing is missing: what one event could not be mapped for does not
    hold up those it came with."""
    rows = segue("counts", "--since", "2025-01-01", "--json", folder=folder).json
    found = Counter({(row["result"], row["reason"]): row["count"] for row in rows})
    assert found == Counter((result, reason) for _, result, reason, _ in EVENTS.values())


@pytest.mark.parametrize("name", EVENTS)
def test_trace_and_try_tell_the_reason_and_the_words(folder: Path, name: str) -> None:
    """What happened, and what would happen, is the same story."""
    event, result, reason, words = EVENTS[name]
    [told] = segue("trace", name, "--json", folder=folder).json["events"][0]["destinations"]
    assert (told["state"], told["reason"]) == (result, reason)
    assert words.replace('"', r"\"") in json.dumps(told)
    content = json.dumps({"userId": "u1", **event}).encode()
    shown = segue("try", "-", folder=folder, stdin=content)
    assert shown.code == (0 if result == "delivered" else 1)
    assert reason in shown.out
    assert words in shown.out


def test_the_dead_letter_names_field_type_and_rule(folder: Path) -> None:
    """And the mapping it failed in."""
    [letter] = segue("dead", "list", "--json", folder=folder).json
    assert (letter["message_id"], letter["subscription"]) == ("unmapped", "pages")
    assert letter["message"] == 'field "time" must be a date, found a list that is not'

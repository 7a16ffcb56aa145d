"""Two couriers, each a process with half of the lanes: a log-in waits for its visit in the other's."""

from pathlib import Path
from typing import Any, Final

from tests.journeys.house import Braze, Segue, track, until

from segue.model.event import DEFAULT_LANES, lane_of

WORKSPACE: Final = """\
sources:
  web: {{write_key: wk_web}}
destinations:
  braze:
    type: braze
    source: web
    settings: {{endpoint: "{endpoint}", api_key: sandbox}}
    delivery: {{wait_seconds: 0.05}}
    subscriptions:
      - id: people
        action: track-event
        trigger: type = "track" and userId != null
        mapping:
          external_id: {{"@path": $.userId}}
          name: {{"@path": $.event}}
          time: {{"@path": $.timestamp}}
          properties: {{"@path": $.properties}}
      - id: visitors
        action: track-event
        trigger: type = "track" and userId = null
        mapping:
          user_alias: &visitor {{alias_name: {{"@path": $.anonymousId}}, alias_label: anonymous_id}}
          _update_existing_only: false
          name: {{"@path": $.event}}
          time: {{"@path": $.timestamp}}
          properties: {{"@path": $.properties}}
      - id: log-in
        action: identify-user
        trigger: type = "identify"
        mapping:
          external_id: {{"@path": $.userId}}
          user_alias: *visitor
          merge_behavior: merge
"""


def someone(letter: str, lanes: range) -> str:
    """The first id of its kind that lives in one of these lanes: "u" for a userId, "a" for an anonymousId."""
    names = (f"{letter}{number}" for number in range(1000))
    return next(name for name in names if lane_of(f"{letter}:{name}", DEFAULT_LANES) in lanes)


def visit(anonymous: str, message_id: str) -> dict[str, Any]:
    """A track call of a visitor."""
    event: dict[str, Any] = {**track("", message_id), "anonymousId": anonymous}
    del event["userId"]
    return event


def test_a_log_in_waits_for_the_visit_another_process_delivers(tmp_path: Path, braze: Braze) -> None:
    """Nothing of the person leaves before the visit has: Braze finds the visitor, and makes one profile of
    the two. Others in the same lanes do not wait."""
    low, high = range(4), range(4, 8)
    user, anonymous = someone("u", low), someone("a", high)
    other = next(name for name in (f"other{n}" for n in range(99)) if lane_of(f"u:{name}", 8) in low)
    log_in = {"type": "identify", "userId": user, "anonymousId": anonymous, "messageId": "in"}
    (tmp_path / "segue.yaml").write_text(WORKSPACE.format(endpoint=braze.address), encoding="utf-8")
    with (
        Segue(tmp_path, "--roles", "receiver", name="receiver") as receiver,
        Segue(tmp_path, "--roles", "courier", "--lanes", "0-3", name="low") as first,
    ):
        events = [visit(anonymous, "visit"), log_in, track(user, "later"), track(other, "else")]
        assert receiver.send(events)[0] == 200
        until(
            lambda: first.metrics().total("segue_events_delivered_total") == 1, "somebody else's is delivered"
        )
        assert first.metrics().total("segue_events_waiting") == 2
        assert sorted(braze.everybody()) == [other]
        with Segue(tmp_path, "--roles", "courier", "--lanes", "4-7", name="high") as second:
            until(lambda: first.settled(3), "the log-in and what came after it are delivered")
            assert second.metrics().total("segue_events_delivered_total") == 1
            assert second.stop() == 0
        assert [each.stop() for each in (first, receiver)] == [0, 0]
    people = braze.everybody()
    assert sorted(people) == sorted([user, other])
    assert people[user]["aliases"] == {"anonymous_id": anonymous}
    marks = {event["properties"]["mark"] for event in people[user]["events"]}
    assert marks == {"visit", "later"}

"""why, counts, uncertain, and doctor's word on each destination: the records, running and stopped."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.cli.house import IDENTIFY, TRACK, WORKSPACE, beside, control, segue, settled, workspace
from tests.cli.test_trace import post, wait_for
from tests.journeys.house import until

from segue.io.storage.journal import Journal, RowKey


def why(folder: Path, *arguments: str, code: int = 0) -> Any:
    """What `segue why --json` says."""
    ran = segue("why", *arguments, "--json", folder=folder)
    assert ran.code == code, ran.err
    return ran.json


def newest(found: Any) -> tuple[str, str, Any, str]:
    """(outcome, reason, value, mapping field) of the newest event that carried the attribute."""
    one = found["sightings"][0]
    return one["outcome"], one["reason"], one["value"], one["field"]


def test_why_an_attribute_is_missing(folder: Path) -> None:
    """Delivered, unchanged, late, filtered, switched off, unmapped, never sent: each with its remedy."""
    changed = (
        WORKSPACE.replace("wait_seconds: 0", "wait_seconds: 0, attributes: changed")
        + """\
    filters:
      - {title: No tests, if: 'traits.test = true', actions: [{type: DROP}]}
"""
    )
    workspace(folder, changed)
    later, earlier = "2026-11-24T12:00:00.000Z", "2026-11-24T11:00:00.000Z"
    first = {**IDENTIFY, "traits": {"firstName": "Ada", "plan": "plus", "address": {"city": "Ulm"}}}
    events = [
        first,
        {**first, "messageId": "same", "timestamp": later, "traits": {"plan": "plus", "size": 3}},
        {**first, "messageId": "late", "timestamp": earlier, "traits": {"size": 2}},
        {**first, "messageId": "drop", "traits": {"test": True, "secret": 1}},
        {**first, "messageId": "off", "traits": {"tone": "c"}, "integrations": {"All": False}},
        {**TRACK, "messageId": "prop", "properties": {"colour": "red"}},
    ]
    with beside(folder) as process:
        for number, event in enumerate(events, 1):
            post(process, event)
            asyncio.run(settled(process, number))
    size = why(folder, "u1", "size")
    assert newest(size) == ("left out", "STALE_ATTRIBUTES", 2, "custom_attributes")
    assert [each["outcome"] for each in size["sightings"]] == ["left out", "delivered"]
    assert "a value of a later event" in size["verdict"]
    late, standing = (each["event_ms"] for each in size["sightings"])
    assert standing - late == 3_600_000
    assert newest(why(folder, "u1", "plan")) == ("left out", "UNCHANGED", "plus", "custom_attributes")
    assert newest(why(folder, "u1", "first_name")) == ("delivered", "", "Ada", "first_name")
    assert newest(why(folder, "u1", "firstName"))[0] == "delivered"
    assert newest(why(folder, "u1", "home_city"))[2:] == ("Ulm", "home_city")
    assert newest(why(folder, "u1", "secret"))[:2] == ("filtered", "FILTERED_BY_RULES")
    assert newest(why(folder, "u1", "tone"))[:2] == ("filtered", "FILTERED_BY_INTEGRATIONS_OBJECT")
    colour = why(folder, "u1", "colour")
    assert newest(colour)[0] == "unmapped"
    assert "no subscription that sets attributes matches" in colour["verdict"]
    never = why(folder, "u1", "never", code=1)
    assert (never["events"], never["sightings"], never["complete"]) == (6, [], True)
    assert "none of the 6 events of u:u1" in never["verdict"]
    assert "no event of u:nobody is in the log" in why(folder, "nobody", "plan", code=1)["verdict"]
    text = segue("why", "u1", "size", folder=folder)
    for part in ("left out", "made by field custom_attributes of identify-calls", "6 of this person", "→ "):
        assert part in text.out
    assert "--limit goes further" in segue("why", "u1", "plan", "-n", "1", folder=folder).out
    wrong = segue("why", "u1", "plan", "-d", "brase", folder=folder)
    assert (wrong.code, 'there is no destination "brase"' in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), {("braze", "delivered", ""): 2, ("braze", "filtered", "NO_MATCHING_MAPPING"): 1,
              ("braze", "dead", "BAD_REQUEST"): 1, ("braze", "dead", "PAYLOAD_VALIDATION_FAILED"): 1}),
        (("--by", "source,result"), {("web", "dead"): 2, ("web", "delivered"): 2, ("web", "filtered"): 1}),
        (("--rows", "--by", "subscription,result"), {
            ("identify-calls", "delivered"): 1, ("order-completed", "dead"): 1,
            ("track-calls", "dead"): 1, ("track-calls", "delivered"): 1}),
        (("--until", "2026-01-01"), {}),
        (("--source", "other"), {}),
    ],
)  # fmt: skip
def test_counts_are_told_by_whatever_is_asked(
    furnished: Path, options: tuple[str, ...], found: dict[tuple[str, ...], int]
) -> None:
    """Events and rows apart; a time before the first event has none."""
    ran = segue("counts", "--since", "2025-01-01", "--json", *options, folder=furnished)
    assert ran.code == 0, ran.err
    told = {tuple(value for key, value in line.items() if key != "count"): line["count"] for line in ran.json}
    assert told == found


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--by", "colour"), 'cannot count by "colour"; there is: minute'),
        (("--since", "yesterday"), '"yesterday" is no time: write how long ago'),
        (("-d", "brase"), 'there is no destination "brase"'),
    ],
)
def test_counts_says_what_it_does_not_understand(
    furnished: Path, options: tuple[str, ...], says: str
) -> None:
    """With what there is."""
    ran = segue("counts", *options, folder=furnished)
    assert (ran.code, says in ran.err) == (2, True), ran.err


def test_the_uncertain_set_is_listed_with_what_was_done(folder: Path) -> None:
    """The connection broke after Braze had taken the request; the policy is to ask a human."""
    policy, became = "hold", "dead"
    workspace(folder, WORKSPACE.replace("wait_seconds: 0", f"wait_seconds: 0, uncertain: {policy}"))
    with beside(folder) as process:
        fault = {"drop": "after", "path": "/users/track", "count": 1}
        control(process.addresses.sandbox, "POST", "/faults", fault)
        post(process, TRACK)
        asyncio.run(settled(process, 1))
    ran = segue("uncertain", "--json", folder=folder)
    [one] = ran.lines
    assert (one["destination"], one["became"]) == ("braze", became)
    assert (one["doubt"]["message_id"], one["doubt"]["policy"]) == ("tr-1", policy)
    text = segue("uncertain", folder=folder).out
    assert f"braze: delivery.uncertain is {policy}" in text
    assert "tr-1" in text
    assert "no answer is known" in segue("trace", "tr-1", folder=folder).out
    doctor = {one["name"]: one for one in segue("doctor", "--json", folder=folder).json["findings"]}
    assert f"1 {policy}" in doctor["uncertain set of braze"]["says"]


def test_what_a_hard_stop_left_open_is_listed_with_the_policy_to_come(lived_in: Path) -> None:
    """Rows of a request that had no answer yet: nothing is decided before the next start."""
    event = segue("trace", "tr-1", "--json", folder=lived_in).json["events"][0]
    [journal] = (lived_in / "segue-data" / "state").glob("braze.*.journal")
    stem, generation, _ = journal.name.split(".")
    opened, _ = Journal.open(journal.with_name(stem), int(generation))
    opened.leave(99, [RowKey(event["lane"], event["offset"], "track-calls", 0)])
    opened.close()
    [one] = segue("uncertain", "--json", folder=lived_in).lines
    assert (one["became"], one["doubt"]["policy"], one["doubt"]["request"]) == ("waiting", "open", 99)
    text = segue("uncertain", folder=lived_in).out
    assert "braze: delivery.uncertain is resend" in text
    assert text.split("\n")[-2].split()[1:] == ["braze", "tr-1", "track-calls", "99", "open", "waiting"]


def test_nothing_uncertain_is_said_too(furnished: Path) -> None:
    """An empty list is an answer."""
    ran = segue("uncertain", folder=furnished)
    assert (ran.code, "Nothing is uncertain." in ran.out) == (0, True)


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (401, "UNAUTHORIZED", "a REST API key that is valid"),
        (429, "TOO_MANY_REQUESTS", "The partner's rate limit is reached; it goes on by itself."),
        (503, "SERVICE_UNAVAILABLE", "status page"),
    ],
)
def test_doctor_names_a_destination_that_is_held(folder: Path, status: int, code: str, remedy: str) -> None:
    """With reason, since when, what waits, what to do and until when nothing is lost; also after the stop."""

    def finding(**environ: str) -> Any:
        ran = segue("doctor", "--json", folder=folder, **environ)
        assert (ran.code, ran.json["well"]) == (1, False)
        return next(one for one in ran.json["findings"] if one["name"] == "destination braze")

    with beside(folder) as process:
        fault = {"status": status, "path": "/users/track", "body": {"message": "so it is"}}
        if status == 429:  # once is a limit met; four times running, as often as Braze asks for, is trouble
            fault |= {"header_style": "retry-after", "wait_seconds": 1}
        control(process.addresses.sandbox, "POST", "/faults", fault)
        port = post(process, TRACK)
        wait_for(folder, "tr-1", "HALTED", port)
        until(
            lambda: not segue("doctor", "--json", folder=folder, SEGUE_PORT=port).json["well"],
            "doctor sees it",
        )
        found = finding(SEGUE_PORT=port)
        assert code in found["says"]
    stopped = finding()
    for told in (found, stopped):
        assert not told["ok"]
        assert f"held by {code} since 20" in told["says"]
        assert 'the partner says "so it is"' in told["says"]
        assert "1 event waiting, the oldest for" in told["says"]
        assert remedy in told["remedy"]
        assert ("no process delivers lane" in told["says"]) == (told is stopped)
        assert ("segue run --roles courier --lanes" in told["remedy"]) == (told is stopped)
        assert "Nothing is lost before 20" in told["remedy"]

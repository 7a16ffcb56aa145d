"""try: the journey of one event, told before it is sent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.house import IDENTIFY, ORDER, PAGE, TRACK, beside, control, segue

from segue.cli.serve import Running


def tried(folder: Path, event: object, *options: str, **environ: str) -> tuple[int, str]:
    """One event on standard input: exit code and what was printed."""
    content = event if isinstance(event, bytes) else json.dumps(event).encode()
    ran = segue("try", "-", *options, folder=folder, stdin=content, **environ)
    return ran.code, ran.out + ran.err


def test_an_event_that_matches_shows_payload_and_request(folder: Path) -> None:
    """What sends, what does not and why, and the bytes that would leave."""
    code, text = tried(folder, TRACK)
    assert code == 0
    assert "sends track-calls (track-event)" in text
    assert "not matched order-completed" in text
    assert "POST http://127.0.0.1:8089/users/track" in text
    body = text[text.index("\n{") :]
    assert json.loads(body)["events"][0]["properties"] == TRACK["properties"]


def test_an_event_that_matches_nothing_says_why(folder: Path) -> None:
    """The condition that failed stands there with what was found instead."""
    code, text = tried(folder, PAGE, "--all")
    assert code == 1
    assert "nothing is sent: NO_MATCHING_MAPPING" in text
    assert '✗ type = "track"   found "page"' in text


def test_an_event_that_dies_names_field_and_rule(folder: Path) -> None:
    """And nothing claims that it was sent."""
    code, text = tried(folder, ORDER)
    assert code == 1
    assert "dead order-completed (track-purchase) PAYLOAD_VALIDATION_FAILED" in text
    assert 'field "products[0].price" must be a number, found a text' in text
    assert "nothing is sent: it would be a dead letter" in text


def test_the_journey_as_data_has_every_step(folder: Path) -> None:
    """Truth of the trigger, steps of the mapping, payload, request; nothing to be scraped from text."""
    code, text = tried(folder, IDENTIFY, "--json")
    assert code == 0
    told = json.loads(text)
    assert told["person"] == "u:u1"
    [braze] = told["destinations"]
    first = braze["subscriptions"][0]
    assert (first["id"], first["matched"], first["result"]) == ("identify-calls", True, "sends")
    assert first["truth"][0] == {"text": 'type = "identify"', "holds": True, "found": "identify"}
    assert {
        "pointer": "/email/@path",
        "directive": "@path",
        "input": "$.traits.email",
        "output": "ada@example.com",
    } in [
        {name: step[name] for name in ("pointer", "directive", "input", "output")}
        for step in first["steps"]
        if "output" in step
    ]
    assert braze["requests"][0]["body"]["attributes"][0]["email"] == "ada@example.com"
    assert braze["answers"] == []


@pytest.mark.parametrize("options", [(), ("--json",), ("--all",)])
def test_the_key_is_never_printed(folder: Path, options: tuple[str, ...]) -> None:
    """The output of `try` is pasted into tickets."""
    secret = "not-for-your-eyes-42"
    text = (
        (folder / "segue.yaml").read_text(encoding="utf-8").replace("api_key: sandbox", 'api_key: "${KEY}"')
    )
    (folder / "segue.yaml").write_text(text, encoding="utf-8")
    code, shown = tried(folder, TRACK, *options, ENDPOINT="https://braze.test", KEY=secret)
    assert code == 0
    assert secret not in shown
    assert "authorization" in shown.lower()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Segue with its sandbox beside the commands."""
    from tests.cli.house import workspace

    with beside(workspace(tmp_path_factory.mktemp("live"))) as process:
        yield process


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_send_really_sends_and_shows_the_answer(
    folder: Path, live: Running, options: tuple[str, ...]
) -> None:
    """The sandbox has the person afterwards."""
    user = f"sent{len(options)}"
    sandbox = live.addresses.sandbox
    code, text = tried(folder, {**IDENTIFY, "userId": user}, "--send", *options, ENDPOINT=sandbox)
    assert code == 0
    if options:
        answer = json.loads(text)["destinations"][0]["answers"][0]
        assert (answer["status"], answer["body"]["message"]) == (201, "success")
        assert (answer["outcome"], answer["code"], answer["message"]) == ("delivered", "", "")
    else:
        assert "answer 201" in text
        assert "→ delivered" in text
    assert control(sandbox, "GET", f"/people/{user}")["custom"] == {"plan": "plus"}


def test_sending_to_nobody_shows_the_transport_code(folder: Path) -> None:
    """Not an error of the command: the answer is that there is none."""
    code, text = tried(folder, TRACK, "--send", ENDPOINT="http://127.0.0.1:9")
    assert code == 0
    assert "no answer: ECONNREFUSED" in text
    assert "start the sandbox with `segue run` or `segue sandbox`" in text
    assert "→ the partner has trouble: the destination would wait, and nothing is lost ECONNREFUSED" in text


def test_what_the_partner_refuses_is_told_as_the_dead_letter_it_would_be(folder: Path, live: Running) -> None:
    """The answer, and what Segue would make of it."""
    event = {**ORDER, "properties": {"products": [{"product_id": "tea", "price": 1, "currency": "nonsense"}]}}
    code, text = tried(folder, event, "--send", ENDPOINT=live.addresses.sandbox)
    assert code == 0, text
    assert "→ refused for good: it would be a dead letter" in text
    _, text = tried(folder, event, "--send", "--json", ENDPOINT=live.addresses.sandbox)
    answer = json.loads(text)["destinations"][0]["answers"][0]
    assert answer["outcome"] == "rejected"
    assert answer["code"]
    assert answer["message"]


def test_everything_that_text_says_is_in_the_data_too(folder: Path) -> None:
    """Filters with their truth, what they removed, unknown names, coercions and notes."""
    text = (folder / "segue.yaml").read_text(encoding="utf-8")
    rules = (
        "[{title: PII, if: type = 'identify', actions: [{type: DROP_PROPERTIES, fields: {traits: [ssn]}}]}]"
    )
    (folder / "segue.yaml").write_text(
        f"{text}    filters: {rules.replace(chr(39), chr(34))}\n", encoding="utf-8"
    )
    traits = {"ssn": 1, "gender": "male", "birthday": "soon", "firstName": 5}
    event = {**IDENTIFY, "traits": traits, "integrations": {"Brase": True}}
    code, text = tried(folder, event, "--json")
    assert code == 0, text
    told = json.loads(text)
    [braze] = told["destinations"]
    assert told["unknown_integrations"] == ["Brase"]
    assert braze["removed"] == ["traits.ssn"]
    assert braze["filters"][0]["truth"] == [{"text": 'type = "identify"', "holds": True, "found": "identify"}]
    first = braze["subscriptions"][0]
    assert {"field": "gender", "from": "male", "to": "M"} in first["coerced"]
    _, shown = tried(folder, event)
    for line in (
        "filter   PII: DROP_PROPERTIES removes properties",
        "removed  traits.ssn",
        'coerced  first_name: 5 → "5"',
        "note  dob: must be a date",
        'names "Brase": no enabled destination of this source answers to that',
    ):
        assert line in shown
    code, shown = tried(folder, {**event, "integrations": {"Braze": False}})
    assert code == 1
    assert 'its integrations object has "Braze": false' in shown
    words = " ".join(shown.replace("│", " ").split())  # whatever the width
    assert "kept back identify-calls (update-user-profile) FILTERED_BY_INTEGRATIONS_OBJECT" in words


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (b"", "no event"),
        (b"   \n", "no event"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[1]", "object"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b'{"type":"track"},{"type":"track"}', "JSON"),
        (b'{"type":"track","event":"A"}', "no_user_anon_id"),
        (b'{"userId":"u"}', "type"),
        (b'{"type":"dance","userId":"u"}', "expected one of identify, track"),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_a_malformed_event_is_refused_as_the_tracking_api_would(
    folder: Path, event: bytes, says: str
) -> None:
    """In words, naming what was found; exit code 2."""
    code, text = tried(folder, event)
    assert code == 2, text
    assert says.lower() in text.lower()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--destination", "brase"), 'there is no enabled destination "brase"; there is: braze'),
        (("--source", "wbe"), 'there is no source "wbe"; there is: web'),
    ],
)
def test_an_unknown_name_is_answered_with_those_there_are(
    folder: Path, options: tuple[str, ...], says: str
) -> None:
    """A typing mistake costs one look."""
    code, text = tried(folder, TRACK, *options)
    assert code == 2
    assert says in text


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    """Also a folder in place of one."""
    for name in ("nothing.json", "."):
        ran = segue("try", name, folder=folder)
        assert ran.code == 2
        assert f'"{name}" cannot be read' in ran.err

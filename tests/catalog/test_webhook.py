"""The webhook: the whole of it."""

import hashlib
import hmac

import orjson
import pytest
from tests.catalog.braze.pages import Json, row

from segue.catalog.webhook import SEND, SIGNATURE, WEBHOOK
from segue.kit.action import Shaping, read_status
from segue.kit.coerce import Coercer, check_settings
from segue.language import mapping as mappings
from segue.language import trigger as triggers
from segue.model.delivery import Response, Verdict

EVENT: Json = {"type": "track", "event": "X", "userId": "ü"}
SETTINGS: Json = {"url": "https://hook.example/a?b=1"}


def test_every_event_is_sent_whole_by_default() -> None:
    """The body is the event, as it is in the log."""
    mapped = mappings.prepare(SEND.default_mapping()).resolve(EVENT)
    payload, _ = Coercer(SEND.fields).coerce(mapped)
    made = SEND.shape(payload, Shaping(settings=SETTINGS))
    assert made.items == [EVENT]
    assert triggers.matches(triggers.parse(SEND.trigger), EVENT)
    request = SEND.build([row("send", EVENT, context=made.context)], SETTINGS)
    assert (request.method, request.url) == ("POST", SETTINGS["url"])
    assert orjson.loads(request.body) == EVENT


def test_events_that_travel_together_are_a_list_even_when_there_is_one() -> None:
    """A receiver of lists always gets a list."""
    payload = {"body": EVENT, "enable_batching": True}
    context = SEND.shape(payload, Shaping(settings=SETTINGS)).context
    rows = [row("send", EVENT, context=context), row("send", {"n": 2}, context=context)]
    assert orjson.loads(SEND.build(rows, SETTINGS).body) == [EVENT, {"n": 2}]
    assert orjson.loads(SEND.build(rows[:1], SETTINGS).body) == [EVENT]


def test_a_shared_secret_signs_the_body() -> None:
    """The receiver can tell that a request is yours."""
    settings, problems = check_settings(
        WEBHOOK.settings,
        {**SETTINGS, "secret": "s3cret", "method": "PUT", "headers": {"Authorization": "Bearer t", "X-N": 1}},
    )
    assert problems == []
    request = SEND.build([row("send", EVENT, context="one")], settings)
    signature = hmac.new(b"s3cret", request.body, hashlib.sha256).hexdigest()
    assert request.headers == {
        "content-type": "application/json",
        "authorization": "Bearer t",
        "x-n": "1",
        SIGNATURE: f"sha256={signature}",
    }
    assert request.method == "PUT"


@pytest.mark.parametrize(
    ("status", "verdict"), [(204, Verdict.DELIVERED), (500, Verdict.HOLD), (410, Verdict.REJECTED)]
)
def test_the_common_reading_fits(status: int, verdict: Verdict) -> None:
    """A page says nothing about answers when it has nothing to say."""
    assert SEND.read(Response(status=status), [row("send", EVENT)])[0].verdict is verdict


def test_a_refusal_without_words_still_says_something() -> None:
    """A dead letter with an empty reason would leave its reader guessing."""
    outcomes = read_status(Response(status=400, body=b"{}"), [row("send", EVENT)])
    assert [(each.code, each.message) for each in outcomes] == [
        ("BAD_REQUEST", "the partner answered 400 and no reason that is understood")
    ]

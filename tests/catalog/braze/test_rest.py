"""Requests as they leave, and what answers mean for each row."""

from typing import Any

import orjson
import pytest
from tests.catalog.braze.pages import SETTINGS, Json, page, row

from segue import __version__
from segue.catalog.braze import rest
from segue.catalog.braze.destination import BRAZE
from segue.kit.coerce import check_settings
from segue.kit.partner import Person
from segue.model.delivery import Outcome, Response, Row, Verdict


def rows(*counts: int, action: str = "track-purchase") -> list[Row]:
    """Rows with so many objects each."""
    return [
        row(action, *({"n": number} for number in range(count)), offset=at) for at, count in enumerate(counts)
    ]


def answer(status: int, body: Any = None, **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    return Response(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=raw
    )


def read(response: Response, *counts: int) -> list[Outcome]:
    return rest.read_track(response, rows(*counts))


def verdicts(outcomes: list[Outcome]) -> list[str]:
    return [outcome.verdict.value for outcome in outcomes]


def test_a_request_carries_key_agent_and_joined_objects() -> None:
    """The objects' bytes travel as they were encoded."""
    request = rest.build_track(rows(2, 1), SETTINGS)
    assert request.url == "https://rest.iad-01.braze.com/users/track"
    assert request.headers == {
        "authorization": "Bearer k",
        "user-agent": f"Segue/{__version__} (customer event pipeline)",
        "content-type": "application/json",
        "x-braze-batch": "true",
    }
    assert request.body == b'{"purchases":[{"n":0},{"n":1},{"n":0}]}'
    assert request.pool == "users/track"
    assert "x-braze-batch" not in rest.build_track(rows(1), SETTINGS).headers


def test_a_classic_row_without_a_context_still_goes_into_an_array() -> None:
    """Such a row comes of a repair, not of an event."""
    request = rest.build_track([row("identify", {"a": 1}), row("track", {"e": 1})], SETTINGS)
    assert orjson.loads(request.body) == {"attributes": [{"a": 1}], "events": [{"e": 1}]}


def test_rows_of_several_actions_share_a_request_in_the_order_braze_applies_it() -> None:
    """Attributes, events, purchases; an error finds its row by array and index."""
    mixed = [
        row("track-purchase", {"p": 1}),
        row("update-user-profile", {"a": 1}),
        row("track-event", {"e": 1}),
        row("ecommerce-event", {"e": 2}),
    ]
    request = rest.build_track(mixed, SETTINGS)
    assert request.body == b'{"attributes":[{"a":1}],"events":[{"e":1},{"e":2}],"purchases":[{"p":1}]}'
    errors = [{"type": "bad", "input_array": "events", "index": 1}, {"type": "lost", "index": 0}]
    outcomes = rest.read_track(answer(201, {"message": "success", "errors": errors}), mixed)
    assert verdicts(outcomes) == ["delivered", "delivered", "delivered", "rejected"]
    assert outcomes[3].message == "bad"
    assert outcomes[0].message == "lost"


def test_an_error_is_put_to_the_row_its_index_belongs_to() -> None:
    """Indexes count objects over all rows; the first error of a row is kept, with which of its objects."""
    errors = [{"type": "first", "input_array": "purchases", "index": 3}, {"type": "second", "index": 2}]
    outcomes = read(answer(201, {"message": "success", "errors": errors}), 2, 3, 1)
    assert verdicts(outcomes) == ["delivered", "rejected", "delivered"]
    assert (outcomes[1].message, outcomes[1].code) == ("first (object 2 of 3)", "BAD_REQUEST")


@pytest.mark.parametrize(
    "errors",
    [
        [{"type": "x", "index": 99}],
        [{"type": "x", "index": -1}],
        [{"type": "x"}],
        ["x"],
        [{"type": "x", "index": True}],
        [{"type": "x", "index": "0"}],
    ],
    ids=repr,
)
def test_an_error_that_names_nobody_is_kept_as_a_message(errors: Any) -> None:
    """Nothing is sent twice for it, and nothing is lost from sight."""
    outcomes = read(answer(201, {"message": "success", "errors": errors}), 1, 1)
    assert verdicts(outcomes) == ["delivered", "delivered"]
    assert {outcome.message for outcome in outcomes} == {"x"}


@pytest.mark.parametrize("errors", [["x"], [{"type": "x"}], [{"type": "x", "index": 7}]], ids=repr)
def test_an_error_of_a_request_with_one_object_is_about_it(errors: Any) -> None:
    """There is nobody else it could be about."""
    [outcome] = read(answer(201, {"message": "success", "errors": errors}), 1)
    assert (outcome.verdict, outcome.message) == (Verdict.REJECTED, "x")


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"<html>",
        b'{"message":"succ',
        b"[]",
        b'"x"',
        b"\xff",
        {"errors": 5},
        {"errors": [None, 5, {}]},
        {"message": 5},
        {"message": "queued"},
    ],
)
def test_a_2xx_delivers_whatever_its_body_is(body: Any) -> None:
    """Braze has taken the request; half an answer is no reason to send it again."""
    assert verdicts(read(answer(201, body), 1, 1)) == ["delivered", "delivered"]


def test_a_2xx_with_a_fatal_message_is_a_refusal() -> None:
    """Whom it names is refused for good, the others are tried apart."""
    body = {"message": "fatal error message", "errors": [{"type": "x", "index": 0}]}
    outcomes = read(answer(201, body), 1, 1, 1)
    assert verdicts(outcomes) == ["rejected", "batch-rejected", "batch-rejected"]
    assert [outcome.message for outcome in outcomes] == ["x", "fatal error message", "fatal error message"]


def test_a_400_that_names_everybody_refuses_each_with_its_own_words() -> None:
    """Nothing is bisected."""
    body = {
        "message": "Valid data must be provided",
        "errors": [{"type": "a", "index": 0}, {"type": "b", "index": 1}],
    }
    outcomes = read(answer(400, body), 1, 1)
    assert [(o.verdict, o.message) for o in outcomes] == [(Verdict.REJECTED, "a"), (Verdict.REJECTED, "b")]


def test_a_400_that_names_nobody_is_bisected_until_one_row_is_left() -> None:
    """A row alone is refused."""
    assert verdicts(read(answer(400, {"message": "bad"}), 1, 1)) == ["batch-rejected", "batch-rejected"]
    assert verdicts(read(answer(400, {"error": "syntax"}), 3)) == ["rejected"]
    assert read(answer(400, {"error": "syntax"}), 1)[0].message == "syntax"


@pytest.mark.parametrize(
    ("response", "verdict", "code"),
    [
        (answer(401, {"message": "Invalid API Key"}), "hold", "UNAUTHORIZED"),
        (answer(403), "hold", "FORBIDDEN"),
        (answer(404), "rejected", "NOT_FOUND"),
        (answer(408), "hold", "REQUEST_TIMEOUT"),
        (answer(413), "batch-rejected", "PAYLOAD_TOO_LARGE"),
        (answer(429), "hold", "TOO_MANY_REQUESTS"),
        (answer(500, b"<html>"), "hold", "INTERNAL_SERVER_ERROR"),
        (answer(503), "hold", "SERVICE_UNAVAILABLE"),
        (answer(302), "hold", "FOUND"),
        (answer(308), "hold", "PERMANENT_REDIRECT"),
        (Response(status=0, error="ECONNRESET"), "hold", "ECONNRESET"),
    ],
)
def test_other_answers_are_about_the_partner_or_final(response: Response, verdict: str, code: str) -> None:
    """A redirect or a wrong key says nothing about the events: they wait."""
    outcomes = read(response, 1, 1)
    assert {(outcome.verdict.value, outcome.code) for outcome in outcomes} == {(verdict, code)}


DATE = "Tue, 02 Jan 2024 03:04:05 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-retry-after": "7", "x-ratelimit-reset": "9"}, 7.0),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": "1704164675", "date": DATE}, 30.0),
        ({"x-ratelimit-reset": "1704164000", "date": DATE}, 0.0),
        ({"x-ratelimit-reset": "1704164675", "date": "nonsense", "retry-after": "4"}, 4.0),
        ({"x-ratelimit-reset": "1704164675"}, None),
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wait_braze_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """The reset is an epoch or seconds; an epoch is measured by the answer's own date."""
    assert rest.wait_asked(Response(status=429, headers=headers)) == seconds


def test_a_long_message_is_shortened() -> None:
    """Receipts stay small."""
    assert len(read(answer(400, {"message": "x" * 5000}), 1)[0].message) == rest.MOST_MESSAGE


def test_people_are_erased_fifty_at_a_time_by_their_user_id() -> None:
    """For somebody without one there is nothing to ask."""
    assert BRAZE.erase is not None
    people = [Person(user_id=f"u{number}") for number in range(120)] + [Person(anonymous_id="a")]
    requests = BRAZE.erase(people, SETTINGS)
    assert [len(orjson.loads(request.body)["external_ids"]) for request in requests] == [50, 50, 20]
    assert {request.url for request in requests} == {"https://rest.iad-01.braze.com/users/delete"}


@pytest.mark.parametrize("endpoint", ["https://rest.fra-02.braze.eu", "http://127.0.0.1:8099", "sandbox"])
def test_an_endpoint_is_one_of_brazes_any_other_address_or_the_sandbox(endpoint: str) -> None:
    """Tests and proxies need their own."""
    assert check_settings(BRAZE.settings, {"api_key": "k", "endpoint": endpoint})[1] == []


@pytest.mark.parametrize("endpoint", ["", "rest", "ftp://x", "https://"])
def test_what_is_no_address_is_refused(endpoint: str) -> None:
    """The problem names the setting and the rule."""
    assert check_settings(BRAZE.settings, {"api_key": "k", "endpoint": endpoint})[1][0][0] == "endpoint"


CATALOG_ERRORS = [
    (200, None, "PUT c", ["delivered", "delivered"]),
    (
        400,
        [{"id": "invalid-fields", "parameters": ["id"], "parameter_values": ["a"]}],
        "PUT c",
        ["rejected", "retry"],
    ),
    (
        400,
        [{"id": "x", "parameters": ["id", "f"], "parameter_values": [{"id": "b"}]}],
        "PUT c",
        ["retry", "rejected"],
    ),
    (404, [{"id": "catalog-not-found", "message": "nf"}], "PUT c", ["rejected", "rejected"]),
    (404, [{"id": "item-not-found", "parameter_values": ["a"]}], "DELETE c", ["delivered", "retry"]),
    (401, None, "PUT c", ["hold", "hold"]),
    (400, None, "PUT c", ["batch-rejected", "batch-rejected"]),
]


@pytest.mark.parametrize(("status", "errors", "context", "outcome"), CATALOG_ERRORS)
def test_a_catalog_answer_names_items_by_their_ids(
    status: int, errors: Any, context: str, outcome: list[str]
) -> None:
    """One bad item fails its request: it is refused and the others leave again."""
    members = [row("upsert-catalog-item", {"id": name}, context=context) for name in ("a", "b")]
    body: Json = {"errors": errors} if errors else {}
    assert verdicts(page("upsert-catalog-item").read(answer(status, body), members)) == outcome


def test_identify_errors_find_people_in_either_list() -> None:
    """By the name of the list and the index in it."""
    people = [
        row("identify-user", {"external_id": "1", "user_alias": {}}),
        row("identify-user", {"external_id": "2", "email": "e", "prioritization": []}),
        row("identify-user", {"external_id": "3", "user_alias": {}}),
    ]
    errors = [
        {"type": "x", "input_array": "aliases_to_identify", "index": 1},
        {"type": "y", "input_array": "emails_to_identify", "index": 0},
    ]
    outcomes = page("identify-user").read(answer(201, {"message": "success", "errors": errors}), people)
    assert [outcome.message for outcome in outcomes] == ["", "y", "x"]

"""Fields as JSON Schema, and what an action knows of its slugs."""

import jsonschema_rs
import pytest

from segue.catalog.braze.destination import BRAZE
from segue.catalog.webhook import WEBHOOK
from segue.kit.action import Action, SyncModes, read_status
from segue.kit.field import Field, json_schema, pick, when
from segue.model.delivery import Outcome, Request, Response, Row, Verdict


def test_a_schema_says_types_choices_defaults_and_conditions() -> None:
    """Editors and the docs read it."""
    fields = {
        "kind": Field("string", label="Kind", help="What it is.", required=True, choices=pick("a", "b")),
        "reason": Field(
            "string", allow_null=True, required=when("kind", "is", "b"), default={"@path": "$.x"}
        ),
        "items": Field("object", multiple=True, properties={"n": Field("number", required=True, maximum=5)}),
    }
    schema = json_schema(fields, title="Sample")
    assert schema["properties"]["kind"] == {
        "type": "string",
        "enum": ["a", "b"],
        "title": "Kind",
        "description": "What it is.",
    }
    assert schema["properties"]["reason"]["type"] == ["string", "null"]
    assert schema["properties"]["reason"]["default"] == {"@path": "$.x"}
    assert schema["properties"]["items"]["items"]["properties"]["n"]["maximum"] == 5
    validator = jsonschema_rs.validator_for(schema)
    assert validator.is_valid({"kind": "a"})
    assert not validator.is_valid({"kind": "b"})
    assert validator.is_valid({"kind": "b", "reason": None, "items": [{"n": 1}]})


PAGES = [(page, action) for page in (BRAZE, WEBHOOK) for action in page.actions]


@pytest.mark.parametrize(("page", "action"), PAGES, ids=lambda value: value.slug)
def test_every_page_is_complete_for_the_person_at_the_console(page: object, action: Action) -> None:
    """Each field and member has a label and a sentence of help; each schema is a valid one."""
    jsonschema_rs.meta.validate(json_schema(action.fields))

    def complete(fields: object) -> None:
        assert isinstance(fields, dict)
        for key, field in fields.items():
            assert field.label, key
            assert field.help.endswith("."), key
            complete(dict(field.properties or {}))

    complete(dict(action.fields))
    assert action.title
    assert action.description.endswith(".")


def test_a_secret_setting_is_write_only() -> None:
    """It is never shown back."""
    assert json_schema(BRAZE.settings)["properties"]["api_key"]["writeOnly"] is True


def _row(*items: bytes) -> Row:
    return Row(
        destination="d",
        subscription="s",
        action="a",
        lane=0,
        offset=0,
        order=0,
        person="",
        message_id="m",
        kind="track",
        items=items,
    )


def _build(rows: object, settings: object) -> Request:
    return Request(method="POST", url="https://a.example", headers={})


REQUIRED = SyncModes(choices=("add", "update"), default="add", required=True)
ACTION = Action(
    slug="do",
    title="Do",
    description="Does.",
    fields={"a": Field(default=1), "flag": Field("boolean", default=False)},
    sync=SyncModes(choices=("add", "update"), default="add"),
    slugs={"doV1": None, "doV2": REQUIRED},
    synced=("flag",),
    shape=lambda payload, shaping: pytest.fail("not called"),
    build=_build,
)


def test_each_slug_has_its_own_sync_modes_fields_and_defaults() -> None:
    """The first generation has none, the second requires one in place of a field, ours may have one."""
    assert ACTION.sync_modes("doV1") is None
    assert ACTION.sync_modes("doV2") is REQUIRED
    assert ACTION.sync_modes("do") is ACTION.sync
    assert list(ACTION.fields_of("doV2")) == ["a"]
    assert ACTION.default_mapping("doV1") == {"a": 1, "flag": False}
    assert ACTION.default_mapping("doV2") == {"a": 1}


@pytest.mark.parametrize(
    ("slug", "mapping", "mode", "faulty"),
    [
        ("doV1", {"__segment_internal_sync_mode": "update"}, None, False),
        ("doV2", {"__segment_internal_sync_mode": "update"}, "update", False),
        ("doV2", {"__segment_internal_sync_mode": "upsert"}, "upsert", True),
        ("doV2", {"__segment_internal_sync_mode": "Update"}, None, True),
        ("doV2", {}, None, True),
        ("do", {}, None, False),
        ("do", {"__segment_internal_sync_mode": "delete"}, "delete", True),
    ],
)
def test_a_sync_mode_is_read_only_where_the_slug_has_one(
    slug: str, mapping: dict[str, object], mode: str | None, faulty: bool
) -> None:
    """Only the five published words count; a missing one is a fault where one is required."""
    found, problem = ACTION.sync_mode(mapping, slug)
    assert (found, bool(problem)) == (mode, faulty)


@pytest.mark.parametrize(
    ("response", "rows", "verdict", "code"),
    [
        (Response(status=204), 2, Verdict.DELIVERED, ""),
        (Response(status=429, headers={"retry-after": "7"}), 2, Verdict.HOLD, "TOO_MANY_REQUESTS"),
        (Response(status=401), 1, Verdict.HOLD, "UNAUTHORIZED"),
        (Response(status=503), 1, Verdict.HOLD, "SERVICE_UNAVAILABLE"),
        (Response(status=501), 1, Verdict.REJECTED, "NOT_IMPLEMENTED"),
        (Response(status=400), 2, Verdict.BATCH_REJECTED, "BAD_REQUEST"),
        (Response(status=400), 1, Verdict.REJECTED, "BAD_REQUEST"),
        (Response(status=404), 2, Verdict.REJECTED, "NOT_FOUND"),
        (Response(status=0, error="ETIMEDOUT"), 1, Verdict.HOLD, "ETIMEDOUT"),
    ],
)
def test_a_status_says_what_becomes_of_the_rows(
    response: Response, rows: int, verdict: Verdict, code: str
) -> None:
    """One outcome per row, all alike."""
    outcomes = read_status(response, [_row()] * rows)
    assert len(outcomes) == rows
    assert {(outcome.verdict, outcome.code) for outcome in outcomes} == {(verdict, code)}
    assert isinstance(outcomes[0], Outcome)

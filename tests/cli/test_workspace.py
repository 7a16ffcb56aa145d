"""init, validate and schema: from an empty folder to a workspace one can trust."""

import json
from pathlib import Path

import pytest
from tests.cli.house import WORKSPACE, segue, workspace

MISSHAPEN = """\
sources:
  web: {write_key: wk_web, enabled: perhaps}
destinations:
  braze:
    type: braze
    source: wbe
    settings: {endpoint: sandbox, api_key: "${NOT_THERE}"}
    delivery: {wait_secs: 3}
"""
UNPLANNABLE = """\
sources:
  web: {write_key: wk_web}
destinations:
  one:
    type: brase
    source: web
  two:
    type: braze
    source: web
    settings: {endpoint: "https://rest.iad-01.braze.com"}
    subscriptions:
      - action: track-evnt
        trigger: type = "track"
      - action: track-event
        trigger: type = "track" adn event = "A"
"""


def test_init_writes_a_workspace_that_is_valid(tmp_path: Path) -> None:
    """The first two commands of a newcomer work without an edit; what was written is named."""
    made = segue("init", "new/shop", folder=tmp_path)
    assert made.code == 0
    assert "segue.yaml" in made.out
    text = (tmp_path / "new" / "shop" / "segue.yaml").read_text(encoding="utf-8")
    key = next(word for word in made.out.split() if word.startswith("wk_"))
    assert f"write_key: {key}" in text
    assert json.loads((tmp_path / "new" / "shop" / "segue.schema.json").read_text(encoding="utf-8"))
    found = segue("validate", "--json", folder=tmp_path / "new" / "shop")
    assert (found.code, found.json["valid"], found.json["faults"]) == (0, True, [])


def test_two_workspaces_have_two_write_keys(tmp_path: Path) -> None:
    """A key that everybody's first workspace shares would be no key."""
    segue("init", "a", folder=tmp_path)
    segue("init", "b", folder=tmp_path)
    assert (tmp_path / "a/segue.yaml").read_bytes() != (tmp_path / "b/segue.yaml").read_bytes()


def test_init_does_not_replace_what_is_there_unless_told(folder: Path) -> None:
    """Somebody's work is not overwritten by a command typed in the wrong folder."""
    refused = segue("init", folder=folder)
    assert refused.code == 2
    assert "segue.yaml is there already" in refused.err
    assert "--force" in refused.err
    assert (folder / "segue.yaml").read_text(encoding="utf-8") == WORKSPACE
    assert segue("init", "--force", folder=folder).code == 0
    assert (folder / "segue.yaml").read_text(encoding="utf-8") != WORKSPACE


@pytest.mark.parametrize("place", ["segue.yaml", "/proc/nothing/here"])
def test_init_says_why_it_cannot_write(folder: Path, place: str) -> None:
    """A file in place of the folder, a folder that cannot be made."""
    refused = segue("init", place, folder=folder)
    assert refused.code == 2
    assert place in refused.err


def test_validate_tells_what_is_in_force(folder: Path) -> None:
    """Every subscription with its action and trigger, and the revision they belong to."""
    found = segue("validate", folder=folder)
    assert found.code == 0
    assert found.out.startswith("valid revision ")
    assert "1 source, 1 destination" in found.out
    data = segue("validate", "--json", folder=folder).json
    assert [one["action"] for one in data["destinations"][0]["subscriptions"]] == [
        "update-user-profile",
        "track-event",
        "track-purchase",
    ]
    assert data["destinations"][0]["sandbox"] is True
    assert data["revision"] in found.out


TWO_DOZEN = """\
sources:
  web: {write_key: wk_web}
  app: {write_key: wk_web, platfrom: ios}
destinations:
  braze:
    type: braze
    source: wbe
    settings:
      endpoint: "ftp://x"
      api_key: "${NOT_THERE}"
    delivery:
      wait_seconds: 9999
    filters:
      - if: type = "track" andd event = 5
        actions: [{type: DROP}]
      - if: containz(event, "x")
        actions:
          - type: EXPLODE
      - title: sample
        actions: [{type: SAMPLE, percent: 10}]
      - title: fields
        actions: [{type: DROP_PROPERTIES, fields: {properties: email}}]
    subscriptions:
      - id: one
        action: track-event
        trigger: type = "track" and properties.total => 5
        mapping:
          external_id: {"@paht": $.userId}
          name: {"@if": {then: 1}, "@case": {}}
          time: soon
      - id: one
        action: track-evnt
        trigger: type = "track"
        mapping:
          name: {"@replace": {pattern: "more than ten", value: {"@path": $.x}}}
      - action: upsert-catalog-item
        trigger: event ~ 5
        mapping:
          __segment_internal_sync_mode: mirrored
          item_id: {"@path": $.x}
          onMappingSave: {outputs: {}}
      - action: update-user-profile
        trigger: type = "identify"
        mapping:
          subscription_groups:
            - {subscription_group_id: x, subscription_state: maybe}
          dob: {"@json": {mode: zip, value: 1}}
  hook:
    type: webhok
    source: web
  third:
    type: webhook
    source: web
"""
FAULTS_OF_TWO_DOZEN = {
    3: ("platfrom", "already belongs"),
    7: ("wbe",),
    9: ("https://",),
    10: ("NOT_THERE",),
    12: ("outside 0 to 600",),
    14: ("andd",),
    16: ("containz",),
    18: ("EXPLODE",),
    20: ("a share from 0 to 1",),
    22: ("a list of names",),
    26: ("must follow properties.total",),
    28: ("@paht",),
    29: ("2 directives",),
    30: ("must be a date",),
    31: ("already used above",),
    32: ("track-evnt",),
    35: ("1 to 10 characters",),
    37: ('unexpected "~"',),
    39: ('found "mirrored"',),
    41: ("catalog_name",),
    46: ('must be one of "subscribed", "unsubscribed"',),
    47: ("encode or decode",),
    49: ("webhok",),
    51: ("is required",),
}


def test_two_dozen_mistakes_of_every_kind_are_told_at_once(tmp_path: Path) -> None:
    """Sources, settings, filters, triggers, directives, constants, choices, sync modes, hooks, secrets: none
    hides another, and each is found at its line with what to do."""
    found = segue("validate", "--json", folder=workspace(tmp_path, TWO_DOZEN))
    assert (found.code, found.json["valid"]) == (2, False)
    told: dict[int, list[str]] = {}
    for fault in found.json["faults"]:
        told.setdefault(fault["line"], []).append(fault["problem"] + fault["remedy"])
        assert fault["place"]
        assert fault["remedy"]
    assert told.keys() == FAULTS_OF_TWO_DOZEN.keys()
    for line, says in FAULTS_OF_TWO_DOZEN.items():
        assert len(told[line]) == len(says), (line, told[line])
        for word in says:
            assert any(word in problem for problem in told[line]), (line, told[line])


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (MISSHAPEN, {2: "perhaps", 6: "wbe", 7: "NOT_THERE", 8: "wait_secs"}),
        (UNPLANNABLE, {5: "brase", 10: "api_key", 12: "track-evnt", 15: "adn"}),
    ],
)
def test_validate_lists_every_fault_with_line_and_remedy(
    tmp_path: Path, text: str, faults: dict[int, str]
) -> None:
    """Four mistakes cost one run, not four; each says where, what and what to do, as text and as data."""
    folder = workspace(tmp_path, text)
    found = segue("validate", folder=folder)
    assert found.code == 2
    for line, says in faults.items():
        assert f"segue.yaml:{line}\n" in found.err
        assert says in found.err
    assert f"{len(faults)} errors; nothing was started or changed" in found.err
    data = segue("validate", "--json", folder=folder)
    assert (data.code, data.json["valid"]) == (2, False)
    assert {fault["line"] for fault in data.json["faults"]} == set(faults)
    for fault in data.json["faults"]:
        assert fault["place"]
        assert fault["remedy"] or "expected" in fault["problem"]


def test_a_trigger_that_does_not_parse_is_shown_with_its_place(tmp_path: Path) -> None:
    """The caret stands under the word that is wrong."""
    text = (
        WORKSPACE
        + '    subscriptions:\n      - {action: track-event, trigger: type = "track" adn event = "A"}\n'
    )
    found = segue("validate", folder=workspace(tmp_path, text))
    assert found.code == 2
    lines = found.err.splitlines()
    at = next(index for index, line in enumerate(lines) if line.strip() == "^")
    assert lines[at - 1][lines[at].index("^") :].startswith("adn")


@pytest.mark.parametrize(
    "command",
    [("validate",), ("doctor",), ("try", "-"), ("send", "-"), ("dead", "list"), ("trace", "m"), ("run",)],
)
def test_no_workspace_file_names_the_way_to_one(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Every command that needs it says the same."""
    found = segue(*command, folder=tmp_path)
    assert found.code in (1, 2)
    assert "segue.yaml" in found.err + found.out
    assert "segue init" in found.err + found.out


def test_the_schema_is_the_one_init_writes(tmp_path: Path) -> None:
    """An editor checks the same as `segue validate`."""
    shown = segue("schema", folder=tmp_path)
    segue("init", folder=tmp_path)
    assert shown.code == 0
    assert json.loads(shown.out) == json.loads((tmp_path / "segue.schema.json").read_text(encoding="utf-8"))

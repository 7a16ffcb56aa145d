"""`segue.yaml`: read whole, or every fault at once with its line and what to do about it."""

import re
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from segue.io.storage.document import FILE_BYTES
from segue.io.storage.workspace import (
    Positions,
    locate,
    parse_workspace,
    read_workspace,
    revision_of,
    starter,
)
from segue.model.errors import Fault, MisconfiguredWorkspace
from segue.model.workspace import Delivery, Filter, Source, Subscription, Workspace

SMALLEST = "sources: {web: {write_key: wk}}\n"


def read(text: str, **environment: str) -> tuple[Workspace, Positions]:
    """Parse a text as the file would be."""
    return parse_workspace(dedent(text).encode(), environment)


def faults(text: str | bytes, **environment: str) -> list[Fault]:
    """The faults of a text, in order; fails when it has none."""
    content = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(MisconfiguredWorkspace) as raised:
        parse_workspace(content, environment)
    return list(raised.value.faults)


def test_a_whole_file_becomes_the_structs_it_describes() -> None:
    """Every part of the format arrives where the model has it, defaults filled in."""
    workspace, positions = read(
        """\
        name: shop
        ingest: {prefix: /in/v1, lanes: 4}
        sources:
          web: {name: Web, platform: web, write_key: wk_web}
          app: {write_keys: [wk_1, wk_2], enabled: false}
        destinations:
          braze:
            type: braze
            source: web
            settings: {api_key: "${KEY}", deep: {list: [1, "${KEY}"]}}
            delivery: {wait_seconds: 5}
            subscriptions:
              - {id: signups, action: track-event, trigger: t, mapping: {name: {"@path": $.event}}}
              - {action: track-event, trigger: type = "page"}
            filters:
              - {if: 'type = "group"', actions: [{type: DROP}]}
        """,
        KEY="k-1234567",
    )
    assert workspace.name == "shop"
    assert (workspace.ingest.prefix, workspace.ingest.lanes) == ("/in/v1", 4)
    assert workspace.sources == (
        Source(id="web", name="Web", platform="web", write_keys=("wk_web",)),
        Source(id="app", write_keys=("wk_1", "wk_2"), enabled=False),
    )
    [braze] = workspace.destinations
    assert braze.settings == {"api_key": "k-1234567", "deep": {"list": [1, "k-1234567"]}}
    assert braze.delivery == Delivery(wait_seconds=5.0)
    assert braze.subscriptions == (
        Subscription(
            id="signups",
            action="track-event",
            trigger="t",
            mapping={"name": {"@path": "$.event"}},
        ),
        Subscription(id="track-event", action="track-event", trigger='type = "page"'),
    )
    assert braze.filters == (Filter(id="filter", condition='type = "group"', actions=({"type": "DROP"},)),)
    assert positions.secrets == {"k-1234567"}
    assert positions.line("destinations.braze.settings.api_key") == 10


# (what is wrong, the file, [(line, place, words of the message)])
CASES: list[tuple[str, str, list[tuple[int, str, str]]]] = [
    ("an empty file", "", [(1, "file", "segue init")]),
    ("only comments", "# nothing\n", [(1, "file", "is empty")]),
    ("a list", "- a\n", [(1, "file", "expected a mapping with sources and destinations, found a list")]),
    ("no source", "name: x\n", [(1, "sources", "there is no source")]),
    ("a tab", "sources:\n\tweb: {}\n", [(2, "file", "indented with a tab")]),
    (
        "an unclosed quote",
        'name: "x\nsources: {}\n',
        [(1, "file", "is not valid YAML")],
    ),
    (
        "an unquoted reference in braces",
        "sources: {a: ${X}}\n",
        [(1, "file", 'put references in quotes: "${NAME}"')],
    ),
    ("two documents", "name: a\n---\nname: b\n", [(2, "file", "another document")]),
    ("a key twice", SMALLEST + "name: a\nname: b\n", [(3, "name", "written twice, first in line 2")]),
    ("a tag", SMALLEST + "name: !!python/name:os.system x\n", [(2, "name", "not understood")]),
    ("a list as key", SMALLEST + "? [a]\n: 1\n", [(2, "file", "a key must be a word")]),
    (
        "a number below what has no upper bound",
        SMALLEST + "ingest: {retention_bytes: 1000}\n",
        [(2, "ingest.retention_bytes", "expected a number from 1,048,576 on, found 1,000.")],
    ),
    ("an unknown key", SMALLEST + "destination: {}\n", [(2, "destination", 'Did you mean "destinations"?')]),
    (
        "many at once",
        """\
        nmae: x
        ingest: {lanes: 0, prefix: v1, retention_hours: soon}
        sources:
          Web Site: {write_key: a b}
          web: {write_key: k, platform: sever, enabled: yes}
          app: {write_keys: [k, 5], write_key: z}
          none: {}
          list: [1]
        """,
        [
            (1, "nmae", 'Did you mean "name"?'),
            (2, "ingest.lanes", "expected a number from 1 to 256, found 0"),
            (2, "ingest.retention_hours", 'expected a number, found the text "soon"'),
            (2, "ingest.prefix", "cannot be the prefix"),
            (4, "sources.Web Site", "for instance web-site"),
            (4, "sources.Web Site.write_key", "cannot be a write key"),
            (5, "sources.web.platform", 'Did you mean "server"?'),
            (5, "sources.web.enabled", 'found the text "yes". Write true.'),
            (6, "sources.app.write_key", "Keep write_keys"),
            (6, "sources.app.write_keys.1", "Put it in quotes"),
            (7, "sources.none.write_key", "there is no write key"),
            (8, "sources.list", "expected a mapping with a write_key, found a list"),
        ],
    ),
    (
        "a shared write key",
        "sources:\n  a: {write_key: k}\n  b:\n    write_keys:\n      - j\n      - k\n",
        [(6, "sources.b.write_keys.1", 'already belongs to source "a"')],
    ),
    (
        "a bad prefix",
        SMALLEST + "ingest: {prefix: v1/}\n",
        [(2, "ingest.prefix", 'Write for instance "/v1"')],
    ),
    (
        "a bad destination",
        SMALLEST
        + """\
destinations:
  b:
    type: 5
    source: wbe
    settings: {api_key: "${KEY}", app_id: "${}"}
    presets: our
    delivery: {bathcing: true, in_flight: many, packing: "${PACK}"}
    subscriptions:
      - {action: track-event}
      - {id: A B, action: x, trigger: {a: b}}
      - 7
      - {id: 5, action: x, trigger: t, mapping: [1]}
      - {id: s, action: x, trigger: t}
      - {id: s, action: x, trigger: t}
    filters: {a: 1}
  c: {}
  d: 4
""",
        [
            (4, "destinations.b.type", "expected text, found the number 5. Put it in quotes."),
            (5, "destinations.b.source", 'Did you mean "web"?'),
            (6, "destinations.b.settings.api_key", "the variable KEY is not set"),
            (6, "destinations.b.settings.app_id", "is not a reference to a variable"),
            (7, "destinations.b.presets", "expected one of ours, published, none"),
            (8, "destinations.b.delivery.bathcing", 'Did you mean "batching"?'),
            (8, "destinations.b.delivery.in_flight", "expected a whole number"),
            (8, "destinations.b.delivery.packing", "found text from a variable"),
            (10, "destinations.b.subscriptions.0.trigger", "trigger is missing"),
            (11, "destinations.b.subscriptions.1.id", "for instance a-b"),
            (11, "destinations.b.subscriptions.1.trigger", "Put the text in quotes"),
            (12, "destinations.b.subscriptions.2", "found the number 7"),
            (13, "destinations.b.subscriptions.3.id", "expected text, found the number 5"),
            (13, "destinations.b.subscriptions.3.mapping", "found a list"),
            (15, "destinations.b.subscriptions.5.id", 'the id "s" is already used above'),
            (16, "destinations.b.filters", "expected a list"),
            (17, "destinations.c.type", "type is missing"),
            (17, "destinations.c.source", "source is missing"),
            (18, "destinations.d", "found the number 4"),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_every_fault_is_named_with_its_line(text: str, expected: list[tuple[int, str, str]]) -> None:
    """All faults of a file come at once, each with file, line, place, what was found and the remedy."""
    found = faults(text, PACK="whatever")
    assert [(fault.line, fault.place) for fault in found] == [(line, place) for line, place, _ in expected]
    for fault, (line, place, words) in zip(found, expected, strict=True):
        assert words in str(fault)
        assert str(fault).startswith(f"segue.yaml:{line}: {place}: ")


BOMB = b"a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (level, level, b",".join([b"*a%d" % (level - 1)] * 10)) for level in range(1, 9)
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: \xff\n", "not UTF-8"),
        (b"name: a\x00b\n", "U+0000"),
        (b"# " + b"x" * FILE_BYTES, "bytes, more than"),
        (b"a: " + b"[" * 5000, "nested deeper"),
        (b"a: &a [*a]\n", "aliases"),
        (BOMB, "aliases"),
    ],
    ids=["latin-1", "nul", "large", "deep", "recursive alias", "alias bomb"],
)  # fmt: skip
def test_a_hostile_file_is_one_fault_and_no_crash(content: bytes, words: str) -> None:
    """Wrong encodings, bombs and depth stop the reading with a sentence."""
    [fault] = faults(content)
    assert words in fault.problem


def test_bare_words_mean_what_yaml_1_2_says() -> None:
    """Only true, false, null and numbers are more than text; the Norway problem stays away."""
    workspace, _ = read(
        SMALLEST
        + "destinations: {b: {type: t, source: web, settings: {a: no, b: 12:30, c: 2026-01-01, d: 0x1f, "
        "e: 1e3, f: '5', g: .inf, h: 1_000}}}"
    )
    assert dict(workspace.destinations[0].settings) == {
        "a": "no", "b": "12:30", "c": "2026-01-01", "d": 31, "e": 1000.0, "f": "5", "g": ".inf", "h": "1_000",
    }  # fmt: skip


def test_variables_are_filled_in_as_the_type_that_is_wanted() -> None:
    """A number or truth value may come from a variable; a default is used when it is unset or empty."""
    workspace, positions = read(
        """\
        name: $${NAME} of ${TOWN:-nowhere}${EMPTY}
        sources: {web: {write_key: "${WK}", enabled: "${ON:-false}"}}
        ingest: {lanes: "${LANES}"}
        destinations: {b: {type: t, source: web, settings: {app_id: "${ID}"}}}
        """,
        WK="5",
        LANES=" 4 ",
        EMPTY="",
        ID="007",
    )
    assert workspace.name == "${NAME} of nowhere"
    assert workspace.sources == (Source(id="web", write_keys=("5",), enabled=False),)
    assert workspace.ingest.lanes == 4
    assert workspace.destinations[0].settings == {"app_id": "007"}
    assert type(workspace.destinations[0].settings["app_id"]) is str
    assert positions.secrets == {"5", " 4 ", "007"}


def test_what_a_variable_holds_is_never_printed() -> None:
    """However wrong the place it was put in, a secret does not reach a message."""
    secret = "s3cr3t-value"
    text = """\
    name: "${S}"
    ingest: {lanes: "${S}", prefix: /v1}
    sources: {web: {write_key: "${S}", platform: "${S}"}, app: {write_key: "${S}"}}
    destinations:
      b: {type: "${S}", source: "${S}", presets: "${S}", settings: "${S}", delivery: {batching: "${S}"}}
    """
    found = faults(text, S=secret)
    assert len(found) >= 6
    assert secret not in "\n".join(map(str, found))


def test_aliases_and_merge_keys_spare_repetition() -> None:
    """What is said once may be used again; the merged keys give way to those written."""
    workspace, _ = read(
        """\
        sources: {web: {write_key: wk}}
        destinations:
          one: &one {type: t, source: web, settings: {a: 1}}
          two: {<<: *one, settings: {a: 2}}
        """
    )
    one, two = workspace.destinations
    assert (one.type, one.settings, two.type, two.settings) == ("t", {"a": 1}, "t", {"a": 2})


def test_faults_found_later_get_the_nearest_line() -> None:
    """A place by index, by id, as a JSON pointer or deeper than the file goes is found all the same."""
    _, positions = read(
        """\
        sources: {web: {write_key: wk}}
        destinations:
          b:
            type: t
            source: web
            subscriptions:
              - name: Sign ups
                action: track-event
                trigger: x
              - action: other
                trigger: y
                mapping:
                  name: {"@path": $.event}
        """
    )
    places = {
        "destinations.b.subscriptions.0.trigger": 9,
        "destinations.b.subscriptions.sign-ups.trigger": 9,
        "destinations.b.subscriptions.other.mapping.name.@path": 13,
        "destinations.b.subscriptions[1].mapping/name/@path/deeper": 13,
        "destinations.b.subscriptions.1.mapping.time": 12,
        "destinations.b.settings.api_key": 3,
        "nowhere": 1,
    }
    located = locate([Fault(place=place, problem="p") for place in places], positions)
    assert {fault.place: fault.line for fault in located} == places
    assert {fault.file for fault in located} == {"segue.yaml"}


def test_the_revision_names_the_text_and_not_the_secrets() -> None:
    """Another value in the environment is the same revision; another character is another."""
    text = 'sources: {web: {write_key: "${K}"}}'
    assert read(text, K="a")[0].revision == read(text, K="b")[0].revision == revision_of(text.encode())
    assert read(text + " ", K="a")[0].revision != revision_of(text.encode())


def test_the_starter_file_is_valid_as_written_and_with_every_option_uncommented() -> None:
    """What `segue init` writes works at once, and so does each line it shows in a comment."""
    text = starter("wk_123", schema="segue-data/workspace.schema.json")
    assert text.startswith("# yaml-language-server: $schema=segue-data/workspace.schema.json\n")
    workspace, _ = read(text)
    assert workspace.sources[0].write_keys == ("wk_123",)
    assert workspace.destinations[0].settings["endpoint"] == "sandbox"

    options = re.sub(r"^( *)# ( *(?:- )?[a-z_]+:( |$))", r"\1\2", text, flags=re.MULTILINE)
    full, _ = read(
        options, BRAZE_APP_ID="app", BRAZE_ENDPOINT="https://rest.iad-01.braze.com", BRAZE_API_KEY="key"
    )
    braze = full.destinations[0]
    assert full.sources[0].enabled is False
    assert braze.settings == {"endpoint": "https://rest.iad-01.braze.com", "api_key": "key", "app_id": "app"}
    assert braze.subscriptions is not None
    assert braze.subscriptions[0].id == "sign-ups"
    assert braze.filters[0].actions == ({"type": "DROP"},)
    assert (full.ingest, braze.delivery) == (Workspace().ingest, Delivery(wait_seconds=30.0))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The path is named, and the command that writes the file."""
    with pytest.raises(MisconfiguredWorkspace, match=r"segue\.yaml:1: .*segue init"):
        read_workspace(tmp_path / "segue.yaml", {})
    path = tmp_path / "other.yaml"
    path.write_text(SMALLEST)
    workspace, positions = read_workspace(path, {})
    assert (workspace.sources[0].id, positions.file) == ("web", str(path))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANY = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "source", "settings", "id", "a"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries({}, optional={"name": ANY, "ingest": ANY, "sources": ANY, "destinations": ANY})
    | st.fixed_dictionaries(
        {"sources": st.dictionaries(st.text(max_size=3), ANY, max_size=2)},
        optional={"destinations": st.dictionaries(st.text(max_size=3), ANY, max_size=2)},
    )
)
def test_any_data_is_read_or_refused_with_faults(data: object) -> None:
    """No file, however odd, makes anything but a workspace or a list of faults with lines."""
    content = yaml.safe_dump(data).encode()
    found = attempt(content)
    assert isinstance(found, Workspace) or all(fault.line and fault.file and fault.problem for fault in found)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_faults(content: bytes) -> None:
    """Not even bytes that are no YAML at all escape as another error."""
    assert not isinstance(attempt(content), Workspace)


def attempt(content: bytes) -> Workspace | tuple[Fault, ...]:
    """The workspace, or why there is none."""
    try:
        return parse_workspace(content, {})[0]
    except MisconfiguredWorkspace as error:
        return error.faults

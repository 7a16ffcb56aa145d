"""Triggers: reading, meaning, faults and warnings."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.language.strategies import EVENTS, groups

from segue.language import trigger
from segue.language.path import UNDEFINED
from segue.model.errors import InvalidTrigger

EVENT = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "anonymousId": "a1",
    "integrations": {"All": True},
    "properties": {
        "total": 5,
        "list": [{"id": 1}],
        "a b": "sp",
        "deep": {"x": 2},
        "zero": 0,
        "txt": "héllo🎉",
    },
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('type = "track" and event = "x" or userId = "u1"', True),
        ('userId = "u1" or type = "x" and event = "x"', True),
        ('(userId = "u1" or type = "x") and event = "x"', False),
        ('type = "x" OR userId = "u1"', True),
        ('TYPE = "x" or userId = "u1"', None),
        ('((type = "track") and (event = "x" or (userId = "u1")))', True),
        ('!(type = "track")', False),
        ('!(type = "x" or event = "x")', True),
        ('NOT type = "x"', True),
        ('not contains(event, "Order")', False),
        ('not not type = "track"', True),
        ('(contains(event, "zzz") or userId = "u1") and type = "track"', True),
        ('anonymousId = "a1"', True),
        ('anonymousId = "a2" or type = "x"', False),
        ("integrations.All = true", True),
        ('contains(type, "rac")', True),
        ("groupId = null", True),
        ("properties.txt.length = 7", True),
        ('properties.txt.6 = "x"', None),
        ("properties.zero.more = 0", True),
        ('type = "track"and(userId = "u2")', None),
        ('type = "track" and(userId = "u2")', False),
    ],
)
def test_a_trigger_means_what_it_says(text: str, result: bool | None) -> None:
    """Precedence, capitals, nesting, negation and further fields; None: refused."""
    if result is None:
        with pytest.raises(InvalidTrigger):
            trigger.parse(text)
    else:
        assert trigger.matches(trigger.parse(text), EVENT) is result


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "at least one condition"),
        ('type !="track"', 5, 'Write: field != "value"'),
        ('type = "track', 7, "no closing"),
        ("type = “track”", 7, "straight quotes"),
        ('type = "a" && event = "b"', 11, 'Write "and"'),
        ("properties.total>4", 16, "blank before"),
        ('properties.list[0] = "x"', 15, "backslash"),
        ("properties.list.0 = 1", 15, "properties.list.\\0"),
        ('event in ["a","b"]', 6, '(event = "a" or event = "b")'),
        ('lowercase(event) = "x"', 0, 'unknown function "lowercase"'),
        ('Type = "track"', 0, 'Did you mean "type"?'),
        ('propertis.x = "track"', 0, 'Did you mean "properties"?'),
        ('type = "track" and ()', 19, "Remove them"),
        ('(type = "track"', 0, 'Add ")"'),
        ('type = "track")', 14, 'no "(" belongs'),
        ("type =", 6, "found the end of the trigger"),
        ("type", 4, "needs one of"),
        ('contains event, "x"', 0, "unknown field"),
        ('contains(event "x")', 15, 'expected ","'),
        ('contains(event, "x"', 19, 'expected ")"'),
        ("properties.total = 1.2.3", 22, "at most one point"),
        ('event = "a"b"c"', 10, "quote ends a text"),
        ("event = 5\r\n", 9, "carriage return"),
        ("(" * 70 + 'type = "x"' + ")" * 70, 60, "deep"),
    ],
)
def test_a_fault_names_place_and_remedy(text: str, position: int, words: str) -> None:
    """The error points at the character and says what to write."""
    with pytest.raises(InvalidTrigger) as caught:
        trigger.parse(text)
    assert words in caught.value.message
    assert caught.value.position == position
    assert caught.value.text == text


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('type = "track"', []),
        ('type = "track" and (event = "a" or event = "b")', []),
        ('type = "a" and event = "b" or name = "c"', ["precedence", "reading"]),
        ('type = "a" AND event = "b"', ["capitals"]),
        ('type = "a" OR event = "b"', ["capitals", "reading"]),
        ('type = "a" event = "b"', ["connective"]),
        ('type = "a", event = "b"', ["punctuation", "connective"]),
        ("type = 'a'", ["literal"]),
        ("event = nul", ["literal"]),
        ("event = no", ["literal"]),
        ("event = nil", ["literal"]),
        ("event = nope", []),
        ("event = ax", ["literal"]),
        ("event = ox", []),
        ("event = and", ["literal"]),
        ('event.x = "a"', ["root"]),
        ('groupId = "a"', ["field", "reading"]),
        ('event contains "a"', ["operator"]),
    ],
)
def test_a_surprising_trigger_carries_warnings(text: str, kinds: list[str]) -> None:
    """Each construct its author may not expect is remarked, both readings when they differ."""
    assert [warning.kind for warning in trigger.parse(text).warnings] == kinds


def test_a_warning_shows_both_readings() -> None:
    """Ours and the published one stand beside each other, as triggers."""
    parsed = trigger.parse('type = "a" and event = "b" or name = "c"')
    assert str(parsed.warnings[-1]) == (
        'Read here as: (type = "a" and event = "b") or name = "c". '
        'The published parser reads: type = "a" or event = "b" or name = "c".'
    )


@pytest.mark.parametrize(
    ("text", "types", "events"),
    [
        ('type = "track"', {"track"}, None),
        ('type = "track" and event != "x"', {"track"}, None),
        ('type = "track" and event = "x"', {"track"}, {"x"}),
        ('type = "track" and (event = "x" or event = "y")', {"track"}, {"x", "y"}),
        ('type = "track" or type = "page"', {"track", "page"}, None),
        ('type = "track" or event = "x"', None, None),
        ('type = "track" and type = "page"', set(), None),
        ('!(type = "track")', None, None),
        ('contains(event, "x")', None, None),
        ("event = null", None, {"null"}),
    ],
)
def test_required_names_what_an_event_must_be(
    text: str, types: set[str] | None, events: set[str] | None
) -> None:
    """The sets a dispatcher may use; None for any."""
    assert trigger.required(trigger.parse(text)) == (types, events)


def test_a_truth_table_shows_values_and_nested_groups() -> None:
    """One line per member of the root; every condition is tested."""
    parsed = trigger.parse('type = "track" and (properties.total > 9 or traits.email != null)')
    assert trigger.explain(parsed, EVENT) == [
        trigger.Truth('type = "track"', "track", True),
        trigger.Truth(
            "or",
            None,
            False,
            (
                trigger.Truth("properties.total > 9", 5, False),
                trigger.Truth("traits.email != null", UNDEFINED, False),
            ),
        ),
    ]


@given(groups())
def test_what_is_generated_parses_to_the_same_conditions(root: trigger.Group) -> None:
    """Text and conditions carry the same meaning."""
    try:
        text = trigger.generate(root)
    except InvalidTrigger:
        assume(False)
    if len(root.children) == 1 and isinstance(root.children[0], trigger.Group):
        root = root.children[0] if root.children[0].operator != "not" else trigger.Group("and", root.children)
    elif len(root.children) == 1:
        root = trigger.Group("and", root.children)
    assert trigger.parse(text).root == root


@given(groups())
def test_json_carries_conditions_whole(root: trigger.Group) -> None:
    """The JSON form reads back as the same conditions."""
    assert trigger.from_json(trigger.to_json(root)) == root


PIECES = st.lists(
    st.sampled_from(
        [
            "type",
            "event",
            "properties.a",
            "traits",
            "=",
            "!=",
            ">",
            '"x"',
            "'y'",
            "5",
            "-",
            "and",
            "or",
            "AND",
            "not",
            "!",
            "(",
            ")",
            "[",
            "]",
            ",",
            ".",
            "contains(",
            "match(",
            "null",
            "true",
            "foo",
            "\\",
            "nul",
            "&",
        ]
    ),
    max_size=12,
).map(" ".join)


@given(st.one_of(st.text(max_size=60), PIECES, PIECES.map(lambda text: text.replace(" ", ""))), EVENTS)
def test_any_text_is_a_trigger_or_an_invalid_one(text: str, event: dict[str, object]) -> None:
    """Nothing but InvalidTrigger comes out, the place lies inside, and matching never fails."""
    try:
        parsed = trigger.parse(text)
    except InvalidTrigger as fault:
        assert 0 <= fault.position <= len(text)  # noqa: PT017 - both outcomes are fine
        return
    result = trigger.matches(parsed, event)
    lines = trigger.explain(parsed, event)
    all_or_any = all if parsed.root.operator == "and" else any
    assert all_or_any(line.result for line in lines) is result
    assert isinstance(trigger.generate(parsed.root), str)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event = no", "n"),
        ("event = nil", "n"),
        ("event = n.a", "n"),
        ("event = ax", "a"),
        ("properties.x = properties.neg", "properties.n"),
        ("event = nope", "nope"),
        ("event = axe", "axe"),
        ("event = ox", "ox"),
        ("event = no ", "no"),
        ("(event = no)", "no"),
        ("(event exists)", "eos"),
    ],
)
def test_the_published_reading_loses_the_tail_of_a_last_short_word(text: str, value: str) -> None:
    """Its scanner looks for and, or, null by their first letter and does not go back at the end."""
    reading = trigger.published_reading(text)
    assert reading is not None
    assert getattr(reading.children[0], "value", None) == value


@given(groups(), EVENTS)
def test_an_event_that_lacks_what_is_required_never_matches(
    root: trigger.Group, event: dict[str, object]
) -> None:
    """Dispatch by the required sets loses nothing."""
    types, events = trigger.required(root)
    if trigger.matches(root, event):
        assert types is None or event.get("type") in types
        assert events is None or event.get("event") in events


@pytest.mark.parametrize(
    "form",
    [
        None,
        {"type": "group", "operator": "xor", "children": []},
        {"type": "group", "operator": "not", "children": []},
        {"type": "nope", "operator": "="},
        {"type": "event", "operator": "LIKE", "value": "x"},
        {"type": "event", "operator": "=", "value": None},
        {"type": "event-property", "operator": "=", "value": "x"},
        {"type": ["event"], "operator": "=", "value": "x"},
    ],
)
def test_json_that_is_no_condition_is_refused(form: object) -> None:
    """Each names what was expected."""
    with pytest.raises(InvalidTrigger):
        trigger.from_json(form)

"""Mappings: faults, limits and explanations; what each directive does stands in test_published_tables."""

from typing import Any

import pytest
from hypothesis import given, settings
from tests.language.strategies import EVENTS, JSON, MAPPINGS

from segue.language import mapping
from segue.language.check import problems
from segue.model.errors import InvalidMapping


def test_every_fault_is_named_with_its_pointer() -> None:
    """All problems at once, in the order they stand."""
    with pytest.raises(InvalidMapping) as caught:
        mapping.check(
            {"a": {"@pth": "$.x"}, "b/c": [{"@path": 4}], "d": {"@if": []}, "e": {"@path": "", "f": 1}}
        )
    pointers = [pointer for pointer, _ in caught.value.problems]
    assert pointers == ["/a", "/b~1c/0/@path", "/d/@if", "/e"]
    assert "Did you mean @path?" in caught.value.problems[0][1]


@pytest.mark.parametrize("source", [None, [], "text", 5, {"a": {1, 2}}, {1: "x"}])
def test_what_is_no_json_object_is_refused(source: Any) -> None:
    """A mapping is a JSON object."""
    with pytest.raises(InvalidMapping):
        mapping.prepare(source)


def test_a_mapping_nested_too_deep_is_refused_without_recursion() -> None:
    """However deep, the answer is a sentence."""
    source: Any = "x"
    for _ in range(100_000):
        source = {"a": source}
    with pytest.raises(InvalidMapping, match="levels deep"):
        mapping.check(source)
    while isinstance(source, dict):
        source = source.pop("a")


def test_the_deepest_allowed_mapping_resolves() -> None:
    """The limit leaves room for the closures' own frames, also when explained."""
    source: Any = {"@path": "$.x"}
    for _ in range(29):
        source = {"@if": {"exists": True, "then": source}}
    assert mapping.resolve(source, {"x": 1}) == 1
    assert mapping.explain(source, {"x": 1})[-1].output == 1


def test_a_mapping_of_too_many_values_is_refused() -> None:
    """Size is bounded too."""
    with pytest.raises(InvalidMapping, match="more than 20,000 values"):
        mapping.check({"a": [0] * 30_000})


@pytest.mark.parametrize("directive", ["@flatten", "@json", "@excludeWhenNull", "@liquid", "@template"])
def test_a_value_nested_very_deep_never_overflows(directive: str) -> None:
    """Directives that walk a value either manage or say that it is too deep."""
    value: Any = 1
    for _ in range(900):
        value = {"a": value} if directive != "@liquid" else [value]
    written = {
        "@flatten": {"separator": ".", "value": {"@path": "$.v"}},
        "@json": {"mode": "encode", "value": {"@path": "$.v"}},
        "@excludeWhenNull": {"@path": "$.v"},
        "@liquid": "{{ v }}{{ v | json }}",
        "@template": "{{v}}",
    }[directive]
    prepared = mapping.prepare({"out": {directive: written}})
    if directive == "@template":
        assert prepared.resolve({"v": value}) == {"out": "[object Object]"}
    else:
        with pytest.raises(InvalidMapping, match="deep"):
            prepared.resolve({"v": value})


@pytest.mark.parametrize(
    "written",
    [
        {"@replace": {"pattern": "a", "replacement": "$`$`$`$`$`", "value": {"@path": "$.a"}}},
        {"@template": "{{a}}" * 100},
        {"@liquid": "{% assign b = a %}" + "{% assign b = b | append: b %}" * 30},
        {"@liquid": "{{ a | replace: 'a', a }}"},
        {"@liquid": "{{ (1..999999999) | size }}"},
    ],
)
def test_text_that_explodes_is_stopped(written: Any) -> None:
    """A small mapping cannot make a huge text."""
    with pytest.raises(InvalidMapping, match=r"too long|more than"):
        mapping.resolve({"out": written}, {"a": "a" * 30_000})


def test_a_mode_in_capitals_gives_nothing_but_what_is_wrong_inside_stays_wrong() -> None:
    """As published: the value is resolved before the mode is looked at."""
    assert mapping.resolve({"a": {"@json": {"mode": "Encode", "value": {"@path": "$.n"}}}}, {"n": 1}) == {}
    with pytest.raises(InvalidMapping):
        mapping.resolve({"a": {"@json": {"mode": "Encode", "value": {"@path": {"@path": "$.n"}}}}}, {"n": 1})


def test_an_explanation_tells_each_step_from_the_inside_out() -> None:
    """Pointer, directive, input and output; the whole comes last."""
    source = {
        "name": {"@if": {"exists": {"@path": "$.a"}, "then": {"@template": "<{{a}}>"}, "else": "none"}},
        "list": [{"@path": "$.b"}],
    }
    steps = [(step.pointer, step.output) for step in mapping.explain(source, {"a": 1})]
    assert steps == [
        ("/name/@if/exists/@path", 1),
        ("/name/@if/then/@template", "<1>"),
        ("/name/@if", "<1>"),
        ("/list/0/@path", mapping.UNDEFINED),
        ("", {"name": "<1>", "list": [None]}),
    ]


def test_an_explanation_tells_where_it_failed() -> None:
    """The failing directive and the whole carry the reason."""
    steps = mapping.explain({"a": {"@case": {"operator": "title", "value": {"@path": "$.t"}}}}, {"t": "x"})
    assert [bool(step.error) for step in steps] == [False, True, True]
    assert steps[1].error == '/a/@case/operator expected lower or upper, got "title"'


def test_an_event_that_is_no_object_is_refused() -> None:
    """Data must be an object."""
    with pytest.raises(InvalidMapping, match="data must be an object, got array"):
        mapping.resolve({}, [])


def test_a_prepared_mapping_does_not_change_its_source() -> None:
    """The same mapping resolves the same twice."""
    source = {
        "__segment_internal_directive": {"@transform": {"apply": {"s": {"@path": "$.a"}}}},
        "n": {"@path": "$.s"},
    }
    before = repr(source)
    prepared = mapping.prepare(source)
    assert prepared.resolve({"a": 1}) == prepared.resolve({"a": 1}) == {"n": 1}
    assert repr(source) == before


@settings(max_examples=400)
@given(MAPPINGS, EVENTS)
def test_any_mapping_resolves_or_says_why_not(source: Any, event: Any) -> None:
    """Nothing but InvalidMapping comes out; no UNDEFINED is left inside; the explanation ends alike."""
    try:
        prepared = mapping.prepare(source)
    except InvalidMapping as fault:
        assert list(fault.problems) == problems(source)  # noqa: PT017 - both outcomes are fine
        return
    try:
        output = prepared.resolve(event)
    except InvalidMapping as fault:
        assert mapping.explain(source, event)[-1].error == str(fault)  # noqa: PT017
        return
    assert is_whole(output) or output is mapping.UNDEFINED
    assert repr(mapping.explain(source, event)[-1].output) == repr(output)


@given(JSON, JSON)
def test_any_json_is_a_mapping_or_an_invalid_one(source: Any, event: Any) -> None:
    """Arbitrary values on both sides raise nothing else."""
    try:
        mapping.resolve(source, event)
    except InvalidMapping as fault:
        assert str(fault)  # noqa: PT017


def is_whole(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(is_whole, value.values()))
    if isinstance(value, list):
        return all(map(is_whole, value))
    return value is not mapping.UNDEFINED

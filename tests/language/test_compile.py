"""Compiled triggers and mappings: the reference's answers, and a customer's text never becomes code."""

import builtins
import linecache
import traceback
from typing import Any

import pytest
from hypothesis import example, given, settings
from tests.language.strategies import (
    EVENTS,
    HOSTILE,
    JSON,
    MAPPINGS,
    conditions_and_events,
    conditions_in,
    directives,
    triggers_and_events,
)

from segue.language import compile as compiler
from segue.language import mapping, trigger
from segue.language.condition import TESTS
from segue.language.directive import NAMES as DIRECTIVES
from segue.model.errors import InvalidMapping, InvalidTrigger


@settings(max_examples=800)
@given(MAPPINGS, EVENTS)
def test_a_compiled_mapping_answers_as_the_reference(source: Any, event: Any) -> None:
    """The same payload in the same order, the same absence, the same error."""
    try:
        prepared = mapping.prepare(source)
    except InvalidMapping:
        return
    assert answer(compiler.compile_mapping(prepared), event) == answer(prepared.resolve, event)


@given(MAPPINGS, JSON)
def test_a_compiled_mapping_refuses_what_the_reference_refuses(source: Any, event: Any) -> None:
    """Data that is no object, too."""
    try:
        prepared = mapping.prepare(source)
    except InvalidMapping:
        return
    assert answer(compiler.compile_mapping(prepared), event) == answer(prepared.resolve, event)


def test_a_compiled_trigger_answers_as_the_reference() -> None:
    """Any conditions, any event; the generators reach every operator, with both answers."""
    answers: set[tuple[str, bool]] = set()

    @settings(max_examples=300, database=None)
    @given(triggers_and_events())
    def agree(given_: tuple[trigger.Group, dict[str, Any]]) -> None:
        root, event = given_
        assert compiler.compile_trigger(root)(event) is trigger.matches(root, event)
        answers.update((each.operator, trigger.matches(each, event)) for each in conditions_in(root))

    @settings(max_examples=400, database=None)
    @given(conditions_and_events())
    def agree_on_one(given_: tuple[trigger.Condition, dict[str, Any]]) -> None:
        condition, event = given_
        answer = trigger.matches(condition, event)
        assert compiler.compile_trigger(condition)(event) is answer
        answers.add((condition.operator, answer))

    agree()
    agree_on_one()
    assert answers == {(operator, answer) for operator in TESTS for answer in (True, False)}


RARE = {"@transform": {"apply": {"a": 1}, "mapping": {"@path": "$.nothing.here"}}}
"""A transform that gives nothing hardly ever comes out of a generator."""

REFUSED = {"@replace": {"pattern": "a", "replacement": "b", "pattern2": "longer than ten", "value": "a"}}
"""Nor does a replacement that is an error."""


def test_generated_mappings_reach_every_directive() -> None:
    """With a value, and most of them without one and with an error too."""
    outcomes: dict[str, set[str]] = {"value": set(), "nothing": set(), "error": set()}

    @settings(max_examples=1000, database=None, derandomize=True)
    @example(RARE, {})
    @example(REFUSED, {})
    @given(directives(2), EVENTS)
    def shape(source: Any, event: Any) -> None:
        try:
            steps = mapping.explain(source, event)
        except InvalidMapping:
            return
        for step in steps:
            gave = "error" if step.error else "nothing" if step.output is mapping.UNDEFINED else "value"
            outcomes[gave].add(step.directive)

    shape()
    assert outcomes["value"] == {"", *DIRECTIVES}
    assert outcomes["nothing"] >= {"@path", "@if", "@case", "@arrayPath", "@transform", "@excludeWhenNull"}
    assert outcomes["error"] >= {"@path", "@template", "@if", "@case", "@replace", "@merge", "@json"}


def test_what_is_written_alike_is_compiled_once() -> None:
    """A new revision costs what changed in it; the functions share nothing that could change."""
    text = 'type = "track" and event = "Seen Once"'
    one, two = (compiler.compile_trigger(trigger.parse(text)) for _ in range(2))
    assert one is not two
    assert one.__code__ is two.__code__


LIKELY = {
    "type": "track",
    "event": "Order Completed",
    "userId": None,
    "properties": {"total": 5, "list": ["a"], "deep": {"x": {"y": 2}}, "nil": None, "zero": 0, "txt": "abc"},
}


@pytest.mark.parametrize(
    "text",
    [
        'type = "track" and event != "Order Completed"',
        "properties.deep.x.y = 2 and properties.deep.x.z = null and properties.deep.q.y = null",
        'properties.txt.length = 3 and properties.list.\\0 = "a" and properties.zero.more = 0',
        "properties.nil.more = null or userId != null",
        '!(contains(event, "x") or match(event, "Order*")) or (properties.total >= 5 and name = null)',
        'properties.total > "4" and !match(properties.txt, "*c") or properties.missing != "6"',
    ],
)
@pytest.mark.parametrize(
    "event", [LIKELY, {}, {"properties": "text"}, {"properties": [1]}, {"properties": None}]
)
def test_compiled_triggers_load_values_as_the_reference(text: str, event: dict[str, Any]) -> None:
    """Missing, falsy and wrongly typed containers included."""
    parsed = trigger.parse(text)
    assert compiler.compile_trigger(parsed)(event) is trigger.matches(parsed, event)


ATTACKS = [
    *HOSTILE,
    "__import__('os').abort()",
    "');raise SystemExit('",
    '"""\nraise SystemExit\n"""',
    "\\",
    "\\'",
    "\\N{BULLET}",
    "\r\nreturn 1\r\n",
    "{0.__class__}",
    "{v}",
    "{x}",
    "%(v)s",
    "e",
    "U",
    "K1",
    "lookup",
    "return",
    "\u2028\u2029\x00\x85",
    "\ud800",
    "x" * 5000,
    ".".join("deep" for _ in range(300)),
    "[0]" * 50,
]


@pytest.mark.parametrize("text", ATTACKS)
def test_hostile_text_stays_text(text: str) -> None:
    """As key, path, template, literal and pointer it is only ever compared, looked up or copied."""
    source = {
        text: text,
        "p": {"@path": text},
        "t": {"@template": f"{text}{{{{{text}}}}}{text}"},
        "i": {
            "@if": {"exists": {"@path": f"$.{text}"}, "then": {text: {"@path": f"a.{text}"}}, "else": text}
        },
        "c": {"@case": {"operator": "upper", "value": text or "x"}},
        "a": {"@arrayPath": ["$.list", {text: {"@path": text}}]},
        "m": {"@merge": {"direction": "right", "objects": [{text: text}, {"@path": text}]}},
    }
    prepared = mapping.prepare(source)
    for event in ({text: text}, {text: {text: text}, "list": [{text: 1}, text]}, {"a": {text: text}}, {}):
        assert answer(compiler.compile_mapping(prepared), event) == answer(prepared.resolve, event)


@pytest.mark.parametrize("text", ATTACKS)
def test_hostile_text_in_a_trigger_stays_text(text: str) -> None:
    """As value and as name."""
    for operator in ("=", "contains", "not_starts_with", ">"):
        condition = trigger.Condition("event-property", operator, text or "x", text)
        root = trigger.Group("or", (condition, trigger.Condition("event", "=", value=text)))
        for event in ({"event": text}, {"properties": {text: text}}, {}):
            assert compiler.compile_trigger(root)(event) is trigger.matches(root, event)


def test_generated_code_has_no_builtins() -> None:
    """Even if text became code, there would be nothing to call."""
    function: Any = compiler.compile_mapping(mapping.prepare({"a": {"@path": "$.b"}}))
    reachable = set(function.__globals__["__builtins__"]) | set(function.__globals__)
    assert not reachable & (
        set(dir(builtins)) - {"type", "dict", "str", "list", "int", "float", "len", "__builtins__"}
    )


def test_a_value_is_loaded_once_however_often_it_is_used() -> None:
    """Common parts of paths are shared."""
    use = {"@path": "$.context.traits.email"}
    source = {"a": use, "b": {"@if": {"exists": use, "then": use, "else": {"@path": "$.context.ip"}}}}
    text = compiler.compile_mapping(mapping.prepare(source)).source
    assert text.count(".get('context'") == text.count(".get('traits'") == text.count(".get('email'") == 1


def test_a_traceback_shows_the_generated_line() -> None:
    """The source is where Python looks for it."""
    source = {"a": {"@if": {"exists": {"@path": "$.b"}, "then": {"@path": {"@path": "$.b"}}}}}
    function = compiler.compile_mapping(mapping.prepare(source))
    try:
        function({"b": 5})
    except InvalidMapping as fault:
        lines = [frame.line for frame in traceback.extract_tb(fault.__traceback__)]
    assert any(line and "text_from" in line for line in lines)
    assert any(name.startswith("<segue mapping ") for name in linecache.cache)


@pytest.mark.parametrize(
    "source",
    [
        {str(index): {"@path": f"$.k{index}"} for index in range(2000)},
        {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[{"@path": "$.b"}]]]]]]]]]]]]]]]]]]]]]]]]]]},
    ],
)
def test_what_is_too_large_to_compile_runs_as_the_reference(source: Any) -> None:
    """Documented bounds; the answer is the same."""
    prepared = mapping.prepare(source)
    compiled = compiler.compile_mapping(prepared)
    assert compiled.source == ""
    assert compiled({"b": 1, "k7": 2}) == prepared.resolve({"b": 1, "k7": 2})


def test_a_trigger_too_large_to_compile_runs_as_the_reference() -> None:
    """Likewise for triggers, by number and by depth."""
    many = trigger.parse(" or ".join(f'event = "{index}"' for index in range(2000)))
    deep = trigger.parse("(" * 40 + 'event = "7"' + ' and type = "a")' * 40)
    for parsed in (many, deep):
        compiled = compiler.compile_trigger(parsed)
        assert compiled.source == ""
        for event in ({"event": "7", "type": "a"}, {}):
            assert compiled(event) is trigger.matches(parsed, event)


def test_the_largest_compiled_sources_are_valid_python() -> None:
    """At the bounds themselves nothing breaks."""
    any_of = trigger.parse(" or ".join(f'event = "{index}"' for index in range(compiler.LARGEST)))
    assert compiler.compile_trigger(any_of)({"event": "1499"})
    assert compiler.compile_trigger(any_of).source
    nested: Any = {"@path": "$." + ".".join("abcdefghijklmnop")}
    for _ in range(7):
        nested = {
            "@if": {
                "exists": nested,
                "then": nested if len(str(nested)) < 2000 else "x",
                "else": {"k": nested},
            }
        }
    prepared = mapping.prepare(
        {"a": nested, **{str(index): {"@path": f"$.k{index}.x"} for index in range(300)}}
    )
    compiled = compiler.compile_mapping(prepared)
    for event in ({}, {"k5": {"x": 1}}, {"a": {"b": {"c": 0}}}):
        assert answer(compiled, event) == answer(prepared.resolve, event)


def answer(function: Any, event: Any) -> Any:
    try:
        return repr(function(event))
    except InvalidMapping as fault:
        return fault.problems


def test_generated_conditions_survive_the_round_trip_through_text() -> None:
    """What is compiled from text equals what is compiled from conditions."""
    parsed = trigger.parse('type = "track" and (event = "a" or properties.total > 3)')
    try:
        again = trigger.parse(trigger.generate(parsed.root))
    except InvalidTrigger:
        raise AssertionError from None
    assert compiler.compile_trigger(parsed).source == compiler.compile_trigger(again).source

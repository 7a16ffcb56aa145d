"""Triggers and mappings as generated Python: the answers of the reference, many times faster.

    wants = compile_trigger(trigger.parse('type = "track"'))
    shape = compile_mapping(mapping.prepare({"name": {"@path": "$.event"}}))
    wants(event)  ->  True or False
    shape(event)  ->  what `Mapping.resolve` gives, or the same InvalidMapping
    shape.source  ->  the text of the function, for display; tracebacks show it too

Fast, because each value of an event is loaded once however often it is used, a missing value is one
comparison, and no directive costs a call. `@path`, `@template`, `@literal`, `@if`, `@case`, `@arrayPath`,
`@merge` and `@transform` become code; the others are called where they stand.
What is larger or deeper than the limits below runs as the reference, with an empty source.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, cast

from segue.language.check import unrooted
from segue.language.condition import UNARY, Condition, Group, Node, holds, keys_of
from segue.language.javascript import number_of, text_of
from segue.language.mapping import Mapping as Prepared
from segue.language.mapping_source import HELPERS, Mapper
from segue.language.template import LONGEST
from segue.language.trigger import Trigger
from segue.language.writer import Body, Writer

LARGEST: Final = 1500
"""Most values in a mapping, or conditions in a trigger, that are compiled."""

DEEPEST: Final = 12
"""Most directives and objects inside one another that are compiled."""


class Compiled(Protocol):
    """A generated function with its text."""

    source: str

    def __call__(self, event: Any, /) -> Any: ...


def compile_trigger(trigger: Trigger | Node) -> Compiled:
    """Compile a trigger to a function of an event that gives True or False and raises nothing."""
    root = trigger.root if isinstance(trigger, Trigger) else trigger
    if not is_compilable_trigger(root):
        return _with_source(lambda event: holds(root, event), "")
    writer = Writer()
    body = Body(writer, is_object=False)
    members = root.children if isinstance(root, Group) and root.operator == "and" else (root,)
    for member in members:
        body.load(keys_of(condition.type, condition.name) for condition in conditions_of(member))
        body.line(f"if not ({test_of(body, member)}):")
        body.line("    return False")
    body.finish("wants", "True")
    return cast(Compiled, writer.compile("wants", "trigger"))


def compile_mapping(mapping: Prepared) -> Compiled:
    """Compile a prepared mapping to a function of an event: the payload, UNDEFINED or InvalidMapping."""
    source = unrooted(mapping.source)
    if not is_compilable(source):
        return _with_source(lambda event: mapping.resolve(event), "")  # noqa: PLW0108 - it carries `source`
    writer = Writer()
    writer.constants |= HELPERS
    body = Body(writer, is_object=True)
    body.line("if type(e) is not dict:")
    body.line("    refuse(e)")
    Mapper(body).finish("payload", source, "")
    return cast(Compiled, writer.compile("payload", "mapping"))


def _with_source(function: Callable[[Any], Any], source: str) -> Compiled:
    compiled = cast(Any, function)
    compiled.source = source
    return cast(Compiled, compiled)


# --- triggers -----------------------------------------------------------------------------------


def is_compilable_trigger(root: Node) -> bool:
    """Say whether a trigger keeps the bounds of what is compiled."""
    return sum(1 for _ in conditions_of(root)) <= LARGEST and _depth(root) <= DEEPEST


def conditions_of(node: Node) -> Iterator[Condition]:
    """Every condition of a trigger, in order."""
    waiting: list[Node] = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Condition):
            yield node
        else:
            waiting += reversed(node.children)


def _depth(node: Node) -> int:
    return 1 + max(map(_depth, node.children), default=0) if isinstance(node, Group) else 0


def test_of(body: Body, node: Node) -> str:
    """A condition or group as an expression over the values the body has loaded."""
    if isinstance(node, Group):
        if node.operator == "not":
            return f"not ({test_of(body, node.children[0])})"
        if not node.children:
            return "True" if node.operator == "and" else "False"
        return f" {node.operator} ".join(f"({test_of(body, child)})" for child in node.children)
    value = body.loaded[keys_of(node.type, node.name)]
    if node.operator in UNARY:
        return _UNARY_TESTS[node.operator].format(v=value)
    if node.operator in _NUMBER_SIGNS:
        number = number_of(node.value)
        if number != number:
            return f"{_IS_NUMBER.format(v=value)} and {node.operator == 'number_not_equals'}"
        sign, other = _NUMBER_SIGNS[node.operator], body.writer.literal(number)
        return f"{_IS_NUMBER.format(v=value)} and {value} {sign} {other}"
    return _TEXT_TESTS[node.operator].format(v=value, x=body.writer.literal(text_of(node.value)))


_UNARY_TESTS: Final[Mapping[str, str]] = {
    "exists": "{v} is not U and {v} is not None",
    "not_exists": "{v} is U or {v} is None",
    "is_true": "{v} is True",
    "is_false": "{v} is False",
}
_IS_NUMBER: Final = "(type({v}) is int or type({v}) is float)"
_NUMBER_SIGNS: Final[Mapping[str, str]] = {
    "number_equals": "==",
    "number_not_equals": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_TEXT_TESTS: Final[Mapping[str, str]] = {
    "=": "{v} == {x}",
    "!=": "{v} != {x}",
    "contains": "type({v}) is str and {x} in {v}",
    "not_contains": "type({v}) is str and {x} not in {v}",
    "starts_with": "type({v}) is str and {v}.startswith({x})",
    "not_starts_with": "type({v}) is str and not {v}.startswith({x})",
    "ends_with": "type({v}) is str and {v}.endswith({x})",
    "not_ends_with": "type({v}) is str and not {v}.endswith({x})",
}


def is_compilable(source: Any) -> bool:
    """Say whether a mapping keeps the bounds of what is compiled."""
    waiting = [(source, 0)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if count > LARGEST or depth > 2 * DEEPEST:
            return False
        if type(value) is dict:
            waiting += [(member, depth + 1) for member in value.values()]
        elif type(value) is list:
            waiting += [(element, depth + 1) for element in value]
        elif type(value) is str and len(value) > LONGEST:
            return False
    return True

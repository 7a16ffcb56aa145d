"""The filter language: which events a destination filter acts on.

    expression = parse('type = "track" and !match(context.page.path, "/admin/*")')
    evaluate(expression, {"type": "track", "context": {"page": {"path": "/shop"}}})  ->  True

It is larger than the trigger language and strictly typed: what does not fit raises instead of being false,
so that who asked can fail closed. ``all`` alone stands for every event. docs/reference/filter-language.md
has the whole language.

Source  Segment docs, "Destination Filter Query Language" and "Destination Filters" (limits); read 2026-11-24
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from segue.language import filter_grammar
from segue.language.filter_expression import (
    Literal,
    Logic,
    Node,
    Not,
    find,
    first_path,
    generate,
    prepare_test,
)
from segue.language.filter_grammar import DEEPEST
from segue.model.errors import InvalidFilter, UnfilterableEvent

__all__ = [
    "DEEPEST",
    "EVERYTHING",
    "LARGEST",
    "Expression",
    "Truth",
    "evaluate",
    "explain",
    "find",
    "generate",
    "parse",
    "prepare",
    "split",
]

LARGEST: Final = 5 * 1024
"""Most bytes of an expression."""

EVERYTHING: Final = "all"
"""The expression that matches every event."""


class Expression(msgspec.Struct, frozen=True):
    """A parsed filter expression: its text and its parts."""

    text: str
    root: Node


class Truth(msgspec.Struct, frozen=True):
    """One line of a truth table.

    text      the condition, or ``and``, ``or``, ``not`` for a group
    actual    what the event has at the condition's first path; None for nothing, and for groups
    result    whether it holds; false when it could not be evaluated
    problem   why it could not be evaluated, else ""
    children  the lines of a group
    """

    text: str
    actual: Any
    result: bool
    problem: str = ""
    children: tuple["Truth", ...] = ()


def parse(text: str) -> Expression:
    """Parse an expression. Raises InvalidFilter, which points at the place and names the remedy."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LARGEST:
        raise InvalidFilter(f"a filter has at most {LARGEST:,} bytes, found {size:,}. Split it in two.")
    if not text.strip():
        raise InvalidFilter('the filter is empty. Write "all" for every event.', text=text)
    if text.strip() == EVERYTHING:
        return Expression(text, Literal(True))
    return Expression(text, filter_grammar.read(text))


def prepare(expression: Expression) -> Callable[[Mapping[str, Any]], bool]:
    """Make one function of an expression, for many events. It raises UnfilterableEvent."""
    return prepare_test(expression.root)


def evaluate(expression: Expression, event: Mapping[str, Any]) -> bool:
    """Say whether an event matches. Raises UnfilterableEvent when that cannot be said."""
    return prepare_test(expression.root)(event)


def explain(expression: Expression, event: Mapping[str, Any]) -> list[Truth]:
    """Give the truth table: one line per member of the outermost ``and`` or ``or``, groups nested.

    Every condition is tested, also those that no longer matter; what cannot be evaluated says why.
    """
    root = expression.root
    return [_truth(node, event) for node in (root.members if isinstance(root, Logic) else (root,))]


def split(path: str) -> tuple[str, ...]:
    """Read a path that stands alone, as in a filter's actions: only a dot and a backslash that belong to a
    name need a backslash. ``""`` is the event itself, no keys. Raises InvalidFilter."""
    if not path:
        return ()
    keys = [""]
    characters = iter(path)
    for character in characters:
        if character == ".":
            keys.append("")
        else:
            keys[-1] += next(characters, "") if character == "\\" else character
    if "" in keys:
        raise InvalidFilter("a name is missing beside a dot or backslash.", text=path, position=len(path) - 1)
    return tuple(keys)


def _truth(node: Node, event: Mapping[str, Any]) -> Truth:
    children: tuple[Truth, ...] = ()
    actual = None
    match node:
        case Logic(joint, members):
            text: str = joint
            children = tuple(_truth(member, event) for member in members)
        case Not(of):
            text, children = "not", (_truth(of, event),)
        case _:
            text = generate(node)
            path = first_path(node)
            actual = None if path is None else find(event, path.keys)
    try:
        return Truth(text, actual, prepare_test(node)(event), children=children)
    except UnfilterableEvent as error:
        return Truth(text, actual, False, str(error), children)

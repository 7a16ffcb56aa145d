"""Triggers: which events a subscription wants.

    trigger = parse('type = "track" and !contains(event, "Test")')
    matches(trigger, {"type": "track", "event": "Order Completed"})  ->  True

Fields are ``type``, ``event``, ``name``, ``userId``, ``properties.…``, ``traits.…``, ``context.…``;
operators ``= != < <= > >=``; functions ``contains`` and ``match``; ``and``, ``or``, ``!`` and parentheses.
Where the published parser would read a trigger differently, the trigger carries a remark with both
readings (see `segue.language.published` and the page on differences).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from segue.language import grammar, published
from segue.language.condition import (
    DEEPEST,
    Condition,
    Group,
    Node,
    actual_of,
    from_json,
    holds,
    to_json,
)
from segue.language.grammar import Remark
from segue.language.printing import generate, generate_loose
from segue.language.scanner import Token, scan
from segue.model.errors import InvalidTrigger

__all__ = [
    "DEEPEST",
    "Condition",
    "Group",
    "InvalidTrigger",
    "Node",
    "Remark",
    "Trigger",
    "Truth",
    "explain",
    "from_json",
    "generate",
    "matches",
    "parse",
    "published_reading",
    "required",
    "to_json",
]


class Trigger(msgspec.Struct, frozen=True):
    """A parsed trigger.

    root      the conditions; always a group ``and`` or ``or``
    warnings  what its author should know before publishing it
    """

    text: str
    root: Group
    warnings: tuple[Remark, ...] = ()


class Truth(msgspec.Struct, frozen=True):
    """One line of a truth table.

    text      the condition, or ``and``, ``or``, ``not`` for a group
    actual    the value found in the event, UNDEFINED when there is none; also for groups
    result    whether it holds
    children  the lines of a group
    """

    text: str
    actual: Any
    result: bool
    children: tuple["Truth", ...] = ()


def parse(text: str) -> Trigger:
    """Parse a trigger. Raises InvalidTrigger, which points at the place and names the remedy."""
    tokens = scan(text)
    node, remarks = grammar.read(text, tokens)
    root = node if isinstance(node, Group) and node.operator != "not" else Group("and", (node,))
    return Trigger(text, root, remarks + _ambiguity(root, tokens))


def matches(trigger: Trigger | Node, event: Mapping[str, Any]) -> bool:
    """Say whether an event is wanted. Raises nothing."""
    return holds(trigger.root if isinstance(trigger, Trigger) else trigger, event)


def explain(trigger: Trigger | Node, event: Mapping[str, Any]) -> list[Truth]:
    """Give the truth table of a trigger: one line per member of its root, groups nested.

    Every condition is tested, also those that no longer matter.
    """
    root = trigger.root if isinstance(trigger, Trigger) else trigger
    if isinstance(root, Group) and root.operator != "not":
        return [_truth(child, event) for child in root.children]
    return [_truth(root, event)]


def required(trigger: Trigger | Node) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """Give the values of ``type`` and of ``event`` one of which an event must have to match at all.

    None means any value will do; an empty set means that no event can match.
    """
    root = trigger.root if isinstance(trigger, Trigger) else trigger
    return _required(root, "event-type"), _required(root, "event")


def published_reading(text: str) -> published.Loose | None:
    """Give the original's reading of a trigger; None when it finds none."""
    try:
        return published.read(scan(text))
    except InvalidTrigger:
        return None


def _ambiguity(root: Group, tokens: list[Token]) -> tuple[Remark, ...]:
    theirs = published.read(tokens)
    if theirs is not None and _same(root, theirs):
        return ()
    other = f"reads: {generate_loose(theirs)}" if theirs else "does not accept this trigger"
    return (Remark("reading", f"Read here as: {generate(root)}. The published parser {other}."),)


def _same(ours: Node, theirs: published.Reading) -> bool:
    if isinstance(ours, Condition) or not isinstance(theirs, published.Loose):
        return ours == theirs
    return (
        ours.operator == theirs.operator
        and len(ours.children) == len(theirs.children)
        and all(map(_same, ours.children, theirs.children))
    )


def _truth(node: Node, event: Mapping[str, Any]) -> Truth:
    if isinstance(node, Condition):
        return Truth(generate(node), actual_of(node, event), holds(node, event))
    children = tuple(_truth(child, event) for child in node.children)
    return Truth(node.operator, None, holds(node, event), children)


def _required(node: Node, kind: str) -> frozenset[str] | None:
    if isinstance(node, Condition):
        if node.type == kind and node.operator == "=" and isinstance(node.value, str):
            return frozenset((node.value,))
        return None
    sets = [_required(child, kind) for child in node.children]
    known = [found for found in sets if found is not None]
    if node.operator == "and" and known:
        return frozenset.intersection(*known)
    if node.operator == "or" and len(known) == len(sets):
        return frozenset().union(*known)
    return None

"""Mappings: how an event becomes an action's payload.

    mapping = prepare({"name": {"@path": "$.event"}, "list": [{"@path": "$.missing"}, 1]})
    mapping.resolve({"event": "Order Completed"})  ->  {"name": "Order Completed", "list": [None, 1]}

`check` names every fault of a mapping; `prepare` checks and builds it once; `explain` resolves it step by
step. Nested parts of a payload may be the event's own objects: treat them as read-only.
This is the reference; `segue.language.compile` gives the same answers faster.
"""

from collections.abc import Mapping as MappingType
from typing import Any

import msgspec

from segue.language.check import problems, unrooted
from segue.language.directive import Builder, Resolver
from segue.language.javascript import UNDEFINED, type_name
from segue.model.errors import InvalidMapping

__all__ = ["UNDEFINED", "InvalidMapping", "Mapping", "Step", "check", "explain", "prepare", "resolve"]


class Mapping:
    """A mapping checked and ready. `source` is the JSON it was made from."""

    __slots__ = ("_resolver", "source")

    def __init__(self, source: MappingType[str, Any], resolver: Resolver) -> None:
        self.source = source
        self._resolver = resolver

    def resolve(self, event: Any) -> Any:
        """Give the payload for an event; UNDEFINED when the mapping as a whole has no value.

        Members without value are left out, elements without value are None. Raises InvalidMapping when
        a directive fails on this event.
        """
        if type(event) is not dict:
            raise InvalidMapping([("", f"data must be an object, got {type_name(event)}")])
        return self._resolver(event)


class Step(msgspec.Struct, frozen=True):
    """One directive at work, or the whole mapping (pointer and directive "", always the last).

    pointer   JSON pointer of the directive in the mapping
    input     the directive's value as written
    output    what it gave, UNDEFINED for nothing
    error     why it failed, "" when it did not
    """

    pointer: str
    directive: str
    input: Any
    output: Any = UNDEFINED
    error: str = ""


def check(mapping: Any) -> None:
    """Raise InvalidMapping with every fault of a mapping; pass in silence when it can be used."""
    found = problems(mapping)
    if found:
        raise InvalidMapping(found)


def prepare(mapping: Any) -> Mapping:
    """Check a mapping and make it ready. Raises InvalidMapping."""
    check(mapping)
    return Mapping(mapping, Builder().build(unrooted(mapping), ""))


def resolve(mapping: Any, event: Any) -> Any:
    """Check and resolve a mapping once; `prepare` it to resolve it often. Raises InvalidMapping."""
    return prepare(mapping).resolve(event)


def explain(mapping: Any, event: Any) -> list[Step]:
    """Resolve a mapping and tell each step, inner directives before those around them.

    A directive that fails is a step with an error, and so are those around it; the last step is the whole.
    Raises InvalidMapping only when the mapping itself cannot be used.
    """
    check(mapping)
    steps: list[Step] = []

    def watch(pointer: str, directive: str, written: Any, resolver: Resolver) -> Resolver:
        def watched(payload: Any) -> Any:
            try:
                output = resolver(payload)
            except InvalidMapping as fault:
                steps.append(Step(pointer, directive, written, error=str(fault)))
                raise
            steps.append(Step(pointer, directive, written, output))
            return output

        return watched

    whole = Mapping(mapping, Builder(watch).build(unrooted(mapping), ""))
    try:
        steps.append(Step("", "", mapping, whole.resolve(event)))
    except InvalidMapping as fault:
        steps.append(Step("", "", mapping, error=str(fault)))
    return steps

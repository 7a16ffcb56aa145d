"""A device destination's filters as SDKs read them: ``middlewareSettings.routingRules`` of the settings.

    rules_of("Braze Web Mode (Actions)", bound, place, faults)   ({"matchers": […], "transformers": […], …},)

SDKs know less than our filter language, and judge some of it otherwise. What would not mean the same there is
a fault: a filter was written to keep something from leaving, and must not quietly leave it through.
One rule holds all filters, as React Native keeps the last rule of a destination only.

Source  segmentio/tsub-js inside @segment/analytics-next 1.84.3, matchers and transformers; read 2026-11-26
"""

import json
from typing import Any, Final

from segue.engine.filter import BoundFilters
from segue.engine.filter_binding import Action
from segue.language.filter import EVERYTHING
from segue.language.filter_expression import Call, Comparison, Items, Literal, Logic, Node, Not, Path
from segue.model.errors import Fault

FUNCTIONS: Final = frozenset({"contains", "match", "lowercase"})
"""Those that mean the same here and in SDKs."""

Json = dict[str, Any]


def rules_of(name: str, bound: BoundFilters, place: str, faults: list[Fault]) -> tuple[Json, ...]:
    """The rule of a destination's filters; none when it has none, or when one of them is a fault.

    name   what SDKs know the destination by; place: of its filters in the workspace
    """
    matchers: list[Json] = []
    transformers: list[list[Json]] = []
    for step in bound.steps:
        each = bound.filters[step.filter]
        try:
            transformers.append([_transformer(step.action)])
            matchers.append(_matcher(each.condition, each.expression.root if each.expression else None))
        except _ForeignError as error:
            remedy = "Say it in another way, or filter where the event is made."
            problem = f"{error}, so this filter cannot work in device mode."
            faults.append(Fault(place=f"{place}.{each.id}", problem=problem, remedy=remedy))
            return ()
    if not matchers:
        return ()
    return (
        {
            "scope": "destinations",
            "target_type": "workspace::project::destination::config",
            "destinationName": name,
            "matchers": matchers,
            "transformers": transformers,
        },
    )


class _ForeignError(Exception):
    """Something SDKs do not know, or take otherwise."""


def _matcher(condition: str, root: Node | None) -> Json:
    if root is None or condition.strip() == EVERYTHING:
        return {"type": "all", "ir": ""}
    return {"type": "fql", "ir": json.dumps(_test(root)), "config": {"expr": condition}}


def _transformer(action: Action) -> Json:
    match action.type:
        case "DROP":
            return {"type": "drop"}
        case "DROP_PROPERTIES" | "ALLOW_PROPERTIES":
            word = "drop" if action.type == "DROP_PROPERTIES" else "allow"
            fields = {".".join(_keys(keys)): sorted(names) for keys, names in action.fields}
            return {"type": f"{word}_properties", "config": {word: fields}}
    raise _ForeignError(f"SDKs would choose others to {action.type.lower()} than Segue")


def _test(node: Node) -> Any:
    """A condition in prefix form: a list, or the path of a field that must be true."""
    match node:
        case Logic():
            return [node.operator, *(_test(each) for each in node.members)]
        case Not():
            return ["!", _test(node.of)]
        case Comparison():
            return _comparison(node)
        case Call() if node.function in FUNCTIONS:
            return [node.function, *(_value(each) for each in node.arguments)]
        case Path():
            return _value(node)
    raise _ForeignError(f"SDKs do not know {_named(node)}")


def _comparison(node: Comparison) -> Any:
    left, right = node.left, node.right
    if node.operator in ("=", "!="):
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Literal) and one.value is None:
                # What is missing is undefined there, which is not null.
                missing = ["=", ["typeof", _value(other)], {"value": "undefined"}]
                absent = ["or", missing, ["=", _value(other), {"value": None}]]
                return absent if node.operator == "=" else ["!", absent]
    if node.operator == "in":
        if not isinstance(right, Items):
            raise _ForeignError('SDKs know "in" with a list that is written out only')
        return ["in", _value(left), [_value(each) for each in right.members]]
    return [node.operator, _value(left), _value(right)]


def _value(node: Node) -> Any:
    match node:
        case Literal():
            return {"value": node.value}
        case Path():
            return ".".join(_keys(node.keys))
        case Call() if node.function in FUNCTIONS:
            return [node.function, *(_value(each) for each in node.arguments)]
    raise _ForeignError(f"SDKs do not know {_named(node)} there")


def _keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    if strange := [key for key in keys if "." in key]:
        raise _ForeignError(f'SDKs cannot name a field with a dot in it ("{strange[0][:40]}")')
    return keys


def _named(node: Node) -> str:
    return f"{node.function}()" if isinstance(node, Call) else f"a {type(node).__name__.lower()}"

"""A prepared filter answers as the language's rules read one by one, errors included."""

import operator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from segue.language import filter as filters
from segue.language import filter_expression as parts
from segue.language.filter_functions import FUNCTIONS
from segue.model.errors import UnfilterableEvent


class Misfit(Exception):  # noqa: N818  # the reference's way to say that there is no answer
    """What the published language calls an evaluation error."""


def kind(value: Any) -> str:
    """The name of a value's type."""
    names = {type(None): "null", bool: "bool", str: "string", list: "list", dict: "object"}
    return names.get(type(value), "number")


def same(left: Any, right: Any) -> bool:
    """Equal, and of one type, all the way down."""
    if kind(left) != kind(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def value_of(node: Any, event: Any) -> Any:
    """An expression by the rules, one after the other."""
    if isinstance(node, parts.Literal):
        return node.value
    if isinstance(node, parts.Path):
        for key in node.keys:
            if isinstance(event, list):
                event = event[int(key)] if key in map(str, range(len(event))) else None
            else:
                event = event.get(key) if isinstance(event, dict) else None
        return event
    if isinstance(node, parts.Items):
        return [value_of(member, event) for member in node.members]
    if isinstance(node, parts.Not):
        return not truth_of(node.of, event)
    if isinstance(node, parts.Logic):
        for member in node.members:
            if truth_of(member, event) is (node.operator == "or"):
                return node.operator == "or"
        return node.operator == "and"
    if isinstance(node, parts.Call):
        return call(node, [value_of(each, event) for each in node.arguments])
    return compare(value_of(node.left, event), node.operator, value_of(node.right, event))


def truth_of(node: Any, event: Any) -> bool:
    """Null stands for false; what is no boolean stands for nothing."""
    value = value_of(node, event)
    if value is not None and not isinstance(value, bool):
        raise Misfit
    return bool(value)


def compare(left: Any, sign: str, right: Any) -> bool:
    """The operators."""
    if sign in ("=", "!="):
        return same(left, right) is (sign == "=")
    if sign == "in":
        if right is None:
            return False
        if kind(right) != "list" or kind(left) in ("list", "object"):
            raise Misfit
        return any(same(left, each) for each in right)
    if any(kind(each) not in ("number", "null") for each in (left, right)):
        raise Misfit
    orders: dict[str, Any] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
    return None not in (left, right) and bool(orders[sign](left, right))


TEXT, ANY = {"string"}, {"string", "number", "list", "bool", "object"}
TAKES = {
    "contains": (TEXT, TEXT), "match": (TEXT, TEXT), "lowercase": (TEXT,), "length": ({"string", "list"},),
    "typeof": (ANY,), "bool": (ANY,),
}  # fmt: skip


def call(node: parts.Call, values: list[Any]) -> Any:
    """The functions that generated expressions use."""
    for value, kinds in zip(values, TAKES[node.function], strict=True):
        if value is not None and kind(value) not in kinds:
            raise Misfit
    if None in values:
        return {"lowercase": None, "length": 0, "typeof": "null"}.get(node.function, False)
    match node.function:
        case "contains":
            return values[1] in values[0]
        case "match":
            return values[0] == values[1]  # the patterns below have nothing special in them
        case "lowercase":
            return values[0].lower()
        case "length":
            return len(values[0].encode()) if isinstance(values[0], str) else len(values[0])
        case "typeof":
            return "object" if kind(values[0]) == "object" else kind(values[0])
    try:
        return FUNCTIONS["bool"].call(values[0])  # which texts stand for true is its own table's to say
    except UnfilterableEvent:
        raise Misfit from None


WORDS = st.sampled_from(["", "a", "A", "ab", "b", "1", "true", "é", "__class__", "{0}", "'; x", "\u2028"])
KEYS = st.sampled_from(["a", "b", "0", "__class__", "x y", "\n", "%s"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.5, 1.0]), WORDS)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
EVENTS = st.dictionaries(KEYS, JSON, min_size=2, max_size=6)
LITERALS = SCALARS.map(parts.Literal)
PATHS = st.lists(KEYS, min_size=1, max_size=2).map(tuple).map(parts.Path)
SMALL = LITERALS | PATHS
ITEMS = st.lists(SMALL, max_size=3).map(tuple).map(parts.Items)
CALLS = st.sampled_from(sorted(TAKES)).flatmap(
    lambda name: st.builds(parts.Call, st.just(name), st.tuples(*[SMALL] * len(TAKES[name])))
)
SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in"])
COMPARISONS = st.builds(parts.Comparison, SMALL | CALLS, SIGNS, SMALL | ITEMS | CALLS)
EXPRESSIONS = st.recursive(
    COMPARISONS | COMPARISONS | PATHS | CALLS,
    lambda inner: (
        st.builds(parts.Not, inner)
        | st.builds(
            parts.Logic, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3).map(tuple)
        )
    ),
    max_leaves=6,
)


def answer(root: Any, event: Any) -> bool | None:
    """What a prepared filter says; None when it cannot say."""
    try:
        return filters.prepare(filters.Expression("", root))(event)
    except UnfilterableEvent:
        return None


def expected(root: Any, event: Any) -> bool | None:
    """What the rules say."""
    try:
        return truth_of(root, event)
    except Misfit:
        return None


def test_a_prepared_filter_answers_as_the_rules_do() -> None:
    """Any expression on any event: true, false, and none; the generators give enough of each."""
    seen: dict[bool | None, int] = {}

    @settings(max_examples=500, database=None)
    @given(EXPRESSIONS, EVENTS)
    def agree(root: Any, event: Any) -> None:
        said = answer(root, event)
        assert said is expected(root, event)
        seen[said] = seen.get(said, 0) + 1

    agree()
    assert all(seen.get(each, 0) > 20 for each in (True, False, None)), seen

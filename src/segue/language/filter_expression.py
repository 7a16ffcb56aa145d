"""Filter expressions as data: their parts, what they evaluate to, and how they are written.

    Logic("and", (Comparison(Path(("type",)), "=", Literal("track")),
                  Call("contains", (Path(("properties", "email")), Literal("@example.com")))))

`prepare` makes one function of an expression. Values are as in JSON; a path that leads nowhere is null,
and null where a boolean is wanted is false. Anything else that does not fit raises UnfilterableEvent.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never
from typing import Literal as OneOf

import msgspec

from segue.language.filter_functions import FUNCTIONS, KINDS, is_same, kind_of
from segue.model.errors import InvalidFilter, UnfilterableEvent

Event = Mapping[str, Any]


class Literal(msgspec.Struct, frozen=True):
    """A value that is written out."""

    value: str | int | float | bool | None


class Path(msgspec.Struct, frozen=True):
    """A value of the event, by the keys that lead to it."""

    keys: tuple[str, ...]


class Items(msgspec.Struct, frozen=True):
    """A list that is written out: ``["a", traits.plan]``."""

    members: tuple[Literal | Path, ...]


class Call(msgspec.Struct, frozen=True):
    """A function of FUNCTIONS with as many arguments as it takes."""

    function: str
    arguments: tuple["Node", ...]


class Comparison(msgspec.Struct, frozen=True):
    """Two values compared, by a key of COMPARISONS."""

    left: "Node"
    operator: str
    right: "Node"


class Not(msgspec.Struct, frozen=True):
    """The opposite of a boolean."""

    of: "Node"


class Logic(msgspec.Struct, frozen=True):
    """All (``and``) or any (``or``) of at least two booleans, tried from left to right."""

    operator: OneOf["and", "or"]
    members: tuple["Node", ...]


Node = Literal | Path | Items | Call | Comparison | Not | Logic

RESERVED: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None}
"""Words that are values."""

CONNECTIVES: Final = frozenset({"and", "or", "in"})
"""Words that join."""


# --- what it evaluates to -----------------------------------------------------------------------


def prepare(node: Node) -> Callable[[Event], Any]:
    """Make one function of an expression: event -> value. It raises UnfilterableEvent and nothing else."""
    match node:
        case Literal(value):
            return lambda event: value
        case Path(keys):
            return lambda event: find(event, keys)
        case Items(members):
            parts = [prepare(member) for member in members]
            return lambda event: [part(event) for part in parts]
        case Call():
            return _call(node)
        case Comparison():
            return _comparison(node)
        case Not(of):
            holds = prepare_test(of)
            return lambda event: not holds(event)
        case Logic(joint, members):
            tests = [prepare_test(member) for member in members]
            if joint == "and":
                return lambda event: all(test(event) for test in tests)
            return lambda event: any(test(event) for test in tests)
        case _:
            assert_never(node)


def prepare_test(node: Node) -> Callable[[Event], bool]:
    """Make a yes or no of an expression; null is no, what is no boolean raises UnfilterableEvent."""
    value_of = prepare(node)
    if isinstance(node, Comparison | Not | Logic):
        return value_of

    def holds(event: Event) -> bool:
        value = value_of(event)
        if value is True:
            return True
        if value is False or value is None:
            return False
        raise UnfilterableEvent(
            f"{generate(node)} stands for true or false, but is {_article(kind_of(value))}"
        )

    return holds


def find(event: Any, keys: tuple[str, ...]) -> Any:
    """Follow keys into a value; null when they lead nowhere. Digits count the members of a list from 0."""
    value = event
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif type(value) is list and key.isascii() and key.isdigit() and len(key) < 10:
            value = value[int(key)] if int(key) < len(value) else None
        else:
            return None
    return value


def first_path(node: Node) -> Path | None:
    """The first path an expression speaks of, for showing what was found there."""
    match node:
        case Path():
            return node
        case Literal():
            return None
        case Not(of):
            return first_path(of)
        case Comparison(left, _, right):
            return first_path(left) or first_path(right)
        case Items(members) | Logic(_, members) | Call(_, members):
            return next(filter(None, map(first_path, members)), None)
        case _:
            assert_never(node)


def _call(node: Call) -> Callable[[Event], Any]:
    function = FUNCTIONS[node.function]
    arguments = [prepare(argument) for argument in node.arguments]

    def call(event: Event) -> Any:
        values = [argument(event) for argument in arguments]
        for value, kinds in zip(values, function.takes, strict=True):
            if value is not None and kind_of(value) not in kinds:
                wanted = " or ".join(map(_article, sorted(kinds)))
                raise UnfilterableEvent(f"{generate(node)} takes {wanted}, found {_article(kind_of(value))}")
        if None in values:
            return function.null
        try:
            return function.call(*values)
        except UnfilterableEvent as error:
            raise UnfilterableEvent(f"{generate(node)}: {error}") from error

    return call


def _is_in(value: Any, members: Any) -> bool:
    if members is None:
        return False
    if type(members) is not list:
        raise UnfilterableEvent(f"in takes a list on its right, found {_article(kind_of(members))}")
    if type(value) in (list, dict):
        raise UnfilterableEvent(f"in takes one value on its left, found {_article(kind_of(value))}")
    return any(is_same(value, member) for member in members)


def _ordered(sign: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        for value in (left, right):
            if value is not None and KINDS.get(type(value)) != "number":
                raise UnfilterableEvent(f"{sign} takes numbers, found {_article(kind_of(value))}")
        return left is not None and right is not None and holds(left, right)

    return compare


COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": is_same,
    "!=": lambda left, right: not is_same(left, right),
    ">": _ordered(">", operator.gt),
    ">=": _ordered(">=", operator.ge),
    "<": _ordered("<", operator.lt),
    "<=": _ordered("<=", operator.le),
    "in": _is_in,
}
"""Operator -> comparison of two values; each raises UnfilterableEvent."""


def _comparison(node: Comparison) -> Callable[[Event], bool]:
    left, right, compare = prepare(node.left), prepare(node.right), COMPARISONS[node.operator]

    def holds(event: Event) -> bool:
        values = left(event), right(event)
        try:
            return compare(*values)
        except UnfilterableEvent as error:
            raise UnfilterableEvent(f"{generate(node)}: {error}") from error

    return holds


def _article(kind: str) -> str:
    return "null" if kind == "null" else f"an {kind}" if kind == "object" else f"a {kind}"


# --- how it is written --------------------------------------------------------------------------


def generate(node: Node) -> str:
    """Write an expression with as few parentheses as its structure needs; parsing gives it back.

    Raises InvalidFilter for a text that holds both kinds of quotes, which no expression can say.
    """
    match node:
        case Literal(value):
            return _literal(value)
        case Path(keys):
            return _path(keys)
        case Items(members):
            return f"[{', '.join(map(generate, members))}]"
        case Call(function, arguments):
            return f"{function}({', '.join(map(generate, arguments))})"
        case Comparison(left, sign, right):
            return f"{_operand(left)} {sign} {_operand(right)}"
        case Not(of):
            return f"!{generate(of)}" if isinstance(of, Not) else f"!{_operand(of)}"
        case Logic(joint, members):
            return f" {joint} ".join(
                f"({generate(member)})"
                if isinstance(member, Logic) and not (joint == "or" and member.operator == "and")
                else generate(member)
                for member in members
            )
        case _:
            assert_never(node)


def _operand(node: Node) -> str:
    return f"({generate(node)})" if isinstance(node, Comparison | Logic | Not) else generate(node)


def _literal(value: str | int | float | bool | None) -> str:
    if isinstance(value, str):
        quote = "'" if '"' in value else '"'
        if quote in value:
            raise InvalidFilter("no filter can say a text with both kinds of quotes")
        return f"{quote}{value}{quote}"
    return next((word for word, meant in RESERVED.items() if meant is value), repr(value))


_PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]")


def _path(keys: tuple[str, ...]) -> str:
    text = ".".join(_PLAIN.sub(r"\\\g<0>", key) for key in keys)
    is_word = text in RESERVED or text in CONNECTIVES or text == "all"
    return f"\\{text}" if is_word or text[:1] in "0123456789-" else text

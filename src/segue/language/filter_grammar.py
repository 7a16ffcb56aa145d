"""From tokens to a filter expression.

    expression = all { "or" all }                 all = member { "and" member }
    member     = value [ operator value ]         operator = "=" "!=" ">" ">=" "<" "<=" "in"
    value      = literal | path | list | function "(" value { "," value } ")" | "(" expression ")" | "!" value
    list       = "[" [ literal-or-path { "," literal-or-path } ] "]"

What could never be evaluated is refused here, while its author is looking: a text where true or false is
needed, a function of the wrong kind of value, a pattern that is none.
"""

import difflib
from collections.abc import Callable
from typing import Final

from segue.language import glob
from segue.language.filter_expression import (
    Call,
    Comparison,
    Items,
    Literal,
    Logic,
    Node,
    Not,
    Path,
)
from segue.language.filter_functions import ANY, FUNCTIONS, kind_of
from segue.language.filter_scanner import Token, scan, shown
from segue.model.errors import InvalidFilter

DEEPEST: Final = 50
"""Most levels of parentheses, functions and ``!`` inside one another."""


def read(text: str) -> Node:
    """Parse an expression. Raises InvalidFilter."""
    return _Reader(text).whole()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = scan(text)
        self.index = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def whole(self) -> Node:
        start = self.token
        node = self.expression()
        if self.token.kind != "end":
            before = self.tokens[self.index - 1]
            if before.text.lower() == "not":
                raise self.fault(before, 'Write "!" for not, before a field, a function or a parenthesis.')
            raise self.fault(self.token, f"unexpected {shown(self.token.text)}. {_instead(self.token)}")
        self.want(node, BOOLEAN, start, "a filter")
        return node

    def expression(self) -> Node:
        return self.joined("or")

    def joined(self, joint: str) -> Node:
        starts, members = [], []
        while True:
            starts.append(self.token)
            members.append(self.joined("and") if joint == "or" else self.member())
            if self.token.kind != joint:
                break
            self.index += 1
        if len(members) == 1:
            return members[0]
        for start, member in zip(starts, members, strict=True):
            self.want(member, BOOLEAN, start, f'"{joint}"')
        return Logic("and" if joint == "and" else "or", tuple(members))

    def member(self) -> Node:
        start = self.token
        left = self.value()
        sign = self.token
        if sign.kind != "operator":
            return left
        if isinstance(left, Not) and start.kind == "!":
            raise self.fault(start, '"!" before a comparison is ambiguous. Write: !(field = "value")')
        self.index += 1
        second = self.token
        right = self.value()
        if self.token.kind == "operator":
            raise self.fault(self.token, 'a comparison has two sides. Join several with "and".')
        if isinstance(right, Not) and second.kind == "!":
            raise self.fault(second, '"!" cannot stand here. Put parentheses around it.')
        if sign.text == "in":
            self.want(left, ANY - {"list", "object"}, start, '"in"')
            self.want(right, LIST, second, '"in"')
        elif sign.text not in ("=", "!="):
            self.want(left, NUMBER, start, f'"{sign.text}"')
            self.want(right, NUMBER, second, f'"{sign.text}"')
        return Comparison(left, sign.text, right)

    def value(self) -> Node:
        token = self.token
        self.index += token.kind != "end"
        match token.kind:
            case "value":
                return Literal(token.value)
            case "path" if self.token.kind == "(":
                return self.nested(token, self.call)
            case "path":
                return Path(token.keys)
            case "[":
                return self.items()
            case "(":
                return self.nested(token, self.group)
            case "!":
                return self.nested(token, self.negation)
        raise self.fault(token, f"expected a field or a value, found {shown(token.text)}. {_instead(token)}")

    def nested(self, token: Token, read: Callable[[Token], Node]) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.fault(token, f"more than {DEEPEST} levels inside one another. Split the filter.")
        node = read(token)
        self.depth -= 1
        return node

    def group(self, token: Token) -> Node:
        node = self.expression()
        self.close(token, ")")
        return node

    def negation(self, token: Token) -> Node:
        start = self.token
        node = self.value()
        self.want(node, BOOLEAN, start, '"!"')
        return Not(node)

    def items(self) -> Node:
        members: list[Literal | Path] = []
        for start, member in self.listed(self.tokens[self.index - 1], "]"):
            if not isinstance(member, Literal | Path):
                raise self.fault(start, "a list holds texts, numbers, true, false, null and fields only.")
            members.append(member)
        return Items(tuple(members))

    def call(self, name: Token) -> Node:
        function = FUNCTIONS.get(name.text)
        if function is None:
            close = difflib.get_close_matches(name.text.lower(), FUNCTIONS, n=1)
            remedy = f"Did you mean {close[0]}?" if close else f"The functions are {', '.join(FUNCTIONS)}."
            raise self.fault(name, f"there is no function {shown(name.text)}. {remedy}")
        opened = self.token
        self.index += 1
        placed = self.listed(opened, ")")
        arguments = tuple(argument for _, argument in placed)
        if len(arguments) != len(function.takes):
            count = len(function.takes)
            values = "1 value" if count == 1 else f"{count} values"
            raise self.fault(name, f"{name.text} takes {values}, found {len(arguments)}.")
        for (start, argument), kinds in zip(placed, function.takes, strict=True):
            self.want(argument, kinds, start, name.text)
        if name.text == "match" and isinstance(arguments[1], Literal) and isinstance(arguments[1].value, str):
            self.check_pattern(placed[1][0], arguments[1].value)
        return Call(name.text, arguments)

    def listed(self, opened: Token, closing: str) -> list[tuple[Token, Node]]:
        """What stands between an opening sign and the closing one, with commas; each with its first token."""
        found: list[tuple[Token, Node]] = []
        while self.token.kind != closing or found:
            found.append((self.token, self.expression()))
            if self.token.kind != ",":
                break
            self.index += 1
        self.close(opened, closing)
        return found

    def check_pattern(self, token: Token, pattern: str) -> None:
        try:
            glob.compile_glob(pattern)
        except InvalidFilter as error:
            quoted = 0 if token.kind == "(" else 1
            position = token.start + quoted + error.position
            raise InvalidFilter(error.message, text=self.text, position=position) from error

    def close(self, opened: Token, sign: str) -> None:
        if self.token.kind != sign:
            if self.token.kind == "end":
                raise self.fault(opened, f'this "{opened.text}" has no "{sign}". Add it.')
            raise self.fault(
                self.token, f'expected "{sign}", found {shown(self.token.text)}. {_instead(self.token)}'
            )
        self.index += 1

    def want(self, node: Node, kinds: frozenset[str], start: Token, by: str) -> None:
        possible = kinds_of(node) - {"null"}
        if possible and not possible & kinds:
            raise self.fault(
                start,
                f"{by} takes {_either(kinds)}, but this is always {_either(possible)}. {_REMEDY.get(by, '')}",
            )

    def fault(self, token: Token, message: str) -> InvalidFilter:
        return InvalidFilter(message.rstrip(), text=self.text, position=token.start)


BOOLEAN: Final = frozenset({"bool"})
NUMBER: Final = frozenset({"number"})
LIST: Final = frozenset({"list"})
_REMEDY: Final = {"a filter": 'Compare it: type = "track".', '"in"': "Write: type in ['track', 'page']"}


def kinds_of(node: Node) -> frozenset[str]:
    """The kinds of value an expression can have; a path can have any."""
    match node:
        case Literal(value):
            return frozenset({kind_of(value)})
        case Path():
            return ANY
        case Items():
            return LIST
        case Call(name, _):
            function = FUNCTIONS[name]
            return frozenset({function.gives, "null"} if function.null is None else {function.gives})
    return BOOLEAN


def _either(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))


def _instead(token: Token) -> str:
    word = token.text.lower()
    if word in ("and", "or", "in") and token.kind == "path":
        return f'Write "{word}" in lower case.'
    if word in FUNCTIONS:
        more = ', "text"' if len(FUNCTIONS[word].takes) > 1 else ""
        return f"Write: {word}(field{more})"
    if token.kind in ("path", "value"):
        return 'Join conditions with "and" or "or"; put a backslash before a blank that belongs to a name.'
    return ""

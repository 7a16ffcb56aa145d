"""The published reading of a trigger: what the original makes of the same tokens.

Its parser is one loop that reacts to the tokens it knows and passes over all others in silence, gives a
list one connective for all its members (the last one seen), and ends a group at the first ``)``. Ours
follows the usual meaning instead (see `segue.language.grammar`); this one exists so that a trigger whose
two readings differ can say so.

Source  published package ``@segment/destination-subscriptions`` 3.37.0, observed behaviour, recorded 2026-11
"""

from collections import deque
from collections.abc import Iterable
from typing import Literal

import msgspec

from segue.language.condition import TYPES, Condition, call, comparison
from segue.language.scanner import Token


class Loose(msgspec.Struct, frozen=True):
    """A group of the published reading. A member may be None: a condition without meaning."""

    operator: Literal["and", "or"]
    children: tuple["Condition | Loose | None", ...]


Reading = Condition | Loose | None


def read(tokens: Iterable[Token]) -> Loose | None:
    """Read tokens as the original does; the root is always a group. None: it finds no trigger in them."""
    try:
        node = _read_list(deque(tokens))
    except _UnreadableError:
        return None
    return node if isinstance(node, Loose | None) else Loose("and", (node,))


class _UnreadableError(ValueError):
    """A token is missing."""


_FUNCTIONS = frozenset({"contains", "match"})
_EXACT = frozenset({"event", "name", "userId"})
_ROOTS = ("properties", "traits", "context")


def _read_list(tokens: deque[Token]) -> Reading:
    nodes: list[Reading] = []
    operator: Literal["and", "or"] = "and"
    while tokens and tokens[0].kind != "end":
        token = tokens.popleft()
        if token.kind == "word":
            root, _, rest = token.value.partition(".")
            if root in TYPES:
                sign, value = _take(tokens), _take(tokens)
                kind = TYPES[root]
                name = (rest or root) if root in _ROOTS else ""
                nodes.append(comparison(kind, name, sign.value, value))
            elif token.value in _FUNCTIONS:
                nodes += _read_call(token.value, tokens, negated=False)
        elif token.kind == "not":
            if tokens and tokens[0].kind == "word" and tokens[0].value in _FUNCTIONS:
                nodes += _read_call(tokens.popleft().value, tokens, negated=True)
        elif token.kind == "connective":
            operator = "or" if token.value == "or" else "and"
        elif token.kind == "(":
            nodes.append(_read_group(tokens))
    if len(nodes) > 1:
        return Loose(operator, tuple(nodes))
    return nodes[0] if nodes else None


def _read_group(tokens: deque[Token]) -> Reading:
    inner: deque[Token] = deque()
    while (token := _take(tokens)).kind != ")":
        inner.append(token)
    inner.append(Token("end", "eos", token.start, token.start))
    return _read_list(inner)


def _read_call(function: str, tokens: deque[Token], *, negated: bool) -> list[Reading]:
    if tokens:
        tokens.popleft()  # the "(", unchecked
    field = _take(tokens)
    if tokens:
        tokens.popleft()  # the ","
    value = _take(tokens)
    if tokens:
        tokens.popleft()  # the ")"
    if field.value in _EXACT:
        return [call(function, TYPES[field.value], "", value, negated=negated)]
    for root in _ROOTS:
        if field.value.startswith(root):
            name = field.value.removeprefix(f"{root}.")
            return [call(function, TYPES[root], name, value, negated=negated)]
    return []


def _take(tokens: deque[Token]) -> Token:
    if not tokens:
        raise _UnreadableError("a token is missing")
    return tokens.popleft()

"""Our reading of a trigger: tokens in, conditions out, with the usual meaning of every sign.

    trigger    = list ;
    list       = member { connective member } ;             (* "and" binds tighter than "or" *)
    member     = condition | "(" list ")" | ( "!" | "not" ) member ;
    condition  = field operator value | ( "contains" | "match" ) "(" field "," value ")" ;
    connective = "and" | "or" ;                             (* in any case; nothing at all means "and" *)

What the published parser passes over in silence is read where its meaning is plain, with a remark, and
refused with the remedy where it is not: a trigger never becomes wider than it is written.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from segue.language.condition import (
    DEEPEST,
    FIELDS,
    TESTS,
    TYPES,
    UNARY,
    Condition,
    Group,
    Node,
    call,
    comparison,
)
from segue.language.scanner import Token
from segue.model.errors import InvalidTrigger

RemarkKind = Literal[
    "precedence", "capitals", "nesting", "negation", "call-in-group", "field", "connective", "punctuation",
    "literal", "root", "operator", "reading",
]  # fmt: skip


class Remark(msgspec.Struct, frozen=True):
    """Something about a trigger its author may not expect.

    kind      which construct; ``reading`` is the one that shows both readings of an ambiguous trigger
    message   a sentence or two for the author
    position  index of the character it is about
    """

    kind: RemarkKind
    message: str
    position: int = 0

    def __str__(self) -> str:
        return self.message


def read(text: str, tokens: Sequence[Token]) -> tuple[Node, tuple[Remark, ...]]:
    """Read the tokens of a trigger. Raises InvalidTrigger with the place and the remedy."""
    reader = _Reader(text, tokens)
    node = reader.members(0)
    if reader.token.kind == ")":
        raise reader.fault(reader.token, 'no "(" belongs to this ")". Remove it.')
    if node is None:
        raise reader.fault(reader.token, 'a trigger needs at least one condition. Write: type = "track"')
    return node, tuple(reader.remarks)


_FUNCTIONS: Final = frozenset({"contains", "match"})
_CONNECTIVES: Final = frozenset({"and", "or"})
_NAMED_ROOTS: Final = frozenset({"properties", "traits", "context"})
_INFIX: Final = frozenset(TESTS) - UNARY
_REMEDIES: Final = {
    "in": 'Write: (event = "a" or event = "b")',
    "is": 'Write "=".',
    "like": 'Write: contains(field, "text") or match(field, "text*")',
    "between": "Write: field >= 1 and field <= 9",
}


class _Reader:
    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.index = 0
        self.remarks: list[Remark] = []

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.tokens[self.index]
        if token.kind != "end":
            self.index += 1
        return token

    def follows(self, *kinds: str) -> bool:
        """Say whether the tokens after the current one are of these kinds."""
        start = self.index + 1
        return tuple(token.kind for token in self.tokens[start : start + len(kinds)]) == kinds

    def remark(self, kind: RemarkKind, token: Token, message: str) -> None:
        self.remarks.append(Remark(kind, message, token.start))

    def fault(self, token: Token, message: str) -> InvalidTrigger:
        return InvalidTrigger(message, text=self.text, position=token.start)

    # -- lists -----------------------------------------------------------------------------------

    def members(self, depth: int) -> Node | None:
        """Read a list up to its ``)`` or the end; None when it is empty."""
        members: list[Node] = []
        connectives: list[str] = []
        start = self.token
        calls = -1
        while True:
            connective = self.connective(first=not members)
            if self.token.kind in ("end", ")"):
                break
            if calls >= 0 and depth:
                self.remark(
                    "call-in-group",
                    self.tokens[calls],
                    "The group goes on after this parenthesis.",
                )
            calls = self.index if self.at_call() else -1
            if members:
                connectives.append(connective or "and")
                if connective is None:
                    self.remark(
                        "connective", self.token, 'Without "and" or "or" before it this is read as "and".'
                    )
            members.append(self.member(depth))
        if connective is not None and members:
            self.remark("connective", self.token, f'Nothing follows this "{connective}"; it is left out.')
        if not members:
            return None
        return self.joined(members, connectives, start)

    def joined(self, members: list[Node], connectives: list[str], start: Token) -> Node:
        if len(members) == 1:
            return members[0]
        if "or" not in connectives:
            return Group("and", tuple(members))
        if "and" not in connectives:
            return Group("or", tuple(members))
        self.remark(
            "precedence",
            start,
            '"and" binds tighter than "or" here. Parentheses around what belongs together make it plain.',
        )
        runs: list[list[Node]] = [[members[0]]]
        for connective, member in zip(connectives, members[1:], strict=True):
            if connective == "or":
                runs.append([member])
            else:
                runs[-1].append(member)
        return Group("or", tuple(run[0] if len(run) == 1 else Group("and", tuple(run)) for run in runs))

    def connective(self, *, first: bool) -> str | None:
        """Pass over connectives and loose punctuation before a member; give the last connective."""
        found: str | None = None
        while True:
            token = self.token
            word = token.value.lower()
            if token.kind == "connective" or (token.kind == "word" and word in _CONNECTIVES):
                if token.kind == "word":
                    self.remark("capitals", token, f'"{token.value}" is read as "{word}".')
                if found is not None or first:
                    self.remark("connective", token, f'This "{token.value}" connects nothing.')
                found = word
            elif token.kind in (",", "dot"):
                self.remark("punctuation", token, f'The "{token.value}" here has no meaning; it is left out.')
            else:
                return found
            self.take()

    def at_call(self) -> bool:
        index = self.index
        while self.tokens[index].kind == "not" or self.tokens[index].value.lower() == "not":
            index += 1
        return self.tokens[index].kind == "word" and self.tokens[index].value in _FUNCTIONS

    # -- members ---------------------------------------------------------------------------------

    def member(self, depth: int) -> Node:
        negations = 0
        while self.token.kind == "not" or (self.token.kind == "word" and self.token.value.lower() == "not"):
            token = self.take()
            negations += 1
            if token.kind == "word":
                self.remark("capitals", token, f'"{token.value}" is read as a negation.')
        token = self.token
        if token.kind == "word" and token.value in _FUNCTIONS and self.follows("("):
            node: Node = self.function(negated=bool(negations))
            negations -= bool(negations)
        elif token.kind == "(":
            node = self.group(depth)
        else:
            node = self.condition()
        if negations:
            self.remark("negation", token, "The negation covers what stands after it.")
        for _ in range(negations % 2):
            node = Group("not", (node,))
        return node

    def group(self, depth: int) -> Node:
        opening = self.take()
        if depth:
            self.remark("nesting", opening, "This group stands inside another one.")
        if depth >= DEEPEST:
            raise self.fault(opening, f"parentheses stand more than {DEEPEST} deep; write it flatter.")
        node = self.members(depth + 1)
        if node is None and self.token.kind != "end":
            raise self.fault(opening, "there is no condition between these parentheses. Remove them.")
        if node is None or self.token.kind == "end":
            raise self.fault(opening, 'this "(" is never closed. Add ")".')
        self.take()
        return node

    def condition(self) -> Node:
        token = self.token
        if token.kind != "word":
            touching = token.kind == "text" and token.start < self.tokens[self.index - 1].end
            raise self.fault(token, _TOUCHING if self.index and touching else _stray(token))
        kind, name = self.field(self.take())
        operator = self.operator(token)
        return comparison(kind, name, operator, self.value(f"{token.value} {operator}"))

    def function(self, *, negated: bool) -> Condition:
        function = self.take().value
        example = f'{function}(event, "text")'
        self.take()
        field = self.take()
        if field.kind != "word":
            raise self.fault(field, f"expected a field, found {_shown(field)}. Write: {example}")
        kind, name = self.field(field)
        if kind == "event-type":
            self.remark("field", field, f"The published {function} ignores the field type; here it is read.")
        comma = self.take()
        if comma.kind != ",":
            raise self.fault(comma, f'expected "," after the field, found {_shown(comma)}. Write: {example}')
        value = self.value(f"{function}({field.value},")
        closing = self.take()
        if closing.kind != ")":
            raise self.fault(
                closing, f'expected ")" after the value, found {_shown(closing)}. Write: {example}'
            )
        return call(function, kind, name, value, negated=negated)

    def field(self, token: Token) -> tuple[str, str]:
        """Give condition type and name of a field."""
        root, _, rest = token.value.partition(".")
        if root in _NAMED_ROOTS:
            if not rest:
                self.remark("root", token, f'"{root}" alone means the member {root}.{root}.')
            return TYPES[root], rest or root
        if root in TYPES:
            if rest:
                self.remark("root", token, f'"{token.value}" means {root}; what follows the dot is not read.')
            return TYPES[root], ""
        if root in FIELDS:
            self.remark("field", token, f'The published language ignores conditions on "{token.value}".')
            return "event-field", token.value
        if self.token.kind == "(":
            raise self.fault(
                token,
                f'unknown function "{token.value}"; write contains(field, "text") or match(field, "text*").',
            )
        raise self.fault(
            token,
            f'unknown field "{token.value}"; a field is type, event, name, userId, properties.…, traits.…, '
            f"context.… or another member of an event ({', '.join(sorted(FIELDS))}).{_meant(root)}",
        )

    def operator(self, field: Token) -> str:
        token = self.take()
        if token.kind == "operator":
            return token.value
        if token.kind == "word" and token.value in _INFIX:
            self.remark("operator", token, f'"{token.value}" between field and value is read as a test.')
            return token.value
        if token.kind == "dot":
            part = self.token.value.rstrip(".")
            raise self.fault(token, f'"{part}" after a dot needs a backslash. Write: {field.value}.\\{part}')
        if token.kind == "[":
            raise self.fault(token, f"brackets need backslashes. First element: {field.value}.\\0")
        remedy = _REMEDIES.get(token.value.lower(), "")
        raise self.fault(
            token,
            f'"{field.value}" needs one of = != < <= > >= after it, found {_shown(token)}. {remedy}'.strip(),
        )

    def value(self, before: str) -> Token:
        token = self.take()
        if token.kind == "connective":
            self.remark("literal", token, f'"{token.value}" is read as the text to compare with.')
        elif token.kind not in ("text", "number", "word", "null"):
            hint = 'Write "0" before the point.' if token.kind == "dot" else 'Write: "text", 5, true or null'
            raise self.fault(token, f"a value must follow {before}, found {_shown(token)}. {hint}")
        elif token.kind == "number" and token.value in "+-":
            raise self.fault(token, f'"{token.value}" without digits is no number.')
        elif token.kind == "text" and token.value[0] == "'":
            self.remark(
                "literal", token, f"Single quotes are part of the text: {token.value}. Use double quotes."
            )
        elif token.cut:
            self.remark(
                "literal",
                token,
                f'This word at the very end is read as "{token.value}". Put it in quotes.',
            )
        return token


_TOUCHING: Final = (
    "this quote ends a text and, as no blank follows, begins another. Put a blank after it; a text cannot "
    "hold its own quote."
)


def _stray(token: Token) -> str:
    match token.kind:
        case "text" | "number" | "null":
            return f"{_shown(token)} stands where a condition should begin. Write: field = value"
        case "[" | "]":
            return 'brackets have no meaning here. Write: (event = "a" or event = "b")'
        case _:
            return f"{_shown(token)} stands where a condition should begin."


def _shown(token: Token) -> str:
    if token.kind == "end":
        return "the end of the trigger"
    return token.value if token.kind == "text" else f'"{token.value}"'


def _meant(root: str) -> str:
    """Suggest a field that differs in case or by a missing or doubled letter."""
    known = [*TYPES, *FIELDS, *_FUNCTIONS]
    for word in known:
        same_letters = root.lower() == word.lower()
        near = abs(len(root) - len(word)) == 1 and _is_one_longer(*sorted((root, word), key=len))
        if same_letters or near:
            return f' Did you mean "{word}"?'
    return ""


def _is_one_longer(short: str, long: str) -> bool:
    return any(long[:index] + long[index + 1 :] == short for index in range(len(long)))

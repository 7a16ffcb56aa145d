"""Which trigger texts follow the grammar the original accepts on purpose, judged from their tokens alone.

    trigger    = clause { connective clause } ;
    clause     = condition | "(" condition { connective condition } ")" ;
    condition  = field operator value | [ "!" ] ( "contains" | "match" ) "(" field "," value ")" ;

Written apart from our parser, so that it can judge it.
"""

from collections.abc import Iterator

from segue.language.scanner import Token, scan
from segue.model.errors import InvalidTrigger


class OutsideError(Exception):
    """The text does not follow the grammar."""


class Grammar:
    """Walks the tokens; notes the two constructs of the grammar that we read differently on purpose."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens: Iterator[Token] = iter(tokens)
        self.token = next(self.tokens)
        self.traits: set[str] = set()

    def advance(self) -> Token:
        token = self.token
        self.token = next(self.tokens, Token("end", "eos", 0, 0))
        return token

    def expect(self, *kinds: str) -> Token:
        if self.token.kind not in kinds:
            raise OutsideError(self.token)
        return self.advance()

    def list(self, *, inside: bool) -> None:
        connectives = set()
        calls = self.clause(inside=inside)
        while self.token.kind == "connective":
            if inside and calls:
                self.traits.add("call in a group")
            connectives.add(self.advance().value)
            calls = self.clause(inside=inside)
        if len(connectives) == 2:
            self.traits.add("mixed and/or")

    def clause(self, *, inside: bool) -> bool:
        if self.token.kind == "(" and not inside:
            self.advance()
            self.list(inside=True)
            self.expect(")")
            return False
        return self.condition()

    def condition(self) -> bool:
        negated = self.token.kind == "not"
        if negated:
            self.advance()
        word = self.expect("word")
        if word.value in ("contains", "match"):
            self.expect("(")
            self.field(self.expect("word"), call=True)
            self.expect(",")
            self.value()
            self.expect(")")
            return True
        if negated:
            raise OutsideError(word)
        self.field(word, call=False)
        self.expect("operator")
        self.value()
        return False

    def field(self, word: Token, *, call: bool) -> None:
        root, _, rest = word.value.partition(".")
        named = root in ("properties", "traits", "context") and bool(rest)
        plain = word.value in ("event", "name", "userId") or (word.value == "type" and not call)
        if not named and not plain:
            raise OutsideError(word)

    def value(self) -> None:
        token = self.expect("text", "number", "word", "null")
        if token.kind == "number" and token.value in "+-":
            raise OutsideError(token)


def traits(text: str) -> set[str] | None:
    """Give the constructs of a grammatical text that we read differently; None for other texts."""
    try:
        grammar = Grammar(scan(text))
        grammar.list(inside=False)
        grammar.expect("end")
    except (InvalidTrigger, OutsideError):
        return None
    return grammar.traits

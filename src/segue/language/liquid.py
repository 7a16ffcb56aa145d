"""Liquid templates in mappings, as the original's engine prints them.

    render_with("{{ shop | upcase }}: {{ n | plus: 1 }}", pointer)({"shop": "Nord", "n": 7})  ->  "NORD: 8"

The syntax is python-liquid's; lookup, comparison, output and filters are ours and follow JavaScript:
missing values print nothing, arrays their elements side by side, objects ``[object Object]``.

Limits  source 1,000 UTF-16 units; every text and the output 1,000,000 characters, lists likewise.
        There is no clock here to stop a slow template: loops, includes and growing text are impossible
        instead, so the work is bounded by the source and the event.
Source  liquidjs 10.27 documentation and observed behaviour, recorded 2026-11
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from liquid import BoundTemplate, Environment, RenderContext, Token, TokenStream
from liquid.ast import Node
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, tokenize
from liquid.builtin.expressions.filtered import Filter
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalNotExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
    parse_boolean_primitive,
)
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.token import TOKEN_EOF, TOKEN_EXPRESSION, TOKEN_OUTPUT, TOKEN_PIPE

from segue.language.javascript import WHITESPACE, length_of
from segue.language.liquid_filters import FILTERS
from segue.language.liquid_values import MISSING, plain, read, stringify, tests
from segue.language.template import LONGEST, bounded
from segue.model.errors import InvalidMapping

LONGEST_SOURCE: Final = 1000

DISABLED_TAGS: Final = ("case", "for", "include", "layout", "render", "tablerow")
DISABLED_FILTERS: Final = frozenset(
    {
        "array_to_sentence_string",
        "concat",
        "find",
        "find_exp",
        "find_index",
        "find_index_exp",
        "group_by",
        "group_by_exp",
        "has",
        "has_exp",
        "map",
        "newline_to_br",
        "reject",
        "reject_exp",
        "reverse",
        "sort",
        "sort_natural",
        "uniq",
        "where_exp",
        "type",
    }
)

# What hostile sources make the library raise beside its own errors.
_FAILURES: Final = (
    LiquidError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def problem_with(source: str) -> str:
    """Say what is wrong with a template; "" when it can be rendered."""
    size = length_of(source)
    if size > LONGEST_SOURCE:
        return f"the template must have at most {LONGEST_SOURCE:,} characters, has {size:,}"
    try:
        _ENVIRONMENT.from_string(source)
    except _FAILURES as fault:
        return f"the template does not parse: {_sentence(fault)}"
    return ""


def render_with(source: str, pointer: str) -> Callable[[Any], str]:
    """Give the renderer of a template that has no problem. Rendering raises InvalidMapping."""
    nodes = _ENVIRONMENT.from_string(source)

    def render(payload: Any) -> str:
        page: Any = _Page()
        context = _Context(nodes, globals=payload if type(payload) is dict else {})
        try:
            for node in nodes.nodes:
                node.render(context, page)
        except _FAILURES as fault:
            raise InvalidMapping([(pointer, f"the template failed: {_sentence(fault)}")]) from fault
        return bounded(str(page.getvalue()), pointer)

    return render


def _sentence(fault: BaseException) -> str:
    if isinstance(fault, RecursionError) or isinstance(fault.__cause__, RecursionError):
        return "it is nested too deep"
    sentence = str(getattr(fault, "message", None) or fault or type(fault).__name__)
    for tag in DISABLED_TAGS:
        if sentence == f"unexpected tag '{tag}'":
            return f'the tag "{tag}" is disabled'
    return sentence


# --- the environment ----------------------------------------------------------------------------


class _Page:
    """An output in memory that refuses to grow past the limit."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size = 0

    def write(self, text: str) -> int:
        self.size += len(text)
        if self.size > LONGEST:
            raise ValueError(f"the output has more than {LONGEST:,} characters")
        self.pieces.append(text)
        return len(text)

    def getvalue(self) -> str:
        return "".join(self.pieces)


class _Context(RenderContext):
    """Lookup and filters in the original's manner."""

    def get(self, path: list[object], *, token: Token | None, default: object = MISSING) -> object:
        root = path[0]
        value: object = MISSING
        for scope in (self.locals, self.globals, self.counters):
            if isinstance(root, str) and root in scope:
                value = scope[root]
                break
        for key in path[1:]:
            value = read(value, key)
        return value

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        if name in DISABLED_FILTERS:
            raise LiquidError(f'the filter "{name}" is disabled', token=token)
        function = FILTERS.get(name)
        if function is None:
            return lambda value, *arguments, **named: value

        def call(value: object, *arguments: object, **named: object) -> object:
            try:
                return plain(function(plain(value), *map(plain, arguments), **named))
            except TypeError as fault:
                raise LiquidError(f'the filter "{name}" cannot take these arguments', token=token) from fault

        return call

    def get_buffer(self, buf: Any = None) -> Any:
        return _Page()


class _Template(BoundTemplate):
    context_class = _Context


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        return int(buffer.write(stringify(plain(self.expression.evaluate(context)))))


class _Output(Output):
    """``{{ … }}``, which also takes comparisons, as the original's does."""

    node_class = _OutputNode

    def parse(self, stream: TokenStream) -> OutputNode:
        token = stream.eat(TOKEN_OUTPUT)
        written = stream.expect(TOKEN_EXPRESSION)
        source = written.value.rstrip(WHITESPACE).removesuffix("|")
        tokens = TokenStream(tokenize(source, written))
        left = _with_comparisons(parse_boolean_primitive(self.env, tokens))
        filters = Filter.parse(self.env, tokens, delim=(TOKEN_PIPE,))
        tokens.eat(TOKEN_EOF)
        return self.node_class(token, FilteredExpression(left.token, left, filters))


class _EchoNode(EchoNode):
    render_to_output = _OutputNode.render_to_output


class _Echo(EchoTag):
    node_class = _EchoNode


_TESTS: Final[dict[type, str]] = {
    EqExpression: "==",
    NeExpression: "!=",
    LtExpression: "<",
    LeExpression: "<=",
    GtExpression: ">",
    GeExpression: ">=",
    ContainsExpression: "contains",
}


class _Comparison(Expression):
    """A comparison by JavaScript's rules."""

    __slots__ = ("left", "right", "test")

    def __init__(self, token: Token, left: Expression, right: Expression, operator: str) -> None:
        super().__init__(token)
        self.left = left
        self.right = right
        self.test = tests[operator]

    def evaluate(self, context: RenderContext) -> object:
        return self.test(plain(self.left.evaluate(context)), plain(self.right.evaluate(context)))

    def children(self) -> list[Expression]:
        return [self.left, self.right]


def _with_comparisons(expression: Any) -> Any:
    """Put our comparisons in place of the library's, in an expression and all under it."""
    operator = _TESTS.get(type(expression))
    if operator:
        left, right = _with_comparisons(expression.left), _with_comparisons(expression.right)
        return _Comparison(expression.token, left, right, operator)
    if isinstance(expression, BooleanExpression):
        expression.expression = _with_comparisons(expression.expression)
    elif isinstance(expression, LogicalAndExpression | LogicalOrExpression):
        expression.left = _with_comparisons(expression.left)
        expression.right = _with_comparisons(expression.right)
    elif isinstance(expression, LogicalNotExpression):
        expression.right = _with_comparisons(expression.right)
    return expression


def _compared(node: Any) -> Any:
    if hasattr(node, "condition"):
        node.condition = _with_comparisons(node.condition)
        for alternative in node.alternatives or ():
            alternative.expression = _with_comparisons(alternative.expression)
    return node


class _If(IfTag):
    def parse(self, stream: TokenStream) -> Node:
        node: Node = _compared(super().parse(stream))
        return node


class _Unless(UnlessTag):
    def parse(self, stream: TokenStream) -> Node:
        node: Node = _compared(super().parse(stream))
        return node


_PIECE: Final = re.compile(
    r"""(?P<text>"[^"]*"|'[^']*')|(?P<path>[^\W\d][\w-]*\??(?:\.[\w-]+\??)+)|(?P<rest>(?<=\])(?:\.[\w-]+\??)+)"""
    r"""|\d[\w.]*"""
)
_INDEX: Final = re.compile(r"-?\d+")


def _with_plain_members(expression: str) -> str:
    """Put members that the library takes for keywords or numbers in brackets: ``a.nil``, ``list.0``."""

    def rewrite(match: re.Match[str]) -> str:
        if match["path"] is None and match["rest"] is None:
            return match[0]
        first, *members = match[0].split(".")
        return first + "".join(f"[{name}]" if _INDEX.fullmatch(name) else f'["{name}"]' for name in members)

    return _PIECE.sub(rewrite, expression)


class _Environment(Environment):
    template_class = _Template
    suppress_blank_control_flow_blocks = False
    logical_not_operator = True
    string_sequences = True

    def tokenizer(self) -> Callable[[str], Iterator[Token]]:
        tokens_of = super().tokenizer()

        def read_tokens(source: str) -> Iterator[Token]:
            for token in tokens_of(source):
                if token.kind == TOKEN_EXPRESSION and "." in token.value:
                    yield token._replace(value=_with_plain_members(token.value))
                else:
                    yield token

        return read_tokens

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name in (*DISABLED_TAGS, "ifchanged", "doc"):
            self.tags.pop(name, None)
        for tag in (_Output, _Echo, _If, _Unless):
            self.add_tag(tag)


_ENVIRONMENT: Final = _Environment()

"""The filter language: what it means, what it refuses, and that nothing else ever comes out of it."""

import contextlib
import re
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.language import filter as filters
from segue.language import filter_expression as parts
from segue.language import glob
from segue.language.filter_functions import FUNCTIONS
from segue.model.errors import InvalidFilter, UnfilterableEvent

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Button Clicked",
    "userId": "u1",
    "context": {"library": {"name": "analytics.js", "version": "1.0"}},
    "traits": {"email": "somebody@example.com", "plan": "Pro"},
    "properties": {
        "features": ["discounts", "dark-mode"],
        "product 1": {"price": "19.99"},
        "a.b": 1,
        "total": 5,
        "ratio": 0.5,
        "code": "5",
        "ok": True,
        "off": False,
        "nil": None,
        "blank": "",
        "products": [{"sku": "A1"}, {"sku": "B2"}],
        "in": "key",
        "größe": "L",
    },
}


def evaluate(text: str, event: dict[str, Any] | None = None) -> bool:
    """Parse and evaluate at once."""
    return filters.evaluate(filters.parse(text), EVENT if event is None else event)


TRUE = (
    # the published examples
    "event = 'Button Clicked'",
    "type = 'identify' or type = 'track'",
    "event = 'Button Clicked' and type = 'track'",
    "match( context.library.version, '1.*' )",
    "type = 'track' and ( event = 'Click' or match( event, 'Button *' ) )",
    "'dark-mode' in properties.features",
    "(type = 'track' or type = 'page') and ( properties.enabled or match( traits.email, '*@example.com' ) )",
    r'properties.product\ 1.price = "19.99"',
    "all",
    " all\n",
    # paths
    r"properties.a\.b = 1",
    r"properties.gr\ö\ße = 'L'",
    "properties.in = 'key'",
    "properties.products.1.sku = 'B2'",
    "properties.products.2.sku = null",
    "properties.code.length = null",
    "nothing.at.all = null",
    "properties.nil = null",
    "properties.ok",
    "!properties.off",
    "!properties.missing",
    "properties.features = ['discounts', 'dark-mode']",
    # strictness
    "properties.code = '5'",
    "properties.code != 5",
    "properties.ok != 1",
    "properties.ok != 'true'",
    "properties.ratio = 0.5 and properties.ratio = 5e-1",
    "properties.total = 5.0",
    "properties.total > -3 and properties.total >= 5 and properties.total < 5.5 and properties.total <= 5",
    "5 in [1, 5] and !(5 in ['5']) and null in [null]",
    "type in ['track', 'page']",
    "userId in [userId]",
    "!('x' in properties.missing) and !('x' in [])",
    "(properties.total > 3) = properties.ok",
    # precedence: and before or
    "type = 'track' or type = 'page' and event = 'no'",
    "!(type = 'page' or event = 'no')",
    "!!properties.ok",
    # null
    "!(properties.missing > 5) and !(properties.missing <= 5) and !(5 < null)",
    "contains(null, 'x') = false and contains(properties.nil, 'x') = false",
    "length(null) = 0 and length(properties.missing) = 0",
    "lowercase(null) = null and uppercase(nothing) = null",
    'typeof(null) = "null" and typeof(nothing) = "null"',
    "match(null, '*') = false",
    "!(properties.nil and properties.ok) and (properties.nil or properties.ok)",
    "bool(null) = false and string(null) = '' and number(null) = null",
    # functions
    "contains(traits.email, '@')",
    "!contains(traits.email, 'EXAMPLE')",
    "length('a') = 1 and length('ア') = 3 and length(properties.features) = 2",
    "lowercase(traits.plan) = 'pro' and uppercase(traits.plan) = 'PRO'",
    "snakecase('test string') = 'test_string' and kebabcase('test string') = 'test-string'",
    "titlecase('test string') = 'Test String' and titlecase('aBC  d') = 'ABC  D'",
    "typeof(type) = 'string' and typeof(properties.total) = 'number' and typeof(properties.ratio) = 'number'",
    "typeof(properties.features) = 'list' and typeof(properties) = 'object' and typeof(traits.x) = 'null'",
    "typeof(properties.ok) = 'bool'",
    "contains(lowercase(traits.email), lowercase('SOME'))",
    "number(properties.code) > 4 and number('-1.5e1') = -15 and number(properties.total) = 5",
    "string(properties.total) = '5' and string(properties.ok) = 'true' and string(properties.ratio) = '0.5'",
    "string(properties.features) = '[\"discounts\",\"dark-mode\"]' and string(type) = 'track'",
    "bool(properties.features) and bool(1) and bool('yes') and bool(properties.ok)",
    "!bool(0) and !bool('') and !bool('False') and !bool([])",
    # whether a later member could be evaluated does not matter once the answer is known
    "type = 'track' or length(properties) > 1",
    "!(type = 'page' and length(properties) > 1)",
    # any white space
    "type\t=\r\n'track'",
    "type='track'",
)


@pytest.mark.parametrize("text", TRUE)
def test_an_expression_means_what_the_reference_says(text: str) -> None:
    """Each of these holds for the event above."""
    assert evaluate(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "event = 'Screen Tapped'",
        "context.path.path = '/login'",
        "match( context.library.version, '2.*' )",
        "!contains( context.library.name, 'js' )",
        "'blink' in properties.features",
        "!( type in ['track', 'identify'] )",
        "Type = 'track'",
        "event = 'button clicked'",
        "null",
        "properties.nil",
        "properties.features = ['dark-mode', 'discounts']",
        "all\\ ",
    ],
)
def test_an_expression_can_be_false(text: str) -> None:
    """Names and values count their case, lists their order; what is not there is no match."""
    assert evaluate(text) is False


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("length(properties) > 0", "length(properties) takes a list or a string, found an object"),
        ("length(properties.ok) > 0", "found a bool"),
        ("properties.code > 4", "properties.code > 4: > takes numbers, found a string"),
        ("4 < properties.features", "found a list"),
        ("type", "type stands for true or false, but is a string"),
        ("!properties.total", "properties.total stands for true or false, but is a number"),
        ("properties.ok and properties.total", "stands for true or false"),
        ("contains(properties.total, 'x')", "takes a string, found a number"),
        ("'a' in type", "in takes a list on its right, found a string"),
        ("properties in properties.features", "in takes one value on its left, found an object"),
        ("number(traits.plan) > 1", "number(traits.plan): the text is not a number"),
        ("bool(properties)", "found an object"),
        ("match(type, properties.a\\.b)", "takes a string, found a number"),
    ],
)
def test_what_does_not_fit_raises(text: str, says: str) -> None:
    """The caller fails closed; the message names the condition and the kinds, never a value."""
    with pytest.raises(UnfilterableEvent) as raised:
        evaluate(text)
    assert says in str(raised.value)
    assert "somebody" not in str(raised.value)
    assert "Pro" not in str(raised.value)


def test_a_pattern_from_the_event_that_is_none_raises_without_its_text() -> None:
    """What the event brings cannot break the language, nor appear in a message."""
    with pytest.raises(UnfilterableEvent, match="the pattern cannot be used") as raised:
        evaluate("match(event, traits.p)", {"event": "x", "traits": {"p": "secret[a"}})
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, 'Write "all" for every event.'),
        ('userId = oops"', 13, "no closing"),
        ("type == 'a'", 5, 'Write "=" once.'),
        ("type = 'a' && event = 'b'", 11, 'Write "and".'),
        ("type = 'a' || event = 'b'", 11, 'Write "or".'),
        ("type = “a”", 7, "straight quotes"),
        ("type = 'a' AND event = 'b'", 11, 'Write "and" in lower case.'),
        ("not contains(event, 'a')", 0, 'Write "!"'),
        ("type = 'a' event = 'b'", 11, "Join conditions"),
        ("properties.product 1 = 2", 19, "backslash before a blank"),
        ("properties.größe = 2", 13, "Put a backslash before it"),
        ("properties. = 2", 10, "a name is missing"),
        ("properties..a = 2", 10, "a name is missing"),
        ("a\\", 1, "escapes nothing"),
        ("5abc = 3", 0, "is no number"),
        ("properties.total > 1.2.3", 19, "is no number"),
        ("properties.total > 1e999", 19, "is no number"),
        ("a = " + "1" * 500, 4, "is no number"),
        ("(type = 'a'", 0, 'has no ")"'),
        ("type = 'a')", 10, 'unexpected ")"'),
        ("type in ['a'", 8, 'has no "]"'),
        ("type in ['a' 'b']", 13, 'expected "]"'),
        ("type in [[1]]", 9, "a list holds"),
        ("type = ", 7, "expected a field or a value"),
        ("and type = 'a'", 0, "expected a field or a value"),
        ("type = 'a' and", 14, "the end of the filter"),
        ("type contains 'a'", 5, 'Write: contains(field, "text")'),
        ("a = b = c", 6, "two sides"),
        ("!a = b", 0, "Write: !("),
        ("a = !b", 4, "parentheses"),
        ("contians(event, 'a')", 0, "Did you mean contains?"),
        ("frobnicate(event)", 0, "The functions are contains"),
        ("contains(event)", 0, "takes 2 values, found 1"),
        ("lowercase(event, 'a')", 0, "takes 1 value, found 2"),
        ("contains()", 0, "takes 2 values, found 0"),
        ("contains(event, 5)", 16, "contains takes string, but this is always number"),
        ("length(5) > 1", 7, "length takes list or string"),
        ("lowercase(event)", 0, "a filter takes bool, but this is always string"),
        ("'track'", 0, "a filter takes bool"),
        ("properties.ok and 5", 18, '"and" takes bool'),
        ("!lowercase(event)", 1, '"!" takes bool'),
        ("lowercase(event) > 5", 0, '">" takes number'),
        ("type in 'abc'", 8, '"in" takes list'),
        ("['a'] in properties.features", 0, '"in" takes'),
        ("match(event, '[a')", 14, "Add it"),
        ("match(event, 'a[z-a]')", 18, "runs backwards"),
        ("match(event, 'ab\\')", 16, "escapes nothing"),
        ("$.type = 'a'", 0, 'unexpected "$"'),
        ("type = '\x00'\x00", 10, "U+0000"),
    ],
)
def test_a_filter_that_cannot_work_is_refused_at_the_place(text: str, position: int, says: str) -> None:
    """Before it runs, with the place and what to write instead."""
    with pytest.raises(InvalidFilter) as raised:
        filters.parse(text)
    assert says in raised.value.message
    assert raised.value.position == position


def test_the_place_is_shown_under_the_line() -> None:
    """As for triggers: the line, and a mark below the character."""
    with pytest.raises(InvalidFilter) as raised:
        filters.parse("type = 'a'\nand event == 'b'")
    assert str(raised.value) == 'unexpected "==". Write "=" once.\n  and event == \'b\'\n            ^'


@pytest.mark.parametrize(
    "shell",
    ["({})", "!{}", "bool({})", "({} = a)", "(a and {})"],
    ids=["parentheses", "negations", "functions", "comparisons", "conditions"],
)
def test_depth_is_bounded(shell: str) -> None:
    """Fifty levels work, one more is refused, so that no text exhausts the stack."""
    text = "a"
    for _ in range(50):
        text = shell.format(text)
    assert not evaluate(text, {})
    with pytest.raises(InvalidFilter, match="more than 50 levels"):
        filters.parse(shell.format(text))


def test_size_is_bounded_in_bytes() -> None:
    """The published limit: 5 KB."""
    text = 'event = "{}"'
    filters.parse(text.format("x" * (5 * 1024 - 10)))
    with pytest.raises(InvalidFilter, match="at most 5,120 bytes, found 5,121"):
        filters.parse(text.format("x" * (5 * 1024 - 9)))
    with pytest.raises(InvalidFilter, match="bytes"):
        filters.parse(text.format("ア" * 2000))


def test_the_truth_table_tests_every_condition() -> None:
    """Also those that no longer matter, and those that cannot be evaluated."""
    table = filters.explain(
        filters.parse("type = 'page' and (!contains(event, 'Click') or length(properties) > 1)"), EVENT
    )
    assert table == [
        filters.Truth('type = "page"', "track", False),
        filters.Truth(
            "or",
            None,
            False,
            "length(properties) takes a list or a string, found an object",
            (
                filters.Truth(
                    "not",
                    None,
                    False,
                    children=(filters.Truth('contains(event, "Click")', "Button Clicked", True),),
                ),
                filters.Truth(
                    "length(properties) > 1",
                    EVENT["properties"],
                    False,
                    "length(properties) takes a list or a string, found an object",
                ),
            ),
        ),
    ]
    assert filters.explain(filters.parse("all"), EVENT) == [filters.Truth("true", None, True)]


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("", ()),
        ("userId", ("userId",)),
        ("context.traits", ("context", "traits")),
        ("properties.product 1", ("properties", "product 1")),
        (r"properties.product\ 1.a\.b", ("properties", "product 1", "a.b")),
    ],
)
def test_a_path_that_stands_alone_is_read_leniently(path: str, keys: tuple[str, ...]) -> None:
    """In an action a blank needs no backslash; a dot within a name does."""
    assert filters.split(path) == keys


@pytest.mark.parametrize("path", [".", "a.", ".a", "a..b", "\\"])
def test_a_path_with_a_missing_name_is_refused(path: str) -> None:
    """A dot stands between two names."""
    with pytest.raises(InvalidFilter, match="a name is missing"):
        filters.split(path)


# --- globs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pattern", "result"),
    [
        ("abcd", "a*d", True),
        ("", "*", True),
        ("abc", "ab", False),
        ("abcd", "a??d", True),
        ("abcd", "*d", True),
        ("ab*d", r"ab\*d", True),
        ("abXd", r"ab\*d", False),
        ("abCd", "ab[cC]d", True),
        ("abcd", "ab[a-z]d", True),
        ("abcd", "ab[A-Z]d", False),
        ("", "", True),
        ("a", "", False),
        ("", "?", False),
        ("a/b\nc", "a*c", True),
        ("\n", "?", True),
        ("é🎉", "??", True),
        ("x", "[^abc]", True),
        ("b", "[^abc]", False),
        ("", "[^abc]", False),
        ("]", r"[\]]", True),
        ("-", r"[a\-]", True),
        ("m", "[a-cm-o]", True),
        ("^", "[a^]", True),
        ("a.b", "a.b", True),
        ("axb", "a.b", False),
        ("aab", "a*ab", True),
        ("ab", "a***b", True),
        ("mississippi", "m*issip*", True),
        ("mississippi", "m*issix*", False),
    ],
)
def test_a_glob_matches_the_whole_text(text: str, pattern: str, result: bool) -> None:
    """The published table, and its edges."""
    assert glob.matches(pattern, text) is result


@pytest.mark.parametrize(
    "pattern", ["[", "[]", "[a", "[a-", "[a-]", "[-a]", "[^]", "a\\", "[z-a]", "x" * 1025]
)
def test_a_bad_glob_is_refused(pattern: str) -> None:
    """Never guessed at."""
    with pytest.raises(InvalidFilter):
        glob.compile_glob(pattern)


@given(st.text("ab*?", max_size=12), st.text("ab\n", max_size=12))
def test_globs_agree_with_the_standard_library(pattern: str, text: str) -> None:
    """For stars and question marks, an independent reading."""
    assert glob.matches(pattern, text) is fnmatchcase(text, pattern)


@pytest.mark.parametrize("pattern", ["*" + "a*" * 300 + "b", "*" + "a" * 1000 + "b", "*[a-y]?" * 100 + "b"])
def test_no_glob_is_slow(pattern: str) -> None:
    """Patterns that take other matchers minutes; the bound is far from the few milliseconds needed."""
    started = time.process_time()
    assert not glob.matches(pattern, "a" * 32_000)
    assert time.process_time() - started < 2


def parsed(text: str) -> tuple[filters.Expression | None, InvalidFilter | None]:
    """The expression, or why there is none."""
    try:
        return filters.parse(text), None
    except InvalidFilter as error:
        return None, error


# --- laws ---------------------------------------------------------------------------------------

PIECES = [
    *"()[],!=<>",
    "!=",
    ">=",
    "and",
    "or",
    "in",
    "null",
    "true",
    "all",
    "not",
    "type",
    "properties.a",
    "a\\ b",
    "5",
    "-1.5",
    "'x'",
    '"y"',
    "match(",
    "contains(",
    "length(",
    "'[a'",
    "\\",
    "$",
    "é",
    " ",
    "\n",
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join)))
def test_parsing_raises_only_its_own_error(text: str) -> None:
    """Whatever is written; and what parses evaluates, or says that it cannot."""
    expression, fault = parsed(text)
    if expression is None:
        assert fault is not None
        assert 0 <= fault.position <= len(text)
        assert str(fault)
        return
    filters.explain(expression, EVENT)
    with contextlib.suppress(UnfilterableEvent):
        assert filters.evaluate(expression, EVENT) in (True, False)
    assert filters.parse(filters.generate(expression.root)).root == expression.root


KEYS = st.text(min_size=1, max_size=6)
LITERALS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8).filter(lambda text: not ('"' in text and "'" in text)),
).map(parts.Literal)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple).map(parts.Path)
ITEMS = st.lists(st.one_of(LITERALS, PATHS), max_size=3).map(tuple).map(parts.Items)


def larger(inner: st.SearchStrategy[parts.Node]) -> st.SearchStrategy[parts.Node]:
    """Expressions made of expressions; paths stand wherever a kind is asked for."""
    yes = st.one_of(PATHS, inner)
    return st.one_of(
        st.builds(parts.Not, yes),
        st.builds(
            parts.Logic, st.sampled_from(["and", "or"]), st.lists(yes, min_size=2, max_size=3).map(tuple)
        ),
        st.builds(
            parts.Comparison,
            st.one_of(LITERALS, PATHS, inner),
            st.sampled_from(["=", "!="]),
            st.one_of(LITERALS, PATHS, ITEMS, inner),
        ),
        st.builds(parts.Comparison, PATHS, st.sampled_from(["<", ">=", "in"]), PATHS),
        st.builds(parts.Comparison, LITERALS, st.just("in"), ITEMS),
        st.builds(parts.Call, st.just("contains"), st.tuples(PATHS, PATHS)),
        st.builds(parts.Call, st.just("bool"), st.tuples(PATHS)),
    )


EXPRESSIONS = st.recursive(PATHS, larger, max_leaves=8)


def exact(node: parts.Node) -> str:
    """Tell 1 from 1.0 and True, which Python takes for equal."""
    return repr(node)


@given(EXPRESSIONS)
def test_printing_and_parsing_are_inverse(node: parts.Node) -> None:
    """With any names, texts and numbers."""
    text = filters.generate(node)
    expression, fault = parsed(text)
    assert expression is not None or "bytes" in str(fault)  # larger than a filter may be
    assert expression is None or exact(expression.root) == exact(node)


def test_a_text_with_both_quotes_cannot_be_printed() -> None:
    """It cannot be parsed either: texts have no escapes."""
    with pytest.raises(InvalidFilter, match="both kinds of quotes"):
        filters.generate(parts.Literal("'\""))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-1, 1), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from(sorted(FUNCTIONS)))
def test_functions_never_raise_anything_else(value: Any, name: str) -> None:
    """Whatever the event holds, there is a result or a reason."""
    arguments = (parts.Path(("a",)), parts.Literal("x"))[: len(FUNCTIONS[name].takes)]
    try:
        result = parts.prepare(parts.Call(name, arguments))({"a": value})
    except UnfilterableEvent:
        return
    assert type(result) in (bool, str, int, float, type(None))


def test_deep_values_are_compared_and_printed_without_recursion() -> None:
    """An event may be nested deeper than Python's stack allows."""
    deep: list[Any] = []
    other: list[Any] = []
    for _ in range(5_000):
        deep, other = [deep], [other]
    assert evaluate("a = b", {"a": deep, "b": other})
    with pytest.raises(UnfilterableEvent, match="cannot be written as text"):
        evaluate("string(a) = 'x'", {"a": deep})


# --- the page -----------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "filter-language.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| (true|false|not sent) \|", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("expression", "result"), ROWS)
def test_the_examples_of_the_reference_are_true(expression: str, result: str) -> None:
    """Each row, on the event the page shows."""
    event = orjson.loads(re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)[0])
    parsed = filters.parse(expression.replace("\\|", "|"))
    if result == "not sent":
        with pytest.raises(UnfilterableEvent):
            filters.evaluate(parsed, event)
    else:
        assert filters.evaluate(parsed, event) is (result == "true")


def test_the_reference_names_every_function() -> None:
    """None is undocumented."""
    assert len(ROWS) > 20
    assert [name for name in FUNCTIONS if f"`{name}(" not in TEXT] == []

"""Paths and JavaScript's view of values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.language.strategies import JSON, PATHS

from segue.language import javascript
from segue.language.path import UNDEFINED, lookup, split, split_bare


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("$.a.b", ("a", "b")),
        ("a[0].b", ("a", "0", "b")),
        ("a['b'][\"c\"]", ("a", "b", "c")),
        ("$.a[b]", ("a[b]",)),
        ("a.$.b", ("a", "b")),
        ("$", ("$",)),
        ("$.", ()),
        ("", ()),
        (".", ()),
        ("$..a", ("a",)),
        (" $.a", (" a",)),
        ("$['a']", ("$", "a")),
        ("a['x.y']", ("a", "x", "y")),
        ("a[-1]", ("a[-1",)),
        ("''.a", ("", "a")),
    ],
)
def test_a_path_splits_into_keys(text: str, keys: tuple[str, ...]) -> None:
    """Quotes go, empty pieces go, brackets count only before a quote or a digit."""
    assert split(text) == keys


def test_inside_a_template_the_dollar_is_a_key() -> None:
    """Only paths of their own drop the prefix."""
    assert split_bare("$.a") == ("$", "a")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("a", "length"), 3),
        (("a", "2"), "é"),
        (("a", "02"), UNDEFINED),
        (("a", "-1"), UNDEFINED),
        (("emoji", "length"), 2),
        (("emoji", "0"), "\ud83c"),
        (("nil", "x"), None),
        (("zero", "x"), 0),
        (("nan", "x"), None),
        (("one", "x"), UNDEFINED),
        (("empty", "x"), UNDEFINED),
        (("empty", "length"), 0),
        (("one", "constructor"), UNDEFINED),
        (("object", "__class__"), UNDEFINED),
    ],
)
def test_a_lookup_walks_as_javascript_does_without_inherited_members(
    keys: tuple[str, ...], value: object
) -> None:
    """Falsy values stop the walk, indexes are canonical, nothing inherited is there."""
    root = {
        "a": "xyé",
        "emoji": "🎉",
        "nil": None,
        "zero": 0,
        "nan": math.nan,
        "one": 1,
        "empty": [],
        "object": {"a": 1},
    }
    found = lookup(root, keys)
    assert found == value or (keys[0] == "nan" and found != found)


@given(PATHS, JSON)
def test_any_path_looks_up_in_any_value(path: str, value: object) -> None:
    """Lookup never fails."""
    lookup(value, split(path))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.1, "0.1"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.23e-8, "1.23e-8"),
        (5e-324, "5e-324"),
        (-0.0, "0"),
        (1.0, "1"),
        (2**53 + 1, "9007199254740992"),
        (12345678901234567890, "12345678901234567000"),
        (10**400, "Infinity"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_numbers_print_as_in_javascript(number: float, text: str) -> None:
    """Whole doubles without a point, exponents from 21 digits on."""
    assert javascript.number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_reads_back(number: float) -> None:
    """Text and number are inverse."""
    assert javascript.number_of(javascript.number_text(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        (" 5 ", 5),
        ("0x10", 16),
        ("0b11", 3),
        ("1e3", 1000),
        (".5", 0.5),
        ("5.", 5),
        ("+Infinity", math.inf),
    ],
)
def test_texts_convert_to_numbers_as_in_javascript(text: str, number: float) -> None:
    """Blank is zero, prefixes and exponents count."""
    assert javascript.number_of(text) == number


@pytest.mark.parametrize("text", ["x", "1_0", "-0x1", "0x", "1e", "٣", "inf", "nan", "1 2"])
def test_texts_that_are_no_number_are_nan(text: str) -> None:
    """Python's own spellings do not count."""
    assert math.isnan(javascript.number_of(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, None, [2, [3]], {}], "1,,2,3,[object Object]"),
        ([[], [[]]], ","),
        (None, "null"),
        (True, "true"),
        ({"a": 1}, "[object Object]"),
        (UNDEFINED, "undefined"),
    ],
)
def test_values_convert_to_text_as_in_javascript(value: object, text: str) -> None:
    """Arrays join by commas at every depth."""
    assert javascript.text_of(value) == text


def test_a_very_deep_array_converts_to_text() -> None:
    """Depth costs no frames."""
    value: list[object] = ["x"]
    for _ in range(100_000):
        value = [value]
    assert javascript.text_of(value) == "x"
    while len(value) == 1 and isinstance(value[0], list):
        value = value[0]


@pytest.mark.parametrize("value", ["", 0, -0.0, False, [], [[]], [None], [[None]]])
def test_loosely_empty_values_equal_empty_text(value: object) -> None:
    """What a blank condition takes for blank."""
    assert javascript.equals_empty_text(value)


@pytest.mark.parametrize("value", [" ", 1, True, {}, [0], [""" """], [None, None], math.nan])
def test_other_values_do_not_equal_empty_text(value: object) -> None:
    """White space and objects are something."""
    assert not javascript.equals_empty_text(value)

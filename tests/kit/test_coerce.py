"""Payloads made to fit: cleaning, wrapping, conversion, checks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.kit.coerce import Coercer, check_settings
from segue.kit.conditions import describe, holds
from segue.kit.field import ABSENT, Condition, Conditions, Field, pick, when
from segue.model.errors import InvalidPayload

GONE = object()


def fit(field: Field, value: Any) -> Any:
    payload, _ = Coercer({"x": field}).coerce({"x": value})
    return payload.get("x", GONE)


CONVERSIONS = [
    ("string", 5, "5"),
    ("string", 5.5, "5.5"),
    ("string", 1e21, "1e+21"),
    ("string", True, "true"),
    ("string", ["x"], "x"),
    ("string", [5], "5"),
    ("string", [None], ""),
    ("string", "", GONE),
    ("string", None, GONE),
    ("string", {}, GONE),
    ("string", [], GONE),
    ("string", ["x", "y"], GONE),
    ("number", "5", 5),
    ("number", " 5 ", 5),
    ("number", "1e3", 1000),
    ("number", "0x10", 16),
    ("number", "5.5", 5.5),
    ("number", True, 1),
    ("number", False, 0),
    ("number", "", GONE),
    ("number", "abc", GONE),
    ("number", "Infinity", GONE),
    ("number", {}, GONE),
    ("integer", "2", 2),
    ("integer", 2.0, 2),
    ("integer", 1.5, GONE),
    ("integer", "1.5", GONE),
    ("boolean", "true", True),
    ("boolean", 1, True),
    ("boolean", "false", False),
    ("boolean", 0, False),
    ("boolean", "1", GONE),
    ("boolean", "yes", GONE),
    ("boolean", 5, GONE),
    ("object", {"a": None}, {"a": None}),
    ("object", {}, {}),
    ("object", "x", GONE),
    ("object", [], GONE),
    ("object", [{}], GONE),
    ("datetime", "2024-01-02", "2024-01-02"),
    ("datetime", 1704164645678, 1704164645678),
    ("datetime", True, GONE),
    ("datetime", "soon", GONE),
    ("datetime", "", GONE),
    ("datetime", {}, GONE),
]


@pytest.mark.parametrize(("kind", "value", "fitted"), CONVERSIONS)
def test_a_value_is_converted_to_its_fields_type_or_left_out(kind: Any, value: Any, fitted: Any) -> None:
    """The conversion table of the spec; types are exact, True is not 1."""
    result = fit(Field(kind), value)
    assert result is fitted or (result == fitted and type(result) is type(fitted))


def test_null_stays_only_where_the_field_takes_it() -> None:
    """Lists and objects with members lose the permission, as published."""
    assert fit(Field("string", allow_null=True), None) is None
    assert fit(Field("datetime", allow_null=True), None) is None
    assert fit(Field("string", allow_null=True, multiple=True), None) is GONE
    assert fit(Field("object", allow_null=True, properties={"a": Field()}), None) is GONE


def test_a_lone_value_of_a_list_field_is_wrapped() -> None:
    """One value, a list of one."""
    assert fit(Field("string", multiple=True), "one") == ["one"]
    assert fit(Field("number", multiple=True), ["1", None, "", 2]) == [1, 2]
    assert fit(Field("string", multiple=True), ["a", None, ""]) == ["a", ""]


PLACE = Field("object", properties={"latitude": Field("number"), "name": Field("string", allow_null=True)})


def test_members_of_objects_are_cleaned_and_unknown_ones_removed() -> None:
    """Nested empty texts stay for texts and go for numbers."""
    assert fit(PLACE, {"latitude": None, "name": "", "other": 1}) == {"name": ""}
    assert fit(PLACE, {"latitude": "", "name": None}) == {"name": None}


PRODUCTS = Field(
    "object",
    required=True,
    multiple=True,
    additional_properties=True,
    properties={
        "id": Field("string", required=True),
        "price": Field("number", required=True),
        "note": Field("string"),
    },
)


def test_null_in_a_list_is_missing_and_extras_stay() -> None:
    """A null member a product can do without is left out; nothing becomes 0 or an empty text."""
    products = [None, {"id": "a", "price": "2", "note": None, "color": None}]
    assert fit(PRODUCTS, products) == [{"id": "a", "price": 2, "color": None}]


def test_a_bad_element_of_a_required_list_refuses_the_payload() -> None:
    """Every fault is named, with the path, the type that was found and the rule; values are not repeated."""
    with pytest.raises(InvalidPayload) as raised:
        fit(PRODUCTS, [{"id": "a", "price": "secret"}, {"price": None}, "x"])
    assert raised.value.problems == (
        ("x[0].price", "must be a number, found a text"),
        ("x[1].id", "is required but has no value"),
        ("x[1].price", "is required but has no value"),
        ("x[2]", "must be an object, found a text"),
    )
    assert "secret" not in str(raised.value)


def test_an_optional_field_that_does_not_fit_is_left_out_with_a_note() -> None:
    """The rest travels."""
    fields = {"when": Field("datetime"), "url": Field(format="uri"), "name": Field()}
    payload, notes = Coercer(fields).coerce({"when": "soon", "url": "no url", "name": "n", "unknown": 1})
    assert payload == {"name": "n"}
    assert dict(notes) == {
        "when": "must be a date, found a text that is not; left out",
        "url": "must be a full web address with its scheme, found a text that is not; left out",
    }


def test_an_essential_field_that_does_not_fit_refuses_the_payload() -> None:
    """Optional means it may be absent, essential that it may not be wrong."""
    coercer = Coercer({"id": Field(essential=True), "name": Field()})
    assert coercer.coerce({"name": "n"})[0] == {"name": "n"}
    with pytest.raises(InvalidPayload, match='field "id" must be a text, found a list'):
        coercer.coerce({"id": ["a", "b"], "name": "n"})


def test_a_bad_element_of_an_optional_list_goes_alone() -> None:
    """The good ones stay; when none is left the field goes."""
    groups = Field(
        "object", multiple=True, properties={"state": Field(required=True, choices=pick("on", "off"))}
    )
    assert fit(groups, [{"state": "on"}, {"state": "maybe"}]) == [{"state": "on"}]
    assert fit(groups, [{"state": "maybe"}]) is GONE


def test_every_missing_required_field_is_named_at_once() -> None:
    """Empty and null count as missing at the top level."""
    with pytest.raises(InvalidPayload) as raised:
        Coercer({"a": Field(required=True), "b": Field(required=True), "c": Field(required=True)}).coerce(
            {"a": "", "b": None}
        )
    assert [path for path, _ in raised.value.problems] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("format", "good", "bad"),
    [
        ("uri", "https://a.example/p?a=b#c", "https://a b"),
        ("uri", "mailto:a@b.co", "cdn.example/a.png"),
        ("uri", "urn:x:y", "https://ä.example"),
        ("email", "a+b@mail.example.co.uk", "x@y"),
        ("email", "a@b.co", "a@b..co"),
        ("date", "2024-02-29", "2023-02-29"),
        ("date-time", "2024-01-02T03:04:05Z", "2024-01-02"),
        ("http-url", "http://127.0.0.1:8000/rest", "rest.iad-01.braze.com"),
    ],
)
def test_formats_are_checked(format: Any, good: str, bad: str) -> None:
    """A text of the right form stays, another is left out."""
    field = Field(format=format)
    assert fit(field, good) == good
    assert fit(field, bad) is GONE


def test_lengths_and_bounds_are_checked_where_they_are_given() -> None:
    """Characters for texts, size for numbers; 0 is no bound, and whole numbers have none."""
    assert fit(Field(minimum=1, maximum=3), "abcd") is GONE
    assert fit(Field(maximum=3), "abc") == "abc"
    assert fit(Field("number", minimum=2, maximum=75), 76) is GONE
    assert fit(Field("number", minimum=2), 2) == 2
    assert fit(Field("integer", maximum=5), 9) == 9


CONDITIONS = [
    (when("a", "is", 1), {"a": 1}, True),
    (when("a", "is", 1), {}, False),
    (when("a", "is", 1), {"a": "1"}, False),
    (when("a", "is_not", True), {"a": "true"}, True),
    (when("a", "is_not", True), {"a": True}, False),
    (when("a", "is_not", True), {}, False),
    (when("a", "is"), {}, True),
    (when("a", "is"), {"a": None}, True),
    (when("a", "is_not"), {"a": 0}, True),
    (when("a", "is_not"), {"a": None}, False),
    (when("a", "is", 1, 2), {"a": 2}, True),
    (when("a.b", "is", 1), {"a": {"b": 1}}, True),
    (Conditions("all", (Condition("a", "is", ABSENT), Condition("b", "is", ABSENT))), {}, True),
    (Conditions("all", (Condition("a", "is", ABSENT), Condition("b", "is", ABSENT))), {"b": 1}, False),
]


@pytest.mark.parametrize(("conditions", "payload", "held"), CONDITIONS)
def test_conditions_speak_of_the_payload_before_it_is_coerced(
    conditions: Conditions, payload: dict[str, Any], held: bool
) -> None:
    """The table of the spec."""
    assert holds(conditions, payload) is held


def test_a_field_required_under_a_condition_is_asked_for_in_words() -> None:
    """The message says when."""
    fields = {"kind": Field(), "reason": Field(required=when("kind", "is", "cancelled", "refunded"))}
    assert Coercer(fields).coerce({"kind": "placed"})[0] == {"kind": "placed"}
    with pytest.raises(InvalidPayload, match='"kind" is "cancelled" or "kind" is "refunded"'):
        Coercer(fields).coerce({"kind": "refunded"})
    assert describe(when("a", "is")) == 'when "a" is absent'


@pytest.mark.parametrize("mapped", [None, [], "text", 5])
def test_a_payload_that_is_no_object_is_refused(mapped: Any) -> None:
    """A mapping can give anything; an action takes an object."""
    with pytest.raises(InvalidPayload, match="must be an object"):
        Coercer({}).coerce(mapped)


SETTINGS = {
    "key": Field("password", required=True),
    "url": Field(required=True, format="http-url"),
    "app": Field(),
}


def test_settings_are_coerced_but_not_cleaned() -> None:
    """An empty text stays, null becomes one, unknown names are told."""
    settings, problems = check_settings(
        SETTINGS, {"key": 5, "url": "https://a.example", "app": None, "ap": 1}
    )
    assert settings == {"key": "5", "url": "https://a.example", "app": ""}
    assert problems == [("ap", "there is no setting of this name; it is ignored")]


def test_every_problem_of_the_settings_is_told_at_once() -> None:
    """Missing and unfit ones together."""
    assert [name for name, _ in check_settings(SETTINGS, {"url": "x"})[1]] == ["url", "key"]


FIELDS = {"a": Field(), "n": Field("number"), "t": Field("datetime"), "p": PRODUCTS, "place": PLACE}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "id", "price"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(FIELDS)), JSON))
def test_whatever_comes_fits_or_is_refused_and_what_fits_stays(mapped: dict[str, Any]) -> None:
    """Nothing else is raised, and a payload that fits once fits again without a change or a note."""
    coercer = Coercer(FIELDS)
    try:
        payload, _ = coercer.coerce(mapped)
    except InvalidPayload:
        return
    again, notes = coercer.coerce(payload)
    assert (again, list(notes)) == ({key: value for key, value in payload.items() if value != ""}, [])


def test_a_text_whose_presence_is_asked_about_is_not_there_when_it_says_nothing() -> None:
    """0 and false are no e-mail address: another way to find the person is required, or enough."""
    fields = {
        "alias": Field("object", label="Alias", required=when("address", "is"), essential=True),
        "address": Field("string", label="Address", essential=True),
    }
    for nothing in (0, False, [False], [0], [""], [None], None, ""):
        with pytest.raises(InvalidPayload, match='"alias" is required when "address" is absent'):
            Coercer(fields).coerce({"address": nothing})
        payload, _ = Coercer(fields).coerce({"alias": {"a": 1}, "address": nothing})
        assert payload == {"alias": {"a": 1}}
    assert Coercer(fields).coerce({"address": 7})[0] == {"address": "7"}

"""How a segment compares a value with what it asks for: one table a kind of value.

Source  Braze docs, "Segmentation filters", "Data types", read 2026-11-23
A comparison is `(held, wanted, now_ms) -> bool`; `held` is None where a person has no such value.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from segue.sandbox.audience.patterns import REGEX_CHARACTERS, Pattern, pattern
from segue.sandbox.clock import EPOCH
from segue.sandbox.dates import read_time

DAY_MS = 86_400_000
LISTED = 256
"""Values an any-of filter may list."""

Wants = Literal["nothing", "number", "days", "text", "regex", "texts", "date", "anything"]


class Comparator(NamedTuple):
    """One comparison: how it is said, what it is given, how it is decided."""

    title: str
    wants: Wants
    holds: Callable[[Any, Any, int], bool]


def checked(wants: Wants, value: Any, name: str) -> Any:
    """The value a comparison is given, ready to compare with.

    Raises ValueError: it is none the comparison can take.
    """
    match wants:
        case "number" | "days" if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        case "text" if isinstance(value, str):
            return value
        case "regex" if isinstance(value, str) and len(value) <= REGEX_CHARACTERS:
            return _regex(value, name)
        case "texts" if isinstance(value, list) and 0 < len(value) <= LISTED:
            return [str(entry) if isinstance(entry, int | float) else entry for entry in value]
        case "date" if isinstance(value, str) and (moment := read_time(value)) is not None:
            return moment
        case "anything" if isinstance(value, str | int | float | bool):
            return value
        case "nothing":
            return None
    raise ValueError(f"filter {name!r}: {_EXPECTED[wants]}, found {value!r:.60}")


_EXPECTED: Mapping[Wants, str] = {
    "nothing": "no value is needed",
    "number": "value must be a number",
    "days": "value must be a number of days",
    "text": "value must be a text",
    "regex": f"value must be a regular expression of at most {REGEX_CHARACTERS} characters",
    "texts": f"value must be a list of 1 to {LISTED} texts",
    "date": "value must be a date",
    "anything": "value must be a text, a number or a boolean",
}


def _regex(value: str, name: str) -> Pattern:
    try:
        return pattern(value)
    except ValueError as fault:
        raise ValueError(f"filter {name!r}: {fault}") from fault


def _number(held: Any) -> float | None:
    return held if isinstance(held, int | float) and not isinstance(held, bool) else None


def _text(held: Any) -> str | None:
    return held if isinstance(held, str) else None


def _list(held: Any) -> list[Any]:
    return held if isinstance(held, list) else []


def _matches(held: Any, wanted: Pattern) -> bool:
    return isinstance(held, str) and wanted.finds(held)


def _contains(held: Any, wanted: list[str]) -> bool:
    return isinstance(held, str) and any(part.lower() in held.lower() for part in wanted)


def _moment(held: Any) -> int | None:
    if isinstance(held, str):
        return read_time(held)
    return held if isinstance(held, int) and not isinstance(held, bool) else None


def _age_days(held: Any, now_ms: int) -> float | None:
    moment = _moment(held)
    return None if moment is None else (now_ms - moment) / DAY_MS


def _before(held: Any, wanted: int) -> bool:
    moment = _moment(held)
    return moment is not None and moment < wanted


def _after(held: Any, wanted: int) -> bool:
    moment = _moment(held)
    return moment is not None and moment > wanted


def _older(held: Any, days: float, now_ms: int) -> bool:
    age = _age_days(held, now_ms)
    return age is not None and age > days


def _younger(held: Any, days: float, now_ms: int) -> bool:
    age = _age_days(held, now_ms)
    return age is not None and 0 <= age < days


def _further(held: Any, days: float, now_ms: int) -> bool:
    age = _age_days(held, now_ms)
    return age is not None and -age > days


def _nearer(held: Any, days: float, now_ms: int) -> bool:
    age = _age_days(held, now_ms)
    return age is not None and 0 <= -age < days


@functools.lru_cache
def _day_of_year(moment_ms: int) -> int:
    return (EPOCH + timedelta(milliseconds=moment_ms)).timetuple().tm_yday


def _on_day_of_year(held: Any, day: float) -> bool:
    moment = _moment(held)
    return moment is not None and _day_of_year(moment - moment % DAY_MS) == day


_BLANK = {
    "blank": Comparator("is blank", "nothing", lambda held, _, __: held is None),
    "not_blank": Comparator("is not blank", "nothing", lambda held, _, __: held is not None),
}
Family = Mapping[str, Comparator]

COUNT: Family = {
    "more_than": Comparator("more than", "number", lambda held, wanted, _: held > wanted),
    "less_than": Comparator("less than", "number", lambda held, wanted, _: held < wanted),
    "exactly": Comparator("exactly", "number", lambda held, wanted, _: held == wanted),
}
NUMBER: Family = {
    "exactly": Comparator("exactly", "number", lambda held, wanted, _: (_number(held) or 0) == wanted),
    "not_equal": Comparator("does not equal", "number", lambda held, wanted, _: _number(held) != wanted),
    "more_than": Comparator(
        "more than", "number", lambda held, wanted, _: (found := _number(held)) is not None and found > wanted
    ),
    "less_than": Comparator("less than", "number", lambda held, wanted, _: (_number(held) or 0) < wanted),
    **_BLANK,
}
"""An unset number counts as 0 for exactly and less than."""
BOOLEAN: Family = {
    "true": Comparator("is true", "nothing", lambda held, _, __: held is True),
    "false": Comparator("is false", "nothing", lambda held, _, __: held is False),
    "true_or_unset": Comparator("is true or not set", "nothing", lambda held, _, __: held in (True, None)),
    "false_or_unset": Comparator(
        "is false or not set", "nothing", lambda held, _, __: held is None or held is False
    ),
    **_BLANK,
}
TEXT: Family = {
    "equals": Comparator("equals", "text", lambda held, wanted, _: held == wanted),
    "not_equal": Comparator("does not equal", "text", lambda held, wanted, _: held != wanted),
    "matches": Comparator("matches regex", "regex", lambda held, wanted, _: _matches(held, wanted)),
    "not_matches": Comparator(
        "does not match regex", "regex", lambda held, wanted, _: not _matches(held, wanted)
    ),
    "any_of": Comparator("is any of", "texts", lambda held, wanted, _: held in wanted),
    "none_of": Comparator("is none of", "texts", lambda held, wanted, _: held not in wanted),
    "contains_any": Comparator("contains any of", "texts", lambda held, wanted, _: _contains(held, wanted)),
    "contains_none": Comparator(
        "does not contain any of", "texts", lambda held, wanted, _: not _contains(held, wanted)
    ),
    **_BLANK,
}
ARRAY: Family = {
    "includes": Comparator("includes value", "anything", lambda held, wanted, _: wanted in _list(held)),
    "not_includes": Comparator(
        "does not include value", "anything", lambda held, wanted, _: wanted not in _list(held)
    ),
    "matches": Comparator(
        "matches regex",
        "regex",
        lambda held, wanted, _: any(_matches(entry, wanted) for entry in _list(held)),
    ),
    "not_matches": Comparator(
        "does not match regex",
        "regex",
        lambda held, wanted, _: not any(_matches(entry, wanted) for entry in _list(held)),
    ),
    "includes_any": Comparator(
        "includes any of", "texts", lambda held, wanted, _: any(entry in wanted for entry in _list(held))
    ),
    "includes_none": Comparator(
        "includes none of", "texts", lambda held, wanted, _: not any(entry in wanted for entry in _list(held))
    ),
    "contains_any": Comparator(
        "values contain any of",
        "texts",
        lambda held, wanted, _: any(_contains(entry, wanted) for entry in _list(held)),
    ),
    "contains_none": Comparator(
        "values contain none of",
        "texts",
        lambda held, wanted, _: not any(_contains(entry, wanted) for entry in _list(held)),
    ),
    "all_of": Comparator(
        "is all of", "texts", lambda held, wanted, _: sorted(map(str, _list(held))) == sorted(wanted)
    ),
    "not_all_of": Comparator(
        "is not all of", "texts", lambda held, wanted, _: sorted(map(str, _list(held))) != sorted(wanted)
    ),
    "has_value": Comparator("has a value", "nothing", lambda held, _, __: bool(_list(held))),
    "empty": Comparator("is empty", "nothing", lambda held, _, __: not _list(held)),
}
AGE: Family = {
    "before": Comparator("before", "date", lambda held, wanted, _: _before(held, wanted)),
    "after": Comparator("after", "date", lambda held, wanted, _: _after(held, wanted)),
    "more_than_days_ago": Comparator("more than (days ago)", "days", _older),
    "less_than_days_ago": Comparator("less than (days ago)", "days", _younger),
}
TIME: Family = {
    **AGE,
    "in_more_than_days": Comparator("in more than (days)", "days", _further),
    "in_less_than_days": Comparator("in less than (days)", "days", _nearer),
    "day_of_year": Comparator("day of the year is", "days", lambda held, day, _: _on_day_of_year(held, day)),
    **_BLANK,
}
IS: Family = {
    "is": Comparator("is", "text", lambda held, wanted, _: held == wanted),
    "is_not": Comparator("is not", "text", lambda held, wanted, _: held != wanted),
}
HAS: Family = {
    "has": Comparator("has", "nothing", lambda held, _, __: bool(held)),
    "has_not": Comparator("has not", "nothing", lambda held, _, __: not held),
}
ANY: Family = {**TEXT, **{f"number_{name}": one for name, one in NUMBER.items()}, **BOOLEAN, **{
    name: one for name, one in TIME.items() if name not in _BLANK
}}  # fmt: skip
"""For a property or nested value whose type is known only when it is met."""

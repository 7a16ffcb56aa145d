"""The rules of a field beyond its type: choices, format, length and bounds, a date that is one.

    rule = rule_of(Field(format="uri"))
    rule("no url")  ->  "a full web address with its scheme"    # "" when the rule is kept

Source  RFC 3986, appendix A, as ajv-formats reads it; RFC 5321, the plain forms of addresses; read 2026-11-24
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from segue.kit import dates
from segue.kit.conditions import quoted
from segue.kit.field import TEXT_TYPES, Field

Rule = Callable[[Any], str]
"""Gives "" when a value keeps the rule, else the rule in words."""


def rule_of(field: Field) -> Rule | None:
    """The rule of a field; None when every value of its type will do."""
    rules: list[Rule] = []
    if field.type == "datetime":
        rules.append(lambda value: "" if dates.is_date(value) else "a date")
    if field.choices:
        allowed = tuple(choice.value for choice in field.choices)
        words = "one of " + ", ".join(map(quoted, allowed)) if len(allowed) <= 12 else "one of the choices"
        rules.append(lambda value: "" if value in allowed else words)
    if field.format:
        suggested = tuple(choice.value for choice in field.suggestions)
        is_valid, name = _FORMATS[field.format]
        rules.append(lambda value: "" if value in suggested or is_valid(value) else name)
    if field.minimum or field.maximum:
        rules.append(_bounds(field))
    if not rules:
        return None
    if len(rules) == 1:
        return rules[0]
    return lambda value: next((found for rule in rules if (found := rule(value))), "")


def surely(field: Field) -> Callable[[str], object] | None:
    """A quick look that is true only of texts that keep the field's rule; None when there is none."""
    return _PLAIN_URL.fullmatch if field.format == "uri" and not field.choices and not field.maximum else None


def _bounds(field: Field) -> Rule:
    low, high = field.minimum or float("-inf"), field.maximum or float("inf")
    if field.type == "integer":
        return lambda value: ""
    is_text = field.type in TEXT_TYPES
    bounds = f"at least {low:g}" if not field.maximum else f"{field.minimum:g} to {high:g}"
    rule = f"{bounds} characters long" if is_text else bounds
    return lambda value: "" if low <= (len(value) if is_text else value) <= high else rule


_ESCAPE: Final = r"|%[0-9A-Fa-f]{2})"
_PATH_CHARACTER: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]" + _ESCAPE
_URI: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:"
    r"(?://?(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]" + _ESCAPE + r"*@)?"
    r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]" + _ESCAPE + r"*)(?::\d*)?"
    r"(?:/" + _PATH_CHARACTER + "*)*|" + _PATH_CHARACTER + "+(?:/" + _PATH_CHARACTER + "*)*)"
    r"(?:\?(?:[/?]|" + _PATH_CHARACTER + r")*)?(?:#(?:[/?]|" + _PATH_CHARACTER + ")*)?",
    re.ASCII,
)
_PLAIN_URL: Final = re.compile(r"https?://[a-z0-9.-]+/[A-Za-z0-9._/-]*")
"""What nearly every address is like; found much faster than by the whole grammar."""
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
)
_HTTP_URL: Final = re.compile(r"https?://[A-Za-z0-9._~\[\]:@%-]+(?:/[^\s?#]*)?")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


_FORMATS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "uri": (
        lambda text: bool(_PLAIN_URL.fullmatch(text) or _URI.fullmatch(text)),
        "a full web address with its scheme",
    ),
    "email": (lambda text: bool(_EMAIL.fullmatch(text)), "an e-mail address"),
    "date": (lambda text: bool(_DAY.fullmatch(text)) and dates.is_date_time(f"{text}T00:00:00Z"), "a date"),
    "date-time": (dates.is_date_time, "a date and time such as 2024-01-02T03:04:05Z"),
    "http-url": (lambda text: bool(_HTTP_URL.fullmatch(text)), "a web address that starts with https://"),
}

"""The conformance marks: which rule of Braze a test holds the sandbox to, and how sure the rule is.

`@rule(claim, mark, source)` marks one test, `@table(CASES)` runs and marks one test per case. The sheet of
docs/sandbox.md is written from these marks (see sheet.py).

Marks: D documented, D+ documented in newer pages, O observed in public clients, A assumed where the documents
leave room (and says which switch chooses otherwise), S the sandbox's own, where nothing public says anything.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

import pytest

MARKS = ("D", "D+", "O", "A", "S")
Test = TypeVar("Test", bound=Callable[..., Any])

TRACK = "Track users"
ERRORS = "API errors"
LIMITS = "API limits"
ATTRIBUTES = "User attributes object"
TYPES = "Data types"
NESTED = "Nested custom attributes"
EVENTS = "Event object"
PURCHASES = "Purchase object"
ECOMMERCE = "Ecommerce recommended events"
POINTS = "Data points"
OURS = "Segue sandbox"
CLIENTS = "public client code and fixtures"


class Rule(NamedTuple):
    """One line of the sheet."""

    claim: str
    mark: str
    source: str
    switch: str = ""
    """The switch an assumption can be changed with."""


class Case(NamedTuple):
    """One line of the sheet with what to send and what to expect."""

    claim: str
    mark: str
    source: str
    given: Any
    expected: Any
    switch: str = ""


def rule(claim: str, mark: str, source: str, switch: str = "") -> Callable[[Test], Test]:
    """Mark a test with the rule it checks."""
    return _marked([Rule(claim, mark, source, switch)])


def table(cases: Iterable[Case]) -> Callable[[Test], Test]:
    """Run a test for each case, as arguments `given` and `expected`, and mark it with all of them."""
    listed = list(cases)

    def mark(test: Test) -> Test:
        parameters = [pytest.param(case.given, case.expected, id=case.claim) for case in listed]
        return _marked([Rule(case.claim, case.mark, case.source, case.switch) for case in listed])(
            pytest.mark.parametrize(("given", "expected"), parameters)(test)
        )

    return mark


def _marked(rules: list[Rule]) -> Callable[[Test], Test]:
    for entry in rules:
        assert entry.mark in MARKS, entry

    def mark(test: Test) -> Test:
        test.rules = [*getattr(test, "rules", []), *rules]  # type: ignore[attr-defined]  # marks ride on it
        return test

    return mark

"""The page about the sandbox tells what the tests hold it to, and its samples run."""

import re
from pathlib import Path

import pytest
from tests.sandbox.sheet import HERE, PAGE, marked, written

from segue.sandbox.switches import describe


def test_the_sheet_of_the_page_is_current():
    """Otherwise: python -m tests.sandbox.sheet."""
    assert PAGE.read_text(encoding="utf-8") == written()


def test_no_rule_is_written_twice():
    """One line a rule and test."""
    entries = list(marked())
    assert len(entries) == len(set(entries))


def test_every_assumption_names_its_switch():
    """Where nothing public says anything the mark is S; what is assumed can be chosen otherwise."""
    assert [(rule.claim, test) for rule, test in marked() if rule.mark == "A" and not rule.switch] == []
    assert {rule.switch for rule, _ in marked()} - {""} <= describe().keys()


@pytest.mark.parametrize("switch", describe())
def test_every_switch_is_switched_by_some_test(switch):
    """An assumption nobody tries both ways is no switch."""
    tests = [path for path in HERE.glob("test_*.py") if path != Path(__file__)]
    assert any(re.search(rf"\b{switch}\b", path.read_text(encoding="utf-8")) for path in tests)


def samples():
    """The Python samples of the page."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(samples())))
def test_a_sample_of_the_page_runs(number):
    """As it is printed."""
    exec(compile(samples()[number], f"{PAGE.name}, sample {number + 1}", "exec"), {"__name__": "sample"})  # noqa: S102

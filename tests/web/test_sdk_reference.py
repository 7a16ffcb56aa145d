"""The page about the tracking API names every code a sender or an operator can meet, and no other."""

import ast
import re
from pathlib import Path

from segue.engine import envelope, event_rules, intake
from segue.runtime import receiver
from segue.web import body, sdk

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tracking-api.md"
RAISING = {"InvalidEvent", "InvalidRequest", "failure", "Rejection"}


def codes_of(module: object) -> set[str]:
    """The codes a module's source gives to refusals: first arguments, `code` keywords, the table of rules."""
    found = set()
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):  # type: ignore[attr-defined]  # a module
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISING:
            named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            for value in (named or node.args)[:1]:
                if isinstance(value, ast.Constant):
                    found.add(value.value)
                elif isinstance(value, ast.JoinedStr):
                    found |= {"context_not_object", "integrations_not_object"}
    return found


def test_every_code_is_on_the_page_and_every_code_there_exists() -> None:
    """A code without a line explains nothing; a line without a code misleads."""
    given = {rule[3] for rule in event_rules._RULES}  # the table is the source of most codes
    for module in (envelope, event_rules, intake, receiver, body, sdk):
        given |= codes_of(module)
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    listed = {
        code
        for row in rows
        for code in re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", row)
        if not code.startswith(("segue_", "trust_"))
    }
    assert given - listed == set()
    assert listed - given == set()

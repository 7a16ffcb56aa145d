"""`segue choices` asks the partner which values a field can have."""

import asyncio
from pathlib import Path

import pytest
from tests.cli.house import segue, workspace

from segue.sandbox.app import create_app, running

WORKSPACE = """\
sources:
  web: {write_key: wk}
destinations:
  braze:
    type: braze
    source: web
    settings: {endpoint: "%s", api_key: sandbox}
"""


async def test_choices_lists_what_the_partner_has(tmp_path: Path) -> None:
    """A fresh sandbox has no campaign; the answer says so, and lists nothing that is not there."""
    async with running(create_app()) as address:
        folder = workspace(tmp_path, WORKSPACE % address)
        found = await asyncio.to_thread(segue, "choices", "braze", "subscription-groups", folder=folder)
        listed = await asyncio.to_thread(segue, "choices", "braze", "campaigns", "--json", folder=folder)
    assert found.code in (0, 1)
    assert listed.json["choices"] or listed.json["problem"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("nope", "campaigns"), 'no enabled destination "nope"'), (("braze", "nope"), 'no choices "nope"')],
)
def test_choices_names_what_there_is(tmp_path: Path, arguments: tuple[str, str], says: str) -> None:
    """A wrong name is answered with the right ones."""
    folder = workspace(tmp_path, WORKSPACE % "https://rest.iad-01.braze.com")
    refused = segue("choices", *arguments, folder=folder)
    assert refused.code == 2
    assert says in refused.err
    assert "there is: " in refused.err

"""`segue choices` asks the partner which values a field can have: here a sandbox, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.cli.house import Ran, segue, workspace

from segue.sandbox.app import Sandbox, create_app, running
from segue.sandbox.faults import Fault
from segue.sandbox.person import Membership
from segue.sandbox.workspace import Campaign, Canvas, SubscriptionGroup, Workspace

WORKSPACE = """\
sources:
  web: {write_key: wk}
destinations:
  braze:
    type: braze
    source: web
    settings: {endpoint: "%s", api_key: sandbox}
"""

COLUMNS = '[{"name": "price", "type": "number"}, {"name": "colour", "type": "string"}]'

Ask = Callable[..., Any]


@asynccontextmanager
async def asking(folder: Path, app: Sandbox) -> AsyncIterator[Ask]:
    """A command line whose Braze is this sandbox."""
    async with running(app) as address:
        written = workspace(folder, WORKSPACE % address)

        async def ask(*arguments: str) -> Ran:
            return await asyncio.to_thread(segue, "choices", "braze", *arguments, folder=written)

        yield ask


def furnished(app: Sandbox) -> Workspace:
    own: Workspace = app.world.workspaces["sandbox"]
    return own


async def test_a_braze_that_has_nothing_says_so(tmp_path: Path) -> None:
    """Each list by its own words, and nothing that is not there."""
    async with asking(tmp_path, create_app()) as ask:
        for name in ("campaigns", "canvases", "catalogs"):
            found = await ask(name, "--json")
            assert (found.code, found.json) == (1, {"choices": [], "problem": f"Braze has no {name} yet"})
        nobody = await ask("subscription-groups", "--with", "external_id=nobody", "--json")
    assert nobody.json["choices"] == []
    assert "no subscription group of this person" in nobody.json["problem"]


async def test_every_campaign_and_canvas_is_listed_over_all_pages(tmp_path: Path) -> None:
    """Braze gives 100 a page: 201 campaigns are three, asked for until an empty one."""
    app = create_app()
    own = furnished(app)
    own.furnishing.campaigns = [Campaign(id=f"c-{n}", name=f"Campaign {n}") for n in range(201)]
    own.furnishing.canvases = [Canvas(id="v-1", name="Welcome"), Canvas(id="v-2", name="Win back")]
    own.refresh()
    async with asking(tmp_path, app) as ask:
        campaigns = await ask("campaigns", "--json")
        canvases = await ask("canvases", "--json")
        shown = await ask("canvases")
    assert campaigns.code == 0
    assert {each["value"]: each["label"] for each in campaigns.json["choices"]} == {
        f"c-{n}": f"Campaign {n}" for n in range(201)
    }
    assert (len(campaigns.json["choices"]), campaigns.json["problem"]) == (201, "")
    assert canvases.json["choices"] == [
        {"value": "v-1", "label": "Welcome"},
        {"value": "v-2", "label": "Win back"},
    ]
    assert shown.code == 0
    assert all(word in shown.out for word in ("v-1", "Welcome", "v-2", "Win back"))


async def test_catalogs_and_the_fields_of_one_are_listed(tmp_path: Path) -> None:
    """A field of the catalog that was chosen, its id left out; a catalog that is not there is named."""
    app = create_app()
    async with asking(tmp_path, app) as ask:
        made = await asyncio.to_thread(
            segue,
            *("hook", "braze", "upsert-catalog-item"),
            *("--with", "operation=create", "--with", "created_catalog_name=tea"),
            *("--with", f"columns={COLUMNS}"),
            folder=tmp_path,
        )
        assert made.code == 0, made.err
        catalogs = await ask("catalogs", "--json")
        fields = await ask("catalog-fields", "--with", "catalog_name=tea", "--json")
        missing = await ask("catalog-fields", "--with", "catalog_name=coffee", "--json")
    assert catalogs.json == {"choices": [{"value": "tea", "label": "tea"}], "problem": ""}
    assert [each["value"] for each in fields.json["choices"]] == ["price", "colour"]
    assert (missing.code, missing.json["problem"]) == (1, 'Braze has no catalog "coffee"')


@pytest.mark.parametrize("shape", ["documented", "nested"])
async def test_subscription_groups_are_those_of_a_person_in_either_shape(tmp_path: Path, shape: str) -> None:
    """As documented, and as the service is known to answer."""
    app = create_app()
    own = furnished(app)
    own.furnishing.subscription_groups = [SubscriptionGroup(id="g-1", name="News")]
    own.refresh()
    app.world.switches = replace(app.world.switches, subscription_user_shape=shape)
    ada = own.people.create(1_700_000_000_000, external_id="ada")
    ada.groups["g-1"] = Membership("subscribed", 1_700_000_000_000)
    async with asking(tmp_path, app) as ask:
        found = await ask("subscription-groups", "--with", "external_id=ada", "--json")
    assert found.code == 0, found.json
    assert [each["value"] for each in found.json["choices"]] == ["g-1"]
    assert found.json["problem"] == ""


async def test_a_page_that_fails_is_told_beside_what_was_found(tmp_path: Path) -> None:
    """A list that ends too early must not look complete."""
    app = create_app()
    own = furnished(app)
    own.furnishing.campaigns = [Campaign(id=f"c-{n}", name=f"Campaign {n}") for n in range(150)]
    own.refresh()
    app.world.faults.add(Fault(path="/campaigns/list", status=500, skip=1))
    async with asking(tmp_path, app) as ask:
        found = await ask("campaigns", "--json")
    assert len(found.json["choices"]) == 100
    assert "Braze did not give the campaigns" in found.json["problem"]


async def test_a_key_that_may_not_list_is_told_in_brazes_words(tmp_path: Path) -> None:
    """The permission is missing, not the campaigns."""
    app = create_app(key="another")
    async with asking(tmp_path, app) as ask:
        found = await ask("campaigns", "--json")
    assert found.code == 1
    assert found.json["choices"] == []
    assert "Invalid API Key" in found.json["problem"]


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

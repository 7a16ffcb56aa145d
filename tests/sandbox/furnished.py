"""A workspace with one of everything, for the endpoints that need something to talk about."""

from typing import Any

from tests.sandbox.client import Client, client

from segue.sandbox.seed import DEFAULT_APP, DEFAULT_GROUP, Key, Seed
from segue.sandbox.workspace import (
    App,
    Campaign,
    Canvas,
    Catalog,
    CatalogField,
    Furnishing,
    Segment,
    SubscriptionGroup,
)

FIELDS = {
    "id": "string",
    "name": "string",
    "price": "number",
    "sale": "boolean",
    "since": "time",
    "tags": "array",
}


def furnishing(**more: Any) -> Furnishing:
    """An app, a group, two campaigns, a canvas, two segments, a catalog."""
    return Furnishing(
        apps=[App(app_id=DEFAULT_APP)],
        subscription_groups=[SubscriptionGroup(id=DEFAULT_GROUP)],
        campaigns=[
            Campaign(id="c1", name="Welcome", tags=["new"], created_at_ms=2_000, updated_at_ms=2_000),
            Campaign(id="c0", name="Old", archived=True, created_at_ms=1_000, updated_at_ms=1_000),
        ],
        canvases=[Canvas(id="v1", name="Journey")],
        segments=[
            Segment(id="s1", name="Gold", attribute="plan", value="gold"),
            Segment(id="s2", name="All"),
        ],
        catalogs=[
            Catalog(name="shop", fields=[CatalogField(name=name, type=kind) for name, kind in FIELDS.items()])
        ],
        **more,
    )


def furnished(**options: Any) -> Client:
    """A sandbox with such a workspace."""
    return client(seed=Seed(workspaces=[furnishing()], keys=[Key(key="sandbox")]), **options)

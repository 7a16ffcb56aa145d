"""Braze, cloud mode: events become calls of a Braze workspace's REST API.

Source  Braze docs, "API overview", endpoints; Segment docs, "Braze Cloud Mode (Actions)", settings; read
        2026-11-23
"""

from typing import Final

from segue.kit.device import OnDevice
from segue.kit.field import Choice, Field
from segue.kit.partner import Destination
from segue.model.workspace import SANDBOX_KEY

from . import audit, catalogs, deletion, limits, listings, presets, rest, sdk_endpoint, witness
from .actions.create_alias import CREATE_ALIAS
from .actions.debounce import DEBOUNCE
from .actions.ecommerce_event import ECOMMERCE_EVENT
from .actions.ecommerce_product_event import ECOMMERCE_PRODUCT_EVENT
from .actions.identify_user import IDENTIFY_USER
from .actions.merge_users import MERGE_USERS
from .actions.track_event import TRACK_EVENT
from .actions.track_purchase import TRACK_PURCHASE
from .actions.trigger_campaign import TRIGGER_CAMPAIGN
from .actions.trigger_canvas import TRIGGER_CANVAS
from .actions.update_user_profile import UPDATE_USER_PROFILE
from .actions.upsert_catalog_item import UPSERT_CATALOG_ITEM

ENDPOINTS: Final = (
    *(
        Choice(
            f"https://rest.iad-{number:02}.braze.com",
            f"US-{number:02} (https://dashboard-{number:02}.braze.com)",
        )
        for number in range(1, 9)
    ),
    Choice("https://rest.us-09.braze.com", "US-09 (https://dashboard-09.braze.com)"),
    Choice("https://rest.us-10.braze.com", "US-10 (https://dashboard-10.braze.com)"),
    Choice("https://rest.fra-01.braze.eu", "EU-01 (https://dashboard-01.braze.eu)"),
    Choice("https://rest.fra-02.braze.eu", "EU-02 (https://dashboard-02.braze.eu)"),
    Choice("https://rest.au-01.braze.com", "AU-01 (https://dashboard.au-01.braze.com)"),
    Choice("https://rest.id-01.braze.com", "ID-01 (https://dashboard.id-01.braze.com)"),
    Choice("https://rest.jp-01.braze.com", "JP-01 (https://dashboard.jp-01.braze.com)"),
)

SETTINGS: Final = {
    "api_key": Field(
        "password",
        label="API Key",
        help="A REST API key of your Braze workspace, from Settings, API Keys.",
        required=True,
    ),
    "app_id": Field(
        "string",
        label="App ID",
        help="The app that events and purchases are counted for, from Settings, App Settings.",
    ),
    "endpoint": Field(
        "string",
        label="REST Endpoint",
        help="The address of your Braze instance, for instance https://rest.iad-01.braze.com.",
        required=True,
        default="https://rest.iad-01.braze.com",
        format="http-url",
        suggestions=(
            *ENDPOINTS,
            Choice(SANDBOX_KEY, "The sandbox inside Segue: nothing leaves this machine"),
        ),
    ),
}


BRAZE: Final = Destination(
    slug="braze",
    title="Braze",
    description="Profiles, events and purchases in Braze, through its REST API.",
    slugs=("actions-braze-cloud", "60f9d0d048950c356be2e4da"),
    names=("Appboy", "Braze Cloud Mode (Actions)"),
    creation_name="Braze Cloud Mode (Actions)",
    family="braze",
    check=lambda written, settings: sdk_endpoint.check_rest_endpoint(
        settings["endpoint"], "endpoint", written.get("endpoint")
    ),
    settings=SETTINGS,
    actions=(
        UPDATE_USER_PROFILE,
        TRACK_EVENT,
        TRACK_PURCHASE,
        ECOMMERCE_EVENT,
        ECOMMERCE_PRODUCT_EVENT,
        CREATE_ALIAS,
        IDENTIFY_USER,
        MERGE_USERS,
        UPSERT_CATALOG_ITEM,
        TRIGGER_CAMPAIGN,
        TRIGGER_CANVAS,
        DEBOUNCE,
    ),
    device=OnDevice(
        kind="plugin",
        folder="braze-cloud-plugins",
        library="braze-cloud-pluginsDestination",
        actions={"debounce": "debouncePlugin"},
    ),
    quotas=limits.QUOTAS,
    account=("endpoint", "api_key"),
    pack=rest.pack(
        "update-user-profile", "track-event", "ecommerce-event", "ecommerce-product-event", "track-purchase"
    ),
    witness=witness.witness,
    presets={"ours": presets.OURS, "published": presets.PUBLISHED},
    erase=deletion.erase,
    deletion=deletion.deletion(deletion.erase),
    audit=audit.AUDIT,
    choices={
        "campaigns": listings.CAMPAIGNS,
        "canvases": listings.CANVASES,
        "catalogs": catalogs.CATALOGS,
        "catalog-fields": catalogs.FIELDS,
        "subscription-groups": listings.SUBSCRIPTION_GROUPS,
    },
)

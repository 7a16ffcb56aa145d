"""Ecommerce product event: somebody looked at one product, as Braze's recommended event.

Endpoint  POST /users/track, array ``events``
Limits    75 objects a request, 100 KB an event
Source    Braze docs, "Ecommerce recommended events", read 2026-11-24
"""

from typing import Final

from segue.kit.action import Action, Shaped, Shaping
from segue.kit.field import Field, pick, when
from segue.model.delivery import Payload
from segue.model.errors import InvalidPayload

from .. import ecommerce, rest

_PATHS: Final = {
    "product_id": "$.properties.product_id",
    "product_name": "$.properties.name",
    "variant_id": "$.properties.variant",
    "image_url": "$.properties.image_url",
    "product_url": "$.properties.url",
    "price": "$.properties.price",
}


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One event, the product's members among its properties. Raises InvalidPayload when nobody is named,
    or for an event that needs a list of products."""
    event = ecommerce.shape_event(payload, shaping)
    if payload["name"] != ecommerce.VIEWED:
        raise InvalidPayload(
            [("name", f"{payload['name']} needs a list of products: use the other ecommerce action")]
        )
    event["properties"].update(payload["product"])
    if payload.get("catalog_type"):
        event["properties"]["type"] = payload["catalog_type"]
    return Shaped(items=[event])


ECOMMERCE_PRODUCT_EVENT: Final = Action(
    slug="ecommerce-product-event",
    title="Ecommerce event (one product)",
    description="Records that somebody looked at a product, as Braze's ecommerce event.",
    fields={
        **ecommerce.BUYER_FIELDS,
        **ecommerce.BATCHING_FIELDS,
        "catalog_type": Field(
            "string",
            label="Catalog Trigger Type",
            help="Tells the person when the price drops or the product is back.",
            multiple=True,
            choices=pick("price_drop", "back_in_stock"),
            shown_when=when("name", "is", ecommerce.VIEWED),
            default={"@path": "$.properties.type"},
        ),
        "product": Field(
            "object",
            label="Product",
            help="The product that was looked at.",
            required=True,
            ui="keyvalue",
            default={key: {"@path": path} for key, path in _PATHS.items()},
            properties=ecommerce.product_members(counted=False),
        ),
    },
    batch=rest.TRACK_BATCH,
    sync=ecommerce.MODES,
    slugs={"ecommerceSingleProduct": ecommerce.MODES},
    pool=rest.TRACK_POOL,
    shape=shape,
    build=rest.build_track,
    read=rest.read_track,
)

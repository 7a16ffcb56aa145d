"""Ecommerce event: carts, checkouts and orders with their list of products, as Braze's recommended events.

Endpoint  POST /users/track, array ``events``
Limits    75 objects a request, 100 KB an event
Source    Braze docs, "Ecommerce recommended events", read 2026-11-24
"""

from typing import Final

from segue.kit.action import Action, Shaped, Shaping
from segue.kit.field import Field
from segue.model.delivery import Payload

from .. import ecommerce, rest

_PATHS: Final = {
    "product_id": "$.product_id",
    "product_name": "$.name",
    "variant_id": "$.variant",
    "image_url": "$.image_url",
    "product_url": "$.url",
    "quantity": "$.quantity",
    "price": "$.price",
}


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One event. Raises InvalidPayload when nobody is named or a cart has no total."""
    event = ecommerce.shape_event(payload, shaping)
    if payload["name"] != ecommerce.VIEWED:
        event["properties"]["products"] = [ecommerce.product_of(product) for product in payload["products"]]
    return Shaped(items=[event])


ECOMMERCE_EVENT: Final = Action(
    slug="ecommerce-event",
    title="Ecommerce event (several products)",
    description="Records a cart, checkout or order as one of Braze's ecommerce events.",
    fields={
        **ecommerce.BUYER_FIELDS,
        **ecommerce.BATCHING_FIELDS,
        "products": Field(
            "object",
            label="Products",
            help="The products; members Braze does not know travel as their metadata.",
            required=True,
            multiple=True,
            additional_properties=True,
            ui="keyvalue",
            default={
                "@arrayPath": [
                    "$.properties.products",
                    {key: {"@path": path} for key, path in _PATHS.items()},
                ]
            },
            properties=ecommerce.product_members(counted=True),
        ),
    },
    batch=rest.TRACK_BATCH,
    sync=ecommerce.MODES,
    slugs={"ecommerce": ecommerce.MODES},
    pool=rest.TRACK_POOL,
    shape=shape,
    build=rest.build_track,
    read=rest.read_track,
)

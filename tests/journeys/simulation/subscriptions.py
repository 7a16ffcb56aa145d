"""The workspace the crowd's events go through: what of them becomes what at Braze."""

from typing import Any, Final

from tests.runtime.house import bind

from segue.engine.plan import BoundDestination
from segue.model.workspace import Budget, Delivery, Subscription

LABEL: Final = "device"
"""Of every visitor's alias."""


def alias(path: str) -> dict[str, Any]:
    """The alias of whoever the event names there."""
    return {"alias_name": {"@path": path}, "alias_label": LABEL}


def log_in(id: str, trigger: str, path: str) -> Subscription:
    """A visitor, named at that path, is the event's person from now on."""
    mapping = {"external_id": {"@path": "$.userId"}, "user_alias": alias(path), "merge_behavior": "merge"}
    return Subscription(id=id, action="identify-user", trigger=trigger, mapping=mapping)


MERGES: Final = Subscription(
    id="merges",
    action="merge-users",
    trigger='type = "track" and event = "Merged"',
    mapping={
        "identifier_to_merge": {"external_id": {"@path": "$.properties.gone"}},
        "identifier_to_keep": {"external_id": {"@path": "$.userId"}},
    },
)

SOCIAL: Final = (
    log_in("log-in", 'type = "identify" and userId != null and anonymousId != null', "$.anonymousId"),
    log_in("claim", 'type = "alias"', "$.previousId"),
    Subscription(
        id="visitors",
        action="update-user-profile",
        trigger='type = "identify" and userId = null',
        mapping={
            "user_alias": alias("$.anonymousId"),
            "_update_existing_only": False,
            "custom_attributes": {"@path": "$.traits"},
        },
    ),
    MERGES,
)
"""What a workspace has that sends visitors too."""


def destination(
    delivery: Delivery, batch_size: int, *, is_social: bool = False, budget: Budget | None = None
) -> BoundDestination:
    """Braze as the crowd's events expect it: four subscriptions, requests of at most so many objects."""
    size = {"batch_size": batch_size, "enable_batching": True}
    who: dict[str, Any] = {
        "external_id": {"@path": "$.userId"},
        "user_alias": _alias_of_the_nameless(),
    }
    event = {"time": {"@path": "$.timestamp"}, "properties": {"@path": "$.properties"}}
    if is_social:
        who["_update_existing_only"] = False
    steps = {**who, **event, "name": {"@path": "$.event"}, **size}
    products = {
        "@arrayPath": [
            "$.properties.products",
            {"product_id": {"@path": "$.product_id"}, "price": {"@path": "$.price"}},
        ]
    }
    return bind(
        (
            *(SOCIAL if is_social else ()),
            Subscription(
                id="profile",
                action="update-user-profile",
                trigger='type = "identify" and userId != null',
                mapping={
                    "external_id": {"@path": "$.userId"},
                    "custom_attributes": {"@path": "$.traits"},
                    **size,
                },
            ),
            Subscription(
                id="steps",
                action="track-event",
                trigger='type = "track" and event != "Order Completed" and event != "Merged"',
                mapping=steps,
            ),
            Subscription(
                id="echo",
                action="track-event",
                trigger='type = "track" and event = "Both"',
                mapping={**steps, "name": "Echo"},
            ),
            Subscription(
                id="orders",
                action="track-purchase",
                trigger='type = "track" and event = "Order Completed"',
                mapping={**who, **event, "products": products, **size},
            ),
        ),
        delivery=delivery,
        budget=budget,
    )


def _alias_of_the_nameless() -> dict[str, Any]:
    """Who has no userId goes by the name of their device."""
    return {
        "@if": {"exists": {"@path": "$.userId"}, "then": None, "else": alias("$.anonymousId")},
    }

"""A sample body for every control operation that takes one: what the OpenAPI document shows.

Sent in this order to a fresh sandbox they all succeed.
"""

from collections.abc import Mapping
from typing import Any

_GOLD = {"kind": "text_attribute", "name": "plan", "comparator": "equals", "value": "gold"}
_ANN: dict[str, Any] = {
    "attributes": [{"external_id": "ann", "email": "ann@example.com", "plan": "gold", "country": "NO"}],
    "events": [
        {
            "external_id": "ann",
            "name": "Signed Up",
            "time": "2026-01-01T10:00:00Z",
            "properties": {"from": "ad"},
        }
    ],
    "purchases": [
        {
            "external_id": "ann",
            "product_id": "shoe",
            "currency": "EUR",
            "price": 49.5,
            "time": "2026-01-02T10:00:00Z",
        }
    ],
    "user_aliases": [{"external_id": "ann", "alias_label": "crm", "alias_name": "4711"}],
}

BODIES: Mapping[tuple[str, str], Any] = {
    ("POST", "/reset"): {},
    ("POST", "/seed"): {
        "workspaces": [
            {
                "id": "shop",
                "name": "Shop",
                "apps": [{"app_id": "shop-web", "name": "Web shop", "platform": "Web"}],
                "subscription_groups": [{"id": "news", "name": "Newsletter", "channel": "email"}],
                "segments": [{"id": "gold", "name": "Gold members", "filter": _GOLD}],
                "campaigns": [{"id": "welcome", "name": "Welcome", "segment_id": "gold"}],
                "catalogs": [
                    {
                        "name": "shoes",
                        "fields": [{"name": "id", "type": "string"}, {"name": "price", "type": "number"}],
                        "items": {"boot": {"id": "boot", "price": 99}},
                    }
                ],
            }
        ],
        "keys": [{"key": "shop-key", "workspace": "shop", "permissions": ["users.track"]}],
        "people": [{"workspace": "shop", **_ANN}],
    },
    ("POST", "/people"): _ANN,
    ("POST", "/keys"): {
        "key": "track-only",
        "permissions": ["users.track"],
        "ip_allowlist": ["127.0.0.1", "10.0.0.0/8"],
    },
    ("POST", "/clock"): {"now": "2026-06-01T00:00:00Z", "frozen": True},
    ("POST", "/clock/advance"): {"seconds": 3600},
    ("POST", "/faults"): {
        "path": "/users/track",
        "probability": 0.1,
        "status": 429,
        "header_style": "epoch",
        "wait_seconds": 5,
    },
    ("PATCH", "/switches"): {"profile": "mau", "strictness": "strict", "processing_delay_ms": [10, 100]},
    ("PATCH", "/workspaces/{id}"): {
        "blocklisted_events": ["Mouse Moved"],
        "attribute_types": {"age": "number"},
    },
    ("POST", "/apps"): {"app_id": "ios", "name": "iOS app", "platform": "iOS"},
    ("POST", "/subscription_groups"): {"id": "texts", "name": "Text messages", "channel": "sms"},
    ("POST", "/segments"): {"id": "gold", "name": "Gold members", "filter": _GOLD},
    ("POST", "/segments/count"): {"filter": {"all": [_GOLD]}},
    ("POST", "/campaigns"): {
        "id": "welcome",
        "name": "Welcome",
        "channels": ["email"],
        "segment_id": "gold",
        "engagement": {"open": 1, "click": 0, "bounce": 0},
        "conversion_event": "Paid",
        "control_percent": 10,
    },
    ("POST", "/campaigns/send"): {"campaign_id": "welcome"},
    ("POST", "/canvases"): {
        "id": "journey",
        "name": "Journey",
        "steps": [
            {"id": "hello", "name": "Hello", "channels": ["email"]},
            {"id": "again", "name": "Again", "after_seconds": 86400, "channels": ["push"]},
        ],
        "exit_event": "Paid",
    },
    ("POST", "/currents"): {
        "id": "back",
        "kind": "segment",
        "url": "http://127.0.0.1:8080/v1",
        "key": "my-write-key",
        "behaviors": True,
    },
    ("POST", "/currents/emit"): {
        "type": "users.messages.email.Open",
        "person": "ann",
        "properties": {"campaign_id": "welcome", "campaign_name": "Welcome"},
    },
    ("POST", "/restore"): {"now_ms": 1767225600000, "switches": {}, "keys": [], "workspaces": []},
}
"""By method and path below the root."""

"""Exported things as tests write them, with what every one of them has."""

from typing import Any

BRAZE_CLOUD: dict[str, Any] = {
    "id": "60f9d0d048950c356be2e4da",
    "slug": "actions-braze-cloud",
    "name": "Braze Cloud Mode (Actions)",
}

EVENT_MAPPING: dict[str, Any] = {
    "external_id": {"@path": "$.userId"},
    "name": {"@path": "$.event"},
    "time": {"@path": "$.timestamp"},
}


def source(id: str = "src_1", **over: Any) -> dict[str, Any]:
    """A source as the Public API returns it."""
    known = {"id": id, "slug": id, "name": "", "enabled": True, "writeKeys": [f"wk-{id}"], "metadata": {}}
    return {**known, **over}


def destination(id: str = "dst_1", **over: Any) -> dict[str, Any]:
    """A Braze destination of `src_1`."""
    settings = {"api_key": "kept-out", "endpoint": "https://rest.iad-01.braze.com"}
    known = {"id": id, "name": "Braze", "enabled": True, "sourceId": "src_1", "settings": settings}
    return {**known, "metadata": BRAZE_CLOUD, **over}


def subscription(id: str = "sub_1", **over: Any) -> dict[str, Any]:
    """A subscription of `dst_1` that sends track calls."""
    known = {
        "id": id,
        "name": "Track",
        "destinationId": "dst_1",
        "enabled": True,
        "trigger": 'type = "track"',
    }
    return {**known, "actionId": "3pnc4QJvUjWGi2bp6EnDt", "settings": EVENT_MAPPING, **over}


def filter_(id: str = "flt_1", **over: Any) -> dict[str, Any]:
    """A filter of `dst_1` that drops everything."""
    known = {"id": id, "title": "Nothing", "destinationId": "dst_1", "sourceId": "src_1", "enabled": True}
    return {**known, "if": "all", "actions": [{"type": "DROP"}], **over}

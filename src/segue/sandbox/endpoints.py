"""The endpoints of this Braze: path, permission, rate-limit bucket, and who answers.

Source  Braze docs, each endpoint's page and "API overview" (permissions), read 2026-11-23
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from segue.sandbox import (
    aliases,
    catalog_items,
    catalogs,
    cohorts,
    deletion,
    export,
    identify,
    listings,
    merging,
    messaging,
    renaming,
    segment_export,
    sending,
    series,
    subscriptions,
    sync,
    track,
)
from segue.sandbox.exchange import Call, Reply
from segue.sandbox.sdk import endpoint

MEGABYTE = 1_048_576


class Endpoint(NamedTuple):
    """One method and path. `answer` raises Refused for what the endpoint turns down."""

    permission: str
    """Empty for the partner endpoints, which take no REST key."""
    answer: Callable[[Call], Reply]
    bucket: str = "default"
    body_bytes: int = 4 * MEGABYTE
    over_body: tuple[int, str] = (413, "too-large")
    """Status and rule for a longer body."""


def _sdk() -> Iterator[tuple[str, Endpoint]]:
    answers = {
        "/data": endpoint.take,
        "/content_cards/sync": endpoint.content_cards,
        "/feature_flags/sync": endpoint.feature_flags,
        "/banners/sync": endpoint.banners,
        "/template": endpoint.acknowledge,
        "/push/unregister": endpoint.acknowledge,
        "/dust/config": endpoint.acknowledge,
    }
    for base in endpoint.BASES:
        for path, answer in answers.items():
            for end in ("", "/"):
                yield f"{base}{path}{end}", Endpoint("", answer)


SDK: Mapping[str, Endpoint] = dict(_sdk())
"""What device SDKs post to, with or without a slash at the end."""

EXACT: Mapping[tuple[str, str], Endpoint] = {
    ("POST", "/users/track"): Endpoint("users.track", track.track, "track"),
    ("POST", "/users/track/bulk"): Endpoint(
        "users.track.bulk", track.track_bulk, "track-bulk", 2 * MEGABYTE, (400, "bulk-too-large")
    ),
    ("POST", "/users/track/sync"): Endpoint("users.track.sync", sync.track_sync, "track-sync"),
    ("POST", "/users/delete"): Endpoint("users.delete", deletion.delete, "identity"),
    ("POST", "/users/alias/new"): Endpoint("users.alias.new", aliases.new_alias, "identity"),
    ("POST", "/users/alias/update"): Endpoint("users.alias.update", renaming.update_aliases, "identity"),
    ("POST", "/users/identify"): Endpoint("users.identify", identify.identify, "identity"),
    ("POST", "/users/merge"): Endpoint("users.merge", merging.merge, "identity"),
    ("POST", "/users/external_ids/rename"): Endpoint(
        "users.external_ids.rename", renaming.rename_external_ids, "external-id-rename"
    ),
    ("POST", "/users/external_ids/remove"): Endpoint(
        "users.external_ids.remove", renaming.remove_external_ids, "external-id-remove"
    ),
    ("POST", "/users/export/ids"): Endpoint("users.export.ids", export.export_ids, "export-ids"),
    ("POST", "/users/export/segment"): Endpoint("users.export.segment", segment_export.export_segment),
    ("POST", "/users/export/global_control_group"): Endpoint(
        "users.export.global_control_group", segment_export.export_control_group
    ),
    ("POST", "/subscription/status/set"): Endpoint(
        "subscription.status.set", subscriptions.set_status, "subscription-set"
    ),
    ("POST", "/v2/subscription/status/set"): Endpoint(
        "subscription.status.set", subscriptions.set_status_v2, "subscription-set"
    ),
    ("GET", "/subscription/status/get"): Endpoint("subscription.status.get", subscriptions.get_status),
    ("GET", "/subscription/user/status"): Endpoint("subscription.groups.get", subscriptions.user_status),
    ("POST", "/campaigns/trigger/send"): Endpoint("campaigns.trigger.send", sending.send_campaign),
    ("POST", "/canvas/trigger/send"): Endpoint("canvas.trigger.send", sending.send_canvas),
    ("POST", "/campaigns/trigger/schedule/create"): Endpoint(
        "campaigns.trigger.schedule.create", sending.schedule_campaign
    ),
    ("POST", "/canvas/trigger/schedule/create"): Endpoint(
        "canvas.trigger.schedule.create", sending.schedule_canvas
    ),
    ("POST", "/messages/send"): Endpoint("messages.send", messaging.send_messages),
    ("POST", "/sends/id/create"): Endpoint("sends.id.create", messaging.create_send_id, "sends"),
    ("GET", "/campaigns/list"): Endpoint("campaigns.list", listings.campaigns),
    ("GET", "/campaigns/details"): Endpoint("campaigns.details", listings.campaign_details),
    ("GET", "/campaigns/data_series"): Endpoint("campaigns.data_series", series.campaign, "campaign-series"),
    ("GET", "/canvas/list"): Endpoint("canvas.list", listings.canvases),
    ("GET", "/canvas/details"): Endpoint("canvas.details", listings.canvas_details),
    ("GET", "/segments/list"): Endpoint("segments.list", listings.segments),
    ("GET", "/segments/details"): Endpoint("segments.details", listings.segment_details),
    ("GET", "/segments/data_series"): Endpoint("segments.data_series", series.segment_sizes),
    ("GET", "/events"): Endpoint("events.get", listings.events),
    ("GET", "/events/list"): Endpoint("events.list", listings.event_names, "events-and-purchases"),
    ("GET", "/events/data_series"): Endpoint("events.data_series", series.events),
    ("GET", "/custom_attributes"): Endpoint("custom_attributes.get", listings.custom_attributes),
    ("GET", "/purchases/product_list"): Endpoint(
        "purchases.product_list", listings.products, "events-and-purchases"
    ),
    ("GET", "/purchases/revenue_series"): Endpoint(
        "purchases.revenue_series", series.revenue, "events-and-purchases"
    ),
    ("GET", "/purchases/quantity_series"): Endpoint(
        "purchases.quantity_series", series.quantity, "events-and-purchases"
    ),
    ("GET", "/sessions/data_series"): Endpoint("sessions.data_series", series.sessions),
    ("GET", "/kpi/dau/data_series"): Endpoint("kpi.dau.data_series", series.daily_active),
    ("GET", "/kpi/mau/data_series"): Endpoint("kpi.mau.data_series", series.monthly_active),
    ("GET", "/kpi/new_users/data_series"): Endpoint("kpi.new_users.data_series", series.new_users),
    ("GET", "/kpi/uninstalls/data_series"): Endpoint("kpi.uninstalls.data_series", series.uninstalls),
    ("GET", "/catalogs"): Endpoint("catalogs.get", catalogs.guarded(catalogs.listed), "catalogs"),
    ("POST", "/catalogs"): Endpoint("catalogs.create", catalogs.guarded(catalogs.create), "catalogs"),
    ("POST", "/partners/segment/cohorts"): Endpoint("", cohorts.create),
    ("POST", "/partners/segment/cohorts/users"): Endpoint("", cohorts.change),
    **{("POST", path): found for path, found in SDK.items()},
    **{("OPTIONS", path): Endpoint("", endpoint.preflight) for path in SDK},
}
"""Endpoints whose path never varies."""


def _items(permission: str, answer: Callable[[Call], Reply], bucket: str) -> Endpoint:
    return Endpoint(f"catalogs.{permission}", catalogs.guarded(answer), bucket)


CATALOG: Mapping[tuple[str, int], Endpoint] = {
    ("DELETE", 1): _items("delete", catalogs.delete, "catalogs"),
    ("GET", 2): _items("get_items", catalog_items.listed, "catalog-items"),
    ("POST", 2): _items("add_items", catalog_items.add_many, "catalog-items-bulk"),
    ("PATCH", 2): _items("update_items", catalog_items.update_many, "catalog-items-bulk"),
    ("PUT", 2): _items("replace_items", catalog_items.replace_many, "catalog-items-bulk"),
    ("DELETE", 2): _items("delete_items", catalog_items.delete_many, "catalog-items-bulk"),
    ("GET", 3): _items("get_item", catalog_items.get_one, "catalog-items"),
    ("POST", 3): _items("create_item", catalog_items.create_one, "catalog-items"),
    ("PATCH", 3): _items("update_item", catalog_items.update_one, "catalog-items"),
    ("PUT", 3): _items("replace_item", catalog_items.replace_one, "catalog-items"),
    ("DELETE", 3): _items("delete_item", catalog_items.delete_one, "catalog-items"),
}
"""Below /catalogs: 1 is `/{catalog}`, 2 `/{catalog}/items`, 3 `/{catalog}/items/{item}`."""


def find(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]] | None:
    """The endpoint of a path, and what its variable parts are."""
    endpoint = EXACT.get((method, path))
    if endpoint is not None:
        return endpoint, ()
    if not path.startswith("/catalogs/"):
        return None
    parts = path.split("/")[2:]
    if len(parts) == 3 and parts[2] == "":
        parts.pop()  # `/catalogs/{catalog}/items/` is seen from partners and taken
    if not all(parts) or (len(parts) > 1 and parts[1] != "items"):
        return None
    found = CATALOG.get((method, len(parts)))
    return (found, tuple(parts[:1] + parts[2:])) if found is not None else None

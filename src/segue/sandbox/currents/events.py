"""The table of Currents events: what each is called at Segment, which properties and context it carries.

Source  Braze docs, "Message engagement events", "Customer behavior events" (Segment tabs), "Segment for
        Currents"; the Segment source page "Braze" for alternate names; all read 2026-11-23
A connector sends what it has of the properties listed; the rest is not exported.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Group = Literal["message", "subscription", "behavior", "newer", "named", "storage"]
"""Only `message` and `subscription` are on the partner page's list; `behavior` and `newer` are off unless
`behaviors` is on. `named` are sent only where a connector names them: retired products, and names the pages
do not give. So is `storage`, which has no form at Segment, to custom connectors."""


class Kind(NamedTuple):
    """One type of event as a Segment connector sends it."""

    name: str
    """What the track call is called."""
    properties: tuple[str, ...]
    trait: Literal["email", "phone", ""] = ""
    """Which address is said in `context.traits`."""
    device: Literal["", "model", "full"] = ""
    """What is said in `context.device`: nothing, the model, or model and platform."""
    group: Group = "message"


_APP = ("app_group_id", "app_id")
_CAMPAIGN = ("campaign_id", "campaign_name")
_CANVAS = (
    "canvas_id", "canvas_name", "canvas_step_id", "canvas_step_name", "canvas_variation_id",
    "canvas_variation_name",
)  # fmt: skip
_VARIATION = ("message_variation_id", "message_variation_name")
_ALL = (*_APP, *_CAMPAIGN, *_CANVAS, *_VARIATION, "send_id", "dispatch_id", "device_id")
_ADVERTISING = ("ad_id", "ad_id_type", "ad_tracking_enabled")
_ABORT = ("abort_log", "abort_type")
_SPLIT = ("experiment_split_id", "experiment_split_name", "experiment_step_id")
_CONVERSION = ("conversion_behavior", "conversion_behavior_index")
_MAILER = ("esp", "from_domain", "ip_pool")
_READER = ("browser", "device_class", "device_os", "mailbox_provider", "user_agent", "is_amp")
_BOT = ("is_suspected_bot_click", "suspected_bot_click_reason")
_CHANGE = ("channel", "channel_identifier", "state_change_source", "subscription_status")
_WHATSAPP = ("flow_id", "from_phone_number", "message_id", "subscription_group_id", "template_name")
_INBOUND = ("action", "inbound_phone_number", "media_urls", "message_body", "subscription_group_id")
_TOKEN = (
    "app_group_id", "app_id", "device_id", "push_token", "push_token_created_at", "push_token_updated_at",
    "push_token_device_id", "push_token_foreground_push_disabled", "push_token_provisionally_opted_in",
    "push_token_state_change_type", "ios_push_token_apns_gateway", "web_push_token_public_key",
    "web_push_token_user_auth", "web_push_token_vapid_public_key",
)  # fmt: skip


def _with(*more: str, less: tuple[str, ...] = ()) -> tuple[str, ...]:
    return tuple(name for name in (*_ALL, *more) if name not in less)


_EMAIL: Mapping[str, Kind] = {
    "Send": Kind("Email Sent", _with(*_MAILER, "message_extras"), "email"),
    "Delivery": Kind("Email Delivered", _with(*_MAILER), "email"),
    "Open": Kind("Email Opened", _with(*_MAILER, *_READER, "machine_open"), "email", "model"),
    "Click": Kind(
        "Email Link Clicked",
        _with(*_MAILER, *_READER, *_BOT, "link_url", "link_id", "link_alias"),
        "email",
        "model",
    ),
    "Bounce": Kind("Email Bounced", _with(*_MAILER, "bounce_reason", "is_drop"), "email"),
    "SoftBounce": Kind("Email Soft Bounced", _with(*_MAILER, "bounce_reason"), "email"),
    "MarkAsSpam": Kind("Email Marked as Spam", _with(*_MAILER, "user_agent"), "email"),
    "Unsubscribe": Kind("Unsubscribed", _with("ip_pool"), "email"),
    "Abort": Kind("Email Aborted", _with(*_ABORT, "ip_pool"), "email"),
    "Deferral": Kind(
        "Email Deferred",
        _with("attempt_count", "deferral_reason", "recipient_domain", "ip_pool"),
        "email",
        group="newer",
    ),
}
_CARD: Mapping[str, Kind] = {
    "Send": Kind("Content Card Sent", _with("card_id", "message_extras", less=("app_id",))),
    "Impression": Kind("Content Card Viewed", _with(*_ADVERTISING, "card_id"), device="full"),
    "Click": Kind("Content Card Clicked", _with(*_ADVERTISING, "card_id"), device="full"),
    "Dismiss": Kind("Content Card Dismissed", _with(*_ADVERTISING, "card_id"), device="full"),
    "Abort": Kind("Content Card Aborted", _with(*_ABORT, less=("app_id",))),
}
_IN_APP: Mapping[str, Kind] = {
    "Impression": Kind(
        "In-App Message Viewed",
        _with(*_ADVERTISING, "card_id", "locale_key", "message_extras"),
        device="full",
    ),
    "Click": Kind("In-App Message Clicked", _with(*_ADVERTISING, "button_id", "card_id"), device="full"),
    "Abort": Kind("In-App Message Aborted", _with(*_ABORT)),
}
_PUSH: Mapping[str, Kind] = {
    "Send": Kind("Push Notification Sent", _with(*_ADVERTISING, "locale_key", "message_extras", "platform")),
    "Open": Kind("Push Notification Tapped", _with(*_ADVERTISING), device="full"),
    "Bounce": Kind("Push Notification Bounced", _with(*_ADVERTISING, "platform")),
    "Abort": Kind("Push Notification Aborted", _with(*_ABORT, "platform")),
    "IosForeground": Kind("Ios Foreground Push Opened", _with(*_ADVERTISING), device="full"),
}
_SMS_FAULT = ("error", "provider_error_code", "is_sms_fallback", "subscription_group_id")
_SMS: Mapping[str, Kind] = {
    "Send": Kind("SMS Sent", _with("category", "message_extras", "subscription_group_id"), "phone"),
    "CarrierSend": Kind("SMS Sent to Carrier", _with("from_phone_number", "subscription_group_id"), "phone"),
    "Delivery": Kind(
        "SMS Delivered", _with("from_phone_number", "is_sms_fallback", "subscription_group_id"), "phone"
    ),
    "DeliveryFailure": Kind("SMS Delivery Failed", _with(*_SMS_FAULT), "phone"),
    "Rejection": Kind("SMS Rejected", _with(*_SMS_FAULT, "from_phone_number"), "phone"),
    "InboundReceive": Kind(
        "SMS Inbound Received", _with(*_INBOUND, less=("send_id", "dispatch_id", "device_id")), "phone"
    ),
    "ShortLinkClick": Kind(
        "SMS Short Link Clicked",
        _with(*_BOT, "short_url", "url", "user_agent", less=("send_id", "dispatch_id")),
        "phone",
    ),
    "Abort": Kind(
        "SMS Aborted",
        _with(*_ABORT, "subscription_group_id", less=("device_id", "dispatch_id", "send_id")),
    ),
}
_WEBHOOK: Mapping[str, Kind] = {
    "Send": Kind("Webhook Sent", _with("message_extras")),
    "Failure": Kind(
        "Webhook Failed",
        _with(
            "content_length", "endpoint_url", "host", "http_status_code", "is_terminal", "raw_response",
            "retry_count", "url_path", "webhook_duration", "webhook_failure_source", less=("device_id",),
        ),
        group="newer",
    ),
    "Abort": Kind("Webhook Aborted", _with(*_ABORT)),
}  # fmt: skip
_CHAT: Mapping[str, Kind] = {
    "Send": Kind("WhatsApp Sent", _with(*_WHATSAPP, "message_extras"), "phone"),
    "Delivery": Kind("WhatsApp Delivered", _with(*_WHATSAPP), "phone"),
    "Read": Kind("WhatsApp Read", _with(*_WHATSAPP), "phone"),
    "Failure": Kind(
        "WhatsApp Failed", _with(*_WHATSAPP, "provider_error_code", "provider_error_title"), "phone"
    ),
    "InboundReceive": Kind(
        "WhatsApp Inbound Received",
        _with(
            *_INBOUND, "catalog_id", "product_id", "flow_id", "flow_response_json", "in_reply_to",
            "message_id", "quick_reply_text", less=("send_id", "dispatch_id"),
        ),
        "phone",
    ),
    "Click": Kind(
        "WhatsApp Tracked Link Clicked",
        _with("short_url", "user_agent", less=("send_id", "dispatch_id")),
        "phone",
        group="newer",
    ),
    "Abort": Kind("WhatsApp Aborted", _with(*_ABORT, "subscription_group_id", less=("send_id",)), "phone"),
}  # fmt: skip
_BANNER_PROPERTIES = (
    *_ADVERTISING, *_APP, *_CAMPAIGN, *_VARIATION, "device_id", "banner_placement_id", "browser",
)  # fmt: skip
_BANNER: Mapping[str, Kind] = {
    "Impression": Kind("Banner Viewed", _BANNER_PROPERTIES, device="model", group="newer"),
    "Click": Kind("Banner Clicked", (*_BANNER_PROPERTIES, "button_id"), device="model", group="newer"),
    "Dismiss": Kind("Banner Dismissed", _BANNER_PROPERTIES, device="model", group="newer"),
}
_RCS_PROPERTIES = _with("subscription_group_id", less=("canvas_id",))
_SENDER = "from_rcs_sender"
_RCS: Mapping[str, Kind] = {
    name: Kind(said, (*_RCS_PROPERTIES, *more), "phone", group="named")
    for name, said, more in (
        ("Send", "RCS Sent", (_SENDER, "category", "message_extras")),
        ("Delivery", "RCS Delivered", (_SENDER,)),
        ("Read", "RCS Read", (_SENDER,)),
        ("Rejection", "RCS Rejected", (_SENDER, "error", "provider_error_code")),
        ("Click", "RCS Clicked", (_SENDER, "element_label", "element_type", "url", "user_agent")),
        ("InboundReceive", "RCS Inbound Received", (_SENDER, "action", "media_urls", "message_body")),
        ("Abort", "RCS Aborted", _ABORT),
    )
}
_LINE_PROPERTIES = _with("line_channel_id", "line_channel_name", "native_line_id", "subscription_group_id")
_LINE: Mapping[str, Kind] = {
    name: Kind(said, (*_LINE_PROPERTIES, *more), group="named")
    for name, said, more in (
        ("Send", "LINE Sent", ("message_extras",)),
        ("Click", "LINE Clicked", ("url", "short_url", "user_agent")),
        ("InboundReceive", "LINE Inbound Received", ("action", "media_urls", "message_body")),
        ("Abort", "LINE Aborted", _ABORT),
    )
}
_FEED: Mapping[str, Kind] = {
    name: Kind(said, _with("card_id"), device="full", group="named")
    for name, said in (
        ("users.behaviors.app.NewsFeedImpression", "News Feed Viewed"),
        ("users.campaigns.newsfeedcard.Impression", "News Feed Card Viewed"),
        ("users.campaigns.newsfeedcard.Click", "News Feed Card Clicked"),
    )
}
_ACTIVITY = (
    "app_group_id",
    "app_id",
    "device_id",
    "ios_push_token_apns_gateway",
    "push_token_state_change_type",
)
_ONE_CAMPAIGN = (*_APP, *_CAMPAIGN, *_VARIATION, "send_id", "device_id")
_EXIT = ("app_group_id", *_CANVAS)

KINDS: Mapping[str, Kind] = {
    **{f"users.messages.email.{name}": kind for name, kind in _EMAIL.items()},
    **{f"users.messages.contentcard.{name}": kind for name, kind in _CARD.items()},
    **{f"users.messages.inappmessage.{name}": kind for name, kind in _IN_APP.items()},
    **{f"users.messages.pushnotification.{name}": kind for name, kind in _PUSH.items()},
    **{f"users.messages.sms.{name}": kind for name, kind in _SMS.items()},
    **{f"users.messages.webhook.{name}": kind for name, kind in _WEBHOOK.items()},
    **{f"users.messages.whatsapp.{name}": kind for name, kind in _CHAT.items()},
    **{f"users.messages.banner.{name}": kind for name, kind in _BANNER.items()},
    **{f"users.messages.rcs.{name}": kind for name, kind in _RCS.items()},
    **{f"users.messages.line.{name}": kind for name, kind in _LINE.items()},
    **_FEED,
    "users.messages.featureflag.Impression": Kind(
        "Feature Flag Viewed",
        (*_APP, *_CAMPAIGN, *_CANVAS, *_VARIATION, "device_id", "browser", "feature_flag_id_name"),
        device="model",
        group="newer",
    ),
    "users.campaigns.Abort": Kind("Campaign Aborted", (*_ONE_CAMPAIGN, *_ABORT), group="named"),
    "users.canvas.Abort": Kind("Canvas Aborted", ("app_group_id", *_CANVAS, *_ABORT), group="named"),
    "users.campaigns.Conversion": Kind("Campaign Converted", (*_ONE_CAMPAIGN, *_CONVERSION, "dispatch_id")),
    "users.campaigns.EnrollInControl": Kind(
        "Campaign Control Group Entered", (*_ONE_CAMPAIGN, "dispatch_id")
    ),
    "users.canvas.Entry": Kind(
        "Canvas Entered", ("app_group_id", *_CANVAS, "device_id", "in_control_group")
    ),
    "users.canvas.Conversion": Kind("Canvas Converted", (*_APP, *_CANVAS, "device_id", *_CONVERSION)),
    "users.canvas.exit.MatchedAudience": Kind("Exit Matched Audience", _EXIT),
    "users.canvas.exit.PerformedEvent": Kind("Exit Performed Event", _EXIT),
    "users.canvas.experimentstep.SplitEntry": Kind(
        "Experiment Split Entered", (*_CANVAS, *_SPLIT, "in_control_group")
    ),
    "users.canvas.experimentstep.Conversion": Kind(
        "Experiment Step Converted", ("app_id", *_CANVAS, *_SPLIT, *_CONVERSION)
    ),
    "users.canvasstep.Progression": Kind(
        "Canvas Step Progression",
        (
            "app_group_id", *_CANVAS, "device_id", "canvas_entry_id", "progression_type", "exit_reason",
            "is_canvas_entry", "next_step_id",
        ),
        group="newer",
    ),
    "users.behaviors.Uninstall": Kind("Application Uninstalled", (*_APP, "device_id")),
    "users.behaviors.subscription.GlobalStateChange": Kind(
        "Global Subscription State Changed",
        _with(*_CHANGE, less=("dispatch_id", "device_id")),
        "email",
        group="subscription",
    ),
    "users.behaviors.subscriptiongroup.StateChange": Kind(
        "Subscription Group State Changed",
        _with(*_CHANGE, "subscription_group_id"),
        "email",
        group="subscription",
    ),
    "users.behaviors.CustomEvent": Kind(
        "Custom Event", (*_ADVERTISING, *_APP, "device_id", "name"), group="behavior"
    ),
    "users.behaviors.Purchase": Kind(
        "Purchased", (*_ADVERTISING, *_APP, "device_id", "product_id", "price", "currency"), group="behavior"
    ),
    "users.behaviors.app.FirstSession": Kind(
        "First Session", (*_APP, "device_id", "session_id"), group="behavior"
    ),
    "users.behaviors.app.SessionStart": Kind(
        "Session Started", (*_APP, "device_id", "session_id"), group="behavior"
    ),
    "users.behaviors.app.SessionEnd": Kind(
        "Session Ended", (*_APP, "device_id", "session_id", "duration"), group="behavior"
    ),
    "users.behaviors.Location": Kind(
        "Location",
        (*_ADVERTISING, *_APP, "device_id", "latitude", "longitude", "altitude", "ll_accuracy",
         "alt_accuracy"),
        group="behavior",
    ),
    "users.behaviors.InstallAttribution": Kind(
        "Install Attribution", ("app_group_id", "device_id", "source"), group="behavior"
    ),
    "users.behaviors.pushnotification.TokenStateChange": Kind(
        "Push Notification Token State Changed", _TOKEN, group="behavior"
    ),
    "users.behaviors.liveactivity.PushToStartTokenChange": Kind(
        "Live Activity Push To Start Token Changed",
        (*_ACTIVITY, "activity_attributes_type", "push_to_start_token"),
        group="behavior",
    ),
    "users.behaviors.liveactivity.UpdateTokenChange": Kind(
        "Live Activity Update Token Changed", (*_ACTIVITY, "activity_id", "update_token"), group="behavior"
    ),
    "users.RandomBucketNumberUpdate": Kind("", ("random_bucket_number", "prev_random_bucket_number"),
        group="storage"),
}  # fmt: skip
"""By Currents type. Names the pages do not give are assumed: `users.behaviors.CustomEvent`, email deferral,
feature flags, dismissed banners, RCS, LINE, the aborts of a whole campaign or canvas. A connector may call
any event otherwise (`names`)."""

MERGED = frozenset({"users.behaviors.CustomEvent", "users.behaviors.Purchase"})
"""Types whose own properties are merged into the payload."""

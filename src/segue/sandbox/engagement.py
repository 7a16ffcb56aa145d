"""What recipients may do with a message, channel by channel: the table that messages.py plays.

All of this is the sandbox's own invention: the types are those of Currents, the chances are not. What has a
chance of 0 happens only where a campaign or canvas asks for it in its `engagement`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from segue.sandbox.workspace import Channel


class Step(NamedTuple):
    """One thing that may happen to a message."""

    word: str
    """What it is called in a campaign's `engagement`."""
    type: str
    after_seconds: int
    chance: float
    needs: str = ""
    """The word of the step that must have happened before."""
    properties: Mapping[str, Any] = {}
    unless: tuple[str, ...] = ()
    """Words of steps after which this one cannot happen."""


_MAIL = "users.messages.email."
_PUSH = "users.messages.pushnotification."
_SMS = "users.messages.sms."
_IN_APP = "users.messages.inappmessage."
_CARD = "users.messages.contentcard."
_HOOK = "users.messages.webhook."
_CHAT = "users.messages.whatsapp."
_BANNER = "users.messages.banner."
_RCS = "users.messages.rcs."
_LINE = "users.messages.line."
_OURS = "+15550100000"
_FROM = {"from_phone_number": _OURS}
_STOP = {"action": "Unsubscribed", "inbound_phone_number": _OURS, "message_body": "STOP", "media_urls": []}
_ERROR = {"error": "undeliverable", "provider_error_code": "30003"}
_CUT = {"abort_type": "liquid_abort_message", "abort_log": "aborted by the message itself"}
_SENDER = {"esp": "sandbox", "from_domain": "example.com", "ip_pool": "sandbox"}
_FULL = {**_SENDER, "bounce_reason": "mailbox is full"}
_PLACE = {"banner_placement_id": "home"}
_ASKED = {**_STOP, "action": "None", "message_body": "Hi"}
_LINK = {"url": "https://example.com/", "link_id": "1"}
_SHORT = {"short_url": "https://brz.example/x", "url": "https://example.com/"}


def _aborted(prefix: str, **more: Any) -> Step:
    return Step("abort", f"{prefix}Abort", 0, 0, "", {**_CUT, **more})


def _sent(prefix: str, **more: Any) -> Step:
    return Step("send", f"{prefix}Send", 0, 1, "", more, ("abort",))


STEPS: Mapping[Channel, tuple[Step, ...]] = {
    "email": (
        _aborted(_MAIL),
        _sent(_MAIL, **_SENDER),
        Step("deferral", f"{_MAIL}Deferral", 1, 0, "send",
             {"attempt_count": 1, "deferral_reason": "mailbox is busy", "recipient_domain": "example.com"}),
        Step("bounce", f"{_MAIL}Bounce", 2, 0.02, "send", {**_SENDER, "bounce_reason": "mailbox is unknown"}),
        Step("soft_bounce", f"{_MAIL}SoftBounce", 2, 0, "send", _FULL, ("bounce",)),
        Step("delivery", f"{_MAIL}Delivery", 2, 1, "send", _SENDER, ("bounce", "soft_bounce")),
        Step("open", f"{_MAIL}Open", 60, 0.4, "delivery", {**_SENDER, "machine_open": False}),
        Step("click", f"{_MAIL}Click", 90, 0.3, "open", {**_SENDER, **_LINK}),
        Step("unsubscribe", f"{_MAIL}Unsubscribe", 120, 0.01, "open"),
        Step("spam", f"{_MAIL}MarkAsSpam", 150, 0, "open", _SENDER),
    ),
    "sms": (
        _aborted(_SMS),
        _sent(_SMS),
        Step("carrier_send", f"{_SMS}CarrierSend", 1, 0, "send", _FROM),
        Step("rejection", f"{_SMS}Rejection", 3, 0.01, "send", {**_ERROR, **_FROM}),
        Step("failure", f"{_SMS}DeliveryFailure", 3, 0.02, "send", _ERROR, ("rejection",)),
        Step("delivery", f"{_SMS}Delivery", 3, 1, "send", _FROM, ("rejection", "failure")),
        Step("click", f"{_SMS}ShortLinkClick", 60, 0.1, "delivery", _SHORT),
        Step("reply", f"{_SMS}InboundReceive", 90, 0, "delivery", _STOP),
    ),
    "push": (
        _aborted(_PUSH, platform="web"),
        _sent(_PUSH, platform="web"),
        Step("bounce", f"{_PUSH}Bounce", 1, 0.02, "send", {"platform": "web"}),
        Step("open", f"{_PUSH}Open", 30, 0.1, "send", {}, ("bounce",)),
        Step("foreground", f"{_PUSH}IosForeground", 30, 0, "send", {}, ("bounce", "open")),
    ),
    "in_app_message": (
        _aborted(_IN_APP),
        Step("impression", f"{_IN_APP}Impression", 5, 0.8, "", {}, ("abort",)),
        Step("click", f"{_IN_APP}Click", 10, 0.3, "impression", {"button_id": "0"}),
    ),
    "content_card": (
        _aborted(_CARD),
        _sent(_CARD),
        Step("impression", f"{_CARD}Impression", 60, 0.5, "send"),
        Step("click", f"{_CARD}Click", 70, 0.2, "impression"),
        Step("dismiss", f"{_CARD}Dismiss", 80, 0.1, "impression"),
    ),
    "banner": (
        Step("impression", f"{_BANNER}Impression", 5, 0.8, "", _PLACE),
        Step("click", f"{_BANNER}Click", 10, 0.2, "impression", {**_PLACE, "button_id": "0"}),
        Step("dismiss", f"{_BANNER}Dismiss", 15, 0.1, "impression", _PLACE),
    ),
    "webhook": (
        _aborted(_HOOK),
        _sent(_HOOK),
        Step("failure", f"{_HOOK}Failure", 1, 0, "send",
             {"http_status_code": 500, "endpoint_url": "https://example.com/hook", "host": "example.com",
              "url_path": "/hook", "is_terminal": True, "retry_count": 0, "content_length": 0,
              "raw_response": "", "webhook_duration": 12, "webhook_failure_source": "endpoint"}),
    ),
    "whatsapp": (
        _aborted(_CHAT),
        _sent(_CHAT, **_FROM),
        Step("failure", f"{_CHAT}Failure", 3, 0.03, "send",
             {**_FROM, "provider_error_code": "131026", "provider_error_title": "undeliverable"}),
        Step("delivery", f"{_CHAT}Delivery", 3, 1, "send", _FROM, ("failure",)),
        Step("read", f"{_CHAT}Read", 60, 0.6, "delivery", _FROM),
        Step("click", f"{_CHAT}Click", 90, 0, "read", _SHORT),
        Step("reply", f"{_CHAT}InboundReceive", 120, 0, "read", _ASKED),
    ),
    "rcs": (
        _aborted(_RCS),
        _sent(_RCS, from_rcs_sender="sandbox"),
        Step("rejection", f"{_RCS}Rejection", 3, 0, "send", _ERROR),
        Step("delivery", f"{_RCS}Delivery", 3, 1, "send", {}, ("rejection",)),
        Step("read", f"{_RCS}Read", 60, 0.6, "delivery"),
        Step("click", f"{_RCS}Click", 90, 0, "read", {"element_label": "Open", "element_type": "action"}),
        Step("reply", f"{_RCS}InboundReceive", 120, 0, "read", {"action": "None", "message_body": "Hi"}),
    ),
    "line": (
        _aborted(_LINE),
        _sent(_LINE, line_channel_id="sandbox", line_channel_name="Sandbox"),
        Step("click", f"{_LINE}Click", 60, 0.1, "send", _SHORT),
        Step("reply", f"{_LINE}InboundReceive", 90, 0, "send", {"action": "None", "message_body": "Hi"}),
    ),
}  # fmt: skip
"""By channel, in the order they are decided."""

ENGAGED: Mapping[str, str] = {
    f"{_MAIL}Open": "opened_email",
    f"{_MAIL}Click": "clicked_email",
    f"{_PUSH}Open": "opened_push",
    f"{_IN_APP}Click": "clicked_in_app_message",
    f"{_CARD}Click": "clicked_content_card",
}
"""What an export says of it under `engaged`. Only `opened_email` is in the documents' sample; the rest is by
its pattern."""

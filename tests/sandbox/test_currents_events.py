"""Every Currents event the pages describe, as a Segment connector sends it: name, properties, context."""

from tests.sandbox.client import client
from tests.sandbox.rules import Case, table

from segue.sandbox.currents.connector import Connector, Happening, Stream
from segue.sandbox.currents.events import KINDS
from segue.sandbox.currents.wire import track

GROUPS = {
    "CAMPAIGN": "campaign_id campaign_name",
    "CANVAS": "canvas_id canvas_name canvas_step_id canvas_step_name canvas_variation_id "
    "canvas_variation_name",
    "VARIATION": "message_variation_id message_variation_name",
    "AD": "ad_id ad_id_type ad_tracking_enabled",
    "C": "app_group_id app_id CAMPAIGN CANVAS VARIATION send_id dispatch_id device_id",
    "SPLIT": "experiment_split_id experiment_split_name experiment_step_id",
    "CONVERSION": "conversion_behavior conversion_behavior_index",
    "MAIL": "esp from_domain ip_pool",
    "READER": "browser device_class device_os is_amp mailbox_provider user_agent",
    "BOT": "is_suspected_bot_click suspected_bot_click_reason",
    "ABORT": "abort_log abort_type",
    "CHAT": "flow_id from_phone_number message_id subscription_group_id template_name",
    "INBOUND": "action inbound_phone_number media_urls message_body subscription_group_id",
    "TOKEN": "app_group_id app_id device_id push_token_created_at push_token_updated_at push_token_device_id "
    "push_token_foreground_push_disabled push_token_provisionally_opted_in push_token_state_change_type "
    "ios_push_token_apns_gateway web_push_token_public_key web_push_token_user_auth "
    "web_push_token_vapid_public_key push_token",
    "LIVE": "app_group_id app_id device_id ios_push_token_apns_gateway push_token_state_change_type",
}
EVENTS = """
behaviors.Uninstall | Application Uninstalled | app_group_id app_id device_id
behaviors.subscription.GlobalStateChange | Global Subscription State Changed | C -dispatch_id -device_id channel channel_identifier state_change_source subscription_status | email
behaviors.subscriptiongroup.StateChange | Subscription Group State Changed | C subscription_group_id subscription_status channel channel_identifier state_change_source | email
campaigns.Conversion | Campaign Converted | app_group_id app_id CAMPAIGN VARIATION send_id device_id CONVERSION dispatch_id
campaigns.EnrollInControl | Campaign Control Group Entered | app_group_id app_id CAMPAIGN VARIATION send_id device_id dispatch_id
canvas.Entry | Canvas Entered | app_group_id CANVAS device_id in_control_group
canvas.Conversion | Canvas Converted | app_group_id app_id CANVAS device_id CONVERSION
canvas.exit.MatchedAudience | Exit Matched Audience | app_group_id CANVAS
canvas.exit.PerformedEvent | Exit Performed Event | app_group_id CANVAS
canvas.experimentstep.SplitEntry | Experiment Split Entered | CANVAS SPLIT in_control_group
canvas.experimentstep.Conversion | Experiment Step Converted | app_id CANVAS SPLIT CONVERSION
canvasstep.Progression | Canvas Step Progression | app_group_id CANVAS device_id canvas_entry_id progression_type exit_reason is_canvas_entry next_step_id
messages.banner.Impression | Banner Viewed | AD app_group_id app_id CAMPAIGN VARIATION device_id banner_placement_id browser | model
messages.banner.Click | Banner Clicked | AD app_group_id app_id CAMPAIGN VARIATION device_id banner_placement_id browser button_id | model
messages.contentcard.Send | Content Card Sent | C -app_id card_id message_extras
messages.contentcard.Impression | Content Card Viewed | C AD card_id | model type
messages.contentcard.Click | Content Card Clicked | C AD card_id | model type
messages.contentcard.Dismiss | Content Card Dismissed | C AD card_id | model type
messages.contentcard.Abort | Content Card Aborted | C -app_id ABORT
messages.email.Send | Email Sent | C MAIL message_extras | email
messages.email.Delivery | Email Delivered | C MAIL | email
messages.email.Open | Email Opened | C MAIL READER machine_open | email model
messages.email.Click | Email Link Clicked | C MAIL READER BOT link_url link_id link_alias | email model
messages.email.Bounce | Email Bounced | C MAIL bounce_reason is_drop | email
messages.email.SoftBounce | Email Soft Bounced | C MAIL bounce_reason | email
messages.email.MarkAsSpam | Email Marked as Spam | C MAIL user_agent | email
messages.email.Unsubscribe | Unsubscribed | C ip_pool | email
messages.email.Abort | Email Aborted | C ABORT ip_pool | email
messages.inappmessage.Impression | In-App Message Viewed | C AD card_id locale_key message_extras | model type
messages.inappmessage.Click | In-App Message Clicked | C AD button_id card_id | model type
messages.inappmessage.Abort | In-App Message Aborted | C ABORT
messages.pushnotification.Send | Push Notification Sent | C AD locale_key message_extras platform
messages.pushnotification.Open | Push Notification Tapped | C AD | model type
messages.pushnotification.Bounce | Push Notification Bounced | C AD platform
messages.pushnotification.Abort | Push Notification Aborted | C ABORT platform
messages.pushnotification.IosForeground | Ios Foreground Push Opened | C AD | model type
messages.sms.Send | SMS Sent | C category message_extras subscription_group_id | phone
messages.sms.CarrierSend | SMS Sent to Carrier | C from_phone_number subscription_group_id | phone
messages.sms.Delivery | SMS Delivered | C from_phone_number is_sms_fallback subscription_group_id | phone
messages.sms.DeliveryFailure | SMS Delivery Failed | C error provider_error_code is_sms_fallback subscription_group_id | phone
messages.sms.Rejection | SMS Rejected | C error provider_error_code from_phone_number is_sms_fallback subscription_group_id | phone
messages.sms.InboundReceive | SMS Inbound Received | C -send_id -dispatch_id -device_id INBOUND | phone
messages.sms.ShortLinkClick | SMS Short Link Clicked | C -send_id -dispatch_id short_url url user_agent BOT | phone
messages.sms.Abort | SMS Aborted | C -device_id -dispatch_id -send_id ABORT subscription_group_id
messages.webhook.Send | Webhook Sent | C message_extras
messages.webhook.Failure | Webhook Failed | C -device_id content_length endpoint_url host http_status_code is_terminal raw_response retry_count url_path webhook_duration webhook_failure_source
messages.webhook.Abort | Webhook Aborted | C ABORT
messages.whatsapp.Send | WhatsApp Sent | C CHAT message_extras | phone
messages.whatsapp.Delivery | WhatsApp Delivered | C CHAT | phone
messages.whatsapp.Read | WhatsApp Read | C CHAT | phone
messages.whatsapp.Failure | WhatsApp Failed | C CHAT provider_error_code provider_error_title | phone
messages.whatsapp.InboundReceive | WhatsApp Inbound Received | C -send_id -dispatch_id INBOUND catalog_id product_id flow_id flow_response_json in_reply_to message_id quick_reply_text | phone
messages.whatsapp.Click | WhatsApp Tracked Link Clicked | C -send_id -dispatch_id short_url user_agent | phone
messages.whatsapp.Abort | WhatsApp Aborted | C -send_id ABORT subscription_group_id | phone
messages.rcs.Send | RCS Sent | C -canvas_id category from_rcs_sender message_extras subscription_group_id | phone
messages.rcs.Abort | RCS Aborted | C -canvas_id ABORT subscription_group_id | phone
behaviors.Purchase | Purchased | AD app_group_id app_id device_id product_id price currency
behaviors.app.FirstSession | First Session | app_group_id app_id device_id session_id
behaviors.app.SessionStart | Session Started | app_group_id app_id device_id session_id
behaviors.app.SessionEnd | Session Ended | app_group_id app_id device_id session_id duration
behaviors.Location | Location | AD app_group_id app_id device_id latitude longitude altitude ll_accuracy alt_accuracy
behaviors.InstallAttribution | Install Attribution | app_group_id device_id source
behaviors.liveactivity.PushToStartTokenChange | Live Activity Push To Start Token Changed | LIVE activity_attributes_type push_to_start_token
behaviors.liveactivity.UpdateTokenChange | Live Activity Update Token Changed | LIVE activity_id update_token
behaviors.pushnotification.TokenStateChange | Push Notification Token State Changed | TOKEN
"""  # noqa: E501 - a line is an event
"""Type, Segment name, properties (groups in capitals, `-` takes one away), context."""


def spelled(text: str) -> set[str]:
    """The names a line means."""
    names: set[str] = set()
    for word in text.split():
        names |= spelled(GROUPS[word]) if word in GROUPS else {word}
    return names


def wanted(text: str) -> set[str]:
    """As `spelled`, without what is taken away."""
    words = text.split()
    taken = {word[1:] for word in words if word.startswith("-")}
    return spelled(" ".join(word for word in words if not word.startswith("-"))) - taken


LINES = [[part.strip() for part in line.split("|")] for line in EVENTS.strip().splitlines()]
EVERYTHING = set().union(*(wanted(line[2]) for line in LINES)) | {
    "sending_ip", "carrier", "country", "gender", "language", "resolution", "sdk_version", "timezone",
    "os_version", "button_action_type", "button_string", "campaign_api_id", "canvas_api_id",
}  # fmt: skip


@table(
    [
        Case(
            f"{line[1]} carries what its tab lists and nothing else",
            "D",
            "Message engagement events" if ".messages." in f".{line[0]}" else "Customer behavior events",
            f"users.{line[0]}",
            (line[1], wanted(line[2]), set(line[3].split()) if len(line) > 3 else set()),
        )
        for line in LINES
    ]
)
def test_a_segment_event_is_as_its_tab_says(given, expected):
    """Given every property there is, of a person with everything."""
    name, properties, context = expected
    call = track(
        Connector(id="c", url="http://x"),
        Happening(
            id="e1",
            type=given,
            at_ms=1_767_225_600_000,
            braze_id="b",
            external_id="ann",
            email="ann@example.com",
            phone="+15551234567",
            time_zone="Europe/Oslo",
            device={"device_id": "d", "device_model": "Pixel", "os_version": "14", "platform": "android"},
            properties=dict.fromkeys(EVERYTHING - {"device_id", "platform"}, 1),
            own={},
        ),
    )
    assert (call["type"], call["event"], call["messageId"], call["timestamp"]) == (
        "track", name, "e1", 1_767_225_600,
    )  # fmt: skip
    assert (call["userId"], call["anonymousId"]) == ("ann", "b")
    assert call["properties"].keys() == properties
    assert call["context"]["device"].keys() | call["context"]["traits"].keys() == context
    assert call["context"]["device"].items() <= {"model": "Pixel", "type": "android"}.items()


async def test_what_no_line_describes_is_off_by_default():
    """The pages name no properties for the rest; a connector gets them only by asking, or by name."""
    usual = Stream(Connector(id="c", url="http://x"))
    described = {f"users.{line[0]}" for line in LINES}
    assert {kind for kind in KINDS if usual.wants(kind, identified=True)} <= described
    listed = (await client().get("/_sandbox/currents/events")).json["events"]
    assert listed.keys() == KINDS.keys()

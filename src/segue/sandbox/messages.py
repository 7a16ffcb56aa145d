"""What becomes of a message: sent to each recipient, then delivered, opened, clicked by chance and in time.

The sandbox sends nothing anywhere; it plays the recipients, so that Currents, the profile and the reports
have something to tell. Who does what follows from the recipient and the message alone, so a run can be
repeated; a campaign may give chances of its own. All of this is the sandbox's own invention.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from segue.sandbox.person import DAY_MS, Engagement, Person
from segue.sandbox.workspace import Campaign, Canvas, Channel, Workspace

CONVERSION_DAYS = 3
Later = Callable[[int, Callable[[int], None]], None]
"""later(at_ms, work): do work when that moment has come."""


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


_MAIL = "users.messages.email."
_PUSH = "users.messages.pushnotification."
_FROM = {"from_phone_number": "+15550100000"}
STEPS: Mapping[Channel, tuple[Step, ...]] = {
    "email": (
        Step("send", f"{_MAIL}Send", 0, 1),
        Step("bounce", f"{_MAIL}Bounce", 2, 0.02, "send", {"bounce_reason": "mailbox is unknown"}),
        Step("delivery", f"{_MAIL}Delivery", 2, 1, "send"),
        Step("open", f"{_MAIL}Open", 60, 0.4, "delivery", {"machine_open": False}),
        Step("click", f"{_MAIL}Click", 90, 0.3, "open", {"url": "https://example.com/", "link_id": "1"}),
        Step("unsubscribe", f"{_MAIL}Unsubscribe", 120, 0.01, "open"),
        Step("spam", f"{_MAIL}MarkAsSpam", 150, 0, "open"),
    ),
    "sms": (
        Step("send", "users.messages.sms.Send", 0, 1),
        Step("delivery", "users.messages.sms.Delivery", 3, 0.97, "send"),
        Step("click", "users.messages.sms.ShortLinkClick", 60, 0.1, "delivery", {"short_url": "https://brz.ai/x"}),
    ),
    "push": (
        Step("send", f"{_PUSH}Send", 0, 1, "", {"platform": "web"}),
        Step("bounce", f"{_PUSH}Bounce", 1, 0.02, "send", {"platform": "web"}),
        Step("open", f"{_PUSH}Open", 30, 0.1, "send"),
    ),
    "in_app_message": (
        Step("impression", "users.messages.inappmessage.Impression", 5, 0.8),
        Step("click", "users.messages.inappmessage.Click", 10, 0.3, "impression", {"button_id": "0"}),
    ),
    "content_card": (
        Step("send", "users.messages.contentcard.Send", 0, 1),
        Step("impression", "users.messages.contentcard.Impression", 60, 0.5, "send"),
        Step("click", "users.messages.contentcard.Click", 70, 0.2, "impression"),
        Step("dismiss", "users.messages.contentcard.Dismiss", 80, 0.1, "impression"),
    ),
    "webhook": (Step("send", "users.messages.webhook.Send", 0, 1),),
    "whatsapp": (
        Step("send", "users.messages.whatsapp.Send", 0, 1, "", _FROM),
        Step("delivery", "users.messages.whatsapp.Delivery", 3, 0.97, "send", _FROM),
        Step("read", "users.messages.whatsapp.Read", 60, 0.6, "delivery", _FROM),
    ),
}  # fmt: skip
"""By channel, in the order they are decided; a bounced message is not delivered or opened."""


def dispatch(
    workspace: Workspace,
    sent: Campaign | Canvas,
    people: Iterable[Person],
    dispatch_id: str,
    now_ms: int,
    later: Later,
) -> int:
    """Send a campaign or canvas to people; the number who got something.

    Someone held back as control group, without an address for any channel, or unsubscribed gets nothing.
    """
    reached = 0
    campaign = sent if isinstance(sent, Campaign) else None
    for person in people:
        told = _told(sent, dispatch_id)
        if (
            campaign is not None
            and _share(person.braze_id, campaign.id, "control") * 100 < campaign.control_percent
        ):
            _happen(workspace, person.braze_id, "users.campaigns.EnrollInControl", sent.name, told, now_ms)
            continue
        if campaign is None:
            _happen(
                workspace,
                person.braze_id,
                "users.canvas.Entry",
                sent.name,
                told | {"in_control_group": False},
                now_ms,
            )
        received = person.canvases_received if campaign is None else person.campaigns_received
        received[sent.id] = now_ms
        reached += 1
        for channel in sent.channels:
            if _can_get(person, channel):
                _play(workspace, person, channel, sent, told, now_ms, later)
    days = workspace.registry.sends.setdefault(sent.id, {})
    days[now_ms // DAY_MS] = days.get(now_ms // DAY_MS, 0) + reached
    return reached


def convert(workspace: Workspace, person: Person, event: str, at_ms: int) -> None:
    """Count a custom event as conversion of the campaigns that wait for it."""
    for campaign in workspace.converting.get(event, ()):
        received = person.campaigns_received.get(campaign.id)
        if received is None or not 0 <= at_ms - received <= CONVERSION_DAYS * DAY_MS:
            continue
        days = workspace.registry.conversions.setdefault(campaign.id, {})
        days[at_ms // DAY_MS] = days.get(at_ms // DAY_MS, 0) + 1
        told = {"campaign_id": campaign.id, "campaign_name": campaign.name, "conversion_behavior_index": 0}
        _happen(workspace, person.braze_id, "users.campaigns.Conversion", campaign.name, told, at_ms)


def _play(
    workspace: Workspace,
    person: Person,
    channel: Channel,
    sent: Campaign | Canvas,
    told: dict[str, Any],
    now_ms: int,
    later: Later,
) -> None:
    chances = sent.engagement if isinstance(sent, Campaign) else {}
    done: set[str] = set()
    for step in STEPS[channel]:
        if (step.needs and step.needs not in done) or (step.word == "delivery" and "bounce" in done):
            continue
        chance = chances.get(step.word, step.chance)
        if _share(person.braze_id, told["dispatch_id"], step.type) >= chance:
            continue
        done.add(step.word)
        braze_id, told_step = person.braze_id, {**told, **step.properties}
        if step.after_seconds == 0:
            _happen(workspace, braze_id, step.type, sent.name, told_step, now_ms)
        else:
            later(
                now_ms + step.after_seconds * 1_000,
                _happening(workspace, braze_id, step, sent.name, told_step),
            )


def _happening(
    workspace: Workspace, braze_id: str, step: Step, source: str, told: Mapping[str, Any]
) -> Callable[[int], None]:
    return lambda at_ms: _happen(workspace, braze_id, step.type, source, told, at_ms)


def _happen(
    workspace: Workspace, braze_id: str, kind: str, source: str, told: Mapping[str, Any], at_ms: int
) -> None:
    person = workspace.people.by_braze_id.get(braze_id)
    if person is None:
        return  # deleted or merged in the meantime
    person.engage(Engagement(kind, source, at_ms))
    device = person.devices[-1] if person.devices else {}
    known = {"device_id": device.get("device_id"), "device_model": device.get("model"), "platform": "web"}
    workspace.emit(kind, person, at_ms, told, device=known if device else None)
    if kind == f"{_MAIL}Unsubscribe":
        person.fields["email_subscribe"] = "unsubscribed"


def _told(sent: Campaign | Canvas, dispatch_id: str) -> dict[str, Any]:
    prefix = "campaign" if isinstance(sent, Campaign) else "canvas"
    return {
        f"{prefix}_id": sent.id,
        f"{prefix}_name": sent.name,
        "message_variation_id": f"{sent.id}-1",
        "message_variation_name": "Variant 1",
        "dispatch_id": dispatch_id,
    }


def _can_get(person: Person, channel: Channel) -> bool:
    match channel:
        case "email":
            return bool(person.fields.get("email")) and person.fields.get("email_subscribe") != "unsubscribed"
        case "sms" | "whatsapp":
            return bool(person.fields.get("phone"))
        case "push":
            return bool(person.push_tokens) and person.fields.get("push_subscribe") != "unsubscribed"
        case _:
            return True


def _share(*parts: str) -> float:
    """A number from 0 up to 1 that follows from the parts alone."""
    return zlib.crc32("/".join(parts).encode()) % 10_000 / 10_000

"""POST /messages/send and /sends/id/create: messages written into the call, and ids to track sends by.

Source  Braze docs, "Send messages immediately via API only", "Create send IDs", "API errors",
        read 2026-11-23. Nothing leaves: recipients are played as those of a campaign are.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from segue.sandbox import campaigns, identity
from segue.sandbox.aliases import IDS
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.identity import Target
from segue.sandbox.person import Person
from segue.sandbox.sending import audience_of, limit_broadcast
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Campaign, Channel

APPLE_BYTES, ANDROID_BYTES, SLIDEUP_CHARACTERS = 1_912, 4_000, 140


class Kind(NamedTuple):
    """A key of `messages`: its channel, where its text stands, how long that may be."""

    channel: Channel
    text: str = ""
    most: int = 0
    over: str = ""
    """The rule a longer one breaks."""


KINDS: Mapping[str, Kind] = {
    "apple_push": Kind("push", "alert", APPLE_BYTES, "apple-length"),
    "android_push": Kind("push", "alert", ANDROID_BYTES, "android-length"),
    "kindle_push": Kind("push"),
    "web_push": Kind("push"),
    "windows_push": Kind("push"),
    "windows8_push": Kind("push"),
    "email": Kind("email"),
    "sms": Kind("sms"),
    "mms": Kind("sms"),
    "webhook": Kind("webhook"),
    "whats_app": Kind("whatsapp"),
    "content_card": Kind("content_card"),
    "slideup": Kind("in_app_message", "message", SLIDEUP_CHARACTERS, "slideup-length"),
}


def create_send_id(call: Call) -> Reply:
    """An id to track sends of a campaign by: the one wanted, or a new one."""
    campaign_id, wanted = call.document.get("campaign_id"), call.document.get("send_id")
    if not isinstance(campaign_id, str) or campaign_id not in call.workspace.campaigns:
        raise Refused("campaign")
    if wanted is not None and not (isinstance(wanted, str) and 0 < len(wanted) <= 64):
        raise Refused("not-valid", "send_id")
    send_id = wanted or call.world.next_dispatch(call.workspace, f"send/{campaign_id}")[:24]
    return reply(201, {"message": "success", "send_id": send_id})


def send_messages(call: Call) -> Reply:
    """Send the messages of the call to ids, or broadcast them to a segment or an audience."""
    document, workspace = call.document, call.workspace
    campaign_id = document.get("campaign_id")
    known = workspace.campaigns.get(campaign_id) if isinstance(campaign_id, str) else None
    if campaign_id is not None and known is None:
        raise Refused("campaign")
    channels = _channels(document.get("messages"), known)
    targets = _targets(call)
    broadcast = document.get("broadcast") is True
    segment_id = document.get("segment_id")
    if broadcast and targets:
        raise Refused("broadcast-with-recipients")
    if not targets and not (broadcast or segment_id):
        raise Refused("no-recipients")
    if segment_id is not None and (not isinstance(segment_id, str) or segment_id not in workspace.segments):
        raise Refused("segment")
    is_member = None
    if not targets:
        limit_broadcast(call, f"{campaign_id}/{segment_id}")
        is_member = audience_of(call, segment_id or "", document.get("audience"))
    dispatch_id = call.world.next_dispatch(workspace, "message")
    sent = known or Campaign(id=f"message-{dispatch_id[:8]}", name="API message", channels=channels)
    call.objects = call.accepted = len(targets)

    def apply(now_ms: int) -> None:
        people: list[Person] = [] if is_member is None else list(workspace.touched(is_member))
        for target in targets:
            person = identity.find(workspace.people, target)
            if person is None:
                call.warn("nobody", "recipients", f"no profile for this {target.kind}; not sent")
            else:
                people.append(person)
        campaigns.dispatch(workspace, sent, people, dispatch_id, now_ms, call.world.at)

    call.world.apply_later(call, apply)
    answer = {"dispatch_id": dispatch_id, "message": "success"}
    if isinstance(document.get("send_id"), str):
        answer["send_id"] = document["send_id"]
    return reply(201, answer)


def _targets(call: Call) -> list[Target]:
    """Who is named, each once. Raises Refused: something that names nobody, or too many."""
    ids, aliases = call.document.get("external_user_ids"), call.document.get("user_aliases")
    named = [ids] if isinstance(ids, str) else ids or []
    if not isinstance(named, list) or not isinstance(aliases or [], list):
        raise Refused("no-recipients")
    found: dict[Target, None] = {}
    for external_id in named:
        if not isinstance(external_id, str):
            raise Refused("not-valid", "external_user_ids")
        found[identity.checked_external(external_id, call.workspace)] = None
    for entry in aliases or []:
        alias = identity.alias_of(entry)
        if alias is None:
            raise Refused("not-valid", "user_aliases")
        found[Target("user_alias", *alias)] = None
    if len(found) > IDS:
        raise Refused("too-many-recipients")
    return list(found)


def _channels(messages: Any, campaign: Campaign | None) -> list[Channel]:
    """The channels of the messages. Raises Refused: there is none, or one is no good."""
    if not isinstance(messages, dict) or not messages.keys() & KINDS.keys():
        raise Refused("no-message")
    channels: dict[Channel, None] = {}
    for name, message in messages.items():
        kind = KINDS.get(name)
        if kind is None:
            continue
        if not isinstance(message, dict):
            raise Refused("no-message")
        _check(message, kind)
        if campaign is not None:
            variation = message.get("message_variation_id")
            if variation is None:
                raise Refused("variant-unspecified")
            written = campaign.messages.get(variation) if isinstance(variation, str) else None
            if written is None:
                raise Refused("variant")
            if written.get("channel", name) not in (name, kind.channel):
                raise Refused("variant-type")
        channels[kind.channel] = None
    return list(channels)


def _check(message: Mapping[str, Any], kind: Kind) -> None:
    extra = message.get("extra")
    if kind.channel == "push" and extra is not None and not isinstance(extra, dict):
        raise Refused("extra-push")
    text = message.get(kind.text) if kind.text else None
    if isinstance(text, dict):
        try:
            text = orjson.dumps(text).decode()
        except TypeError as fault:  # nested deeper than the encoder follows
            raise Refused("not-valid", kind.text) from fault
    if isinstance(text, str):
        is_push = kind.channel == "push"
        if (len(text.encode(errors="replace")) if is_push else len(text)) > kind.most:
            raise Refused(kind.over)

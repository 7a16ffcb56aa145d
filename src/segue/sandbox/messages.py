"""What becomes of a message: sent to each recipient, then delivered, opened, clicked by chance and in time.

The sandbox sends nothing anywhere; it plays the recipients, so that Currents, the profile and the reports
have something to tell. Who does what follows from the recipient and the message alone, so a run can be
repeated; a campaign or canvas may give chances of its own. What may happen is the table of engagement.py.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from segue.sandbox.engagement import ENGAGED, STEPS, Step
from segue.sandbox.person import Engagement, Person, Reception
from segue.sandbox.subscriptions import tell_global_state
from segue.sandbox.tokens import drop_token
from segue.sandbox.workspace import Campaign, Canvas, Channel, Workspace

Later = Callable[[int, Callable[[int], None]], None]
"""later(at_ms, work): do work when that moment has come."""


def play(
    workspace: Workspace,
    person: Person,
    channels: Iterable[Channel],
    sent: Campaign | Canvas,
    told: dict[str, Any],
    now_ms: int,
    later: Later,
) -> None:
    """Decide what a person does with the messages of some channels, and let it happen in time."""
    open_to = [channel for channel in channels if _can_get(person, channel)]
    if not open_to:
        kind = "users.campaigns.Abort" if isinstance(sent, Campaign) else "users.canvas.Abort"
        why = {"abort_type": "unreachable", "abort_log": "no address, or unsubscribed, on every channel"}
        workspace.emit(kind, person, now_ms, {**told, **why})
    for channel in open_to:
        done: set[str] = set()
        for step in STEPS[channel]:
            if (step.needs and step.needs not in done) or not done.isdisjoint(step.unless):
                continue
            chance = sent.engagement.get(step.word, step.chance)
            if share(person.braze_id, told["dispatch_id"], step.type) >= chance:
                continue
            done.add(step.word)
            braze_id, told_step = person.braze_id, {**told, **step.properties}
            if step.after_seconds == 0:
                happen(workspace, braze_id, step.type, sent, told_step, now_ms)
            else:
                due_ms = now_ms + step.after_seconds * 1_000
                later(due_ms, _happening(workspace, braze_id, step, sent, told_step))


def _happening(
    workspace: Workspace, braze_id: str, step: Step, sent: Campaign | Canvas, told: Mapping[str, Any]
) -> Callable[[int], None]:
    return lambda at_ms: happen(workspace, braze_id, step.type, sent, told, at_ms)


def happen(
    workspace: Workspace,
    braze_id: str,
    kind: str,
    sent: Campaign | Canvas,
    told: Mapping[str, Any],
    at_ms: int,
) -> None:
    """Let something happen to a message: noted on the profile, told to Currents, with what follows of it."""
    person = workspace.people.by_braze_id.get(braze_id)
    if person is None:
        return  # deleted or merged in the meantime
    person.engage(Engagement(kind, sent.name, at_ms))
    if kind in ENGAGED:
        person.receptions.setdefault(sent.id, Reception()).engaged[ENGAGED[kind]] = True
    device = person.devices[-1] if person.devices else {}
    known = {"device_id": device.get("device_id"), "device_model": device.get("model"), "platform": "web"}
    workspace.emit(kind, person, at_ms, told, device=known if device else None)
    match kind:
        case "users.messages.email.Unsubscribe" if person.fields.get("email_subscribe") != "unsubscribed":
            tell_global_state(
                workspace, person, "email_subscribe", "unsubscribed", at_ms, "Subscription Page"
            )
            person.fields["email_subscribe"] = "unsubscribed"
        case "users.messages.contentcard.Click" if sent.name not in person.cards_clicked:
            person.cards_clicked += (sent.name,)
        case "users.messages.pushnotification.Bounce" if person.push_tokens:
            drop_token(workspace, person, person.push_tokens[-1], at_ms)


def told_of(sent: Campaign | Canvas, dispatch_id: str) -> dict[str, Any]:
    """What every event of one send says."""
    prefix = "campaign" if isinstance(sent, Campaign) else "canvas"
    return {
        f"{prefix}_id": sent.id,
        f"{prefix}_name": sent.name,
        "message_variation_id": f"{sent.id}-1",
        "message_variation_name": "Variant 1",
        "dispatch_id": dispatch_id,
    }


def share(*parts: str) -> float:
    """A number from 0 up to 1 that follows from the parts alone."""
    return zlib.crc32("/".join(parts).encode()) % 10_000 / 10_000


def _can_get(person: Person, channel: Channel) -> bool:
    match channel:
        case "email":
            return bool(person.fields.get("email")) and person.fields.get("email_subscribe") != "unsubscribed"
        case "sms" | "whatsapp" | "rcs":
            return bool(person.fields.get("phone"))
        case "push":
            return bool(person.push_tokens) and person.fields.get("push_subscribe") != "unsubscribed"
        case _:
            return True

"""Campaigns and canvases at work: sent to people, and heeding what those people do afterwards."""

from collections.abc import Iterable

from segue.sandbox import canvases, messages
from segue.sandbox.person import DAY_MS, Person, Reception
from segue.sandbox.workspace import Campaign, Canvas, Workspace

CONVERSION_DAYS = 3


def dispatch(
    workspace: Workspace,
    sent: Campaign | Canvas,
    people: Iterable[Person],
    dispatch_id: str,
    now_ms: int,
    later: messages.Later,
) -> int:
    """Send a campaign or canvas to people; the number who got something.

    Someone held back as control group, without an address for any channel, or unsubscribed gets nothing.
    """
    reached = 0
    told = messages.told_of(sent, dispatch_id)
    for person in people:
        is_control = messages.share(person.braze_id, sent.id, "control") * 100 < sent.control_percent
        reception = person.receptions.setdefault(sent.id, Reception())
        reception.in_control, reception.variation = is_control, told["message_variation_name"]
        if isinstance(sent, Canvas):
            canvases.enter(workspace, sent, person, told, now_ms, later)
            reached += not is_control
        elif is_control:
            messages.happen(workspace, person.braze_id, "users.campaigns.EnrollInControl", sent, told, now_ms)
        else:
            person.campaigns_received[sent.id] = now_ms
            messages.play(workspace, person, sent.channels, sent, told, now_ms, later)
            reached += 1
    days = workspace.registry.sends.setdefault(sent.id, {})
    days[now_ms // DAY_MS] = days.get(now_ms // DAY_MS, 0) + reached
    return reached


def heed(workspace: Workspace, person: Person, event: str, at_ms: int) -> None:
    """Let a custom event convert what waits for it, and end the canvases it ends."""
    for sent in workspace.awaiting.get(event, ()):
        received = person.campaigns_received if isinstance(sent, Campaign) else person.canvases_received
        since = received.get(sent.id)
        if since is None or not 0 <= at_ms - since <= CONVERSION_DAYS * DAY_MS:
            continue
        if sent.conversion_event == event:
            days = workspace.registry.conversions.setdefault(sent.id, {})
            days[at_ms // DAY_MS] = days.get(at_ms // DAY_MS, 0) + 1
            person.receptions.setdefault(sent.id, Reception()).conversions += 1
            told = {"conversion_behavior": f'{{"event":"{event}"}}', "conversion_behavior_index": 0}
            if isinstance(sent, Canvas):
                canvases.convert(workspace, sent, person, told, at_ms)
            else:
                told |= {"campaign_id": sent.id, "campaign_name": sent.name}
                messages.happen(workspace, person.braze_id, "users.campaigns.Conversion", sent, told, at_ms)
        if isinstance(sent, Canvas) and sent.exit_event == event:
            canvases.leave(workspace, sent, person, "PerformedEvent", at_ms)

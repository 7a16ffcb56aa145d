"""POST /campaigns/trigger/send and /canvas/trigger/send: who is written to, with what; or later.

Source  Braze docs, "Send API-triggered campaigns", "Send API-triggered canvases", "API limits",
        read 2026-11-23
Nothing leaves the sandbox: a send is noted on each recipient, counted by day and played out (campaigns.py).
"""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from segue.sandbox import attributes, campaigns, identity
from segue.sandbox.aliases import IDS
from segue.sandbox.audience.connected import connected
from segue.sandbox.audience.filters import Test
from segue.sandbox.dates import read_time
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.identity import Target
from segue.sandbox.person import Person
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Campaign, Canvas

PROPERTIES_BYTES = 51_200
_KINDS = ("external_user_id", "user_alias", "braze_id", "email")


class Kind(NamedTuple):
    """What is triggered: the key of its id, the refusal of an unknown one, its properties' names."""

    id_key: str
    unknown: str
    properties: tuple[str, ...]


CAMPAIGN = Kind("campaign_id", "campaign", ("trigger_properties",))
CANVAS = Kind("canvas_id", "canvas", ("canvas_entry_properties", "context"))


class Recipient(NamedTuple):
    """One recipient: who, whether to make them if unknown, what to set first."""

    target: Target
    priorities: list[str]
    create: bool
    attributes: Mapping[str, Any]


def send_campaign(call: Call) -> Reply:
    """Trigger a campaign."""
    return _send(call, CAMPAIGN)


def send_canvas(call: Call) -> Reply:
    """Trigger a canvas."""
    return _send(call, CANVAS)


def schedule_campaign(call: Call) -> Reply:
    """Trigger a campaign at a time to come."""
    return _send(call, CAMPAIGN, at_ms=_scheduled(call))


def schedule_canvas(call: Call) -> Reply:
    """Trigger a canvas at a time to come."""
    return _send(call, CANVAS, at_ms=_scheduled(call))


def _scheduled(call: Call) -> int:
    """When `schedule.time` says. Everybody gets it then: local and optimal times are not known here."""
    schedule = call.document.get("schedule")
    if not isinstance(schedule, dict):
        raise Refused("required" if schedule is None else "not-valid", "schedule")
    text = schedule.get("time")
    at_ms = read_time(text) if isinstance(text, str) else None
    if at_ms is None or at_ms <= call.now_ms:
        raise Refused("not-valid" if text else "required", "time")
    for name in ("in_local_time", "at_optimal_time"):
        if schedule.get(name) is True:
            call.warn("schedule", f"schedule.{name}", "everybody gets it at the time itself")
    return at_ms


def _send(call: Call, kind: Kind, at_ms: int | None = None) -> Reply:
    document = call.document
    what = document.get(kind.id_key)
    known: Mapping[str, Campaign | Canvas]
    known = call.workspace.campaigns if kind is CAMPAIGN else call.workspace.canvases
    if not isinstance(what, str) or what not in known:
        raise Refused(kind.unknown)
    _check_properties(document, kind)
    broadcast = document.get("broadcast") is True
    entries = document.get("recipients")
    if broadcast and entries:
        raise Refused("broadcast-with-recipients")
    if not broadcast and (not isinstance(entries, list) or not entries):
        raise Refused("no-recipients")
    recipients = [] if broadcast else _recipients(call, entries, kind)
    if broadcast:
        limit_broadcast(call, what)
    call.objects = call.accepted = len(recipients)
    segment_id = known[what].segment_id or ""
    is_member = audience_of(call, segment_id, document.get("audience")) if broadcast else None
    dispatch_id = call.world.next_dispatch(call.workspace, what)

    def work(now_ms: int) -> None:
        _apply(call, known[what], recipients, is_member, dispatch_id, now_ms)

    answer = {"dispatch_id": dispatch_id, "message": "success"}
    if at_ms is None:
        call.world.apply_later(call, work)
    else:
        call.world.at(at_ms, work)
        answer["schedule_id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, dispatch_id))
    if isinstance(document.get("send_id"), str):
        answer["send_id"] = document["send_id"]
    return reply(201, answer)


def _recipients(call: Call, entries: Any, kind: Kind) -> list[Recipient]:
    if len(entries) > IDS:
        raise Refused("too-many-recipients")
    found: dict[Target, Recipient] = {}
    for entry in entries:
        recipient = _recipient(call, entry, kind)
        found.setdefault(recipient.target, recipient)
    return list(found.values())


def _recipient(call: Call, entry: Any, kind: Kind) -> Recipient:
    if not isinstance(entry, dict):
        raise Refused("one-recipient-identifier")
    named = [name for name in _KINDS if entry.get(name)]
    if len(named) != 1:
        raise Refused("one-recipient-identifier")
    _check_properties(entry, kind)
    name, value = named[0], entry[named[0]]
    priorities: list[str] = []
    if name == "user_alias":
        alias = identity.alias_of(value)
        if alias is None:
            raise Refused("one-recipient-identifier")
        target = Target("user_alias", *alias)
    elif not isinstance(value, str):
        raise Refused("one-recipient-identifier")
    elif name == "external_user_id":
        target = identity.checked_external(value, call.workspace)
    elif name == "email":
        if not identity.is_email(value):
            raise Refused("email-not-valid")
        priorities = identity.priorities_of(entry.get("prioritization"))
        target = Target("email", value)
    else:
        target = Target("braze_id", value)
    extra = entry.get("attributes")
    create = entry.get("send_to_existing_only") is False
    if (create and name == "user_alias") or (create and not isinstance(extra, dict)):
        raise Refused("not-valid", "send_to_existing_only")
    return Recipient(target, priorities, create, extra if isinstance(extra, dict) else {})


def _check_properties(holder: Mapping[str, Any], kind: Kind) -> None:
    for name in kind.properties:
        value = holder.get(name)
        if value is None:
            continue
        if not isinstance(value, dict):
            raise Refused("not-valid", name)
        try:
            size = len(orjson.dumps(value))
        except TypeError as fault:  # nested deeper than the encoder follows
            raise Refused("not-valid", name) from fault
        if size > PROPERTIES_BYTES:
            raise Refused("properties-cap", name)


def limit_broadcast(call: Call, what: str) -> None:
    """250 broadcasts a minute, and 10 to the same audience: what is sent, to whom, by which filter."""
    try:
        said = orjson.dumps(call.document.get("audience"))
    except TypeError as fault:  # nested deeper than the encoder follows
        raise Refused("not-valid", "audience") from fault
    audience = hashlib.sha256(what.encode() + said).hexdigest()[:16]
    world = call.world
    for bucket in ("broadcast", f"audience:{audience}"):
        permit = world.limits.take(world.switches, call.workspace.id, bucket, call.now_ms)
        if not permit.granted:
            raise Refused("rate-limited", status=429, headers=permit.headers)


def audience_of(call: Call, segment_id: str, audience: Any) -> Test:
    """Who a broadcast goes to: a segment, narrowed by the audience of the request.

    Raises Refused: the audience is none the documents know.
    """
    segment = call.workspace.segments.get(segment_id)
    tests = [call.workspace.members(segment, call.now_ms)] if segment is not None else []
    if audience not in (None, {}):
        try:
            tests.append(connected(audience, call.workspace.scope(call.now_ms)))
        except ValueError as fault:
            call.warn("audience", "audience", str(fault))
            raise Refused("not-valid", "audience") from fault
    return lambda person: all(test(person) for test in tests)


def _apply(
    call: Call,
    sent: Campaign | Canvas,
    recipients: list[Recipient],
    is_member: Test | None,
    dispatch_id: str,
    now_ms: int,
) -> None:
    workspace = call.workspace
    people = [] if is_member is None else list(workspace.touched(is_member))
    for recipient in recipients:
        person = _person(call, recipient, now_ms)
        if person is None:
            call.warn("nobody", "recipients", f"no profile for this {recipient.target.kind}; not sent")
            continue
        people.append(person)
    campaigns.dispatch(workspace, sent, people, dispatch_id, now_ms, call.world.at)


def _person(call: Call, recipient: Recipient, now_ms: int) -> Person | None:
    people = call.workspace.people
    target = recipient.target
    found = (
        identity.candidate(people, target, recipient.priorities)
        if recipient.priorities
        else identity.find(people, target)
    )
    if found is None and recipient.create:
        found = identity.make(people, target, now_ms)
    if found is not None and recipient.attributes:
        try:
            item = {**recipient.attributes, "braze_id": found.braze_id}
            for name in ("external_id", "user_alias"):
                item.pop(name, None)
            attributes.apply(call, call.workspace, attributes.check(call, item, 0), now_ms)
        except Refused as refusal:
            call.warn("recipient-attributes", "recipients", call.say(refusal))
    return found

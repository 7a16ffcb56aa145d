"""Two profiles become one, by the rules Braze documents for identify and merge; POST /users/merge.

Source  Braze docs, "Identify users", "Merge users", read 2026-11-23
What the kept profile already has stays; what it lacks is taken over; counts are summed. The documents do not
list subscription groups; here they are taken over like fields.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from segue.sandbox import identity
from segue.sandbox.aliases import IDS
from segue.sandbox.dates import read_time
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.identity import Target
from segue.sandbox.person import MESSAGES_KEPT, AppUse, Commerce, Person
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Workspace

FIELDS = (
    "first_name", "last_name", "email", "gender", "dob", "phone", "time_zone", "home_city", "country",
    "language",
)  # fmt: skip
"""Braze's own fields that are taken over where the kept profile lacks them."""


def combine(workspace: Workspace, gone: Person, kept: Person, now_ms: int, *, fields: bool = True) -> None:
    """Fold one profile into another and remove it.

    fields  False carries nothing over but the aliases (`merge_behavior: none`)
    """
    people = workspace.people
    people.remove(gone)
    held = kept.device_ids
    for label, name in gone.aliases.items():
        people.add_alias(kept, name, label)
    for device_id in gone.anonymous_devices:
        people.settle_on(kept, device_id)
    kept.updated_ms = now_ms
    workspace.registry.merged += 1
    if not fields:
        return
    for field in FIELDS:
        value = gone.fields.get(field)
        if value is None or kept.fields.get(field) is not None:
            continue
        if field == "email":
            people.set_email(kept, value)
        elif field == "phone":
            people.set_phone(kept, value)
        else:
            kept.fields[field] = value
    for field, pick in (("date_of_first_session", min), ("date_of_last_session", max)):
        dates = [person.fields[field] for person in (kept, gone) if person.fields.get(field)]
        if dates:
            kept.fields[field] = pick(dates, key=lambda text: read_time(text) or 0)
    kept.groups = {**gone.groups, **kept.groups}
    kept.custom = {**gone.custom, **kept.custom}
    for mine, theirs in (
        (kept.event_summaries, gone.event_summaries),
        (kept.purchase_summaries, gone.purchase_summaries),
    ):
        for name, summary in theirs.items():
            if name in mine:
                mine[name].join(summary)
            else:
                mine[name] = summary
    kept.events = sorted(kept.events + gone.events, key=lambda event: event.time_ms)
    kept.purchases = sorted(kept.purchases + gone.purchases, key=lambda purchase: purchase.time_ms)
    kept.revenue_cents += gone.revenue_cents
    kept.purchase_count += gone.purchase_count
    kept.data_points += gone.data_points
    _join_apps(kept, gone)
    _join_commerce(kept, gone)
    for name, theirs_of in gone.receptions.items():
        if name not in kept.receptions or _last(gone, name) > _last(kept, name):
            kept.receptions[name] = theirs_of
    kept.cards_clicked += tuple(name for name in gone.cards_clicked if name not in kept.cards_clicked)
    _join_messages(kept.campaigns_received, gone.campaigns_received)
    _join_messages(kept.canvases_received, gone.canvases_received)
    kept.cohorts += tuple(cohort for cohort in gone.cohorts if cohort not in kept.cohorts)
    known = {token["token"] for token in kept.push_tokens}
    for token in gone.push_tokens:
        if token["token"] not in known:
            kept.push_tokens += (token,)
            people.list_token(kept, token["token"])
    kept.devices += tuple(device for device in gone.devices if device not in kept.devices)
    people.relist_devices(kept, held)
    kept.messages = tuple(sorted(kept.messages + gone.messages, key=lambda entry: entry.at_ms))[
        -MESSAGES_KEPT:
    ]
    kept.created_ms = min(kept.created_ms, gone.created_ms)


class Union(NamedTuple):
    """One entry of merge_updates: two targets, each with its prioritization."""

    gone: tuple[Target, Sequence[str]]
    kept: tuple[Target, Sequence[str]]


def merge(call: Call) -> Reply:
    """Merge up to 50 pairs of profiles; which pair comes first is not promised."""
    updates = call.document.get("merge_updates")
    if not isinstance(updates, list) or not updates or not all(isinstance(entry, dict) for entry in updates):
        raise Refused("merge-array")
    if len(updates) > IDS:
        raise Refused("merge-too-many")
    unions = [_union(entry) for entry in updates]
    call.objects = call.accepted = len(unions)
    call.world.apply_later(call, lambda now_ms: _merge(call, unions, now_ms))
    return reply(202, {"message": "success"})


def _union(entry: Mapping[str, Any]) -> Union:
    if entry.keys() != {"identifier_to_merge", "identifier_to_keep"}:
        raise Refused("merge-keys")
    return Union(_one(entry["identifier_to_merge"]), _one(entry["identifier_to_keep"]))


def _one(value: Any) -> tuple[Target, Sequence[str]]:
    """One identifier object, exactly one of the four kinds."""
    if not isinstance(value, dict):
        raise Refused("merge-identifiers")
    kinds = [kind for kind in ("external_id", "user_alias", "email", "phone") if kind in value]
    if len(kinds) != 1:
        raise Refused("merge-identifiers")
    kind, named = kinds[0], value[kinds[0]]
    if kind == "user_alias":
        alias = identity.alias_of(named)
        if alias is None:
            raise Refused("merge-identifiers")
        return Target(kind, *alias), ()
    if not isinstance(named, str) or not named:
        raise Refused("merge-identifiers")
    if kind == "external_id":
        return Target(kind, named), ()
    return Target(kind, named), identity.priorities_of(value.get("prioritization"))


def _merge(call: Call, unions: Sequence[Union], now_ms: int) -> None:
    workspace = call.workspace
    for index, union in enumerate(unions):
        gone = identity.candidate(workspace.people, *union.gone)
        kept = identity.candidate(workspace.people, *union.kept)
        if gone is None or kept is None or gone is kept:
            call.warn("nobody", f"merge_updates[{index}]", "needs two different profiles; nothing was done")
        else:
            combine(workspace, gone, kept, now_ms)


def _join_apps(kept: Person, gone: Person) -> None:
    """Sessions are summed, the first use is the earlier, the last the later."""
    for app_id, use in gone.apps.items():
        mine = kept.apps.get(app_id)
        kept.apps[app_id] = (
            use
            if mine is None
            else AppUse(
                app_id,
                mine.sessions + use.sessions,
                min(mine.first_ms, use.first_ms),
                max(mine.last_ms, use.last_ms),
                {
                    day: mine.days.get(day, 0) + use.days.get(day, 0)
                    for day in mine.days.keys() | use.days.keys()
                },
                mine.latest_sessions or use.latest_sessions,
            )
        )


def _join_commerce(kept: Person, gone: Person) -> None:
    if gone.commerce is None:
        return
    if kept.commerce is None:
        kept.commerce = gone.commerce
        return
    mine, theirs = kept.commerce, gone.commerce
    kept.commerce = Commerce(
        revenue_cents=mine.revenue_cents + theirs.revenue_cents,
        refund_cents=mine.refund_cents + theirs.refund_cents,
        orders=list(dict.fromkeys(mine.orders + theirs.orders)),
        cancelled=list(dict.fromkeys(mine.cancelled + theirs.cancelled)),
        refunds=mine.refunds + theirs.refunds,
        carts={**theirs.carts, **mine.carts},
    )


def _last(person: Person, name: str) -> int:
    """When somebody last got a campaign or canvas, or was held back from it."""
    held_back = person.receptions[name].entered_ms or 0
    return max(person.campaigns_received.get(name, 0), person.canvases_received.get(name, 0), held_back)


def _join_messages(mine: dict[str, int], theirs: dict[str, int]) -> None:
    for name, at_ms in theirs.items():
        mine[name] = max(at_ms, mine.get(name, at_ms))

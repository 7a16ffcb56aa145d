"""Two profiles become one, by the rules Braze documents for identify and merge.

Source  Braze docs, "Identify users", "Merge users", read 2026-11-23
What the kept profile already has stays; what it lacks is taken over; counts are summed.
"""

from segue.sandbox.person import AppUse, Commerce, Person
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
    for label, name in gone.aliases.items():
        people.add_alias(kept, name, label)
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
    _join_messages(kept.campaigns_received, gone.campaigns_received)
    _join_messages(kept.canvases_received, gone.canvases_received)
    known = {token["token"] for token in kept.push_tokens}
    kept.push_tokens = kept.push_tokens + [token for token in gone.push_tokens if token["token"] not in known]
    kept.devices = kept.devices + [device for device in gone.devices if device not in kept.devices]
    kept.created_ms = min(kept.created_ms, gone.created_ms)


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


def _join_messages(mine: dict[str, int], theirs: dict[str, int]) -> None:
    for name, at_ms in theirs.items():
        mine[name] = max(at_ms, mine.get(name, at_ms))

"""Kinship: what is known of people when the partner makes one profile of two.

What the kept profile has stays, with its clock; what it lacks is taken over, with the clock it had at the
other. So an older value of either name never overwrites the newer one that stands. A person has one name of
a *slot* (at Braze: one alias of a label); whoever comes second in a slot is not combined with them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from segue.engine.profile import forgotten, is_null
from segue.engine.roster import Roster
from segue.kit.attributes import AttributeShape, Disturbance, JsonObject

MOST_KIN: Final = 8


def disturb(
    roster: Roster, shape: AttributeShape, disturbance: Disturbance, person: Callable[[JsonObject], str]
) -> None:
    """Forget what an object of another action makes uncertain, and join whom it joins. Everybody it names
    must be loaded. person: gives the key of whom an object names, "" for nobody."""
    named = list(filter(None, map(person, disturbance.forgotten)))
    kept = named[0] if named and disturbance.joined else ""
    for key in filter(None, map(person, disturbance.erased)):
        if key == kept:
            continue
        if kept:
            _merge(roster, shape, key, kept)
        else:
            erase(roster, key)
    for key in named[1:] if kept else ():
        if key != kept:
            _join(roster, shape, key, kept, disturbance.slot)
    for key in named:
        forget(roster, [key])


def forget(roster: Roster, people: Iterable[str]) -> None:
    """Keep only the clocks of these people."""
    for key in people:
        roster[key].forget()
        roster.change([key])


def erase(roster: Roster, person: str) -> None:
    """Keep nothing of a person, and of their kin only the clocks."""
    profile = roster[person]
    forget(roster, roster.kin(profile))
    profile.erase()
    roster.change([person])


def _merge(roster: Roster, shape: AttributeShape, key: str, kept: str) -> None:
    """Somebody is gone, when both were there; else nothing happened, and what was sent to them stands."""
    slots = roster[key].slots
    _take_over(roster, shape, key, kept)
    if roster[kept].exists:
        erase(roster, key)
        _inherit(roster, key, kept, slots)
    else:
        forget(roster, [key])


def _join(roster: Roster, shape: AttributeShape, key: str, kept: str, slot: str) -> None:
    """Somebody may be the kept person from now on, unless another is known to have their place, or they
    are known to be somebody else already."""
    profile, holder = roster[key], roster[kept]
    if slot and (
        holder.slots.get(slot, key) != key
        or any(roster[kin].slots.get(slot) == key for kin in profile.kin if kin != kept)
    ):
        return
    if profile.exists:
        _take_over(roster, shape, key, kept)
        profile.opened().clear()
        holder.exists = True
        if slot:
            holder.slots = {**holder.slots, slot: key}
    if kept not in profile.kin:
        profile.kin = (*profile.kin, kept)[-MOST_KIN:]
    roster.change([key, kept])


def _take_over(roster: Roster, shape: AttributeShape, gone: str, kept: str) -> None:
    """Take over the clocks of what the kept one lacks."""
    source, target = roster[gone], roster[kept]
    entries = target.opened()
    for name, entry in source.entries.items():
        held = entries.get(name)
        is_carried = name not in shape.fixed or name in shape.carried
        if is_carried and not is_null(entry) and (held is None or is_null(held)):
            entries[name] = forgotten(entry)
            target.latest = max(target.latest, source.latest)
    roster.change([kept])


def _inherit(roster: Roster, gone: str, kept: str, slots: Mapping[str, str]) -> None:
    """The other names of somebody who is gone reach the kept one where their place is free, else nobody."""
    holder = roster[kept]
    for slot, key in slots.items():
        profile = roster[key]
        if holder.slots.get(slot, key) == key:
            holder.slots = {**holder.slots, slot: key}
            profile.kin = tuple(kept if kin == gone else kin for kin in profile.kin)
        else:
            profile.erase()
        roster.change([kept, key])

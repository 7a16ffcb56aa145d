"""Kinship: what is known of people when the partner makes one profile of two.

What the kept profile has stays, with its clock; what it lacks is taken over, with the clock it had at the
other. So an older value of either name never overwrites the newer one that stands. A person has one name of
a *slot* (at Braze: one alias of a label); whoever comes second in a slot is not combined with them.

A name nobody is known to have may be a profile's of its own after a log-in: the partner does nothing when it
finds nobody. Until that shows, its clocks count for both and are kept with the name; once the person's place
is known to be another's, each has only their own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from segue.engine.entry import Touch, forgotten, is_null, newest
from segue.engine.profile import Profile
from segue.engine.roster import Roster
from segue.kit.attributes import AttributeShape, Disturbance, JsonObject

MOST_KIN: Final = 8


def disturb(
    roster: Roster, shape: AttributeShape, disturbance: Disturbance, person: Callable[[JsonObject], str]
) -> None:
    """Forget what an object of another action makes uncertain, and join whom it joins. Everybody it names
    must be loaded. person: gives the key of whom an object names, "" for nobody."""
    for key in filter(None, map(person, disturbance.present)):
        meet(roster, key)
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


def meet(roster: Roster, person: str) -> None:
    """Somebody is known to be there."""
    profile = roster[person]
    if not profile.exists:
        profile.exists = True
        roster.change([person])


def pruned(roster: Roster, person: str) -> Profile:
    """Somebody without the kin they are known not to be: whose place is another's, or all others once they
    have a place themselves."""
    profile = roster[person]
    if profile.kin and profile.slot:
        holders = {kin: roster[kin].slots.get(profile.slot) for kin in profile.kin}
        home = tuple(kin for kin, holder in holders.items() if holder == person)
        kept = home or tuple(kin for kin, holder in holders.items() if holder is None)
        if kept != profile.kin:
            profile.kin = kept
            roster.change([person])
    return profile


def related(roster: Roster, person: str) -> list[Profile]:
    """Everybody whose clocks count for somebody, because the two may be the same profile."""
    profile = roster[person]
    claims = tuple(claim for claim in profile.claims if person in roster.kin(pruned(roster, claim)))
    if claims != profile.claims:
        profile.claims = claims
        roster.change([person])
    return [*roster.kin(profile).values(), *(roster[claim] for claim in claims)]


def others(roster: Roster, person: str) -> Mapping[str, bool]:
    """The other names of somebody, those that may be theirs included, and whether something is on its way to
    each."""
    if roster.is_alone(person):
        return {}  # nearly always
    profile = pruned(roster, person)
    if not (profile.kin or profile.slots or profile.claims):
        return {}
    kin = roster.kin(profile)
    names = {
        *kin,
        *profile.claims,
        *(name for each in (profile, *kin.values()) for name in each.slots.values()),
    }
    return {name: bool(roster[name].flying) for name in sorted(names - {person})}


def overtake(roster: Roster, person: str, touched: Mapping[str, Touch], latest: int) -> None:
    """Tell the kin of somebody who sends these attributes that they may be theirs."""
    profile = roster[person]
    found = roster.kin(profile)
    for kin in found.values():
        kin.latest = max(kin.latest, latest)
        entries = kin.opened()
        may_be_another = bool(profile.slot) and kin.slots.get(profile.slot) != person
        if may_be_another and person not in kin.claims:
            may_be_another = len(kin.claims) < MOST_KIN
            kin.claims = (*kin.claims, person)[:MOST_KIN]
        for name, touch in touched.items():
            entry = entries.get(name)
            if not may_be_another:
                entries[name] = forgotten(touch.after(entry))
            elif entry is not None:
                entries[name] = forgotten(entry)
        for prepared in kin.flying:
            prepared.is_void = True
    roster.change(found)


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
    slots, claims = roster[key].slots, roster[key].claims
    _take_over(roster, shape, key, kept)
    if roster[kept].exists:
        erase(roster, key)
        _inherit(roster, key, kept, slots, claims)
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
        _take_over(roster, shape, key, kept, is_newest=key in holder.claims)
        profile.opened().clear()
        holder.exists = True
        holder.claims = tuple(claim for claim in holder.claims if claim != key)
        if slot:
            holder.slots = {**holder.slots, slot: key}
    profile.slot = slot if profile.slot or not profile.kin else ""
    if kept not in profile.kin:
        profile.kin = (*profile.kin, kept)[-MOST_KIN:]
    roster.change([key, kept])


def _take_over(
    roster: Roster, shape: AttributeShape, gone: str, kept: str, *, is_newest: bool = False
) -> None:
    """Take over the clocks of what the kept one lacks; is_newest: newer ones as well, for they may have been
    the same all along."""
    source, target = roster[gone], roster[kept]
    entries = target.opened()
    for name, entry in source.entries.items():
        held = entries.get(name)
        is_carried = name not in shape.fixed or name in shape.carried
        is_lacking = held is None or is_null(held) or (is_newest and newest(entry) > newest(held))
        if is_carried and not is_null(entry) and is_lacking:
            entries[name] = forgotten(entry)
            target.latest = max(target.latest, source.latest)
    roster.change([kept])


def _inherit(roster: Roster, gone: str, kept: str, slots: Mapping[str, str], claims: Iterable[str]) -> None:
    """The other names of somebody who is gone reach the kept one where their place is free, else nobody."""
    holder = roster[kept]
    for key in claims:
        profile = roster[key]
        profile.kin = tuple(dict.fromkeys(kept if kin == gone else kin for kin in profile.kin))
        holder.claims = tuple(dict.fromkeys((*holder.claims, key)))
        roster.change([kept, key])
    for slot, key in slots.items():
        profile = roster[key]
        if holder.slots.get(slot, key) == key:
            holder.slots = {**holder.slots, slot: key}
            profile.kin = tuple(kept if kin == gone else kin for kin in profile.kin)
        else:
            profile.erase()
        roster.change([kept, key])

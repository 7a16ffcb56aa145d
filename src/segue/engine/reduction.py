"""Reduction: what of an object is worth sending, given what is known of its person.

An attribute whose value is known to be there already stays out. A nested value that changed goes in the
words that cost least: whole, merged into what is there, or as an edit of a list of objects. The merge flag
of an object rules all its nested values, so they are merged together or not at all.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from segue.engine import points
from segue.engine.difference import edited, is_branch, is_objects, news, patch
from segue.engine.entry import Entry, Operation, Parts, Still, Touch, Whole, hashed, is_held
from segue.engine.fold import Fold, is_merging, is_operation, parts_of
from segue.engine.profile import Profile
from segue.kit.attributes import AttributeShape, JsonObject

_CONTAINERS: Final = frozenset({dict, list})


class Reduction(msgspec.Struct, frozen=True):
    """What is left of an object.

    object    what to send; None when there is nothing
    touched   attribute -> what its arrival means
    is_whole  nothing was left out or said otherwise
    costs     attribute -> data points of what is sent; whole: likewise of all that was asked for
    lasts     once it has arrived, every value asked for is known to be there and may be left out next time
    """

    object: JsonObject | None
    touched: dict[str, Touch]
    is_whole: bool = False
    costs: Mapping[str, int] = {}
    whole: Mapping[str, int] = {}
    lasts: bool = False


class _Nested(msgspec.Struct):
    """A nested value to send: whole or by edit, and the same under the merge flag, with their costs."""

    name: str
    plain: Any
    plain_points: int
    merged: Any
    merged_points: int
    can_merge: bool


def unreduced(fold: Fold, shape: AttributeShape, meter: points.Meter) -> Reduction:
    """Send everything; only the clocks are kept."""
    merging = is_merging(fold.object, shape)
    control = fold.wishes[0].control
    same_time = Whole(fold.when)
    touched: dict[str, Touch] = {}
    untimed = shape.untimed
    for name, value in fold.object.items():
        if name in control or name in untimed:
            continue
        is_container = type(value) is dict or type(value) is list
        if is_container and is_operation(name, value, shape):
            touched[name] = Operation()
        elif is_container and (parts := parts_of(name, value, shape, merging)) is not None:
            touched[name] = Parts(fold.clocks_of(name, parts))
        else:
            when = Whole(fold.clock(name)) if fold.clocks else same_time
            # That there is nothing is worth knowing: a merge fills it.
            touched[name] = when if value is not None else Whole(when.clock, known=True)
    costs = meter.by_attribute(fold.object)
    return Reduction(fold.object, touched, True, costs, costs)


def reduced(
    profile: Profile, fold: Fold, shape: AttributeShape, meter: points.Meter, *, keep_values: bool
) -> Reduction:
    """Send what the partner does not have yet, in the cheapest words."""
    control = fold.wishes[0].control
    merging = is_merging(fold.object, shape)
    look = profile.seen if profile.flying else profile.entries.get
    always = shape.always
    sent: JsonObject = {}
    touched: dict[str, Touch] = {}
    nested: list[_Nested] = []
    asked, lasts = 0, True
    when, clocks_differ = fold.when, bool(fold.clocks)
    still = Still(when)
    for name, value in fold.object.items():
        if name in control:
            sent[name] = value
            asked += 1
            continue
        entry = look(name)
        kind = type(value)
        if entry is not None and len(entry) == 3 and name not in always:
            known = entry[2]
            if (known == value and type(known) is kind and kind not in _CONTAINERS) or is_held(entry, value):
                touched[name] = Still(fold.clock(name)) if clocks_differ else still
                continue
        is_container = kind is dict or kind is list
        is_fixed = name in shape.fixed
        if name in shape.untimed:
            sent[name] = value
            lasts = False
        elif is_container and (merging or name in shape.entries) and (
            (parts := parts_of(name, value, shape, merging)) is not None
        ):  # fmt: skip
            clocks = fold.clocks_of(name, parts)
            new = value if is_fixed else _news(entry, value)
            lasts = False
            if not new:
                touched[name] = Still(parts=clocks)
                continue
            sent[name] = new
            touched[name] = Parts(clocks, None if is_fixed or not keep_values else value)
        elif is_container and not is_fixed and is_operation(name, value, shape):
            sent[name] = value
            touched[name] = Operation()
            lasts = False
        else:
            sent[name] = value
            # A value that may not be there as sent is known again by its hash, and nothing is built on it.
            is_sure = is_fixed or (kind is str and len(value) <= shape.short)
            is_kept = value is None or (keep_values and (is_sure or shape.storable(value)))
            keep = value if is_kept else hashed(value)
            # Merging something empty, or something that may be dropped, does not replace what is there.
            replaces = is_fixed or not merging or kind is not dict
            lasts = lasts and replaces and name not in always
            touched[name] = Whole(fold.clock(name) if clocks_differ else when, keep, replaces)
            if is_container and not is_fixed:
                nested.append(_nested(name, entry, value, shape))
    whole = meter.by_attribute(fold.object)
    if len(sent) == asked and (touched or profile.exists):
        return Reduction(None, touched, whole=whole, lasts=lasts)
    is_whole = len(sent) == len(fold.object) and not merging
    if nested and _say_cheaply(sent, nested, fold, shape, merging):
        is_whole = False
    costs = whole if is_whole else meter.by_attribute(sent)
    return Reduction(sent, touched, is_whole, costs, whole, lasts)


def _news(entry: Entry | None, value: JsonObject) -> JsonObject:
    if entry is None or len(entry) < 3 or not is_branch(entry[2]):
        return value
    return news(entry[2], value)


def _nested(name: str, entry: Entry | None, value: Any, shape: AttributeShape) -> _Nested:
    """The ways to say a nested value."""
    cost = points.of_custom(value, shape)
    found = _Nested(name, value, cost, value, cost, can_merge=type(value) is list)
    if entry is None or len(entry) != 3 or type(entry[2]) is bytes:
        return found
    held = entry[2]
    if not shape.storable(value):
        return found
    if type(value) is dict:
        if not is_branch(value):
            return found
        change = patch(held, value) if is_branch(held) else value
        if change is not None:
            found.can_merge = True
            found.merged, found.merged_points = change, points.of_leaves(change)
    elif shape.edits is not None and is_objects(held) and is_objects(value):
        edit = edited(held, value, shape.edits, merging=False)
        if edit is not None and (cost := points.of_custom(edit, shape)) < found.plain_points:
            found.plain, found.plain_points = edit, cost
        edit = edited(held, value, shape.edits, merging=True)
        if edit is not None and (cost := points.of_custom(edit, shape)) < found.merged_points:
            found.merged, found.merged_points = edit, cost
    return found


def _say_cheaply(
    sent: JsonObject, nested: list[_Nested], fold: Fold, shape: AttributeShape, merging: bool
) -> bool:
    """Put the nested values in their cheapest words; true when any is not as it came."""
    merge = merging or (
        bool(shape.merge_flag)
        and all(each.can_merge for each in nested)
        and sum(each.merged_points for each in nested) < sum(each.plain_points for each in nested)
        and not any(_depends_on_flag(name, value, shape) for name, value in sent.items())
    )
    if merge and not merging:
        sent[shape.merge_flag] = True
    for each in nested:
        sent[each.name] = each.merged if merge else each.plain
    return any(sent[each.name] is not fold.object[each.name] for each in nested)


def _depends_on_flag(name: str, value: Any, shape: AttributeShape) -> bool:
    """Whether a member would mean something else under the merge flag."""
    if type(value) is not dict or name in shape.identifiers:
        return False
    if name in shape.fixed:
        return True
    return shape.edits is not None and shape.edits.update in value

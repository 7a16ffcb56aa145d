"""People a world begins with: objects as /users/track and /users/alias/new take them, all or none of them.

They are held strictly (strictness.py). They are furniture, not traffic: no rate limit, no entry in the log
of calls, nothing told to Currents, no conversion. Everything else is as if it had been sent: summaries,
segments, data points, registries.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from segue.sandbox import aliases, track
from segue.sandbox.exchange import Call
from segue.sandbox.texts import Refused
from segue.sandbox.workspace import Workspace

if TYPE_CHECKING:
    from segue.sandbox.world import World

OBJECTS = 100_000
"""At most so many in one document: they are checked and kept before anybody else is answered."""
NAMED = 10
"""Faults that are told in words; the rest is counted."""


class Crowd(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """People, as `/users/track` and `/users/alias/new` take them."""

    attributes: list[dict[str, Any]] = []
    """Attribute objects; `subscription_groups`, `push_tokens` and the rest included."""
    events: list[dict[str, Any]] = []
    purchases: list[dict[str, Any]] = []
    user_aliases: list[dict[str, Any]] = []
    """Aliases, given after everything else is there."""

    def __len__(self) -> int:
        return len(self.attributes) + len(self.events) + len(self.purchases) + len(self.user_aliases)


class Settlers(Crowd, kw_only=True, forbid_unknown_fields=True):
    """People of one workspace in a seed."""

    workspace: str = ""
    """Its id; the first one of the seed when left out."""


class Move(NamedTuple):
    """A crowd whose every object was found good."""

    call: Call
    deeds: Mapping[str, list[Any]]
    names: list[aliases.Given]


def check_size(crowds: Iterable[Crowd], where: str) -> None:
    """Raise ValueError for more objects than are taken at once."""
    total = sum(len(crowd) for crowd in crowds)
    if total > OBJECTS:
        raise ValueError(
            f"{where}: {total:,} objects, at most {OBJECTS:,} at once; send the rest with "
            "POST /_sandbox/people"
        )


def checked(world: "World", crowd: Crowd, workspace: Workspace, where: str) -> Move:
    """A crowd ready to move in.

    where  what the crowd is called in a fault
    Raises ValueError: there are too many, an object is no good (the first ten faults are said, the rest
    counted), or this world keeps nobody.
    """
    check_size([crowd], where)
    if not world.keep:
        raise ValueError(f"{where}: this sandbox only counts (--no-keep) and takes nobody in")
    trial = Workspace(workspace.furnishing)  # checking learns attribute types: here, in case of a fault
    trial.registry.attributes = dict(workspace.registry.attributes)
    call = Call(world, "POST", "/_sandbox/people", b"", {}, b"", "", world.clock.now_ms())
    call.held_workspace, call.is_strict = trial, True
    arrays = {name: getattr(crowd, name) for name in track.ARRAYS}
    deeds, errors = track.check(call, arrays)
    names: list[aliases.Given] = []
    for index, entry in enumerate(crowd.user_aliases):
        try:
            names.append(aliases.given(call, entry))
        except Refused as refusal:
            errors.append({"type": call.say(refusal), "input_array": "user_aliases", "index": index})
    if errors:
        raise ValueError(_told(errors, where))
    return Move(call, deeds, names)


def move_in(move: Move, workspace: Workspace) -> list[str]:
    """Let a crowd in; what could not be done, in words: an event of nobody, an alias that is taken."""
    call, now_ms = move.call, move.call.now_ms
    workspace.registry.attributes.update(call.workspace.registry.attributes)
    call.held_workspace = workspace
    with workspace.unheard():
        track.apply(call, move.deeds, now_ms)
        aliases.give(call, move.names, now_ms)
    return [f"{warning.where}: {warning.detail}" for warning in call.warnings]


def _told(errors: Iterable[Mapping[str, Any]], where: str) -> str:
    said = [f"{where}.{error['input_array']}[{error['index']}]: {error['type']}" for error in errors]
    more = f"; and {len(said) - NAMED} more" if len(said) > NAMED else ""
    return "; ".join(said[:NAMED]) + more

"""What the control API can do: each operation, and the table of them all.

An operation takes the world and what was asked, and gives what is answered as JSON, or a whole Reply. It
raises Wrong for what is to be mended and Missing for what is not there.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from segue.sandbox import dossier, population
from segue.sandbox.clock import iso
from segue.sandbox.dates import read_time
from segue.sandbox.exchange import Reply
from segue.sandbox.faults import Fault
from segue.sandbox.seed import Key, Seed, Snapshot
from segue.sandbox.switches import Switches, describe
from segue.sandbox.workspace import Workspace
from segue.sandbox.world import World

LAST_MS = 32_503_679_999_999
"""The end of the year 2999: as far as the clock goes."""


class Asked(NamedTuple):
    """A control request: the variable part of its path, its query, its body read as the route says."""

    part: str
    query: Mapping[str, str]
    body: Any

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number of the query, within 0 and `most`.

        Raises Wrong: not a number.
        """
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Wrong(f"query parameter {name!r}: expected a whole number from 0 on, found {text[:40]!r}")
        return min(int(text), most)


class Route(NamedTuple):
    """One operation: what it does, what body it takes, who does it."""

    about: str
    act: Callable[[World, Asked], Any]
    body: Any = None
    query: Mapping[str, str] = {}
    status: int = 200
    part: str = ""
    """What the `{…}` of its path is."""


class Wrong(Exception):  # noqa: N818 - what the caller got wrong, answered with 400
    """The request cannot be done as asked; the message says what to mend."""


class Missing(Exception):  # noqa: N818 - answered with 404
    """What the request names does not exist."""


class ClockOrder(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Set the clock to `now` (ISO 8601), let it stand still, or let it follow the machine again."""

    now: str | None = None
    frozen: bool = False
    machine: bool = False


class Advance(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Push the clock forward."""

    seconds: Annotated[float, msgspec.Meta(ge=0, le=3.2e9)]


def _totals(world: World, asked: Asked) -> Any:
    return world.totals()


def _reset(world: World, asked: Asked) -> Any:
    try:
        world.reset(asked.body)
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    return {"reset": True}


def _seed(world: World, asked: Asked) -> Any:
    try:
        world.sow(asked.body)
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    return {"workspaces": sorted(world.workspaces), "keys": len(world.keys)}


def _snapshot(world: World, asked: Asked) -> Any:
    return world.snapshot()


def _restore(world: World, asked: Asked) -> Any:
    try:
        world.restore(asked.body)
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    return {"restored": True, "people": sum(len(workspace.people) for workspace in world.workspaces.values())}


def _workspaces(world: World, asked: Asked) -> Any:
    return {
        "workspaces": [
            {
                "furnishing": workspace.furnishing,
                "people": len(workspace.people),
                "registry": workspace.registry,
            }
            for workspace in world.workspaces.values()
        ]
    }


def _keys(world: World, asked: Asked) -> Any:
    return {"keys": list(world.keys.values())}


def _add_key(world: World, asked: Asked) -> Any:
    try:
        return world.add_key(asked.body)
    except ValueError as fault:
        raise Wrong(str(fault)) from fault


def _remove_key(world: World, asked: Asked) -> Any:
    if not world.remove_key(asked.part):
        raise Missing(f"there is no key {asked.part!r}")
    return {"removed": True}


def _clock(world: World, asked: Asked) -> Any:
    now_ms = world.clock.now_ms()
    return {
        "now": iso(now_ms),
        "now_ms": now_ms,
        "frozen": world.clock.frozen_ms is not None,
        "shift_ms": world.clock.shift_ms,
    }


def _set_clock(world: World, asked: Asked) -> Any:
    order: ClockOrder = asked.body
    if order.machine:
        world.clock.follow()
        return _clock(world, asked)
    now_ms = world.clock.now_ms() if order.now is None else read_time(order.now)
    if now_ms is None or not 0 <= now_ms <= LAST_MS:
        raise Wrong(f"now: expected an ISO 8601 time from 1970 to 2999, found {order.now!r}")
    world.clock.set(now_ms, frozen=order.frozen)
    world.settle(now_ms)
    return _clock(world, asked)


def _advance(world: World, asked: Asked) -> Any:
    moment = world.clock.now_ms() + asked.body.seconds * 1000
    if moment > LAST_MS:
        raise Wrong("seconds: the clock ends with the year 2999")
    world.clock.advance(asked.body.seconds)
    world.settle(world.clock.now_ms())
    return _clock(world, asked)


def _faults(world: World, asked: Asked) -> Any:
    return {"faults": world.faults.active}


def _add_fault(world: World, asked: Asked) -> Any:
    fault: Fault = asked.body
    if not (fault.status or fault.drop or fault.maintenance or fault.latency_ms):
        raise Wrong("fault: give status, drop, maintenance or latency_ms, or it disturbs nothing")
    fault.fired = fault.seen = fault.window_seen = 0
    return world.faults.add(fault)


def _clear_faults(world: World, asked: Asked) -> Any:
    world.faults.clear()
    return {"faults": []}


def _remove_fault(world: World, asked: Asked) -> Any:
    if not asked.part.isdigit() or not world.faults.remove(int(asked.part[:15])):
        raise Missing(f"there is no fault {asked.part!r}")
    return {"faults": world.faults.active}


def _requests(world: World, asked: Asked) -> Any:
    only_bad = asked.query.get("bad") in ("1", "true")
    only_warned = asked.query.get("warned") in ("1", "true")
    path = asked.query.get("path")
    limit = asked.number("limit", 100, 10_000)
    after = asked.number("after", 0, 10**15)
    chosen = [
        entry
        for entry in world.journal.entries
        if entry.id > after
        and (not only_bad or entry.is_bad)
        and (not only_warned or entry.warnings)
        and (path is None or entry.path == path)
    ]
    return {"requests": chosen[-limit:] if limit else [], "total": world.journal.calls}


def _request(world: World, asked: Asked) -> Any:
    for entry in world.journal.entries:
        if str(entry.id) == asked.part:
            return entry
    raise Missing(f"request {asked.part!r} is not in the log; it keeps the latest {world.journal.size}")


def _clear_requests(world: World, asked: Asked) -> Any:
    world.journal.clear()
    return {"requests": []}


def _people(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    query = asked.query.get("query", "")
    limit, offset = asked.number("limit", 50, 10_000), asked.number("offset", 0, 10**9)
    found = dossier.search(workspace.people, query)
    chosen = found[offset : offset + limit]
    return {"people": [dossier.line(person) for person in chosen], "total": len(found)}


def _populate(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    try:
        move = population.checked(world, asked.body, workspace, "people")
    except ValueError as fault:
        raise Wrong(str(fault)) from fault
    undone = population.move_in(move, workspace)
    return {"people": len(workspace.people), "objects": len(asked.body), "undone": undone}


def _person(world: World, asked: Asked) -> Any:
    workspace = workspace_of(world, asked)
    found = dossier.search(workspace.people, asked.part, exact=True)
    if not found:
        raise Missing(f"workspace {workspace.id!r} has nobody with the identifier {asked.part!r}")
    return dossier.whole(found[0])


def _switches(world: World, asked: Asked) -> Any:
    return {"switches": world.switches, "about": describe()}


def _set_switches(world: World, asked: Asked) -> Any:
    current = msgspec.to_builtins(world.switches)
    unknown = asked.body.keys() - current.keys()
    if unknown:
        raise Wrong(f"switch {min(unknown)!r} is unknown; there are: {', '.join(current)}")
    world.switches = msgspec.convert({**current, **asked.body}, type=Switches)
    return {"switches": world.switches}


def _export(world: World, asked: Asked) -> Any:
    content = world.exports.get(asked.part)
    if content is None:
        raise Missing(f"export {asked.part!r} is not kept; only the latest few are")
    kind = b"application/gzip" if asked.part.endswith(".gz") else b"application/zip"
    return Reply(200, content, [(b"content-type", kind)])


def workspace_of(world: World, asked: Asked) -> Workspace:
    """The workspace a request names, or the first.

    Raises Missing: there is none of that name.
    """
    name = asked.query.get("workspace")
    if name is None and world.workspaces:
        return next(iter(world.workspaces.values()))
    if name is None or name not in world.workspaces:
        raise Missing(f"workspace {name!r} is unknown; there are: {', '.join(sorted(world.workspaces))}")
    return world.workspaces[name]


WHERE = {"workspace": "Id of the workspace; the first one when left out."}
_PAGE = {"limit": "How many at most.", "offset": "How many to pass over."}

ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "/totals"): Route("Calls, objects, people and data points so far.", _totals),
    ("POST", "/reset"): Route("Back to an empty world, or to the seed in the body.", _reset, Seed),
    ("POST", "/seed"): Route(
        "Add workspaces, keys and people; a workspace of the same id is replaced. All of it or nothing.",
        _seed,
        Seed,
    ),
    ("GET", "/snapshot"): Route("The whole world as one document.", _snapshot),
    ("POST", "/restore"): Route("Become the world of a snapshot.", _restore, Snapshot),
    ("GET", "/workspaces"): Route("Workspaces, their furnishing and what they learned.", _workspaces),
    ("GET", "/keys"): Route("Keys in force.", _keys),
    ("POST", "/keys"): Route("Put a key in force.", _add_key, Key, status=201),
    ("DELETE", "/keys/{key}"): Route("Withdraw a key.", _remove_key, part="The key itself."),
    ("GET", "/clock"): Route("What time it is here.", _clock),
    ("POST", "/clock"): Route("Set, freeze or free the clock.", _set_clock, ClockOrder),
    ("POST", "/clock/advance"): Route("Push the clock forward.", _advance, Advance),
    ("GET", "/faults"): Route("Faults in force.", _faults),
    ("POST", "/faults"): Route("Put a fault in force.", _add_fault, Fault, status=201),
    ("DELETE", "/faults"): Route("Lift all faults.", _clear_faults),
    ("DELETE", "/faults/{id}"): Route(
        "Lift one fault.", _remove_fault, part="The number it was given when it was made."
    ),
    ("GET", "/requests"): Route(
        "The log of calls, oldest first.",
        _requests,
        query={
            "bad": "`true`: only calls with something wrong.",
            "warned": "`true`: only calls with a warning.",
            "path": "Only this path.",
            "after": "Only ids above this.",
            "limit": "The latest so many.",
        },
    ),
    ("GET", "/requests/{id}"): Route("One call with its bodies.", _request, part="Its number in the log."),
    ("DELETE", "/requests"): Route("Forget the calls and their totals.", _clear_requests),
    ("GET", "/people"): Route(
        "People, all or by external id, braze id, email, phone or `label:name`.",
        _people,
        query={"query": "An identifier, or the beginning of one.", **WHERE, **_PAGE},
    ),
    ("POST", "/people"): Route(
        f"Let people in, as `/users/track` and `/users/alias/new` take them: at most {population.OBJECTS:,} "
        "objects, all or nothing. Nothing is told to Currents.",
        _populate,
        population.Crowd,
        WHERE,
        201,
    ),
    ("GET", "/people/{id}"): Route(
        "One person with their whole log.",
        _person,
        query=WHERE,
        part="External id, braze id, email, phone, or an alias as `label:name`; a slash as %2F.",
    ),
    ("GET", "/exports/{file}"): Route(
        "A segment export, zipped.", _export, part="The file's name, as the export's answer has it."
    ),
    ("GET", "/switches"): Route("Every switch, its state and what it does.", _switches),
    ("PATCH", "/switches"): Route("Change some switches.", _set_switches, dict[str, Any]),
}
"""Every operation: method and path below the root."""

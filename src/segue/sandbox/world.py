"""The sandbox's whole world: a company, its workspaces and keys, the time, and what is still to be applied.

Accepted requests take effect at once, or after the switch `processing_delay_ms`: then each waits its own
random time within the bounds, so separate requests may overtake each other as they do at Braze. Waiting
work is carried out when its moment has passed and anybody looks.
"""

import hashlib
import heapq
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from segue.sandbox import campaigns, population
from segue.sandbox.clock import Clock, Source
from segue.sandbox.currents.emitter import Post, deliver, post
from segue.sandbox.exchange import Call
from segue.sandbox.faults import Faults
from segue.sandbox.journal import Journal
from segue.sandbox.limits import Limits
from segue.sandbox.person import Person
from segue.sandbox.registry import Tally
from segue.sandbox.seed import (
    DEFAULT_KEY,
    Key,
    Seed,
    Snapshot,
    WorkspaceState,
    check_keys,
    check_segments,
    completed,
)
from segue.sandbox.state_file import StateFile
from segue.sandbox.switches import Switches
from segue.sandbox.workspace import Furnishing, Segment, Workspace

EXPORTS = 10
"""Segment exports kept to be fetched."""


class World:
    """The state behind the doors. Not thread-safe: one event loop owns it."""

    def __init__(
        self,
        *,
        key: str = DEFAULT_KEY,
        switches: Switches | None = None,
        clock: Source | None = None,
        keep: bool = True,
        journal_size: int = 1_000,
        random_seed: int = 0,
        seed: Seed | None = None,
        state_file: str | Path | None = None,
    ) -> None:
        self.keep = keep
        self.clock = Clock(clock)
        self.company_active = True
        self.faults = Faults(random_seed)
        self.limits = Limits()
        self.journal = Journal(journal_size if keep else 0)
        self._first_key = key
        self._first_switches = switches or Switches()
        self._chance = random.Random(random_seed)  # noqa: S311 - a repeatable spread of delays
        self._waiting: list[tuple[int, int, Callable[[int], None]]] = []
        self._accepted: set[int] = set()
        """Tickets of waiting work that is an accepted request; the rest is messages and callbacks to come."""
        self._tickets = 0
        self.dispatches = 0
        """Sends triggered so far."""
        self.exports_made = 0
        self.exports: dict[str, bytes] = {}
        """The latest segment exports, by file name."""
        self.callbacks: list[tuple[str, bytes]] = []
        """Addresses to be told that an export is ready, and what they are told."""
        self.file = StateFile(state_file) if state_file is not None else None
        self.switches = self._first_switches
        self.workspaces: dict[str, Workspace] = {}
        self.keys: dict[str, Key] = {}
        self.by_header: dict[bytes, Key] = {}
        if not self._reopen():
            self.sow(completed(seed, key))

    # -- furnishing

    def reset(self, seed: Seed | None = None) -> None:
        """Back to an empty, furnished world: no people, no faults, no log, the switches it began with.

        Raises ValueError, and changes nothing: a key, a segment or somebody in the seed is no good.
        """
        seed = completed(seed, self._first_key)
        before, self.switches = self.switches, seed.switches or self._first_switches
        try:
            self._check(seed, {})
        finally:
            self.switches = before
        self._drop_waiting()
        self.exports.clear()
        self.callbacks.clear()
        self.faults.clear()
        self.limits = Limits()
        self.journal.clear()
        self.switches = self._first_switches
        self._empty()
        self.sow(seed)

    def sow(self, seed: Seed) -> None:
        """Add a seed's workspaces, keys and people; a workspace of the same id is replaced.

        Raises ValueError, and changes nothing: a key, a segment or somebody is no good.
        """
        before, self.switches = self.switches, seed.switches or self.switches
        try:
            moves = self._check(seed, self.workspaces)
        except ValueError:
            self.switches = before
            raise
        for furnishing in seed.workspaces:
            if self.file is not None:
                self.file.forget(furnishing.id)
            self._open(furnishing)
        for key in seed.keys:
            self.add_key(key)
        for workspace, move in moves:
            population.move_in(move, self.workspaces[workspace])

    def _check(self, seed: Seed, held: Mapping[str, Workspace]) -> list[tuple[str, population.Move]]:
        """Whom a seed lets in, by workspace. Raises ValueError: something in it is no good.

        held  the workspaces that stay
        """
        known = {**held, **{furnishing.id: Workspace(furnishing) for furnishing in seed.workspaces}}
        check_keys(seed.keys, known)
        check_segments(seed.workspaces)
        population.check_size(seed.people, "people")
        moves: list[tuple[str, population.Move]] = []
        for place, settlers in enumerate(seed.people):
            where = f"people[{place}]"
            name = settlers.workspace or next(iter([*(one.id for one in seed.workspaces), *held]), "")
            if name not in known:
                there = ", ".join(sorted(known)) or "none"
                raise ValueError(f"{where}: workspace {name!r} is unknown; there are: {there}")
            moves.append((name, population.checked(self, settlers, known[name], where)))
        return moves

    def add_key(self, key: Key) -> Key:
        """Put a key in force.

        Raises ValueError: its workspace is unknown, or an entry of its allow-list is no network.
        """
        check_keys([key], self.workspaces)
        key.created_ms = key.created_ms or self.clock.now_ms()
        self.keys[key.key] = key
        self.by_header[b"Bearer " + key.key.encode()] = key
        return key

    def remove_key(self, name: str) -> bool:
        """Withdraw a key; False when there is none."""
        if self.keys.pop(name, None) is None:
            return False
        del self.by_header[b"Bearer " + name.encode()]
        return True

    def begin_with(self, switches: Switches) -> None:
        """Behave like this now and after every reset."""
        self.switches = self._first_switches = switches

    # -- applying

    def apply_later(self, call: Call, work: Callable[[int], None]) -> None:
        """Let accepted work take effect: at once, or when its delay has passed.

        A world that keeps nothing lets it go.
        """
        if not self.keep:
            return
        least, most = self.switches.processing_delay_ms
        if most <= 0:
            work(call.now_ms)
            return
        self.at(call.now_ms + self._chance.randint(min(least, most), most), work)
        self._accepted.add(self._tickets)

    def at(self, due_ms: int, work: Callable[[int], None]) -> None:
        """Let something happen at a moment to come."""
        self._tickets += 1
        heapq.heappush(self._waiting, (due_ms, self._tickets, work))

    def next_dispatch(self, workspace: Workspace, what: str) -> str:
        """The id of one more send: the same in every run that does the same."""
        self.dispatches += 1
        seed = f"{workspace.id}/{what}/{self.dispatches}"
        return hashlib.sha256(seed.encode()).hexdigest()[:32]

    def launch(self, workspace: Workspace, campaign_id: str, segment_id: str | None = None) -> int:
        """Send a campaign or canvas to its segment, to another, or to everybody; the number reached.

        Raises ValueError: there is no such campaign, canvas or segment.
        """
        sent = workspace.campaigns.get(campaign_id) or workspace.canvases.get(campaign_id)
        if sent is None:
            raise ValueError(f"campaign or canvas {campaign_id!r} is unknown in workspace {workspace.id!r}")
        wanted = segment_id or sent.segment_id
        segment = workspace.segments.get(wanted) if wanted else Segment(id="", name="Everybody")
        if segment is None:
            raise ValueError(f"segment {wanted!r} is unknown in workspace {workspace.id!r}")
        now_ms = self.clock.now_ms()
        people = workspace.touched(workspace.members(segment, now_ms))
        dispatch_id = self.next_dispatch(workspace, campaign_id)
        return campaigns.dispatch(workspace, sent, people, dispatch_id, now_ms, self.at)

    async def reach_out(self, post: Post = post) -> int:
        """Send what Currents has waiting and the callbacks that are due; the number of requests made."""
        callbacks, self.callbacks = self.callbacks, []
        for url, body in callbacks:
            await post(url, {"content-type": "application/json"}, body)
        streams = [stream for workspace in self.workspaces.values() for stream in workspace.streams.values()]
        return len(callbacks) + await deliver(streams, self.clock.now_ms, post)

    def keep_export(self, name: str, content: bytes) -> None:
        """Keep a segment export to be fetched; only the latest few are."""
        self.exports[name] = content
        for old in list(self.exports)[:-EXPORTS]:
            del self.exports[old]

    @property
    def waiting(self) -> int:
        """Accepted requests that have not taken effect yet, and messages to come."""
        return len(self._waiting)

    def settle(self, now_ms: int, *, everything: bool = False) -> None:
        """Carry out the work whose moment has come, in the order of those moments."""
        if self.file is not None:
            self.file.trim()
        while self._waiting and (everything or self._waiting[0][0] <= now_ms):
            due_ms, ticket, work = heapq.heappop(self._waiting)
            self._accepted.discard(ticket)
            work(due_ms)

    def catch_up(self, now_ms: int) -> None:
        """Carry out every accepted request, however long it had to wait; messages to come stay to come."""
        self.settle(now_ms)
        if not self._accepted:
            return
        mine = sorted(entry for entry in self._waiting if entry[1] in self._accepted)
        self._waiting = [entry for entry in self._waiting if entry[1] not in self._accepted]
        heapq.heapify(self._waiting)
        self._accepted.clear()
        for due_ms, _, work in mine:
            work(due_ms)

    def _drop_waiting(self) -> None:
        """Let go of what waits: the world it was for is gone."""
        self._waiting.clear()
        self._accepted.clear()

    # -- keeping

    def snapshot(self) -> Snapshot:
        """The world as a document: accepted requests are carried out first, messages to come not in it."""
        self.catch_up(0)
        described = self._described([list(workspace.people) for workspace in self.workspaces.values()])
        for state, workspace in zip(described.workspaces, self.workspaces.values(), strict=True):
            for standing in state.currents:
                standing.waiting = list(workspace.streams[standing.id].waiting)
        return described

    def save(self) -> None:
        """Write the state file, if there is one; what waits for its moment is not in it."""
        if self.file is not None:
            streams = {name: workspace.streams.values() for name, workspace in self.workspaces.items()}
            self.file.save(msgspec.json.encode(self._described([])), streams)

    def close(self) -> None:
        """Apply what waits, write the state file and let go of it."""
        if self.file is not None:
            self.settle(0, everything=True)
            self.save()
            self.file.close()
            self.file = None

    def restore(self, snapshot: Snapshot) -> None:
        """Become the world of a snapshot; the clock and the log of calls stay as they are.

        Raises ValueError, and changes nothing: a key or a segment is no good.
        """
        check_keys(snapshot.keys, [state.furnishing.id for state in snapshot.workspaces])
        check_segments([state.furnishing for state in snapshot.workspaces])
        self._drop_waiting()
        self._empty()
        self._take(snapshot)

    def _described(self, people: list[list[Person]]) -> Snapshot:
        """The world with these people by workspace; with none given, all but the people."""
        states = [
            WorkspaceState(
                furnishing=workspace.furnishing,
                registry=workspace.registry,
                people=people[place] if people else [],
                created=workspace.people.created,
                currents=[stream.standing() for stream in workspace.streams.values()],
            )
            for place, workspace in enumerate(self.workspaces.values())
        ]
        return Snapshot(
            now_ms=self.clock.now_ms(),
            switches=self.switches,
            keys=list(self.keys.values()),
            workspaces=states,
        )

    def _open(self, furnishing: Furnishing) -> Workspace:
        """A workspace in this world, with people from the state file if there is one."""
        people = self.file.people(furnishing.id) if self.file is not None else None
        workspace = self.workspaces[furnishing.id] = Workspace(furnishing, people)
        workspace.opened_ms = self.clock.now_ms()
        return workspace

    def _empty(self) -> None:
        self.workspaces, self.keys, self.by_header = {}, {}, {}
        if self.file is not None:
            self.file.clear()

    def _reopen(self) -> bool:
        """Take up the world a state file holds; False when there is none."""
        document = self.file.read() if self.file is not None else None
        if document is None:
            return False
        self._take(msgspec.json.decode(document, type=Snapshot))
        if self._first_key not in self.keys and self.workspaces:
            self.add_key(Key(key=self._first_key, name="sandbox", workspace=next(iter(self.workspaces))))
        return True

    def _take(self, snapshot: Snapshot) -> None:
        """Open what a snapshot describes."""
        self.switches = snapshot.switches
        for state in snapshot.workspaces:
            workspace = self._open(state.furnishing)
            workspace.registry = state.registry
            workspace.people.created = state.created
            for person in state.people:
                workspace.people.insert(person)
            for standing in state.currents:
                if standing.id in workspace.streams:
                    kept = self.file.waiting(workspace.id, standing) if self.file is not None else []
                    workspace.streams[standing.id].resume(standing, standing.waiting or kept)
        for key in snapshot.keys:
            self.add_key(key)

    def totals(self) -> dict[str, Any]:
        """What happened so far, in numbers."""
        journal = self.journal
        workspaces = self.workspaces.values()
        points: dict[str, int] = {}
        for workspace in workspaces:
            for name, count in workspace.registry.data_points.items():
                points[name] = points.get(name, 0) + count
        return {
            "keeps_profiles": self.keep,
            "about": "profiles are kept"
            if self.keep
            else "cheapest mode: requests are authenticated, parsed and counted; objects are not validated "
            "one by one and no profile is kept",
            "calls": journal.calls,
            "calls_by_endpoint": dict(sorted(journal.by_endpoint.items())),
            "objects": {"accepted": journal.objects["accepted"], "rejected": journal.objects["rejected"]},
            "warnings": dict(sorted(journal.warnings.items())),
            "waiting": self.waiting,
            "people": sum(len(workspace.people) for workspace in workspaces),
            "events": sum(_counted(workspace.registry.events) for workspace in workspaces),
            "purchases": sum(_counted(workspace.registry.products) for workspace in workspaces),
            "data_points": points,
            "deleted": sum(workspace.registry.deleted for workspace in workspaces),
            "merged": sum(workspace.registry.merged for workspace in workspaces),
        }


def _counted(tallies: Mapping[str, Tally]) -> int:
    return sum(tally.count for tally in tallies.values())

"""Memory for what waits: bounded for the process, shared between its destinations, never a dead end."""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.runtime.house import bind, opened, records, until

from segue.model.delivery import Request, Response
from segue.runtime.room import MOST_ROWS, ROW_BYTES, Room
from segue.runtime.supply import BITE_BYTES

MOST: Final = 400_000
EVENTS: Final = 160
TEXT: Final = 3_000


class Rows(msgspec.Struct):
    """What waits somewhere."""

    rows: int = 0
    size: int = 0


def filled(room: Room, count: int) -> list[tuple[Rows, Any]]:
    """Shares of so many couriers."""
    every = [Rows() for _ in range(count)]
    return [(rows, room.share(rows)) for rows in every]


def fill(rows: Rows, share: Any, *, is_held: bool = False) -> int:
    """Add rows of 2 kB until the share is full; gives how much it uses."""
    while not share.is_full(is_held=is_held):
        rows.rows += 1
        rows.size += 2_000
    return int(share.used)


def test_one_destination_has_all_but_what_is_fetched_ahead() -> None:
    """And no more."""
    room = Room(8_000_000, 0)
    [(rows, share)] = filled(room, 1)
    used = fill(rows, share)
    assert 8_000_000 <= used + share.fetch_bytes < 8_000_000 + ROW_BYTES + 4_000


def test_a_busy_destination_leaves_the_others_their_part() -> None:
    """Whoever comes later has its own part whole, and all together stay within the bound."""
    room = Room(8_000_000, 0)
    shares = filled(room, 4)
    used = [fill(rows, share) for rows, share in shares]
    assert used[0] > 4_000_000
    assert all(each >= 750_000 for each in used)
    assert sum(used) + 4 * room.part // 4 < 8_000_000 + 4 * (ROW_BYTES + 4_000)


def test_a_held_destination_uses_its_own_part_only() -> None:
    """However long the outage is, and however small its rows are."""
    room = Room(8_000_000, 0)
    (rows, share), (others, their_share) = filled(room, 2)
    assert fill(rows, share, is_held=True) < 2_000_000
    assert fill(others, their_share) > 4_000_000
    small = Rows(rows=MOST_ROWS // 4)
    assert Room().share(small).is_full(is_held=True)


def test_where_nothing_waits_a_row_of_any_size_is_taken() -> None:
    """And nothing after it until it is settled."""
    rows = Rows()
    share = Room(0, 0).share(rows)
    for is_held in (False, True):
        assert not share.is_full(is_held=is_held)
    rows.rows, rows.size = 1, 1
    assert share.is_full(is_held=False)


def test_the_people_in_memory_are_shared_as_well() -> None:
    """Two destinations keep as many as one does, five fewer, a hundred still enough to work with."""
    assert [Room(couriers=count).people for count in (1, 2, 5, 100)] == [20_000, 20_000, 8_000, 2_000]


class Down:
    """A partner in trouble."""

    async def send(self, request: Request) -> Response:
        return Response(status=503)


async def test_a_held_destination_stops_reading_at_its_part_and_the_others_go_on(tmp_path: Path) -> None:
    """Two destinations in one room of less memory than either backlog: one is down and holds what one bite
    took; the other delivers everything, and so does the first in its next life."""
    room = Room(MOST, 0)
    track = {"type": "track", "event": "Read", "properties": {"text": "x" * TEXT}}
    events = [track | {"userId": f"u{number}", "messageId": f"m{number}"} for number in range(EVENTS)]
    async with opened(tmp_path / "down") as down, opened(tmp_path / "well") as well:
        for desk in (down, well):
            for start in range(0, EVENTS, 20):
                await desk.stream.append(records(*events[start : start + 20]))
        wire, down.wire = down.wire, Down()  # type: ignore[assignment]  # it only sends
        async with down.courier(bind(), room=room) as held, well.courier(bind(), room=room) as courier:
            running = asyncio.create_task(held.run())
            await until(lambda: held.hold.is_held and held.waiting_rows > 10)
            await courier.run(until_head=True)
            assert courier.ledger.total("delivered") == EVENTS
            rows, size = held.waiting_rows, held.waiting_bytes
            held.stop()
            await running
        assert rows <= MOST // 4 // (2 * TEXT) + BITE_BYTES // TEXT < EVENTS
        assert size > rows * 2 * TEXT
        down.wire = wire
        courier = await down.deliver()
        assert courier.ledger.total("delivered") == EVENTS

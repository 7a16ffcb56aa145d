"""Room: how much memory a process gives to what waits between reading and settlement, and who may use it.

    room = Room()                        # one for the process
    share = room.share(batcher)          # one for each courier
    share.is_full(is_held=False)         # whether its courier may not take more rows

Half of it is common: whoever needs it first has it. The other half is parted evenly, so that no destination
starves while others are busy; a quarter of each part is for events fetched ahead. A destination that nothing
can leave for uses its own part only. Whoever may take more may take anything, so a row of any size passes.
"""

from typing import Final, Protocol

from segue.engine.delta import MOST_PEOPLE

ROOM_BYTES: Final = 64 * 1024 * 1024

LEAST_BYTES: Final = 1024 * 1024
"""The least part of a destination; the room of a process with very many grows with them."""

ROW_BYTES: Final = 1_500
"""What a waiting row takes beside its objects: the row, its event in the ledger, the chains of its people.
Measured with small events: 1.2 kB."""

MOST_ROWS: Final = 20_000
"""So many wait at one destination at the most, however small they are; a quarter while it is held."""


PEOPLE: Final = 40_000
"""Whose attributes all couriers together keep in memory, at about 1.4 kB each; the state has everybody."""

LEAST_PEOPLE: Final = 2_000
"""At one destination: more than one look at waiting rows asks for."""


class Rows(Protocol):
    """What waits at a destination (`segue.engine.batch.Batcher`). size: bytes of the rows' objects."""

    rows: int
    size: int


class Room:
    """The memory of one process for what waits.

    most_bytes   of all shares together; least_bytes: of each share's own part
    couriers     how many there will be
    """

    def __init__(
        self, most_bytes: int = ROOM_BYTES, least_bytes: int = LEAST_BYTES, *, couriers: int = 1
    ) -> None:
        self.people = max(LEAST_PEOPLE, min(MOST_PEOPLE, PEOPLE // max(couriers, 1)))
        """Whose attributes one courier keeps in memory."""
        self._most_bytes = most_bytes
        self._least_bytes = least_bytes
        self._shares: list[Share] = []

    def share(self, rows: Rows) -> "Share":
        """The share of another courier: the own parts of the others become smaller."""
        share = Share(self, rows)
        self._shares.append(share)
        return share

    @property
    def part(self) -> int:
        """Bytes that are each share's own, for rows and for what is fetched ahead."""
        return max(self._most_bytes // (2 * len(self._shares)), self._least_bytes)

    @property
    def common(self) -> int:
        """Bytes of the common half that nobody uses."""
        own = self.part - self.part // 4
        return self._most_bytes // 2 - sum([max(0, share.used - own) for share in self._shares])


class Share:
    """What one courier may use."""

    def __init__(self, room: Room, rows: Rows) -> None:
        self._room = room
        self._rows = rows

    @property
    def used(self) -> int:
        """Bytes its rows take, about. An object counts twice: the body of its request repeats it."""
        return self._rows.rows * ROW_BYTES + 2 * self._rows.size

    @property
    def fetch_bytes(self) -> int:
        """Bytes of events to fetch ahead, of all lanes together."""
        return self._room.part // 4

    def is_full(self, *, is_held: bool) -> bool:
        """Whether no more rows may be taken; is_held: none can leave. Where no row waits it is never full."""
        rows = self._rows.rows
        if rows >= (MOST_ROWS // 4 if is_held else MOST_ROWS):
            return True
        if not rows or self.used < self._room.part - self.fetch_bytes:
            return False
        return is_held or self._room.common <= 0

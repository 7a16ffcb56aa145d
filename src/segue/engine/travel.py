"""How a row travels: what it may share a request with, and what bounds that."""

import msgspec

from segue.model.delivery import Row


class Travel(msgspec.Struct, frozen=True, cache_hash=True):
    """How a row travels: rows with the same travel may share a request.

    pool    the partner's rate limit its requests count against
    pack    (what a row's array goes by, place of that array in the order the partner applies them) of every
            array a request may hold; () when it holds one
    each    `items` bounds each array of a request, not all together
    ordered the partner applies the objects of a request one after the other
    urgent  a deletion: it goes before all else
    revived a dead letter tried again: it gives way to live traffic where the limit is short
    """

    action: str
    context: str = ""
    items: int = 1
    wait_seconds: float = 0.0
    bytes: int = 4 * 1024 * 1024
    pool: str = ""
    revived: bool = False
    urgent: bool = False
    pack: tuple[tuple[str, int], ...] = ()
    each: bool = False
    ordered: bool = True

    @property
    def rank(self) -> int:
        """Who goes first where not all can: the lowest."""
        return 0 if self.urgent else 2 if self.revived else 1

    def place(self, row: Row) -> int:
        """The place of a row's array in a request that holds several; 0 for the only one."""
        wanted = row.context or row.action
        return next((place for name, place in self.pack if name == wanted), 0)

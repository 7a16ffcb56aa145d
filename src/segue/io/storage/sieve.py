"""A sieve: which of many ids were surely never met, in a few bits of memory an id (a Bloom filter).

Nearly every id is new, and finding that out in a tree on disk costs a page for each. The sieve lets none
through that was added; of the others hardly one in a hundred passes, and only those are looked up.
"""

from collections.abc import Collection, Sequence
from typing import Final

BITS_LEAST: Final = 1 << 21
BITS_MOST: Final = 1 << 25
"""4 MB. A fuller one lets more through, which costs time and no truth."""

BITS_AN_ID: Final = 16
"""When a sieve is full: of a thousand new ids five pass."""

GROWTH: Final = 8


class Sieve:
    """Holds ids by 64 bits of their digest, which are as good as random.

    expected  how many ids there are at first; it has room for eight times as many
    """

    def __init__(self, expected: int = 0) -> None:
        size = 1 << (max(expected, 1) * BITS_AN_ID * GROWTH - 1).bit_length()
        size = min(max(size, BITS_LEAST), BITS_MOST)
        self._bits = bytearray(size // 8)
        self._mask = size - 1
        self._left = size // BITS_AN_ID if size < BITS_MOST else None

    @property
    def is_full(self) -> bool:
        """Whether a larger one would let fewer through."""
        return self._left is not None and self._left < 0

    def add(self, highs: Collection[int]) -> None:
        """Let these pass from now on."""
        bits, mask = self._bits, self._mask
        for high in highs:
            second, third = high >> 19, high >> 38
            bits[(high & mask) >> 3] |= _BIT[high & 7]
            bits[(second & mask) >> 3] |= _BIT[second & 7]
            bits[(third & mask) >> 3] |= _BIT[third & 7]
        if self._left is not None:
            self._left -= len(highs)

    def sift(self, highs: Sequence[int]) -> list[int]:
        """Those that were added, and few others."""
        bits, mask = self._bits, self._mask
        return [
            high
            for high in highs
            if bits[(high & mask) >> 3] >> (high & 7) & 1
            and bits[(high >> 19 & mask) >> 3] >> (high >> 19 & 7) & 1
            and bits[(high >> 38 & mask) >> 3] >> (high >> 38 & 7) & 1
        ]


_BIT: Final = tuple(1 << bit for bit in range(8))

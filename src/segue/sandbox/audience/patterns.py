"""Regular expressions of segment filters, which never hold the sandbox up.

An expression may backtrack for ages on a text made for it. A search is cut after `SEARCH_SECONDS`; an
expression that was cut for `PATIENCE_SECONDS` in all is given up: it matches nobody from then on, and whoever
counts with it is told.
Source  Braze docs, "Segmentation filters", read 2026-11-23: at most 32,764 characters, in any case
"""

import functools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

REGEX_CHARACTERS = 32_764
SEARCH_SECONDS = 0.05
PATIENCE_SECONDS = 0.25


class Pattern:
    """One expression, and whether it was given up."""

    def __init__(self, text: str, compiled: "regex.Pattern[str]") -> None:
        self.text = text
        self.given_up = False
        self._compiled = compiled
        self._lost = 0.0

    def finds(self, text: str) -> bool:
        """Whether it matches somewhere in a text; False when that takes too long."""
        if self.given_up:
            return False
        began = time.monotonic()
        try:
            return self._compiled.search(text, timeout=SEARCH_SECONDS) is not None
        except TimeoutError:
            self._lost += time.monotonic() - began
            self.given_up = self._lost >= PATIENCE_SECONDS
            return False


@functools.lru_cache(maxsize=256)
def pattern(text: str) -> Pattern:
    """The expression, in any case; one that was given up stays so while it is remembered.

    Raises ValueError: it is none.
    """
    import regex  # here, to keep the start short

    try:
        return Pattern(text, regex.compile(text, regex.IGNORECASE))
    except (regex.error, OverflowError, RecursionError, MemoryError) as fault:
        raise ValueError(f"{text!r:.60} is no regular expression: {fault}") from fault

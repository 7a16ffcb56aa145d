"""Story: what happened in one run, in order, to be read by whoever has to find out why it went wrong."""

from collections import Counter
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from hashlib import blake2b
from threading import get_ident
from typing import Any

import structlog

from segue.runtime.clock import Clock

LAST_LINES = 400


class Story:
    """Lines with their time; also where the log lines of its own thread go: what another test left at work
    beside it has no part in the story.

    met  what kinds of things happened, and how often: "weather: flaky"
    """

    def __init__(self, seed: object, clock: Clock) -> None:
        self.seed = seed
        self.lines: list[str] = []
        self.complaints: list[str] = []
        self.met: Counter[str] = Counter()
        self._clock = clock
        self._thread = get_ident()
        self._print = blake2b(digest_size=16)

    def tell(self, what: str, *words: str) -> None:
        """Add a line; words that are no numbers are remembered as met."""
        if words and not any(letter.isdigit() for letter in words[0]):
            self.met[f"{what}: {words[0]}"] += 1
        self.lines.append(f"{self._clock.monotonic():10.3f}  {what:<10} {'  '.join(words)}")
        self._print.update(self.lines[-1].encode())
        if len(self.lines) > 4 * LAST_LINES:
            del self.lines[: 2 * LAST_LINES]

    def hear(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        """A structlog processor: log lines become part of the story; defects are complaints."""
        if get_ident() != self._thread:
            raise structlog.DropEvent
        name = str(event.pop("event"))
        self.tell("log", name, " ".join(f"{key}={value}" for key, value in event.items()))
        if name in DEFECTS:
            self.complaints.append(f"the courier says {name}: {event}")
        raise structlog.DropEvent

    @property
    def fingerprint(self) -> str:
        """Of the whole story, also of what is not kept of it."""
        return self._print.hexdigest()

    def text(self) -> str:
        """The end of the story, which is where the trouble is."""
        return "\n".join(self.lines[-LAST_LINES:])


DEFECTS = frozenset({"conservation_broken", "request_not_made", "event_not_routed"})
"""Log events that must never occur here."""


@contextmanager
def heard_by(story: Story) -> Iterator[None]:
    """The courier's log lines go into a story meanwhile."""
    before = structlog.get_config()
    everything = structlog.make_filtering_bound_logger(0)  # whatever level another test has set
    structlog.configure(processors=[story.hear], wrapper_class=everything)
    try:
        yield
    finally:
        structlog.configure(**before)

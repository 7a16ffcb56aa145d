"""What Segue writes into its log, declared once, and the filter that keeps people and secrets out of it.

    mask = Mask(); mask.add(positions.secrets)
    open_logbook(sys.stderr, level="info", style="json", mask=mask, now_ms=clock.now_ms)
    structlog.get_logger("segue.courier").warning("destination_held", destination="braze", code="FORBIDDEN")
    # {"at": "2026-11-24T10:00:00.000Z", "level": "warning", "room": "courier", "event": "destination_held" …

A line has a declared name and keys from KEYS; any other key is withheld and only its name shown. Errors
are shown as their kind and place; their words only when they are ours, since libraries quote what they
choke on.
"""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import msgspec
import structlog

from segue.model.errors import SegueError

Level = Literal["debug", "info", "warning", "error"]
Fields = MutableMapping[str, Any]


class Line(msgspec.Struct, frozen=True):
    """One kind of line: when it is written, and what to do about it."""

    event: str
    level: Level
    meaning: str


LINES: Final = (
    Line("started", "info", "The process is ready; the addresses it listens on are beside it."),
    Line("stopping", "info", "A stop was asked for; what is on its way is finished first."),
    Line("stopped", "info", "Everything is written down; the process ends."),
    Line("workspace_read", "info", "A revision of the workspace is in force."),
    Line("workspace_warning", "warning", "Something in the workspace works, but perhaps not as meant."),
    Line(
        "sandbox_opened", "warning", "No Braze key is set, so deliveries go to the sandbox on this machine."
    ),
    Line(
        "log_awaited",
        "warning",
        "There is no log in the data folder yet: a process with the receiver role and the same folder makes "
        "it.",
    ),
    Line("append_failed", "error", "The log could not be written; senders were told to try again."),
    Line("append_recovered", "info", "The log can be written again."),
    Line(
        "refusals_not_written", "warning", "What was refused could not be written down; it is kept in memory."
    ),
    Line("log_trimmed", "info", "Retention dropped old events."),
    Line(
        "log_block_corrupt",
        "error",
        "Events of the log do not decode; they are counted as dead and passed by.",
    ),
    Line("destination_started", "info", "A courier begins to deliver for a destination."),
    Line(
        "resumed",
        "warning",
        "The last run ended unexpectedly; the journal says which rows were settled, `count` are uncertain.",
    ),
    Line("destination_stopped", "info", "A courier has settled and written down what it had."),
    Line("destination_held", "warning", "The partner has trouble or refuses our key; the destination waits."),
    Line("destination_released", "info", "The partner answers again; delivery goes on."),
    Line("budget_nearly_spent", "warning", "Four fifths of a cap are spent, or all of it; `cap` says which."),
    Line("budget_holds", "info", "Rows wait for the next day or month, as a cap of the workspace file asks."),
    Line(
        "destination_paused", "info", "Somebody paused the destination; nothing leaves until it is resumed."
    ),
    Line("destination_resumed", "info", "Somebody ended the pause."),
    Line("erasure", "info", "Somebody asked for people to be deleted; they leave before all else."),
    Line(
        "erasure_not_possible",
        "warning",
        "People cannot be deleted at this kind of partner; the call is over.",
    ),
    Line("event_not_routed", "error", "A defect met one event; it is a dead letter and the others go on."),
    Line("request_not_made", "error", "A defect of a page met a batch; its rows are dead letters."),
    Line(
        "courier_paused",
        "error",
        "The log or the state does not work; nothing is lost, it is tried again each second and said each "
        "minute.",
    ),
    Line("courier_goes_on", "info", "The trouble that `courier_paused` told of is over."),
    Line("lane_waited_for", "warning", "Events wait for a lane that another courier does not get on with."),
    Line(
        "lanes_taken_over",
        "info",
        "Lanes another courier had are delivered here from now on, from where it was.",
    ),
    Line("conservation_broken", "error", "Events are unaccounted for: please report it with `segue doctor`."),
    Line(
        "budget_shared", "info", "Other processes send to the same partner account; all keep one rate budget."
    ),
    Line(
        "budget_not_shared",
        "warning",
        "The rate limits cannot be shared with other processes; each goes on alone.",
    ),
    Line("clerk_round_failed", "warning", "Housekeeping met an error; it is tried again at the next round."),
    Line("role_failed", "error", "A part of the process ended with an error; the process stops."),
    Line("check_failed", "error", "A readiness check broke; it counts as not ready."),
    Line("library_said", "warning", "A library wrote this; its values are left out, `library` names it."),
)
"""All of them, in the order of a process's life."""

KEYS: Final[Mapping[str, str]] = {
    "action": "slug of a catalogue action",
    "addresses": "what the process listens on",
    "attempts": "tries so far",
    "bytes": "size",
    "cap": "a cap of the workspace file and how it stands, in words",
    "check": "name of a readiness check",
    "code": "a delivery or ingest code",
    "count": "how many",
    "destination": "id of a destination",
    "error": "kind of an error, or its words when it is one of ours",
    "error_at": "where it was raised, innermost last",
    "error_words": "what it says, when it is one of ours",
    "events": "how many events",
    "file": "a file",
    "kind": "type of an event",
    "lane": "lane of the log",
    "lanes": "lanes of the log",
    "library": "the library that speaks",
    "line": "line of a file",
    "message_id": "the messageId of one event, or the id of a deletion",
    "offset": "offset in a lane",
    "pid": "process id",
    "place": "place in the workspace file",
    "problem": "a fault of the workspace, in words",
    "reason": "a code or a sentence of ours",
    "remedy": "what to do about a fault",
    "request": "number of a request",
    "revision": "revision of the workspace",
    "roles": "parts this process plays",
    "rows": "how many rows",
    "said": "a library's words, values left out",
    "seconds": "how long it took",
    "settled": "how many events were settled",
    "signal": "the signal received",
    "source": "id of a source",
    "status": "an HTTP status",
    "subscription": "id of a subscription",
    "version": "version of Segue",
    "wait_seconds": "how long until the next try",
    "waiting": "how many events wait",
}
"""Every key a line may carry beside at, level, room and event. None of them can hold personal data."""

LONGEST: Final = 400
"""Characters of one value that are written."""

SHORTEST_SECRET: Final = 6
"""Shorter values of variables (a port, a flag) are not taken for secrets: masking them would garble lines."""


class Mask:
    """Blots known secrets out of text."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these values too from now on."""
        self._secrets.update(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
        ordered = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """The text with every secret replaced by ***."""
        return self._pattern.sub("***", text) if self._pattern else text


def open_logbook(
    stream: TextIO,
    *,
    level: Level = "info",
    style: Literal["auto", "pretty", "json"] = "auto",
    mask: Mask | None = None,
    now_ms: Callable[[], int],
) -> None:
    """Send every line of the process, and the warnings of the libraries it uses, to a stream.

    Sets structlog and the standard library's logging up for the whole process, so only the top of a program
    (or a test of it) calls this; calling it again replaces what was set.
    """
    pretty = style == "pretty" or (style == "auto" and stream.isatty())
    renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty()) if pretty else _as_json
    at = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[_stamp(now_ms), describe_error, _withhold(mask or Mask()), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(at),
        logger_factory=_Factory(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(max(at, logging.WARNING))
    logging.captureWarnings(True)


def describe_error(logger: Any, method: str, fields: Fields) -> Fields:
    """Replace an exception by its kind and place, and its words when it is one of ours."""
    given = fields.pop("exc_info", None)
    fields.pop("stack_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        fields["error"] = type(error).__name__
        fields["error_at"] = places(error.__traceback__)
        if isinstance(error, SegueError):
            fields["error_words"] = str(error)
    return fields


def places(trace: TracebackType | None, most: int = 6) -> list[str]:
    """Name the innermost places of a traceback: "retry.py:31 decide"."""
    frames = traceback.extract_tb(trace)[-most:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def _stamp(now_ms: Callable[[], int]) -> Callable[[Any, str, Fields], Fields]:
    def stamp(logger: Any, method: str, fields: Fields) -> Fields:
        at = datetime.fromtimestamp(now_ms() / 1000, UTC).isoformat(timespec="milliseconds")
        level = "error" if method == "exception" else method
        return {"at": at.replace("+00:00", "Z"), "level": level, "room": logger.room, **fields}

    return stamp


def _withhold(mask: Mask) -> Callable[[Any, str, Fields], Fields]:
    head = ("at", "level", "room")
    names = frozenset(line.event for line in LINES)

    def withhold(logger: Any, method: str, fields: Fields) -> Fields:
        event = fields.get("event")
        line = {key: fields[key] for key in head}
        line["event"] = event if event in names else "undeclared"
        line |= {
            key: _shown(value, mask) for key, value in fields.items() if key in KEYS and value is not None
        }
        withheld = sorted(set(fields) - set(KEYS) - {*head, "event"})
        return {**line, "withheld": withheld} if withheld else line

    return withhold


def _shown(value: Any, mask: Mask) -> Any:
    match value:
        case bool() | int() | float():
            return value
        case list() | tuple() | set() | frozenset():
            return [_shown(each, mask) for each in list(value)[:20]]
        case str() | Path():
            text = mask(str(value))
            return text if len(text) <= LONGEST else text[:LONGEST] + "…"
        case _:
            return f"({type(value).__name__})"


def _as_json(logger: Any, method: str, fields: Fields) -> str:
    return msgspec.json.encode(fields).decode()


class _Room:
    """What structlog calls to write a line; knows which part of the house speaks."""

    def __init__(self, stream: TextIO, room: str) -> None:
        self.stream = stream
        self.room = room

    def msg(self, text: str) -> None:
        try:
            self.stream.write(text + "\n")
            self.stream.flush()
        except (OSError, ValueError):
            pass  # a closed or broken pipe must not stop deliveries

    debug = info = warning = warn = error = exception = critical = fatal = log = msg


class _Factory:
    """Makes a `_Room` of the name a module gave: "segue.courier" speaks as "courier"."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __call__(self, *names: Any) -> _Room:
        return _Room(self.stream, str(names[0]).removeprefix("segue.") if names else "segue")


class _Bridge(logging.Handler):
    """Carries the standard library's records over: the first line of the message's
    template, never its values."""

    def emit(self, record: logging.LogRecord) -> None:
        speak = structlog.get_logger("libraries")
        method = speak.error if record.levelno >= logging.ERROR else speak.warning
        said = record.msg.split("\n")[0] if isinstance(record.msg, str) else type(record.msg).__name__
        method("library_said", library=record.name, said=said, exc_info=record.exc_info)

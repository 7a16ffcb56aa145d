"""Every error Segue raises. The class says what the caller should do.

    SegueError
    ├── InvalidError            mend the input
    │   ├── InvalidExpression   a text of a small language that does not parse; points at the place
    │   │   ├── InvalidTrigger  a trigger
    │   │   └── InvalidFilter   a filter
    │   ├── UnfilterableEvent   an event a filter cannot be evaluated on
    │   ├── InvalidMapping      a mapping that cannot be used, or failed on an event
    │   ├── InvalidPayload      a mapped payload the action refuses; names each field
    │   ├── InvalidEvent        an event the tracking spec refuses; carries the published code
    │   └── InvalidRequest      a tracking request that is bad as a whole; carries status and code
    ├── MisconfiguredError      mend the settings
    │   ├── MisconfiguredWorkspace   every fault of a workspace, with place and remedy
    │   └── UnsafeLibrary       a library whose known defect would lose data
    ├── UnavailableError        try later
    │   ├── LogUnavailable      the log cannot be written or read (disk full, read-only, locked)
    │   │   └── LogMissing      there is none yet
    │   └── StorageUnavailable  likewise for state, receipts and dead letters
    └── BrokenError             tell us
        └── CorruptBlock        a block of the log that does not decode; names lane and offset

Messages name the thing, what was found, what was expected, where, and the remedy; never a secret or
a payload.
"""
# ruff: noqa: N818  # the first word of a name says what the caller should do; "Error" after it says nothing

from collections.abc import Sequence

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a workspace.

    place    where, in the words of the file: ``destinations.braze.settings.api_key``
    problem  what was found and what was expected, one sentence
    remedy   what to do about it, one sentence
    file, line  filled in by whoever read the workspace from a file; line starts at 1
    warning  true when the workspace still works as written
    """

    place: str
    problem: str
    remedy: str = ""
    file: str | None = None
    line: int | None = None
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file and self.line else ""
        return f"{where}{self.place}: {self.problem}" + (f" {self.remedy}" if self.remedy else "")


class SegueError(Exception):
    """The root of the tree; nothing else of ours is raised past a door."""


class InvalidError(SegueError):
    """The input cannot be used as it is: mend it and send it again."""


class InvalidExpression(InvalidError):
    """A text of a small language that does not parse.

    text      the whole expression
    position  index of the character the problem starts at, counted from 0
    """

    def __init__(self, message: str, *, text: str = "", position: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.position = position

    def __str__(self) -> str:
        if not self.text:
            return self.message
        line_start = self.text.rfind("\n", 0, self.position) + 1
        line_end = self.text.find("\n", self.position)
        line = self.text[line_start : line_end if line_end >= 0 else len(self.text)]
        return f"{self.message}\n  {line}\n  {' ' * (self.position - line_start)}^"


class InvalidTrigger(InvalidExpression):
    """A trigger that does not parse."""


class InvalidFilter(InvalidExpression):
    """The expression of a filter that does not parse, or that could not be evaluated on any event."""


class UnfilterableEvent(InvalidError):
    """An event a filter cannot be evaluated on, so that it is not sent; names types, never values."""


class InvalidMapping(InvalidError):
    """A mapping that cannot be used, or a directive that failed on an event.

    problems  (JSON pointer, sentence) pairs; the pointer names the place in the mapping
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{pointer or '/'} {problem}" for pointer, problem in self.problems))


class InvalidPayload(InvalidError):
    """A mapped payload the action refuses.

    problems  (field path, sentence) pairs, for instance ("time", "is required but was not mapped")
    code      a delivery code, ``PAYLOAD_VALIDATION_FAILED`` unless the action knows better
    """

    def __init__(
        self, problems: Sequence[tuple[str, str]], *, code: str = "PAYLOAD_VALIDATION_FAILED"
    ) -> None:
        self.problems = tuple(problems)
        self.code = code
        super().__init__(
            "; ".join(f'field "{field}" {problem}' if field else problem for field, problem in problems)
        )


class InvalidEvent(InvalidError):
    """An event the tracking spec refuses; its batch-mates are kept.

    code  the published ingest code, for instance ``no_user_anon_id``
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidRequest(InvalidError):
    """A tracking request that is bad as a whole.

    status  HTTP status to answer with; code  a machine-readable word for the body
    """

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class MisconfiguredError(SegueError):
    """The settings cannot work: mend them and start again."""


class MisconfiguredWorkspace(MisconfiguredError):
    """Every fault of a workspace at once, in the order they were found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        super().__init__(
            f"{count} fault{'s' if count != 1 else ''} in the workspace:\n" + "\n".join(map(str, faults))
        )


class UnsafeLibrary(MisconfiguredError):
    """A library whose known defect would lose data; the message names the version needed."""


class UnavailableError(SegueError):
    """Something outside does not work at the moment: try later."""


class LogUnavailable(UnavailableError):
    """The log cannot be written or read; nothing of the call was acknowledged."""


class LogMissing(LogUnavailable):
    """There is no log yet: the process that takes events in makes it when it starts."""


class StorageUnavailable(UnavailableError):
    """State, receipts or dead letters cannot be written or read; the checkpoint did not happen."""


class BrokenError(SegueError):
    """Something that should be impossible: please tell us."""


class CorruptBlock(BrokenError):
    """A block of the log that does not decode.

    lane, first_offset, count  which events it held
    """

    def __init__(self, lane: int, first_offset: int, count: int, why: str) -> None:
        super().__init__(
            f"log lane {lane}: the block of events {first_offset} to {first_offset + count - 1} "
            f"does not decode ({why})"
        )
        self.lane = lane
        self.first_offset = first_offset
        self.count = count

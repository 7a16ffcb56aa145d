"""Presence: which processes have a data folder open, and where each of them listens.

    announce(settings, ["braze"], "http://127.0.0.1:9000")    # the process, once its door is open
    present(settings.data)                                    # [Present("4711", "http://127.0.0.1:9000")]

A process says so in the files whose locks it holds, so what is read is of a process that is there. Everything
here blocks.
"""

import contextlib
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from segue.io.claim import CAN_ASK, Owner, owner, tell
from segue.io.log.sqlite import lock_of
from segue.io.storage.sqlite import claim_of
from segue.runtime.archive import state_files
from segue.runtime.folders import LOG_FOLDER, STATE_FOLDER, state_path
from segue.runtime.settings import Settings

IS_TOLD: Final = CAN_ASK
"""Whether this system tells who has a folder open: Linux does."""


class Present(msgspec.Struct, frozen=True):
    """A process that has the folder open.

    address  where it listens; "" while it starts, and of earlier versions, which do not say
    machine  the host it runs on when that is another than this one; its address means nothing here then
    """

    process: str
    address: str = ""
    machine: str = ""

    @property
    def can_be_asked(self) -> bool:
        """Whether its control API can be reached from here."""
        return bool(self.address) and not self.machine


def announce(settings: Settings, destinations: Iterable[str], address: str) -> None:
    """Say where this process listens, beside what it has open: the log as its writer, a state for each of
    the destinations. Whoever cannot write that down does without."""
    paths = [claim_of(state_path(settings, name)) for name in destinations]
    if "receiver" in settings.roles:
        paths.append(lock_of(settings.data / LOG_FOLDER))
    for path in paths:
        with contextlib.suppress(OSError):
            tell(path, address, socket.gethostname())


def present(data: Path) -> list[Present]:
    """The processes that have a data folder open, receivers first."""
    states = [claim_of(path) for _, path in state_files(data / STATE_FOLDER)]
    found = [owner(path) for path in (lock_of(data / LOG_FOLDER), *states)]
    return list(dict.fromkeys(_present(each) for each in found if each is not None and each.process))


def addresses(settings: Settings) -> list[str]:
    """Where to ask the processes of a data folder: where they say they listen, else as the settings say."""
    told = [each.address for each in present(settings.data) if each.can_be_asked]
    return list(dict.fromkeys(told)) or [address_of(settings)]


def address_of(settings: Settings) -> str:
    """Where a process with these settings listens."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _present(found: Owner) -> Present:
    return Present(
        found.process, found.address, "" if found.machine in ("", socket.gethostname()) else found.machine
    )

"""What `segue doctor` looks at: libraries, disk, workspace, process, each destination, the books."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from segue.cli.show import plural, span
from segue.model.errors import MisconfiguredWorkspace, SegueError
from segue.runtime import desk
from segue.runtime.archive import opened
from segue.runtime.clock import SystemClock
from segue.runtime.condition import Condition, conditions
from segue.runtime.current import Current, read_current
from segue.runtime.health import library_versions, probe_folder
from segue.runtime.presence import IS_TOLD, Present, address_of, present
from segue.runtime.settings import Settings
from segue.runtime.sighting import moment, remedy_of, words_of

LOW_DISK_BYTES: Final = 1024**3
ASK_SECONDS: Final = 3.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. ok: nothing to do; remedy: what to do when there is something."""

    name: str
    ok: bool
    says: str
    remedy: str = ""


async def examine(settings: Settings, folder: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything; never raises for what it finds."""
    findings = [_library(), _disk(settings)]
    current, finding = _workspace(settings, folder, environ)
    findings.append(finding)
    processes = await _processes(settings)
    findings += processes
    if current is not None:
        findings += await _destinations(settings, current, is_ready=all(each.ok for each in processes))
        findings += await _books(settings, current)
    return findings


def _library() -> Finding:
    try:
        return Finding(name="libraries", ok=True, says=library_versions())
    except SegueError as error:
        return Finding(
            name="libraries", ok=False, says=str(error), remedy="Run make setup, or reinstall Segue."
        )


def _disk(settings: Settings) -> Finding:
    data = settings.data
    try:
        probe_folder(data)
        free = shutil.disk_usage(data if data.exists() else Path()).free
    except (SegueError, OSError) as error:
        return Finding(
            name="disk", ok=False, says=str(error), remedy="Free space, or point SEGUE_DATA at another disk."
        )
    room = f"{free / 1024**3:.1f} GiB" if free >= LOW_DISK_BYTES else f"{free // 1024**2} MiB"
    says = f"{data} can be written, {room} are free"
    return Finding(
        name="disk",
        ok=free > LOW_DISK_BYTES,
        says=says,
        remedy="Free space before the log cannot grow any more.",
    )


def _workspace(
    settings: Settings, folder: Path, environ: Mapping[str, str]
) -> tuple[Current | None, Finding]:
    try:
        current = read_current(settings, folder, environ)
    except MisconfiguredWorkspace as error:
        says = f"{settings.config} has {plural(len(error.faults), 'fault')}: {error.faults[0]}"
        return None, Finding(name="workspace", ok=False, says=says, remedy="segue validate lists them all.")
    count = len(current.plan.everything)
    says = f"{settings.config} revision {current.workspace.revision}, {plural(count, 'destination')}"
    return current, Finding(name="workspace", ok=True, says=says)


async def _processes(settings: Settings) -> list[Finding]:
    """Each process that has the folder open, or the one that listens where the settings say."""
    there = await asyncio.to_thread(present, settings.data)
    if there:
        return [await _one(settings, each) for each in there]
    if IS_TOLD:
        says = f"no process has {settings.data} open: Segue does not run here now"
        return [Finding(name="process", ok=True, says=says)]
    url = f"{address_of(settings)}/readyz"
    answer = await _readiness(url)
    if answer is None:
        return [
            Finding(name="process", ok=True, says=f"nobody answers at {url}: Segue does not run here now")
        ]
    return [_ready(url, *answer)]


async def _one(settings: Settings, there: Present) -> Finding:
    if there.machine:
        says = f"process {there.process} on {there.machine} has {settings.data} open; it is not asked"
        return Finding(name="process", ok=True, says=says)
    url = f"{there.address or address_of(settings)}/readyz"
    answer = await _readiness(url)
    if answer is not None:
        return _ready(url, *answer)
    remedy = "If it has just been started, ask again; else it hangs: see its log, and restart it."
    if not there.address:
        remedy += " One of an earlier version does not say where it listens: SEGUE_PORT=9000 segue doctor."
    return Finding(
        name="process",
        ok=False,
        says=f"nobody answers at {url}, though process {there.process} has {settings.data} open",
        remedy=remedy,
    )


async def _readiness(url: str) -> tuple[int, Mapping[str, Any]] | None:
    """(status, checks) of a process; None when nobody answers."""
    try:
        timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            body: Any = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return answer.status, body.get("checks", {}) if isinstance(body, dict) else {}


def _ready(url: str, status: int, checks: Mapping[str, Any]) -> Finding:
    bad = [f"{name}: {check.get('reason', '')}" for name, check in checks.items() if not check.get("ok")]
    says = f"ready at {url}" if status == 200 else f"not ready at {url}: {'; '.join(bad)}"
    return Finding(name="process", ok=status == 200, says=says, remedy="Mend what the check names.")


async def _destinations(settings: Settings, current: Current, *, is_ready: bool) -> list[Finding]:
    """Whether each destination sends, what waits and may be lost, and what is uncertain.

    is_ready  false where a process has trouble of its own, and may not have written down what it knows
    """
    now_ms = SystemClock().now_ms()
    try:
        async with opened(settings, current) as archive:
            found = await conditions(archive, now_ms)
    except SegueError as error:
        remedy = "Restore the data folder from a backup."
        return [Finding(name="destinations", ok=False, says=str(error), remedy=remedy)]
    findings = []
    for each in found:
        findings.append(_sending(each, now_ms, is_ready=is_ready))
        if each.risk or each.lost:
            findings.append(_retention(each))
        if each.uncertain:
            told = ", ".join(f"{n:,} {policy}" for policy, n in sorted(each.uncertain.items()))
            findings.append(
                Finding(
                    name=f"uncertain set of {each.destination}",
                    ok=True,
                    says=f"rows that left without an answer so far: {told}; segue uncertain lists them",
                )
            )
    return findings


def _sending(condition: Condition, now_ms: int, *, is_ready: bool) -> Finding:
    name = f"destination {condition.destination}"
    waits = f"{plural(condition.waiting, 'event')} waiting"
    if condition.oldest_ms:
        waits += f", the oldest for {span(now_ms - condition.oldest_ms)}"
    says, remedies = [], []
    if condition.unserved:
        lanes = _ranges(condition.unserved)
        says.append(f"no process delivers lane {lanes} of it")
        remedies.append(f"Start one: segue run, or segue run --roles courier --lanes {lanes}.")
    halt = condition.halt
    if halt is not None:
        until = f", next try in {span(halt.until_ms - now_ms)}" if halt.until_ms > now_ms else ""
        says.append(f"{words_of(halt)}{until}")
        remedies.append(remedy_of(halt, condition.destination))
    if not says:
        keeps = (
            "nothing keeps it from sending" if is_ready else "nothing kept it from sending when it last wrote"
        )
        return Finding(name=name, ok=True, says=f"{keeps}; {waits}")
    if condition.expires_ms:
        until = moment(condition.expires_ms)
        remedies.append(f"Nothing is lost before {until}, when the log's retention ends.")
    return Finding(name=name, ok=False, says="; ".join([*says, waits]), remedy=" ".join(remedies))


def _retention(condition: Condition) -> Finding:
    if condition.lost:
        says = f"{plural(condition.lost, 'event')} left the log before they were delivered"
    elif condition.risk == "size":
        says = "the log is nearly as large as it may be, and its oldest events are not delivered yet"
    else:
        says = f"waiting events begin to leave the log at {moment(condition.expires_ms)}"
    return Finding(
        name=f"retention for {condition.destination}",
        ok=False,
        says=says,
        remedy="Raise ingest.retention_hours and ingest.retention_bytes now, then mend the destination.",
    )


def _ranges(lanes: Sequence[int]) -> str:
    """Lanes as --lanes takes them: 0-3,6."""
    starts = [lane for lane in lanes if lane - 1 not in lanes]
    ends = [lane for lane in lanes if lane + 1 not in lanes]
    return ",".join(
        f"{start}-{end}" if end > start else str(start) for start, end in zip(starts, ends, strict=True)
    )


async def _books(settings: Settings, current: Current) -> list[Finding]:
    """The conservation law and the dead letters of every destination."""
    try:
        books = await desk.counted(settings, current)
    except SegueError as error:
        return [
            Finding(name="books", ok=False, says=str(error), remedy="Restore the data folder from a backup.")
        ]
    findings = []
    for book in books:
        events = {name: n for name, n in book.events.items() if n and not name.startswith("rows_")}
        told = ", ".join(f"{n:,} {name}" for name, n in events.items()) or "nothing yet"
        law = "the books add up" if not book.residual else f"{book.residual} events are unaccounted for"
        findings.append(
            Finding(
                name=f"books of {book.destination}",
                ok=not book.residual,
                says=f"{told}, {book.waiting:,} waiting; {law}",
                remedy="This is a defect of Segue: please report it with this output.",
            )
        )
        dead = sum(book.dead_letters.values())
        if dead:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in book.dead_letters.items())
            findings.append(
                Finding(
                    name=f"dead letters of {book.destination}",
                    ok=False,
                    says=f"{dead:,}: {reasons}",
                    remedy="segue dead list says why each died; mend it, then segue dead retry.",
                )
            )
    return findings

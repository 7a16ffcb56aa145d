"""`segue demo`: a day of traffic through the real Segment SDK into the sandbox, and what became of it.

The pipeline is the real one: tracking API over loopback, durable log, courier, sandbox. What must come out
is worked out beside it (`traffic`), so the end of the demo is a check and not a claim.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer
from rich.columns import Columns
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from segue.cli.show import err, out, plural, print_json, table
from segue.cli.traffic import Call, Day, Expected, make_day
from segue.cli.workspace import AsJson
from segue.model.errors import MisconfiguredError
from segue.runtime.clock import SystemClock
from segue.runtime.current import starter
from segue.runtime.logbook import open_logbook
from segue.runtime.settings import read_settings

if TYPE_CHECKING:
    from segue.cli.serve import Running

WRITE_KEY: Final = "wk_demo"
PATIENCE_SECONDS: Final = 90.0
EXPORT_IDS: Final = 50
FIELDS: Final = (
    "external_id", "first_name", "last_name", "email", "dob", "country", "home_city",
    "custom_attributes", "custom_events", "purchases", "total_revenue",
)  # fmt: skip
PAIRS: Final = ("first_name", "last_name", "email", "dob", "country", "home_city")


class Check(msgspec.Struct, frozen=True):
    """One thing that must hold at the end."""

    says: str
    ok: bool


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo found out."""

    sent: int
    received: int
    rejected: Mapping[str, int]
    events: Mapping[str, int]
    reasons: Mapping[str, int]
    requests: int
    objects: int
    seconds: float
    person: str
    profile: Mapping[str, Any]
    story: list[dict[str, Any]]
    checks: list[Check]

    @property
    def is_right(self) -> bool:
        return all(check.ok for check in self.checks)


def demo(
    people: Annotated[int, typer.Option(help="How many people the shop has.", min=1, max=5000)] = 300,
    seed: Annotated[int, typer.Option(help="Another number, another day.")] = 7,
    keep: Annotated[
        Path | None, typer.Option(help="Keep workspace, log and state in this folder, to look at afterwards.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Watch Segue work without any account: a shop's day through the real Segment SDK, into the sandbox.

    Exit code 0 only if every event is accounted for and every profile is what it must be.
    """
    if find_spec("segment") is None:
        raise MisconfiguredError(
            "the demo sends through Segment's own SDK: pip install segment-analytics-python"
        )
    open_logbook(sys.stderr, level="error", now_ms=SystemClock().now_ms)
    with _folder(keep) as folder:
        result = asyncio.run(_play(folder, people, seed, show=not as_json))
    if as_json:
        print_json({**msgspec.structs.asdict(result), "right": result.is_right})
    else:
        _print(result)
    if not result.is_right:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Put this chapter's command on the command line."""
    app.command()(demo)


def workspace_text() -> str:
    """The starter workspace, batches leaving sooner; at the sandbox whatever the environment says."""
    text = starter(WRITE_KEY).replace("    # delivery:\n", "    delivery:\n      wait_seconds: 2\n", 1)
    return text.replace("${BRAZE_ENDPOINT:-sandbox}", "sandbox").replace(
        "${BRAZE_API_KEY:-sandbox}", "sandbox"
    )


async def _play(folder: Path, people: int, seed: int, *, show: bool) -> Result:
    clock = SystemClock()
    day = make_day(people=people, until_ms=clock.now_ms(), seed=seed)
    (folder / "segue.yaml").write_text(workspace_text(), encoding="utf-8")
    settings = read_settings(
        folder, {}, data=folder / "segue-data", port=0, sandbox_port=0, config=folder / "segue.yaml"
    )
    began = clock.monotonic()
    from segue.cli.serve import running  # here: the other commands need no servers

    async with running(settings, folder, clock=clock) as segue:
        if show:
            addresses = segue.addresses
            out.print(
                f"[bold]Segue[/] is up at {addresses.door}; the sandbox plays Braze at {addresses.sandbox}."
            )
            out.print(f"A shop's day: {plural(len(day.calls), 'event')} of {people} people.")
        columns = (
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=err, disable=not show) as progress:
            await _send(day, segue, progress)
            await _wait(day, segue, progress)
        seconds = clock.monotonic() - began
        profiles = await _profiles(day, segue)
        totals = await _sandbox_totals(segue)
        return _result(day, segue, profiles, totals, seconds)


async def _send(day: Day, segue: "Running", progress: Progress) -> None:
    """The SDK's calls through the SDK, the others over plain HTTP, both at once."""
    by_sdk = [call for call in day.calls if call.via == "sdk"]
    by_http = [call for call in day.calls if call.via == "http"]
    address = f"{segue.addresses.door}{segue.addresses.prefix}"
    sdk_task = progress.add_task("Python SDK", total=len(by_sdk))
    http_task = progress.add_task("plain HTTP", total=len(by_http))
    async with asyncio.TaskGroup() as senders:
        senders.create_task(asyncio.to_thread(_send_by_sdk, by_sdk, segue.addresses.door, progress, sdk_task))
        senders.create_task(_send_by_http(by_http, address, progress, http_task))


def _send_by_sdk(calls: list[Call], door: str, progress: Progress, task: Any) -> None:
    """Make the calls an application makes; the SDK batches, retries and sends as it always does."""
    from segment.analytics.client import Client  # type: ignore[import-untyped]  # it ships no types

    problems: list[str] = []
    client = Client(WRITE_KEY, host=door, on_error=lambda error, _: problems.append(str(error)))
    for call in calls:
        event = dict(call.event)
        kind, message_id = event.pop("type"), event.pop("messageId")
        common = {"timestamp": datetime.fromtimestamp(call.at_ms / 1000, UTC), "message_id": message_id}
        who = {"user_id": event.get("userId"), "anonymous_id": event.get("anonymousId")}
        match kind:
            case "identify":
                client.identify(**who, traits=event["traits"], **common)
            case "track":
                client.track(**who, event=event["event"], properties=event["properties"], **common)
            case "page":
                client.page(**who, name=event["name"], **common)
            case "alias":
                client.alias(event["previousId"], event["userId"], **common)
        progress.advance(task)
    client.shutdown()
    if problems:
        raise MisconfiguredError(f"the SDK could not send: {problems[0]}")


async def _send_by_http(calls: list[Call], address: str, progress: Progress, task: Any) -> None:
    from segue.cli.post import post_events

    for start in range(0, len(calls), 50):
        part = calls[start : start + 50]
        events = [{**call.event, "timestamp": _iso(call.at_ms)} for call in part]
        await post_events(msgspec.json.encode(events), address, WRITE_KEY)
        progress.advance(task, len(part))


async def _wait(day: Day, segue: "Running", progress: Progress) -> None:
    """Until every accepted event is settled."""
    courier = segue.house.couriers["braze"]
    expected = sum(n for fate, n in day.fates().items() if fate != "rejected")
    task = progress.add_task("delivered or settled", total=expected)
    deadline = SystemClock().monotonic() + PATIENCE_SECONDS
    while SystemClock().monotonic() < deadline:
        ledger = courier.ledger
        progress.update(task, completed=ledger.read - ledger.waiting)
        if ledger.read >= expected and not ledger.waiting:
            return
        await asyncio.sleep(0.1)


async def _profiles(day: Day, segue: "Running") -> dict[str, dict[str, Any]]:
    """Everybody, as Braze's own export shows them."""
    import aiohttp

    found: dict[str, dict[str, Any]] = {}
    headers = {"authorization": "Bearer sandbox"}
    ids = list(day.people)
    async with aiohttp.ClientSession(segue.addresses.sandbox, headers=headers) as session:
        for start in range(0, len(ids), EXPORT_IDS):
            asked = {"external_ids": ids[start : start + EXPORT_IDS], "fields_to_export": list(FIELDS)}
            async with session.post("/users/export/ids", json=asked) as answer:
                body = await answer.json()
            found |= {user["external_id"]: user for user in body.get("users", [])}
    return found


async def _sandbox_totals(segue: "Running") -> dict[str, Any]:
    import aiohttp

    async with (
        aiohttp.ClientSession(segue.addresses.sandbox) as session,
        session.get("/_sandbox/totals") as answer,
    ):
        totals: dict[str, Any] = await answer.json()
        return totals


def _result(
    day: Day, segue: "Running", profiles: dict[str, dict[str, Any]], totals: dict[str, Any], seconds: float
) -> Result:
    receiver, courier = segue.house.receiver, segue.house.couriers["braze"]
    if receiver is None:
        raise MisconfiguredError("the demo needs the receiver role")
    counts = receiver.counts()
    ledger = courier.ledger
    fates = day.fates()
    rejected: Counter[str] = Counter()
    for (_, _, code), n in counts.rejected.items():
        rejected[code] += n
    reasons = {
        reason: n for (result, reason), n in ledger.totals().items() if reason and "rows_" not in result
    }
    received = sum(counts.received.values())
    person = max(day.people.values(), key=lambda each: (sum(each.purchases.values()), each.user_id))
    wrong = [name for name, expected in day.people.items() if differences(expected, profiles.get(name, {}))]
    checks = [
        Check(f"received all {len(day.calls):,} events", received == len(day.calls)),
        Check(
            f"refused the {fates['rejected']} broken ones, kept the rest",
            rejected.total() == fates["rejected"],
        ),
        *(
            Check(f"{fates[fate]:,} {fate}, as expected", ledger.total(fate) == fates[fate])
            for fate in ("delivered", "filtered", "duplicate", "dead")
        ),
        Check("read = delivered + filtered + duplicate + dead + waiting", ledger.residual == 0),
        Check(f"{len(day.people) - len(wrong)} of {len(day.people)} profiles are exactly right", not wrong),
    ]
    return Result(
        sent=len(day.calls),
        received=received,
        rejected=dict(rejected),
        events={name: ledger.total(name) for name in ("delivered", "filtered", "duplicate", "dead")},
        reasons=reasons,
        requests=sum(n for endpoint, n in totals["calls_by_endpoint"].items() if "/users/track" in endpoint),
        objects=totals["objects"]["accepted"],
        seconds=round(seconds, 1),
        person=person.user_id,
        profile=profiles.get(person.user_id, {}),
        story=[
            {"at": _iso(call.at_ms), **call.event}
            for call in day.calls
            if call.event.get("userId") == person.user_id and call.fate != "duplicate"
        ],
        checks=checks,
    )


def differences(expected: Expected, profile: Mapping[str, Any]) -> list[str]:
    """What a profile says otherwise than it must; empty when it is right."""
    found = [
        f"{name}: {profile.get(name)!r} instead of {value!r}"
        for name, value in expected.attributes.items()
        if profile.get(name) != value
    ]
    if profile.get("custom_attributes", {}) != expected.custom:
        found.append(f"custom_attributes: {profile.get('custom_attributes')!r}")
    events = {each["name"]: each["count"] for each in profile.get("custom_events") or ()}
    if events != dict(expected.events):
        found.append(f"custom_events: {events!r} instead of {dict(expected.events)!r}")
    purchases = {each["name"]: each["count"] for each in profile.get("purchases") or ()}
    if purchases != dict(expected.purchases):
        found.append(f"purchases: {purchases!r} instead of {dict(expected.purchases)!r}")
    revenue = round((profile.get("total_revenue") or 0) * 100)
    if revenue != expected.revenue_cents:
        found.append(f"total_revenue: {revenue} instead of {expected.revenue_cents} cents")
    return found


def _print(result: Result) -> None:
    out.print()
    shown = table("what happened", ">events", "why")
    shown.add_row("received", f"{result.received:,}", "")
    for code, n in result.rejected.items():
        shown.add_row("  refused at the door", f"{n:,}", code)
    for name, n in result.events.items():
        reasons = [
            f"{count:,} {reason}" for reason, count in result.reasons.items() if _belongs(name, reason)
        ]
        shown.add_row(f"  {name}", f"{n:,}", ", ".join(reasons))
    out.print(shown)
    out.print(
        f"\n[bold]{result.requests:,}[/] requests carried [bold]{result.objects:,}[/] objects: "
        f"[bold]{result.events['delivered'] / max(1, result.requests):.1f}[/] events per request, "
        f"{result.seconds} s from start to the last answer.\n"
    )
    events = table("time", "event", "details")
    for event in result.story:
        details = event.get("properties") or event.get("traits") or {}
        name = event.get("event") or event["type"]
        events.add_row(event["at"][11:16], name, _shortened(details))
    profile = table("field", "value")
    for name in PAIRS:
        profile.add_row(name, str(result.profile.get(name, "")))
    for name, value in (result.profile.get("custom_attributes") or {}).items():
        profile.add_row(f"· {name}", _shortened(value))
    for each in result.profile.get("custom_events") or ():
        profile.add_row(f"{each['name']}", f"{each['count']} times")
    for each in result.profile.get("purchases") or ():
        profile.add_row(f"bought {each['name']}", f"{each['count']}")
    profile.add_row("total revenue", f"{result.profile.get('total_revenue', 0):.2f}")
    left = Panel(events, title=f"what {result.person} did", title_align="left")
    right = Panel(profile, title="their Braze profile", title_align="left")
    out.print(Columns([left, right]))
    for check in result.checks:
        out.print(("[green]✓[/] " if check.ok else "[red]✗[/] ") + check.says)


def _belongs(result: str, reason: str) -> bool:
    filtered = {"NO_MATCHING_MAPPING", "FILTERED_BY_INTEGRATIONS_OBJECT", "FILTERED_AT_MAPPING"}
    return (reason in filtered) == (result == "filtered") and result in ("filtered", "dead")


def _shortened(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise MisconfiguredError(f'"{keep}" is no empty folder; the demo wants one of its own')
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="segue-demo-") as name:
        yield Path(name)

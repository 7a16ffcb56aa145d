"""`segue cost`: what each destination costs, what was saved, and how the month will end."""

import asyncio
import os
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.bar import Bar
from rich.table import Table

from segue.cli.show import err, literal, out, print_json, print_table, printable, row, table
from segue.cli.workspace import AsJson, Config
from segue.model.cost import Cost
from segue.model.errors import MisconfiguredError
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.expense import Expenses, expenses
from segue.runtime.settings import read_settings

CHART_WIDTH: Final = 40


class By(StrEnum):
    """What the lines of the ledger are."""

    ATTRIBUTE = "attribute"
    EVENT = "event"
    SUBSCRIPTION = "subscription"
    SOURCE = "source"
    DAY = "day"


def cost(
    destination: Annotated[
        str | None, typer.Option("--destination", "-d", help="Only this destination.")
    ] = None,
    month: Annotated[
        str | None, typer.Option("--month", "-m", help="Another month, for instance 2026-11.")
    ] = None,
    by: Annotated[By, typer.Option("--by", "-b", help="What to break the costs down by.")] = By.ATTRIBUTE,
    top: Annotated[int, typer.Option("--top", "-n", help="At most so many lines.", min=1)] = 15,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what destinations cost: data points and requests, spent and saved, with a forecast to the end of
    the month (UTC) and how the caps stand.

    Data points are those of contracts that count them; other contracts bound requests. Both are counted.
    `budget` of a destination in the workspace file says which yours is, and sets caps.
    """
    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ)
    names = [each.id for each in current.workspace.destinations]
    if destination is not None and destination not in names:
        raise MisconfiguredError(
            f'there is no destination "{destination}"; there is: {", ".join(names) or "none"}'
        )
    now_ms = SystemClock().now_ms()
    found = asyncio.run(
        expenses(
            settings,
            current,
            [destination] if destination is not None else names,
            month=_month(month, now_ms),
            by=by.value,
            now_ms=now_ms,
        )
    )
    if as_json:
        print_json([_plain(each) for each in found])
        return
    for each in found:
        _print(each, by, top)
    if not found:
        err.print("there is no destination in the workspace.", style="dim")


def add_to(app: typer.Typer) -> None:
    """Put this chapter's command on the command line."""
    app.command()(cost)


def _month(text: str | None, now_ms: int) -> date | None:
    if text is None:
        return None
    try:
        month = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise MisconfiguredError(f'--month: expected a month such as 2026-11, found "{text}"') from error
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    if month > today:
        raise MisconfiguredError(f"--month: {text} has not begun; this month is {today:%Y-%m}")
    return month


def _print(found: Expenses, by: By, top: int) -> None:
    total, unit = found.total, found.budget.contract
    month = _date(found.first_day).strftime("%B %Y")
    out.print(f"\n[bold]{literal(found.destination)}[/]  {month}, contract counts {unit}")
    sums = table("", ">spent", ">saved", ">forecast", ">likely between")
    for name, spent, saved in (
        ("data points", float(total.points), float(total.points_saved)),
        ("requests", total.requests, found.requests_saved),
    ):
        ahead = found.forecast["points" if name == "data points" else "requests"]
        row(
            sums,
            name,
            f"{spent:,.0f}",
            f"{saved:,.0f}",
            f"{ahead.expected:,.0f}",
            f"{ahead.low:,.0f} and {ahead.high:,.0f}",
        )
    print_table(sums)
    limit = found.budget.monthly_limit
    if limit:
        ahead = found.forecast[unit]
        colour = "red" if ahead.expected > limit else "yellow" if ahead.high > limit else "green"
        out.print(
            f"[{colour}]{ahead.spent / limit:.0%} of {limit:,} {unit} are spent, {ahead.expected / limit:.0%}"
            " expected at the end of the month[/]"
        )
    for cap in found.caps:
        what = f' on "{printable(cap.cap.event)}"' if cap.cap.event else ""
        colour = "red" if cap.share >= 1 else "yellow" if cap.share >= 0.8 else "green"
        out.print(
            f"[{colour}]cap[/] {cap.cap.limit:,} {cap.cap.of} a {cap.cap.per}{literal(what)}, then "
            f"{cap.cap.policy}: {cap.share:.0%} spent"
        )
    if not found.days:
        out.print("nothing was spent in this month yet.", style="dim")
        return
    out.print()
    _chart(found)
    out.print()
    is_of_requests = by is not By.ATTRIBUTE  # a request is of an event, not of an attribute
    if is_of_requests:
        lines = table(by.value, ">points", ">saved", ">requests", f">share of {unit}")
    else:
        lines = table(by.value, ">points", ">saved", ">share of points")
    for group in found.groups[:top]:
        cost = group.cost
        row(
            lines,
            group.name,
            f"{cost.points:,}",
            f"{cost.points_saved:,}",
            *([f"{cost.requests:,.1f}"] if is_of_requests else []),
            f"{group.share:.1%}",
        )
    print_table(lines)
    if len(found.groups) > top:
        out.print(f"and {len(found.groups) - top:,} more; --top shows them.", style="dim")


def _chart(found: Expenses) -> None:
    """A bar for each day: what the contract counts."""
    unit = found.budget.contract
    chart = Table(box=None, pad_edge=False, show_header=False)
    amounts = {day: _counted(cost, unit) for day, cost in found.days.items()}
    most = max(amounts.values()) or 1.0
    for day in range(min(amounts), max(amounts) + 1):
        amount = amounts.get(day, 0.0)
        bar = Bar(most, 0, amount, width=CHART_WIDTH, color="cyan")
        chart.add_row(f"{_date(day):%d %b}", bar, f"{amount:,.0f}")
    out.print(chart)


def _counted(cost: Cost, unit: str) -> float:
    return float(cost.points) if unit == "points" else cost.requests


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86_400, UTC).date()


def _plain(found: Expenses) -> dict[str, Any]:
    return {
        "destination": found.destination,
        "source": found.source,
        "contract": found.budget.contract,
        "monthly_limit": found.budget.monthly_limit,
        "month": _date(found.first_day).strftime("%Y-%m"),
        "total": {**_sums(found.total), "requests_saved": round(found.requests_saved, 1)},
        "forecast": found.forecast,
        "days": {_date(day).isoformat(): _sums(cost) for day, cost in found.days.items()},
        "groups": [
            {"name": each.name, **_sums(each.cost), "share": round(each.share, 4)} for each in found.groups
        ],
        "caps": [
            {
                "limit": each.cap.limit,
                "of": each.cap.of,
                "per": each.cap.per,
                "event": each.cap.event,
                "policy": each.cap.policy,
                "spent": round(each.spent, 2),
                "until": datetime.fromtimestamp(each.until_ms / 1000, UTC).isoformat(),
            }
            for each in found.caps
        ],
    }


def _sums(cost: Cost) -> dict[str, Any]:
    return {
        "points": cost.points,
        "points_saved": cost.points_saved,
        "objects": cost.objects,
        "objects_saved": cost.objects_saved,
        "requests": round(cost.requests, 3),
    }

"""The dashboard under `/_sandbox/ui/`: which page answers which address, and how a page becomes HTML.

Pages are Liquid templates beside this file; every value is escaped unless it is a chart. Needs no network.
"""

import html
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

import orjson

from segue.sandbox.clock import iso
from segue.sandbox.dashboard import desks, reports
from segue.sandbox.dashboard.charts import Safe
from segue.sandbox.exchange import Reply
from segue.sandbox.operations import Missing
from segue.sandbox.workspace import Workspace
from segue.sandbox.world import World

ROOT = "/_sandbox/ui"
HERE = Path(__file__).parent / "pages"
STATIC = {"style.css": b"text/css", "builder.js": b"text/javascript", "actions.js": b"text/javascript"}
_HTML = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'self'; style-src 'self'; img-src 'self' data:"),
]
View = Callable[[World, Workspace, Mapping[str, str]], Awaitable[dict[str, Any]]]


class Page(NamedTuple):
    """One page: how it is called, what it shows, whether the menu has it."""

    title: str
    view: View
    is_listed: bool = True


PAGES: Mapping[str, Page] = {
    "": Page("Home", reports.home),
    "events": Page("Custom events", reports.events),
    "revenue": Page("Revenue", reports.revenue),
    "segments": Page("Segments", desks.segments),
    "people": Page("User search", desks.people),
    "person": Page("User profile", desks.person, is_listed=False),
    "log": Page("API usage log", desks.log),
    "messages": Page("Messages and Currents", desks.messages),
    "points": Page("Data points", reports.points),
    "deletions": Page("Deletions", reports.deletions),
}
"""By address below the root."""


async def answer(world: World, path: str, query: bytes) -> Reply:
    """A page or one of its files; 404 in words for anything else."""
    name = path[len(ROOT) :].strip("/")
    if name in STATIC:
        kind = STATIC[name]
        return Reply(
            200, (HERE / name).read_bytes(), [(b"content-type", kind), (b"cache-control", b"no-cache")]
        )
    asked = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    page = PAGES.get(name)
    workspace = _workspace(world, asked)
    if page is None or workspace is None:
        return _shown(
            world, workspace, name, "Not here", "missing", {"why": f"there is no page {path!r}"}, 404
        )
    try:
        shown = await page.view(world, workspace, asked)
    except Missing as fault:
        return _shown(world, workspace, name, page.title, "missing", {"why": str(fault)}, 404)
    return _shown(world, workspace, name, page.title, name or "home", shown)


def _workspace(world: World, asked: Mapping[str, str]) -> Workspace | None:
    named = world.workspaces.get(asked.get("workspace", ""))
    return named or next(iter(world.workspaces.values()), None)


def _shown(
    world: World,
    workspace: Workspace | None,
    name: str,
    title: str,
    template: str,
    shown: Mapping[str, Any],
    status: int = 200,
) -> Reply:
    own = workspace.id if workspace is not None else ""
    around = {
        "root": ROOT,
        "title": title,
        "workspace": own,
        "suffix": f"?workspace={quote(own)}",
        "also": f"&workspace={quote(own)}",
        "workspaces": list(world.workspaces),
        "menu": [{"path": path, "title": page.title} for path, page in PAGES.items() if page.is_listed],
        "here": "people" if name == "person" else name,
        "now": iso(world.clock.now_ms())[:19].replace("T", " "),
        "frozen": world.clock.frozen_ms is not None,
        "keeps": world.keep,
    }
    render = _pages()
    content = render(template, {**around, **shown})
    return Reply(status, render("layout", {**around, "content": content}).encode(), _HTML)


@cache
def _pages() -> Callable[[str, Mapping[str, Any]], Any]:
    """What turns a template and its values into safe HTML; loaded when the first page is asked for."""
    from liquid import Environment, FileSystemLoader, StrictUndefined  # here, to keep the start short

    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["when"] = _when
    environment.filters["quoted"] = lambda text: quote(str(text), safe="")
    environment.filters["change"] = lambda value: "" if value is None else f"{value:+.1%}"
    environment.filters["data"] = _embedded

    def render(name: str, shown: Mapping[str, Any]) -> Any:
        return Safe(environment.get_template(f"{name}.html").render(**shown))

    return render


def _when(text: str) -> Safe:
    """A moment; where a line must break, it breaks between day and time."""
    parts = (f"<span>{html.escape(part)}</span>" for part in text[:19].split("T"))
    return Safe(f"<time>{' '.join(parts)}</time>")


def _embedded(value: Any) -> Safe:
    """JSON for a script element: nothing in it can end the element."""

    text = orjson.dumps(value).decode()
    return Safe(text.replace("<", "\\u003c").replace("&", "\\u0026").replace("'", "\\u0027"))

"""The outer door: health, metrics, a hello, and the tracking API behind everything else.

    app = create_app(sdk, checks={"log": log.probe}, metrics=render)

    GET /        who this is and where to go
    GET /livez   200 while the process answers at all
    GET /readyz  200 when every check passes, else 503; each check with its reason
    GET /metrics Prometheus text
    /control/…   the control API, when there is one
    …            the tracking API

A check is an async callable that raises when its thing is not ready; what a SegueError says is the reason.
Nothing is decided here. Start and stop of the server (ASGI lifespan) go to the tracking API's app.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from segue import __version__
from segue.model.errors import SegueError
from segue.runtime.telemetry import CONTENT_TYPE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Check = Callable[[], Awaitable[None]]
Metrics = Callable[[], Awaitable[bytes]]

CHECK_SECONDS: Final = 5.0
"""A check that takes longer counts as failed; orchestrators ask every few seconds."""

CONTROL: Final = "/control"
"""Where the control API lives."""

JSON: Final = "application/json; charset=utf-8"

log = structlog.get_logger("segue.web")


class Answer(msgspec.Struct, frozen=True):
    """A small answer, whole."""

    status: int
    content_type: str
    body: bytes


Page = Callable[[], Awaitable[Answer]]


def create_app(
    sdk: App,
    *,
    checks: Mapping[str, Check],
    metrics: Metrics,
    control: App | None = None,
    links: Mapping[str, str] | None = None,
    check_seconds: float = CHECK_SECONDS,
) -> App:
    """Put the pages of the process in front of the tracking API.

    sdk      the tracking API as an ASGI app; gets every other path, and the lifespan
    checks   by name, for /readyz; they run at the same time
    metrics  gives the Prometheus text
    control  the control API; gets everything under /control
    links    name -> address, shown at / beside our own
    """

    async def hello() -> Answer:
        ours = {"live": "/livez", "ready": "/readyz", "metrics": "/metrics"}
        return as_json(200, {"name": "segue", "version": __version__, "links": {**ours, **(links or {})}})

    async def live() -> Answer:
        return as_json(200, {"live": True})

    async def ready() -> Answer:
        results = await run_checks(checks, check_seconds)
        whole = all(result["ok"] for result in results.values())
        return as_json(200 if whole else 503, {"ready": whole, "checks": results})

    async def measured() -> Answer:
        return Answer(200, CONTENT_TYPE, await metrics())

    pages: dict[str, Page] = {"/": hello, "/livez": live, "/readyz": ready, "/metrics": measured}

    # Not a coroutine itself: who answers is awaited directly, for each event that comes in.
    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path = scope["path"] if scope["type"] == "http" else ""
        if page := pages.get(path):
            return show(page, scope, send)
        if control is not None and (path == CONTROL or path.startswith(f"{CONTROL}/")):
            return control(scope, receive, send)
        return sdk(scope, receive, send)

    return app


async def show(page: Page, scope: Scope, send: Send) -> None:
    """Answer with one of the pages above."""
    if scope["method"] in ("GET", "HEAD"):
        await reply(send, await page(), head=scope["method"] == "HEAD")
    else:
        refusal = as_json(405, {"error": f"{scope['path']} answers GET, not {scope['method']}."})
        await reply(send, refusal, extra=((b"allow", b"GET, HEAD"),))


async def run_checks(checks: Mapping[str, Check], seconds: float) -> dict[str, dict[str, Any]]:
    """Run all checks at once: {"log": {"ok": true}, "workspace": {"ok": false, "reason": "…"}}."""
    results = await asyncio.gather(*(_run(name, check, seconds) for name, check in checks.items()))
    return {
        name: {"ok": not reason, **({"reason": reason} if reason else {})}
        for name, reason in zip(checks, results, strict=True)
    }


async def reply(
    send: Send, answer: Answer, *, head: bool = False, extra: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Send an answer; to HEAD without its body.

    extra  headers beside type, length and the ban on caching
    """
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


def as_json(status: int, body: Any) -> Answer:
    """An answer of one JSON object."""
    return Answer(status, JSON, msgspec.json.encode(body) + b"\n")


async def _run(name: str, check: Check, seconds: float) -> str:
    """Why a check fails; "" when it passes."""
    try:
        async with asyncio.timeout(seconds):
            await check()
    except SegueError as error:
        return str(error) or type(error).__name__
    except TimeoutError:
        return f"no answer within {seconds:g} seconds"
    except Exception as error:  # a check that breaks must say "not ready", not take the page down
        log.exception("check_failed", check=name)
        return f"the check broke with {type(error).__name__}; see the log"
    return ""

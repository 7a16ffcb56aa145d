"""A real browser for the tests: Chromium, a page server for Braze's Web SDK, and where screenshots go."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import BrowserContext, async_playwright
from tests.web.door import served

from segue.web.app import Receive, Scope, Send

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
PATIENCE_MS = 60_000
ARTIFACTS = Path(__file__).parents[1] / "artifacts"
SDK = Path(__file__).parents[1] / "node" / "node_modules" / "@braze" / "web-sdk"
PAGE = b"""<!doctype html><title>Shop</title><link rel="icon" href="data:,">
<script type="module">import * as braze from "/sdk/src/index.js"; window.braze = braze</script>"""


async def _shop(scope: Scope, receive: Receive, send: Send) -> None:
    """A page that loads the SDK as the modules its package consists of."""
    path = SDK / scope["path"].removeprefix("/sdk/")
    if scope["path"].startswith("/sdk/") and path.is_file():
        status, kind, body = 200, b"text/javascript", path.read_bytes()
    elif scope["path"] == "/":
        status, kind, body = 200, b"text/html", PAGE
    else:
        status, kind, body = 404, b"text/plain", b"not here"
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def opened_browser() -> AsyncIterator[BrowserContext]:
    """A fresh browser; anything but 127.0.0.1 is unreachable from it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS)
        try:
            context = await browser.new_context(viewport={"width": 1280, "height": 900})
            context.set_default_timeout(PATIENCE_MS)
            yield context
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def opened_shop() -> AsyncIterator[str]:
    """The page server; its origin."""
    async with served(_shop) as origin:
        yield origin

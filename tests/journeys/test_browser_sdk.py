"""@segment/analytics-next, unmodified, in a real browser: the page at one origin, the API at another."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, async_playwright
from tests.web.door import Door, opened_door, served

from segue.web.app import Receive, Scope, Send

UMD = Path(__file__).parents[1] / "node" / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 60_000
HTML = b'<!doctype html><title>Shop</title><script src="/analytics-next/bundles/index.js"></script>'
SETTINGS = {
    "integrations": {
        "Segment.io": {"apiKey": "web", "unbundledIntegrations": [], "addBundledMetadata": True}
    },
    "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
    "edgeFunction": {},
    "middlewareSettings": {},
    "enabledMiddleware": {},
    "metrics": {"sampleRate": 0},
}
LOAD = """
async ([host, deliveryStrategy]) => {
  window.analytics = AnalyticsNext.AnalyticsBrowser.load(
    { writeKey: "web", cdnURL: location.origin },
    { integrations: { "Segment.io": { apiHost: `${host}/v1`, protocol: "http", deliveryStrategy } } })
  await window.analytics
}
"""


async def shop(scope: Scope, receive: Receive, send: Send) -> None:
    """The page's own server: the page, the SDK from its package, and the SDK's settings."""
    name = scope["path"].removeprefix("/analytics-next/bundles/")
    if name != scope["path"]:
        content_type, body = b"text/javascript", (UMD / name).read_bytes()
    elif scope["path"].endswith("/settings"):
        content_type, body = b"application/json", json.dumps(SETTINGS).encode()
    else:
        content_type, body = b"text/html", HTML
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def opened_page(door: Door, strategy: Any = None) -> AsyncIterator[Page]:
    """A browser on the shop's page with the SDK loaded."""
    async with served(shop) as origin, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS)
        try:
            page = await browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(f"{origin}/cart?utm_source=news")
            await page.evaluate(LOAD, [urlsplit(door.url).netloc, strategy])
            yield page
        finally:
            await browser.close()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A running tracking API."""
    async with opened_door(tmp_path) as door:
        yield door


async def test_every_call_of_a_page_arrives_across_origins(door: Door) -> None:
    """Each after a preflight that allows Authorization, with the browser's context and address."""
    calls = """async () => {
      await analytics.page("Shop", "Cart")
      await analytics.track("Seen", { price: 9.5, name: "é😀" })
      await analytics.identify("u1", { email: "jane@example.com" })
      await analytics.track("Cut", { text: "😀".slice(0, 1) })
      await analytics.group("g1", { name: "Initech" })
      await analytics.alias("u2")
      await analytics.screen("Home")
    }"""
    async with opened_page(door) as page:
        await page.evaluate(calls)
        await door.until(lambda: sum(door.receiver.counts().accepted.values()) == 7)
    assert {seen.path for seen in door.watch.seen if seen.method == "OPTIONS"} >= {"/v1/p", "/v1/t", "/v1/i"}
    events = {(event["type"], event.get("event", "")): event for event in await door.events()}
    assert len(events) == 7
    seen = events["track", "Seen"]
    assert seen["properties"] == {"price": 9.5, "name": "é😀"}
    assert (seen["channel"], seen["context"]["ip"], seen["projectId"]) == ("browser", "127.0.0.1", "web")
    assert seen["context"]["campaign"] == {"source": "news"}
    assert seen["context"]["page"]["path"] == "/cart"
    assert seen["context"]["library"]["name"] == "analytics.js"
    assert "userId" not in seen
    assert len(seen["anonymousId"]) == 36
    assert events["track", "Cut"]["properties"] == {"text": "�"}
    assert events["track", "Cut"]["userId"] == "u1"
    assert events["page", ""]["name"] == "Cart"
    assert events["group", ""]["groupId"] == "g1"
    assert door.receiver.counts().rejected == {}


async def test_a_page_comes_back_after_the_log_was_down(door: Door) -> None:
    """503 can be read across origins and is repeated with X-Retry-Count; the event is there once."""
    door.valve.break_disk()
    async with opened_page(door) as page:
        await page.evaluate("() => { analytics.track('Retried') }")
        await door.until(door.valve.failed.is_set)
        door.valve.mend_disk()
        await door.until(lambda: door.receiver.counts().accepted)
    assert [event["event"] for event in await door.events()] == ["Retried"]
    assert [seen.headers.get("x-retry-count") for seen in door.posts][:2] == [None, "1"]


async def test_a_page_waits_as_long_as_it_is_asked_to(tmp_path: Path) -> None:
    """Retry-After of a 429 can be read across origins: the SDK's own first wait would be shorter."""
    async with opened_door(tmp_path, waiting_bytes=1) as door, opened_page(door) as page:
        door.valve.open.clear()
        await page.evaluate("() => { analytics.track('First') }")
        await door.until(door.valve.waiting.is_set)
        await page.evaluate("() => { analytics.track('Second') }")
        await door.until(lambda: door.receiver.counts().refused)
        refused = door.posts[-1].at
        door.valve.open.set()
        await door.until(lambda: door.receiver.counts().accepted == {("web", "track"): 2})
        assert [event["event"] for event in await door.events()] == ["First", "Second"]
        assert door.posts[-1].at - refused > 0.9


async def test_a_page_delivers_in_batches_and_the_last_one_when_it_is_left(door: Door) -> None:
    """Three events are one request; two more wait and go out when the visitor leaves."""
    strategy = {"strategy": "batching", "config": {"size": 3, "timeout": 60_000}}
    async with opened_page(door, strategy) as page:
        await page.evaluate("async () => { for (const n of [1, 2, 3, 4, 5]) await analytics.track('E' + n) }")
        await door.until(lambda: door.receiver.counts().accepted == {("web", "track"): 3})
        await page.goto("about:blank")
        await door.until(lambda: door.receiver.counts().accepted == {("web", "track"): 5})
    assert {seen.path for seen in door.posts} == {"/v1/b"}
    assert sorted(event["event"] for event in await door.events()) == ["E1", "E2", "E3", "E4", "E5"]

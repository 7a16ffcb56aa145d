"""A shop with Braze in device mode: its pages at one origin, Segue and the sandbox at two others, Chromium.

    with opened_shop(folder) as shop:
        with shop.visit("wk_shop") as visit:
            visit.run("analytics.track('Seen')")
            visit.sent("Seen")                 the event as the tracking API took it
            shop.person("ann")                 the profile in the sandbox

Everything is real and unmodified: `segue run` with its settings, scripts and the snippet it prints,
analytics.js and Braze's Web SDK from npm, the sandbox as Braze.
"""

import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, sync_playwright
from tests.journeys.house import Braze, Segue, sandbox

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ROOT / "tests" / "node" / "node_modules"
ESBUILD: Final = ROOT / "plugin" / "node_modules" / ".bin" / "esbuild"
CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
WEB: Final = "Braze Web Mode (Actions)"
CLOUD: Final = "Braze Cloud Mode (Actions)"
NONCE: Final = "bm9uY2U"
PATIENCE_MS: Final = 60_000
T = TypeVar("T")

PEOPLE: Final = 'type = "identify" or type = "group"'
SUBSCRIPTIONS: Final = [
    {"id": "identify", "action": "update-user-profile", "trigger": PEOPLE},
    {"id": "order", "action": "track-purchase", "trigger": 'type = "track" and event = "Order Completed"'},
    {"id": "track", "action": "track-event", "trigger": 'type = "track" and event != "Order Completed"'},
    {
        "id": "page",
        "action": "track-event",
        "trigger": 'type = "page"',
        "mapping": {
            "eventName": {"@template": "Viewed {{name}}"},
            "eventProperties": {"@path": "$.properties"},
        },
    },
]
"""Custom ones; sources that name none have the default ones."""
DEBOUNCE: Final = {"id": "debounce", "action": "debounce", "trigger": PEOPLE}


def workspace(page: str, braze: str) -> dict[str, Any]:
    """A source and a destination for each kind of page.

    page, braze  the origins that serve Braze's SDK and take its calls
    """
    settings = {"api_key": "sandbox-app", "endpoint": braze, "doNotLoadFontAwesome": True}
    settings["sdkUrl"] = f"{page}/braze.js"
    host = braze.removeprefix("http://")
    classic = {"apiKey": "sandbox-app", "customEndpoint": host, "sdkUrl": f"{page}/braze.js"}

    def web(source: str, *subscriptions: dict[str, Any], **over: Any) -> dict[str, Any]:
        made = {"type": "braze", "mode": "device", "source": source, "settings": {**settings, **over}}
        return {**made, "subscriptions": list(subscriptions)} if subscriptions else made

    def old(source: str, **over: Any) -> dict[str, Any]:
        settled = {**classic, **over}
        return {
            "type": "braze",
            "framework": "classic",
            "mode": "device",
            "source": source,
            "settings": settled,
        }

    cloud = {
        "type": "braze",
        "settings": {"endpoint": braze, "api_key": "sandbox"},
        "delivery": {"wait_seconds": 0.05},
    }
    profiles = {"id": "identify", "action": "update-user-profile", "trigger": 'type = "identify"'}
    names = ("shop", "known", "quiet", "both", "cloud", "blocked", "hanging", "classic", "named")
    return {
        "sources": {name: {"platform": "web", "write_key": f"wk_{name}"} for name in names},
        "destinations": {
            "web-shop": web("shop", *SUBSCRIPTIONS),
            "web-known": web("known", deferUntilIdentified=True),
            "web-quiet": web("quiet", *SUBSCRIPTIONS, DEBOUNCE),
            "web-both": web("both"),
            "cloud-both": {**cloud, "source": "both"},
            "cloud-quiet": {**cloud, "source": "cloud", "subscriptions": [profiles, DEBOUNCE]},
            "web-blocked": web("blocked", sdkUrl="http://127.0.0.1:9/braze.js"),
            "web-hanging": web("hanging", *SUBSCRIPTIONS, DEBOUNCE, sdkUrl=f"{page}/hanging.js"),
            "web-classic": old("classic", trackAllPages=True, logPurchaseWhenRevenuePresent=True),
            "web-named": old("named", trackNamedPages=True, onlyTrackKnownUsersOnWeb=True),
        },
    }


def until(ask: Callable[[], T], what: str, *, seconds: float = 60.0) -> T:
    """Ask until the answer is true, and give it."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        time.sleep(0.02)
    return answer


class Pages:
    """The shop's own server: a page for each write key, Braze's SDK, and a script that hangs until let go."""

    def __init__(self, sdk: bytes) -> None:
        self.snippet: Callable[[str, str], str] = lambda key, options: ""
        self.policy = ""
        self.released = threading.Event()
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                kind, body = "text/javascript", sdk
                if path == "/hanging.js":
                    pages.released.wait(60)
                elif path != "/braze.js":
                    kind, body = "text/html; charset=utf-8", pages.page(path).encode()
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                if path.startswith("/strict/"):
                    self.send_header("content-security-policy", pages.policy)
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def page(self, path: str) -> str:
        """A page whose last part is the write key; below /strict/ its scripts carry a nonce."""
        snippet = self.snippet(path.rsplit("/", 1)[-1], "")
        if path.startswith("/strict/"):
            snippet = snippet.replace("<script", f'<script nonce="{NONCE}"')
        return f'<!doctype html><title>Shop</title><link rel="icon" href="data:,">{snippet}'

    def stop(self) -> None:
        """End the server and wait for it."""
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Visit:
    """One visitor's browser on a page: what it ran, what it sent, what it complained of."""

    def __init__(self, page: Page, segue: Segue) -> None:
        self.page = page
        self.context: BrowserContext = page.context
        self.console: list[str] = []
        self._segue = segue.address
        self.posts: list[dict[str, Any]] = []
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.on("response", self._note)
        self._on_the_way: set[Request] = set()
        page.on("request", self._leaves)
        page.on("requestfinished", self._ends)
        page.on("requestfailed", self._ends)
        page.on("framenavigated", lambda _: self._on_the_way.clear())

    def _leaves(self, request: Request) -> None:
        if "/api/v3/" in request.url:
            self._on_the_way.add(request)

    def _ends(self, request: Request) -> None:
        self._on_the_way.discard(request)

    def _note(self, response: Response) -> None:
        request = response.request
        if request.method == "POST" and request.url.startswith(self._segue):
            self.posts.append(json.loads(request.post_data or "{}"))
            if response.status != 200:
                self.console.append(f"error: {request.url} answered {response.status}")

    def run(self, script: str) -> Any:
        """Run a few lines in the page, awaited, with a limit of its own."""
        limit = "new Promise((_, no) => setTimeout(() => no(new Error('too slow: ' + %s)), %s))"
        return self.page.evaluate(
            f"() => Promise.race([(async () => {{ {script} }})(), "
            f"{limit % (json.dumps(script[:60]), PATIENCE_MS)}])"
        )

    def flush(self) -> None:
        """Let Braze's SDK send what it has, at once; it would within ten seconds, and may have begun to."""
        self.run("await new Promise(done => braze.requestImmediateDataFlush(done))")
        until(lambda: self._hear() and not self._on_the_way, "Braze has answered")

    def wait(self, expression: str) -> None:
        """Wait until something is true in the page. Asked from outside: a policy may forbid eval inside."""
        until(lambda: self.page.evaluate(expression), expression)

    def braze(self) -> None:
        """Wait until Braze's SDK is there and at work."""
        self.wait("!!window.braze && braze.isInitialized()")

    def sent(self, name: str, count: int = 1) -> dict[str, Any]:
        """The newest event of this name or type, once there are so many, as the tracking API took it."""

        def found() -> dict[str, Any] | None:
            self._hear()
            names = [post for post in self.posts if name in (post.get("event"), post.get("type"))]
            return names[-1] if len(names) >= count else None

        return until(found, f"{name} is sent")

    def _hear(self) -> bool:
        """Let the notices of finished requests in."""
        return bool(self.page.evaluate("true"))

    def complaints(self) -> list[str]:
        """Errors and warnings on the console."""
        return [line for line in self.console if line.startswith(("error", "warning"))]


class Shop:
    """All of it, for the tests of one module."""

    def __init__(self, segue: Segue, braze: Braze, pages: Pages, browser: Browser) -> None:
        self.segue, self.braze, self.pages, self.browser = segue, braze, pages, browser

    @contextlib.contextmanager
    def visit(self, key: str, *, strict: bool = False, is_ready: bool = True) -> Iterator[Visit]:
        """A new visitor, without history, on the page of a source."""
        context = self.browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        try:
            page = context.new_page()
            visit = Visit(page, self.segue)
            page.goto(f"{self.pages.url}/{'strict/' if strict else ''}{key}", wait_until="commit")
            visit.wait("!!window.analytics && !!window.analytics.initialized")
            if is_ready:
                visit.braze()
            yield visit
        finally:
            context.close()

    def people(self) -> list[dict[str, Any]]:
        """Everybody in the sandbox, anonymous devices too."""
        found: list[dict[str, Any]] = self.braze.control("GET", "/snapshot")["workspaces"][0]["people"]
        return found

    def person(self, external_id: str) -> dict[str, Any]:
        """One profile; waits until it is there."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.people() if one["external_id"] == external_id), None)

        return until(found, f"{external_id} is in the sandbox")

    def nobody(self, event: str) -> list[dict[str, Any]]:
        """Anonymous profiles with an event."""
        return [one for one in self.people() if one["external_id"] is None and event in names(one)]

    def calls(self, path: str) -> int:
        """How many calls of an endpoint the sandbox has seen."""
        totals: Mapping[str, int] = self.braze.control("GET", "/totals")["calls_by_endpoint"]
        return sum(count for name, count in totals.items() if f" {path} " in f"{name} ")


def names(person: Mapping[str, Any]) -> list[str]:
    """The names of a person's custom events, in order."""
    return [event["name"] for event in person["events"]]


@contextlib.contextmanager
def opened_shop(folder: Path) -> Iterator[Shop]:
    """Start everything, and stop it."""
    sdk = folder / "braze.js"
    entry = PACKAGES / "@braze" / "web-sdk" / "src" / "index.js"
    command = [ESBUILD, entry, "--bundle", "--format=iife", "--global-name=braze", f"--outfile={sdk}"]
    subprocess.run([*map(str, command), "--log-level=error"], check=True, timeout=60)
    version = json.loads((PACKAGES / "@segment" / "analytics-next" / "package.json").read_text("utf-8"))[
        "version"
    ]
    shutil.copytree(
        PACKAGES / "@segment" / "analytics-next" / "dist" / "umd", folder / "segue-data" / "sdk" / version
    )
    pages = Pages(sdk.read_bytes())
    try:
        with sandbox(folder) as braze:
            (folder / "segue.yaml").write_text(
                json.dumps(workspace(pages.url, braze.address)), encoding="utf-8"
            )
            with Segue(folder) as segue, sync_playwright() as playwright:
                pages.snippet = _snippets((folder / "segue.out").read_text(encoding="utf-8"))
                pages.policy = _policy(segue.address, braze.address)
                browser = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=FLAGS, timeout=PATIENCE_MS
                )
                try:
                    yield Shop(segue, braze, pages, browser)
                finally:
                    browser.close()
    finally:
        pages.stop()


def _snippets(welcome: str) -> Callable[[str, str], str]:
    """The snippet that `segue run` printed, for any write key; `options` go into load."""
    found = re.search(r"<script.*?</script>", welcome, re.DOTALL)
    assert found is not None, welcome
    snippet = found[0]

    def of(key: str, options: str) -> str:
        return snippet.replace("wk_shop", key)

    return of


def _policy(segue: str, sandbox: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{NONCE}' {segue}; connect-src {segue} {sandbox}; "
        f"style-src 'nonce-{NONCE}'; img-src data:"
    )

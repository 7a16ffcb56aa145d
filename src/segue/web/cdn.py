"""What SDKs download, at the addresses Segment's CDN has.

    app = create_cdn_app(cdn, behind=sdk_app, prefix="/v1")

    GET /v1/projects/{key}/settings               also without /v1
    GET /analytics.js/v1/{key}/analytics.min.js
    GET /analytics-next/bundles/{name}.js
    GET /next-integrations/actions/{folder}/{hash}.js                        folder plain or obfuscated
    GET /next-integrations/integrations/{name}/{version}/{name}.dynamic.js.gz

Pages of any origin may read the answers. A path that is none of these goes to the app behind.

Source  @segment/analytics-next 1.84.3 (`lib/parse-cdn`, `plugins/remote-loader`,
        `plugins/ajs-destination/loader`), recorded 2026-11; Segment docs, "Custom proxy", read 2026-11-26
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Final

from segue.runtime.cdn import Cdn, Served
from segue.runtime.receiver import failure
from segue.web.app import App, Receive, Scope, Send

Head = dict[bytes, bytes]
Find = Callable[[Cdn, re.Match[str], str, str], Served]

_KEY: Final = r"(?P<key>[^/]*)"

ROUTES: Final[tuple[tuple[str, Find], ...]] = (
    (
        rf"(?:/v1|{{prefix}})?/projects/{_KEY}/settings",
        lambda cdn, found, scheme, host: cdn.settings(found["key"], scheme, host),
    ),
    (
        rf"/analytics\.js/v1/{_KEY}(?:/platform)?/analytics(?:\.min)?\.js",
        lambda cdn, found, scheme, host: cdn.script(found["key"]),
    ),
    (
        r"/analytics-next/bundles/(?P<name>[^/]+)",
        lambda cdn, found, scheme, host: cdn.bundle(found["name"]),
    ),
    (
        r"/next-integrations/actions/(?P<folder>[^/]+)/(?P<name>[^/]+)",
        lambda cdn, found, scheme, host: cdn.plugin(plain(found["folder"]), found["name"]),
    ),
    (
        r"/next-integrations/integrations/(?P<name>[^/]+)/[^/]+/(?P<file>[^/]+)\.dynamic\.js(?:\.gz)?",
        lambda cdn, found, scheme, host: cdn.integration(_agreed(plain(found["name"]), plain(found["file"]))),
    ),
)
"""Address -> what is there. Tried in order; `{prefix}` is the tracking API's."""

OURS: Final = ("/analytics.js/", "/analytics-next/", "/next-integrations/")
"""Below these nothing else lives."""

_PERHAPS_OURS: Final = re.compile("/(?:projects|analytics|next-)")
"""Stands in every path above. Events are far more frequent than downloads: they pay for one look."""


def create_cdn_app(cdn: Cdn, *, behind: App, prefix: str = "/v1", trust_forwarded: bool = False) -> App:
    """Put the downloads in front of the tracking API.

    trust_forwarded  take scheme and host from X-Forwarded-Proto and X-Forwarded-Host
    """
    routes = [(re.compile(pattern.replace("{prefix}", re.escape(prefix))), find) for pattern, find in ROUTES]

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not _PERHAPS_OURS.search(scope["path"]):
            return behind(scope, receive, send)
        return download(scope, receive, send)

    async def download(scope: Scope, receive: Receive, send: Send) -> None:
        path = re.sub("/{2,}", "/", scope["path"])
        found = next(((match, find) for route, find in routes if (match := route.fullmatch(path))), None)
        if found is None and not path.startswith(OURS):
            await behind(scope, receive, send)
            return
        head: Head = dict(scope["headers"])
        method = scope["method"]
        if method == "OPTIONS":
            await _send(send, 204, _PREFLIGHT, b"")
        elif method not in ("GET", "HEAD"):
            body = failure("method_not_allowed", f"{path[:200]} is read with GET, not {method[:20]}")
            await _send(send, 405, [_JSON, _NOT_KEPT, (b"allow", b"GET, HEAD, OPTIONS")], body)
        elif found is None:
            body = failure("not_found", f"there is nothing at {path[:200]}")
            await _send(send, 404, [_JSON, _KEPT_SHORTLY], b"" if method == "HEAD" else body)
        else:
            scheme, host = _address(scope, head, trust_forwarded)
            match, find = found
            await _answer(send, head, find(cdn, match, scheme, host), is_head=method == "HEAD")

    return app


def plain(name: str) -> str:
    """A folder as it is called: analytics.js can be told to write it in base64 without padding."""
    try:
        text = base64.b64decode(name + "=" * (-len(name) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return name
    return (
        text
        if _FOLDER.fullmatch(text) and base64.b64encode(text.encode()).decode().rstrip("=") == name
        else name
    )


_FOLDER: Final = re.compile(r"[a-z][a-z0-9-]{1,63}")


def _agreed(folder: str, file: str) -> str:
    """The name both parts of a classic address say; "" when they do not agree."""
    return folder if folder == file else ""


def _address(scope: Scope, head: Head, trust_forwarded: bool) -> tuple[str, str]:
    scheme = scope.get("scheme", "http")
    host = head.get(b"host", b"").decode("latin-1")
    if trust_forwarded:
        scheme = _first(head.get(b"x-forwarded-proto")) or scheme
        host = _first(head.get(b"x-forwarded-host")) or host
    return scheme, host


def _first(value: bytes | None) -> str:
    return value.split(b",", 1)[0].strip().decode("latin-1") if value else ""


async def _answer(send: Send, head: Head, served: Served, *, is_head: bool) -> None:
    headers = [
        (b"content-type", served.content_type.encode()),
        (b"cache-control", served.cache.encode()),
    ]
    if served.packed:
        headers.append((b"vary", b"accept-encoding"))
    if served.etag:
        headers.append((b"etag", served.etag.encode()))
        if _is_known(head.get(b"if-none-match"), served.etag):
            await _send(send, 304, headers[1:], b"")
            return
    body = served.body
    if served.packed and _takes_gzip(head.get(b"accept-encoding", b"")):
        body = served.packed
        headers.append((b"content-encoding", b"gzip"))
    await _send(send, served.status, headers, b"" if is_head else body, size=len(body))


def _is_known(asked: bytes | None, etag: str) -> bool:
    """The page has this very content already; proxies that pack weaken the tag on their way."""
    if asked is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in asked.decode("latin-1").split(",")]
    return "*" in tags or etag in tags


def _takes_gzip(accepted: bytes) -> bool:
    for each in accepted.decode("latin-1").lower().split(","):
        name, _, weight = each.strip().partition(";")
        if name.strip() in ("gzip", "*") and not re.fullmatch(r"\s*q=0(?:\.0*)?\s*", weight):
            return True
    return False


async def _send(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, *, size: int | None = None
) -> None:
    more = [*_OPEN]
    if status not in (204, 304):
        more.append((b"content-length", str(len(body) if size is None else size).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})
    await send({"type": "http.response.body", "body": body})


_JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_NOT_KEPT: Final = (b"cache-control", b"no-store")
_KEPT_SHORTLY: Final = (b"cache-control", b"public, max-age=60")
_OPEN: Final = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
]
_PREFLIGHT: Final = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"*, Content-Type, Cache-Control, If-None-Match, Authorization"),
    (b"access-control-max-age", b"7200"),
]

"""What SDKs fetch before they send: settings, analytics.js and its bundles, scripts of destinations.

    cdn = Cdn(current, sdk_folder, plugin_folder)
    cdn.settings("wk_1", "https", "events.example.com")   Served(200, …)

Everything is made in memory. Answers are the same for everybody, so anything between us and a page may
keep them: settings for a minute, what has a hash in its name for ever.
"""

import gzip
import hashlib
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from segue.engine.sdk_settings import Site, sdk_settings
from segue.io.storage.scripts import Plugins, Shelf, read_plugins, read_shelf
from segue.io.storage.workspace import WRITE_KEY
from segue.model.workspace import Source
from segue.runtime.current import Current
from segue.runtime.receiver import failure

JSON: Final = "application/json; charset=utf-8"
SCRIPT: Final = "application/javascript; charset=utf-8"

SHORTLY: Final = "public, max-age=60, stale-while-revalidate=600, stale-if-error=86400"
"""For settings: a change is everywhere within a minute, and a page outlives an hour of ours being away."""
MINUTES: Final = "public, max-age=300, stale-while-revalidate=3600, stale-if-error=86400"
FOREVER: Final = "public, max-age=31536000, immutable"
ABSENT: Final = "public, max-age=60"
NEVER: Final = "no-store"

PLACE_OF_KEY: Final = b"__WRITE_KEY__"
"""Source  @segment/analytics-next 1.84.3, `standalone.js`: one token, replaced by whoever serves it."""

MOST_KEPT: Final = 256
PACKED_FROM: Final = 512

_KEY: Final = re.compile(WRITE_KEY)
_HOST: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?"
)


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: what it is, how long it may be kept, and the same packed ("" when that saves nothing)."""

    status: int
    content_type: str
    body: bytes
    cache: str
    etag: str = ""
    packed: bytes = b""


class Cdn:
    """Answers SDKs. `sdk` is the folder of installed versions of analytics.js, `plugins` of our scripts."""

    def __init__(self, current: Current, sdk: Path, plugins: Path) -> None:
        self._current = current
        self._folder = sdk
        self._plugins: Plugins = read_plugins(plugins)
        self._shelf = Shelf()
        self._seen: tuple[int, ...] = ()
        self._kept: dict[tuple[str, ...], Served] = {}
        self._look()

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of analytics.js there are, the newest first."""
        self._look()
        return self._shelf.versions

    def settings(self, write_key: str, scheme: str, host: str) -> Served:
        """The settings of a source, as SDKs want them.

        scheme, host  where the SDK reached us; the workspace's `public_url` goes before them
        """
        source = self._source(write_key)
        if isinstance(source, Served):
            return source
        site = self._site(scheme, host)
        if site is None:
            return _refusal(400, "invalid_host", "the Host header names no host", cache=NEVER)
        kept = ("settings", write_key, site.scheme, site.host)
        if kept not in self._kept:
            made = sdk_settings(self._current.plan, source, write_key, site, self._plugins.current)
            self._keep(kept, _served(msgspec.json.encode(made), JSON, SHORTLY))
        return self._kept[kept]

    def script(self, write_key: str) -> Served:
        """analytics.js with the write key in it, in the newest version there is."""
        source = self._source(write_key)
        if isinstance(source, Served):
            return source
        self._look()
        if not self._shelf.versions:
            return _not_installed()
        version = self._shelf.versions[0]
        kept = ("script", write_key, version)
        if kept not in self._kept:
            body = self._shelf.standalone[version].replace(PLACE_OF_KEY, write_key.encode())
            self._keep(kept, _served(body, SCRIPT, MINUTES))
        return self._kept[kept]

    def bundle(self, name: str) -> Served:
        """A part of analytics.js that it loads when it needs it, of any version there is."""
        body = self._shelf.bundles.get(name)
        if body is None:
            self._look()
            body = self._shelf.bundles.get(name)
        if body is None and not self._shelf.versions:
            return _not_installed()
        if body is None:
            versions = ", ".join(self._shelf.versions)
            message = (
                f"no installed version of analytics.js ({versions}) has this bundle; segue sdk fetch adds one"
            )
            return _refusal(404, "no_such_bundle", message)
        return self._file(("bundle", name), body, FOREVER)

    def plugin(self, folder: str, name: str) -> Served:
        """A script of ours by folder and hashed name."""
        body = self._plugins.files.get((folder, name))
        if body is None:
            return _refusal(404, "no_such_script", "there is no script of this folder and hash here")
        return self._file(("plugin", folder, name), body, FOREVER)

    def integration(self, name: str) -> Served:
        """The classic integration of a name; its address holds a version but no hash."""
        file = self._plugins.current.get(name)
        if file is None:
            return _refusal(404, "no_such_integration", "there is no classic integration of this name here")
        return self._file(("integration", name), self._plugins.files[name, file], MINUTES)

    def _file(self, kept: tuple[str, ...], body: bytes, cache: str) -> Served:
        if kept not in self._kept:
            self._keep(kept, _served(body, SCRIPT, cache))
        return self._kept[kept]

    def _keep(self, name: tuple[str, ...], made: Served) -> None:
        if len(self._kept) >= MOST_KEPT:  # a sender may name as many hosts as it likes
            self._kept.clear()
        self._kept[name] = made

    def _source(self, write_key: str) -> Source | Served:
        if not _KEY.fullmatch(write_key):
            message = "a write key is 1 to 128 letters, digits and . _ ~ -"
            return _refusal(400, "malformed_write_key", message)
        source = self._current.plan.source(write_key)
        if source is None:
            return _refusal(404, "unknown_write_key", "no source has this write key")
        if not source.enabled:
            return _refusal(404, "source_disabled", "the source of this write key is switched off")
        return source

    def _site(self, scheme: str, host: str) -> Site | None:
        ingest = self._current.workspace.ingest
        if ingest.public_url:
            parts = urlsplit(ingest.public_url)
            return Site(parts.scheme, parts.netloc, ingest.prefix, parts.path.rstrip("/"))
        if not _HOST.fullmatch(host):
            return None
        return Site("https" if scheme == "https" else "http", host.lower(), ingest.prefix)

    def _look(self) -> None:
        """Read the installed versions again when there are others than before."""
        try:
            seen = tuple(sorted(each.stat().st_mtime_ns for each in (self._folder, *self._folder.iterdir())))
        except OSError:
            seen = ()
        if seen != self._seen:
            self._seen, self._shelf = seen, read_shelf(self._folder)
            self._kept.clear()


def _served(body: bytes, content_type: str, cache: str) -> Served:
    packed = gzip.compress(body, 9, mtime=0) if len(body) >= PACKED_FROM else b""
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    return Served(status=200, content_type=content_type, body=body, cache=cache, etag=etag, packed=packed)


def _refusal(status: int, code: str, message: str, *, cache: str = ABSENT) -> Served:
    return Served(status=status, content_type=JSON, body=failure(code, message), cache=cache)


def _not_installed() -> Served:
    message = (
        "analytics.js is not installed here: run segue sdk fetch. Settings and the tracking API work without."
    )
    return _refusal(503, "sdk_not_installed", message, cache=NEVER)

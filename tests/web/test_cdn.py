"""Downloads through the real door: settings, analytics.js, its bundles, scripts; and what is refused."""

import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.engine.sides import destination, plan, web
from tests.io.packages import package
from tests.web.door import served

from segue.io.storage.scripts import install, integrity_of
from segue.io.storage.workspace import Positions
from segue.model.errors import MisconfiguredError
from segue.model.workspace import Ingest, Source, Workspace
from segue.runtime.cdn import Cdn
from segue.runtime.current import Current
from segue.web.app import Receive, Scope, Send
from segue.web.cdn import create_cdn_app, plain

SCRIPT = b"window.brazeDestination = () => [];\n" * 40
HASH = hashlib.sha256(SCRIPT).hexdigest()[:20]


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands where the tracking API is."""
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def current(*destinations: Any, **ingest: Any) -> Current:
    """A workspace with a web source, one that is off, and these destinations."""
    made = plan(*destinations)
    off = Source(id="off", platform="web", write_keys=("off",), enabled=False)
    whole = Workspace(
        sources=(*made.workspace.sources, off), destinations=destinations, ingest=Ingest(**ingest)
    )
    made.workspace = whole
    made._sources["off"] = off
    return Current(whole, Positions(), made)


class Site:
    """The downloads of one workspace, served."""

    def __init__(self, url: str, http: aiohttp.ClientSession, sdk: Path) -> None:
        self.url, self.http, self.sdk = url, http, sdk

    async def ask(self, path: str, method: str = "GET", **headers: str) -> aiohttp.ClientResponse:
        """A whole answer; the path is sent as it is written."""
        from yarl import URL

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.http.request(method, URL(self.url + path, encoded=True), headers=named)
        await answer.read()
        return answer


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A web source with Braze in device mode and in cloud mode; two versions of analytics.js."""
    plugins, sdk = tmp_path / "plugins", tmp_path / "sdk"
    for name, content in (
        (f"braze/{HASH}.js", SCRIPT),
        ("braze/00000000aaaa.js", b"old"),
        ("appboy/00000000bbbb.js", b"classic"),
    ):
        (plugins / name).parent.mkdir(parents=True, exist_ok=True)
        (plugins / name).write_bytes(content)
    manifest = {"braze": f"{HASH}.js", "appboy": "00000000bbbb.js", "gone": "00000000cccc.js"}
    (plugins / "manifest.json").write_text(json.dumps(manifest))
    install(sdk, package("1.9.0", {"a.bundle.1.js": b"one"}))
    install(sdk, package("1.10.0", {"a.bundle.2.js": b"two"}))
    app = create_cdn_app(Cdn(current(web(), destination("cloud")), sdk, plugins), behind=behind)
    async with served(app) as url, aiohttp.ClientSession(auto_decompress=False) as http:
        yield Site(url, http, sdk)


async def test_settings_have_both_addresses_and_our_own_host(site: Site) -> None:
    """As cdnHost is given with /v1 or without; pages of any origin may read them."""
    for path in ("/v1/projects/wk/settings", "/projects/wk/settings", "//v1/projects/wk//settings"):
        answer = await site.ask(path, origin="https://shop.example", accept_encoding="identity")
        assert answer.status == 200
        told = await answer.json()
        assert told["integrations"]["Segment.io"]["apiHost"] == f"{site.url.removeprefix('http://')}/v1"
        assert told["remotePlugins"][0]["url"] == f"{site.url}/next-integrations/actions/braze/{HASH}.js"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["content-type"].startswith("application/json")
        assert "max-age=60" in answer.headers["cache-control"]
    assert b"rest-secret" not in await answer.read()


async def test_settings_are_asked_for_again_by_their_tag(site: Site) -> None:
    """304 without a body; packed when the asker can unpack; HEAD has the size only."""
    first = await site.ask("/v1/projects/wk/settings", accept_encoding="gzip")
    assert first.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(await first.read()))["integrations"]
    for tag in (first.headers["etag"], f"W/{first.headers['etag']}", f'"x", {first.headers["etag"]}'):
        again = await site.ask("/v1/projects/wk/settings", if_none_match=tag)
        assert (again.status, await again.read()) == (304, b"")
    assert (await site.ask("/v1/projects/wk/settings", if_none_match='"other"')).status == 200
    head = await site.ask("/v1/projects/wk/settings", "HEAD", accept_encoding="identity")
    assert (head.status, await head.read()) == (200, b"")
    assert int(head.headers["content-length"]) > 500


REFUSED = {
    "/v1/projects/gone/settings": (404, "unknown_write_key"),
    "/v1/projects/off/settings": (404, "source_disabled"),
    "/v1/projects//settings": (404, "not_found"),
    "/v1/projects/a%20b/settings": (400, "malformed_write_key"),
    "/v1/projects/..%2f..%2fetc/settings": (404, ""),
    f"/v1/projects/{'k' * 200}/settings": (400, "malformed_write_key"),
    "/v1/projects/%00/settings": (400, "malformed_write_key"),
    "/analytics.js/v1/gone/analytics.min.js": (404, "unknown_write_key"),
    "/analytics.js/v1/wk/other.js": (404, "not_found"),
    "/analytics-next/bundles/nothing.js": (404, "no_such_bundle"),
    "/analytics-next/bundles/..%2f..%2f1.9.0%2fstandalone.js": (404, "not_found"),
    "/analytics-next/bundles/../../../etc/passwd": (404, ""),
    "/analytics-next/bundles/..%5c..%5cpasswd": (404, "no_such_bundle"),
    "/analytics-next/bundles/standalone.js": (404, "no_such_bundle"),
    "/analytics-next/bundles/package.json": (404, "no_such_bundle"),
    "/next-integrations/actions/braze/ffffffffffff.js": (404, "no_such_script"),
    "/next-integrations/actions/braze/manifest.json": (404, "no_such_script"),
    "/next-integrations/actions/..%2fbraze/x.js": (404, "not_found"),
    "/next-integrations/integrations/other/latest/other.dynamic.js.gz": (404, "no_such_integration"),
    "/next-integrations/integrations/appboy/1/other.dynamic.js.gz": (404, "no_such_integration"),
}


@pytest.mark.parametrize(("path", "expected"), REFUSED.items(), ids=[repr(each)[:60] for each in REFUSED])
async def test_what_is_not_there_is_said_clearly(site: Site, path: str, expected: tuple[int, str]) -> None:
    """A status, a code, and an answer a cache may keep; no file but those that are served is ever read."""
    status, code = expected
    answer = await site.ask(path, origin="https://shop.example")
    if not code:  # not ours to answer: the tracking API behind does
        assert answer.status in (404, 418)
        return
    if path.startswith("/v1/projects//"):
        assert answer.status == 418
        return
    assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "max-age=60" in answer.headers["cache-control"]


async def test_the_script_is_the_newest_version_with_the_write_key_in_it(site: Site) -> None:
    """1.10.0 is newer than 1.9.0; the bundles of both stay, for ever."""
    for path in ("/analytics.js/v1/wk/analytics.min.js", "/analytics.js/v1/wk/platform/analytics.js"):
        answer = await site.ask(path)
        assert (answer.status, await answer.read()) == (200, b"1.10.0 wk")
        assert answer.headers["content-type"].startswith("application/javascript")
    for name, content in (("a.bundle.1.js", b"one"), ("a.bundle.2.js", b"two")):
        answer = await site.ask(f"/analytics-next/bundles/{name}")
        assert await answer.read() == content
        assert "immutable" in answer.headers["cache-control"]


async def test_a_version_installed_meanwhile_is_served_at_once(site: Site) -> None:
    """`segue sdk fetch` needs no restart."""
    install(site.sdk, package("2.0.0", {"a.bundle.3.js": b"three"}))
    assert await (await site.ask("/analytics-next/bundles/a.bundle.3.js")).read() == b"three"
    assert await (await site.ask("/analytics.js/v1/wk/analytics.min.js")).read() == b"2.0.0 wk"


async def test_our_script_has_a_plain_and_an_obfuscated_address(site: Site) -> None:
    """And the one of yesterday's settings is still there."""
    for folder in ("braze", "YnJhemU"):
        answer = await site.ask(f"/next-integrations/actions/{folder}/{HASH}.js", accept_encoding="identity")
        assert (answer.status, await answer.read()) == (200, SCRIPT)
        assert "immutable" in answer.headers["cache-control"]
    assert await (await site.ask("/next-integrations/actions/braze/00000000aaaa.js")).read() == b"old"
    classic = base64.b64encode(b"appboy").decode().rstrip("=")
    for name in ("appboy", classic):
        answer = await site.ask(f"/next-integrations/integrations/{name}/1.16.1/{name}.dynamic.js.gz")
        assert (answer.status, await answer.read()) == (200, b"classic")
        assert "immutable" not in answer.headers["cache-control"]


def test_a_folder_is_read_back_from_base64_only_when_it_is_one() -> None:
    """Names that happen to look like base64 stay themselves."""
    assert [plain(name) for name in ("YnJhemU", "braze", "appboy", "L2V0Yw", "Li4", "é")] == [
        *("braze", "braze", "appboy", "L2V0Yw", "Li4", "é")
    ]


async def test_other_methods_and_paths(site: Site) -> None:
    """A preflight is answered, another method refused, the tracking API left alone."""
    preflight = await site.ask("/v1/projects/wk/settings", "OPTIONS", origin="https://shop.example")
    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (204, "*")
    refused = await site.ask("/v1/projects/wk/settings", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (await site.ask("/v1/track", "POST")).status == 418


async def test_the_public_address_goes_before_the_host_of_a_request(tmp_path: Path) -> None:
    """Behind a proxy; without it only a host that is one is believed."""
    (tmp_path / "braze").mkdir()
    (tmp_path / "braze" / "00000000aaaa.js").write_bytes(b"x")
    (tmp_path / "manifest.json").write_text('{"braze": "00000000aaaa.js"}')
    fixed = Cdn(current(web(), public_url="https://events.example.com/in"), tmp_path, tmp_path)
    told = json.loads(fixed.settings("wk", "http", "evil.example").body)
    script = "https://events.example.com/in/next-integrations/actions/braze/00000000aaaa.js"
    assert [each["url"] for each in told["remotePlugins"]] == [script]
    assert told["integrations"]["Segment.io"]["apiHost"] == "events.example.com/in/v1"
    assert told["integrations"]["Segment.io"]["protocol"] == "https"
    open_to_hosts = Cdn(current(), tmp_path, tmp_path)
    assert open_to_hosts.settings("wk", "https", "a.example:8443").status == 200
    for host in ("", "a b", 'x"y', "a/b", "evil.example@x", "-"):
        assert open_to_hosts.settings("wk", "https", host).status == 400
    for n in range(2_000):  # a sender may name as many hosts as it likes
        open_to_hosts.settings("wk", "https", f"h{n}.example")
    assert len(open_to_hosts._kept) <= 256


async def test_without_analytics_js_everything_else_works(tmp_path: Path) -> None:
    """The answer names the command."""
    cdn = Cdn(current(), tmp_path / "none", tmp_path / "none")
    assert cdn.settings("wk", "https", "a.example").status == 200
    for answer in (cdn.script("wk"), cdn.bundle("x.js")):
        assert answer.status == 503
        assert b"segue sdk fetch" in answer.body


def test_a_package_is_unpacked_only_when_it_is_the_one(tmp_path: Path) -> None:
    """Another hash, another package, no package, a bomb, a path that leads away: nothing is written."""
    good = package("1.0.0", {})
    assert install(tmp_path, good, integrity_of(good)) == "1.0.0"
    before = sorted(tmp_path.rglob("*"))
    for wrong, integrity in (
        (good, integrity_of(b"other")),
        (package("1.0.1", {}, name="other"), ""),
        (package("1.0.1", {"../../evil.js": b"x"}, standalone=False), ""),
        (package("../../1", {}), ""),
        (b"no archive", ""),
        (good[:100], ""),
    ):
        with pytest.raises(MisconfiguredError):
            install(tmp_path, wrong, integrity)
    assert sorted(tmp_path.rglob("*")) == before

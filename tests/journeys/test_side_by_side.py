"""Cloud and device destinations on one source: each event of recorded SDKs exactly where it belongs."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import aiohttp
from tests.journeys.house import Metrics

from segue.cli.serve import running
from segue.runtime.settings import read_settings

RECORDED = Path(__file__).parents[1] / "conformance" / "sdk-wire" / "analytics-next.json"
WORKSPACE = """\
sources:
  site: {platform: web, write_key: wk_site}
  app: {platform: react-native-android, write_key: wk_app}
destinations:
  dest-1: {type: braze, mode: device, source: site, settings: {endpoint: sandbox}}
  site-cloud:
    type: braze
    source: site
    settings: {endpoint: sandbox}
    delivery: {wait_seconds: 0}
    subscriptions:
      - {action: track-event, trigger: type = "track"}
      - {action: track-event, trigger: type = "page", name: Pages, mapping: {external_id: {"@path": $.userId},
         name: Loaded a Page, time: {"@path": $.timestamp}}}
  phone: {type: braze, mode: device, source: app, settings: {customEndpoint: sandbox}}
  app-cloud: {type: braze, source: app, settings: {endpoint: sandbox}, delivery: {wait_seconds: 0}}
"""


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """(path, body) of what analytics.js 1.84.3 sent from a page with Braze beside it."""
    scenarios = json.loads(RECORDED.read_text(encoding="utf-8"))["scenarios"]
    (page,) = [each for each in scenarios if each["name"] == "prod"]
    found = []
    for request in page["requests"]:
        body = request["bodyJson"]
        if request["method"] == "POST" and request["path"].startswith("/v1/") and body:
            body["_metadata"]["bundledIds"] = ["dest-1"]  # ours has a dash; ids are what was served
            found.append((request["path"], body))
    return found


async def test_each_event_goes_exactly_where_it_belongs(tmp_path: Path) -> None:
    """Through the real tracking API into the sandbox: the browser's and the app's events are not sent again,
    those they left out are, those that are switched off are nowhere, a server's are."""
    (tmp_path / "segue.yaml").write_text(WORKSPACE, encoding="utf-8")
    environment = {"SEGUE_CONFIG": "segue.yaml", "SEGUE_DATA": str(tmp_path / "data")}
    settings = read_settings(tmp_path, environment, port=0, sandbox_port=0)
    async with running(settings, tmp_path) as segue, aiohttp.ClientSession(segue.addresses.door) as http:

        async def post(path: str, key: str, body: Any) -> None:
            basic = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
            headers = {"authorization": basic, "content-type": "text/plain"}
            async with http.post(path, data=json.dumps(body), headers=headers) as answer:
                assert answer.status == 200

        sent = recorded()
        for path, body in sent:
            await post(path, "wk_site", body)
        server = {"type": "track", "userId": "u-server", "event": "Renewed", "messageId": "srv-1"}
        await post("/v1/batch", "wk_site", {"batch": [server]})
        phone = {"bundled": ["Appboy"], "unbundled": ["Braze Cloud Mode (Actions)"], "bundledIds": []}
        app = [
            {"type": "track", "event": "Tapped", "userId": "u-app", "messageId": "app-1", "_metadata": phone},
            {"type": "track", "event": "Bare", "userId": "u-app", "messageId": "app-2",
             "_metadata": {**phone, "bundled": []}},
            {"type": "track", "event": "Old", "userId": "u-app", "messageId": "app-3",
             "integrations": {"Appboy": False}},
        ]  # fmt: skip
        await post("/v1/b", "wk_app", {"batch": app})

        site, mobile = segue.house.couriers["site-cloud"], segue.house.couriers["app-cloud"]
        async with asyncio.timeout(60):
            for ledger in (site.ledger, mobile.ledger):
                while ledger.read < len(sent) + 4 or ledger.waiting:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert set(segue.house.couriers) == {"site-cloud", "app-cloud"}
        reasons = {key: count for key, count in site.ledger.totals().items() if key[0] == "filtered"}
        assert reasons["filtered", "MESSAGE_SENT_CLIENT_SIDE"] >= 3
        blocked = {"failedInitializations": ["Braze Web Mode (Actions)"], "bundled": [], "bundledIds": []}
        await post("/v1/t", "wk_site", {"type": "track", "event": "X", "userId": "u", "_metadata": blocked})
        async with http.get("/metrics") as answer:
            metrics = Metrics((await answer.read()).decode())
        assert metrics.total("segue_device_failures_total", source="site") == 1
        async with aiohttp.ClientSession(segue.addresses.sandbox) as braze:
            people = {}
            async with braze.get("/_sandbox/snapshot") as answer:
                for person in (await answer.json())["workspaces"][0]["people"]:
                    people[person["external_id"]] = person

    def names(user: str) -> list[str]:
        return sorted(each["name"] for each in people.get(user, {}).get("events", ()))

    visitor = next(body["userId"] for _, body in sent if body.get("event") == "Skipped")
    assert names("u-server") == ["Renewed"]
    assert names("u-app") == ["Bare"]
    by_browser = {"Item Viewed", "Order Completed", "All false"}
    assert by_browser.isdisjoint(names(visitor))
    assert "Skipped" in names(visitor)

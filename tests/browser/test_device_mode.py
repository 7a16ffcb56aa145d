"""Braze in device mode in a real browser: what arrives at Braze, and what at the tracking API.

analytics.js as `segue run` serves it, loaded by the snippet it prints; our settings, our plugin; Braze's Web
SDK from npm; the sandbox as Braze. Classic is our integration behind analytics.js's loader for such.
"""

from typing import Any

from tests.browser.shop import CLOUD, NONCE, WEB, Shop, names, until

ORDER = """
  await analytics.track("Order Completed", {
    order_id: "o1", revenue: 30.5, currency: "EUR",
    products: [
      { product_id: "p1", price: 10.25, quantity: 2 },
      { product_id: 7, price: "10", currency: "GBP" },
      { price: 1 },
    ] })
"""

SUBSCRIBED = """
  await analytics.track("Subscribed", {
    revenue: 20, currency: "EUR", plan: "gold", $odd: 1,
    products: [{ product_id: "p1", price: 10, quantity: 2, color: "red" }] })
"""


HEAR = """
  window.heard = []
  addEventListener("segue:braze", ({ detail }) => heard.push(detail.isInitialized()))
"""


def test_a_visitor_becomes_known_and_buys(shop: Shop) -> None:
    """Page, track, identify and order, in the page's order, on one profile; every call also reaches us, and
    says that the device handled it."""
    with shop.visit("wk_shop") as visit:
        visit.run(
            "await analytics.page('Cart', { step: 1 }); await analytics.track('Looked', { price: 9.5 })"
        )
        visit.run(
            "await analytics.identify('ann', { email: 'ann@example.com', firstName: 'Ann', gender: 'female',"
            " plan: 'gold', tags: ['a', 'b'], address: { city: 'Ulm' } })"
        )
        visit.run(ORDER)
        visit.run("await analytics.group('g1', { name: 'Initech', plan: 'enterprise' })")
        visit.flush()
        ann = shop.person("ann")
        assert [name for name in names(ann) if name != "Viewed "] == ["Viewed Cart", "Looked"]
        assert [one["properties"]["price"] for one in ann["events"] if one["name"] == "Looked"] == [9.5]
        bought = [
            (one["product_id"], one["price"], one["currency"], one.get("quantity", 1))
            for one in ann["purchases"]
        ]
        assert bought == [("p1", 10.25, "EUR", 2), ("7", 10.0, "GBP", 1)]
        assert ann["purchases"][0]["properties"] == {"order_id": "o1", "revenue": 30.5}
        assert ann["fields"]["email"] == "ann@example.com"
        assert ann["fields"]["gender"] in ("F", "f")
        assert ann["custom"]["plan"] == "gold"
        assert "name" not in ann["custom"]
        assert sorted(ann["custom"]["tags"]) == ["a", "b"]
        for name in ("Cart", "Looked", "identify", "Order Completed", "group"):
            post = visit.sent("page" if name == "Cart" else name)
            assert post["_metadata"]["bundled"] == [WEB, "Segment.io"]
            assert post["_metadata"]["bundledIds"] == ["web-shop"]
            assert "failedInitializations" not in post["_metadata"]
        assert visit.sent("Order Completed")["properties"]["currency"] == "EUR"
        assert visit.sent("Looked")["userId"] is None
        assert [line for line in visit.complaints() if "product 3" not in line] == []


def test_a_logout_leaves_nobody_on_the_last_visitors_profile(shop: Shop) -> None:
    """What the leaver did last is theirs; the next visitor is anonymous on another device; a new log-in is a
    person of its own."""
    with shop.visit("wk_shop") as visit:
        visit.run("await analytics.identify('leaver', { plan: 'gold' })")
        first = visit.run("return braze.getDeviceId()")
        visit.run(
            "analytics.track('Last Of Leaver'); analytics.reset(); await analytics.track('After Logout')"
        )
        visit.wait("!braze.getUser().getUserId() && !localStorage['segue.braze.sandbox-app']")
        assert visit.run("return braze.getDeviceId()") != first
        visit.run("await analytics.track('Next Visitor')")
        visit.flush()
        leaver = shop.person("leaver")
        assert "Last Of Leaver" in names(leaver)
        assert not {"After Logout", "Next Visitor"} & set(names(leaver))
        [nobody] = shop.nobody("Next Visitor")
        assert "After Logout" in names(nobody)
        visit.run("await analytics.identify('joiner', {}); await analytics.track('Of Joiner')")
        visit.flush()
        joiner = shop.person("joiner")
        assert "Of Joiner" in names(joiner)
        assert joiner["custom"].get("plan") is None
        assert visit.sent("Next Visitor")["userId"] is None


def test_a_logout_just_before_the_page_goes_is_made_up_for(shop: Shop) -> None:
    """The next page knows that Braze is still on somebody who left, and opens no session for them."""
    with shop.visit("wk_shop") as visit:
        visit.run("await analytics.identify('hurried', {})")
        visit.flush()
        before = _sessions(shop.person("hurried"))
        with visit.page.expect_navigation(wait_until="commit"):
            visit.page.evaluate("analytics.reset(); location.reload()")
        visit.wait("!!window.braze && braze.isInitialized() && !braze.getUser().getUserId()")
        visit.run("await analytics.track('Fresh')")
        visit.flush()
        assert len(shop.nobody("Fresh")) == 1
        assert _sessions(shop.person("hurried")) == before


def test_a_repeat_is_kept_from_braze_and_still_reaches_us(shop: Shop) -> None:
    """Debounce: one attribute update for two equal identifies, one more when something changed."""
    with shop.visit("wk_quiet") as visit:
        sent: list[dict[str, Any]] = []
        visit.page.on(
            "request", lambda one: sent.append(one.post_data_json) if one.url.endswith("/data/") else None
        )
        for plan in ("gold", "gold", "free"):
            visit.run(f"await analytics.identify('quiet', {{ plan: '{plan}', tags: ['{plan}'] }})")
            visit.flush()
        plans = [
            one["custom"]["plan"] for body in sent for one in body.get("attributes", []) if "custom" in one
        ]
        assert plans == ["gold", "free"]
        assert shop.person("quiet")["custom"] == {"plan": "free", "tags": ["free"]}
        visit.sent("identify", 3)
        flags = [post["integrations"].get(WEB) for post in visit.posts if post["type"] == "identify"]
        assert flags == [None, False, None]


def test_a_repeat_is_kept_from_the_cloud_too(shop: Shop) -> None:
    """The debounce of cloud mode runs in the page, without any SDK of Braze's; the server heeds its flags."""
    with shop.visit("wk_cloud", is_ready=False) as visit:
        before = shop.calls("/users/track")
        for number, plan in enumerate(("gold", "gold", "free"), 1):
            visit.run(f"await analytics.identify('thrifty', {{ plan: '{plan}' }})")
            visit.sent("identify", number)
            # What is read together would travel in one request.
            until(lambda plan=plan: shop.person("thrifty")["custom"] == {"plan": plan}, "it is delivered")  # type: ignore[misc]
        assert visit.run("return typeof window.braze") == "undefined"
        flags = [post["integrations"].get(CLOUD) for post in visit.posts if post["type"] == "identify"]
        assert flags == [None, False, None]
        assert visit.posts[-1]["_metadata"]["bundled"] == ["Segment.io"]
    until(lambda: shop.segue.settled(1), "nothing waits")
    assert shop.calls("/users/track") == before + 2


def test_unknown_visitors_do_not_reach_braze_when_only_known_ones_are_wanted(shop: Shop) -> None:
    """Nothing is sent to Braze before the log-in, one session after it; we get everything."""
    with shop.visit("wk_known", is_ready=False) as visit:
        visit.wait("window.braze !== undefined")
        visit.page.evaluate(HEAR)
        calls: list[str] = []
        visit.page.on("request", lambda one: calls.append(one.url) if "/api/v3" in one.url else None)
        visit.run("await analytics.track('Unseen')")
        assert not visit.run("return braze.isInitialized()")
        assert calls == []
        visit.run("await analytics.identify('known', { plan: 'gold' }); await analytics.track('Seen')")
        visit.flush()
        known = shop.person("known")
        assert names(known) == ["Seen"]
        assert visit.run("return heard") == [True]
        assert _sessions(known) == 1
        assert visit.sent("Unseen")["_metadata"]["bundled"] == [WEB, "Segment.io"]
        visit.page.reload()
        visit.braze()
        assert visit.run("return braze.getUser().getUserId()") == "known"


def test_a_content_security_policy_with_a_nonce_is_kept(shop: Shop) -> None:
    """The page's nonce is enough: for the snippet, and for Braze's script, whose address no rule names."""
    with shop.visit("wk_shop", strict=True) as visit:
        marked = visit.run("return [...document.scripts].find(one => one.src.endsWith('/braze.js')).nonce")
        visit.run("await analytics.identify('strict', {}); await analytics.track('Under Policy')")
        visit.flush()
        assert "Under Policy" in names(shop.person("strict"))
        assert visit.sent("Under Policy")
        assert visit.complaints() == []
    assert marked == NONCE


def test_a_blocked_sdk_is_reported_and_nothing_of_ours_is_lost(shop: Shop) -> None:
    """As with an ad blocker: every event reaches us and says that Braze failed."""
    with shop.visit("wk_blocked", is_ready=False) as visit:
        visit.wait("analytics.queue.failedInitializations.length > 0")
        visit.run("await analytics.identify('blocked', {}); await analytics.track('Anyway')")
        post = visit.sent("Anyway")
        assert set(post["_metadata"]["failedInitializations"]) == {WEB}
        assert visit.complaints() != []
        assert visit.sent("identify")["userId"] == "blocked"


def test_a_hanging_sdk_delays_nothing_and_gets_its_events_later(shop: Shop) -> None:
    """Braze's CDN does not answer: analytics starts at once, debounce too, promises are kept; when the script
    comes after all, Braze gets what waited, in order."""
    with shop.visit("wk_hanging", is_ready=False) as visit:
        visit.run("await analytics.identify('patient', { plan: 'gold' }); await analytics.track('Waited')")
        visit.sent("Waited")
        assert not shop.pages.released.is_set()
        shop.pages.released.set()
        visit.braze()
        visit.flush()
        patient = shop.person("patient")
        assert names(patient)[-1] == "Waited"
        assert patient["custom"] == {"plan": "gold"}
        assert "failedInitializations" not in visit.sent("Waited")["_metadata"]


def test_what_happens_offline_arrives_when_the_network_is_back(shop: Shop) -> None:
    """At both: each SDK keeps its own queue."""
    with shop.visit("wk_shop") as visit:
        visit.run("await analytics.identify('rover', {})")
        visit.flush()
        visit.context.set_offline(True)
        visit.page.evaluate("void analytics.track('In The Tunnel')")
        visit.page.wait_for_timeout(100)
        assert "In The Tunnel" not in names(shop.person("rover"))
        visit.context.set_offline(False)
        assert visit.sent("In The Tunnel")["userId"] == "rover"
        visit.flush()
        assert names(shop.person("rover"))[-1] == "In The Tunnel"


def test_braze_in_both_modes_gets_each_event_once(shop: Shop) -> None:
    """On one source: the browser's events through the browser, a server's through the cloud."""
    at_first = shop.calls("/users/track")
    with shop.visit("wk_both") as visit:
        visit.run(
            "await analytics.identify('twice', { plan: 'gold' }); await analytics.track('From The Page')"
        )
        visit.flush()
        assert CLOUD in visit.sent("From The Page")["_metadata"]["unbundled"]
    status, _ = shop.segue.send(
        [{"type": "track", "userId": "twice", "event": "From The Server", "messageId": "both-1"}],
        key="wk_both",
    )
    assert status == 200

    until(lambda: "From The Server" in names(shop.person("twice")), "the server's event is delivered")
    assert sorted(name for name in names(shop.person("twice")) if name.startswith("From")) == [
        "From The Page",
        "From The Server",
    ]
    assert shop.calls("/users/track") == at_first + 1
    assert shop.segue.metrics().total("segue_conservation_residual") == 0


def test_all_pages_are_tracked_and_revenue_makes_purchases(shop: Shop) -> None:
    """Named and unnamed pages; identify through the facade; purchases where there is revenue; groups as an
    attribute; nested values left out; every event reaches us."""
    with shop.visit("wk_classic") as visit:
        visit.run("await analytics.page('Docs', 'Cart'); await analytics.page()")
        visit.run(
            "await analytics.identify('old', { email: 'old@example.com', name: 'Old Fox', gender: 'w',"
            " birthday: '1990-05-06', plan: 'gold', nested: { a: 1 }, address: { city: 'Ulm' } })"
        )
        visit.run("await analytics.group('g1', { name: 'Initech' })")
        visit.run("await analytics.track('Looked', { price: 9.5, list: [1], deep: { a: 1 } })")
        visit.run(SUBSCRIBED)
        visit.run("await analytics.track('Donated', { revenue: 5 })")
        visit.flush()
        old = shop.person("old")
        assert names(old) == ["Loaded a Page", "Viewed Docs Cart Page", "Loaded a Page", "Looked"]
        assert old["events"][-1]["properties"] == {"price": 9.5}
        assert old["fields"]["email"] == "old@example.com"
        assert old["fields"]["dob"] == "1990-05-06"
        assert old["fields"]["home_city"] == "Ulm"
        assert old["custom"]["plan"] == "gold"
        assert old["custom"]["ab_segment_group_g1"] is True
        assert "nested" not in old["custom"]
        bought = [
            (one["product_id"], one["price"], one["currency"], one.get("quantity", 1))
            for one in old["purchases"]
        ]
        assert bought == [("p1", 10.0, "EUR", 2)]
        assert old["purchases"][0]["properties"] == {"revenue": 20, "plan": "gold", "color": "red"}
        for name in ("identify", "group", "Looked", "Subscribed", "Donated"):
            assert "Appboy" in visit.sent(name)["_metadata"]["bundled"]


def test_only_named_pages_of_known_visitors(shop: Shop) -> None:
    """Nothing before the log-in; then pages with a name alone, and revenue is a property like any other."""
    with shop.visit("wk_named", is_ready=False) as visit:
        visit.wait("window.braze !== undefined")
        visit.run("await analytics.page('Before'); await analytics.track('Before Too')")
        assert not visit.run("return braze.isInitialized()")
        visit.run(
            "await analytics.identify('named', {}); await analytics.page('Cart'); await analytics.page()"
        )
        visit.run("await analytics.track('Donated', { revenue: 5 })")
        visit.flush()
        named = shop.person("named")
        assert names(named) == ["Viewed Cart Page", "Donated"]
        assert named["purchases"] == []
        assert visit.sent("Before Too")["userId"] is None


def _sessions(person: dict[str, Any]) -> int:
    return sum(app["sessions"] for app in person["apps"].values())

"""The dashboard's pages without a browser: each is there, says what it should, and escapes everything."""

import pytest
from tests.sandbox.client import client
from tests.sandbox.rules import OURS, rule
from tests.sandbox.shop import lively

from segue.sandbox.dashboard import figures
from segue.sandbox.dashboard.charts import bars
from segue.sandbox.dashboard.site import PAGES
from segue.sandbox.person import DAY_MS

UI = "/_sandbox/ui"
HOME = "Home dashboard"


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.is_listed])
async def test_a_page_of_an_empty_world_is_there(name):
    """Nothing to show is no fault."""
    answer = await client().get(f"{UI}/{name}")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert PAGES[name].title in answer.body.decode()


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.is_listed])
async def test_a_page_escapes_what_people_sent(name):
    """Names and values of a caller never become elements of the page."""
    _, sandbox = await lively()
    page = (await sandbox.get(f"{UI}/{name}?query=user-2&path=%22%3Cb%3E")).body.decode()
    assert "<b>" not in page
    assert "</script><b>" not in page


@pytest.mark.parametrize("tab", ["overview", "engagement", "messages", "flags", "transactions", "raw"])
async def test_a_profile_has_all_its_tabs(tab):
    """By any identifier."""
    _, sandbox = await lively()
    answer = await sandbox.get(f"{UI}/person?id=user-2&tab={tab}")
    said = {
        "overview": "order_placed",
        "engagement": "Email state",
        "messages": "messages.email.Send",
        "flags": "no feature flags",
        "transactions": "$42.50",
        "raw": "braze_id",
    }
    assert said[tab] in answer.body.decode()
    assert "<b>" not in answer.body.decode()


async def test_an_unknown_page_or_person_is_said_in_words():
    """404, with a way home."""
    sandbox = client()
    for path in ("nowhere", "person?id=nobody", "..%2f..%2fapp.py"):
        answer = await sandbox.get(f"{UI}/{path}")
        assert answer.status == 404
        assert "Back to the home page" in answer.body.decode()


async def test_a_browser_is_shown_the_dashboard_and_a_program_the_index():
    """At one address, by what is accepted."""
    sandbox = client()
    shown = await sandbox.get("/_sandbox/", headers={"accept": "text/html,*/*"})
    assert (shown.status, shown.headers["location"]) == (303, "/_sandbox/ui/")
    assert "operations" in (await sandbox.get("/_sandbox/")).json


@rule("REST traffic never moves sessions, MAU, DAU or stickiness, and the page says so", "D", HOME)
async def test_cloud_mode_moves_no_session():
    """A thousand events are no session."""
    sandbox = client()
    for number in range(3):
        await sandbox.track(events=[{"external_id": f"u{number}", "name": "Hi", "time": "2025-12-31"}])
    page = (await sandbox.get(f"{UI}/")).body.decode()
    assert "Cloud mode never moves sessions, MAU, DAU" in page
    assert "No device SDK has spoken" in page
    workspace = sandbox.app.world.workspaces["sandbox"]
    today = sandbox.time.ms // DAY_MS
    shown = figures.tiles(workspace, await figures.activity(workspace, today - 60, today), 30, today)
    still = {tile.title: tile.text for tile in shown if not tile.cloud}
    assert set(still.values()) == {"0", "0.0", "0.0%", "0.00"}


@rule(
    "MAU is people with a session in 30 days; stickiness DAU / MAU; sessions per MAU daily sessions / MAU",
    "D",
    HOME,
)
async def test_the_home_figures_follow_their_formulas():
    """Two people: one with a session a day for ten days, one with three sessions on one day 40 days ago."""
    sandbox = client()
    today = sandbox.time.ms // DAY_MS

    async def session(user, day, name):
        body = {
            "api_key": "sandbox-app",
            "device_id": user,
            "events": [{"name": "ss", "user_id": user, "session_id": name, "time": day * 86_400 + 1}],
        }
        await sandbox.post("/api/v3/data/", body)

    for day in range(today - 10, today):
        await session("ann", day, f"a{day}")
    for number in range(3):
        await session("bob", today - 40, f"b{number}")
    workspace = sandbox.app.world.workspaces["sandbox"]
    found = await figures.activity(workspace, today - 60, today)
    assert (found.monthly[today], found.monthly[today - 30], found.monthly[today - 11]) == (1, 1, 1)
    assert found.monthly[today - 10] == 1  # bob's last day was 30 days before
    assert (found.daily[today - 40], found.sessions[today - 40], found.new[today - 40]) == (1, 3, 1)
    shown = {tile.title: tile for tile in figures.tiles(workspace, found, 30, today)}
    assert shown["MAU"].text == "1"
    assert shown["MAU"].change == 0
    assert shown["DAU"].text == "0.3"
    assert shown["Lifetime sessions"].text == "13"
    assert shown["New users"].text == "1"
    assert shown["Daily sessions"].change == pytest.approx(10 / 3 - 1)


async def test_a_chart_says_every_value():
    """For pointers and for readers, whatever is in a label."""
    drawn = bars([("<x>", 1234.5), ("b", 0), ("c", -3)], 'Of "all"', unit="$")
    assert "&lt;x&gt;: $1,234.50" in drawn
    assert "<x>" not in drawn
    assert 'aria-label="Of &quot;all&quot;"' in drawn
    assert "1.6k" in drawn


@pytest.mark.parametrize(
    ("highest", "unit", "middle"),
    [(0, "", "1"), (1, "", "1"), (5, "", "3"), (11, "", "6"), (250, "", "150"), (1, "$", "0.5")],
)
def test_the_middle_of_an_axis_of_counts_is_whole(highest, unit, middle):
    """Nobody counts half a session; money may be halved."""
    assert f">{unit}{middle}</text>" in bars([("a", highest)], "Sessions", unit=unit)


@rule("the dashboard needs no network: everything is served by the sandbox itself", "S", OURS)
async def test_pages_refer_to_nothing_outside():
    """No address of another host in page, style or script."""
    _, sandbox = await lively()
    for name in ("", "segments", "style.css", "builder.js", "actions.js"):
        answer = await sandbox.get(f"{UI}/{name}")
        assert answer.status == 200
        assert b"//" not in answer.body.replace(b"// ", b"").replace(b"http://www.w3.org", b"")

"""The dashboard in a real browser: every page without a fault, the builder counting, pictures kept."""

from playwright.async_api import expect
from tests.sandbox.browser import ARTIFACTS, PATIENCE_MS, opened_browser
from tests.sandbox.shop import lively

from segue.sandbox.app import running

PAGES = {
    "home": "",
    "events": "events?event=Signed%20Up",
    "revenue": "revenue",
    "segments": "segments",
    "people": "people?query=user-1",
    "person": "person?id=user-2",
    "engagement": "person?id=user-2&tab=engagement",
    "log": "log",
    "messages": "messages",
    "points": "points",
    "deletions": "deletions",
}
WIDE = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


async def test_every_page_works_in_a_browser_and_the_builder_counts():
    """No error on the console, nothing wider than the window, large or narrow; a built segment is kept."""
    app, _ = await lively()
    ARTIFACTS.mkdir(exist_ok=True)
    async with running(app) as url, opened_browser() as browser:
        page = await browser.new_page()
        faults: list[str] = []
        page.on(
            "console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on(
            "requestfailed",
            # the builder gives up a count that is not needed any more; a page that is left gives up all
            lambda asked: faults.append(asked.url) if asked.failure != "net::ERR_ABORTED" else None,
        )
        for name, path in PAGES.items():
            await page.goto(f"{url}/_sandbox/ui/{path}")
            assert await page.locator("h1").count() == 1
            assert await page.evaluate(WIDE), name
            await page.screenshot(path=ARTIFACTS / f"sandbox-{name}.png", full_page=True)
        await page.goto(f"{url}/_sandbox/")
        assert page.url.endswith("/_sandbox/ui/")

        await page.get_by_role("link", name="Segments").click()
        await page.get_by_label("Filter", exact=True).select_option("text_attribute")
        await page.get_by_label("Name", exact=True).first.fill("plan")
        await page.get_by_label("Value", exact=True).fill("gold")
        await expect(page.locator("[data-count]")).to_have_text("20", timeout=PATIENCE_MS)
        await page.get_by_role("button", name="Add a filter").click()
        second = page.locator("[data-row]").nth(1)
        await second.get_by_label("Filter", exact=True).select_option("sessions")
        await second.get_by_label("Value", exact=True).fill("0")
        await expect(page.locator("[data-count]")).to_have_text("10", timeout=PATIENCE_MS)
        await page.screenshot(path=ARTIFACTS / "sandbox-builder.png", full_page=True)
        await page.get_by_placeholder("Gold members").fill("Gold with sessions")
        await page.get_by_role("button", name="Save as segment").click()
        await page.get_by_role("cell", name="Gold with sessions").wait_for()

        await page.get_by_role("link", name="API usage log").click()
        await page.locator("details", has_text="Atlantis").locator("summary").click()
        assert await page.get_by_text("no ISO 3166 country found").is_visible()
        await page.screenshot(path=ARTIFACTS / "sandbox-call.png")

        assert faults == []
        await page.set_viewport_size({"width": 390, "height": 800})
        for name, path in PAGES.items():
            await page.goto(f"{url}/_sandbox/ui/{path}")
            assert await page.evaluate(WIDE), f"{name} on a narrow screen"
            await page.screenshot(path=ARTIFACTS / f"sandbox-{name}-narrow.png", full_page=True)
    kept = app.world.workspaces["sandbox"].furnishing.segments
    assert [one.name for one in kept] == ["Gold members", "Gold with sessions"]

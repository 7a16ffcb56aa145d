"""@braze/web-sdk, unmodified, in a real browser against the sandbox's SDK endpoint on another origin."""

from tests.sandbox.browser import opened_browser, opened_shop
from tests.sandbox.rules import CLIENTS, rule

from segue.sandbox.app import create_app, running

VISIT = """async (endpoint) => {
  const b = window.braze
  window.failures = []
  b.setLogger(text => { if (/error|fail|unexpected/i.test(text)) window.failures.push(text) })
  const ok = b.initialize("sandbox-app", {
    baseUrl: endpoint, enableLogging: true, doNotLoadFontAwesome: true })
  b.openSession()
  b.logCustomEvent("Seen", { sku: "S1", price: 9.5 })
  await new Promise(done => b.requestImmediateDataFlush(done))
  b.changeUser("ann")
  const user = b.getUser()
  user.setEmail("ann@example.com")
  user.setFirstName("Ann")
  user.setDateOfBirth(1990, 5, 6)
  user.setCustomUserAttribute("plan", "gold")
  user.setCustomUserAttribute("tags", ["a"])
  user.addToCustomAttributeArray("tags", "b")
  user.incrementCustomUserAttribute("visits", 3)
  user.addAlias("annie", "nick")
  b.logPurchase("p1", 10.25, "EUR", 2, { color: "red" })
  b.logCustomEvent("Bought")
  await new Promise(done => b.requestImmediateDataFlush(done))
  b.changeUser("bob")
  b.logCustomEvent("Hello")
  await new Promise(done => b.requestImmediateDataFlush(done))
  return ok
}"""


@rule("the real Web SDK starts, sends everything and keeps quiet", "O", CLIENTS)
async def test_the_real_web_sdk_works_against_the_sandbox():
    """A visitor, who turns out to be Ann, then Bob on the same device; no error on the console."""
    app = create_app()
    async with opened_shop() as shop, running(app) as url, opened_browser() as browser:
        page = await browser.new_page()
        console: list[str] = []
        page.on("console", lambda message: console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: console.append(f"error: {error}"))
        await page.goto(shop)
        await page.wait_for_function("window.braze !== undefined")
        assert await page.evaluate(VISIT, f"{url}/api/v3")
        failures = await page.evaluate("window.failures")
    assert failures == []
    assert [line for line in console if line.startswith(("error", "warning"))] == []
    people = app.world.workspaces["sandbox"].people
    ann, bob = people.by_external_id("ann"), people.by_external_id("bob")
    assert ann is not None
    assert bob is not None
    assert len(people) == 2
    assert [event.name for event in ann.events] == ["Seen", "Bought"]
    assert [event.name for event in bob.events] == ["Hello"]
    assert ann.custom == {"plan": "gold", "tags": ["a", "b"], "visits": 3}
    assert ann.fields["email"] == "ann@example.com"
    assert ann.fields["dob"] == "1990-05-06"
    assert ann.aliases == {"nick": "annie"}
    assert [(one.product_id, one.price, one.currency, one.quantity) for one in ann.purchases] == [
        ("p1", 10.25, "EUR", 2)
    ]
    assert ann.apps["sandbox-app"].sessions == 2
    assert bob.apps["sandbox-app"].sessions == 1
    entries = app.world.journal.entries
    assert [entry.warnings for entry in entries if entry.warnings] == []
    assert {entry.status for entry in entries} == {200, 204}

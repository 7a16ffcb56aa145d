"""@braze/web-sdk, unmodified, in a real browser against the sandbox's SDK endpoint on another origin."""

import time

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.sandbox.browser import opened_browser, opened_shop
from tests.sandbox.rules import CLIENTS, rule

from segue.sandbox.app import create_app, running
from segue.sandbox.seed import Key, Seed
from segue.sandbox.workspace import App, Furnishing

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


PROVEN = """async ([endpoint, wrong, right]) => {
  const b = window.braze
  const refused = []
  b.initialize("sandbox-app", {
    baseUrl: endpoint, doNotLoadFontAwesome: true, enableSdkAuthentication: true })
  b.subscribeToSdkAuthenticationFailures(error => refused.push(error))
  const flush = () => new Promise(done => b.requestImmediateDataFlush(done))
  b.openSession()
  b.changeUser("ann", wrong)
  b.logCustomEvent("Bought")
  b.getUser().setCustomUserAttribute("plan", "gold")
  await flush()
  const told = [...refused]
  b.setSdkAuthenticationSignature(right)
  await flush()
  await flush()
  return [told, refused.length]
}"""


@rule(
    "a wrong signature reaches the Web SDK's callback with its code; what it held comes with a right one",
    "D",
    "Setting up SDK authentication",
)
async def test_the_real_web_sdk_proves_its_user():
    """Signed by a key that is not the app's, then by the one that is: nothing is lost or comes twice."""
    mine, other = (rsa.generate_private_key(65_537, 2_048) for _ in range(2))
    told = {"sub": "ann", "exp": int(time.time()) + 600}
    wrong, right = (jwt.encode(told, key, "RS256") for key in (other, mine))
    public = mine.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    furnishing = Furnishing(
        apps=[App(app_id="sandbox-app", sdk_authentication="required", public_keys=[public])]
    )
    app = create_app(seed=Seed(workspaces=[furnishing], keys=[Key(key="sandbox")]))
    people = app.world.workspaces["sandbox"].people
    async with opened_shop() as shop, running(app) as url, opened_browser() as browser:
        page = await browser.new_page()
        await page.goto(shop)
        await page.wait_for_function("window.braze !== undefined")
        failures, count = await page.evaluate(PROVEN, [f"{url}/api/v3", wrong, right])
    assert {(one["errorCode"], one["reason"], one["userId"], one["signature"]) for one in failures} == {
        (27, "NO_MATCHING_PUBLIC_KEYS", "ann", wrong)
    }
    assert count == len(failures), "refused again though the signature is right"
    ann = people.by_external_id("ann")
    assert ann is not None
    assert [event.name for event in ann.events] == ["Bought"]
    assert ann.custom == {"plan": "gold"}
    assert ann.apps["sandbox-app"].sessions == 2
    refused = [entry.problems for entry in app.world.journal.entries if entry.problems]
    assert refused == [["SDK authentication: 27 NO_MATCHING_PUBLIC_KEYS"]] * count

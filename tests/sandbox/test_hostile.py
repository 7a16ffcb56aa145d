"""Anything may be thrown at it: never a 5xx of its own, never an inconsistent profile."""

import asyncio
from random import Random

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sandbox.client import Client
from tests.sandbox.furnished import furnished

from segue.sandbox.endpoints import CATALOG, EXACT, SDK
from segue.sandbox.people import People, digits
from segue.sandbox.sdk.codes import CODES
from segue.sandbox.seed import Snapshot
from segue.sandbox.state_file import Holders

_NAMES = [
    "external_id",
    "user_alias",
    "braze_id",
    "email",
    "phone",
    "name",
    "time",
    "properties",
    "product_id",
    "currency",
    "price",
    "quantity",
    "alias_name",
    "alias_label",
    "_update_existing_only",
    "_merge_objects",
    "subscription_groups",
    "push_tokens",
    "push_token_import",
    "current_location",
    "country",
    "dob",
    "k",
    "inc",
    "add",
    "remove",
    "$add",
    "$remove",
    "$update",
    "$identifier_key",
    "$identifier_value",
    "$new_object",
    "$time",
    "prioritization",
    "cart_id",
    "products",
    "total_value",
    "order_id",
    "source",
    "action",
    "app_id",
]
NAMES = st.sampled_from(_NAMES)
_WORDS = [
    "u1", "u2", "a@b.co", "+15551234567", "2025-12-01", "0001-01-01T00:00:00+14:00", "9999-12-31", "USD",
    "ecommerce.cart_updated", "ecommerce.order_placed", "anon", "identified", "x" * 300, "sandbox-app",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(_WORDS),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)
_WHO = [
    {"external_id": "u1"},
    {"external_id": "u2"},
    {"email": "a@b.co"},
    {"phone": "+15551234567"},
    {"user_alias": {"alias_name": "a", "alias_label": "anon"}, "_update_existing_only": False},
    {"id": "a", "campaign_id": "c1", "client_secret": "sandbox-data-import-key"},
    {},
]
WHO = st.sampled_from(_WHO)
_WHAT = [
    {"name": "Hi", "time": "2025-12-01", "properties": {"a": [1, {"b": None}]}},
    {"product_id": "p", "currency": "USD", "price": 1.5, "time": "2025-12-01"},
    {},
]
WHAT = st.sampled_from(_WHAT)
OBJECTS = st.builds(
    lambda who, what, more: {**what, **who, **more}, WHO, WHAT, st.dictionaries(NAMES, VALUES, max_size=5)
)
_ARRAYS = [
    "attributes",
    "events",
    "purchases",
    "user_aliases",
    "aliases_to_identify",
    "emails_to_identify",
    "phone_numbers_to_identify",
    "external_ids",
    "braze_ids",
    "email_addresses",
    "phone_numbers",
    "fields_to_export",
    "merge_updates",
    "external_id_renames",
    "alias_updates",
    "recipients",
    "subscription_groups",
    "items",
    "campaign_id",
    "canvas_id",
    "broadcast",
    "subscription_group_id",
    "subscription_state",
    "external_id",
    "email",
]
ARRAYS = st.sampled_from(_ARRAYS)
BODIES = st.dictionaries(ARRAYS, st.lists(OBJECTS | VALUES, max_size=5) | VALUES, max_size=4)
QUERY = "?event=Hi&length=3&external_id=u1&campaign_id=c1&canvas_id=v1&segment_id=s1&email=a@b.co"
ENDPOINTS = [
    *sorted((method, path) for method, path in EXACT if method != "OPTIONS"),
    *(
        (method, "/catalogs/shop" + ("", "/items", "/items/a")[depth - 1])
        for method, depth in sorted(CATALOG)
    ),
]
SDK_PATHS = sorted(SDK)
CALLS = st.lists(st.tuples(st.sampled_from(ENDPOINTS), BODIES), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(CALLS)
def test_no_body_makes_the_sandbox_fail(calls):
    """Every answer is JSON below 500, and afterwards everything still adds up."""
    asyncio.run(throw(furnished(switches={"onboarded_after_2024_08_22": False}), calls))


@pytest.mark.parametrize("seed", range(12))
def test_no_barrage_makes_the_sandbox_fail(seed):
    """Twenty-five runs a seed of bodies drawn by dice, which is far quicker than drawing them to shrink."""
    for run in range(25):
        dice = Random(seed * 1_000 + run)
        calls = [(dice.choice(ENDPOINTS), _body(dice)) for _ in range(dice.randint(1, 6))]
        asyncio.run(throw(furnished(switches={"onboarded_after_2024_08_22": False}), calls))


def _body(dice: Random):
    """What BODIES draws, by dice."""
    return {
        dice.choice(_ARRAYS): [_object(dice) for _ in range(dice.randint(0, 5))]
        if dice.random() < 0.8
        else noise(dice)
        for _ in range(dice.randint(0, 4))
    }


def _object(dice: Random):
    if dice.random() < 0.2:
        return noise(dice)
    more = {dice.choice(_NAMES): noise(dice) for _ in range(dice.randint(0, 5))}
    return {**dice.choice(_WHAT), **dice.choice(_WHO), **more}


def noise(dice: Random, depth: int = 0):
    """Any value, by dice."""
    match dice.randint(0, 9 if depth < 4 else 7):
        case 8:
            return [noise(dice, depth + 1) for _ in range(dice.randint(0, 4))]
        case 9:
            return {dice.choice(_NAMES): noise(dice, depth + 1) for _ in range(dice.randint(0, 5))}
        case 0:
            return dice.choice([None, True, False])
        case 1:
            return dice.choice([0, -1, 2**63 - 1, -(2**63), dice.randint(-1_000, 1_000)])
        case 2:
            return dice.choice([0.5, -0.0, 1e308, -1e-308, dice.random()])
        case 3:
            return "".join(
                chr(dice.choice([32, 36, 46, 97, 233, 0x1F600, 0xFFFF])) for _ in range(dice.randint(0, 9))
            )
        case _:
            return dice.choice(_WORDS)


@settings(max_examples=20, deadline=None)
@given(CALLS)
def test_a_state_file_makes_no_difference(calls):
    """The same calls, the same answers and the same people, with hardly anybody in memory."""

    async def both():
        filed = furnished(state_file=":memory:")
        filed.app.world.file.limit = 1
        plain = furnished()
        for (method, path), body in calls:
            asked = path + QUERY if method == "GET" else path
            answers = [await sandbox.send(method, asked, body) for sandbox in (filed, plain)]
            assert answers[0] == answers[1]
        check(filed)
        people = [(await sandbox.get("/_sandbox/snapshot")).json["workspaces"] for sandbox in (filed, plain)]
        assert people[0] == people[1]
        filed.app.world.close()

    asyncio.run(both())


SDK_EVENTS = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*CODES, "zz"]),
        "data": st.dictionaries(
            st.sampled_from(["n", "p", "pid", "c", "q", "pr", "key", "value", "a", "l", "d", "group_id",
                             "status", "latitude", "longitude"]),
            VALUES,
            max_size=5,
        )
        | VALUES,
    },
    optional={"user_id": SCALARS, "time": SCALARS, "session_id": st.sampled_from(["s1", "s2"])},
)  # fmt: skip
SDK_OBJECTS = st.dictionaries(st.sampled_from(["user_id", "custom", "email", "dob", "gender", "x"]), VALUES)
SDK_BODIES = st.fixed_dictionaries(
    {
        "api_key": st.just("sandbox-app"),
        "device_id": st.sampled_from(["d1", "d2"]),
        "events": st.lists(SDK_EVENTS | VALUES, max_size=5) | VALUES,
        "attributes": st.lists(SDK_OBJECTS | VALUES, max_size=3) | VALUES,
    },
    optional={"respond_with": VALUES, "device": VALUES},
)


@settings(max_examples=30, deadline=None)
@given(st.lists(SDK_BODIES, min_size=1, max_size=4), st.booleans())
def test_no_device_makes_the_sandbox_fail(bodies, is_filed):
    """Whatever an SDK sends is answered, and visitors who become somebody are one person."""
    sandbox = furnished(state_file=":memory:") if is_filed else furnished()
    if sandbox.app.world.file is not None:
        sandbox.app.world.file.limit = 1
    asyncio.run(throw(sandbox, [(("POST", "/api/v3/data/"), body) for body in bodies]))
    sandbox.app.world.close()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ENDPOINTS), st.binary(max_size=60))
def test_no_bytes_make_the_sandbox_fail(endpoint, raw):
    """Not even those that are no JSON."""

    async def send():
        answer = await furnished().send(*endpoint, raw=raw)
        assert answer.status < 500
        orjson.loads(answer.body)

    asyncio.run(send())


async def throw(sandbox: Client, calls):
    """Make the calls, then look whether the world is consistent."""
    for (method, path), body in calls:
        answer = await sandbox.send(method, path + QUERY if method == "GET" else path, body)
        assert answer.status < 500, (path, body)
        assert isinstance(answer.json, dict)
        assert {"message", "error", "success", "cards", "feature_flags", "banners"} & answer.json.keys()
    check(sandbox)
    document = await sandbox.get("/_sandbox/snapshot")
    assert document.status == 200
    again = await sandbox.send("POST", "/_sandbox/restore", raw=document.body)
    assert again.status == 200
    check(sandbox)
    for person in (await sandbox.get("/_sandbox/people")).json["people"]:
        assert (await sandbox.get(f"/_sandbox/people/{person['braze_id']}")).status == 200


HELD_BY = {
    "_email": lambda person: {(person.fields.get("email") or "").lower()},
    "_phone": lambda person: {digits(person.fields.get("phone") or "")},
    "_owner": lambda person: person.device_ids,
}
"""The indexes of what several may share, and what of it a person has."""


def check_shared(people: People):
    """What several may share leads to those alone who have it."""
    for name, held in HELD_BY.items():
        index = getattr(people, name)
        if isinstance(index, Holders):
            which = (index._shelf.workspace, index._kind)
            rows = index._shelf.execute("select name from names where workspace = ? and kind = ?", which)
            names = {str(shared) for (shared,) in rows.fetchall()}
        else:
            names = set(index._people)
        for shared in names:
            assert index.find(shared), shared
            assert all(shared in held(person) for person in index.find(shared)), (name, shared)


def check(sandbox: Client):
    """Every index leads to a living person who carries that identifier, and sums are sums of their parts."""
    for workspace in sandbox.app.world.workspaces.values():
        people = workspace.people
        for braze_id in list(people.by_braze_id):
            person = people.by_braze_id[braze_id]
            assert person.braze_id == braze_id
            for external_id in (person.external_id, *person.deprecated_external_ids):
                assert external_id is None or people.by_external_id(external_id) is person
            for label, name in person.aliases.items():
                assert people.by_alias(name, label) is person
            for device_id in person.anonymous_devices:
                assert people.by_device(device_id) is person
            for token in person.push_tokens:
                assert people.by_token(token["token"]) is person
            for device_id in person.device_ids:
                assert any(other is person for other in people.with_device(device_id))
            if email := person.fields.get("email"):
                assert any(other is person for other in people.with_email(email))
            if phone := person.fields.get("phone"):
                assert any(other is person for other in people.with_phone(phone))
            assert sum(kept.count for kept in person.event_summaries.values()) == len(person.events)
            bought = sum(purchase.quantity for purchase in person.purchases)
            assert (
                sum(kept.count for kept in person.purchase_summaries.values())
                == bought
                == person.purchase_count
            )
            for kept in (*person.event_summaries.values(), *person.purchase_summaries.values()):
                assert kept.first_ms <= kept.last_ms
        assert len(people) == len(list(people))
        check_shared(people)
        named = [*people._external.values(), *people._alias.values(), *people._device.values()]
        named += people._token.values()
        assert {person.braze_id for person in named} <= set(people.by_braze_id)
    msgspec.json.decode(msgspec.json.encode(sandbox.app.world.snapshot()), type=Snapshot)

"""Every endpoint thrown at with its own good call, broken here and there: nearer to the mark than noise."""

import asyncio
from copy import deepcopy
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from tests.sandbox.client import Client
from tests.sandbox.furnished import furnished
from tests.sandbox.test_assumptions import ASSUMED
from tests.sandbox.test_endpoints import ALIAS, EVENT, EVERY, STATE
from tests.sandbox.test_hostile import ENDPOINTS, SDK_PATHS, check, noise, throw

TOKEN = {"app_id": "sandbox-app", "token": "t1", "device_id": "device-1"}
PERSON = {
    "external_id": "u",
    "email": "a@b.co",
    "phone": "+15551234567",
    "k": {"a": {"b": [1]}},
    "l": {"$add": [{"id": 1}]},
    "n": {"inc": 1},
    "subscription_groups": [STATE],
    "push_tokens": [TOKEN],
}
BOUGHT = {"external_id": "u", "product_id": "p", "currency": "USD", "price": 1.5, "time": "2025-12-01"}
ORDER = {
    "order_id": "o",
    "total_value": 1,
    "currency": "EUR",
    "source": "web",
    "products": [{"product_id": "p", "product_name": "P", "variant_id": "v", "quantity": 1, "price": 1}],
}
FIRST = ["unidentified", "most_recently_updated"]
BY_EMAIL = {"email": "a@b.co", "prioritization": FIRST}
VISITOR = {"user_alias": ALIAS, "_update_existing_only": False}
COHORT = {"client_secret": "sandbox-data-import-key", "cohort_id": "k", "name": "K"}
CHANGES = [
    {"user_ids": ["u"], "device_ids": ["device-1"], "aliases": [ALIAS]},
    {"user_ids": ["x"], "should_remove": True},
]
BROADCAST = {
    "broadcast": True,
    "audience": {"AND": [{"custom_attribute": {"custom_attribute_name": "n", "comparison": "exists"}}]},
}
PAIR = {"identifier_to_merge": {"user_alias": ALIAS}, "identifier_to_keep": {"external_id": "u"}}
DEVICE = {
    "api_key": "sandbox-app",
    "device_id": "device-1",
    "events": [{"name": "ss", "time": 1_767_225_600, "session_id": "s", "data": {}, "user_id": "u"}],
    "attributes": [{"user_id": "u", "custom": {"n": 1}}],
    "device": {"model": "Chrome"},
}
GOOD: list[tuple[str, str, Any]] = [
    *((good.method, good.path, good.body) for good in EVERY),
    ("POST", "/users/track", {"attributes": [PERSON], "events": [EVENT], "purchases": [BOUGHT]}),
    (
        "POST",
        "/users/track",
        {"attributes": [VISITOR | {"email": "a@b.co"}], "events": [{**EVENT, **BY_EMAIL}]},
    ),
    ("POST", "/users/track", {"events": [{**EVENT, "name": "ecommerce.order_placed", "properties": ORDER}]}),
    ("POST", "/users/track", {"attributes": [{"push_token_import": True, "push_tokens": [TOKEN]}]}),
    (
        "POST",
        "/users/identify",
        {"emails_to_identify": [{**BY_EMAIL, "external_id": "v"}], "merge_behavior": "none"},
    ),
    ("POST", "/users/merge", {"merge_updates": [PAIR]}),
    ("POST", "/users/merge", {"merge_updates": [{**PAIR, "identifier_to_merge": BY_EMAIL}]}),
    (
        "POST",
        "/users/external_ids/rename",
        {"external_id_renames": [{"current_external_id": "u", "new_external_id": "w"}]},
    ),
    (
        "POST",
        "/users/external_ids/rename",
        {"external_id_renames": [{"current_external_id": "w", "new_external_id": "u2"}]},
    ),
    ("POST", "/users/external_ids/remove", {"external_ids": ["u"]}),
    ("POST", "/users/delete", {"email_addresses": [BY_EMAIL]}),
    ("POST", "/users/export/ids", {"device_id": "device-1", "fields_to_export": ["devices", "push_tokens"]}),
    (
        "POST",
        "/users/export/segment",
        {"segment_id": "s2", "fields_to_export": ["email"], "output_format": "gzip"},
    ),
    ("POST", "/campaigns/trigger/send", {"campaign_id": "c1", **BROADCAST}),
    (
        "POST",
        "/canvas/trigger/send",
        {"canvas_id": "v1", "recipients": [BY_EMAIL | {"attributes": {"n": 1}}]},
    ),
    (
        "POST",
        "/campaigns/trigger/schedule/create",
        {"campaign_id": "c1", **BROADCAST, "schedule": {"time": "2026-02-01"}},
    ),
    (
        "POST",
        "/canvas/trigger/schedule/create",
        {"canvas_id": "v1", **BROADCAST, "schedule": {"time": "2026-02-01"}},
    ),
    (
        "POST",
        "/messages/send",
        {"messages": {"email": {"subject": "Hi"}}, "external_user_ids": ["u"], "user_aliases": [ALIAS]},
    ),
    ("POST", "/sends/id/create", {"campaign_id": "c1", "send_id": "s"}),
    ("GET", "/custom_attributes?cursor=0", None),
    ("POST", "/partners/segment/cohorts", COHORT),
    ("POST", "/partners/segment/cohorts/users", {**COHORT, "cohort_changes": CHANGES}),
    *(("POST", path, DEVICE) for path in SDK_PATHS),
]


def test_every_endpoint_has_a_good_call():
    """Otherwise nobody throws at it."""
    listed = {(method, path.partition("?")[0]) for method, path, _ in GOOD}
    in_shop = {(method, path.replace("items/b", "items/a")) for method, path in listed}
    assert {(method, path) for method, path in ENDPOINTS} <= in_shop


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every container and key or index in a document."""
    found: list[tuple[Any, Any]] = []
    if isinstance(document, dict | list):
        keys = list(document) if isinstance(document, dict) else range(len(document))
        for key in keys:
            found += [(document, key), *places(document[key])]
    return found


def mutated(body: Any, dice: Random) -> Any:
    """A copy of a body with some places replaced, left out, doubled, multiplied or added to."""
    body = deepcopy(body)
    for _ in range(dice.randint(0, 3)):
        found = places(body)
        if not found:
            break
        held, key = dice.choice(found)
        match dice.randint(0, 5):
            case 0:
                held[key] = noise(dice)
            case 1:
                del held[key]
            case 2 if isinstance(held[key], list):
                held[key] = held[key] * dice.choice([2, 3, 51, 76])
            case 3 if isinstance(held[key], str):
                held[key] = dice.choice(
                    [
                        "u",
                        "v",
                        "w",
                        "",
                        held[key] * 300,
                        f"{held[key]}\u0000",
                        "\ud800".encode(errors="replace").decode(),
                    ]
                )
            case 4 if isinstance(held[key], dict):
                held[key][dice.choice(["external_id", "email", "braze_id", "$add", "x"])] = noise(dice)
            case _:
                held[key] = [held[key]] if dice.random() < 0.5 else str(held[key])
    return body


def asked(path: str, dice: Random) -> str:
    """A path whose query has a parameter changed, doubled or left out."""
    where, _, query = path.partition("?")
    pairs = query.split("&") if query else ["page=0", "length=3"]
    place = dice.randrange(len(pairs))
    match dice.randint(0, 4):
        case 0:
            pairs[place] = f"{pairs[place].partition('=')[0]}={quote(str(noise(dice))[:50])}"
        case 1:
            pairs.append(
                dice.choice(
                    ["cursor=50", "sort_direction=desc", "unit=hour", "ending_at=0001-01-01", pairs[place]]
                )
            )
        case 2:
            del pairs[place]
    return f"{where}?{'&'.join(pairs)}"


def calls_of(dice: Random) -> list[tuple[str, str, Any]]:
    """Every good call once, in a chance order, most of them mutated."""
    listed = dice.sample(GOOD, len(GOOD))
    return [
        (method, asked(path, dice), None) if method == "GET" else (method, path, mutated(body, dice))
        for method, path, body in listed
    ]


def switches_of(dice: Random) -> dict[str, Any]:
    """Some assumptions chosen otherwise, and any contract."""
    chosen = dice.sample(ASSUMED, dice.randint(0, 8))
    switches = {case.given[0]: case.given[1] for case in chosen}
    more = {
        "onboarded_after_2024_08_22": dice.random() < 0.5,
        "profile": dice.choice(["legacy", "standard", "mau"]),
        "error_style": dice.choice(["text", "enum"]),
        "strictness": dice.choice(["lenient", "lenient", "strict"]),
        "processing_delay_ms": dice.choice([(0, 0), (10, 100)]),
        "enforce_limits": False,
    }
    return {**switches, **more}


@pytest.mark.parametrize("seed", range(8))
def test_no_mutation_makes_the_sandbox_fail_nor_file_and_memory_differ(seed):
    """Three rounds over all endpoints, in memory and in a file that keeps hardly anybody loaded."""
    dice = Random(seed)
    switches = switches_of(dice)
    plain = furnished(switches=switches, random_seed=seed)
    filed = furnished(switches=switches, random_seed=seed, state_file=":memory:")
    filed.app.world.file.limit = 1

    async def both() -> None:
        statuses: dict[int, int] = {}
        for _ in range(3):
            for method, path, body in calls_of(dice):
                answers = [await sandbox.send(method, path, body) for sandbox in (plain, filed)]
                assert answers[0] == answers[1], (method, path, body)
                assert answers[0].status < 500, (method, path, body)
                statuses[answers[0].status // 100] = statuses.get(answers[0].status // 100, 0) + 1
                for sandbox in (plain, filed):
                    sandbox.time.ms += 20
            await alike(plain, filed)
        assert min(statuses.get(2, 0), statuses.get(4, 0)) > 40, (
            statuses
        )  # neither all refused nor all let in

    asyncio.run(both())
    asyncio.run(throw(plain, []))
    filed.app.world.close()


async def alike(plain: Client, filed: Client) -> None:
    """Both consistent, and the same people in both."""
    for sandbox in (plain, filed):
        check(sandbox)
    states = [(await sandbox.get("/_sandbox/snapshot")).json["workspaces"] for sandbox in (plain, filed)]
    for workspaces in states:
        for workspace in workspaces:
            workspace["people"].sort(key=lambda person: person["braze_id"])
    assert states[0] == states[1]

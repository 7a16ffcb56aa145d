"""SDK authentication: signed tokens, each documented error code, and the three states of an app."""

import base64

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.sandbox.client import client
from tests.sandbox.rules import Case, rule, table

from segue.sandbox.seed import Key, Seed
from segue.sandbox.workspace import App, Furnishing

NOW_S = 1_767_225_600
PAGE = "Setting up SDK authentication"
MINE, OTHER, CURVE = (
    rsa.generate_private_key(65_537, 2_048),
    rsa.generate_private_key(65_537, 2_048),
    ec.generate_private_key(ec.SECP256R1()),
)


def public(key):
    """The half that is uploaded, as text."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def token(key=MINE, algorithm="RS256", **claims):
    """A token for ann, good for a minute, unless said otherwise; a claim of None is left out."""
    told = {"sub": "ann", "exp": NOW_S + 60, **claims}
    return jwt.encode({name: value for name, value in told.items() if value is not None}, key, algorithm)


def unlike_json():
    """A well signed token whose payload is no object."""
    part = lambda content: base64.urlsafe_b64encode(content).rstrip(b"=")  # noqa: E731
    signed = part(b'{"alg":"RS256","typ":"JWT"}') + b"." + part(b"[1]")
    algorithm = jwt.get_algorithm_by_name("RS256")
    return (signed + b"." + part(algorithm.sign(signed, MINE))).decode()


def sandbox(state="required", keys=None, **switches):
    """A sandbox whose app asks for tokens."""
    app = App(app_id="app", sdk_authentication=state, public_keys=[public(MINE)] if keys is None else keys)
    made = client(seed=Seed(workspaces=[Furnishing(apps=[app])], keys=[Key(key="sandbox")]))
    if switches:
        made.app.world.switches = type(made.app.world.switches)(**switches)
    return made


async def visit(made, signed, *users, path="/api/v3/data/", **more):
    """One session of each of these users, told in one request."""
    starts = [
        {
            "name": "ss",
            "time": NOW_S,
            "session_id": f"s{user}",
            "data": {},
            **({"user_id": user} if user else {}),
        }
        for user in users
    ]
    headers = {"authorization": "", **({"x-braze-auth-signature": signed} if signed is not None else {})}
    return await made.post(
        path, {"api_key": "app", "device_id": "d", "events": starts, **more}, headers=headers
    )


@rule("a request of a user whose token is signed by one of the app's keys goes on", "D", PAGE)
async def test_a_proven_user_goes_on():
    """Any of three keys; what is no key beside them does not matter."""
    made = sandbox(keys=[public(OTHER), "no key", public(MINE)])
    assert (await visit(made, token(), "ann")).json == {"message": "success"}
    assert (await made.person("ann"))["apps"]["app"]["sessions"] == 1


def bad(signed, keys, code, reason, about):
    """A line of the table below: what makes the token, the app's keys, what is answered."""
    return Case(f"{code} {reason}: {about}", "D", PAGE, (signed, keys), (code, reason))


@table(
    [
        bad(lambda: token(exp=None), None, 10, "EXPIRATION_REQUIRED", "a token without exp"),
        bad(lambda: "gibberish", None, 20, "DECODING_ERROR", "no token at all"),
        bad(lambda: "a.b.c", None, 20, "DECODING_ERROR", "three parts of nothing"),
        bad(lambda: token(sub="bob"), None, 21, "SUBJECT_MISMATCH", "another user's token"),
        bad(lambda: token(sub=None), None, 21, "SUBJECT_MISMATCH", "nobody's token"),
        bad(lambda: token(exp=NOW_S), None, 22, "EXPIRED", "a token that has just expired"),
        bad(unlike_json, None, 23, "INVALID_PAYLOAD", "a payload that is no object"),
        bad(lambda: token(key="s" * 32, algorithm="HS256"), None, 24, "INCORRECT_ALGORITHM", "HS256"),
        bad(lambda: token(key=None, algorithm="none"), None, 24, "INCORRECT_ALGORITHM", "unsigned"),
        bad(token, ["no key"], 25, "PUBLIC_KEY_ERROR", "an app whose key is none"),
        bad(token, [public(CURVE)], 25, "PUBLIC_KEY_ERROR", "an app whose key is of another kind"),
        bad(lambda: None, None, 26, "MISSING_TOKEN", "no header"),
        bad(lambda: "", None, 26, "MISSING_TOKEN", "an empty header"),
        bad(token, [public(OTHER)], 27, "NO_MATCHING_PUBLIC_KEYS", "signed by another key"),
        bad(token, [], 27, "NO_MATCHING_PUBLIC_KEYS", "an app without keys"),
    ]
)
async def test_a_bad_token_is_refused_with_its_code(given, expected):
    """With the answer SDKs keep their queue on; nothing is applied, and the log says why."""
    (signed, keys), (code, reason) = given, expected
    made = sandbox(keys=keys)
    answer = await visit(made, signed(), "ann")
    assert (answer.status, answer.json) == (200, {"auth_error": {"error_code": code, "reason": reason}})
    assert (await made.totals())["people"] == 0
    log = (await made.get("/_sandbox/requests?bad=true")).json["requests"]
    assert log[0]["problems"] == [f"SDK authentication: {code} {reason}"]


@rule("28 PAYLOAD_USER_ID_MISMATCH: one request that speaks for two users", "D", PAGE)
async def test_one_request_speaks_for_one_user():
    """Wherever the ids stand; a visitor beside a user is none."""
    made = sandbox()
    mismatch = {"auth_error": {"error_code": 28, "reason": "PAYLOAD_USER_ID_MISMATCH"}}
    assert (await visit(made, token(), "ann", "bob")).json == mismatch
    assert (await visit(made, token(), "ann", attributes=[{"user_id": "bob"}])).json == mismatch
    assert (await visit(made, token(), "ann", respond_with={"user_id": "bob"})).json == mismatch
    assert (await visit(made, token(), "", "ann")).json == {"message": "success"}


@rule("SDK authentication does nothing for anonymous users", "D", PAGE)
async def test_a_visitor_needs_no_token():
    """Nor do the synchronisations of one; those of a user do."""
    made = sandbox()
    assert (await visit(made, None, "")).json == {"message": "success"}
    path = "/api/v3/feature_flags/sync"
    assert (await visit(made, None, path=path)).json == {"feature_flags": []}
    assert (await visit(made, None, path=path, user_id="ann")).json["auth_error"]["error_code"] == 26


@table(
    [
        Case("disabled: tokens are not looked at", "D", PAGE, "disabled", []),
        Case(
            "optional: what is wrong is reported, and passes", "D", PAGE, "optional", ["sdk-authentication"]
        ),
    ]
)
async def test_only_required_refuses(given, expected):
    """The other two let everything pass."""
    made = sandbox(given)
    assert (await visit(made, token(key=OTHER), "ann")).json == {"message": "success"}
    assert (await made.person("ann"))["external_id"] == "ann"
    assert await made.warnings() == expected


@rule(
    "a token that none of the keys signed may be answered with 20 instead of 27",
    "A",
    PAGE,
    switch="sdk_unmatched_key",
)
async def test_the_unmatched_code_is_a_switch():
    """The page gives the same reason for both."""
    answer = await visit(sandbox(sdk_unmatched_key=20), token(key=OTHER), "ann")
    assert answer.json == {"auth_error": {"error_code": 20, "reason": "DECODING_ERROR"}}

"""SDK authentication: the signed token that proves who a device's user is, checked as the app is set.

Source  Braze docs, "Setting up SDK authentication" and its error codes, read 2026-11-26. A token is a JWT of
        algorithm RS256 whose `sub` is the user id and which has an `exp`; requests of visitors are not
        checked. `optional` reports what is wrong, `required` refuses it with `auth_error`.
Assumed: the order of the checks, and which of 20 and 27 a token gets that none of the app's keys signed: the
page says both (switch `sdk_unmatched_key`).
"""

from collections.abc import Mapping
from typing import Any

from segue.sandbox.exchange import Call
from segue.sandbox.workspace import App

HEADER = b"x-braze-auth-signature"
REASONS: Mapping[int, str] = {
    10: "EXPIRATION_REQUIRED",
    20: "DECODING_ERROR",
    21: "SUBJECT_MISMATCH",
    22: "EXPIRED",
    23: "INVALID_PAYLOAD",
    24: "INCORRECT_ALGORITHM",
    25: "PUBLIC_KEY_ERROR",
    26: "MISSING_TOKEN",
    27: "NO_MATCHING_PUBLIC_KEYS",
    28: "PAYLOAD_USER_ID_MISMATCH",
}
"""Every error code and its reason."""


def refusal(call: Call, app: App) -> dict[str, Any] | None:
    """What an SDK is answered when its token will not do; None when it may go on.

    What is wrong is in the log either way, as a problem or, where the app only asks for it, a warning.
    """
    if app.sdk_authentication == "disabled":
        return None
    token = call.headers.get(HEADER, b"").decode("latin-1")
    code = fault(call.document, token, app, call.now_ms, call.world.switches.sdk_unmatched_key)
    if code is None:
        return None
    if app.sdk_authentication == "optional":
        call.warn("sdk-authentication", HEADER.decode(), f"{code} {REASONS[code]}; not required, so let pass")
        return None
    call.problems.append(f"SDK authentication: {code} {REASONS[code]}")
    return {"auth_error": {"error_code": code, "reason": REASONS[code]}}


def fault(document: Mapping[str, Any], token: str, app: App, now_ms: int, unmatched: int = 27) -> int | None:
    """The code of what is wrong with the token of a request; None for nothing, or for a visitor.

    unmatched  the code for a token that none of the app's keys signed
    """
    users = _users(document)
    if not users:
        return None
    if len(users) > 1:
        return 28
    if not token:
        return 26
    told = _read(token, app, unmatched)
    if isinstance(told, int):
        return told
    expires = told.get("exp")
    if expires is None:
        return 10
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return 23
    if expires * 1_000 <= now_ms:
        return 22
    return None if told.get("sub") in users else 21


def _users(document: Mapping[str, Any]) -> set[str]:
    """The user ids a request speaks for."""
    asked = document.get("respond_with")
    entries = [document, asked if isinstance(asked, dict) else {}]
    for name in ("events", "attributes"):
        listed = document.get(name)
        entries += [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return {user for entry in entries if isinstance(user := entry.get("user_id"), str) and user}


def _read(token: str, app: App, unmatched: int) -> dict[str, Any] | int:
    """What a token says, signed by one of the app's keys; or the code of why it is not believed."""
    import jwt  # here, to keep the start short: few apps ask for signatures

    try:
        if jwt.get_unverified_header(token).get("alg") != "RS256":
            return 24
    except (jwt.PyJWTError, ValueError, RecursionError):
        return 20
    unusable = 0
    for key in app.public_keys:
        try:
            told = jwt.decode(token, key, algorithms=["RS256"], options=_UNTIMED)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidKeyError, TypeError, AttributeError):  # the latter two: a key of another kind
            unusable += 1
            continue
        except jwt.DecodeError as broken:
            return 23 if "payload" in str(broken).lower() else 20
        except (jwt.PyJWTError, ValueError, RecursionError):
            return 20
        return told if isinstance(told, dict) else 23
    return 25 if unusable and unusable == len(app.public_keys) else unmatched


_UNTIMED: Any = {
    "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False, "verify_sub": False,
}  # fmt: skip
"""The sandbox has a clock of its own, and says by itself what is wrong with the claims."""

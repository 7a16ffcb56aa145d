"""The order in which a request is checked, from unknown path to the endpoint's own rules.

Path, key, address and permission, rate limit, content type, size, syntax, then the endpoint. The order is
assumed and a switch; the statuses and texts are in texts.py with their marks.
Source  Braze docs, "API overview", "API errors", read 2026-11-23
"""

from collections.abc import Callable, Mapping

import orjson

from segue.sandbox import endpoints
from segue.sandbox.exchange import Call, Headers, Reply, reply
from segue.sandbox.instances import instance_of
from segue.sandbox.texts import Refused, say

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def answer(call: Call) -> Reply:
    """What Braze answers to a call."""
    world = call.world
    world.settle(call.now_ms)
    found = endpoints.find(call.method, call.path)
    if found is None:
        return _lost(call)
    endpoint, call.parts = found
    headers: Headers = []
    try:
        if endpoint.permission:
            _know_key(call)
            call.is_strict = world.switches.strictness == "strict"
        for name in world.switches.check_order:
            headers = _CHECKS[name](call, endpoint) or headers
        if call.method in _WITH_BODY and not _parse(call):
            text = say(world.switches, "syntax")
            call.problems.append(text)
            return reply(world.switches.statuses.get("syntax", 400), {"error": text}, headers)
        status, body, extra = endpoint.answer(call)
    except Refused as refusal:
        text = call.say(refusal)
        call.problems.append(text)
        status = world.switches.statuses.get(refusal.rule, refusal.status)
        return reply(status, {"message": text}, headers if refusal.headers is None else refusal.headers)
    return Reply(status, body, headers + extra if extra else headers)


def _lost(call: Call) -> Reply:
    """An unknown path or method; a known path with a slash too many has its own status."""
    switches = call.world.switches
    status = 404
    if call.path.endswith("/") and endpoints.find(call.method, call.path.rstrip("/")):
        if switches.trailing_slash == "accept":
            call.path = call.path.rstrip("/")
            return answer(call)
        status = switches.trailing_slash_status
    rule = "not-found" if status == 404 else "access-denied"
    text = say(switches, rule)
    call.problems.append(text)
    return reply(switches.statuses.get(rule, status), {"message": text})


def _know_key(call: Call) -> None:
    world = call.world
    key = world.by_header.get(call.headers.get(b"authorization", b""))
    if key is None:
        raise Refused("invalid-key", status=401)
    workspace = world.workspaces[key.workspace]
    if not workspace.answers_to(instance_of(call.headers.get(b"host", b""))):
        raise Refused("invalid-key", status=401)
    call.key, call.held_workspace = key, workspace
    key.last_seen_ms = call.now_ms


def _may(call: Call, endpoint: endpoints.Endpoint) -> None:
    key, world = call.key, call.world
    if key is None:
        return
    if not world.company_active or not call.workspace.furnishing.active:
        raise Refused("forbidden", status=403)
    if not key.allows_peer(call.peer) or not key.allows(endpoint.permission):
        raise Refused("access-denied", status=403)


def _limit(call: Call, endpoint: endpoints.Endpoint) -> Headers | None:
    if call.key is None:
        return None
    permit = call.world.limits.take(call.world.switches, call.workspace.id, endpoint.bucket, call.now_ms)
    if not permit.granted:
        raise Refused("rate-limited", status=429, headers=permit.headers)
    return permit.headers


def _has_body(call: Call) -> bool:
    return bool(call.body) if call.method == "DELETE" else call.method in _WITH_BODY


def _media_type(call: Call, endpoint: endpoints.Endpoint) -> None:
    kind = call.headers.get(b"content-type", b"")
    if kind == b"application/json" or not _has_body(call):
        return
    if kind.partition(b";")[0].strip().lower() != b"application/json":
        raise Refused("unsupported-media-type", status=415)


def _size(call: Call, endpoint: endpoints.Endpoint) -> None:
    if len(call.body) > endpoint.body_bytes and _has_body(call):
        status, rule = endpoint.over_body
        raise Refused(rule, status=status)


_CHECKS: Mapping[str, Callable[[Call, endpoints.Endpoint], Headers | None]] = {
    "permission": _may,
    "limit": _limit,
    "media_type": _media_type,
    "size": _size,
}
"""By the names of the switch `check_order`; each gives the headers of the answer, if it knows any."""


def _parse(call: Call) -> bool:
    """Parse the body; False when it is not a JSON object."""
    if not _has_body(call):
        return True
    try:
        document = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return False
    if type(document) is dict:
        call.document = document
        return True
    return call.world.switches.non_object_body == "empty"

"""The order in which a request is checked, from unknown path to the endpoint's own rules.

Path, key, address and permission, rate limit, content type, size, syntax, then the endpoint. The order is
assumed; the statuses and texts are in texts.py with their marks.
Source  Braze docs, "API overview", "API errors", read 2026-11-23
"""

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
            _check_key(call, endpoint)
            call.is_strict = world.switches.strictness == "strict"
            permit = world.limits.take(world.switches, call.workspace.id, endpoint.bucket, call.now_ms)
            headers = permit.headers
            if not permit.granted:
                raise Refused("rate-limited", status=429)  # noqa: TRY301 - all refusals leave by one door
        if call.method in _WITH_BODY and not _read_body(call, endpoint):
            text = say(world.switches, "syntax")
            call.problems.append(text)
            return reply(400, {"error": text}, headers)
        status, body, extra = endpoint.answer(call)
    except Refused as refusal:
        text = call.say(refusal)
        call.problems.append(text)
        return reply(
            refusal.status, {"message": text}, headers if refusal.headers is None else refusal.headers
        )
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
    text = say(switches, "not-found" if status == 404 else "access-denied")
    call.problems.append(text)
    return reply(status, {"message": text})


def _check_key(call: Call, endpoint: endpoints.Endpoint) -> None:
    world = call.world
    key = world.by_header.get(call.headers.get(b"authorization", b""))
    if key is None:
        raise Refused("invalid-key", status=401)
    workspace = world.workspaces[key.workspace]
    if not workspace.answers_to(instance_of(call.headers.get(b"host", b""))):
        raise Refused("invalid-key", status=401)
    call.key, call.held_workspace = key, workspace
    key.last_seen_ms = call.now_ms
    if not world.company_active or not workspace.furnishing.active:
        raise Refused("forbidden", status=403)
    if not key.allows_peer(call.peer) or not key.allows(endpoint.permission):
        raise Refused("access-denied", status=403)


def _read_body(call: Call, endpoint: endpoints.Endpoint) -> bool:
    """Check and parse the body; False when it is not a JSON object."""
    if call.method == "DELETE" and not call.body:
        return True
    kind = call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise Refused("unsupported-media-type", status=415)
    if len(call.body) > endpoint.body_bytes:
        status, rule = endpoint.over_body
        raise Refused(rule, status=status)
    try:
        document = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return False
    if type(document) is not dict:
        return False
    call.document = document
    return True

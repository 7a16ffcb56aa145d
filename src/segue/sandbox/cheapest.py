"""The cheapest mode: a Braze that authenticates, parses and counts, and remembers nothing.

For load tests of what stands before it. /users/track is decoded only as far as its three arrays; every
other endpoint runs as usual but takes no effect. The control totals say which mode this is.
"""

import msgspec

from segue.sandbox import pipeline
from segue.sandbox.exchange import Call, Reply


class _Envelope(msgspec.Struct):
    """The body of /users/track with its objects left as they came."""

    attributes: list[msgspec.Raw] = []
    events: list[msgspec.Raw] = []
    purchases: list[msgspec.Raw] = []


_DECODER = msgspec.json.Decoder(_Envelope)


def answer(call: Call) -> Reply:
    """The answer to a call; anything out of the ordinary goes the usual way through the pipeline."""
    world = call.world
    switches = world.switches
    key = world.by_header.get(call.headers.get(b"authorization", b""))
    if (
        call.path != "/users/track"
        or call.method != "POST"
        or key is None
        or not key.allows("users.track")
        or key.ip_allowlist
        or switches.enforce_limits
        or not call.headers.get(b"content-type", b"").startswith(b"application/json")
    ):
        return pipeline.answer(call)
    try:
        envelope = _DECODER.decode(call.body)
    except (msgspec.DecodeError, RecursionError):
        return pipeline.answer(call)
    attributes, events, purchases = len(envelope.attributes), len(envelope.events), len(envelope.purchases)
    total = attributes + events + purchases
    most = max(attributes, events, purchases) if switches.profile == "legacy" else total
    if not 0 < most <= 75:
        return pipeline.answer(call)
    call.key = key
    call.objects = call.accepted = total
    permit = world.limits.take(switches, key.workspace, "track", call.now_ms)
    counters = b"".join(
        b',"%s_processed":%d' % (name, count)
        for name, count in ((b"attributes", attributes), (b"events", events), (b"purchases", purchases))
        if count
    )
    return Reply(201, b'{"message":"success"%s}' % counters, permit.headers)

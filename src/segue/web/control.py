"""The control API: questions about a running Segue, as JSON, for whoever holds its token.

    control = create_control_app(token, rejections=receiver.doorkeeper.rejections)

    GET /control/rejections?source=website&code=no_user_anon_id    events refused at the door, newest last
    GET /control/waiting?destination=braze&lane=3&offset=1204      why an event has not left yet

Every request needs ``Authorization: Bearer TOKEN`` with the token of the data folder; without it the answer
is 401, whatever the path, so that a stranger learns nothing. What is answered may hold personal data: it is
never cached, and no other origin's page may read it.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from segue.runtime.doorkeeper import Sample, told
from segue.web.app import CONTROL, Answer, App, Receive, Scope, Send, as_json, reply

Rejections = Callable[[str | None, str | None], Sequence[Sample]]
"""(source, code) in, None for all; the newest refusals out, oldest first."""


Waiting = Callable[[str, int, int], dict[str, Any] | None]
"""(destination, lane, offset) in; why that event waits out, None when no courier here knows."""


def create_control_app(
    token: str, *, rejections: Rejections | None, waiting: Waiting = lambda *_: None
) -> App:
    """Make the control API.

    token       what a request must carry; never empty
    rejections  None in a process that does not receive
    """
    if not token:
        raise ValueError("the control API needs a token: without one, everybody would be let in")
    expected = token.encode()

    def refused(query: Mapping[str, str]) -> Answer:
        if rejections is None:
            return as_json(
                404, {"error": "this process does not receive; ask the one with the receiver role"}
            )
        unknown = sorted(set(query) - {"source", "code"})
        if unknown:
            return as_json(400, {"error": f'there is no parameter "{unknown[0]}"; there is: source, code'})
        found = rejections(query.get("source") or None, query.get("code") or None)
        return as_json(200, {"rejections": [msgspec.structs.asdict(told(sample)) for sample in found]})

    def waits(query: Mapping[str, str]) -> Answer:
        problem = _misasked(query, ("destination", "lane", "offset"))
        if problem:
            return as_json(400, {"error": problem})
        lane, offset = int(query["lane"]), int(query["offset"])
        found = waiting(query["destination"], lane, offset)
        if found is None:
            problem = f'no courier of "{query["destination"]}" for lane {lane} runs in this process'
            return as_json(404, {"error": problem})
        return as_json(200, found)

    routes = {f"{CONTROL}/rejections": refused, f"{CONTROL}/waiting": waits}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not holds(dict(scope["headers"]).get(b"authorization", b""), expected):
            problem = "the control API needs Authorization: Bearer and the token of the data folder"
            await reply(send, as_json(401, {"error": problem}), extra=_CHALLENGE)
            return
        route, method = routes.get(scope["path"]), scope["method"]
        if route is None:
            await reply(
                send, as_json(404, {"error": f"there is no {scope['path']}; there is: {', '.join(routes)}"})
            )
        elif method not in ("GET", "HEAD"):
            problem = f"{scope['path']} answers GET, not {method}"
            await reply(send, as_json(405, {"error": problem}), extra=((b"allow", b"GET, HEAD"),))
        else:
            query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
            await reply(send, route(query), head=method == "HEAD")

    return app


def _misasked(query: Mapping[str, str], wanted: Sequence[str]) -> str:
    """What is wrong with a query whose parameters are an id and numbers; "" when nothing is."""
    if set(query) != set(wanted):
        return f"the parameters are {', '.join(wanted)}; found {', '.join(sorted(query)) or 'none'}"
    for name in wanted[1:]:
        if not query[name].isdecimal() or len(query[name]) > 18:
            return f'{name} must be a number from 0 on, found "{query[name]}"'
    return ""


def holds(authorization: bytes, token: bytes) -> bool:
    """Say whether a header carries the token, in a time that does not tell how much of it was right."""
    scheme, _, given = authorization.partition(b" ")
    return hmac.compare_digest(given.strip(), token) and scheme.lower() == b"bearer"


_CHALLENGE: Final = ((b"www-authenticate", b'Bearer realm="segue"'),)

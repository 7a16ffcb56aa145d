"""The control API: nothing without the token, and with it the newest refusals."""

import inspect
import json
from typing import Any

import pytest

from segue.engine.intake import Rejection
from segue.runtime.doorkeeper import Sample
from segue.web import control
from segue.web.app import App, Message, Scope, create_app

TOKEN = "st_right"
NO_IDS = Sample(
    at_ms=1_790_000_000_000,
    rejection=Rejection(
        source="web",
        kind="track",
        code="no_user_anon_id",
        message="neither userId nor anonymousId",
        message_id="m1",
        sample=b'{"type":"track","event":"\xff"}',
    ),
)


class Memory:
    """Stands for the receiver: remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str | None]] = []

    def rejections(self, source: str | None, code: str | None) -> list[Sample]:
        self.asked.append((source, code))
        return [NO_IDS]


async def call(
    app: App, path: str, *, token: bytes | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], Any]:
    """One request over ASGI: status, headers, JSON."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    headers = [] if token is None else [(b"authorization", token)]
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": headers,
    }
    await app(scope, receive, send)
    start, body = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], found, json.loads(body["body"]) if body["body"] else None


@pytest.mark.parametrize(
    "authorization",
    [None, b"", b"Bearer", b"Bearer ", b"Bearer st_wrong", b"Bearer st_righ", b"Bearer st_rightx",
     b"Basic st_right", b"st_right", "Bearer st_rïght".encode()],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/control/rejections", "/control/", "/control/nothing"])
async def test_without_the_token_nothing_is_told(authorization: bytes | None, path: str) -> None:
    """Neither a refusal, nor which paths there are; the receiver is not even asked."""
    memory = Memory()
    app = control.create_control_app(TOKEN, rejections=memory.rejections)
    status, headers, body = await call(app, path, token=authorization)
    assert (status, headers["www-authenticate"]) == (401, 'Bearer realm="segue"')
    assert "rejections" not in json.dumps(body)
    assert memory.asked == []


async def test_the_token_opens_and_the_answer_is_never_kept() -> None:
    """The refusal comes whole, its sample as text even where it is not; no cache and no other page has it."""
    memory = Memory()
    app = control.create_control_app(TOKEN, rejections=memory.rejections)
    status, headers, body = await call(app, "/control/rejections", token=b"bearer st_right")
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert not any(name.startswith("access-control") for name in headers)
    assert body == {
        "rejections": [
            {
                "at_ms": 1_790_000_000_000,
                "source": "web",
                "kind": "track",
                "code": "no_user_anon_id",
                "message": "neither userId nor anonymousId",
                "message_id": "m1",
                "count": 1,
                "sample": '{"type":"track","event":"\N{REPLACEMENT CHARACTER}"}',
            }
        ]
    }
    assert memory.asked == [(None, None)]


async def test_source_and_code_are_passed_on() -> None:
    """Percent signs are undone; an empty parameter is none."""
    memory = Memory()
    app = control.create_control_app(TOKEN, rejections=memory.rejections)
    await call(app, "/control/rejections?source=we%20b&code=", token=b"Bearer st_right")
    assert memory.asked == [("we b", None)]


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("POST", "/control/rejections", 405, "answers GET"),
        ("GET", "/control/nothing", 404, "/control/rejections"),
        ("GET", "/control", 404, "/control/rejections"),
        ("GET", "/control/rejections?sauce=web", 400, '"sauce"'),
    ],
)
async def test_what_is_asked_wrongly_is_told_what_there_is(
    method: str, path: str, status: int, says: str
) -> None:
    """Each refusal names the thing and the way out."""
    app = control.create_control_app(TOKEN, rejections=Memory().rejections)
    found, _, body = await call(app, path, token=b"Bearer st_right", method=method)
    assert found == status
    assert says in body["error"]


async def test_a_process_that_does_not_receive_says_so() -> None:
    """A courier has no refusals; an empty list would read as "all is well"."""
    app = control.create_control_app(TOKEN, rejections=None)
    status, _, body = await call(app, "/control/rejections", token=b"Bearer st_right")
    assert status == 404
    assert "receiver" in body["error"]


def test_an_empty_token_is_not_a_token() -> None:
    """Comparing with nothing would let everybody in who sends nothing."""
    with pytest.raises(ValueError, match="needs a token"):
        control.create_control_app("", rejections=None)


def test_tokens_are_compared_in_constant_time() -> None:
    """An early end of the comparison would tell a stranger how much was right."""
    assert "hmac.compare_digest" in inspect.getsource(control.holds)
    assert "==" not in inspect.getsource(control.holds).replace('scheme.lower() == b"bearer"', "")


@pytest.mark.parametrize(
    ("path", "mine"),
    [("/control", True), ("/control/rejections", True), ("/controls", False), ("/v1/control/x", False)],
)
async def test_the_outer_door_sends_control_to_control(path: str, mine: bool) -> None:
    """And nothing else; without a control API the tracking API answers as for any unknown path."""
    reached: list[str] = []

    def named(name: str) -> App:
        async def app(scope: Scope, receive: Any, send: Any) -> None:
            reached.append(name)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        return app

    async def metrics() -> bytes:
        return b""

    with_it = create_app(named("sdk"), checks={}, metrics=metrics, control=named("control"))
    await call(with_it, path)
    await call(create_app(named("sdk"), checks={}, metrics=metrics), path)
    assert reached == ["control" if mine else "sdk", "sdk"]

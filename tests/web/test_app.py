"""The outer door: health and metrics in front, the tracking API behind, nothing decided between."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from segue import __version__
from segue.model.errors import LogUnavailable, MisconfiguredError
from segue.runtime.telemetry import CONTENT_TYPE, Telemetry
from segue.web.app import App, Message, create_app


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Collect log lines instead of printing them."""
    with structlog.testing.capture_logs():
        yield


async def fine() -> None:
    """A check that passes."""


async def full() -> None:
    """A check that fails as the log's does on a full disk."""
    raise LogUnavailable("the log cannot be written: no space left on device")


async def broken() -> None:
    """A check with a defect, whose message might hold anything."""
    raise KeyError("ann@example.com")


async def stuck() -> None:
    """A check that never answers."""
    await asyncio.Event().wait()


class Sdk:
    """Stands for the tracking API: keeps what it was asked."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"success":true}'})


def build(sdk: App | None = None, **options: Any) -> App:
    """An app whose metrics are an empty telemetry's."""
    telemetry = Telemetry()

    async def metrics() -> bytes:
        return telemetry.render()

    return create_app(sdk or Sdk(), checks=options.pop("checks", {}), metrics=metrics, **options)


async def call(app: App, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """One request over ASGI: status, headers, body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
    start, *bodies = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(body["body"] for body in bodies)


async def test_live_answers_whatever_the_checks_say() -> None:
    """A process that answers is alive; restarting it would not empty a disk."""
    status, headers, body = await call(build(checks={"log": full}), "/livez")
    assert (status, json.loads(body)) == (200, {"live": True})
    assert headers["cache-control"] == "no-store"


async def test_ready_lists_each_check() -> None:
    """All fine is 200."""
    status, _, body = await call(build(checks={"log": fine, "workspace": fine}), "/readyz")
    assert status == 200
    assert json.loads(body) == {"ready": True, "checks": {"log": {"ok": True}, "workspace": {"ok": True}}}


async def test_one_failing_check_is_503_with_its_reason() -> None:
    """Ours say why; a broken or silent check says so without quoting what it met."""
    checks = {"disk": full, "workspace": fine, "odd": broken, "slow": stuck}
    status, _, body = await call(build(checks=checks, check_seconds=0.01), "/readyz")
    found = json.loads(body)
    assert (status, found["ready"]) == (503, False)
    assert found["checks"] == {
        "disk": {"ok": False, "reason": "the log cannot be written: no space left on device"},
        "workspace": {"ok": True},
        "odd": {"ok": False, "reason": "the check broke with KeyError; see the log"},
        "slow": {"ok": False, "reason": "no answer within 0.01 seconds"},
    }


async def test_an_error_without_words_still_has_a_reason() -> None:
    """An empty reason would read as ready."""

    async def mute() -> None:
        raise MisconfiguredError

    status, _, body = await call(build(checks={"x": mute}), "/readyz")
    assert (status, json.loads(body)["checks"]["x"]["reason"]) == (503, "MisconfiguredError")


async def test_metrics_are_prometheus_text() -> None:
    """With the content type scrapers negotiate."""
    status, headers, body = await call(build(), "/metrics")
    assert (status, headers["content-type"]) == (200, CONTENT_TYPE)
    assert b"segue_append_failures_total 0.0" in body


async def test_hello_says_who_this_is_and_where_to_go() -> None:
    """Links given by whoever composes the process stand beside ours."""
    status, _, body = await call(build(links={"sandbox": "http://127.0.0.1:8089"}), "/")
    found = json.loads(body)
    assert (status, found["name"], found["version"]) == (200, "segue", __version__)
    assert found["links"]["ready"] == "/readyz"
    assert found["links"]["sandbox"] == "http://127.0.0.1:8089"


async def test_head_is_get_without_a_body_and_other_methods_are_refused() -> None:
    """Load balancers ask with HEAD; a POST to a health page is a mistake worth naming."""
    _, whole, body = await call(build(), "/livez")
    status, headers, nothing = await call(build(), "/livez", "HEAD")
    assert (status, nothing, headers["content-length"]) == (200, b"", whole["content-length"])
    assert int(whole["content-length"]) == len(body)
    status, headers, _ = await call(build(), "/metrics", "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/v1/track", "/livez/", "/readyz2", "/v1/projects/wk/settings", ""])
async def test_everything_else_goes_to_the_tracking_api_untouched(path: str) -> None:
    """The very scope, so that its own routing decides."""
    sdk = Sdk()
    status, _, body = await call(build(sdk), path, "POST")
    assert (status, body) == (200, b'{"success":true}')
    assert [scope["path"] for scope in sdk.scopes] == [path]


async def test_the_lifespan_goes_to_the_tracking_api() -> None:
    """It starts and stops what is behind it."""
    sdk, sent = Sdk(), []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    await build(sdk)({"type": "lifespan"}, receive, send)
    assert sent == [{"type": "lifespan.startup.complete"}]

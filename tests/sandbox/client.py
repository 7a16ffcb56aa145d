"""An in-process caller of the sandbox: one ASGI request, its status, headers and JSON."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from segue.sandbox.app import Sandbox, create_app
from segue.sandbox.clock import StillTime
from segue.sandbox.switches import Switches


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as data."""
        return orjson.loads(self.body)


class Client:
    """A caller with a key; `time` is the clock of the sandbox, wound by hand."""

    def __init__(self, app: Sandbox, time: StillTime, key: str = "sandbox") -> None:
        self.app = app
        self.time = time
        self.key = key

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        peer: str = "127.0.0.1",
        pieces: int = 1,
    ) -> Answer:
        """One request. `raw` is sent as it is; `headers` replace the usual ones, `""` leaves one out."""
        sent = raw if raw is not None else b"" if body is None else orjson.dumps(body)
        usual = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        merged = {name: value for name, value in {**usual, **(headers or {})}.items() if value}
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in merged.items()],
            "client": (peer, 40_000),
        }
        step = max(1, -(-len(sent) // pieces))
        parts = [sent[start : start + step] for start in range(0, len(sent), step)] or [b""]
        waiting = [
            {"type": "http.request", "body": part, "more_body": place < len(parts) - 1}
            for place, part in enumerate(parts)
        ]
        got: list[Any] = []

        async def receive() -> Any:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def collect(message: Any) -> None:
            got.append(message)

        await self.app(scope, receive, collect)
        start, content = got
        return Answer(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            content["body"],
        )

    async def post(self, path: str, body: Any, **more: Any) -> Answer:
        """One POST."""
        return await self.send("POST", path, body, **more)

    async def track(self, **arrays: Any) -> Answer:
        """POST /users/track."""
        return await self.post("/users/track", arrays)

    async def get(self, path: str, **more: Any) -> Answer:
        """One GET."""
        return await self.send("GET", path, **more)

    async def person(self, identifier: str) -> Any:
        """Everything the sandbox knows about somebody; None if nobody."""
        answer = await self.get(f"/_sandbox/people/{identifier}")
        return answer.json if answer.status == 200 else None

    async def warnings(self) -> list[str]:
        """The rules of the last call's warnings."""
        answer = await self.get("/_sandbox/requests?limit=1")
        return [warning[0] for warning in answer.json["requests"][-1]["warnings"]]

    async def totals(self) -> Any:
        """The totals."""
        return (await self.get("/_sandbox/totals")).json


def client(**options: Any) -> Client:
    """A fresh sandbox and its caller. Options are those of create_app, switches given as a dict."""
    time = StillTime()
    switches = options.pop("switches", None)
    app = create_app(clock=time, switches=Switches(**switches) if switches is not None else None, **options)
    return Client(app, time)

"""The least a server of uvicorn's can do: read a request's body, answer 200. What ingest is compared with.

python bench/yes.py 8080

It checks nothing, counts nothing and keeps nothing, so whatever the receiver costs beyond it is ours.
"""

import sys
from typing import Any, Final

import uvicorn

OK: Final = b'{"success":true}'


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read the body to its end and say yes."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(OK))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": OK})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")

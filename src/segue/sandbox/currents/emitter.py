"""Currents at work: connectors' waiting events sent over HTTP, again and again while the sandbox is served.

`deliver` is one round for every connector of a world; a test calls it with a `post` of its own, the control
API with the real one.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from segue.sandbox.currents.connector import Stream
from segue.sandbox.currents.wire import order

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""post(url, headers, body) gives the status, 0 for a network failure."""
ANSWER_SECONDS = 10


async def deliver(streams: Iterable[Stream], now_ms: Callable[[], int], post: Post) -> int:
    """Send what is due; the number of requests made.

    A connector that fails is left until its wait is over, so a round always ends.
    """
    requests = 0
    for stream in list(streams):
        while not stream.is_busy and (batch := stream.next_batch(now_ms())):
            url, headers, body = order(stream.connector, batch)
            stream.is_busy = True
            try:
                stream.judge(batch, await post(url, headers, body), now_ms())
            finally:
                stream.is_busy = False
            requests += 1
    return requests


async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """One POST over the network."""
    import aiohttp  # here, to keep the start short

    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=dict(headers)) as answer,
        ):
            await answer.read()
            return answer.status
    except (TimeoutError, aiohttp.ClientError, ValueError):
        return 0  # ValueError: an address that is none

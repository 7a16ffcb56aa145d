"""The enquiry: asks the Segue that runs on the same data folder, through its control API.

Some things are only in the memory of the running process: what it refused a moment ago, why a row waits.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from segue.engine.delay import Waits
from segue.io.storage.refusals import Refused
from segue.io.storage.token import read_token
from segue.model.delivery import Request
from segue.model.errors import MisconfiguredError, SegueError, UnavailableError
from segue.runtime.presence import addresses
from segue.runtime.settings import Settings

ASK_SECONDS: Final = 5.0

T = TypeVar("T")


async def rejections(
    settings: Settings, *, source: str | None = None, code: str | None = None
) -> list[Refused]:
    """The newest refusals of the receiver that runs on the data folder, oldest first.

    Raises UnavailableError when nobody answers, MisconfiguredError when whoever answers is another one.
    """
    asked = {name: value for name, value in (("source", source), ("code", code)) if value}
    found = await _ask(settings, "rejections", asked, dict[str, list[Refused]])
    return found["rejections"] if found is not None else []


async def waits(settings: Settings, destination: str, lane: int, offset: int) -> Waits | None:
    """Why an event waits; None when no process that answers has a courier for it.

    Raises as `rejections` does.
    """
    asked = {"destination": destination, "lane": lane, "offset": offset}
    return await _ask(settings, "waiting", asked, Waits)


async def _ask(settings: Settings, what: str, asked: Mapping[str, Any], kind: type[T]) -> T | None:
    """Ask one question of one process after the other until one knows; None when all answer 404.

    Raises when none answers.
    """
    token = await asyncio.to_thread(read_token, settings.data)
    failure: SegueError | None = None
    is_answered = False
    for address in await asyncio.to_thread(addresses, settings):
        try:
            found = await _ask_one(settings, f"{address}/control/{what}", token, asked, kind)
        except (UnavailableError, MisconfiguredError) as error:
            failure = failure or error
            continue
        is_answered = True
        if found is not None:
            return found
    if failure is not None and not is_answered:
        raise failure
    return None


async def _ask_one(
    settings: Settings, url: str, token: str, asked: Mapping[str, Any], kind: type[T]
) -> T | None:
    headers = {"authorization": f"Bearer {token}"}
    request = Request(
        method="GET", url=f"{url}?{urlencode(asked)}", headers=headers, timeout_seconds=ASK_SECONDS
    )
    from segue.io.outside.http import Sender  # here: most questions need no HTTP client

    async with Sender() as sender:
        response = await sender.send(request)
    if response.error or not token:
        raise UnavailableError(
            f"nobody answers at {url} ({response.error or 'no token'}): what is asked for is in the memory "
            f"of the running process. Is segue run running, with the data folder {settings.data}?"
        )
    if response.status == 404:
        return None
    if response.status != 200:
        raise MisconfiguredError(
            f"{url} answered {response.status}: it is not the receiver of the data folder {settings.data}. "
            "Give SEGUE_HOST, SEGUE_PORT and SEGUE_DATA as segue run has them."
        )
    return msgspec.json.decode(response.body, type=kind)

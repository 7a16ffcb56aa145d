"""The enquiry: asks the Segue that runs with the same settings, through its control API.

Some things are only in the memory of the running process: what it refused a moment ago, why a row waits.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from segue.engine.delay import Waits
from segue.io.storage.refusals import Refused
from segue.io.storage.token import read_token
from segue.model.delivery import Request
from segue.model.errors import MisconfiguredError, UnavailableError
from segue.runtime.settings import Settings

ASK_SECONDS: Final = 5.0

T = TypeVar("T")


async def rejections(
    settings: Settings, *, source: str | None = None, code: str | None = None
) -> list[Refused]:
    """The newest refusals of the receiver that runs with these settings, oldest first.

    Raises UnavailableError when nobody answers, MisconfiguredError when whoever answers is another one.
    """
    asked = {name: value for name, value in (("source", source), ("code", code)) if value}
    found = await _ask(settings, "rejections", asked, dict[str, list[Refused]])
    return found["rejections"] if found is not None else []


async def waits(settings: Settings, destination: str, lane: int, offset: int) -> Waits | None:
    """Why an event waits; None when the process that answers has no courier for it.

    Raises as `rejections` does.
    """
    asked = {"destination": destination, "lane": lane, "offset": offset}
    return await _ask(settings, "waiting", asked, Waits)


async def _ask(settings: Settings, what: str, asked: Mapping[str, Any], kind: type[T]) -> T | None:
    """Ask one question; None when the answer is 404."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}/control/{what}"
    token = read_token(settings.data)
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

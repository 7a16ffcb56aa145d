"""An errand: requests a command sends by itself, through the same rate budget as the couriers'.

async with errand(settings, destination, clock) as sender:
    response = await sender.send(request)        # waits for a permit first
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from segue.engine.plan import BoundDestination
from segue.engine.travel import Travel
from segue.model.delivery import Request, Response
from segue.model.errors import UnavailableError
from segue.runtime.clock import Clock
from segue.runtime.dispatcher import Sender
from segue.runtime.exchange import Exchange
from segue.runtime.folders import PACE_FILE
from segue.runtime.pacing import Account, Accounts
from segue.runtime.settings import Settings

PATIENCE_SECONDS: Final = 60.0
"""So long somebody at a terminal waits for a request of theirs to leave."""

LONGEST_LOOK_SECONDS: Final = 0.5
SHORTEST_LOOK_SECONDS: Final = 0.005


class Errand:
    """Sends one request after another, each when its pool is open."""

    def __init__(
        self,
        sender: Sender,
        account: Account,
        exchange: Exchange | None,
        clock: Clock,
        patience_seconds: float,
    ) -> None:
        self._sender = sender
        self._patience_seconds = patience_seconds
        self._account = account
        self._exchange = exchange
        self._clock = clock

    async def send(self, request: Request) -> Response:
        """Send a request as soon as it may leave. Raises nothing for trouble on the way, but UnavailableError
        when it may not leave for longer than the errand has patience."""
        travel = Travel("errand", pool=request.pool)
        while True:
            if self._exchange is not None:
                self._exchange.round()
            wait = self._account.opens_at(travel) - self._clock.monotonic()
            permit = self._account.take(travel) if wait <= 0 else None
            if permit is not None:
                break
            if wait > self._patience_seconds:
                raise UnavailableError(
                    f'the rate limit "{request.pool or "of the account"}" is used up, and free again in '
                    f"{wait:,.0f} seconds: try again then"
                )
            await self._clock.sleep(min(LONGEST_LOOK_SECONDS, max(SHORTEST_LOOK_SECONDS, wait)))
        response = await self._sender.send(request)
        self._account.learned(permit, request, response)
        return response


@asynccontextmanager
async def errand(
    settings: Settings,
    destination: BoundDestination,
    clock: Clock,
    sender: Sender | None = None,
    *,
    patience_seconds: float = math.inf,
) -> AsyncIterator[Errand]:
    """Open the budget of a destination's account beside whoever else uses it.

    sender            another than HTTP
    patience_seconds  how long a request may wait for its limit
    """
    from segue.io.outside.http import Sender as HttpSender  # here: most commands need no HTTP client

    account = Accounts(clock).of(destination)
    exchange = None
    if settings.data.is_dir():  # where nothing ever ran there is nobody to share with
        exchange = Exchange(settings.data / PACE_FILE, {account.name: account}, clock, is_guest=True)
    try:
        if sender is not None:
            yield Errand(sender, account, exchange, clock, patience_seconds)
        else:
            async with HttpSender() as http:
                yield Errand(http, account, exchange, clock, patience_seconds)
    finally:
        if exchange is not None:
            exchange.close()

"""The witness: a harmless request that tells a partner in trouble from a request that is trouble itself.

Where nobody else's request says whether the partner works, it is asked for something that changes nothing and
counts against the same limit. If that passes, what alone keeps failing has failed alone
(`segue.engine.suspicion`); if it does not, the partner has trouble and nobody is blamed.
"""

from typing import Final, Protocol

from segue.engine.batch import Batch
from segue.engine.plan import BoundDestination
from segue.engine.suspicion import NEIGHBOURS, Suspicion
from segue.kit.action import status_code
from segue.model.delivery import Outcome, Request, Response, Verdict
from segue.runtime.pacing import Account

WORDS: Final = "a harmless request failed as well"


class Carrier(Protocol):
    """What sends a request of nobody, and counts it."""

    async def carry(self, destination: BoundDestination, request: Request) -> Response: ...


class Witness:
    """One destination's."""

    def __init__(self, carrier: Carrier, account: Account, suspicion: Suspicion) -> None:
        self._carrier = carrier
        self._account = account
        self._suspicion = suspicion

    async def hear(self, destination: BoundDestination, batch: Batch) -> Outcome | None:
        """Ask, if these rows alone keep failing and nobody else passed meanwhile.

        Gives the trouble the partner has then; None when it has none, or was not asked.
        """
        make = destination.page.witness
        if make is None or not self._suspicion.wants_witness(batch.waiting):
            return None
        request = make(destination.settings, batch.travel.action)
        if request is None or request.pool != batch.travel.pool:
            return None  # it would tell nothing of where these rows go
        for _ in range(NEIGHBOURS):
            permit = self._account.take(batch.travel)
            if permit is None:
                return None
            try:
                response = await self._carrier.carry(destination, request)
            except BaseException:
                self._account.give_back(permit)
                raise
            self._account.learned(permit, request, response)
            if not 200 <= response.status < 300:
                self._suspicion.unheard()
                return _trouble(response)
            self._suspicion.passed(())
        return None


def _trouble(response: Response) -> Outcome:
    code = status_code(response.status) if response.status else response.error or "ECONNRESET"
    return Outcome(verdict=Verdict.HOLD, status=response.status, code=code, message=WORDS)

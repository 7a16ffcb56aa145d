"""The way to Braze and the weather on it: everything that happens to a request before and after it is read.

A request is read by the real sandbox or it is not; whether its answer comes back is another matter. A client
gives up after the request's timeout, so a request that was read is read within that time.
"""

import email.utils
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Final, Protocol

import msgspec
import orjson
from tests.journeys.simulation.judge import Judge
from tests.journeys.simulation.story import Story
from tests.journeys.simulation.traffic import POISON, Thing
from tests.journeys.simulation.virtual_time import VirtualClock
from tests.runtime.house import Wire

from segue.model.delivery import Request, Response

TIMED_OUT: Final = 504
"""Braze's own timeout: whether the request was read is not known."""

STYLES: Final = ("epoch", "seconds", "retry-after", "plain", "silent")
"""How a 429 says when to come back."""


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """Some weather that lasts a while: each kind of trouble with its chance.

    refused         no connection; the partner never saw the request
    cut, late       no answer after a reset or a timeout; half of the time the request was read
    failed          a 5xx, and of these `failed_after` were read all the same
    statuses        which 5xx, or 401, or a redirect
    torn            a good answer arrives cut short, empty or as HTML
    limit           requests read in each window of `window_seconds`; 429 for the others
    wavers          the limit is another one in each window, and nobody is told
    tells           every answer says what is left of it
    latency         seconds each way, at most
    """

    name: str
    refused: float = 0.0
    cut: float = 0.0
    late: float = 0.0
    failed: float = 0.0
    failed_after: float = 0.0
    statuses: tuple[int, ...] = (500, 502, 503, 504)
    torn: float = 0.0
    limit: int = 0
    window_seconds: int = 1
    wavers: bool = False
    tells: bool = False
    style: str = "silent"
    latency: float = 0.2


FAIR: Final = Spell(name="fair")

CLIMATE: Final[Sequence[Callable[[Random], Spell]]] = (
    lambda chance: FAIR,
    lambda chance: Spell(name="slow", latency=chance.choice((2.0, 14.0))),
    lambda chance: Spell(name="resets", cut=0.5, refused=0.1),
    lambda chance: Spell(name="timeouts", late=0.5),
    lambda chance: Spell(name="unreachable", refused=1.0),
    lambda chance: Spell(name="outage", failed=1.0, statuses=(503,)),
    lambda chance: Spell(name="flaky", failed=0.4, failed_after=0.3, cut=0.1),
    lambda chance: Spell(name="locked out", failed=1.0, statuses=(401, 403)),
    lambda chance: Spell(name="moved", failed=1.0, statuses=(302, 308)),
    lambda chance: Spell(name="torn answers", torn=0.6),
    *[
        lambda chance: Spell(
            name="limited",
            limit=chance.choice((1, 2, 5)),
            window_seconds=chance.choice((1, 3, 60)),
            wavers=chance.random() < 0.5,
            style=chance.choice(STYLES),
        )
    ]
    * 4,
)


class Listening(Protocol):
    """Who sent a request. folder: of the courier's house."""

    folder: Path
    is_alive: bool
    is_succeeded: bool


class Letter(msgspec.Struct):
    """A request on its way. taken: what of it Braze took in."""

    number: int
    request: Request
    things: list[tuple[str, int, Thing]]
    taken: list[Thing] = []


class Network:
    """Carries requests from couriers that may die to a sandbox that does not.

    clock       the partner's: its calendar is not ours
    chance      all luck on the way; the same seed, the same weather
    tells_lies  a 5xx other than 504 may be about a request that was read all the same
    is_mended   poison is taken from now on
    unwelcome   who is refused on which device
    """

    def __init__(
        self,
        wire: Wire,
        clock: VirtualClock,
        chance: Random,
        judge: Judge,
        story: Story,
        unwelcome: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.is_mended = False
        self.unwelcome = frozenset(unwelcome)
        self.spell = FAIR
        self.tells_lies = True
        self.requests = 0
        self.limited = 0
        self._wire = wire
        self._clock = clock
        self._chance = chance
        self._judge = judge
        self._story = story
        self._window = (0, 0)
        self._carrying: list[int] = []

    async def blow(self, seconds: float) -> None:
        """Change the weather at random for so long, then let it be fair."""
        until = self._clock.monotonic() + seconds
        while self._clock.monotonic() < until:
            self.spell = self._chance.choice(CLIMATE)(self._chance)
            self._story.tell("weather", self.spell.name, repr_of(self.spell))
            self._set_the_calendar()
            await self._clock.sleep(self._chance.expovariate(1 / 12))
        self.spell = FAIR
        self._story.tell("weather", "fair, and stays so")

    def _set_the_calendar(self) -> None:
        """Sometimes the partner's clock is set, now and then to what it was."""
        if self._chance.random() < 0.9:
            return
        self._clock.jump_ms = self._chance.choice((0, 0, -30_000, 2_000, 90_000, -3_700_000, 3_700_000))
        told = (
            "set right" if not self._clock.jump_ms else "set back" if self._clock.jump_ms < 0 else "set ahead"
        )
        self._story.tell("Braze's calendar", told)

    async def carry(self, request: Request, life: "Listening") -> tuple[Response, list[Thing]]:
        """Take a request there and its answer back; gives the answer, and what of the request was taken in.

        What is on the wire when its sender dies arrives before the next one lives, or never.
        """
        self.requests += 1
        letter = Letter(self.requests, request, things_of(request))
        spell, chance = self.spell, self._chance
        self._judge.leaves([thing for _, _, thing in letter.things], life.folder)
        self._carrying.append(letter.number)
        self._story.tell("leaves", f"#{letter.number}", shown(letter.things))
        await self._clock.sleep(chance.random() * spell.latency)
        if letter.number != min(self._carrying):
            self._story.tell("overtakes", "an earlier request")
        self._carrying.remove(letter.number)
        if life.is_succeeded or (not life.is_alive and chance.random() < 0.5):
            return Response(status=0, error="ECONNRESET"), []
        response = await self._exchange(letter, spell)
        await self._clock.sleep(chance.random() * spell.latency)
        outcome = f"{response.status or response.error}"
        self._story.met[f"answer: {outcome}"] += 1
        if letter.taken and response.status != 201:
            self._story.met[f"taken in, and the answer: {outcome}"] += 1
        self._story.tell("answer", f"#{letter.number}", outcome)
        return response, letter.taken

    async def something_travels(self, seconds: float) -> None:
        """Wait for a request to be on its way, but no longer than that."""
        until = self._clock.monotonic() + seconds
        while not self._carrying and self._clock.monotonic() < until:
            await self._clock.sleep(0.05)

    async def _exchange(self, letter: "Letter", spell: Spell) -> Response:
        """The answer the client gets."""
        chance = self._chance
        if chance.random() < spell.refused:
            return Response(status=0, error="ECONNREFUSED", sent=False)
        if chance.random() < spell.cut:
            await self._read(letter, chance.random() < 0.5)
            return Response(status=0, error="ECONNRESET")
        if chance.random() < spell.late:
            await self._read(letter, chance.random() < 0.5)
            await self._clock.sleep(letter.request.timeout_seconds)
            return Response(status=0, error="ETIMEDOUT")
        if spell.limit and self._is_over(spell):
            self.limited += 1
            return Response(status=429, headers=self._headers(spell), body=b'{"message":"Rate Limited"}')
        if chance.random() < spell.failed:
            status = chance.choice(spell.statuses)
            is_read = chance.random() < spell.failed_after and (self.tells_lies or status == TIMED_OUT)
            await self._read(letter, is_read)
            self._judge.lied.update(letter.taken if status != TIMED_OUT else ())
            return Response(status=status, body=b"<html>no</html>")
        answer = await self._read(letter, True)
        if spell.tells:
            answer = msgspec.structs.replace(answer, headers={**answer.headers, **self._headers(spell)})
        if chance.random() < spell.torn and answer.status == 201 and b'"errors"' not in answer.body:
            body = chance.choice((b"", answer.body[:10], b"<html>thanks</html>"))
            return msgspec.structs.replace(answer, body=body, error=chance.choice(("", "ECONNABORTED")))
        return answer

    async def _read(self, letter: "Letter", is_read: bool) -> Response:
        if not is_read:
            return Response(status=0)
        if self._is_refused(letter.request):
            return Response(status=400, body=b'{"message":"there is something in it"}')
        self._wire.sent.clear()
        answer = await self._wire.send(letter.request)
        letter.taken = _accepted(answer, letter.things)
        self._judge.taken(letter.taken)
        self._story.tell("taken in", f"#{letter.number}", f"{len(letter.taken)} of {len(letter.things)}")
        return answer

    def _is_refused(self, request: Request) -> bool:
        """Whether the whole request is, for something in it that is not named."""
        if request.url.endswith("/users/identify"):
            found = orjson.loads(request.body).get("aliases_to_identify", ())
            pairs = {(each["external_id"], each["user_alias"]["alias_name"]) for each in found}
            self._story.met["log-ins Braze refuses"] += not pairs.isdisjoint(self.unwelcome)
            return not pairs.isdisjoint(self.unwelcome)
        return not self.is_mended and b'"%b"' % POISON.encode() in request.body

    def _is_over(self, spell: Spell) -> bool:
        window = self._clock.now_ms() // 1000 // spell.window_seconds
        count = self._window[1] + 1 if self._window[0] == window else 1
        self._window = (window, count)
        return count > (1 + hash((window, spell.limit)) % spell.limit if spell.wavers else spell.limit)

    def _headers(self, spell: Spell) -> dict[str, str]:
        now = self._clock.now_ms() // 1000
        reset = (now // spell.window_seconds + 1) * spell.window_seconds
        left = str(max(0, spell.limit - self._window[1]))
        told = {} if spell.wavers else {"x-ratelimit-limit": str(spell.limit), "x-ratelimit-remaining": left}
        return {
            "epoch": {
                **told,
                "x-ratelimit-reset": str(reset),
                "date": email.utils.formatdate(now, usegmt=True),
            },
            "seconds": {**told, "x-ratelimit-reset": str(reset - now)},
            "retry-after": {"x-ratelimit-retry-after": str(reset - now)},
            "plain": {"retry-after": str(reset - now)},
            "silent": {},
        }[spell.style]


def things_of(request: Request) -> list[tuple[str, int, Thing]]:
    """What a request holds: (input array, index, thing); an object of attributes may hold those of several
    events, and each value tells which."""
    found = []
    for array, items in orjson.loads(request.body).items():
        for index, item in enumerate(items) if array in ("attributes", "events", "purchases") else ():
            if array == "attributes":
                numbers = sorted({value for value in item.values() if type(value) is int})
                found += [(array, index, (number, "attributes")) for number in numbers]
            else:
                found.append(
                    (array, index, (item["properties"]["n"], item.get("name") or item["product_id"]))
                )
    return found


def _accepted(answer: Response, things: Sequence[tuple[str, int, Thing]]) -> list[Thing]:
    """The things a sandbox's answer does not refuse."""
    if answer.status >= 300:
        return []
    errors = orjson.loads(answer.body).get("errors", ())
    refused = {(error["input_array"], error["index"]) for error in errors}
    return [thing for array, index, thing in things if (array, index) not in refused]


def shown(things: Sequence[tuple[str, int, Thing]]) -> str:
    """Things for a story: ``12 attributes, 13 Step``."""
    return ", ".join(f"{number} {label}" for _, _, (number, label) in things)


def repr_of(spell: Spell) -> str:
    """What is special about a spell."""
    ordinary = msgspec.structs.asdict(FAIR)
    return ", ".join(
        f"{name}={value}"
        for name, value in msgspec.structs.asdict(spell).items()
        if name != "name" and value != ordinary[name]
    )

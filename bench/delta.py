"""Delta sending: how many people a second are decided about, and what a day costs.

A million people are in the state; batches of some of them are loaded, decided about, settled and written back
as the courier does it, in a process set up as a courier's. The time is the processor's, the threads of the
database included, so that other jobs of the machine hardly count; making the updates does not count.

Four of five updates say what was last said of the person, byte for byte or with the attributes in another
order; the fifth changes one number of its eight attributes.
"""

import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import orjson

from bench import bare, day
from bench.result import Result, Table
from segue.catalog.braze.attributes import SHAPE
from segue.cli.serve import in_process
from segue.engine.delta import Profiles
from segue.engine.departure import Fate, Update
from segue.engine.glance import digest
from segue.io.storage.state import Checkpoint, State

PEOPLE: Final = 1_000_000
PIECE: Final = 50_000
LOAD: Final = 1_000
BATCH: Final = 75
WARM: Final = 15_000
CHECKPOINT: Final = 20_000
SHARE_CHANGED: Final = 0.2
DAY_PEOPLE_A_SECOND: Final = 300
NOW_MS: Final = day.START_MS


def run(seconds: float) -> Result:
    """Measure both."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="segue-bench-delta-") as folder:
        figures |= in_process(decide(Path(folder), seconds))
    said = day.make(round(DAY_PEOPLE_A_SECOND * max(1.0, seconds)))
    told = {name: way(said) for name, way in day.WAYS.items()}
    naive = told["naive"]
    rows = []
    for name, each in told.items():
        if each.profiles != naive.profiles:
            raise RuntimeError(f"the profiles of {name} are not those of naive sending")
        if told["changed"].points > each.points:
            raise RuntimeError(f"delta sending costs more points than {name}")
        rows.append([name, each.points, each.points / naive.points, each.objects, each.lookups])
        figures[f"points_{name.replace(' ', '_').replace('-', '_')}"] = each.points
    decisions = Table(
        title=f"Decisions about people, {PEOPLE:,} of them in the state",
        columns=["", "% unchanged", "people/s of processor time", "µs a person"],
        rows=[
            [
                words,
                100 * figures[f"{name}_unchanged"],
                figures[f"{name}_per_second"],
                1e6 / figures[f"{name}_per_second"],
            ]
            for name, words in (CASES | PEER).items()
        ],
        note="Unchanged: nothing was sent. Loading, and a checkpoint every 20,000 updates, included.",
    )
    costs = Table(
        title=f"Data points of a day: {len(said):,} identifies",
        columns=["", "data points", "against naive", "objects", "look-ups"],
        rows=rows,
        note="The sandbox's own meter; all four leave the same profiles behind.",
    )
    return Result(name="delta", tables=[decisions, costs], figures=figures)


async def decide(folder: Path, seconds: float) -> dict[str, float]:
    """People a second, those in memory and those drawn at random from all."""
    state = await State.open(folder / "braze.db")
    await fill(state)
    chance = random.Random(5)
    people = [chance.randrange(PEOPLE) for _ in range(WARM)]
    said: dict[int, int] = {}
    found: dict[str, float] = {}
    for name in CASES:
        profiles = Profiles(SHAPE, changed_only=True)
        if name == "cold":
            draw = partial(_anybody, chance)
        else:
            await load(state, profiles, people)
            draw = partial(chance.choices, people, k=BATCH)
        rate, unchanged = await pace(state, profiles, draw, said, seconds, turns=name == "reworded")
        found |= {f"{name}_per_second": rate, f"{name}_unchanged": unchanged}
    await state.close()
    for name, (make, share) in PEERS.items():
        table = bare.State(folder / f"{name}.db")
        rate, unchanged = look_up(table, make, share, partial(_anybody, chance), seconds)
        found |= {f"{name}_per_second": rate, f"{name}_unchanged": unchanged}
    return found


CASES: Final = {
    "warm": "in memory, repeats in the same words",
    "reworded": "in memory, repeats in another order",
    "cold": "from the state and back, repeats in the same words",
}
PEER: Final = {
    "bare": "a bare table: looked up, compared, written back",
    "yardstick": "the same, 14 attributes, everybody changes: what the target was set after",
}
"""No clocks, no operations on nested values, nothing on its way, and written before it is acknowledged."""


def _anybody(chance: random.Random) -> list[int]:
    return [chance.randrange(PEOPLE) for _ in range(LOAD)]


def item(number: int, orders: int = 0, turn: int = 0) -> bytes:
    """What an identify says of a person. turn: how far the order of its attributes is turned."""
    members: list[tuple[str, object]] = [
        ("email", "somebody@example.com"),
        ("first_name", "Ada"),
        ("plan", "plus"),
        ("newsletter", True),
        ("orders", orders),
        ("home", {"city": "Berlin", "zip": "10115"}),
        ("tags", ["a", "b", "c"]),
    ]
    return orjson.dumps({"external_id": f"user-{number}"} | dict(members[turn:] + members[:turn]))


def broad(number: int, visits: int = 0) -> bytes:
    """What an identify of 14 attributes says of a person, in some 400 bytes."""
    return orjson.dumps(
        {
            "external_id": f"user-{number}",
            "email": f"user-{number}@example.com",
            "first_name": "Ada",
            "last_name": f"Nobody {number}",
            "gender": "F",
            "phone": f"+4930{number:07d}",
            "image_url": f"https://images.example.com/{number}.png",
            "home_city": "Berlin",
            "country": "DE",
            "plan": "plus",
            "visits": visits,
            "since": "2025-01-02T03:04:05.000Z",
            "newsletter": True,
            "spent": 12.5,
            "current_location": {"latitude": 52.5, "longitude": 13.4},
        }
    )


PEERS: Final[dict[str, tuple[Callable[[int, int], bytes], float]]] = {
    "bare": (item, SHARE_CHANGED),
    "yardstick": (broad, 1.0),
}
"""What is said of people, and the share that changes."""


async def fill(state: State) -> None:
    """Everybody has been told the same once, each with their own id."""
    profiles = Profiles(SHAPE, changed_only=True)
    profiles.load(profiles.missing(["external_id:user-0"]), {})
    [prepared] = profiles.prepare([Update(item(0), NOW_MS, NOW_MS)]).objects
    profiles.settle(prepared, Fate.APPLIED)
    [body] = profiles.changed().values()
    before, after = body[:11], body[19:]  # the digest of what was said (`segue.engine.sealed`)
    for start in range(0, PEOPLE, PIECE):
        bodies = {}
        for number in range(start, start + PIECE):
            bodies[f"external_id:user-{number}"] = before + digest(item(number)) + after
        await state.commit(Checkpoint(profiles=bodies, now_ms=NOW_MS))


async def load(state: State, profiles: Profiles, numbers: list[int]) -> None:
    keys = [f"external_id:user-{number}" for number in numbers]
    while wanted := profiles.missing(keys):
        profiles.load(wanted, await state.profiles(wanted))


async def write(state: State, profiles: Profiles) -> None:
    stamps: dict[str, bytes] = {}
    await state.commit(Checkpoint(profiles=profiles.changed(stamps), stamps=stamps, now_ms=NOW_MS))
    profiles.written()


async def pace(
    state: State,
    profiles: Profiles,
    draw: Callable[[], list[int]],
    said: dict[int, int],
    seconds: float,
    *,
    turns: bool,
) -> tuple[float, float]:
    """Decide about people for a while; gives how many a second of processor time, loading and checkpoints
    included, and which share of them was told nothing new.

    said   what the number that changes was last said to be, by person; kept up to date
    turns  say what was said before in another order
    """
    used, done, unchanged, written = 0.0, 0, 0, 0
    step = max(said.values(), default=0)
    while used < seconds:
        numbers = draw()
        step += 1
        said.update(dict.fromkeys(numbers[: round(len(numbers) * SHARE_CHANGED)], step))
        updates = [
            Update(item(number, said.get(number, 0), step % 7 if turns else 0), NOW_MS + step, NOW_MS)
            for number in numbers
        ]
        began = time.process_time()
        await load(state, profiles, numbers)
        departure = profiles.prepare(updates)
        for prepared in departure.objects:
            profiles.settle(prepared, Fate.APPLIED)
        done += len(numbers)
        unchanged += len(departure.dropped)
        if done - written >= CHECKPOINT:
            written = done
            await write(state, profiles)
        used += time.process_time() - began
    await write(state, profiles)
    return done / used, unchanged / done


def look_up(
    table: bare.State,
    make: Callable[[int, int], bytes],
    share: float,
    draw: Callable[[], list[int]],
    seconds: float,
) -> tuple[float, float]:
    """Decisions about anybody as `pace` takes them, by what a bare table says.

    make   what is said of a person, by number and by the number that changes
    share  of people whose number changes
    """
    used, done, unchanged, written, said = 0.0, 0, 0, 0, dict[int, int]()
    table.remember((f"user-{number}", make(number, 0)) for number in range(PEOPLE))
    table.commit()
    for step in count(1):
        numbers = draw()
        said.update(dict.fromkeys(numbers[: round(len(numbers) * share)], step))
        updates = [orjson.loads(make(number, said.get(number, 0))) for number in numbers]
        began = time.process_time()
        unchanged += [table.changed(update) for update in updates].count(None)
        done += len(numbers)
        if done - written >= CHECKPOINT:
            written = done
            table.commit()
        used += time.process_time() - began
        if used >= seconds:
            break
    table.commit()
    return done / used, unchanged / done

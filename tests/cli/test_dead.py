"""dead: what could not be delivered, seen, sent again, forgotten, taken elsewhere."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.cli.house import beside, control, segue, started
from tests.journeys import house

from segue.cli.serve import Running
from segue.io.storage.state import Checkpoint, State, StateReader

UNMAPPED = "PAYLOAD_VALIDATION_FAILED"
REFUSED = "BAD_REQUEST"


def reasons(folder: Path, *options: str) -> list[str]:
    """Reasons of the dead letters that are listed."""
    ran = segue("dead", "list", "--json", *options, folder=folder)
    assert ran.code == 0, ran.err
    return [letter["reason"] for letter in ran.json]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), [UNMAPPED, REFUSED]),
        (("--reason", REFUSED), [REFUSED]),
        (("--subscription", "order-completed"), [UNMAPPED]),
        (("--message-id", "rf-1"), [REFUSED]),
        (("--destination", "braze"), [UNMAPPED, REFUSED]),
        (("--limit", "1"), [UNMAPPED]),
        (("--reason", "NONE"), []),
        (("--user", "u1"), [UNMAPPED, REFUSED]),
        (("--user", "u2"), []),
        (("--after", "5-3-order-completed-0"), [REFUSED]),
    ],
)
def test_list_shows_what_is_asked_for(furnished: Path, options: tuple[str, ...], found: list[str]) -> None:
    """Each with its reason; filters narrow."""
    assert reasons(furnished, *options) == found


def test_a_page_says_where_the_next_one_begins(furnished: Path) -> None:
    """With the command to type."""
    text = segue("dead", "list", "-n", "1", folder=furnished).out
    assert "segue dead list -n 1 --after braze/5-3-order-completed-0" in text
    text = segue("dead", "list", "-n", "1", "-u", "u1", folder=furnished).out
    assert "segue dead list -u u1 -n 1 --after braze/5-3-order-completed-0" in text
    assert reasons(furnished, "--user", "u1", "--after", "braze/5-3-order-completed-0") == [REFUSED]


@pytest.fixture
def twins(lived_in: Path) -> Path:
    """Two destinations of one source, to which the same event was no good."""
    file = lived_in / "segue.yaml"
    text = file.read_text(encoding="utf-8")
    start = text.index("  braze:")
    file.write_text(text + text[start:].replace("  braze:", "  twin:", 1), encoding="utf-8")
    asyncio.run(bury_again(lived_in / "segue-data" / "state"))
    return lived_in


async def bury_again(folder: Path) -> None:
    reader = await StateReader.open(folder / "braze.db")
    letters = [replace(letter, destination="twin") for letter in await reader.dead_letters()]
    await reader.close()
    state = await State.open(folder / "twin.db")
    await state.commit(Checkpoint(now_ms=1, dead=letters))
    await state.close()


def test_a_letter_two_destinations_have_is_not_guessed_at(twins: Path) -> None:
    """An id names a place in the log, which both have read: one of them must be said, for everything one can
    do with it. Pages go through one after the other and leave out none."""
    letters = segue("dead", "list", "--json", folder=twins).json
    ids = [(letter["destination"], letter["id"]) for letter in letters]
    assert [place for place, _ in ids] == ["braze", "braze", "twin", "twin"]
    for command in ("show", "explain", "retry", "drop"):
        ran = segue("dead", command, ids[0][1], folder=twins)
        assert (ran.code, f'"{ids[0][1]}" at braze and twin: say which' in ran.err) == (2, True)
    told = segue("dead", "show", ids[0][1], "-d", "twin", "--json", folder=twins).json
    assert told["destination"] == "twin"
    assert "1 dead letter will be" in segue("dead", "drop", ids[0][1], "-d", "twin", folder=twins).out
    paged, after = [], []
    while len(paged) < 4:
        [letter] = segue("dead", "list", "-n", "1", "--json", *after, folder=twins).json
        paged.append((letter["destination"], letter["id"]))
        after = ["--after", "/".join(paged[-1])]
    assert paged == ids
    ran = segue("dead", "list", "--after", ids[0][1], folder=twins)
    assert (ran.code, f"name it as braze/{ids[0][1]}" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("number", "field", "status", "remedy"),
    [(0, "products[0].price", 0, "Mend the mapping"), (1, "", 400, "Mend what the partner names")],
)
def test_explain_names_rule_field_and_remedy(
    furnished: Path, number: int, field: str, status: int, remedy: str
) -> None:
    """And what the partner said; as text and as data."""
    letter = segue("dead", "list", "--json", folder=furnished).json[number]
    told = segue("dead", "explain", letter["id"], "--json", folder=furnished).json
    assert (told["field"], told["status"], told["said"]) == (field, status, letter["message"])
    assert remedy in told["remedy"]
    text = segue("dead", "explain", letter["id"], folder=furnished)
    assert (text.code, letter["message"] in text.out, "→ Mend" in text.out) == (0, True, True)
    assert segue("dead", "explain", "x", folder=furnished).code == 2


def wait_until(folder: Path, dead: int) -> None:
    """Return when the list has so many letters; the courier looks for commands once a second."""
    house.until(lambda: len(reasons(folder)) == dead, f"{dead} are left")


def test_letters_are_retried_and_dropped_while_segue_runs(lived_in: Path) -> None:
    """Through the real door, within a second or so; what was exported can be taken back."""
    exported = segue("dead", "export", folder=lived_in).out.encode()
    with beside(lived_in) as process:
        assert segue("dead", "retry", "--user", "u1", "--json", folder=lived_in).code == 2  # no such option
        assert segue("dead", "retry", "--reason", REFUSED, folder=lived_in).code == 0
        wait_until(lived_in, 1)
        assert segue("dead", "drop", "--all", folder=lived_in).code == 0
        wait_until(lived_in, 0)
        dropped = exported.splitlines()[0] + b"\n{}\n"
        taken = segue("dead", "import", "-", folder=lived_in, stdin=dropped)
        assert taken.code == 1
        assert "1 dead letter will be there again" in taken.out
        assert "line 2 is left out: it is no line of segue dead export" in taken.out
        wait_until(lived_in, 1)
        assert process.house.couriers["braze"].ledger.residual == 0
    assert segue("dead", "export", folder=lived_in).out.encode().splitlines() == exported.splitlines()[:1]
    assert "3 delivered" in segue("doctor", folder=lived_in).out
    strange = exported.replace(b"or-1", b"xx-1").splitlines()[0]
    ran = segue("dead", "import", "-", folder=lived_in, stdin=strange)
    assert (ran.code, "it is of another Segue" in ran.out) == (1, True)


def test_list_says_why_each_died(furnished: Path) -> None:
    """Field and rule, or the partner's words, on one line."""
    text = segue("dead", "list", folder=furnished).out
    assert 'field "products[0].price" must be a number, found a text' in text
    assert "not today" in text
    assert "\x1b" not in text
    assert segue("dead", "list", "--reason", "NONE", folder=furnished).out == "No dead letters match.\n"


def test_show_tells_one_letter_whole(furnished: Path) -> None:
    """Every try and what would have been sent; or that it could not be mapped."""
    unmapped, refused = segue("dead", "list", "--json", folder=furnished).json
    text = segue("dead", "show", refused["id"], folder=furnished)
    assert text.code == 0
    assert "400 BAD_REQUEST not today" in text.out
    assert '"external_id": "u1"' in text.out
    assert "retry maps it anew" in segue("dead", "show", unmapped["id"], folder=furnished).out
    whole = segue("dead", "show", refused["id"], "--json", folder=furnished).json
    assert whole == refused
    assert whole["attempts"][0]["status"] == 400
    assert whole["items"][0]["name"].startswith("Refused [red]")


def test_export_gives_one_json_a_line(furnished: Path) -> None:
    """To be worked on elsewhere; the same as the list, and the event as it came in."""
    lines = segue("dead", "export", folder=furnished).lines
    assert [line.pop("original")["messageId"] for line in lines] == ["or-1", "rf-1"]
    assert lines == segue("dead", "list", "--json", folder=furnished).json
    assert len(segue("dead", "export", "-n", "1", folder=furnished).lines) == 1
    assert len(segue("dead", "export", "--reason", REFUSED, folder=furnished).lines) == 1


async def until(process: Running, dead: int, folder: Path) -> None:
    """Return when so many dead letters are left."""
    async with asyncio.timeout(60):
        while True:
            await process.house.figures()
            if process.house.telemetry.value("segue_dead_letters", destination="braze") == dead:
                return
            await asyncio.sleep(0.01)


def run_until(folder: Path, dead: int) -> dict[str, int]:
    """Start Segue, wait until so many dead letters are left, stop; gives the events delivered."""

    async def live() -> dict[str, int]:
        async with started(folder) as process:
            await until(process, dead, folder)
            sandbox = process.addresses.sandbox
            people = await asyncio.to_thread(control, sandbox, "GET", "/people")
            if not people["total"]:
                return {}
            person = await asyncio.to_thread(control, sandbox, "GET", "/people/u1")
            return {event["name"]: 1 for event in person["events"]}

    return asyncio.run(live())


def test_retry_sends_a_letter_again(lived_in: Path) -> None:
    """The partner takes it this time; what died of its mapping is left, the books still add up."""
    ran = segue("dead", "retry", "--reason", REFUSED, folder=lived_in)
    assert ran.code == 0
    assert "1 dead letter will be sent again" in ran.out
    delivered = run_until(lived_in, dead=1)
    assert [name[:7] for name in delivered] == ["Refused"]
    assert reasons(lived_in) == [UNMAPPED]
    [told] = segue("trace", "rf-1", "--json", folder=lived_in).json["events"]
    assert told["destinations"][0]["state"] == "delivered"
    assert [each["result"] for each in told["destinations"][0]["receipts"]] == ["dead", "delivered"]
    assert "3 delivered" in segue("doctor", folder=lived_in).out
    assert "the books add up" in segue("doctor", folder=lived_in).out


def test_drop_forgets_a_letter_and_keeps_it_counted(lived_in: Path) -> None:
    """It is gone from the list and still dead in the books."""
    [letter] = segue("dead", "list", "--json", "--reason", UNMAPPED, folder=lived_in).json
    ran = segue("dead", "drop", letter["id"], folder=lived_in)
    assert ran.code == 0
    assert "1 dead letter will be forgotten" in ran.out
    assert run_until(lived_in, dead=1) == {}
    assert reasons(lived_in) == [REFUSED]
    assert "2 dead, 2 delivered" in segue("doctor", folder=lived_in).out


def test_all_means_all(lived_in: Path) -> None:
    """Said outright, as it cannot be undone."""
    assert segue("dead", "drop", "--all", folder=lived_in).code == 0
    run_until(lived_in, dead=0)
    assert reasons(lived_in) == []


@pytest.mark.parametrize("command", ["retry", "drop"])
@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ((), 2, "or --all"),
        (("5-3-x", "--reason", "A"), 2, "ids or filters, not both"),
        (("nothing",), 1, "Nothing matches."),
        (("--reason", "NONE"), 1, "Nothing matches."),
        (("--all", "-d", "brase"), 2, 'there is no destination "brase"; there is: braze'),
    ],
)
def test_what_is_not_clear_changes_nothing(
    furnished: Path, command: str, options: tuple[str, ...], code: int, says: str
) -> None:
    """An empty command does not mean everything."""
    ran = segue("dead", command, *options, folder=furnished)
    assert ran.code == code
    assert says in ran.out + ran.err
    assert len(reasons(furnished)) == 2


def test_a_letter_that_is_not_there_is_named(furnished: Path) -> None:
    """With the command that shows those there are."""
    ran = segue("dead", "show", "5-9-[/x]-0", folder=furnished)
    assert ran.code == 2
    assert 'no dead letter "5-9-[/x]-0"; segue dead list' in ran.err


def test_an_id_that_is_none_is_named_beside_those_that_are_taken_up(lived_in: Path) -> None:
    """A slip of the finger does not go unseen: the others are asked for, exit code 1."""
    letter, *_ = segue("dead", "list", "--json", folder=lived_in).json
    ran = segue("dead", "drop", letter["id"], "9-9-\x1b[31mslip-0", folder=lived_in)
    assert ran.code == 1
    assert "1 dead letter will be forgotten" in ran.out
    assert 'there is no dead letter "9-9-\N{REPLACEMENT CHARACTER}[31mslip-0"' in ran.err
    twice = segue("dead", "drop", letter["id"], letter["id"], folder=lived_in)
    assert (twice.code, "1 dead letter will be" in twice.out) == (0, True)

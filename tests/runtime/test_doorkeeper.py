"""The doorkeeper and its book: what was refused is known over restarts, within bounds, and counted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs
from tests.web.door import served

from segue.engine.erasure import mentions
from segue.engine.intake import SAMPLE_BYTES, Rejection
from segue.io.storage import refusals
from segue.io.storage.refusals import DAY_MS, RefusalBook, RefusalReader, Refused, RefusedCount, RefusedKey
from segue.io.storage.token import keep_token
from segue.runtime.clock import HandClock
from segue.runtime.doorkeeper import MESSAGE_LENGTH, UNWRITTEN, Doorkeeper
from segue.runtime.refusals import rejections
from segue.runtime.settings import Settings
from segue.web.app import Receive, Scope, Send
from segue.web.control import create_control_app

NOW_MS = 20_000 * DAY_MS + 1
TODAY = RefusedKey(20_000, "web", "track", "no_user_anon_id")


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[RefusalBook]:
    made = await RefusalBook.open(tmp_path / "refusals.db")
    yield made
    await made.close()


def rejection(number: int, code: str = "no_user_anon_id", sample: bytes = b"{}", count: int = 1) -> Rejection:
    return Rejection(
        source="web", kind="track", code=code, message="no ids", message_id=f"m{number}", sample=sample,
        count=count,
    )  # fmt: skip


async def test_what_was_refused_is_there_after_a_restart(book: RefusalBook, tmp_path: Path) -> None:
    """Without closing anything: a killed process closes nothing. Trace finds it by its messageId."""
    keeper = Doorkeeper(HandClock(), book)
    keeper.note(rejection(1), NOW_MS)
    keeper.note(rejection(2, "too_many_events", count=2_501), NOW_MS + 1)
    keeper.note(Rejection(source="", kind="", code="invalid_json", message="no JSON", count=0), NOW_MS + 2)
    await keeper.write()
    reader = await RefusalReader.open(tmp_path / "refusals.db")
    try:
        found = await reader.find()
        assert [(one.at_ms, one.code, one.count) for one in found] == [
            (NOW_MS, "no_user_anon_id", 1),
            (NOW_MS + 1, "too_many_events", 2_501),
            (NOW_MS + 2, "invalid_json", 0),
        ]
        assert await reader.find(message_id="m1") == found[:1]
        assert await reader.find(source="web", code="too_many_events") == found[1:2]
        assert await reader.counts() == {
            TODAY: RefusedCount(events=1),
            TODAY._replace(code="too_many_events"): RefusedCount(events=2_501),
            RefusedKey(20_000, "", "", "invalid_json"): RefusedCount(requests=1),
        }
    finally:
        await reader.close()


async def test_a_flood_is_counted_to_the_last_and_kept_in_part(book: RefusalBook) -> None:
    """The newest of a source and reason wait to be written; another reason keeps its place."""
    keeper = Doorkeeper(HandClock(), book)
    keeper.note(rejection(0, "too_deep"), NOW_MS)
    for number in range(5 * UNWRITTEN):
        keeper.note(rejection(number), NOW_MS)
    await keeper.write()
    flood = await book.find(code="no_user_anon_id")
    assert [one.message_id for one in flood] == [f"m{n}" for n in range(4 * UNWRITTEN, 5 * UNWRITTEN)]
    assert len(await book.find(code="too_deep")) == 1
    assert (await book.counts())[TODAY] == RefusedCount(events=5 * UNWRITTEN)


async def test_the_book_stays_within_its_bounds(book: RefusalBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number for each source and code and in all, by age for samples and for days; counts stay."""
    monkeypatch.setattr(refusals, "KEPT_EACH", 3)
    monkeypatch.setattr(refusals, "KEPT_IN_ALL", 5)
    for code in ("a", "b", "c"):
        told = [
            Refused(at_ms=NOW_MS + n, source="web", kind="", code=code, message="", message_id=f"{code}{n}",
                    count=1, sample="")
            for n in range(4)
        ]  # fmt: skip
        await book.write(told, {TODAY._replace(code=code): RefusedCount(events=4)})
    assert [one.message_id for one in await book.find()] == ["b2", "b3", "c1", "c2", "c3"]
    await book.prune(NOW_MS + 3 + 60_000, 60_000)
    assert [one.message_id for one in await book.find()] == ["b3", "c3"]
    assert sum(count.events for count in (await book.counts()).values()) == 12
    await book.prune(NOW_MS + 30 * DAY_MS, 60_000)
    assert len(await book.counts()) == 3
    await book.prune(NOW_MS + 31 * DAY_MS, 60_000)
    assert await book.counts() == {}


async def test_the_sample_of_somebody_can_be_removed(book: RefusalBook) -> None:
    """It is in no other place then, and what was counted stays counted."""
    keeper = Doorkeeper(HandClock(), book)
    for number, user in enumerate((b"ada", b"adam")):
        keeper.note(rejection(number, sample=b'{"type":"track","userId":"%s"}' % user), NOW_MS)
    assert len(keeper.rejections()) == 2
    await keeper.write()
    assert keeper.rejections() == []
    assert await book.forget(lambda text: mentions(text, {"ada"})) == 1
    assert [one.message_id for one in await book.find()] == ["m1"]
    assert (await book.counts())[TODAY] == RefusedCount(events=2)


async def test_hostile_texts_are_kept_short_and_shown_as_text(book: RefusalBook) -> None:
    """Bytes that are no UTF-8, NUL, half a surrogate pair: nothing stops the writing."""
    keeper = Doorkeeper(HandClock(), book)
    hostile = Rejection(
        source="", kind="", code="invalid_json", message="\ud800" + "x" * 9_000, message_id="m\ud800\x00",
        sample=b"\x00\xff\x1b[2J", count=0,
    )  # fmt: skip
    keeper.note(hostile, NOW_MS)
    await keeper.write()
    (found,) = await book.find(message_id="m?\x00")
    assert len(found.message) == MESSAGE_LENGTH
    assert found.sample == "\x00\N{REPLACEMENT CHARACTER}\x1b[2J"
    assert await book.find(message_id="m\udcff\x00") == [found]


async def test_a_full_disk_loses_no_count(book: RefusalBook) -> None:
    """What could not be written is written later, with what came meanwhile; the trouble is told once."""
    limit = "PRAGMA max_page_count = {}".format
    await book._database.read(lambda session: session.execute(limit(1)))
    keeper = Doorkeeper(HandClock(), book)
    with capture_logs() as logs:
        for number in range(3):
            keeper.note(rejection(number, sample=b"x" * SAMPLE_BYTES * 4), NOW_MS)
            await keeper.write()
    assert [line["event"] for line in logs] == ["refusals_not_written"]
    assert "the disk is full" in logs[0]["error"]
    assert await book.find() == []
    assert await book.counts() == {}
    await book._database.read(lambda session: session.execute(limit(100_000)))
    await keeper.write()
    assert [one.message_id for one in await book.find()] == ["m0", "m1", "m2"]
    assert await book.counts() == {TODAY: RefusedCount(events=3)}


async def test_what_is_written_between_two_looks_is_shown_once(
    book: RefusalBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves the memory of the process and comes into its book while somebody looks into both."""
    keeper = Doorkeeper(HandClock(), book)
    control = create_control_app(keep_token(tmp_path), rejections=keeper.rejections)
    find = RefusalReader.find

    async def answer_and_write(scope: Scope, receive: Receive, send: Send) -> None:
        await control(scope, receive, send)
        await keeper.write()

    async def find_and_write(*given: Any, **asked: Any) -> list[Refused]:
        found = await find(*given, **asked)
        await keeper.write()
        return found

    monkeypatch.setattr(RefusalReader, "find", find_and_write)
    async with served(answer_and_write) as url:
        settings = Settings(data=tmp_path, port=urlsplit(url).port)
        for number in range(3):
            keeper.note(rejection(number), NOW_MS + number)
            shown = await rejections(settings)
            assert [one.message_id for one in shown] == [f"m{each}" for each in range(number + 1)]

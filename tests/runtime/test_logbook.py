"""The log says what happens, and never about whom or with which key."""

import io
import json
import logging

import structlog

from segue.model.errors import LogUnavailable
from segue.runtime.clock import HandClock
from segue.runtime.logbook import KEYS, LINES, Mask, open_logbook


class Book:
    """A logbook in memory."""

    def __init__(self, **options: object) -> None:
        self.mask = Mask()
        self.stream = io.StringIO()
        open_logbook(self.stream, mask=self.mask, now_ms=HandClock().now_ms, **options)  # type: ignore[arg-type]  # by name
        self.log = structlog.get_logger("segue.courier")

    def lines(self) -> list[dict[str, object]]:
        """The lines written, each as its JSON object."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_room() -> None:
    """Without a terminal the automatic style is JSON."""
    book = Book()
    book.log.warning("destination_held", destination="braze", code="TOO_MANY_REQUESTS", wait_seconds=2.5)
    assert book.lines() == [
        {
            "at": "2026-01-01T00:00:00.000Z",
            "level": "warning",
            "room": "courier",
            "event": "destination_held",
            "destination": "braze",
            "code": "TOO_MANY_REQUESTS",
            "wait_seconds": 2.5,
        }
    ]


def test_only_keys_of_the_list_pass() -> None:
    """An e-mail address or a payload given by mistake is withheld; its key's name tells the developer."""
    book = Book()
    book.log.info("started", email="ann@example.com", traits={"a": 1}, user_id="u1", version="1")
    [line] = book.lines()
    assert line["withheld"] == ["email", "traits", "user_id"]
    assert "ann@example.com" not in book.stream.getvalue()


def test_a_line_nobody_declared_loses_its_words() -> None:
    """A sentence built at run time may hold anything, so only declared names are written."""
    book = Book()
    book.log.info("could not deliver to ann@example.com")
    assert book.lines()[0]["event"] == "undeclared"


def test_secrets_are_blotted_out_wherever_they_stand() -> None:
    """Longer secrets first, inside longer text and lists too; short values of variables are no secrets."""
    book = Book(style="json")
    book.mask.add(["k3y-abcdef", "k3y-abcdef-long", "8080"])
    book.log.info("started", reason="Bearer k3y-abcdef-long", addresses=["http://x:8080/?k=k3y-abcdef"])
    assert book.lines()[0]["reason"] == "Bearer ***"
    assert book.lines()[0]["addresses"] == ["http://x:8080/?k=***"]


def test_structures_and_long_texts_are_cut() -> None:
    """A value is a number, a short text or a list of those; anything else is only named."""
    book = Book()
    book.log.info("started", reason="x" * 5000, file={"a": "b"}, code=b"bytes")
    [line] = book.lines()
    assert line["reason"] == "x" * 400 + "…"
    assert (line["file"], line["code"]) == ("(dict)", "(bytes)")


def test_an_error_is_shown_by_kind_and_place_and_only_ours_by_words() -> None:
    """Other libraries quote what they choke on; ours promise not to."""
    book = Book()
    for error in (ValueError("invalid: ann@example.com"), LogUnavailable("disk full")):
        try:
            raise error
        except (ValueError, LogUnavailable):
            book.log.exception("append_failed")
    foreign, ours = book.lines()
    assert foreign["error"] == "ValueError"
    assert str(foreign["error_at"]).startswith("['test_logbook.py:")
    assert "ann@" not in book.stream.getvalue()
    assert (ours["error"], ours["error_words"], ours["level"]) == ("LogUnavailable", "disk full", "error")


def test_less_important_lines_are_left_out() -> None:
    """The level is the least important one written."""
    book = Book(level="warning")
    book.log.info("started")
    book.log.error("role_failed")
    assert [line["event"] for line in book.lines()] == ["role_failed"]


def test_libraries_speak_through_the_same_book_without_values() -> None:
    """The template of a record is kept, what was put into it is not."""
    book = Book()
    logging.getLogger("aiohttp.client").warning("could not reach %s", "https://ann:pw@example.com")
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task ann@example.com>")
    logging.getLogger("py.warnings").warning("%s", "x.py:1: DeprecationWarning: ann@example.com")
    reach, task, warned = book.lines()
    assert (reach["library"], reach["said"], reach["room"]) == (
        "aiohttp.client",
        "could not reach %s",
        "libraries",
    )
    assert warned["said"] == "%s"
    assert warned["said"] == "%s"
    assert task["said"] == "Task exception was never retrieved"
    assert "ann" not in book.stream.getvalue()


def test_people_get_a_pretty_line() -> None:
    """The same filter, another form."""
    book = Book(style="pretty")
    book.log.info("started", email="ann@example.com", version="0.1.0")
    text = book.stream.getvalue()
    assert "started" in text
    assert "0.1.0" in text
    assert "ann@" not in text


def test_a_broken_pipe_does_not_stop_the_process() -> None:
    """Whoever reads the log may go away; deliveries go on."""
    book = Book()
    book.stream.close()
    book.log.info("started")


def test_every_line_and_key_is_declared_once_with_its_meaning() -> None:
    """The declarations are complete enough to print."""
    names = [line.event for line in LINES]
    assert len(names) == len(set(names))
    assert all(line.meaning.endswith(".") for line in LINES)
    assert list(KEYS) == sorted(KEYS)

"""send: events from a file to the tracking API, whatever form the file has and whatever the server says."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.house import KEY, PAGE, TRACK, beside, segue, workspace

from segue.cli.post import BATCH_BYTES, BATCH_EVENTS, cut, read_events
from segue.cli.serve import Running


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Segue to send to."""
    with beside(workspace(tmp_path_factory.mktemp("live"))) as process:
        yield process


class Door(http.server.BaseHTTPRequestHandler):
    """A tracking API that answers what it is told to, in turn, and 200 at last."""

    answers: list[tuple[int, bytes]]
    bodies: list[Any]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status, text = self.answers.pop(0) if self.answers else (200, b'{"success":true}')
        self.bodies.append((self.path, self.headers["authorization"], json.loads(body)))
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def door(*answers: tuple[int, bytes]) -> Iterator[tuple[str, list[Any]]]:
    """Its address, and the requests it gets."""
    kind = type("Told", (Door,), {"answers": list(answers), "bodies": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", kind.bodies
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("content", "events"),
    [
        (json.dumps(TRACK), 1),
        (json.dumps(TRACK, indent=2), 1),
        (json.dumps([TRACK, PAGE]), 2),
        (json.dumps({"batch": [TRACK, PAGE], "sentAt": "2026-11-24T10:00:00Z"}), 2),
        (f"{json.dumps(TRACK)}\n\n{json.dumps(PAGE)}\n", 2),
        ("\ufeff" + json.dumps(TRACK), 1),
    ],
    ids=["object", "indented", "list", "batch", "lines", "byte order mark"],
)
def test_events_come_as_object_list_batch_or_lines(
    folder: Path, live: Running, content: str, events: int
) -> None:
    """The receiver has accepted that many more."""
    receiver = live.house.receiver
    assert receiver is not None
    before = sum(receiver.counts().accepted.values())
    ran = segue("send", "-", "--url", live.addresses.door, "--json", folder=folder, stdin=content.encode())
    assert (ran.code, ran.json) == (0, {"events": events, "requests": 1})
    assert sum(receiver.counts().accepted.values()) - before == events


def test_a_file_is_sent_with_the_sources_own_key(folder: Path) -> None:
    """The workspace knows key and prefix; the text says what to do next."""
    (folder / "event.json").write_text(json.dumps(TRACK), encoding="utf-8")
    with door() as (url, bodies):
        ran = segue("send", "event.json", "--url", url + "/", folder=folder)
    assert ran.code == 0
    assert "Sent 1 event in 1 request." in ran.out
    assert bodies == [("/v1/batch", "Basic d2tfd2ViOg==", {"batch": [TRACK]})]


def test_key_and_url_together_need_no_workspace(tmp_path: Path) -> None:
    """Sending to a Segue elsewhere works from an empty folder."""
    with door() as (url, bodies):
        ran = segue("send", "-", "--url", url, "-k", KEY, folder=tmp_path, stdin=json.dumps(TRACK).encode())
    assert ran.code == 0
    assert len(bodies) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no event"),
        (b'{"type":"track"}\n{"type":\n{}', "line 2"),
        (b'\n\n{"a":1}\nnot json', "line 4"),
        (b"\xff\xfe\x00", "line 1"),
        (b"[" * 50_000, "line 1 is not JSON"),
        (b'{"a": NaN}', "line 1 is not JSON"),
        (b"17", "object"),
        (b'[{"type":"track"}, 3]', "object"),
        (b'{"a":"\\ud800"}', "line 1 is not JSON"),
    ],
)
def test_what_is_no_event_is_named_before_anything_is_sent(folder: Path, content: bytes, says: str) -> None:
    """The line when it is a file of lines; nothing was sent."""
    with door() as (url, bodies):
        ran = segue("send", "-", "--url", url, folder=folder, stdin=content)
    assert ran.code == 2, ran
    assert says in ran.err
    assert bodies == []


def test_a_server_that_is_not_there_is_said_with_the_way_to_start_it(folder: Path) -> None:
    """Exit code 3: try later."""
    ran = segue("send", "-", "--url", "http://127.0.0.1:9", folder=folder, stdin=json.dumps(TRACK).encode())
    assert ran.code == 3
    assert "nobody answers at http://127.0.0.1:9/v1/batch" in ran.err
    assert "is segue run running?" in ran.err


@pytest.mark.parametrize(
    "url", ["ftp://example.com", "http://", "no scheme", "http://[::1", "http://127.0.0.1:99999"]
)
def test_an_address_that_is_none_is_named(folder: Path, url: str) -> None:
    """Whatever is typed, the answer is a sentence with it."""
    ran = segue("send", "-", "--url", url, folder=folder, stdin=json.dumps(TRACK).encode())
    assert ran.code in (2, 3)
    assert url in ran.err


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_come_again_is_asked_again(folder: Path, status: int) -> None:
    """The same batch, until it is taken."""
    with door((status, b"{}"), (status, b"{}")) as (url, bodies):
        ran = segue("send", "-", "--url", url, "--json", folder=folder, stdin=json.dumps(TRACK).encode())
    assert (ran.code, ran.json) == (0, {"events": 1, "requests": 1})
    assert len(bodies) == 3
    assert bodies[0] == bodies[1] == bodies[2]


def test_a_refusal_is_shown_in_the_servers_words(folder: Path, live: Running) -> None:
    """It is not tried again: an unknown key stays unknown."""
    content = json.dumps(TRACK).encode()
    ran = segue("send", "-", "--url", live.addresses.door, "-k", "wk_nobody", folder=folder, stdin=content)
    assert ran.code == 2
    assert "answered 400" in ran.err
    assert "key" in ran.err


def test_many_events_travel_in_batches_within_the_limits() -> None:
    """In order, none lost, none of them too large; an event over the limit travels alone."""
    events = [b"%d" % n + b"x" * (n % 3000) for n in range(1200)] + [b"1200" + b"y" * BATCH_BYTES]
    batches = list(cut(events))
    assert [event for batch in batches for event in batch] == events
    assert all(len(batch) <= BATCH_EVENTS for batch in batches)
    assert all(len(b",".join(batch)) <= BATCH_BYTES for batch in batches[:-1])
    assert len(batches[-1]) == 1


def test_events_leave_byte_for_byte_as_they_stand(folder: Path) -> None:
    """A long number is not rounded on the way, a repeated name not merged."""
    content = b'{"type":"track", "n":12345678901234567890123456789, "a":1.10, "a":"\\u0041"}'
    assert read_events(content) == [content]
    assert read_events(b" [ " + content + b", " + content + b"]") == [content, content]
    with door() as (url, bodies):
        segue("send", "-", "--url", url, folder=folder, stdin=content)
    assert bodies[0][2]["batch"][0]["n"] == 12345678901234567890123456789

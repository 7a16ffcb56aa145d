"""The fixtures for other people's tests, used as other people do."""

import http.client
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.sandbox.client import Client

pytest_plugins = ["segue.testing"]

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
EVENT = {"external_id": "ann", "name": "Hi", "time": "2026-01-01"}


def track(braze, **arrays):
    """A call by a client that knows nothing of asyncio."""
    where = urlsplit(braze.url)
    connection = http.client.HTTPConnection(where.hostname, where.port)
    headers = {"authorization": f"Bearer {braze.key}", "content-type": "application/json"}
    connection.request("POST", "/users/track", json.dumps(arrays), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body)


def test_a_served_braze_remembers_what_a_test_did(braze):
    """Looked at from the test's own thread."""
    assert track(braze, events=[EVENT], attributes=[{"external_id": "ann", "plan": "gold"}])[0] == 201
    assert braze.person("ann")["custom"] == {"plan": "gold"}
    assert braze.do(lambda: len(braze.app.world.workspaces["sandbox"].people)) == 1


@pytest.mark.parametrize("again", [1, 2])
def test_every_test_gets_an_empty_braze(braze, again):
    """Whatever the one before left: people, faults, switches, time."""
    assert braze.person("ann") is None
    assert track(braze, events=[EVENT])[0] == 201
    braze.fault(path="/users/track", status=503, count=5)
    braze.switch(profile="legacy")
    braze.advance(86_400)
    assert track(braze, events=[EVENT])[0] == 503
    assert [entry["status"] for entry in braze.requests()] == [201, 503]
    assert len(braze.requests(bad=True)) == 1
    assert braze.requests(warned=True) == []


def test_people_are_there_before_a_test_begins(braze):
    """As the REST API takes them; one who is no good lets nobody in."""
    braze.populate(attributes=[{"external_id": "ann", "plan": "gold"}], events=[EVENT])
    assert braze.person("ann")["event_summaries"]["Hi"]["count"] == 1
    assert braze.requests() == []
    with pytest.raises(ValueError, match=r"people\.events\[0\]: 'time' is required"):
        braze.populate(attributes=[{"external_id": "bob"}], events=[{"external_id": "bob", "name": "Hi"}])
    assert braze.person("bob") is None


def test_a_refused_operation_says_why(braze):
    """As an error, with the words of the control API."""
    with pytest.raises(ValueError, match="POST /currents/emit: event 'x' is unknown"):
        braze.control("POST", "/currents/emit", {"type": "x", "person": "ann"})
    braze.seed({"workspaces": [{"id": "eu"}], "keys": [{"key": "k", "workspace": "eu"}]})
    assert [one["key"] for one in braze.control("GET", "/keys")["keys"]] == ["sandbox", "k"]


async def test_an_in_process_braze_has_a_clock_that_waits(braze_app):
    """It stands still until it is pushed."""
    clock = braze_app.world.clock
    before = clock.now_ms()
    answer = await Client(braze_app, clock.source).track(events=[EVENT])
    assert answer.status == 201
    clock.advance(60)
    assert clock.now_ms() == before + 60_000


def test_the_sample_of_the_page_runs(tmp_path):
    """In an empty folder, with the plugin alone."""
    sample = re.search(r"```python\n(def test_.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert sample is not None
    (tmp_path / "test_sample.py").write_text(sample[1], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "segue.testing", "-p", "no:asyncio", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout

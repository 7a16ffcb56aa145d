"""An independent public client, `braze-client`, unmodified, run against the sandbox.

Its release pins a retry library that no longer imports on Python 3.11, so it is installed without its
dependencies, in a folder of its own under `.make` (`make setup-test`), beside the newer ones the tests have.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.sandbox.rules import CLIENTS, rule

from segue.sandbox.app import create_app, running
from segue.sandbox.faults import Fault
from segue.sandbox.seed import Key, Seed
from segue.sandbox.workspace import Campaign, Furnishing

HERE = Path(__file__).parent / "peer"
HOME = Path(__file__).parents[2] / ".make" / "braze-client"


@pytest.fixture(scope="module")
def peer() -> Path:
    """The folder that has the client, which `make setup-test` fills."""
    assert (HOME / "braze" / "client.py").exists(), f"{HOME} lacks the client: run make setup-test"
    return HOME


@rule("braze-client from PyPI, unmodified, works and reads every answer as it expects", "O", CLIENTS)
async def test_an_independent_client_reads_our_answers(peer: Path):
    """Every method it has: success, partial errors, refusals, exports, deletion, schedules; 503 and 429."""
    furnishing = Furnishing(campaigns=[Campaign(id="welcome", name="Welcome")])
    app = create_app(seed=Seed(workspaces=[furnishing], keys=[Key(key="sandbox")]))
    async with running(app) as url:
        app.world.faults.add(Fault(path="/users/track", skip=5, status=503, count=1))
        limit = Fault(path="/users/track", skip=7, status=429, header_style="epoch", wait_seconds=0, count=1)
        app.world.faults.add(limit)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            HERE / "calls.py",
            url,
            env={**os.environ, "PYTHONPATH": str(peer)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    whole, partial, none, many, wrong, export, by_email, no_fields, delete, retried, again, later, limited = (
        json.loads(out)
    )

    def answered(answer: dict[str, Any]) -> Any:
        return answer["success"], answer["status_code"], answer["message"], answer["errors"]

    assert answered(whole) == (True, 201, "success", [])
    assert (whole["attributes_processed"], whole["events_processed"], whole["purchases_processed"]) == (
        1,
        1,
        1,
    )
    missing = {
        "type": "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required",
        "input_array": "events",
    }
    assert answered(partial) == (False, 201, "success", [{**missing, "index": 1}])
    fatal = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
    assert none == ["BrazeClientError", [fatal, str([{**missing, "index": 0}])]]
    assert many == ["BrazeClientError", ["Max Input Length Exceeded", "[]"]]
    assert wrong == ["BrazeClientError", ["Invalid API Key", "[]"]]
    assert export["users"] == [{"external_id": "ann", "email": "ann@example.com"}]
    assert export["invalid_user_ids"] == ["nobody"]
    assert by_email["users"] == [{"first_name": "Ann"}]
    assert no_fields == ["BrazeClientError", ["'fields_to_export' is required", "[]"]]
    assert (delete["deleted"], delete["success"]) == (1, True)
    assert answered(retried) == answered(again) == (True, 201, "success", [])
    statuses = [entry.status for entry in app.world.journal.entries if entry.path == "/users/track"]
    assert answered(later) == (True, 201, "success", [])
    assert later["dispatch_id"] != later["schedule_id"]
    assert app.world.waiting == 1
    assert answered(limited) == (True, 201, "success", [])
    assert statuses == [201, 201, 400, 400, 401, 503, 201, 201, 429, 201]

"""The control API thrown at with whatever its own OpenAPI document allows, and a bit more."""

import asyncio
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from requests import Request
from schemathesis import Case
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import BaseSchema
from tests.sandbox.client import Client, client

PARTS: Final = 8
"""The operations are dealt out to so many tests. What each throws, thousands of requests in all, it finds
when it runs: found while tests are collected, every worker would look for all of it."""


@pytest.fixture(scope="module")
def caller() -> Client:
    """One sandbox for all that is thrown."""
    return client(state_file=":memory:")


@pytest.fixture(scope="module")
def schema(caller: Client) -> BaseSchema:
    """What its control API says of itself."""
    return schemathesis.openapi.from_asgi("/_sandbox/openapi.json", caller.app)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_control_request_makes_the_sandbox_fail(schema: BaseSchema, caller: Client, part: int) -> None:
    """Never a 5xx: at every border of what an operation takes, and at some things drawn at random."""
    operations = [found.ok() for found in schema.get_all_operations()][part::PARTS]
    assert len(operations) >= 5
    with asyncio.Runner() as runner:

        @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
        def throw(case: Case) -> None:
            status = runner.run(_status(caller, case))
            assert status < 500, case.as_curl_command()

        for operation in operations:
            config = HypothesisTestConfig(modes=list(HypothesisTestMode), project=schema.config)
            drawn: Any = create_test(operation=operation, test_func=throw, config=config)
            for border in getattr(drawn, "hypothesis_explicit_examples", ()):
                throw(border.kwargs["case"])
            drawn.hypothesis_explicit_examples = []
            drawn()


async def _status(caller: Client, case: Case) -> int:
    """What the sandbox answers."""
    request = Request(**case.as_transport_kwargs(base_url="http://sandbox")).prepare()
    raw = request.body or b""
    raw = raw.encode() if isinstance(raw, str) else raw
    named = {name.lower(): value for name, value in request.headers.items()}
    headers = {"authorization": "", "content-type": "", **named}
    answer = await caller.send(str(request.method), request.path_url, raw=raw, headers=headers)
    return answer.status

"""The control API thrown at with whatever its own OpenAPI document allows, and a bit more."""

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error

from segue.sandbox.app import create_app

schema = schemathesis.openapi.from_asgi("/_sandbox/openapi.json", create_app(state_file=":memory:"))


@schema.parametrize()
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_control_request_makes_the_sandbox_fail(case):
    """Never a 5xx."""
    case.call_and_validate(checks=[not_a_server_error])

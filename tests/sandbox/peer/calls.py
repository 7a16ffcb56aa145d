"""What the independent client is asked to do; run by its own Python with the sandbox's address.

Prints one JSON list: the answer of each call, or the name and words of the error it raised.
"""

import json
import sys

from braze.client import BrazeClient

NOW = "2026-01-01T10:00:00Z"
ANN = {"external_id": "ann", "email": "ann@example.com", "first_name": "Ann", "plan": "gold"}
BUY = {"external_id": "ann", "product_id": "p", "currency": "USD", "price": 9.5, "time": NOW}


def attempt(call, **more):
    """One call: its answer, or what it raised."""
    try:
        return call(**more)
    except Exception as fault:
        return [type(fault).__name__, [str(one) for one in fault.args]]


def main(url: str) -> None:
    """All of the calls, in order."""
    client = BrazeClient(api_key="sandbox", api_url=url)
    wrong = BrazeClient(api_key="nope", api_url=url)
    event = {"external_id": "ann", "name": "Signed Up", "time": NOW}
    answers = [
        attempt(client.user_track, attributes=[ANN], events=[event], purchases=[BUY]),
        attempt(client.user_track, events=[event, {"name": "No id", "time": NOW}]),
        attempt(client.user_track, events=[{"name": "No id", "time": NOW}]),
        attempt(client.user_track, events=[event] * 76),
        attempt(wrong.user_track, events=[event]),
        attempt(
            client.user_export, external_ids=["ann", "nobody"], fields_to_export=["external_id", "email"]
        ),
        attempt(client.user_export, email="ann@example.com", fields_to_export=["first_name"]),
        attempt(client.user_export, external_ids=["ann"]),
        attempt(client.user_delete, external_ids=["ann", "nobody"]),
        attempt(client.user_track, events=[event]),
        attempt(client.user_track, events=[event]),
    ]
    answers.append(
        attempt(
            client.campaign_trigger_schedule_create,
            campaign_id="welcome",
            schedule={"time": "2999-01-01T10:00:00Z"},
            recipients=[{"external_user_id": "ann"}],
        )
    )
    answers.append(attempt(client.user_track, attributes=[ANN]))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])

"""Messages written into the call, and send ids: every documented refusal, and who gets something."""

from tests.sandbox.client import client
from tests.sandbox.rules import ERRORS, Case, rule, table

SEND = "Send messages immediately via API only"
IDS = "Create send IDs"
MAIL = {"email": {"app_id": "a", "subject": "Hi", "body": "Hello"}}
CAMPAIGN = {"id": "c", "name": "C", "messages": {"v1": {"channel": "email"}, "v2": {"channel": "webhook"}}}


async def sandbox():
    """Ann and Bob with addresses, a segment of Ann, a campaign with two variations."""
    made = client()
    await made.track(
        attributes=[
            {"external_id": "ann", "email": "ann@example.com", "plan": "gold"},
            {"external_id": "bob", "email": "bob@example.com"},
        ]
    )
    segment = {"id": "gold", "name": "Gold", "attribute": "plan", "value": "gold"}
    assert (await made.post("/_sandbox/segments", segment)).status == 201
    assert (await made.post("/_sandbox/campaigns", CAMPAIGN)).status == 201
    return made


async def received(made):
    """Whose history has an email that was sent."""
    people = [(name, await made.person(name)) for name in ("ann", "bob")]
    return [name for name, one in people if any("email.Send" in m["type"] for m in one["messages"])]


@table(
    [
        Case("to external ids, each once", "D", SEND, {"external_user_ids": ["bob", "bob", "x"]}, ["bob"]),
        Case("to a segment", "D", SEND, {"segment_id": "gold"}, ["ann"]),
        Case("to everybody", "D", SEND, {"broadcast": True}, ["ann", "bob"]),
        Case(
            "to an audience",
            "D",
            SEND,
            {
                "broadcast": True,
                "audience": {
                    "custom_attribute": {
                        "custom_attribute_name": "plan",
                        "comparison": "equals",
                        "value": "gold",
                    }
                },
            },
            ["ann"],
        ),
    ]
)
async def test_a_message_reaches_whom_it_names(given, expected):
    """With a dispatch id, and the send id echoed."""
    made = await sandbox()
    answer = await made.post("/messages/send", {"messages": MAIL, "send_id": "s1", **given})
    assert (answer.status, answer.json["message"], answer.json["send_id"]) == (201, "success", "s1")
    assert len(answer.json["dispatch_id"]) == 32
    assert await received(made) == expected


def bad(claim, given, expected, mark="D"):
    """A line of the table: what differs from a good call to Ann, and the message of the 400."""
    return Case(claim, mark, ERRORS, given, expected, "texts" if mark == "A" else "")


@table(
    [
        bad("nobody named", {"external_user_ids": []}, "No Recipients"),
        bad("an unknown campaign", {"campaign_id": "x"}, "Invalid Campaign ID"),
        bad(
            "51 recipients",
            {"external_user_ids": [f"u{number}" for number in range(51)]},
            "The max number of external_ids and aliases per request was exceeded",
        ),
        bad("no messages", {"messages": {}}, "No message to send"),
        bad("messages of no channel", {"messages": {"pigeon": {}}}, "No message to send"),
        bad("a campaign without its variation", {"campaign_id": "c"}, "Message Variant Unspecified"),
        bad(
            "an unknown variation",
            {"campaign_id": "c", "messages": {"email": {"message_variation_id": "v9"}}},
            "Invalid Message Variant",
        ),
        bad(
            "a variation of another channel",
            {"campaign_id": "c", "messages": {"email": {"message_variation_id": "v2"}}},
            "Mismatched Message Type",
        ),
        bad(
            "a push whose extra is no object",
            {"messages": {"apple_push": {"alert": "Hi", "extra": "x"}}},
            "Invalid Extra Push Payload",
        ),
        bad(
            "an Apple push over 1,912 bytes",
            {"messages": {"apple_push": {"alert": "é" * 957}}},
            "Apple Push Length Exceeded",
        ),
        bad(
            "an Android push over 4,000 bytes",
            {"messages": {"android_push": {"alert": "x" * 4_001}}},
            "Android Push Length Exceeded",
        ),
        bad(
            "a slideup over 140 characters",
            {"messages": {"slideup": {"message": "é" * 141}}},
            "Slideup Message Length Exceeded",
        ),
        bad("an unknown segment", {"external_user_ids": None, "segment_id": "x"}, "Invalid Segment ID", "A"),
        bad(
            "a broadcast with ids",
            {"broadcast": True},
            "'recipients' must not be provided when 'broadcast' is true",
            "A",
        ),
        bad(
            "half an alias",
            {"user_aliases": [{"alias_name": "a"}]},
            "'user_aliases' is not valid",
            "A",
        ),
    ]
)
async def test_a_bad_message_is_refused(given, expected):
    """And nobody gets anything."""
    made = await sandbox()
    body = {"messages": MAIL, "external_user_ids": ["ann"], **given}
    answer = await made.post("/messages/send", {key: one for key, one in body.items() if one is not None})
    assert (answer.status, answer.json) == (400, {"message": expected})
    assert await received(made) == []


@rule("pushes of exactly 1,912 and 4,000 bytes and a slideup of 140 characters pass", "D", ERRORS)
async def test_the_longest_messages_pass():
    """The texts say exceeded."""
    made = await sandbox()
    messages = {
        "apple_push": {"alert": "x" * 1_912},
        "android_push": {"alert": "x" * 4_000},
        "slideup": {"message": "x" * 140},
    }
    answer = await made.post("/messages/send", {"messages": messages, "external_user_ids": ["ann"]})
    assert answer.status == 201


@rule("a send id is made or taken over; 100 a day", "D", IDS)
async def test_a_send_id_is_created():
    """For a campaign there is."""
    made = await sandbox()
    first = await made.post("/sends/id/create", {"campaign_id": "c"})
    wanted = await made.post("/sends/id/create", {"campaign_id": "c", "send_id": "mine"})
    assert (first.status, len(first.json["send_id"]), wanted.json["send_id"]) == (201, 24, "mine")
    assert first.headers["x-ratelimit-limit"] == "100"
    refused = {"x": ({}, "Invalid Campaign ID"), "c": ({"send_id": ""}, "'send_id' is not valid")}
    for campaign_id, (more, says) in refused.items():
        body = {"campaign_id": campaign_id, **more}
        answer = await made.post("/sends/id/create", body)
        assert (answer.status, answer.json) == (400, {"message": says})

"""Webhook: events as JSON to any web address; a whole destination in one file, the example to copy.

Read it top to bottom: what it asks an operator for, what it can do, how one event is put (`shape`), how
several travel (`build`). What an answer means is left to `segue.kit.action.read_status`: 2xx is delivered,
429 and 5xx are tried again, other 4xx are final.

With a shared secret every request carries ``x-segue-signature: sha256=<hex>``, the HMAC-SHA256 of the body.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from segue.kit.action import Action, Batch, Settings, Shaped, Shaping
from segue.kit.field import Field, pick
from segue.kit.partner import Destination, Preset
from segue.model.delivery import Payload, Request, Row

EVERY_EVENT: Final = 'type != ""'

SIGNATURE: Final = "x-segue-signature"

SETTINGS: Final = {
    "url": Field(
        "string", label="URL", help="The address that receives the events.", required=True, format="uri"
    ),
    "method": Field(
        "string",
        label="Method",
        help="POST unless the receiver asks for another.",
        default="POST",
        choices=pick("POST", "PUT", "PATCH"),
    ),
    "headers": Field("object", label="Headers", help="Sent with each request, for instance authorization."),
    "secret": Field(
        "password",
        label="Shared Secret",
        help="Signs each request, so that the receiver can tell it is yours.",
    ),
}


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """The mapped body itself; a batch needs the events of one request to be put alike."""
    alone = payload.get("enable_batching") is not True
    return Shaped(items=[payload["body"]], context="one" if alone else "list")


def build(rows: Sequence[Row], settings: Settings) -> Request:
    """One event as an object, or as many as there are as a list."""
    items = [item for row in rows for item in row.items]
    alone = rows[0].context == "one" and len(items) == 1
    body = items[0] if alone else b"[" + b",".join(items) + b"]"
    headers = {"content-type": "application/json"}
    headers |= {name.lower(): str(value) for name, value in (settings.get("headers") or {}).items()}
    if secret := settings.get("secret"):
        headers[SIGNATURE] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Request(method=settings.get("method") or "POST", url=settings["url"], headers=headers, body=body)


SEND: Final = Action(
    slug="send",
    title="Send",
    description="Sends an event as JSON.",
    trigger=EVERY_EVENT,
    fields={
        "body": Field(
            "object",
            label="Body",
            help="What is sent; the whole event unless you map something smaller.",
            required=True,
            default={"@path": "$."},
        ),
        "enable_batching": Field(
            "boolean",
            label="Send Lists",
            help="Sends events together as a list, which the receiver must expect.",
            default=False,
        ),
    },
    batch=Batch(items=100, wait_seconds=5.0, bytes=1024 * 1024),
    shape=shape,
    build=build,
)

WEBHOOK: Final = Destination(
    slug="webhook",
    title="Webhook",
    description="Events as JSON to an address of yours.",
    settings=SETTINGS,
    actions=(SEND,),
    presets={
        "ours": (
            Preset(name="Every event", action="send", trigger=EVERY_EVENT, mapping=SEND.default_mapping()),
        )
    },
)

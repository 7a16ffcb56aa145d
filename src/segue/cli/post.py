"""Events from a file to the tracking API, as any sender would send them."""

import base64
import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

import aiohttp
import msgspec
import stamina
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from segue.cli.show import err
from segue.model.errors import InvalidRequest, MisconfiguredError, UnavailableError

BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 400_000
"""Below the tracking API's limits of 2,500 events and 500 KB, with room for the envelope."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class _TryAgainError(UnavailableError):
    """The server is there but asks to come again."""


async def post_events(content: bytes, address: str, write_key: str, *, show: bool = False) -> dict[str, int]:
    """Send events in batches; gives {"events": …, "requests": …}.

    content  one JSON object, a JSON list of objects, or one object a line
    Raises InvalidRequest for content that is no events or that the server refuses, UnavailableError when
    nobody answers. 429 and 503 are tried again.
    """
    events = read_events(content)
    batches = list(cut(events))
    headers = {
        "authorization": "Basic " + base64.b64encode(f"{write_key}:".encode()).decode(),
        "content-type": "application/json",
    }
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TextColumn("events"))
    with Progress(*columns, console=err, disable=not show or len(batches) < 2) as progress:
        task = progress.add_task("send", total=len(events))
        async with aiohttp.ClientSession(headers=headers) as session:
            for batch in batches:
                await _post(session, f"{address}/batch", batch)
                progress.advance(task, len(batch))
    return {"events": len(events), "requests": len(batches)}


def read_events(content: bytes) -> list[bytes]:
    """The events of a file's content, byte for byte as they stand there.

    Raises InvalidRequest naming the line, or the place in a list, of what is not a JSON object.
    """
    text = content.removeprefix(BYTE_ORDER_MARK)
    if not text.strip():
        raise InvalidRequest("empty", "there is no event in it: expected JSON, found nothing")
    whole = _whole(text)
    if whole is not None:
        return [_checked(event, f"event {number} of the list") for number, event in enumerate(whole, 1)]
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [_checked(line, f"line {number}") for number, line in lines if line]


def cut(events: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Batches within the tracking API's limits, in order."""
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and (len(batch) >= BATCH_EVENTS or size + len(event) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event) + 1
    if batch:
        yield batch


class _Envelope(msgspec.Struct):
    """A whole request of an SDK, kept in a file."""

    batch: list[msgspec.Raw]


def _whole(text: bytes) -> list[bytes] | None:
    """The events of content that is one JSON value; None when it is none, so that it may be lines."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    with contextlib.suppress(msgspec.ValidationError):
        return [bytes(event) for event in msgspec.json.decode(text, type=list[msgspec.Raw])]
    with contextlib.suppress(msgspec.ValidationError):
        return [bytes(event) for event in msgspec.json.decode(text, type=_Envelope).batch]
    return [text.strip()]


def _checked(event: bytes, place: str) -> bytes:
    try:
        found = msgspec.json.decode(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest("invalid_json", f"{place} is not JSON: {error}") from error
    if not isinstance(found, dict):
        shown = event[:40].decode("utf-8", "replace")
        raise InvalidRequest("invalid_json", f"{place}: expected a JSON object, found {shown}")
    return event


@stamina.retry(on=_TryAgainError, attempts=8, wait_initial=0.2, wait_max=5.0, timeout=60.0)
async def _post(session: aiohttp.ClientSession, url: str, batch: list[bytes]) -> None:
    try:
        async with session.post(url, data=b'{"batch":[' + b",".join(batch) + b"]}") as answer:
            text = await answer.text()
            if answer.status in (429, 503):
                raise _TryAgainError(f"{url} asks to come again later: {text[:200]}")
            if answer.status != 200:
                raise InvalidRequest("refused", f"{url} answered {answer.status}: {text[:300]}")
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise MisconfiguredError(
            f'"{url}" is no address to send to. Give one such as http://127.0.0.1:8080.'
        ) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # OSError: timeouts; ValueError: a bad port
        raise UnavailableError(f"nobody answers at {url} ({error}); is segue run running?") from error

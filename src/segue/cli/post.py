"""Events from a file to the tracking API, as any sender would send them."""

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

import aiohttp
import stamina
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from segue.cli.show import err
from segue.model.errors import InvalidRequest, UnavailableError

BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 400_000
"""Below the tracking API's limits of 2,500 events and 500 KB, with room for the envelope."""


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


def read_events(content: bytes) -> list[Any]:
    """The events of a file's content. Raises InvalidRequest naming the line that is not JSON."""
    text = content.strip()
    if not text:
        raise InvalidRequest("empty", "there is no event in it")
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, list):
        return whole
    if isinstance(whole, dict):
        return [*whole["batch"]] if isinstance(whole.get("batch"), list) else [whole]
    events = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                events.append(json.loads(line))
            except ValueError as error:
                raise InvalidRequest("invalid_json", f"line {number} is not JSON: {error}") from error
    return events


def cut(events: list[Any]) -> Iterator[list[Any]]:
    """Batches within the tracking API's limits, in order."""
    batch: list[Any] = []
    size = 0
    for event in events:
        length = len(json.dumps(event))
        if batch and (len(batch) >= BATCH_EVENTS or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch


@stamina.retry(on=_TryAgainError, attempts=8, wait_initial=0.2, wait_max=5.0, timeout=60.0)
async def _post(session: aiohttp.ClientSession, url: str, batch: list[Any]) -> None:
    try:
        async with session.post(url, json={"batch": batch}) as answer:
            text = await answer.text()
            if answer.status in (429, 503):
                raise _TryAgainError(f"{url} asks to come again later: {text[:200]}")
            if answer.status != 200:
                raise InvalidRequest("refused", f"{url} answered {answer.status}: {text[:300]}")
    except aiohttp.ClientError as error:
        raise UnavailableError(f"nobody answers at {url} ({error}); is segue run running?") from error

"""A process that serves the tracking API until its disk is full, and reports what was said."""

import resource
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import structlog
from tests.web.door import opened_door

DISK_BYTES = 300 * 1024


async def serve_until_full(reports: Connection, folder: Path) -> None:
    """Send events until three were refused, give room again, send one more; report
    (ids that got 200, statuses, Retry-After values, ids in the log)."""
    random = Random(20261124)
    acknowledged: list[str] = []
    statuses: list[int] = []
    retry_after: set[str] = set()
    with structlog.testing.capture_logs():
        async with opened_door(folder) as door:
            resource.setrlimit(resource.RLIMIT_FSIZE, (DISK_BYTES, resource.RLIM_INFINITY))
            for number in range(10_000):
                if statuses.count(503) == 3:
                    resource.setrlimit(
                        resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                    )
                reply = await door.post("/v1/identify", _event(number, random))
                statuses.append(reply.status)
                if reply.status == 200:
                    acknowledged.append(f"m{number}")
                    if 503 in statuses:
                        break
                else:
                    retry_after.add(reply.headers["Retry-After"])
        async with opened_door(folder) as door:
            kept = [record.message_id for record in await door.records()]
    reports.send((acknowledged, statuses, retry_after, kept))


def _event(number: int, random: Random) -> dict[str, object]:
    """An event that cannot be compressed."""
    return {"userId": "u", "messageId": f"m{number}", "traits": {"noise": random.randbytes(4000).hex()}}

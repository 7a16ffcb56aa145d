"""POST /users/export/segment and /users/export/global_control_group: many profiles as a zip of JSON lines.

Source  Braze docs, "Export user profile by segment", read 2026-11-23
The file can be fetched from the sandbox itself, at the `url` of the answer, while it is among the latest.
One export of a segment runs at a time; how long it runs is a switch. A `callback_endpoint` is told once when
it is over.
"""

import gzip
import io
import itertools
import uuid
import zipfile
from collections.abc import Iterable
from typing import Any

import orjson

from segue.sandbox.clock import iso
from segue.sandbox.exchange import Call, Reply, reply
from segue.sandbox.export import profile
from segue.sandbox.person import Person
from segue.sandbox.texts import Refused

EXPORTS_RUNNING = 100
"""At once, over the whole company."""
USERS_A_FILE = 5_000
ATTRIBUTES = 500
CONTROL_BUCKETS = range(500)
"""Random buckets of the global control group: the sandbox sets 5 % aside."""
_NAMES = uuid.UUID("5e90e000-0000-4000-8000-000000000000")


def export_segment(call: Call) -> Reply:
    """Everybody in a segment."""
    segment = call.workspace.segments.get(str(call.document.get("segment_id")))
    if segment is None:
        raise Refused("segment")
    is_member = call.workspace.members(segment, call.now_ms)
    return _export(call, segment.id, filter(is_member, call.workspace.people))


def export_control_group(call: Call) -> Reply:
    """Everybody who never gets a message."""
    members = (person for person in call.workspace.people if person.random_bucket in CONTROL_BUCKETS)
    return _export(call, "global-control-group", members)


def _export(call: Call, name: str, members: Iterable[Person]) -> Reply:
    fields = call.document.get("fields_to_export")
    if not isinstance(fields, list) or not fields:
        raise Refused("fields-required")
    attributes = call.document.get("custom_attributes_to_export")
    if attributes is not None and (not isinstance(attributes, list) or len(attributes) > ATTRIBUTES):
        raise Refused("not-valid", "custom_attributes_to_export")
    if call.document.get("output_format", "zip") not in ("zip", "gzip"):
        raise Refused("not-valid", "output_format")
    running = call.workspace.exports_running
    if running.get(name, 0) > call.now_ms:
        raise Refused("export-running", status=429)
    others = (run for one in call.world.workspaces.values() for run in one.exports_running.values())
    if sum(end_ms > call.now_ms for end_ms in others) >= EXPORTS_RUNNING:
        raise Refused("rate-limited", status=429)
    running[name] = call.now_ms + call.world.switches.segment_export_ms
    wanted = None if attributes is None else {entry for entry in attributes if isinstance(entry, str)}
    profiles = (_profile(call, person, fields, wanted) for person in members)
    call.world.exports_made += 1
    prefix = f"{uuid.uuid5(_NAMES, f'{name}/{call.world.exports_made}')}-{call.now_ms // 1000}"
    packed, end = (_gzipped, "gz") if call.document.get("output_format") == "gzip" else (_zipped, "zip")
    file = f"{prefix}.{end}"
    if call.world.switches.export_bucket:
        file = f"segment-export/{name}/{iso(call.now_ms)[:10]}/{prefix}/{file}"
    call.world.keep_export(file, packed(profiles))
    answer = {"message": "success", "object_prefix": prefix}
    if not call.world.switches.export_bucket:
        host = call.headers.get(b"host", b"localhost").decode("latin-1")
        answer["url"] = f"http://{host}/_sandbox/exports/{file}"
    if (callback := call.document.get("callback_endpoint")) is not None:
        _tell(call, callback, answer.get("url"), running[name])
    return reply(201, answer)


def _tell(call: Call, callback: Any, url: str | None, ready_ms: int) -> None:
    """Post to an address when the export is over, as it is over."""
    if not isinstance(callback, str) or not callback.startswith(("http://", "https://")):
        call.warn("callback-not-called", "callback_endpoint", "no http address")
        return
    told = (callback, orjson.dumps({"success": True} | ({"url": url} if url else {})))
    call.world.at(ready_ms, lambda now_ms: call.world.callbacks.append(told))


def _profile(call: Call, person: Person, fields: list[Any], wanted: set[str] | None) -> dict[str, Any]:
    document = profile(call, person, fields)
    if wanted is not None:
        kept = {name: value for name, value in person.custom.items() if name in wanted}
        document |= {"custom_attributes": kept} if kept else {}
    return document


def _gzipped(profiles: Iterable[dict[str, Any]]) -> bytes:
    """One gzip of all users, one a line. Assumed: the documents tell of gzip for one's own storage only."""
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", mtime=0) as packed:
        for entry in profiles:
            packed.write(orjson.dumps(entry) + b"\n")
    return held.getvalue()


def _zipped(profiles: Iterable[dict[str, Any]]) -> bytes:
    """A zip with so many users a file, one a line; never more than those in memory unpacked."""
    held, rest = io.BytesIO(), iter(profiles)
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in itertools.count():
            lines = [orjson.dumps(entry) for entry in itertools.islice(rest, USERS_A_FILE)]
            if not lines and number:
                break
            member = zipfile.ZipInfo(f"{number:06d}.txt", (2026, 1, 1, 0, 0, 0))
            archive.writestr(member, b"".join(line + b"\n" for line in lines), zipfile.ZIP_DEFLATED)
    return held.getvalue()

"""Exported sources as ours: id, platform, write keys and whether they are enabled."""

import re
from collections.abc import Mapping
from typing import Final

from segue.engine.migration.export import Export, Item, member, text
from segue.engine.migration.naming import names
from segue.engine.migration.notes import Notes
from segue.model.workspace import Platform, Source

PLATFORMS: Final[Mapping[str, Platform]] = {
    "javascript": "web",
    "amp": "web",
    "ios": "ios",
    "swift": "ios",
    "apple": "ios",
    "android": "android",
    "kotlin": "android",
    "kotlin-android": "android",
    "react-native": "react-native",
}
"""Published slug of a source's type -> where its SDK runs; every other runs on a server.

Source  Segment docs, "Sources catalog", libraries, read 2026-11-24
"""

WRITE_KEY: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
"""What a write key may look like in a workspace."""


def move_sources(export: Export, notes: Notes) -> dict[str, Source]:
    """Every source by its Segment id, in the export's order."""
    items = export.of("source")
    words = {item.id: [text(item.body, "slug"), item.name] for item in items}
    ids = names(words, words, fallback="source")
    owners: dict[str, str] = {}
    return {item.id: _move(item, ids[item.id], owners, notes) for item in items}


def _move(item: Item, id_: str, owners: dict[str, str], notes: Notes) -> Source:
    place = f"sources.{id_}"
    keys = _write_keys(item, id_, owners, notes)
    owners.update(dict.fromkeys(keys, id_))
    metadata = member(item.body, "metadata")
    if metadata.get("isCloudEventSource") is True:
        why = "Segment fetches its events from another service; Segue only receives what is sent to it."
        notes.remark("noted", item, why, "Have the service send to the write key.", place)
    if member(item.body, "settings") or item.body.get("labels"):
        notes.remark("noted", item, "its own settings and labels are not carried over.", place=place)
    enabled = item.body.get("enabled") is not False
    if not enabled:
        notes.remark("noted", item, "it is disabled at Segment and stays so.", place=place)
    return Source(
        id=id_,
        name=item.name,
        platform=PLATFORMS.get(text(metadata, "slug"), "server"),
        write_keys=tuple(keys),
        enabled=enabled,
    )


def _write_keys(item: Item, id_: str, owners: Mapping[str, str], notes: Notes) -> list[str]:
    place = f"sources.{id_}"
    written = item.body.get("writeKeys")
    keys = []
    for key in written if isinstance(written, list) else ():
        if not isinstance(key, str) or not WRITE_KEY.fullmatch(key):
            why = "one of its write keys is not made of letters, digits and . _ ~ - alone."
            notes.remark("changed", item, why, "Give the source another key.", place)
        elif key in owners:
            why = f'the write key {key} already belongs to source "{owners[key]}".'
            notes.remark("changed", item, why, "Give each source keys of its own.", place)
        elif key not in keys:
            keys.append(key)
    if not keys:
        why = "the export holds no write key for it."
        missing = notes.reference(f"{place}.write_keys.0", [id_, "write key"], why)
        keys = [missing.stand_in]
        notes.remark("changed", item, why, f"Set {missing.name} to the key its SDKs send.", place)
    return keys

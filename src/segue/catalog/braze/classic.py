"""Braze, classic framework, cloud mode: for a workspace that still runs it and moves here unchanged.

It has settings and no mappings to edit: both preset sets are the same fixed subscriptions. Braze and Segment
only maintain it; a new destination is better off with the page ``braze``.

Source  Segment docs, "Braze Destination" and its catalogue data, read 2026-11-24
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from segue.kit.action import Settings
from segue.kit.partner import Destination, Person, Preset
from segue.model.delivery import Request

from . import audit, classic_calls, deletion, limits, rest, sdk_endpoint, witness
from .classic_settings import SETTINGS, connection

ACTIONS: Final = (
    classic_calls.IDENTIFY,
    classic_calls.TRACK,
    classic_calls.PAGE,
    classic_calls.GROUP,
    classic_calls.ALIAS,
)

FIXED: Final = tuple(
    Preset(name=action.title, action=action.slug, trigger=action.trigger, mapping=action.default_mapping())
    for action in ACTIONS
)
"""What a classic destination does, whole."""


def erase(people: Sequence[Person], settings: Settings) -> list[Request]:
    """Delete people by their external ids, as the page ``braze`` does."""
    return deletion.erase(people, connection(settings))


BRAZE_CLASSIC: Final = Destination(
    slug="braze-classic",
    title="Braze Classic",
    description="Profiles, events and purchases in Braze, as Segment's classic destination sends them.",
    slugs=("appboy", "54efbf12db31d978f14aa8b5"),
    names=("Braze", "Appboy"),
    creation_name="Appboy",
    family="braze",
    frameworks=("classic",),
    check=lambda written, settings: sdk_endpoint.check_rest_endpoint(
        settings.get("restCustomEndpoint", ""), "restCustomEndpoint", written.get("restCustomEndpoint")
    ),
    settings=SETTINGS,
    actions=ACTIONS,
    presets={"ours": FIXED, "published": FIXED},
    erase=erase,
    deletion=deletion.deletion(erase),
    audit=replace(audit.AUDIT, request=lambda people, settings: audit.request(people, connection(settings))),
    quotas=limits.QUOTAS,
    pack=rest.pack("identify", "track", "page", "group"),
    witness=lambda settings, action: witness.witness(connection(settings), action),
    account=("restCustomEndpoint", "datacenter", "appGroupId"),
)

"""What the tests of the Braze pages share: one event through a page, and rows of it."""

from collections.abc import Mapping
from typing import Any

import orjson

from segue.catalog.braze.destination import BRAZE
from segue.kit.action import Action, Shaped, Shaping
from segue.kit.coerce import Coercer
from segue.language import mapping as mappings
from segue.model.delivery import Row

Json = dict[str, Any]

SETTINGS: Json = {"api_key": "k", "endpoint": "https://rest.iad-01.braze.com"}


def page(slug: str) -> Action:
    found = BRAZE.action(slug)
    assert found is not None, slug
    return found[0]


def shaped(slug: str, mapped: Mapping[str, Any], *, sync_mode: str | None = None, **settings: Any) -> Shaped:
    """A mapped payload through coercion and shape."""
    action = page(slug)
    payload, _ = Coercer(action.fields_of(slug)).coerce(dict(mapped))
    hooks = {"onMappingSave": {"catalog_name": "products"}}
    return action.shape(
        payload, Shaping(settings=SETTINGS | settings, sync_mode=sync_mode, hooks=hooks, slug=slug)
    )


def one(slug: str, mapped: Mapping[str, Any], **more: Any) -> Json:
    """The only object a payload becomes."""
    [item] = shaped(slug, mapped, **more).items
    return item


def preset(name: str, kind: str = "ours") -> Any:
    return next(preset for preset in BRAZE.presets[kind] if preset.name == name)


def through(name: str, event: Json, kind: str = "ours") -> list[Json]:
    """The objects an event becomes by a preset."""
    chosen = preset(name, kind)
    mapped = mappings.prepare(chosen.mapping).resolve(event)
    return list(shaped(chosen.action, mapped).items)


def row(action: str, *items: Json, context: str = "", offset: int = 0) -> Row:
    return Row(
        destination="braze",
        subscription="s",
        action=action,
        lane=0,
        offset=offset,
        order=offset,
        person="u:1",
        message_id=f"m{offset}",
        kind="track",
        items=tuple(map(orjson.dumps, items)),
        context=context,
    )

"""Exported destinations as ours, with their settings, filters and subscriptions.

Their types are found in the catalogue by the published ids and slugs its pages answer to. Secrets are
never copied: a variable stands in their place.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from segue.engine.filter_binding import LONGEST_TITLE
from segue.engine.migration.export import Export, Item, member, text
from segue.engine.migration.naming import names, slug
from segue.engine.migration.notes import Notes
from segue.engine.migration.terraform import Json, from_text
from segue.engine.plan import Catalogue
from segue.kit.partner import Destination as Page
from segue.model.workspace import Destination, Filter, Source, Subscription

DEEPEST: Final = 30
"""Levels of a mapping; the workspace file has 40, and some are above it."""


def move_destinations(
    export: Export, catalogue: Catalogue, sources: Mapping[str, Source], notes: Notes
) -> dict[str, Destination]:
    """Every destination that can come along, by its Segment id, in the export's order.

    sources  ours by their Segment ids
    """
    pages: dict[str, Page] = {}
    owners: dict[str, Source] = {}
    for item in export.of("destination"):
        metadata, source_id = member(item.body, "metadata"), text(item.body, "sourceId")
        page, source = find_published(catalogue, metadata), sources.get(source_id)
        if page is None:
            notes.remark("left out", item, _stranger(metadata, catalogue))
        elif source is None:
            remedy = f"Add the answer of GET /sources/{source_id} to the folder." if source_id else ""
            notes.remark("left out", item, f'its source "{source_id}" is not in the export.', remedy)
        else:
            pages[item.id], owners[item.id] = page, source
    items = [item for item in export.of("destination") if item.id in pages]
    words = {}
    for item in items:
        stem = slug(text(item.body, "name"), 40) or pages[item.id].slug
        words[item.id] = [stem, f"{stem}-{owners[item.id].id}"]
    ids = names(words, words, fallback="destination")
    return {
        item.id: _Mover(export, notes, item, ids[item.id], pages[item.id]).destination(owners[item.id])
        for item in items
    }


def find_published(catalogue: Catalogue, metadata: Mapping[str, Any]) -> Page | None:
    """The page that answers to the published id or slug of a destination's type; a page's own slug is ours
    and means nothing at Segment."""
    for name in filter(None, (text(metadata, "id"), text(metadata, "slug"))):
        for page in catalogue.values():
            if name in page.slugs:
                return page
    return None


class _Mover:
    """Carries one destination over."""

    def __init__(self, export: Export, notes: Notes, item: Item, id_: str, page: Page) -> None:
        self.export = export
        self.notes = notes
        self.item = item
        self.id = id_
        self.page = page
        self.place = f"destinations.{id_}"

    def destination(self, source: Source) -> Destination:
        filters, unheld = self.filters()
        held = unheld or self.unguarded()
        enabled = self.item.body.get("enabled") is True
        if enabled and held:
            why = f"{held}; sending now would send what was kept back."
            remedy = "Rebuild it here, then remove enabled: false."
            self.notes.remark("held back", self.item, why, remedy, self.place)
        elif not enabled:
            self.notes.remark("noted", self.item, "it is disabled at Segment and stays so.", place=self.place)
        return Destination(
            id=self.id,
            name=text(self.item.body, "name"),
            type=self.page.slug,
            source=source.id,
            enabled=enabled and not held,
            settings=self.settings(),
            subscriptions=self.subscriptions(),
            filters=filters,
        )

    def settings(self) -> Json:
        given = member(self.item.body, "settings")
        if not isinstance(self.item.body.get("settings", {}), dict):
            self.notes.remark("unreadable", self.item, "its settings are not a JSON object.")
        settings: Json = {}
        for key, field in self.page.settings.items():
            is_secret = field.type == "password"
            if given.get(key) is not None and not is_secret:
                settings[key] = given[key]
            elif field.required is True or (is_secret and given.get(key)):
                why = "a secret, never copied." if is_secret else "not in the export."
                usual = field.default if not is_secret and isinstance(field.default, str) else ""
                place = f"{self.place}.settings.{key}"
                settings[key] = self.notes.reference(place, [self.id, key], why, usual).stand_in
        if strange := sorted(given.keys() - self.page.settings.keys()):
            why = f"{self.page.title} has no setting {', '.join(strange)} here."
            self.notes.remark("left out", self.item, why, place=self.place)
        return settings

    def unguarded(self) -> str:
        """What changed or kept back this destination's events at Segment and cannot come along, or ""."""
        for each in self.export.of("insert function"):
            if each.body.get("integrationId") == self.item.id and each.body.get("enabled") is not False:
                return f"{each.subject} worked on its events"
        type_id = member(self.item.body, "metadata").get("id")
        for each in self.export.of("transformation"):
            if (
                each.body.get("enabled") is not False
                and each.body.get("sourceId") == self.item.body.get("sourceId")
                and each.body.get("destinationMetadataId") in (None, "", type_id)
            ):
                return f"{each.subject} worked on its events"
        return ""

    def filters(self) -> tuple[tuple[Filter, ...], str]:
        """The filters, and what is wrong with one that had to stay behind."""
        items = self.children("filter")
        ids = names(
            items, {id_: [text(each.body, "title")] for id_, each in items.items()}, fallback="filter"
        )
        made, unheld = [], ""
        for id_, each in items.items():
            condition, actions = each.body.get("if"), each.body.get("actions")
            enabled = each.body.get("enabled") is not False
            if not isinstance(condition, str) or not isinstance(actions, list) or not _are_objects(actions):
                why = "its condition is no text, or its actions are no list of objects."
                self.notes.remark("unreadable", each, why, place=self.place)
                unheld = f"{each.subject} could not be read" if enabled else unheld
                continue
            if description := text(each.body, "description"):
                place = f"{self.place}.filters.{ids[id_]}"
                self.notes.remark("noted", each, f"its description: {description}", place=place)
            made.append(
                Filter(
                    id=ids[id_],
                    title=text(each.body, "title")[:LONGEST_TITLE],
                    condition=condition,
                    actions=tuple(
                        {key: value for key, value in action.items() if value is not None}
                        for action in actions
                    ),
                    enabled=enabled,
                )
            )
        return tuple(made), unheld

    def subscriptions(self) -> tuple[Subscription, ...] | None:
        items = self.children("subscription")
        if not items:
            if not any(action.slugs for action in self.page.actions):
                return None  # a type with fixed behaviour has none: the page's own presets are that
            why = "the export holds no subscription of it, so it sends nothing."
            remedy = (
                f"Add the answer of GET /destinations/{self.item.id}/subscriptions, or write presets: ours."
            )
            self.notes.remark("noted", self.item, why, remedy, self.place)
        words = {id_: [text(each.body, "name"), text(each.body, "actionSlug")] for id_, each in items.items()}
        ids = names(items, words, fallback="subscription")
        return tuple(filter(None, (self.subscription(each, ids[id_]) for id_, each in items.items())))

    def subscription(self, item: Item, id_: str) -> Subscription | None:
        body, mapping = item.body, item.body.get("settings")
        if isinstance(mapping, str):
            mapping = from_text(mapping)
        stored = [text(body, "actionSlug"), text(body, "actionId")]
        known = [name for name in stored if name and self.page.action(name)]
        if why := _unmovable(body, mapping) if known else self.unknown(stored):
            self.notes.remark("left out", item, why, place=self.place)
            return None
        if mapping is None:
            why = "the export holds no mapping of it; the action's default mapping is used."
            self.notes.remark("changed", item, why, place=f"{self.place}.subscriptions.{id_}")
        return Subscription(
            id=id_,
            name=text(body, "name"),
            action=known[0],
            trigger=body["trigger"],
            mapping=mapping,
            enabled=body.get("enabled") is True,
        )

    def unknown(self, stored: list[str]) -> str:
        named = next(filter(None, stored), "")
        return (
            f'{self.page.title} has no action "{named}" here. Some actions run in the browser or the app.'
            if named
            else "it names no action."
        )

    def children(self, kind: str) -> dict[str, Item]:
        return {
            each.id: each for each in self.export.of(kind) if each.body.get("destinationId") == self.item.id
        }


def _unmovable(body: Json, mapping: Any) -> str:
    """Why a subscription of a known action cannot come along; "" when it can."""
    if body.get("modelId") or body.get("reverseETLModelId"):
        return "it is fed by reverse ETL, not by events."
    if not text(body, "trigger").strip():
        return "it has no trigger: only a feature of Segment's fires it."
    if mapping is not None and not isinstance(mapping, dict):
        return "its mapping is not a JSON object."
    wrong = _unwritable(mapping)
    return f"its mapping holds {wrong}, which the workspace file cannot." if wrong else ""


def _stranger(metadata: Mapping[str, Any], catalogue: Catalogue) -> str:
    """Why a destination of this type cannot come along."""
    name = next(filter(None, (text(metadata, key) for key in ("name", "slug", "id"))), "unnamed")
    if member(metadata, "supportedFeatures").get("cloudModeInstances") in ("0", "NONE"):
        return f'"{name}" runs in the browser or app (device mode); only Braze does here.'
    known = ", ".join(sorted(page.title for page in catalogue.values()))
    return f'the catalogue has no page for "{name}"; its pages are {known}.'


def _are_objects(values: list[Any]) -> bool:
    return all(isinstance(each, dict) for each in values)


def _unwritable(value: Any, depth: int = 0) -> str:
    """What of a mapping the workspace file could not hold; "" when it can hold it all."""
    if depth > DEEPEST:
        return f"more than {DEEPEST} levels"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number without bounds"
    if isinstance(value, int) and not -(10**38) < value < 10**38:
        return "a number of more than 38 digits"
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((wrong for each in members if (wrong := _unwritable(each, depth + 1))), "")

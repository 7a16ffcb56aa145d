"""What is wrong with a subscription's mapping beside its syntax: fields, constants, sync mode, hooks.

    mapping_faults(TRACK_EVENT, "track-event", {"name": "x", "colour": "red"}, place)
      ->  the required field "time" is not mapped; Track event has no field "colour"

A constant is a value without a directive in it. It is the same for every event, so one that does not fit its
field never will: that is a fault when the mapping is published, not once an event.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec.structs import replace

from segue.kit.action import SYNC_MODE_KEY, Action
from segue.kit.coerce import check_settings
from segue.kit.field import Field
from segue.language.check import ROOT_DIRECTIVE, directive_of
from segue.model.errors import Fault

MATCHING_KEY: Final = "__segment_internal_matching_key"
HOOK_KEYS: Final = ("onMappingSave", "retlOnMappingSave")

_INTERNAL: Final = frozenset({SYNC_MODE_KEY, MATCHING_KEY, "enable_batching", "batch_size", *HOOK_KEYS})
"""Keys of a mapping that are no fields of an action, or not of every action."""

_VERBATIM: Final = frozenset({"@literal", "@template", "@liquid", "@path", "@replace"})
"""Directives whose texts are what they are meant to be."""

_HOLE: Final = re.compile(r"\{\{[^{}]+\}\}")


def mapping_faults(action: Action, slug: str, mapping: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """Everything a mapping lacks or has too much for the action it is stored under.

    place  where it stands in the workspace, for the faults
    The mapping is one that `segue.language.check.measure` finds nothing wrong with.
    """
    if ROOT_DIRECTIVE not in mapping:
        yield from _fields(action, slug, mapping, place)
        yield from _constants(action.fields_of(slug), mapping, place)
    yield from _holes(mapping, place)
    yield from _sync_mode(action, slug, mapping, place)
    yield from _hooks(action, mapping, place)
    sync_mode, _ = action.sync_mode(mapping, slug)
    for advice in action.advise(mapping, sync_mode) if action.advise is not None else ():
        yield Fault(
            place=f"{place}.{advice.setting}",
            problem=f"{advice.problem}.",
            remedy=advice.remedy,
            warning=advice.warning,
        )


def no_liquid(value: Any, place: str) -> Iterator[Fault]:
    """Templates that only a server can evaluate, in a mapping that runs on the device."""
    if isinstance(value, Mapping) and "@liquid" in value:
        yield Fault(
            place=place,
            problem="the browser has no Liquid, so this mapping fails there for every event.",
            remedy="Use @template, or map it in a destination in cloud mode.",
            warning=True,
        )
        return
    for name, inner in _members(value):
        yield from no_liquid(inner, f"{place}.{name}")


def _fields(action: Action, slug: str, mapping: Mapping[str, Any], place: str) -> Iterator[Fault]:
    fields = action.fields_of(slug)
    for key in mapping:
        if key not in fields and key not in _INTERNAL and not key.startswith(("@", "_")):
            yield Fault(
                place=f"{place}.{key}",
                problem=f"{action.title} has no field of this name; it is ignored.",
                remedy=f"The fields are {', '.join(fields)}.",
                warning=True,
            )
    for key, field in fields.items():
        if (
            field.required is True
            and key not in mapping
            and not any(name.startswith("@") for name in mapping)
        ):
            yield Fault(
                place=place,
                problem=f'the required field "{key}" is not mapped, so every event fails.',
                remedy=f"Map it: {field.help}" if field.help else "Map it.",
            )


def _constants(fields: Mapping[str, Field], mapping: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """Constants that never fit, also inside objects and lists of which the rest depends on the event."""
    for key, value in mapping.items():
        field = fields.get(key)
        if field is None or value is None or value == "" or directive_of(value) not in (None, "@literal"):
            continue
        value = value["@literal"] if directive_of(value) else value  # noqa: PLW2901 - what it stands for
        if not _has_directive(value):
            yield from _misfits(field, key, value, place)
        elif field.properties is not None:
            single = value if field.multiple and isinstance(value, list) else [value]
            for index, each in enumerate(single):
                where = f"{place}.{key}.{index}" if single is value else f"{place}.{key}"
                if isinstance(each, Mapping) and directive_of(each) is None:
                    yield from _constants(field.properties, each, where)


def _misfits(field: Field, key: str, value: Any, place: str) -> Iterator[Fault]:
    _, problems = check_settings({key: replace(field, required=False)}, {key: value})
    for path, problem in problems:
        where = re.sub(r"\[(\d+)\]", r".\1", path)
        yield Fault(
            place=f"{place}.{where}",
            problem=f"{problem}, and it is the same for every event.",
            remedy=field.remedy or "Mend it, or leave it out.",
        )


def _holes(value: Any, place: str) -> Iterator[Fault]:
    """Texts that look like templates and are none."""
    if isinstance(value, str) and _HOLE.search(value):
        yield Fault(
            place=place,
            problem=f"{_HOLE.search(value)[0]} is sent as it is written: only @template fills it in.",  # type: ignore[index]  # it was found
            remedy='Write {"@template": "…"} around the text, or {"@literal": "…"} if it is meant so.',
            warning=True,
        )
    for name, inner in _members(value):
        if name not in _VERBATIM:
            yield from _holes(inner, f"{place}.{name}")


def _sync_mode(action: Action, slug: str, mapping: Mapping[str, Any], place: str) -> Iterator[Fault]:
    modes = action.sync_modes(slug)
    _, problem = action.sync_mode(mapping, slug)
    if problem:
        yield Fault(
            place=f"{place}.{SYNC_MODE_KEY}",
            problem=f"{problem}.",
            remedy=f"Set it to {modes.default}." if modes is not None else "",
        )


def _hooks(action: Action, mapping: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """What a hook must have stored before any event can be mapped."""
    _, destination, *_ = place.split(".")
    for name, hook in action.hooks.items():
        written = mapping.get(name)
        outputs = written.get("outputs", {}) if isinstance(written, Mapping) else None
        missing = [key for key in hook.needed if not isinstance(outputs, Mapping) or not outputs.get(key)]
        if missing:
            yield Fault(
                place=f"{place}.{name}.outputs",
                problem=f'"{missing[0]}" is missing, so every event fails. {hook.label} first.',
                remedy=f"Run segue hook {destination} {action.slug}, then add what it prints to it.",
            )


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _has_directive(value: Any) -> bool:
    return directive_of(value) is not None or any(_has_directive(inner) for _, inner in _members(value))

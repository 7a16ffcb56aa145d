"""What can be done at the partner when a mapping is saved: choose a catalog, or make one.

name, hook = find_hook(current, "braze", "upsert-catalog-item")
given, outputs = await run_hook(settings, current, "braze", hook, {"operation": "select", …})
outputs  ->  {"catalog_name": "tea"}        # goes into the mapping, under the hook's name
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from segue.kit.action import Hook
from segue.kit.coerce import Coercer
from segue.kit.conditions import describe
from segue.kit.field import TEXT_TYPES, Conditions, Field
from segue.model.errors import InvalidPayload, MisconfiguredError
from segue.runtime.clock import SystemClock
from segue.runtime.current import Current
from segue.runtime.errand import PATIENCE_SECONDS, errand
from segue.runtime.settings import Settings


def find_hook(current: Current, destination: str, action: str, name: str = "") -> tuple[str, Hook]:
    """An action's hook by its name, or its only one. Raises MisconfiguredError, naming what there is."""
    bound = current.plan.destinations.get(destination)
    if bound is None:
        known = ", ".join(current.plan.destinations) or "none"
        raise MisconfiguredError(f'there is no enabled destination "{destination}"; there is: {known}')
    found = bound.page.action(action)
    hooks: Mapping[str, Hook] = found[0].hooks if found else {}
    if not hooks:
        known = ", ".join(each.slug for each in bound.page.actions if each.hooks) or "none"
        raise MisconfiguredError(f'{bound.page.title} has no hook for "{action}"; it has for: {known}')
    name = name or next(iter(hooks))
    if name not in hooks:
        raise MisconfiguredError(f'"{action}" has no hook "{name}"; it has: {", ".join(hooks)}')
    return name, hooks[name]


def describe_inputs(hook: Hook) -> Sequence[Mapping[str, str]]:
    """What a hook asks for, each with input, type, required, values and help."""
    return [
        {
            "input": key,
            "type": f"list of {field.type}" if field.multiple else field.type,
            "required": _when(field),
            "values": ", ".join(str(choice.value) for choice in field.choices),
            "help": field.help,
        }
        for key, field in hook.fields.items()
    ]


def read_input(hook: Hook, key: str, text: str) -> Any:
    """The value typed for an input: texts as they are, all else as JSON. Raises MisconfiguredError."""
    field = hook.fields.get(key)
    if field is None or (field.type in TEXT_TYPES and not field.multiple):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise MisconfiguredError(
            f'{key}: expected JSON, for instance [{{"name": "price", "type": "number"}}], found {text}'
        ) from error


async def run_hook(
    settings: Settings, current: Current, destination: str, hook: Hook, inputs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Do it: what was understood of the inputs, and the outputs to store.

    Raises MisconfiguredError for inputs that do not fit and for what the partner refuses, in its words, and
    UnavailableError when the rate limit is used up for long.
    """
    strange = [key for key in inputs if key not in hook.fields]
    if strange:
        raise MisconfiguredError(
            f'"{hook.label}" has no input {", ".join(strange)}; its inputs are {", ".join(hook.fields)}'
        )
    bound = current.plan.destinations[destination]
    try:
        given = _understood(hook, inputs)
        request = hook.request(given, bound.settings)
        if request is None:
            return given, hook.read(given, None)
        async with errand(settings, bound, SystemClock(), patience_seconds=PATIENCE_SECONDS) as sender:
            return given, hook.read(given, await sender.send(request))
    except InvalidPayload as error:
        raise MisconfiguredError(f"{hook.label}: {error}") from error


def _understood(hook: Hook, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs in their types; one that would only be left out is refused, somebody just typed it."""
    given, notes = Coercer(hook.fields).coerce(dict(inputs))
    if notes:
        raise InvalidPayload(notes)
    return given


def _when(field: Field) -> str:
    if isinstance(field.required, Conditions):
        return describe(field.required)
    return "yes" if field.required else "no"

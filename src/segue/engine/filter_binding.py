"""Filters made ready: expressions parsed, actions read, put in order, every fault named at once.

    bound, faults = bind(destination.filters, "destinations.braze.filters")

A filter with a fault drops everything, should it ever run: it was to keep something from leaving.

Source  Segment docs, "Destination Filters"; Public API 73.2.0, destination filters; read 2026-11-24
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.language import filter as filters
from segue.model.errors import Fault, InvalidFilter, UnfilterableEvent
from segue.model.event import Event
from segue.model.workspace import Filter

MOST_FILTERS: Final = 10
LONGEST_TITLE: Final = 64

ORDER: Final = ("SAMPLE", "DROP", "DROP_PROPERTIES", "ALLOW_PROPERTIES")
"""The types of actions, in the order they act."""

OLDER: Final[Mapping[str, str]] = {
    "drop_event": "DROP",
    "sample_event": "SAMPLE",
    "blocklist_fields": "DROP_PROPERTIES",
    "whitelist_fields": "ALLOW_PROPERTIES",
}
"""Names of the older Config API -> types of today."""

TAKES: Final[Mapping[str, frozenset[str]]] = {
    "SAMPLE": frozenset({"percent", "path"}),
    "DROP": frozenset(),
    "DROP_PROPERTIES": frozenset({"fields"}),
    "ALLOW_PROPERTIES": frozenset({"fields"}),
}
"""Type -> keys it has beside ``type``."""


class Action(msgspec.Struct, frozen=True):
    """One action of a filter.

    type     one of ORDER
    percent  SAMPLE: the share that is kept, from 0 to 1
    path     SAMPLE: keys of the value that decides; none: the messageId does
    fields   the others: (keys of an object, names in it)
    """

    type: str
    percent: float = 1.0
    path: tuple[str, ...] = ()
    fields: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = ()


class BoundFilter(msgspec.Struct, frozen=True, eq=False):
    """A filter ready to run; `matches` raises UnfilterableEvent."""

    id: str
    title: str
    condition: str
    expression: filters.Expression | None
    matches: Callable[[Event], bool]

    @property
    def named(self) -> str:
        """The filter in the middle of a sentence."""
        return f'filter "{self.title or self.id}"'


class Step(msgspec.Struct, frozen=True):
    """One action to try, and which of the filters it belongs to."""

    filter: int
    action: Action


class BoundFilters(msgspec.Struct, frozen=True, eq=False):
    """The enabled filters of a destination; `steps` is their actions in the order they act. False when
    there are none: the caller need not apply them."""

    filters: tuple[BoundFilter, ...] = ()
    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)


NONE: Final = BoundFilters()


def bind(written: Sequence[Filter], place: str) -> tuple[BoundFilters, list[Fault]]:
    """Make a destination's filters ready. Disabled ones are checked too, but do not run. Raises nothing.

    place  where they stand in the workspace: ``destinations.braze.filters``
    """
    faults: list[Fault] = []
    if len(written) > MOST_FILTERS:
        remedy = "Join conditions with or, or put several actions into one filter."
        problem = f"{len(written)} filters; a destination takes {MOST_FILTERS}."
        faults.append(Fault(place=place, problem=problem, remedy=remedy))
    bound: list[BoundFilter] = []
    steps: list[Step] = []
    for index, each in enumerate(written):
        binder = _Binder(f"{place}.{index}")
        ready, actions = binder.filter(each, index)
        faults += binder.faults
        if each.enabled:
            steps += (Step(len(bound), action) for action in actions)
            bound.append(ready)
    if not bound:
        return NONE, faults
    steps.sort(key=lambda step: ORDER.index(step.action.type))
    return BoundFilters(tuple(bound), tuple(steps)), faults


class _Binder:
    """Reads one filter; `faults` grows by everything that is wrong with it."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.faults: list[Fault] = []

    def fault(self, where: str, problem: str, remedy: str = "", *, warning: bool = False) -> None:
        place = f"{self.place}.{where}"
        self.faults.append(Fault(place=place, problem=problem, remedy=remedy, warning=warning))

    def filter(self, written: Filter, index: int) -> tuple[BoundFilter, list[Action]]:
        if len(written.title) > LONGEST_TITLE:
            count = len(written.title)
            problem = f"{count} characters; a title takes {LONGEST_TITLE}."
            self.fault("title", problem, "Shorten it.")
        expression = self.expression(written.condition)
        if not written.actions:
            self.fault("actions", "there is no action, so the filter does nothing.", _ACTIONS)
        actions = [self.action(action, f"actions.{number}") for number, action in enumerate(written.actions)]
        wrong = [fault for fault in self.faults if not fault.warning]
        matches = filters.prepare(expression) if expression and not wrong else _refusing(wrong[0].problem)
        return (
            BoundFilter(written.id or str(index), written.title, written.condition, expression, matches),
            [Action("SAMPLE")] if wrong else [action for action in actions if action is not None],
        )

    def expression(self, text: str) -> filters.Expression | None:
        try:
            return filters.parse(text)
        except InvalidFilter as error:
            remedy = 'A filter\'s condition compares fields: type = "track" and event = "Order Completed".'
            self.fault("if", str(error), remedy)
            return None

    def action(self, written: Mapping[str, Any], where: str) -> Action | None:
        name = written.get("type")
        kind = OLDER.get(name, name.upper()) if isinstance(name, str) else None
        if kind is None or kind not in TAKES:
            found = f'there is no action "{name}".' if isinstance(name, str) else "the action has no type."
            self.fault(f"{where}.type", found, _ACTIONS)
            return None
        for key, value in written.items():
            if value is not None and key != "type" and key not in TAKES[kind]:
                known = ", ".join(sorted(TAKES[kind])) or "nothing else"
                self.fault(
                    f"{where}.{key}",
                    f"{kind} has no {key}; it is ignored.",
                    f"It takes {known}.",
                    warning=True,
                )
        if kind == "SAMPLE":
            return self.sample(written, where)
        if kind == "DROP":
            return Action(kind)
        return Action(kind, fields=self.fields(kind, written.get("fields"), f"{where}.fields"))

    def sample(self, written: Mapping[str, Any], where: str) -> Action:
        percent, path = written.get("percent"), written.get("path")
        if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 1:
            shown = percent if isinstance(percent, int | float) else _kind(percent)
            problem = f"expected a share from 0 to 1, found {shown}."
            self.fault(f"{where}.percent", problem, "Write 0.1 to keep a tenth of the events.")
            percent = 0
        keys = self.keys(path, f"{where}.path") if path not in (None, "") else ()
        return Action("SAMPLE", float(percent), keys)

    def fields(
        self, kind: str, written: Any, where: str
    ) -> tuple[tuple[tuple[str, ...], frozenset[str]], ...]:
        if not isinstance(written, Mapping) or not written:
            problem = f"expected paths and the names of properties, found {_kind(written)}."
            self.fault(
                where, problem, 'Write for instance: {"properties": ["email"]}, or "" for the top level.'
            )
            return ()
        read = []
        for path, names in written.items():
            inner = f"{where}.{path}" if path else where
            if isinstance(names, Mapping) and names.keys() == {"fields"}:
                names = names["fields"]  # noqa: PLW2901 - how the older Config API wrote the same list
            if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
                problem = f'expected a list of names for "{path}", found {_kind(names)}.'
                self.fault(inner, problem, 'Write for instance: ["email", "phone"].')
                continue
            read.append((self.keys(path, inner), frozenset(names)))
            self.advise(kind, path, names, inner)
        return tuple(read)

    def keys(self, path: Any, where: str) -> tuple[str, ...]:
        if not isinstance(path, str):
            problem = f"expected a path, found {_kind(path)}."
            self.fault(where, problem, "Write for instance: context.traits")
            return ()
        try:
            return filters.split(path)
        except InvalidFilter as error:
            remedy = "Join keys with single dots, for instance: context.traits"
            self.fault(where, str(error), remedy)
            return ()

    def advise(self, kind: str, path: str, names: Sequence[str], where: str) -> None:
        """Warn of what works, but hardly as meant."""
        nested = next((name for name in names if "." in name), None)
        if nested is not None:
            above, _, below = nested.rpartition(".")
            better = f"{path}.{above}" if path else above
            problem = f'"{nested}" is the name of one property, with its dot.'
            self.fault(
                where, problem, f'If you mean a property inside: {{"{better}": ["{below}"]}}.', warning=True
            )
        if path == "" and ("type" in names) is (kind == "DROP_PROPERTIES"):
            problem = "the event's type is removed, so that no subscription matches."
            self.fault(where, problem, 'To send nothing, write {"type": "DROP"}.', warning=True)


_ACTIONS: Final = f"The actions are {', '.join(ORDER)}."


def _refusing(problem: str) -> Callable[[Event], bool]:
    def refuse(event: Event) -> bool:
        raise UnfilterableEvent(problem)

    return refuse


def _kind(value: Any) -> str:
    kinds = ((bool, "true or false"), (str, "text"), (int | float, "a number"), (list | tuple, "a list"))
    return next(
        (name for kind, name in kinds if isinstance(value, kind)), "nothing" if value is None else "a mapping"
    )

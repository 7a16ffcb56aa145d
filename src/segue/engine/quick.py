"""The quick way: one generated function from a plain event to an action's objects as JSON.

    make = compile_quick(action, slug, mapping, shaping, trigger)     # None when there is no quick way
    make(event)  ->  (b'{"external_id":"u1","name":…}',), () when the trigger does not want the event, or
                     None: take the long way
    make(event, True)    likewise, when the timestamp is known to be written the usual way

The event is one `segue.engine.intake.restore` gave, or as much of it as is looked at: its receivedAt is
written the usual way, since we wrote it. The function tests the trigger, loads each value of the event once,
tests types where they stand, and writes the members of the page's recipe (`segue.kit.recipe`) without a
payload in between. Whatever surprises it, an object that is none included, sends the event the long way. What
a customer wrote enters its source as literals or constants only (`segue.language.writer`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, cast

import orjson

from segue.kit import dates
from segue.kit.action import Action, Shaping
from segue.kit.coerce import Coercer
from segue.kit.field import Field
from segue.kit.recipe import Put, Recipe
from segue.kit.rules import rule_of, surely
from segue.language.check import directive_of
from segue.language.compile import conditions_of, is_compilable, is_compilable_trigger, test_of
from segue.language.condition import Node, keys_of
from segue.language.directive import Holes, is_raw
from segue.language.mapping_source import HELPERS, Mapper, paths_of
from segue.language.trigger import Trigger
from segue.language.writer import Body, Keys, Writer
from segue.model.errors import InvalidMapping, InvalidPayload
from segue.model.event import Event


class Quick(Protocol):
    """A quick way. reads: the paths of an event it looks at; None when it may look at all of it."""

    reads: frozenset[Keys] | None

    def __call__(self, event: Event, sure: bool = False, /) -> Sequence[bytes] | None: ...


_TESTS: Final = {
    "moment": "type({v}) is str and len({v}) == 24 and {v}[10] == 'T' and {v}[7] == '-' and {v}[19] == '.'"
    " and {v}[23] == 'Z' and parse_moment({v})",
    "day": "is_day({v})",
    "flag": "({v} is True or {v} is False)",
    "object": "type({v}) is dict",
    "absent": "False",
}

_DATES: Final[Mapping[str, Callable[[Any], str | None]]] = {"moment": dates.iso, "day": dates.day}

_TIMESTAMP: Final = ("timestamp",)
_RECEIVED: Final = ("receivedAt",)
_TRAITS: Final = ("traits",)

_USUAL_TRAITS: Final = frozenset(
    {
        *("address", "age", "avatar", "birthday", "company", "createdAt", "description", "email"),
        *("firstName", "gender", "id", "lastName", "name", "phone", "title", "username", "website"),
    }
)
"""Source  Segment docs, "Spec: identify", reserved traits, read 2026-11-23"""

_FEWEST: Final = 6
"""Rare traits that are worth a look at all of them together."""

SURPRISES: Final = (KeyError, ValueError, AttributeError, TypeError, RecursionError, InvalidMapping)
"""What tells that an event is not plain: no such date, no object, nothing JSON can say."""


def compile_quick(
    action: Action, slug: str, mapping: Mapping[str, Any], shaping: Shaping, trigger: Trigger
) -> Quick | None:
    """Compile the quick way of one subscription; None when the action has no recipe, or trigger or mapping
    are of a kind it cannot follow."""
    recipe = action.recipe
    fields = action.fields_of(slug)
    if (
        recipe is None
        or directive_of(mapping)
        or any(key.startswith("__segment_internal_dir") for key in mapping)
        or not is_compilable_trigger(trigger.root)
    ):
        return None
    wanted = {key: value for key, value in mapping.items() if key in fields and key not in recipe.ignored}
    known_fields = {*(put.field for put in recipe.puts), *recipe.rest}
    if not is_compilable(wanted) or not known_fields.issuperset(wanted):
        return None
    return _Maker(recipe, fields, wanted, shaping).make(trigger.root)


class _Maker:
    """Writes one function."""

    def __init__(
        self, recipe: Recipe, fields: Mapping[str, Field], mapping: Mapping[str, Any], shaping: Shaping
    ) -> None:
        self.recipe = recipe
        self.fields = fields
        self.mapping = dict(mapping)
        self.known = dict(recipe.known(shaping))
        self.writer = Writer()
        self.writer.constants |= {
            **HELPERS,
            "parse_moment": datetime.fromisoformat,
            "is_day": dates.is_canonical_day,
            "finish": recipe.finish,
            "dumps": orjson.dumps,
            "surprises": SURPRISES,
            "bool": bool,
        }
        self.body = Body(self.writer, is_object=True)
        self.mapper = Mapper(self.body)

    def make(self, root: Node) -> Quick | None:
        """The function; None when a literal of the mapping does not fit its field anyway."""
        body = self.body
        conditions = [keys_of(each.type, each.name) for each in conditions_of(root)]
        body.trust([*conditions, *paths_of(self.mapping)])
        body.line("try:")
        body.indent += 1
        body.load(conditions)
        body.line(f"if not ({test_of(body, root)}):")
        body.line("    return ()")
        self._without_rare_traits()
        if not self._result():
            return None
        body.indent -= 1
        body.line("except surprises:")
        body.line("    pass")
        body.finish("quick", "None", ", sure=False")
        quick = cast(Quick, self.writer.compile("quick", "quick way"))
        quick.reads = None if body.is_open else body.trusted
        return quick

    def _without_rare_traits(self) -> None:
        """Write a result of its own for people of whom no rare trait is told, which are most: asking for each
        of those that a mapping names takes longer than all else."""
        body = self.body
        paths = [path for path in paths_of(self.mapping) if path[:1] == _TRAITS and len(path) > 1]
        rare = frozenset(path[1] for path in paths) - _USUAL_TRAITS
        if len(rare) < _FEWEST or body.trusted is None or _TRAITS not in body.trusted:
            return
        body.load([_TRAITS])
        loaded, holder = body.loaded.copy(), body.loaded[_TRAITS]
        body.line(f"if type({holder}) is dict and {self.writer.constant(rare)}.isdisjoint({holder}):")
        body.indent += 1
        body.lack(path[:count] for path in paths if path[1] in rare for count in range(2, len(path) + 1))
        self._result()
        body.indent -= 1
        body.loaded = loaded

    def _result(self) -> bool:
        """Write what makes the objects and returns them; False when no event can give one that is plain."""
        self.body.load(paths_of(self.mapping))
        if not self._object():
            return False
        if self.recipe.finish is None:
            self.body.line("return (dumps(o),)")
        else:
            self.body.line(f"return finish({', '.join(['o', *map(self._value, self.recipe.rest)])})")
        return True

    def _object(self) -> bool:
        """Write the object `o`; False when no event can give one that is plain."""
        body = self.body
        members = [f"{name!a}: {self.writer.literal(value)}" for name, value in self.known.items()]
        usual: list[tuple[Put, str]] = []
        others: list[tuple[Put, str]] = []
        values: dict[str, str] = {}
        for put in self.recipe.puts:
            name, source = put.field, self.mapping.get(put.field)
            if name in self.known:
                if not is_raw(source):
                    return False
            elif name in self.mapping:
                if put.plain != "absent" and is_raw(source) and type(source) in (str, int, float, bool):
                    kept, written = self._literal(put, source)
                    members += written
                    if not kept:
                        return False
                    values |= dict.fromkeys([name] if written else [], "")
                    continue
                values[name] = value = self.mapper.named(self._mapped(name))
                if self.fields[name].required is True:
                    body.line(f"if not ({self._test(put, value)}):")
                    body.line("    return None")
                    members.append(f"{name!a}: {value}")
                else:
                    (usual if put.usual else others).append((put, value))
        if any(field.required is True and key not in self.mapping for key, field in self.fields.items()):
            return False
        given = [values[name] for name in self.recipe.someone if name in values]
        if self.recipe.someone and not given:
            return False
        surely = not all(given)  # "" stands for a literal
        self._together(members, usual, () if surely else given)
        for put, value in others:
            self._alone(put, value)
        return True

    def _together(self, members: list[str], usual: list[tuple[Put, str]], someone: Sequence[str]) -> None:
        """Write the object with all of its usual members at once, and take out again what is missing.

        someone  values of which one must be there
        """
        body = self.body
        there = [(put, value) for put, value in usual if value != "U"]
        if not any(value in someone for _, value in there):
            self._refuse_nobody(someone)
        every = [*members, *(f"{put.field!a}: {value}" for put, value in there)]
        body.line(f"o = {{{', '.join(every)}}}")
        for put, value in there:
            body.line(f"if not ({self._test(put, value)}):")
            body.line(f"    if {value} is not U:")
            body.line("        return None")
            if value in someone:
                body.indent += 1
                self._refuse_nobody(someone)
                body.indent -= 1
            body.line(f"    del o[{put.field!a}]")

    def _refuse_nobody(self, someone: Sequence[str]) -> None:
        if someone:
            self.body.line(f"if {' and '.join(f'{value} is U' for value in someone)}:")
            self.body.line("    return None")

    def _alone(self, put: Put, value: str) -> None:
        if value == "U":
            return
        self.body.line(f"if {value} is not U:")
        self.body.line(f"    if not ({self._test(put, value)}):")
        self.body.line("        return None")
        self.body.line(f"    o[{put.field!a}] = {value}")

    def _value(self, name: str) -> str:
        if name not in self.mapping:
            return "U"
        source = self.mapping[name]
        return self.writer.constant(source) if is_raw(source) else self._mapped(name)

    def _mapped(self, name: str) -> str:
        return self.mapper.value(self.mapping[name], f"/{name}", Holes.NOWHERE)

    def _test(self, put: Put, value: str) -> str:
        if put.plain == "text":
            field = self.fields[put.field]
            rule, sure = rule_of(field), surely(field)
            kept = f"not {self.writer.constant(rule)}({value})" if rule is not None else ""
            if kept and sure is not None:
                kept = f"({self.writer.constant(sure)}({value}) or {kept})"
            return f"type({value}) is str and {value}" + (f" and {kept}" if kept else "")
        forbidden = "".join(f" and {name!a} not in {value}" for name in put.without)
        test = _TESTS[put.plain].format(v=value) + forbidden
        if put.plain != "moment":
            return test
        if value == self.body.loaded.get(_RECEIVED):
            return value
        return f"(sure or {test})" if value == self.body.loaded.get(_TIMESTAMP) else test

    def _literal(self, put: Put, source: Any) -> tuple[bool, list[str]]:
        """A value written into the mapping is coerced once, now, and a date told as dates are: whether it
        leaves a quick way, and the member it becomes, if any."""
        name = put.field
        try:
            payload, notes = Coercer({name: self.fields[name]}).coerce({name: source})
        except InvalidPayload:
            return False, []
        if notes or name not in payload:
            return name not in payload and not notes and self.fields[name].required is not True, []
        value = payload[name]
        if put.plain in _DATES and value is not None:
            value = _DATES[put.plain](value)
            if value is None:
                return False, []
        return True, [f"{name!a}: {self.writer.literal(value)}"]

"""The quick way: trigger apart, one generated function from a plain event to an action's objects.

    make = compile_quick(action, slug, mapping, shaping)     # None when there is no quick way
    make(event)  ->  [{"external_id": "u1", "name": …}], or None: take the long way

The function loads each value of the event once, tests types where they stand, and writes the members of the
page's recipe (`segue.kit.recipe`) without a payload in between. What a customer wrote enters its source as
literals or constants only (`segue.language.writer`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, cast

from segue.kit import dates
from segue.kit.action import Action, JsonObject, Shaping
from segue.kit.coerce import Coercer
from segue.kit.field import Field
from segue.kit.recipe import Put, Recipe
from segue.kit.rules import rule_of
from segue.language.check import directive_of
from segue.language.compile import is_compilable
from segue.language.directive import Holes, is_raw
from segue.language.mapping_source import HELPERS, Mapper, paths_of
from segue.language.writer import Body, Writer
from segue.model.errors import InvalidPayload
from segue.model.event import Event

Quick = Callable[[Event], list[JsonObject] | None]

_TESTS: Final = {
    "moment": "type({v}) is str and len({v}) == 24 and {v}[10] == 'T' and {v}[7] == '-' and {v}[19] == '.'"
    " and {v}[23] == 'Z' and parse_moment({v})",
    "day": "is_day({v})",
    "flag": "({v} is True or {v} is False)",
    "object": "type({v}) is dict",
}


def compile_quick(action: Action, slug: str, mapping: Mapping[str, Any], shaping: Shaping) -> Quick | None:
    """Compile the quick way of one subscription; None when the action has no recipe or the mapping is of a
    kind the recipe cannot follow."""
    recipe = action.recipe
    fields = action.fields_of(slug)
    if (
        recipe is None
        or directive_of(mapping)
        or any(key.startswith("__segment_internal_dir") for key in mapping)
    ):
        return None
    wanted = {key: value for key, value in mapping.items() if key in fields and key not in recipe.ignored}
    known_fields = {*(put.field for put in recipe.puts), *recipe.rest}
    if not is_compilable(wanted) or not known_fields.issuperset(wanted):
        return None
    return _Maker(recipe, fields, wanted, shaping).make()


class _Maker:
    """Writes one function."""

    def __init__(
        self, recipe: Recipe, fields: Mapping[str, Field], mapping: Mapping[str, Any], shaping: Shaping
    ) -> None:
        self.recipe = recipe
        self.fields = fields
        self.mapping = dict(mapping)
        self.shaping = shaping
        self.known = dict(recipe.known(shaping))
        self.writer = Writer()
        self.writer.constants |= {
            **HELPERS,
            "parse_moment": datetime.fromisoformat,
            "NoMoment": ValueError,
            "is_day": dates.is_canonical_day,
            "known": self.known,
            "finish": recipe.finish,
        }
        self.body = Body(self.writer, is_object=True)
        self.mapper = Mapper(self.body)

    def make(self) -> Quick | None:
        """The function; None when a literal of the mapping does not fit its field anyway."""
        body = self.body
        body.load(paths_of(self.mapping))
        body.line("o = known.copy()")
        body.line("try:")
        body.indent += 1
        for put in self.recipe.puts:
            if put.field in self.known:
                if not is_raw(self.mapping.get(put.field)):
                    return None
            elif put.field in self.mapping and not self._put(put):
                return None
        if self.recipe.someone:
            here = " or ".join(f"{name!a} in o" for name in self.recipe.someone)
            body.line(f"if not ({here}):")
            body.line("    return None")
        for key, field in self.fields.items():
            if field.required is True and key not in self.mapping:
                return None
        made = "[o]"
        if self.recipe.finish is not None:
            given = [self._value(name) for name in self.recipe.rest]
            made = f"finish({', '.join(['o', *given])})"
        body.line(f"return {made}")
        body.indent -= 1
        body.line("except NoMoment:")
        body.line("    pass")
        body.finish("quick", "None")
        return cast(Quick, self.writer.compile("quick", "quick way"))

    def _value(self, name: str) -> str:
        if name not in self.mapping:
            return "U"
        source = self.mapping[name]
        return self.writer.constant(source) if is_raw(source) else self._mapped(name)

    def _mapped(self, name: str) -> str:
        return self.mapper.value(self.mapping[name], f"/{name}", Holes.NOWHERE)

    def _put(self, put: Put) -> bool:
        """Write one member; False when it can never be plain."""
        name, field, source = put.field, self.fields[put.field], self.mapping[put.field]
        if put.plain != "absent" and is_raw(source) and type(source) in (str, int, float, bool):
            return self._put_literal(name, source)
        value = self.mapper.named(self._mapped(name))
        body = self.body
        test = self._test(put, value)
        if test:
            body.line(f"if {test}:")
            body.line(f"    o[{name!a}] = {value}")
            body.line(f"elif {value} is not U:")
        else:
            body.line(f"if {value} is not U:")
        body.line("    return None")
        if field.required is True:
            body.line(f"if {value} is U:")
            body.line("    return None")
        return True

    def _test(self, put: Put, value: str) -> str:
        if put.plain == "text":
            rule = rule_of(self.fields[put.field])
            kept = f" and not {self.writer.constant(rule)}({value})" if rule is not None else ""
            return f"type({value}) is str and {value}{kept}"
        forbidden = "".join(f" and {name!a} not in {value}" for name in put.without)
        return _TESTS.get(put.plain, "").format(v=value) + forbidden

    def _put_literal(self, name: str, source: Any) -> bool:
        """A value written into the mapping is coerced once, now."""
        try:
            payload, notes = Coercer({name: self.fields[name]}).coerce({name: source})
        except InvalidPayload:
            return False
        if notes or name not in payload:
            return name not in payload and not notes and self.fields[name].required is not True
        self.body.line(f"o[{name!a}] = {self.writer.literal(payload[name])}")
        return True

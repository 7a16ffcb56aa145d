"""What each directive does: a checked mapping becomes one closure, ``payload -> value or UNDEFINED``.

`Builder.build` turns any mapping value into such a closure once; resolving is then calls only. The rules
are those stored mappings depend on, odd ones included (a condition ``blank`` that means the opposite,
paths that stop at a falsy value). Errors are InvalidMapping with the pointer of the directive.

Source  published package ``@segment/actions-core`` 3.170.0, observed behaviour, recorded 2026-11
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any, Final, NoReturn

from segue.language import reshape
from segue.language.check import DEEPEST, LONGEST_PATTERN, directive_of, step, unrooted
from segue.language.javascript import (
    UNDEFINED,
    equals_empty_text,
    is_truthy,
    length_of,
    own_entries,
    text_of,
    type_name,
)
from segue.language.path import lookup, split
from segue.language.template import compose
from segue.model.errors import InvalidMapping

Resolver = Callable[[Any], Any]
"""Payload in, value or UNDEFINED out. Raises InvalidMapping."""

Watch = Callable[[str, str, Any, Resolver], Resolver]
"""(pointer, directive, its value as written, resolver) -> the resolver to use instead."""


class Holes(IntEnum):
    """Where a resolved value may still hold UNDEFINED inside.

    NOWHERE     members are gone, elements are None: fit to leave the language
    ON_TOP      members or elements of the value itself, for ``@merge``
    ANYWHERE    at every depth, for ``@flatten`` and the source of ``@arrayPath``
    """

    NOWHERE = 0
    ON_TOP = 1
    ANYWHERE = 2

    @property
    def inside(self) -> "Holes":
        return Holes.ANYWHERE if self is Holes.ANYWHERE else Holes.NOWHERE


class Builder:
    """Builds resolvers; `watch`, if given, sees every directive."""

    def __init__(self, watch: Watch | None = None) -> None:
        self.watch = watch

    def build(self, mapping: Any, pointer: str, holes: Holes = Holes.NOWHERE) -> Resolver:
        """Give the resolver of a checked mapping value."""
        directive = directive_of(mapping)
        if directive:
            place = step(pointer, directive)
            resolver = _DIRECTIVES[directive](self, mapping[directive], place, holes)
            return self.watch(place, directive, mapping[directive], resolver) if self.watch else resolver
        if is_raw(mapping):
            return lambda payload: mapping
        inside = holes.inside
        if type(mapping) is list:
            elements = [
                self.build(element, step(pointer, index), inside) for index, element in enumerate(mapping)
            ]
            if holes:
                return lambda payload: [element(payload) for element in elements]
            return lambda payload: [none_for_undefined(element(payload)) for element in elements]
        members = [(key, self.build(member, step(pointer, key), inside)) for key, member in mapping.items()]
        if holes:
            return lambda payload: {key: member(payload) for key, member in members}
        return lambda payload: {
            key: value for key, member in members if (value := member(payload)) is not UNDEFINED
        }


def is_raw(mapping: Any) -> bool:
    """Say whether no directive stands anywhere in a mapping value."""
    if type(mapping) is dict:
        return not directive_of(mapping) and all(map(is_raw, mapping.values()))
    return all(map(is_raw, mapping)) if type(mapping) is list else True


def none_for_undefined(value: Any) -> Any:
    """Give an element's place in an array a value."""
    return None if value is UNDEFINED else value


def fail(pointer: str, sentence: str) -> NoReturn:
    """Stop resolving, naming the directive."""
    raise InvalidMapping([(pointer, sentence)])


def _failing(pointer: str, sentence: str) -> Resolver:
    return lambda payload: fail(pointer, sentence)


def _nothing(payload: Any) -> Any:
    return UNDEFINED


def text_from(value: Any, pointer: str) -> str:
    """Check the text a nested directive resolved to."""
    if type(value) is not str:
        fail(pointer, f"expected string, got {type_name(value)}")
    return value


# --- the directives -----------------------------------------------------------------------------


def _path(builder: Builder, value: Any, pointer: str, holes: Holes) -> Resolver:
    if type(value) is str:
        keys = split(value)
        return lambda payload: lookup(payload, keys)
    inner = builder.build(value, pointer)
    return lambda payload: lookup(payload, split(text_from(inner(payload), pointer)))


def _template(builder: Builder, value: Any, pointer: str, holes: Holes) -> Resolver:
    if type(value) is str:
        return lambda payload: compose(value, payload, pointer)
    inner = builder.build(value, pointer)
    return lambda payload: compose(text_from(inner(payload), pointer), payload, pointer)


def _literal(builder: Builder, value: Any, pointer: str, holes: Holes) -> Resolver:
    return builder.build(value, pointer, holes)


def _if(builder: Builder, value: Mapping[str, Any], pointer: str, holes: Holes) -> Resolver:
    if not is_truthy(value.get("exists")) and not is_truthy(value.get("blank")):
        return _failing(pointer, "needs exists or blank, and neither has a value")
    by_blank = "exists" not in value
    key = "blank" if by_blank else "exists"
    condition = builder.build(value[key], step(pointer, key))
    then = builder.build(value["then"], step(pointer, "then"), holes) if "then" in value else _nothing
    otherwise = (
        builder.build(value["else"], step(pointer, "else"), holes)
        if is_truthy(value.get("else"))
        else _nothing
    )

    def choose(payload: Any) -> Any:
        found = condition(payload)
        taken = found is not UNDEFINED and found is not None
        if taken and by_blank:
            taken = not equals_empty_text(found)
        return then(payload) if taken else otherwise(payload)

    return choose


def _case(builder: Builder, value: Mapping[str, Any], pointer: str, holes: Holes) -> Resolver:
    operator = value.get("operator")
    if not operator:
        return _failing(pointer, "needs an operator: lower or upper")
    if not value.get("value"):
        return _nothing
    inner = builder.build(value["value"], step(pointer, "value"), holes)

    def convert(payload: Any) -> Any:
        found = inner(payload)
        if type(found) is not str:
            return found
        if operator == "lower":
            return found.lower()
        if operator == "upper":
            return found.upper()
        return fail(step(pointer, "operator"), f'expected lower or upper, got "{operator}"')

    return convert


def _replace(builder: Builder, value: Mapping[str, Any], pointer: str, holes: Holes) -> Resolver:
    passes = [("", value["pattern"], value.get("replacement", ""))]
    second, replacement2 = value.get("pattern2"), value.get("replacement2")
    if type(second) is str and second and type(replacement2) in (str, type(None)):
        passes.append(("2", second, replacement2 or ""))
    if not value["value"]:
        return _nothing
    inner = builder.build(value["value"], step(pointer, "value"))
    every, fold = value.get("global", True), value.get("ignorecase", False)

    def convert(payload: Any) -> str:
        found = inner(payload)
        if type(found) in (bool, int, float):
            found = text_of(found)
        if type(found) is not str:
            return ""
        for number, pattern, replacement in passes:
            for key, text in (("pattern", pattern), ("replacement", replacement)):
                if length_of(text) > LONGEST_PATTERN:
                    fail(step(pointer, key + number), f"must have at most {LONGEST_PATTERN} characters")
            found = reshape.replaced(found, pattern, replacement, every=every, fold=fold, pointer=pointer)
        return found

    return convert


def _array_path(builder: Builder, value: list[Any], pointer: str, holes: Holes) -> Resolver:
    place = step(pointer, 0)
    shape = value[1] if len(value) > 1 else None
    shaped = type(shape) is dict and bool(shape)
    source = (
        _path(builder, value[0], place, holes)
        if type(value[0]) is str
        else builder.build(value[0], place, Holes.ANYWHERE if shaped else holes)
    )
    if not shaped:
        return source
    item = builder.build(shape, step(pointer, 1), holes.inside)
    # What a path finds in the payload has no holes; what other directives make may have some.
    patched = directive_of(value[0]) not in (None, "@path") and holes is not Holes.ANYWHERE

    def each(payload: Any) -> Any:
        found = source(payload)
        if type(found) is dict:
            found = [found]
        elif type(found) is not list:
            return found
        items = [item(element) for element in found]
        if patched:
            items = [reshape.without_holes(element, pointer) for element in items]
        return items if holes else [none_for_undefined(element) for element in items]

    return each


def _merge(builder: Builder, value: Mapping[str, Any], pointer: str, holes: Holes) -> Resolver:
    direction = value.get("direction")
    if direction is None:
        return _failing(step(pointer, "direction"), "is required: left or right")
    wanted = holes or Holes.ON_TOP
    objects = [
        builder.build(element, step(step(pointer, "objects"), index), wanted)
        for index, element in enumerate(value["objects"])
    ]
    backwards = direction == "left"

    def merge(payload: Any) -> dict[str, Any]:
        found = [element(payload) for element in objects]
        merged: dict[str, Any] = {}
        for element in reversed(found) if backwards else found:
            merged.update(element if type(element) is dict else own_entries(element))
        if holes:
            return merged
        return {key: member for key, member in merged.items() if member is not UNDEFINED}

    return merge


def _json(builder: Builder, value: Mapping[str, Any], pointer: str, holes: Holes) -> Resolver:
    mode = value["mode"]
    if not is_truthy(value["value"]):
        return _failing(step(pointer, "value"), "is required")
    if mode == "encode":
        plain = builder.build(value["value"], step(pointer, "value"))
        return lambda payload: reshape.encoded(plain(payload), pointer)
    inner = builder.build(value["value"], step(pointer, "value"), holes)
    if mode == "decode":
        return lambda payload: reshape.decoded(inner(payload), pointer)

    def other(payload: Any) -> Any:
        inner(payload)  # another spelling of the mode gives nothing, but what is wrong inside stays wrong
        return UNDEFINED

    return other


def _flatten(builder: Builder, value: Mapping[str, Any], pointer: str, holes: Holes) -> Resolver:
    separator = value.get("separator")
    if not separator:
        return _failing(step(pointer, "separator"), "is required and cannot be empty")
    inner = builder.build(value["value"], step(pointer, "value"), Holes.ANYWHERE)
    keep_arrays = is_truthy(value.get("omitArrays"))

    def flatten(payload: Any) -> dict[str, Any]:
        leaves = reshape.flattened(inner(payload), separator, keep_arrays=keep_arrays, pointer=pointer)
        if holes is Holes.ANYWHERE:
            return leaves
        leaves = {key: reshape.without_holes(leaf, pointer) for key, leaf in leaves.items()}
        return leaves if holes else {key: leaf for key, leaf in leaves.items() if leaf is not UNDEFINED}

    return flatten


def _transform(builder: Builder, value: Mapping[str, Any], pointer: str, holes: Holes) -> Resolver:
    apply = builder.build(unrooted(value["apply"]), step(pointer, "apply"))
    mapping = builder.build(value["mapping"], step(pointer, "mapping"), holes)

    def transform(payload: Any) -> Any:
        if payload is UNDEFINED:
            payload = {}
        if type(payload) is not dict:
            fail(pointer, f"data must be an object, got {type_name(payload)}")
        return mapping(apply(payload))

    return transform


def _exclude_when_null(builder: Builder, value: Any, pointer: str, holes: Holes) -> Resolver:
    inner = builder.build(value, pointer, holes)
    return lambda payload: reshape.without_nulls(inner(payload), pointer)


def _liquid(builder: Builder, value: str, pointer: str, holes: Holes) -> Resolver:
    # Imported at the first template: few workspaces have one, and the library takes a tenth of a start.
    from segue.language.liquid import render_with

    return render_with(value, pointer)


_DIRECTIVES: Final[Mapping[str, Callable[[Builder, Any, str, Holes], Resolver]]] = {
    "@path": _path,
    "@template": _template,
    "@literal": _literal,
    "@if": _if,
    "@case": _case,
    "@replace": _replace,
    "@arrayPath": _array_path,
    "@merge": _merge,
    "@json": _json,
    "@flatten": _flatten,
    "@transform": _transform,
    "@excludeWhenNull": _exclude_when_null,
    "@liquid": _liquid,
}

NAMES: Final = tuple(_DIRECTIVES)
__all__ = ["DEEPEST", "NAMES", "Builder", "Holes", "Resolver", "Watch"]

"""Mappings as Python source: each directive writes the statements that compute its value.

    mapper = Mapper(body)
    mapper.finish("payload", {"name": {"@path": "$.event"}}, "")

adds to the body's writer a function ``payload(e)`` that gives what the reference gives. Values are written
in the order the reference resolves them, so the first error is the same; what a directive cannot write
(see `_WRITERS`) is a call of the reference's own resolver.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from segue.language.check import directive_of, step, unrooted
from segue.language.directive import Builder, Holes, is_raw, text_from
from segue.language.javascript import equals_empty_text, is_truthy, own_entries, type_name
from segue.language.path import split
from segue.language.template import LONGEST, bounded, parts_of, shown
from segue.language.writer import Body, Keys
from segue.model.errors import InvalidMapping


def _refuse(event: Any) -> None:
    raise InvalidMapping([("", f"data must be an object, got {type_name(event)}")])


def _is_something(value: Any) -> bool:
    return value is not None and not equals_empty_text(value)


HELPERS: Final[Mapping[str, Any]] = {
    "refuse": _refuse,
    "is_something": _is_something,
    "shown": shown,
    "bounded": bounded,
    "entries": own_entries,
    "split": split,
    "text_from": text_from,
}
"""What generated mappings call, by the name they call it."""


class Mapper:
    """Writes mapping values into the body of a function of their payload.

    Every method gives an expression without effect: a name, a literal, or a constant.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self.writer = body.writer

    def finish(self, name: str, source: Any, pointer: str, holes: Holes = Holes.NOWHERE) -> None:
        """Write the whole function."""
        self.body.load(paths_of(source))
        self.body.finish(name, self.value(source, pointer, holes))

    def value(self, source: Any, pointer: str, holes: Holes) -> str:
        """Write any mapping value."""
        name = directive_of(source)
        if name:
            place = step(pointer, name)
            write = _WRITERS.get(name)
            written = write(self, source[name], place, holes) if write else None
            return written or self.called(source, pointer, holes)
        if is_raw(source):
            return self.writer.literal(source)
        return (self.array if type(source) is list else self.object)(source, pointer, holes)

    def called(self, source: Any, pointer: str, holes: Holes) -> str:
        """Leave a value to the reference."""
        self.body.is_open = True
        resolver = self.writer.constant(Builder().build(source, pointer, holes))
        return self.body.assign(f"{resolver}(e)")

    def named(self, expression: str) -> str:
        """Give a literal a name, so that it can be tested."""
        return expression if expression.isidentifier() else self.body.assign(expression)

    def array(self, source: list[Any], pointer: str, holes: Holes) -> str:
        """Write an array, element by element."""
        elements = [self.value(each, step(pointer, index), holes.inside) for index, each in enumerate(source)]
        if not holes:
            elements = [
                f"None if {element} is U else {element}" if _may_lack(each) else element
                for element, each in zip(elements, source, strict=True)
            ]
        return self.body.assign(f"[{', '.join(elements)}]")

    def object(self, source: dict[str, Any], pointer: str, holes: Holes) -> str:
        """Write an object, member by member, in their order."""
        members = [
            (
                ascii(key),
                self.value(member, step(pointer, key), holes.inside),
                not holes and _may_lack(member),
            )
            for key, member in source.items()
        ]
        sure = next((index for index, member in enumerate(members) if member[2]), len(members))
        made = self.body.assign(f"{{{', '.join(f'{key}: {value}' for key, value, _ in members[:sure])}}}")
        for key, value, may_lack in members[sure:]:
            if may_lack:
                self.body.line(f"if {value} is not U:")
                self.body.line(f"    {made}[{key}] = {value}")
            else:
                self.body.line(f"{made}[{key}] = {value}")
        return made

    def function(self, source: Any, pointer: str, holes: Holes) -> str:
        """Write a value as a function of another payload; give the function's name."""
        name = self.writer.name("f")
        self.body.is_open |= not all(
            directive_of(each) == "@path" or is_raw(each) for each in _members(source)
        )
        Mapper(Body(self.writer, is_object=False)).finish(name, source, pointer, holes)
        return name


def _path(mapper: Mapper, value: Any, pointer: str, holes: Holes) -> str:
    if type(value) is str:
        return mapper.body.loaded[split(value)]
    mapper.body.is_open = True
    text = mapper.value(value, pointer, Holes.NOWHERE)
    return mapper.body.assign(f"lookup(e, split(text_from({text}, {pointer!a})))")


def _template(mapper: Mapper, value: Any, pointer: str, holes: Holes) -> str | None:
    if type(value) is not str:
        return None
    parts, has_triple = parts_of(value)
    if has_triple:
        return None
    pieces: list[str] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(ascii(part))
        else:
            found = mapper.body.loaded[part]
            pieces.append(f"({found} if type({found}) is str else shown({found}))")
    text = mapper.body.assign(" + ".join(pieces) or "''")
    if any(not isinstance(part, str) for part in parts):
        mapper.body.line(f"if len({text}) > {LONGEST}:")
        mapper.body.line(f"    bounded({text}, {pointer!a})")
    return text


def _literal(mapper: Mapper, value: Any, pointer: str, holes: Holes) -> str:
    return mapper.value(value, pointer, holes)


def _if(mapper: Mapper, value: Mapping[str, Any], pointer: str, holes: Holes) -> str | None:
    if not is_truthy(value.get("exists")) and not is_truthy(value.get("blank")):
        return None
    body = mapper.body
    key = "exists" if "exists" in value else "blank"
    found = mapper.named(mapper.value(value[key], step(pointer, key), Holes.NOWHERE))
    if found == "U":  # known to be missing
        taken = is_truthy(value.get("else"))
        return mapper.value(value["else"], step(pointer, "else"), holes) if taken else "U"
    condition = f"{found} is not U and {found} is not None"
    if key == "blank":
        condition = f"{found} is not U and ({found} != '' if type({found}) is str else is_something({found}))"
    chosen = mapper.writer.name("t")
    body.line(f"if {condition}:")
    _branch(mapper, value, "then", "then" in value, chosen, pointer, holes)
    body.line("else:")
    _branch(mapper, value, "else", is_truthy(value.get("else")), chosen, pointer, holes)
    return chosen


def _branch(
    mapper: Mapper, value: Mapping[str, Any], key: str, taken: bool, chosen: str, pointer: str, holes: Holes
) -> None:
    mapper.body.indent += 1
    result = mapper.value(value[key], step(pointer, key), holes) if taken else "U"
    mapper.body.line(f"{chosen} = {result}")
    mapper.body.indent -= 1


def _case(mapper: Mapper, value: Mapping[str, Any], pointer: str, holes: Holes) -> str | None:
    if value.get("operator") not in ("lower", "upper") or not value.get("value"):
        return None
    found = mapper.named(mapper.value(value["value"], step(pointer, "value"), holes))
    return mapper.body.assign(f"{found}.{value['operator']}() if type({found}) is str else {found}")


def _array_path(mapper: Mapper, value: list[Any], pointer: str, holes: Holes) -> str | None:
    body, place = mapper.body, step(pointer, 0)
    shape = value[1] if len(value) > 1 else None
    if type(shape) is not dict or not shape:
        if type(value[0]) is str:
            return _path(mapper, value[0], place, holes)
        return mapper.value(value[0], place, holes)
    if type(value[0]) is not str and directive_of(value[0]) != "@path":
        return None
    found = (
        _path(mapper, value[0], place, holes)
        if type(value[0]) is str
        else mapper.value(value[0], place, Holes.ANYWHERE)
    )
    item = mapper.function(shape, step(pointer, 1), holes.inside)
    made = mapper.writer.name("t")
    dense = not holes and _may_lack(shape)
    for kind, each, rest in (("list", "i", f" for i in {found}"), ("dict", found, "")):
        one = f"None if (r := {item}({each})) is U else r" if dense else f"{item}({each})"
        body.line(f"{'if' if rest else 'elif'} type({found}) is {kind}:")
        body.line(f"    {made} = [{one}{rest}]")
    body.line("else:")
    body.line(f"    {made} = {found}")
    return made


def _merge(mapper: Mapper, value: Mapping[str, Any], pointer: str, holes: Holes) -> str | None:
    if value.get("direction") is None:
        return None
    place = step(pointer, "objects")
    found = [
        mapper.value(each, step(place, index), holes or Holes.ON_TOP)
        for index, each in enumerate(value["objects"])
    ]
    merged = mapper.body.assign("{}")
    for each in reversed(found) if value["direction"] == "left" else found:
        mapper.body.line(f"{merged}.update({each} if type({each}) is dict else entries({each}))")
    if holes or all(directive_of(each) == "@path" or is_raw(each) for each in value["objects"]):
        return merged
    return mapper.body.assign(f"{{k: v for k, v in {merged}.items() if v is not U}}")


def _transform(mapper: Mapper, value: Mapping[str, Any], pointer: str, holes: Holes) -> str | None:
    if not mapper.body.is_object:
        return None
    applied = mapper.value(unrooted(value["apply"]), step(pointer, "apply"), Holes.NOWHERE)
    return mapper.body.assign(
        f"{mapper.function(value['mapping'], step(pointer, 'mapping'), holes)}({applied})"
    )


_WRITERS: Final[Mapping[str, Callable[[Mapper, Any, str, Holes], str | None]]] = {
    "@path": _path,
    "@template": _template,
    "@literal": _literal,
    "@if": _if,
    "@case": _case,
    "@arrayPath": _array_path,
    "@merge": _merge,
    "@transform": _transform,
}


def paths_of(source: Any) -> Iterator[Keys]:
    """Give every path that code of this function may use; those of other payloads are not among them."""
    name = directive_of(source)
    if name is None:
        yield from _paths_among(source)
        return
    inside = source[name]
    if name == "@path" and type(inside) is str:
        yield split(inside)
    elif name == "@template" and type(inside) is str:
        yield from (part for part in parts_of(inside)[0] if not isinstance(part, str))
    elif name in ("@path", "@template", "@literal"):
        yield from paths_of(inside)
    elif name == "@arrayPath":
        yield from [split(inside[0])] if type(inside[0]) is str else paths_of(inside[0])
    elif name == "@transform":
        yield from paths_of(unrooted(inside["apply"]))
    elif name in _WRITERS:
        yield from _paths_among(inside)


def _paths_among(source: Any) -> Iterator[Keys]:
    for each in _members(source):
        yield from paths_of(each)


def _members(source: Any) -> Iterable[Any]:
    if type(source) is dict:
        return source.values()
    return source if type(source) is list else ()


def _may_lack(source: Any) -> bool:
    """Say whether a mapping value may resolve to UNDEFINED."""
    name = directive_of(source)
    if name is None or name in ("@template", "@liquid", "@flatten", "@merge"):
        return False
    return _may_lack(source[name]) if name == "@literal" else True

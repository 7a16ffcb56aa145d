"""What a mapping must look like before it is used: every fault at once, each with its JSON pointer.

    problems({"a": {"@path": 4}, "b": {"@nope": 1}})
      ->  [("/a/@path", "expected string, got number"), ("/b", 'unknown directive "@nope"; …')]

A directive is an object with exactly one key that starts with ``@``; a key ``_metadata`` beside it is
ignored. Everything else is a raw value.
"""

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final

from segue.language.javascript import length_of, type_name

Problem = tuple[str, str]

ROOT_DIRECTIVE: Final = "__segment_internal_directive"
"""Key of a mapping whose value is a directive that takes all the other keys as its ``mapping``."""

DEEPEST: Final = 60
"""Most levels of objects and arrays inside one another."""

LARGEST: Final = 20_000
"""Most values in one mapping, members and elements counted."""

LONGEST_PATTERN: Final = 10
"""Most UTF-16 units in each text of ``@replace``."""


def problems(mapping: Any) -> list[Problem]:
    """Give everything that is wrong with a mapping; nothing when it can be used."""
    if type(mapping) is not dict:
        return [("", f"expected object, got {type_name(mapping)}. Write field names with their values")]
    measured = measure(mapping)
    if measured:
        return [measured]
    found: list[Problem] = []
    if ROOT_DIRECTIVE in mapping:
        wrong = _root_problem(mapping[ROOT_DIRECTIVE])
        if wrong:
            return [(f"/{ROOT_DIRECTIVE}", wrong)]
    _check(unrooted(mapping), "", found)
    return found


def unrooted(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Put a checked mapping's root directive around its other keys; without one nothing changes."""
    if ROOT_DIRECTIVE not in mapping:
        return dict(mapping)
    rest = {key: value for key, value in mapping.items() if key != ROOT_DIRECTIVE}
    return {name: {**value, "mapping": rest} for name, value in mapping[ROOT_DIRECTIVE].items()}


def directive_of(value: Any) -> str | None:
    """Give the name of the directive a value is; None for raw values."""
    if type(value) is dict:
        for key in value:
            if key.startswith("@"):
                return str(key)
    return None


def step(pointer: str, key: str | int) -> str:
    """Lengthen a JSON pointer by one member or element."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


# --- the walk -----------------------------------------------------------------------------------

Found = list[Problem]
Check = Callable[[Any, str, Found], None]


def measure(mapping: Any) -> Problem | None:
    """Refuse what is too deep, too large or no JSON before anything walks it recursively; None: it is not."""
    waiting: list[tuple[Any, int, str]] = [(mapping, 0, "")]
    count = 0
    while waiting:
        value, depth, pointer = waiting.pop()
        count += 1
        if count > LARGEST:
            return "", f"holds more than {LARGEST:,} values. Split it"
        if depth > DEEPEST:
            return pointer, f"is nested more than {DEEPEST} levels deep. Write it flatter"
        if type(value) is dict:
            for key, member in value.items():
                if type(key) is not str:
                    return pointer, f"has the key {key!r}; keys are strings"
                waiting.append((member, depth + 1, step(pointer, key)))
        elif type(value) is list:
            waiting += [(element, depth + 1, step(pointer, index)) for index, element in enumerate(value)]
        elif value is not None and type(value) not in (str, int, float, bool):
            return pointer, f"expected a JSON value, got {type(value).__name__}"
    return None


def _root_problem(value: Any) -> str:
    if type(value) is dict and len(value) == 1:
        ((name, inside),) = value.items()
        if name.startswith("@") and type(inside) is dict:
            return ""
    return "expected an object with one directive whose value is an object, such as @transform"


def _check(value: Any, pointer: str, found: Found) -> None:
    if type(value) is list:
        for index, element in enumerate(value):
            _check(element, step(pointer, index), found)
    elif type(value) is dict:
        names = [key for key in value if key.startswith("@")]
        if names:
            _check_directive(value, names, pointer, found)
        else:
            for key, member in value.items():
                _check(member, step(pointer, key), found)


def _check_directive(value: dict[str, Any], names: list[str], pointer: str, found: Found) -> None:
    if len(names) > 1:
        found.append((pointer, f"has {len(names)} directives ({', '.join(names)}); keep one"))
        return
    name = names[0]
    others = [key for key in value if key not in (name, "_metadata")]
    if others:
        found.append((pointer, f"has the key {others[0]!r} beside {name}; a directive stands alone"))
        return
    check = _CHECKS.get(name)
    if check is None:
        near = difflib.get_close_matches(name.lower(), [known.lower() for known in _CHECKS], n=1)
        meant = next((f" Did you mean {known}?" for known in _CHECKS if near == [known.lower()]), "")
        found.append((pointer, f'unknown directive "{name}"; there are {", ".join(_CHECKS)}.{meant}'))
        return
    check(value[name], step(pointer, name), found)


# --- values of directives -----------------------------------------------------------------------


def _string(value: Any, pointer: str, found: Found) -> None:
    if type(value) is not str:
        found.append((pointer, f"expected string, got {type_name(value)}"))


def _boolean(value: Any, pointer: str, found: Found) -> None:
    if type(value) is not bool:
        found.append((pointer, f"expected boolean, got {type_name(value)}"))


def _string_or_directive(value: Any, pointer: str, found: Found) -> None:
    if directive_of(value):
        _check(value, pointer, found)
    elif type(value) is not str:
        found.append((pointer, f"expected string or directive, got {type_name(value)}"))


def _object_or_directive(value: Any, pointer: str, found: Found) -> None:
    if type(value) is dict:
        _check(value, pointer, found)
    else:
        found.append((pointer, f"expected object or directive, got {type_name(value)}"))


def _object(value: Any, pointer: str, found: Found) -> bool:
    if type(value) is dict and not directive_of(value):
        return True
    what = "a directive" if directive_of(value) else type_name(value)
    found.append((pointer, f"expected object, got {what}"))
    return False


def _members(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """Check an object's members: the required ones must be there, unknown ones may be any mapping value."""

    def check(value: Any, pointer: str, found: Found) -> None:
        if not _object(value, pointer, found):
            return
        for name, member in required.items():
            if name in value:
                member(value[name], step(pointer, name), found)
            else:
                found.append((step(pointer, name), "is required"))
        for name, inner in value.items():
            if name not in required:
                optional.get(name, _check)(inner, step(pointer, name), found)

    return check


def _if(value: Any, pointer: str, found: Found) -> None:
    if _object(value, pointer, found):
        for name, member in value.items():
            _check(member, step(pointer, name), found)


def _array_path(value: Any, pointer: str, found: Found) -> None:
    if type(value) is not list:
        found.append((pointer, f"expected array, got {type_name(value)}"))
    elif not value:
        found.append((step(pointer, 0), "expected string or directive, got undefined"))
    else:
        _string_or_directive(value[0], step(pointer, 0), found)
        if len(value) > 1:
            _check(value[1], step(pointer, 1), found)


def _apply(value: Any, pointer: str, found: Found) -> None:
    _object_or_directive(value, pointer, found)
    if type(value) is dict and ROOT_DIRECTIVE in value:
        wrong = _root_problem(value[ROOT_DIRECTIVE])
        if wrong:
            found.append((step(pointer, ROOT_DIRECTIVE), wrong))


def _objects(value: Any, pointer: str, found: Found) -> None:
    if type(value) is not list:
        found.append((pointer, f"expected array, got {type_name(value)}"))
        return
    for index, element in enumerate(value):
        _object_or_directive(element, step(pointer, index), found)


def _liquid(value: Any, pointer: str, found: Found) -> None:
    if type(value) is not str:
        found.append((pointer, f"expected string, got {type_name(value)}"))
        return
    # Imported at the first template: few workspaces have one, and the library takes a tenth of a start.
    from segue.language.liquid import problem_with

    if problem := problem_with(value):
        found.append((pointer, problem))


def _one_of(*choices: str) -> Check:
    def check(value: Any, pointer: str, found: Found) -> None:
        if type(value) is not str or value.lower() not in choices:
            shown = f'"{value}"' if type(value) is str else type_name(value)
            found.append((pointer, f"expected {' or '.join(choices)}, got {shown}"))

    return check


def _sized(least: int) -> Check:
    def check(value: Any, pointer: str, found: Found) -> None:
        if type(value) is not str:
            found.append((pointer, f"expected string, got {type_name(value)}"))
        elif not least <= length_of(value) <= LONGEST_PATTERN:
            found.append(
                (pointer, f"must have {least} to {LONGEST_PATTERN} characters, has {length_of(value)}")
            )

    return check


_CHECKS: Final[Mapping[str, Check]] = {
    "@path": _string_or_directive,
    "@template": _string_or_directive,
    "@literal": _check,
    "@if": _if,
    "@case": _members({}, {"operator": _string, "value": _string_or_directive}),
    "@replace": _members(
        {"pattern": _sized(1), "value": _string_or_directive},
        {"replacement": _sized(0), "ignorecase": _boolean, "global": _boolean},
    ),
    "@arrayPath": _array_path,
    "@merge": _members({"objects": _objects}, {"direction": _one_of("left", "right")}),
    "@json": _members({"value": _check, "mode": _one_of("encode", "decode")}, {}),
    "@flatten": _members({"value": _check}, {"separator": _string}),
    "@transform": _members({"apply": _apply, "mapping": _object_or_directive}, {}),
    "@excludeWhenNull": _check,
    "@liquid": _liquid,
}

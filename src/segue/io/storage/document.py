"""A YAML file as plain data, with the line of every place and ``${NAME}`` filled in.

YAML 1.2's core rules decide what a bare word is: ``true``, ``false``, ``null`` and numbers are themselves,
everything else (``yes``, ``no``, ``12:30``, ``2026-01-01``) is text. Plain data only: no tags, no dates.

    ${NAME}           the variable's value; a fault when it is not set
    ${NAME:-default}  the default when the variable is not set or empty
    $${NAME}          the text ${NAME} itself

Faults are collected, never raised: the list passed in grows.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import msgspec
import yaml

from segue.model.errors import Fault

FILE_BYTES: Final = 1024 * 1024
"""Largest file read."""

DEPTH: Final = 40
"""Deepest nesting read; a mapping seldom needs more than ten."""

VALUES: Final = 100_000
"""Most values after aliases are expanded; more is a mistake or a bomb."""

WHOLE: Final = "file"
"""The place of a fault that concerns the file as a whole."""

Scalar = str | int | float | bool | None


class Missing(msgspec.Struct, frozen=True):
    """Stands for a value that could not be filled in; its fault is already noted."""


class Filled(str):
    """Text that came from a variable, so it may still have to be read as a number or a truth value."""

    __slots__ = ()


class Document(msgspec.Struct, kw_only=True):
    """What a file says.

    data     dicts with text keys, lists, and scalars; `Missing` and `Filled` among them; None when empty
    lines    place -> line, from 1: {"sources": 3, "sources.shop": 4, "sources.shop.write_keys.0": 6}
    secrets  values that came from variables, never to be printed
    """

    data: Any = None
    lines: dict[str, int] = {}
    secrets: set[str] = set()


def read_document(content: bytes, environment: Mapping[str, str], faults: list[Fault]) -> Document:
    """Read YAML. With a syntax error the document is empty and `faults` has the one reason; otherwise the
    data is whole but for what `faults` says."""
    text = _decode(content, faults)
    if text is None:
        return Document()
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        faults.append(_syntax_fault(error, text))
        return Document()
    finally:
        loader.dispose()
    if node is None:
        return Document()
    reader = _Reader(environment, faults)
    try:
        data = reader.plain(node, "", 0)
    except _TooLargeError as error:
        faults.append(error.fault)
        data = None
    return Document(data=data, lines=reader.lines, secrets=reader.secrets)


def scalar(text: str) -> Scalar:
    """Read one bare word by the core rules: "8" is 8, "true" is True, "yes" is "yes"."""
    for tag, pattern in CORE.items():
        if pattern.fullmatch(text):
            return _SCALARS[tag](text)
    return text


def join(place: str, key: object) -> str:
    """Name a place inside another: ``sources`` and ``shop`` make ``sources.shop``."""
    return f"{place}.{key}" if place else str(key)


# Source  YAML 1.2.2, "10.3.2. Tag Resolution" (core schema), read 2026-11-23
CORE: Final = {
    "tag:yaml.org,2002:null": re.compile(r"null|Null|NULL|~|"),
    "tag:yaml.org,2002:bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "tag:yaml.org,2002:int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "tag:yaml.org,2002:float": re.compile(
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
}

_STR: Final = "tag:yaml.org,2002:str"
_REFERENCE: Final = re.compile(r"\$?\$\{([^}]*)\}")
_NAME: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


def _int(text: str) -> int | str:
    if len(text) > 40:  # not a number anybody means; int() of very long text is slow
        return text
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _float(text: str) -> float | str:
    value = float(text) if text[-1].isdigit() or text[-1] == "." else math.inf
    return value if math.isfinite(value) else text  # JSON has neither infinities nor NaN


_SCALARS: Final[Mapping[str, Callable[[str], Scalar]]] = {
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:int": _int,
    "tag:yaml.org,2002:float": _float,
    _STR: str,
}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the core rules, up to the node tree; it never builds objects."""

    # As a class variable in PyYAML too; its stubs say otherwise.
    yaml_implicit_resolvers: ClassVar = {  # type: ignore[misc]
        None: [(tag, re.compile(rf"(?:{pattern.pattern})\Z")) for tag, pattern in CORE.items()]
    }
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {DEPTH} levels", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _TooLargeError(Exception):
    """The aliases of a file expand to too much; reading stops."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


class _Reader:
    """Turns nodes into plain data, noting lines and filling variables in."""

    def __init__(self, environment: Mapping[str, str], faults: list[Fault]) -> None:
        self.environment = environment
        self.faults = faults
        self.lines: dict[str, int] = {}
        self.secrets: set[str] = set()
        self.values = 0

    def plain(self, node: yaml.Node, place: str, depth: int) -> Any:
        self.values += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        if self.values > VALUES or depth > DEPTH:
            raise _TooLargeError(
                Fault(
                    place=place.split(".")[0] or WHOLE,
                    problem=f"aliases (*name) expand to more than {VALUES:,} values or {DEPTH} levels.",
                    remedy="Write the values out instead of repeating aliases inside aliases.",
                    line=line,
                )
            )
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, place, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.plain(child, join(place, i), depth + 1) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            value = scalar(node.value) if node.tag != _STR else node.value
            return self._fill(value, place, line) if isinstance(value, str) else value
        self._fault(
            place, f'the tag "{node.tag}" is not understood.', "Remove it; plain data needs no tags.", line
        )
        return Missing()

    def _mapping(self, node: yaml.MappingNode, place: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(
                    place, "a key must be a word, found a list or mapping.", "Put the key in quotes.", line
                )
                continue
            key = key_node.value
            if key == "<<" and key_node.style is None:
                self._merge(value_node, place, depth, merged)
                continue
            inner = join(place, key)
            if key in found:
                self._fault(
                    inner,
                    f'the key "{key}" is written twice, first in line {first[key]}.',
                    "Keep one of the two.",
                    line,
                )
                continue
            first[key] = line
            self.lines[inner] = line
            found[key] = self.plain(value_node, inner, depth + 1)
        return {**merged, **found}

    def _merge(self, node: yaml.Node, place: str, depth: int, merged: dict[str, Any]) -> None:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for each in nodes:
            given = self.plain(each, place, depth + 1)
            if isinstance(given, dict):
                merged.update({key: value for key, value in given.items() if key not in merged})
            else:
                line = node.start_mark.line + 1
                self._fault(
                    place, "<< takes a mapping or a list of mappings.", "Point it at a mapping.", line
                )

    def _fill(self, text: str, place: str, line: int) -> str | Missing:
        if "${" not in text:
            return text
        failed = False

        def value_of(match: re.Match[str]) -> str:
            nonlocal failed
            if match[0].startswith("$$"):
                return match[0][1:]
            reference = _NAME.fullmatch(match[1])
            if reference is None:
                self._fault(
                    place,
                    f'"{match[0]}" is not a reference to a variable.',
                    "Write ${NAME} or ${NAME:-default}, or $${…} for the text itself.",
                    line,
                )
                failed = True
                return ""
            name, default = reference[1], reference[2]
            value = self.environment.get(name)
            if default is not None and not value:
                return default
            if value is None:
                self._fault(
                    place,
                    f"the variable {name} is not set.",
                    f"Set {name} in the environment or in the file .env beside this one, "
                    f"or give a default: ${{{name}:-…}}.",
                    line,
                )
                failed = True
                return ""
            if value:
                self.secrets.add(value)
            return value

        filled = _REFERENCE.sub(value_of, text)
        return Missing() if failed else Filled(filled)

    def _fault(self, place: str, problem: str, remedy: str, line: int) -> None:
        self.faults.append(Fault(place=place or WHOLE, problem=problem, remedy=remedy, line=line))


def _decode(content: bytes, faults: list[Fault]) -> str | None:
    if len(content) > FILE_BYTES:
        problem = f"the file has {len(content):,} bytes, more than the {FILE_BYTES:,} that are read."
        faults.append(Fault(place=WHOLE, problem=problem, remedy="Is it the right file?", line=1))
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"the file is not UTF-8: byte 0x{content[error.start]:02x} in line {line}."
        faults.append(Fault(place=WHOLE, problem=problem, remedy="Save it as UTF-8.", line=line))
        return None
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        problem = f"the character U+{ord(unprintable[0]):04X} must not stand in a YAML file."
        faults.append(Fault(place=WHOLE, problem=problem, remedy="Remove it.", line=line))
        return None
    return text


def _syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    said = getattr(error, "problem", None) or str(error)
    context = getattr(error, "context", None)
    mark = getattr(error, "problem_mark", None)
    began = getattr(error, "context_mark", None)
    if began and (
        mark is None or "end of stream" in said
    ):  # an unclosed quote or bracket: show where it opens
        mark = began
    line = mark.line + 1 if mark else 1
    offending = text.split("\n")[line - 1].rstrip()
    shown = repr(offending.strip() if len(offending) < 90 else offending.strip()[:80] + "…")
    if "\t" in offending[: len(offending) - len(offending.lstrip())] or "'\\t'" in said:
        problem = f"line {line} is indented with a tab, YAML wants spaces: {shown}."
        return Fault(place=WHOLE, problem=problem, remedy="Replace the tab by spaces.", line=line)
    why = f"{said} ({context})" if context else said
    return Fault(
        place=WHOLE,
        problem=f"line {line} is not valid YAML, {why}: {shown}.",
        remedy=(
            'Inside { } and [ ] put references in quotes: "${NAME}".'
            if "${" in offending
            else "Look for a missing quote, colon or indent in this line or the one above."
        ),
        line=line,
    )

"""A workspace as the text of `segue.yaml`, with remarks beside what they are about.

    text = workspace_text(workspace, references={"destinations.braze.settings.api_key": "BRAZE_API_KEY"})

`segue.io.storage.workspace.parse_workspace` reads the same workspace back, whatever its texts hold.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import yaml

from segue.io.storage.document import CORE, join, read_document
from segue.model.errors import Fault
from segue.model.workspace import Destination, Filter, Source, Subscription, Workspace

_REFERENCE: Final = re.compile(r"\$\{[^}]*\}")

_BREAK: Final = re.compile("[\\r\\n\\x85\\u2028\\u2029]")
"""What YAML takes for the end of a line; written escaped, so that a line of the file is one line."""

_BY_ID: Final = (Source, Destination)
"""These stand under their id; the others carry it."""


class _Block(dict[str, Any]):
    """A mapping that is always written one key a line."""


def workspace_text(
    workspace: Workspace,
    *,
    references: Mapping[str, str] | None = None,
    comments: Mapping[str, Sequence[str]] | None = None,
    head: Sequence[str] = (),
) -> str:
    """Write a workspace; what has its default value is left out.

    references  place -> name of the variable that is written there instead of the value
    comments    place -> lines to put above it; above the nearest place around one that the file has not
    head        lines to start the file with
    """
    plain = _Writer(references or {}).workspace(workspace)
    text = yaml.dump(
        plain,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
        default_flow_style=None,
    )
    lines = text.split("\n")
    above: dict[int, list[str]] = {}
    places = _places(text, workspace)
    for place, said in (comments or {}).items():
        above.setdefault(_line(place, places), []).extend(said)
    out = [_comment(line) for line in head] + [""] * bool(head)
    for number, line in enumerate(lines, 1):
        indent = line[: len(line) - len(line.lstrip(" "))]
        out += [_comment(said, indent) for said in above.get(number, ())]
        out.append(line)
    return "\n".join(out)


class _Writer:
    """Plain data of structs, with references and every other ``${`` escaped."""

    def __init__(self, references: Mapping[str, str]) -> None:
        self.references = references

    def workspace(self, workspace: Workspace) -> _Block:
        plain = self.struct(workspace, "", skip={"revision"})
        for part in ("sources", "destinations"):
            if part in plain:
                plain[part] = _Block(
                    (each.id, self.value(each, f"{part}.{each.id}")) for each in getattr(workspace, part)
                )
        return plain

    def struct(self, value: msgspec.Struct, place: str, *, skip: frozenset[str] | set[str]) -> _Block:
        fields = msgspec.structs.fields(value)
        written = _Block()
        for field in fields:
            inner = getattr(value, field.name)
            if field.name in skip or (not field.required and inner == field.default):
                continue
            made = self.value(inner, join(place, field.encode_name))
            written[field.encode_name] = _Block(made) if isinstance(made, dict) else made
        return written

    def value(self, value: Any, place: str) -> Any:
        if name := self.references.get(place):
            return f"${{{name}}}"
        if isinstance(value, msgspec.Struct):
            return self.struct(value, place, skip={"id"} if isinstance(value, _BY_ID) else frozenset())
        if isinstance(value, Mapping):
            return {key: self.value(each, join(place, key)) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each, join(place, index)) for index, each in enumerate(value)]
        return _REFERENCE.sub(lambda found: f"${found[0]}", value) if isinstance(value, str) else value


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper; a text is quoted when either its rules or those we read by take it for something
    else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def check_simple_key(self) -> bool:
        """The empty key, which a filter uses for the event itself, is written like any other."""
        is_empty = isinstance(self.event, yaml.ScalarEvent) and self.event.value == ""
        return is_empty or bool(super().check_simple_key())

    def represent_block(self, data: _Block) -> yaml.MappingNode:
        return self.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=False)

    def represent_text(self, data: str) -> yaml.ScalarNode:
        style = '"' if _BREAK.search(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(_Block, _Dumper.represent_block)
_Dumper.add_representer(str, _Dumper.represent_text)
for _tag, _pattern in CORE.items():
    _Dumper.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern.pattern})\Z"), None)


def _places(text: str, workspace: Workspace) -> dict[str, int]:
    """Place -> line; what is in lists of named things is there under its id as well."""
    faults: list[Fault] = []
    lines = read_document(text.encode(), _AnyName(), faults).lines
    for destination in workspace.destinations:
        parts: dict[str, Sequence[Subscription | Filter]] = {
            "subscriptions": destination.subscriptions or (),
            "filters": destination.filters,
        }
        for part, entries in parts.items():
            for index, entry in enumerate(entries):
                place = f"destinations.{destination.id}.{part}"
                if (line := lines.get(f"{place}.{index}")) is not None:
                    lines.setdefault(f"{place}.{entry.id}", line)
    return lines


def _line(place: str, places: Mapping[str, int]) -> int:
    """The line of a place, or of the nearest one around it."""
    while place and place not in places:
        place = place.rpartition(".")[0]
    return places.get(place, 1)


class _AnyName(dict[str, str]):
    """An environment in which every variable is set."""

    def get(self, key: str, default: Any = None) -> str:
        return key


def _comment(line: str, indent: str = "") -> str:
    printable = "".join(each if each.isprintable() else " " for each in line)
    return f"{indent}# {printable}".rstrip()

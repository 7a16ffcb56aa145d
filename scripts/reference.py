"""Write the reference pages that are made of declarations: settings, metrics, log lines, errors, commands,
destinations and their actions.

    .venv/bin/python scripts/reference.py     # after changing a declaration; a test compares the pages

Each page is a function that gives its whole text; PAGES says where it goes.
"""

import inspect
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer.main
from pydantic_core import PydanticUndefined

from segue.catalog.contents import CONTENTS
from segue.kit.action import Action, SyncModes
from segue.kit.conditions import describe
from segue.kit.field import Choice, Field
from segue.kit.partner import Destination, Preset
from segue.model import errors
from segue.runtime.logbook import KEYS, LINES
from segue.runtime.settings import PREFIX, Settings
from segue.runtime.telemetry import METRICS
from segue.sandbox import command as sandbox

Command = Any
"""A command as typer hands it out; its class is typer's own copy of click's, which has no public name."""

ROOT: Final = Path(__file__).parent.parent
MADE: Final = "<!-- Made by scripts/reference.py from the declarations; change those and run it. -->"


def settings_page() -> str:
    """The process settings, from `segue.runtime.settings.Settings`."""
    rows = [
        (f"`{PREFIX}{name.upper()}`", _default(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return _page("Settings of a process", SETTINGS, _table(("Variable", "Default", "Meaning"), rows))


def metrics_page() -> str:
    """The metrics, from `segue.runtime.telemetry.METRICS`."""
    rows = [
        (
            f"`{metric.name}`",
            metric.kind,
            metric.unit,
            ", ".join(f"`{label}`" for label in metric.labels) or "none",
            metric.meaning,
            metric.watch,
        )
        for metric in METRICS
    ]
    return _page(
        "Metrics", METERED, _table(("Metric", "Kind", "Unit", "Labels", "Meaning", "When it moves"), rows)
    )


def log_page() -> str:
    """The log lines and their keys, from `segue.runtime.logbook`."""
    lines = [(f"`{line.event}`", line.level, line.meaning) for line in LINES]
    keys = [(f"`{key}`", meaning) for key, meaning in KEYS.items()]
    return _page(
        "Log lines",
        WRITTEN,
        _table(("Event", "Level", "Meaning"), lines),
        "## Keys",
        WITHHELD,
        _table(("Key", "Meaning"), keys),
    )


def errors_page() -> str:
    """The tree of errors, from the docstrings of `segue.model.errors`."""
    parts = [RAISED]
    for kind, depth in _tree(errors.SegueError, 0):
        under = f"Under `{kind.__mro__[1].__name__}`. " if depth else ""
        parts.append(f"{'#' * min(depth + 2, 4)} {kind.__name__}\n\n{under}{_prose(kind)}")
    return _page("Errors", *parts)


def commands_page() -> str:
    """Every command of the command line, from its own help."""
    from segue.cli.app import app  # here, so that the other pages can be made while a command is broken

    return describe_commands(typer.main.get_command(app))


def describe_commands(group: Command) -> str:
    """The page of a command line: for each command its usage, help, arguments and options."""
    parts = [CALLED]
    for words, command in _commands(group, ("segue",)):
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        options = [
            param for param in command.params if param.param_type_name == "option" and param.name != "help"
        ]
        usage = " ".join(
            [
                words,
                *(_argument(param) for param in arguments),
                *(["[options]"] if options or words == "segue sandbox" else []),
            ]
        )
        parts.append(f"## {words}\n\n```text\n{usage}\n```\n\n{_wrapped(command.help or '')}")
        rows = [(f"`{_argument(param)}`", _help(param)) for param in arguments]
        rows += [(f"`{', '.join([*param.opts, *param.secondary_opts])}`", _help(param)) for param in options]
        if words == "segue sandbox":  # which has its options from the sandbox itself
            rows += [(f"`{name}`", about) for name, about in sandbox.options()]
        if rows:
            parts.append(_table(("Argument or option", "Meaning"), rows))
    return _page("Commands", *parts)


def actions_page() -> str:
    """Every destination of the catalogue: settings, actions with their fields, presets."""
    parts = [CATALOGUED]
    for page in CONTENTS:
        parts.append(f"## {page.title}\n\n{page.description} In the workspace file: `type: {page.slug}`.")
        if names := [*page.slugs, *page.names]:
            parts.append(f"Also known as {_listed(names)}; an event's `integrations` object may use these.")
        parts += ["### Settings", _fields(page.settings, "Default")]
        for action in page.actions:
            parts += _action(action)
        for name, presets in page.presets.items():
            parts += [f"### Presets of {page.title}: {name}", *(_preset(page, each) for each in presets)]
    return _page("Destinations and actions", *parts)


CATALOGUED: Final = """\
What a destination asks for and what it can do. A field of an action is filled by the mapping of a
subscription; the default mapping holds where a subscription writes none. *Required* speaks of the mapped
payload: an event without it is a dead letter that names the field.

A subscription may name an action by any name it is stored under: the slugs of both published generations
and the published action ids, each with its own sync modes, so that what was
[moved from Segment](../guides/move-from-segment.md) works as it was stored.
"""

SETTINGS: Final = """\
Where a process keeps its data, which ports it opens and what it logs. What flows from where to where is
not here but in the [workspace file](workspace.md).

A command-line option wins over the environment, which wins over a file `.env` in the folder you start
Segue in, which wins over the default. A variable that starts with `SEGUE_` and is none of these is
refused, because it is a misspelt one.
"""

METERED: Final = """\
`GET /metrics` answers in Prometheus text. Labels hold ids you chose and codes of ours, never anything
from an event. Beside these there are the usual `process_*` metrics (memory, processor, open files).

Two laws hold at every moment, and `segue_conservation_residual` shows when the second does not:

- received = accepted + rejected, for each source;
- read = delivered + filtered + suppressed + duplicate + dead + expired + skipped + waiting, for each
  destination.
"""

WRITTEN: Final = """\
Segue writes one line per happening to standard error: JSON, or a readable form on a terminal (see
`SEGUE_LOG_FORMAT` in the [settings](settings.md)). Each has `at` (UTC), `level`, `room` (the part of
Segue that speaks) and `event`, one of:
"""

WITHHELD: Final = """\
No other key is ever written, so no name, address or property of a person can be. A key outside the list
is withheld and only its name shown under `withheld`; values that came from `${NAME}` in the workspace
file (six characters or more) are shown as `***`. An error is shown by kind and place; its words only
when they are Segue's own.
"""

RAISED: Final = """\
Everything Segue raises descends from `SegueError`. The class says what the caller should do: mend the
input, mend the settings, try later, or tell us.
"""

CALLED: Final = """\
`segue --help` and `segue <command> --help` say the same in a terminal. Where output is data, `--json`
prints it as JSON. Exit codes: 0 fine; 1 the command ran and the answer is no; 2 called or configured
wrongly; 3 something needed does not answer at the moment.
"""

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/reference/settings.md": settings_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/log.md": log_page,
    "docs/reference/errors.md": errors_page,
    "docs/reference/commands.md": commands_page,
    "docs/reference/actions.md": actions_page,
}


def main() -> None:
    """Write every page."""
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")


def _action(action: Action) -> Iterator[str]:
    yield f"### {action.title}"
    batch = action.batch
    wait = f", which leaves when full or after {batch.wait_seconds:g} s" if batch.items > 1 else ""
    yield f"{action.description} `action: {action.slug}`."
    yield "\n".join(
        [
            f"- usual trigger: {f'`{action.trigger}`' if action.trigger else 'none, write your own'}",
            f"- at most {batch.items} in a request{wait}",
            f"- sync modes: {_modes(action.sync)}",
            *_stored(action),
        ]
    )
    yield _fields(action.fields, "Default mapping")
    if action.synced:
        fields = _listed(action.synced)
        yield f"Under a name that requires a sync mode there is no {fields}: the mode decides."
    for name, hook in action.hooks.items():
        yield f"When a mapping is saved, `{name}`: {hook.label}. {hook.help}"
        yield _fields(hook.fields, "Default")


def _stored(action: Action) -> Iterator[str]:
    by_modes: dict[str, list[str]] = {}
    for slug in sorted(action.slugs):
        by_modes.setdefault(_modes(action.slugs[slug]), []).append(slug)
    yield from (
        f"- also stored as {_listed(slugs)}, sync modes: {modes}" for modes, slugs in by_modes.items()
    )


def _modes(modes: SyncModes | None) -> str:
    if modes is None:
        return "none"
    return f"{_listed(modes.choices)}, {'one is required' if modes.required else 'or none'}"


def _fields(fields: Mapping[str, Field], default: str) -> str:
    rows = [
        (
            f"`{path}`",
            field.label,
            _type(field),
            "yes" if field.required is True else describe(field.required) if field.required else "no",
            f"`{json.dumps(field.default, ensure_ascii=False)}`" if field.has_default else "none",
            _meaning(field),
        )
        for path, field in _members(fields, "")
    ]
    return _table(("Key", "Label", "Type", "Required", default, "Meaning"), rows)


def _members(fields: Mapping[str, Field], inside: str) -> Iterator[tuple[str, Field]]:
    for key, field in fields.items():
        path = f"{inside}.{key}" if inside else key
        yield path, field
        yield from _members(field.properties or {}, path + "[]" * field.multiple)


def _type(field: Field) -> str:
    kind = f"list of {field.type}s" if field.multiple else field.type
    return f"{kind} or null" if field.takes_null else kind


def _meaning(field: Field) -> str:
    said = [field.help]
    if field.choices:
        said.append(f"One of {_choices(field.choices)}.")
    if field.suggestions:
        said.append(f"For instance {_choices(field.suggestions)}.")
    if field.minimum or field.maximum:
        said.append(f"From {field.minimum:g} to {field.maximum:g}.")
    if field.dynamic:
        said.append("Its values can be asked from the partner.")
    return " ".join(said)


def _choices(choices: Iterable[Choice]) -> str:
    return _listed(str(choice.value) for choice in choices)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _preset(page: Destination, preset: Preset) -> str:
    found = page.action(preset.action)
    usual = found[0].default_mapping() if found else {}
    other = {key: value for key, value in preset.mapping.items() if usual.get(key) != value}
    missing = [key for key in usual if key not in preset.mapping]
    when = f"when `{preset.trigger}`" if preset.trigger else f"when Segment's `{preset.event_slug}` fires it"
    said = f"**{preset.name}**: `{preset.action}`, {when}. "
    said += f"Without {_listed(missing)}. " if missing else ""
    if not other:
        return said + "The action's default mapping."
    lines = (f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in other.items())
    mapped = ",\n".join(lines)
    return f"{said}The default mapping, and:\n\n```json\n{{\n{mapped}\n}}\n```"


def _commands(group: Command, words: tuple[str, ...]) -> Iterator[tuple[str, Command]]:
    for name, command in getattr(group, "commands", {}).items():
        if getattr(command, "commands", None):
            yield from _commands(command, (*words, name))
        elif not command.hidden:
            yield " ".join((*words, name)), command


def _argument(param: Any) -> str:
    shown = (param.metavar or param.name).upper().strip("[]")
    return shown if param.required else f"[{shown}]"


def _wrapped(text: str) -> str:
    """Paragraphs in lines of a width that is read easily."""
    return "\n\n".join(textwrap.fill(part, 108) for part in inspect.cleandoc(text).split("\n\n"))


def _help(param: Any) -> str:
    default = param.default
    shown = (
        default is not None
        and default is not False
        and not callable(default)
        and str(default) not in ("", ".", "()")
    )
    return (param.help or "") + (f" Default: `{default}`." if shown and param.show_default else "")


def _tree(kind: type, depth: int) -> Iterator[tuple[type, int]]:
    yield kind, depth
    child: type
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)


def _prose(kind: type) -> str:
    """A docstring as Markdown: its paragraphs, and what it says of each attribute as a list."""
    out: list[str] = []
    for line in (inspect.getdoc(kind) or "").replace("``", "`").splitlines():
        name, gap, meaning = line.partition("  ")
        if gap and name and not name.endswith((".", ",")) and " " not in name.replace(", ", ""):
            out.append(f"- `{name.replace(', ', '`, `')}`: {meaning.strip()}")
        else:
            out.append(line)
    return "\n".join(out)


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`" if value else "all"
    return "not set" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", MADE, *(part.strip("\n") for part in parts)]) + "\n"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

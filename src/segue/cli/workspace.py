"""`segue init`, `segue validate`, `segue schema`: the workspace file."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from segue.cli.show import err, literal, out, plural, print_faults, print_json, print_table, row, table
from segue.model.errors import MisconfiguredError, MisconfiguredWorkspace
from segue.runtime import editor
from segue.runtime.current import SOURCES, Current, device_starter, read_current, starter, wants_sandbox
from segue.runtime.settings import read_settings

SCHEMA_FILE = "segue.schema.json"

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="The workspace file (segue.yaml).", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    platform: Annotated[
        str, typer.Option("--platform", help="What sends: server, web, android, ios or react-native.")
    ] = "server",
) -> None:
    """Write a commented segue.yaml with a write key of its own, and its JSON Schema for your editor.

    For a page or an app it sets Braze up in device mode; for React Native, per operating system.
    """
    if platform not in ("server", *SOURCES):
        known = ", ".join(("server", *SOURCES))
        raise MisconfiguredError(f'there is no platform "{platform}"; choose one of {known}')
    path = folder / "segue.yaml"
    if path.exists() and not force:
        err.print(f"[red]error[/] {path} is there already. Use --force to replace it.")
        raise typer.Exit(2)
    keys = [f"wk_{secrets.token_urlsafe(18)}" for _ in SOURCES.get(platform, "1")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = device_starter(platform, keys, schema=SCHEMA_FILE) if platform in SOURCES else ""
        path.write_text(text or starter(keys[0], schema=SCHEMA_FILE), encoding="utf-8")
        (folder / SCHEMA_FILE).write_text(editor.schema_text(), encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise MisconfiguredError(f'"{folder}" cannot be written: {error}. Choose another folder.') from error
    out.print(f"Wrote [bold]{literal(path)}[/] and {SCHEMA_FILE}.")
    for key in keys:
        out.print(f"Write key for your SDKs: [bold]{key}[/]")
    out.print("Next: [cyan]segue validate[/], then [cyan]segue run[/].")


def validate(config: Config = None, as_json: AsJson = False) -> None:
    """Check the workspace file: every fault with file, line and remedy; exit code 2 when there is one."""
    settings = read_settings(Path(), os.environ, config=config)
    try:
        current = read_current(settings, Path(), os.environ)
    except MisconfiguredWorkspace as error:
        if as_json:
            print_json({"valid": False, "faults": error.faults})
        else:
            print_faults(error.faults)
            errors = sum(not fault.warning for fault in error.faults)
            err.print(f"\n{plural(errors, 'error')}; nothing was started or changed.")
        raise typer.Exit(2) from error
    if as_json:
        print_json({"valid": True, "faults": current.warnings, **summary(current)})
        return
    print_faults(current.warnings)
    print_summary(current)


def schema() -> None:
    """Print the JSON Schema of segue.yaml, for editors."""
    out.print(editor.schema_text(), markup=False, soft_wrap=True)


def summary(current: Current) -> dict[str, object]:
    """What the workspace holds, as data."""
    return {
        "revision": current.workspace.revision,
        "sources": [
            {"id": source.id, "platform": source.platform, "enabled": source.enabled}
            for source in current.workspace.sources
        ],
        "destinations": [
            {
                "id": each.id,
                "type": each.type,
                "source": each.source,
                "enabled": each.enabled,
                "sandbox": wants_sandbox(each),
                "subscriptions": [
                    {"id": one.id, "action": one.action.slug, "trigger": one.trigger.text}
                    for one in current.plan.everything[each.id].subscriptions
                ]
                if each.id in current.plan.everything
                else [],
            }
            for each in current.workspace.destinations
        ],
    }


def print_summary(current: Current) -> None:
    """What the workspace holds, for people."""
    workspace = current.workspace
    out.print(
        f"[green]valid[/] revision {workspace.revision}: {plural(len(workspace.sources), 'source')}, "
        f"{plural(len(workspace.destinations), 'destination')}."
    )
    shown = table("destination", "subscription", "action", "trigger")
    for destination in current.plan.everything.values():
        name = destination.id
        for one in destination.subscriptions:
            row(shown, name, one.id, one.action.slug, one.trigger.text)
            name = ""
    if shown.row_count:
        print_table(shown)


def add_to(app: typer.Typer) -> None:
    """Put this chapter's commands on the command line."""
    app.command()(init)
    app.command()(validate)
    app.command()(schema)

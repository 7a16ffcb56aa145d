"""`segue hook`: what an action does at the partner before its mapping is used, and what to keep of it."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from segue.cli.show import err, literal, out, print_json, print_table, row, table
from segue.cli.workspace import AsJson, Config
from segue.kit.conditions import describe
from segue.kit.field import TEXT_TYPES, Conditions, Field
from segue.model.errors import MisconfiguredError
from segue.runtime.current import read_current
from segue.runtime.settings import read_settings


def hook(
    destination: Annotated[str, typer.Argument(help="Id of a destination.")],
    action: Annotated[str, typer.Argument(help="An action with a hook: upsert-catalog-item.")],
    given: Annotated[
        list[str] | None,
        typer.Option("--with", help="An input: operation=select. Lists and objects as JSON."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Which hook, when an action has several.")] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Do what an action needs at the partner before its mapping works, for instance choose or create a
    catalog, and print what belongs into the mapping. Without inputs, list them."""
    from segue.runtime.hooks import find_hook, run_hook

    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ, subscriptions=False)
    found, page = find_hook(current, destination, action, name)
    if not given:
        _print_inputs(found, page.label, page.fields, as_json=as_json)
        return
    inputs = {key: _value(page.fields.get(key), key, text) for key, text in map(_split, given)}
    understood, outputs = asyncio.run(run_hook(current, destination, page, inputs))
    stored = {found: {"inputs": understood, "outputs": outputs}}
    if as_json:
        print_json(stored)
        return
    out.print(yaml.safe_dump({"mapping": stored}, sort_keys=False, allow_unicode=True).rstrip(), markup=False)
    err.print(f"Add this to the mapping of a subscription of {literal(destination)} that uses {action}.")


def _split(written: str) -> tuple[str, str]:
    key, sign, text = written.partition("=")
    if not sign:
        raise MisconfiguredError(f'--with "{written}": expected NAME=VALUE, for instance operation=select')
    return key, text


def _value(field: Field | None, key: str, text: str) -> Any:
    if field is None or (field.type in TEXT_TYPES and not field.multiple):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise MisconfiguredError(
            f'--with {key}: expected JSON, for instance \'[{{"name": "price", "type": "number"}}]\': {error}'
        ) from error


def _print_inputs(name: str, label: str, fields: Mapping[str, Field], *, as_json: bool) -> None:
    rows = [
        {
            "input": key,
            "type": f"list of {field.type}" if field.multiple else field.type,
            "required": _when(field),
            "values": ", ".join(str(choice.value) for choice in field.choices),
            "help": field.help,
        }
        for key, field in fields.items()
    ]
    if as_json:
        print_json({"hook": name, "label": label, "inputs": rows})
        return
    out.print(f"{label} ({name}). Give its inputs by --with NAME=VALUE:")
    shown = table("input", "type", "required", "values", "help")
    for each in rows:
        row(shown, *each.values())
    print_table(shown)


def _when(field: Field) -> str:
    if isinstance(field.required, Conditions):
        return describe(field.required)
    return "yes" if field.required else "no"


def add_to(app: typer.Typer) -> None:
    """Put this chapter's command on the command line."""
    app.command()(hook)

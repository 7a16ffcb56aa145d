"""`segue hook`: what an action does at the partner before its mapping is used, and what to keep of it."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
import yaml

from segue.cli.show import err, literal, out, print_json, print_table, row, table
from segue.cli.workspace import AsJson, Config
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
    from segue.runtime.hooks import describe_inputs, find_hook, read_input, run_hook  # needs the HTTP client

    settings = read_settings(Path(), os.environ, config=config)
    current = read_current(settings, Path(), os.environ, subscriptions=False)
    found, page = find_hook(current, destination, action, name)
    if not given:
        inputs = describe_inputs(page)
        if as_json:
            print_json({"hook": found, "label": page.label, "inputs": inputs})
            return
        out.print(f"{page.label} ({found}). Give its inputs by --with NAME=VALUE:")
        shown = table("input", "type", "required", "values", "help")
        for each in inputs:
            row(shown, *each.values())
        print_table(shown)
        return
    typed = {key: read_input(page, key, text) for key, text in map(_split, given)}
    understood, outputs = asyncio.run(run_hook(settings, current, destination, page, typed))
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


def add_to(app: typer.Typer) -> None:
    """Put this chapter's command on the command line."""
    app.command()(hook)

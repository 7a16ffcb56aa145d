"""Requests made by hand count against the budget of the account, which couriers use as well."""

import asyncio
import json
import os
from pathlib import Path

from tests.cli.house import IDENTIFY, segue, workspace
from tests.cli.test_choices import WORKSPACE

from segue.engine.pool import Standing
from segue.runtime.clock import SystemClock
from segue.runtime.current import read_current
from segue.runtime.exchange import Exchange
from segue.runtime.pacing import Accounts
from segue.runtime.settings import read_settings
from segue.sandbox.app import create_app, running


def board(folder: Path) -> dict[str, Standing]:
    """How the account's pools stand, for the next process that comes."""
    settings = read_settings(folder, {})
    bound = read_current(settings, folder, os.environ).plan.destinations["braze"]
    account = Accounts(SystemClock()).of(bound)
    exchange = Exchange(folder / settings.data / "pace.db", {account.name: account}, SystemClock())
    exchange.round()
    exchange.close()
    return account.snapshot()


async def test_requests_made_by_hand_use_the_shared_budget(tmp_path: Path) -> None:
    """Each is a permit taken from the pool its endpoint counts against."""
    async with running(create_app()) as address:
        folder = workspace(tmp_path, WORKSPACE % address)
        (folder / "segue-data").mkdir()
        event = folder / "event.json"
        event.write_text(json.dumps(IDENTIFY), encoding="utf-8")

        async def typed(*arguments: str) -> int:
            return (await asyncio.to_thread(segue, *arguments, folder=folder)).code

        columns = 'columns=[{"name": "price", "type": "number"}]'
        chosen = ("--with", "operation=create", "--with", "created_catalog_name=tea", "--with", columns)
        assert await typed("try", str(event), "--send") == 0
        assert await typed("hook", "braze", "upsert-catalog-item", *chosen) == 0
        assert await typed("choices", "braze", "catalogs") == 0
    granted = {name: standing.granted for name, standing in board(folder).items()}
    assert granted == {"users/track": 1, "catalogs": 2}

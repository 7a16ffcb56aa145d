"""The workspace in force: read from its file, checked, and made ready to run.

    current = read_current(settings, Path("."), os.environ)   # raises MisconfiguredWorkspace, all faults
    current.plan.destinations["braze"]

A Braze destination whose ``endpoint`` is ``sandbox`` is pointed at the sandbox of this process; its
address is passed in by whoever started one.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from segue.catalog.contents import catalogue
from segue.engine.plan import Plan, prepare
from segue.engine.setup import find_page
from segue.io.storage.starters import SOURCES, device_starter
from segue.io.storage.workspace import Positions, examine_workspace, locate, read_content, starter
from segue.model.errors import Fault, MisconfiguredWorkspace
from segue.model.workspace import SANDBOX_APP, SANDBOX_KEY, Destination, Workspace
from segue.runtime.settings import Settings, override, read_environment

__all__ = ["SOURCES", "Current", "at_sandbox", "device_starter", "read_current", "starter", "wants_sandbox"]

SANDBOX_SETTINGS: Final = {"api_key": SANDBOX_KEY}


class Current(msgspec.Struct, frozen=True):
    """A workspace that can run, and where its file says what."""

    workspace: Workspace
    positions: Positions
    plan: Plan

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What is odd about it but does not stop it, with file and line."""
        return locate(self.plan.warnings, self.positions)


def read_current(
    settings: Settings,
    folder: Path,
    environ: Mapping[str, str],
    *,
    sandbox: str = "",
    subscriptions: bool = True,
) -> Current:
    """Read the workspace file and make it ready.

    folder   where ``.env`` is and what a relative `settings.config` starts from
    sandbox  base URL of the sandbox for destinations that ask for it; by default where it would be
    subscriptions  false leaves them out, for what needs only the destinations
    Raises MisconfiguredWorkspace with every fault, located in the file.
    """
    path = folder / settings.config
    environment = read_environment(folder, environ)
    workspace, positions, faults = examine_workspace(read_content(path), environment, file=str(path))
    if workspace is None:
        raise MisconfiguredWorkspace(faults)
    workspace = override(workspace, settings)
    if not subscriptions:
        bare = tuple(msgspec.structs.replace(each, subscriptions=()) for each in workspace.destinations)
        workspace = msgspec.structs.replace(workspace, destinations=bare)
    sandbox = sandbox or f"http://127.0.0.1:{settings.sandbox_port}"
    try:
        plan = prepare(at_sandbox(workspace, sandbox), catalogue())
    except MisconfiguredWorkspace as error:
        raise MisconfiguredWorkspace(_together(faults, locate(error.faults, positions))) from error
    if faults:
        raise MisconfiguredWorkspace(faults)
    return Current(workspace, positions, plan)


def _together(shape: Sequence[Fault], plan: Sequence[Fault]) -> list[Fault]:
    """All faults by line; what the plan says about a place whose shape is wrong anyway is left out."""
    # Of a mapping with a fault in it nothing was read.
    places = tuple(re.sub(r"\.mapping\..*", ".mapping", fault.place) for fault in shape)
    more = [
        fault
        for fault in plan
        if not any(f"{fault.place}.".startswith(f"{place}.") for place in places)
        and not (fault.warning and any(place.startswith(f"{fault.place}.") for place in places))
    ]
    return sorted([*shape, *more], key=lambda fault: fault.line or 0)


def wants_sandbox(destination: Destination) -> bool:
    """True when a destination is to be delivered to the embedded sandbox, by us or by the device."""
    return SANDBOX_KEY in (destination.settings.get("endpoint"), destination.settings.get("customEndpoint"))


def at_sandbox(workspace: Workspace, url: str) -> Workspace:
    """The workspace with every destination that wants the sandbox pointed at `url`."""
    pages = {source.id for source in workspace.sources if source.platform == "web"}
    destinations = tuple(
        msgspec.structs.replace(
            each, settings={**each.settings, **_sandbox_settings(each, url, web=each.source in pages)}
        )
        if wants_sandbox(each)
        else each
        for each in workspace.destinations
    )
    return msgspec.structs.replace(workspace, destinations=destinations)


def _sandbox_settings(destination: Destination, url: str, *, web: bool) -> dict[str, str]:
    """What points a destination at the sandbox: its REST API, or its SDK endpoint; an SDK in an app takes
    that without a scheme."""
    if destination.settings.get("customEndpoint") == SANDBOX_KEY:
        return {"apiKey": SANDBOX_APP, "customEndpoint": url if web else url.rpartition("://")[2]}
    page = find_page(catalogue(), destination.type)
    if "device" in (destination.mode, page.mode if page is not None else ""):
        return {"api_key": SANDBOX_APP, "endpoint": url}
    return {**SANDBOX_SETTINGS, "endpoint": url}

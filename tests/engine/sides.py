"""Workspaces with device destinations, for the tests of settings, routing and delivery."""

from typing import Any

from segue.catalog.contents import catalogue
from segue.engine.plan import Plan, prepare
from segue.model.errors import MisconfiguredWorkspace
from segue.model.workspace import Destination, Platform, Source, Workspace

WEB: dict[str, Any] = {"api_key": "app-web", "endpoint": "sdk.fra-01.braze.eu"}
MOBILE: dict[str, Any] = {"apiKey": "app-mobile", "customEndpoint": "sdk.fra-01.braze.eu"}
CLOUD: dict[str, Any] = {"api_key": "rest-secret", "endpoint": "https://rest.fra-01.braze.eu"}
CLASSIC: dict[str, Any] = {"appGroupId": "rest-secret-2", "datacenter": "eu"}


def destination(id: str, **changes: Any) -> Destination:
    """A Braze destination of the source ``shop`` with the settings its mode needs, but for the changes."""
    fine: dict[str, Any] = {"type": "braze", "source": "shop", "settings": CLOUD}
    return Destination(id=id, **(fine | changes))


def web(id: str = "braze-web", **changes: Any) -> Destination:
    """Braze Web Mode."""
    return destination(id, **({"mode": "device", "settings": WEB} | changes))


def mobile(id: str = "braze-app", **changes: Any) -> Destination:
    """Braze in an app."""
    return destination(id, **({"mode": "device", "settings": MOBILE} | changes))


def workspace(
    *destinations: Destination, platform: Platform = "web", more: tuple[Source, ...] = ()
) -> Workspace:
    """One source ``shop`` with these destinations."""
    source = Source(id="shop", platform=platform, write_keys=("wk",))
    return Workspace(sources=(source, *more), destinations=destinations)


def plan(*destinations: Destination, platform: Platform = "web") -> Plan:
    """The same, made ready."""
    return prepare(workspace(*destinations, platform=platform), catalogue())


def faults(given: Workspace) -> dict[str, str]:
    """Place -> problem and remedy of every fault; warnings of a plan that runs among them."""
    try:
        found = prepare(given, catalogue()).warnings
    except MisconfiguredWorkspace as error:
        found = tuple(error.faults)
    return {fault.place: f"{fault.problem} {fault.remedy}" for fault in found}

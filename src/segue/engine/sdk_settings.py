"""The settings JSON that Segment's SDKs fetch before they send anything, for one source.

    sdk_settings(plan, source, "wk_1", Site("https", "events.example.com", "/v1"), {"braze": "3f0c….js"})

Everybody can read it: only settings a page lists as public are in it (`segue.kit.device.OnDevice`). Every
value is of the type SDKs expect, never null; mobile SDKs throw the whole of it away for one wrong member.

Source  analytics.js 1.84.3, analytics-kotlin 1.24.1, analytics-swift 1.9.4, analytics-react-native 2.24.1 as
        read and recorded 2026-11; Segment docs, "Analytics.js: custom proxy", read 2026-11-26
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.engine.plan import BoundDestination, Plan
from segue.kit.partner import Destination as Page
from segue.model.workspace import Source

Json = dict[str, Any]

OURS: Final = "Segment.io"
"""What SDKs call the pipeline itself."""

ADDRESS: Final = "/next-integrations/actions"
"""Where scripts of destinations are served."""


class Site(msgspec.Struct, frozen=True):
    """Where SDKs reach us: scheme, host with its port, the path of the tracking API.

    base  path before everything of ours, where a proxy has one
    """

    scheme: str
    host: str
    prefix: str
    base: str = ""

    @property
    def api_host(self) -> str:
        """As SDKs want it: host and path, no scheme."""
        return f"{self.host}{self.base}{self.prefix}"

    @property
    def origin(self) -> str:
        """As a page wants it."""
        return f"{self.scheme}://{self.host}{self.base}"


def sdk_settings(plan: Plan, source: Source, write_key: str, site: Site, scripts: Mapping[str, str]) -> Json:
    """What SDKs of this source are told.

    scripts  folder of a destination's script -> the file's name, which holds its hash. A destination whose
             script is not there is left out: the page would wait for it in vain
    """
    devices = [
        each
        for each in plan.devices.values()
        if each.config.source == source.id and _is_served(each, source, scripts)
    ]
    clouds = [each for each in plan.destinations.values() if each.config.source == source.id]
    scripted = [each for each in (*devices, *clouds) if _has_script(each, source, scripts)]
    integrations: Json = {
        OURS: {
            "apiKey": write_key,
            "apiHost": site.api_host,
            "protocol": site.scheme,
            "addBundledMetadata": True,
            "unbundledIntegrations": list(dict.fromkeys(known_as(each.page) for each in clouds)),
            "maybeBundledConfigIds": {known_as(each.page): [each.id] for each in devices},
            "bundledConfigIds": [each.id for each in devices],
            "unbundledConfigIds": [each.id for each in clouds],
            "versionSettings": {"componentTypes": []},
        }
    }
    for each in (*devices, *(one for one in scripted if one not in devices)):
        integrations[known_as(each.page)] = _integration(each)
    return {
        "integrations": integrations,
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {
            "routingRules": [rule for each in devices for rule in each.routing_rules],
        },
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0, "host": site.api_host},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [_remote_plugin(each, site, scripts) for each in scripted],
        "consentSettings": _consent([*devices, *clouds]),
        "autoInstrumentationSettings": {"sampleRate": 0, "disableTraffic": False},
    }


def known_as(page: Page) -> str:
    """The name SDKs know a destination by."""
    return page.creation_name or page.title


def public_settings(destination: BoundDestination) -> Json:
    """The settings of a destination that may be served: those its page lists, as written or as usual."""
    page = destination.page
    if page.device is None:
        return {}
    served: Json = {}
    for name in page.device.public:
        value = destination.settings.get(name)
        if value in (None, "", []) and page.settings[name].has_default:
            value = page.settings[name].default
        if value not in (None, "", []):
            served[name] = value
    for name, usual in page.device.always.items():
        value = destination.settings.get(name)
        served[name] = usual if value is None else value
    return served


def _is_served(device: BoundDestination, source: Source, scripts: Mapping[str, str]) -> bool:
    """A destination whose script is missing, or has nothing to do, would only be waited for."""
    on_device = device.page.device
    if on_device is None or on_device.kind == "mobile":
        return on_device is not None
    if on_device.kind == "classic":
        return on_device.folder in scripts
    return _has_script(device, source, scripts)


def _has_script(destination: BoundDestination, source: Source, scripts: Mapping[str, str]) -> bool:
    on_device = destination.page.device
    return (
        source.platform == "web"
        and on_device is not None
        and on_device.kind == "plugin"
        and on_device.folder in scripts
        and bool(destination.scripted)
    )


def _integration(destination: BoundDestination) -> Json:
    """The entry of a destination in ``integrations``; what it holds decides who delivers."""
    page = destination.page
    kind = page.device.kind if page.device is not None else "plugin"
    # With a component type "browser" analytics.js would load a classic integration of that name as well.
    entry: Json = {"versionSettings": {"componentTypes": []}}
    if page.mode == "device":
        entry["bundlingStatus"] = "bundled"
    if kind == "classic" and page.device is not None:
        version = {"version": page.device.version, "componentTypes": ["browser"]}
        entry = {**public_settings(destination), **entry, "type": "browser", "versionSettings": version}
    elif kind == "mobile":
        types = {"componentTypes": ["android", "ios"]}
        entry = {**public_settings(destination), **entry, "versionSettings": types}
    if categories := destination.config.consent_categories:
        entry["consentSettings"] = {"categories": list(categories)}
    return entry


def _remote_plugin(destination: BoundDestination, site: Site, scripts: Mapping[str, str]) -> Json:
    page = destination.page
    if page.device is None:  # never: only pages with a script come here
        return {}
    name, actions = known_as(page), page.device.actions
    return {
        "name": name,
        "creationName": name,
        "libraryName": page.device.library,
        "url": f"{site.origin}{ADDRESS}/{page.device.folder}/{scripts[page.device.folder]}",
        "settings": {
            **public_settings(destination),
            "versionSettings": {"componentTypes": []},
            "subscriptions": [
                {
                    "id": each.id,
                    "name": each.name,
                    "enabled": True,
                    "partnerAction": actions[each.action.slug],
                    "subscribe": each.trigger.text,
                    "mapping": dict(each.mapping_json),
                }
                for each in destination.scripted
            ],
        },
    }


def _consent(destinations: Sequence[BoundDestination]) -> Json:
    """Which categories are asked for at all, and whether somebody asks for none."""
    named = [each.config.consent_categories for each in destinations]
    return {
        "allCategories": list(dict.fromkeys(category for each in named for category in each)),
        "hasUnmappedDestinations": not named or not all(named),
    }

"""Which page a destination means: its type, framework and mode, by what its source's platform allows.

    choose(catalogue, destination, source, faults)   type braze, mode device, source web -> page braze-web

One type may stand for several pages of a family; an impossible choice is a fault that names the possible
ones. `check_together` finds what only shows when destinations are looked at side by side.

Source  Braze docs, "Segment", "Choose destination framework and connection type", and its advice for React
        Native; read 2026-11-23
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from segue.kit.partner import Destination as Page
from segue.model.errors import Fault
from segue.model.workspace import SANDBOX_APP, Destination, Framework, Mode, Platform, Source, Workspace

Catalogue = Mapping[str, Page]

TITLES: Final[Mapping[str, str]] = {
    "server": "a server",
    "web": "a web",
    "android": "an Android",
    "ios": "an iOS",
    "react-native": "a React Native",
    "react-native-android": "a React Native (Android)",
    "react-native-ios": "a React Native (iOS)",
}


def find_page(catalogue: Catalogue, name: str) -> Page | None:
    """A page by its slug or any other name it answers to."""
    if name in catalogue:
        return catalogue[name]
    return next((page for page in catalogue.values() if name in page.slugs), None)


def choose(
    catalogue: Catalogue, config: Destination, source: Source | None, place: str, faults: list[Fault]
) -> Page | None:
    """The page a destination means; None, with the reason in `faults`, when there is none."""
    named = find_page(catalogue, config.type)
    if named is None:
        problem = f'there is no destination type "{config.type}" in the catalogue.'
        remedy = f"The types are {', '.join(sorted(catalogue))}."
        faults.append(Fault(place=f"{place}.type", problem=problem, remedy=remedy))
        return None
    platform = source.platform if source is not None else None
    framework = config.framework or named.frameworks[0]
    mode = config.mode or named.mode
    is_family = bool(named.family) and named.slug == named.family
    pages = list(_family(catalogue, named)) if is_family else [named]
    for page in pages:
        if framework in page.frameworks and mode == page.mode and _allows(page, platform):
            return page
    asked = f"{framework}, {mode} mode"
    who = f"{TITLES[platform]} source" if platform is not None else "its source"
    if is_family:
        remedy = f"For {who} choose {_listed(_choices(pages, platform))}."
    elif _allows(named, platform):
        own = _listed((each, named.mode) for each in named.frameworks)
        remedy = f'"{config.type}" is {own}: leave framework and mode out.'
    else:
        fitting = ", ".join(TITLES[each].split(" ", 1)[1] for each in named.platforms)
        remedy = f"{named.title} works with sources of these platforms: {fitting}."
    key = "mode" if config.mode is not None else "framework" if config.framework is not None else "type"
    problem = f"{named.title} cannot be set up as {asked} for {who}."
    faults.append(Fault(place=f"{place}.{key}", problem=problem, remedy=remedy))
    return None


def check_together(
    workspace: Workspace, pages: Mapping[str, Page], settings: Mapping[str, Mapping[str, Any]]
) -> Iterator[Fault]:
    """What is wrong with destinations only beside others. Only enabled ones are looked at.

    pages, settings  by destination id, of those that could be read
    """
    sources = {source.id: source for source in workspace.sources}
    known = [each for each in workspace.destinations if each.enabled and each.id in pages]
    devices = [each for each in known if pages[each.id].mode == "device"]
    yield from _same_key_twice(devices, pages)
    yield from _shared_apps(devices, pages, settings, sources)
    yield from _published_secrets(devices, known, pages, settings)
    for each in devices:
        if sources.get(each.source) is not None and sources[each.source].platform == "react-native":
            yield Fault(
                place=f"destinations.{each.id}",
                problem="one source serves both operating systems, and Braze has an app for each.",
                remedy="Make two sources, platform react-native-android and react-native-ios, with a "
                "destination each; the app chooses the write key by Platform.OS.",
                warning=True,
            )


def _family(catalogue: Catalogue, named: Page) -> Iterator[Page]:
    return (page for page in catalogue.values() if page.family == named.family)


def _allows(page: Page, platform: Platform | None) -> bool:
    return platform is None or not page.platforms or platform in page.platforms


def _choices(pages: Iterable[Page], platform: Platform | None) -> Iterator[tuple[Framework, Mode]]:
    for page in pages:
        if _allows(page, platform):
            yield from ((framework, page.mode) for framework in page.frameworks)


def _listed(choices: Iterable[tuple[Framework, Mode]]) -> str:
    return " or ".join(f"framework: {framework} with mode: {mode}" for framework, mode in choices)


def _same_key_twice(devices: Sequence[Destination], pages: Mapping[str, Page]) -> Iterator[Fault]:
    """An SDK knows a device destination by one name: there is room for one of a name on a source."""
    first: dict[tuple[str, str], str] = {}
    for each in devices:
        name = pages[each.id].creation_name
        other = first.setdefault((each.source, name), each.id)
        if other != each.id:
            yield Fault(
                place=f"destinations.{each.id}",
                problem=f'"{other}" is in device mode on the source "{each.source}" too, as {name}; an SDK '
                "can hold one of a name.",
                remedy="Disable one of them, or give it a source of its own.",
            )


def _shared_apps(
    devices: Sequence[Destination],
    pages: Mapping[str, Page],
    settings: Mapping[str, Mapping[str, Any]],
    sources: Mapping[str, Source],
) -> Iterator[Fault]:
    """One app identifier for two operating systems: Braze takes everybody for users of one of them."""
    first: dict[object, Destination] = {}
    for each in devices:
        device, key = pages[each.id].device, settings[each.id].get("apiKey")
        is_app = device is not None and device.kind == "mobile" and each.source in sources
        if not is_app or key in ("", None, SANDBOX_APP):
            continue
        other = first.setdefault(key, each)
        if sources[other.source].platform != sources[each.source].platform:
            yield Fault(
                place=f"destinations.{each.id}.settings.apiKey",
                problem=f'this is also the app identifier of "{other.id}" for another operating system: '
                "Braze would count all its users, and send every push token, as one system's.",
                remedy="Give each operating system the identifier of its own app in Braze.",
                warning=True,
            )


def _published_secrets(
    devices: Sequence[Destination],
    known: Sequence[Destination],
    pages: Mapping[str, Page],
    settings: Mapping[str, Mapping[str, Any]],
) -> Iterator[Fault]:
    """A secret of one destination written where the settings of another are served to everybody."""
    secrets = {
        settings[each.id].get(name): each.id
        for each in known
        for name, field in pages[each.id].settings.items()
        if field.type == "password" and settings[each.id].get(name)
    }
    for each in devices:
        device = pages[each.id].device
        for name in (*device.public, *device.always) if device is not None else ():
            value = settings[each.id].get(name)
            if isinstance(value, str) and value != "sandbox" and value in secrets:
                yield Fault(
                    place=f"destinations.{each.id}.settings.{name}",
                    problem=f'this is a secret of "{secrets[value]}", and settings of a device destination '
                    "are readable by everybody.",
                    remedy="Write the app identifier, from Braze, Settings, App Settings; and change the "
                    "secret if it was ever served.",
                )

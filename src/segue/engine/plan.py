"""A workspace made ready: checked against the catalogue, triggers parsed, mappings prepared.

    plan = prepare(workspace, catalogue)      # raises MisconfiguredWorkspace with every fault at once
    plan.destinations["braze"].candidates("track", "Order Completed")   # only these can match

Places in faults read like the workspace file: ``destinations.braze.subscriptions.0.trigger``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from segue.engine.filter import BoundFilters, bind
from segue.engine.routing_rules import rules_of
from segue.engine.setup import Catalogue, check_together, choose
from segue.engine.sketch import Sketcher, sketcher_of
from segue.engine.subscription import BoundSubscription, bind_subscription, check_languages
from segue.kit.coerce import check_settings
from segue.kit.partner import Destination as Page
from segue.kit.partner import Preset
from segue.language.writer import Keys
from segue.model.errors import Fault, MisconfiguredWorkspace
from segue.model.workspace import CONCEALED, Delivery, Destination, Source, Subscription, Workspace

MOST_SUBSCRIPTIONS: Final = 50
"""Source  Segment docs, "Destination Actions", mappings per destination, read 2026-11-23."""

__all__ = [
    "BoundDestination",
    "BoundSubscription",
    "Catalogue",
    "Plan",
    "from_presets",
    "prepare",
]


class BoundDestination:
    """A destination ready to run: its page, its checked settings, its enabled subscriptions.

    scripted       subscriptions that a script in the browser runs
    devices        destinations of the same partner and source that the device itself delivers
    routing_rules  its filters as SDKs read them, when it is one of those
    """

    def __init__(
        self,
        config: Destination,
        page: Page,
        settings: Mapping[str, Any],
        subscriptions: Sequence[BoundSubscription],
        filters: BoundFilters,
    ) -> None:
        self.id = config.id
        self.config = config
        self.filters = filters
        self.page = page
        self.settings = settings
        on_device = page.device.actions if page.device is not None else {}
        self.scripted = tuple(each for each in subscriptions if each.action.slug in on_device)
        if page.mode == "cloud":
            subscriptions = [each for each in subscriptions if each.action.slug not in on_device]
        self.devices: tuple[BoundDestination, ...] = ()
        self.routing_rules: tuple[Mapping[str, Any], ...] = ()
        self.subscriptions = tuple(subscriptions)
        self.by_id = {subscription.id: subscription for subscription in subscriptions}
        self.actions = {subscription.action.slug: subscription.action for subscription in subscriptions}
        self.names = tuple(
            dict.fromkeys(
                name
                for name in (config.id, config.name, page.slug, page.title, *page.names, *page.slugs)
                if name
            )
        )
        self._named_events = frozenset(
            name for subscription in subscriptions for name in subscription.events or ()
        )
        self._candidates: dict[str, dict[str | None, tuple[BoundSubscription, ...]]] = {}
        self._sketchers: dict[str, Sketcher | None] = {}

    def candidates(self, kind: str, event: object) -> tuple[BoundSubscription, ...]:
        """The subscriptions whose trigger can match an event of this type and name, in order.

        The cost does not grow with the number of subscriptions: the answer is remembered per type and
        per event name that some trigger speaks of.
        """
        named = self._candidates.get(kind)
        if named is None:
            named = self._candidates[kind] = self._by_name(kind)
        return (named.get(event) if type(event) is str else None) or named[None]

    def _by_name(self, kind: str) -> dict[str | None, tuple[BoundSubscription, ...]]:
        """Of one type the candidates by event name; under None for what no trigger speaks of."""
        found: dict[str | None, tuple[BoundSubscription, ...]] = {}
        for name in (*self._named_events, None):
            found[name] = tuple(
                subscription
                for subscription in self.subscriptions
                if (subscription.types is None or kind in subscription.types)
                and (subscription.events is None or name in subscription.events)
            )
        return found

    def sketcher(self, kind: str) -> Sketcher | None:
        """What of an event of this type it is enough to read, as long as all its subscriptions take the quick
        way; None when something looks at the whole of it."""
        try:
            return self._sketchers[kind]
        except KeyError:
            found = self._sketchers[kind] = self._sketcher(kind)
            return found

    def _sketcher(self, kind: str) -> Sketcher | None:
        config = self.config
        is_summed_up = kind == "identify" and config.delivery.debounce
        if self.devices or self.filters or config.consent_categories or is_summed_up:
            return None
        paths: set[Keys] = set()
        for subscription in self.subscriptions:
            if subscription.types is None or kind in subscription.types:
                if subscription.quick is None or subscription.quick.reads is None:
                    return None
                paths |= subscription.quick.reads
        return sketcher_of(paths)


class Plan:
    """What runs. `warnings` are faults that do not stop it.

    destinations  those this server delivers to; devices: those SDKs on the device deliver to
    """

    def __init__(
        self, workspace: Workspace, destinations: Mapping[str, BoundDestination], warnings: Sequence[Fault]
    ) -> None:
        self.workspace = workspace
        self.destinations = {name: each for name, each in destinations.items() if each.page.mode == "cloud"}
        self.devices = {name: each for name, each in destinations.items() if each.page.mode == "device"}
        self.warnings = tuple(warnings)
        self._sources = {key: source for source in workspace.sources for key in source.write_keys}

    @property
    def everything(self) -> Mapping[str, BoundDestination]:
        """Every enabled destination, whoever delivers."""
        return {**self.destinations, **self.devices}

    @property
    def revision(self) -> str:
        return self.workspace.revision

    def source(self, write_key: str) -> Source | None:
        """The source a write key belongs to."""
        return self._sources.get(write_key)


def prepare(workspace: Workspace, catalogue: Catalogue) -> Plan:
    """Make a workspace ready to run.

    Disabled destinations and subscriptions are checked too, but not run.
    Raises MisconfiguredWorkspace with every fault, warnings included.
    """
    faults: list[Fault] = []
    destinations: dict[str, BoundDestination] = {}
    sources = {source.id: source for source in workspace.sources}
    found: dict[str, BoundDestination] = {}
    for config in workspace.destinations:
        place = f"destinations.{config.id}"
        if config.source not in sources:
            known = ", ".join(sorted(sources)) or "none"
            faults.append(
                Fault(
                    place=f"{place}.source",
                    problem=f'there is no source "{config.source}"; the sources are {known}.',
                    remedy="Name one of them, or add it under sources.",
                )
            )
        bound = _bind_destination(config, catalogue, sources.get(config.source), place, faults)
        if bound is not None:
            found[config.id] = bound
            if config.enabled:
                destinations[config.id] = bound
    faults += check_together(
        workspace,
        {name: each.page for name, each in found.items()},
        {name: each.settings for name, each in found.items()},
    )
    _pair(destinations)
    if any(not fault.warning for fault in faults):
        raise MisconfiguredWorkspace(faults)
    return Plan(workspace, destinations, faults)


def from_presets(presets: Sequence[Preset]) -> tuple[Subscription, ...]:
    """The subscriptions a new destination starts with: every preset that has a trigger."""
    return tuple(
        Subscription(
            id=preset.name.lower().replace(" ", "-").replace("(", "").replace(")", ""),
            name=preset.name,
            action=preset.action,
            trigger=preset.trigger,
            mapping=preset.mapping,
        )
        for preset in presets
        if preset.trigger is not None
    )


def _pair(destinations: Mapping[str, BoundDestination]) -> None:
    """Tell each cloud destination which ones of its partner the same source's devices deliver."""
    for each in destinations.values():
        if each.page.mode == "cloud" and each.page.family:
            each.devices = tuple(
                other
                for other in destinations.values()
                if other.page.mode == "device"
                and other.page.family == each.page.family
                and other.config.source == each.config.source
            )


def _check_settings(config: Destination, page: Page, place: str, faults: list[Fault]) -> dict[str, Any]:
    """The settings made to fit, and repaired where the page knows how."""
    settings, problems = check_settings(page.settings, config.settings)
    for name, problem in problems:
        setting = page.settings.get(name.split(".")[0])
        faults.append(
            Fault(
                place=f"{place}.settings.{name}",
                problem=f"{problem}.",
                remedy=setting.remedy
                if setting is not None
                else f"The settings are {', '.join(page.settings)}.",
                warning=name.split(".")[0] not in page.settings,
            )
        )
    if page.check is not None and all(name.split(".")[0] not in page.settings for name, _ in problems):
        faults.extend(
            Fault(
                place=f"{place}.settings.{advice.setting}",
                problem=f"{advice.problem}.",
                remedy=advice.remedy,
                warning=advice.warning,
            )
            for advice in page.check(config.settings, settings)
            if config.settings.get(advice.setting) != CONCEALED
        )
    return settings


def _bind_destination(
    config: Destination, catalogue: Catalogue, source: Source | None, place: str, faults: list[Fault]
) -> BoundDestination | None:
    filters, filter_faults = bind(config.filters, f"{place}.filters")
    page = choose(catalogue, config, source, place, faults)
    if page is None:
        faults.extend(filter_faults)
        for index, subscription in enumerate(config.subscriptions or ()):
            check_languages(subscription, f"{place}.subscriptions.{index}", faults)
        return None
    settings = _check_settings(config, page, place, faults)
    _check_delivery(config, page, f"{place}.delivery", faults)
    faults.extend(filter_faults)
    subscriptions = config.subscriptions
    if subscriptions is None:
        subscriptions = from_presets(page.presets.get(config.presets, ()))
    if page.mode == "device" and config.delivery != Delivery():
        faults.append(
            Fault(
                place=f"{place}.delivery",
                problem="nothing is sent from here in device mode, so these do nothing.",
                remedy="Remove them.",
                warning=True,
            )
        )
    if subscriptions and not page.actions:
        faults.append(
            Fault(
                place=f"{place}.subscriptions",
                problem=f"what {page.title} does with events is built into the SDK's plugin.",
                remedy="Remove the subscriptions.",
            )
        )
        subscriptions = ()
    if len(subscriptions) > MOST_SUBSCRIPTIONS:
        faults.append(
            Fault(
                place=f"{place}.subscriptions",
                problem=f"{len(subscriptions)} subscriptions; a destination takes {MOST_SUBSCRIPTIONS}.",
                remedy="Join triggers with or, or use a second destination.",
            )
        )
    bound = []
    seen: dict[str, int] = {}
    for index, subscription in enumerate(subscriptions):
        where = f"{place}.subscriptions.{index}"
        if subscription.id in seen:
            faults.append(
                Fault(
                    place=f"{where}.id",
                    problem=f'"{subscription.id}" is also the id of subscription {seen[subscription.id]}.',
                    remedy="Give each subscription an id of its own.",
                )
            )
        seen[subscription.id] = index
        ready = bind_subscription(subscription, config.delivery, page, settings, where, faults)
        if ready is not None and subscription.enabled:
            bound.append(ready)
    if not bound and page.actions and config.enabled and not faults:
        faults.append(
            Fault(
                place=f"{place}.subscriptions",
                problem="no subscription is enabled, so this destination sends nothing.",
                remedy="Add one, or set presets: ours.",
                warning=True,
            )
        )
    made = BoundDestination(config, page, settings, bound, filters)
    if page.mode == "device":
        made.routing_rules = rules_of(page.creation_name, filters, f"{place}.filters", faults)
    return made


def _check_delivery(config: Destination, page: Page, place: str, faults: list[Fault]) -> None:
    delivery = config.delivery
    bounds: tuple[tuple[str, float | None, float, float], ...] = (
        ("wait_seconds", delivery.wait_seconds, 0.0, 600.0),
        ("in_flight", delivery.in_flight, 1, 256),
        ("dedupe_hours", delivery.dedupe_hours, 1, 24 * 30),
        ("ahead_seconds", delivery.ahead_seconds, 0.0, 86_400.0),
    )
    for name, value, least, most in bounds:
        if value is not None and not least <= value <= most:
            faults.append(
                Fault(
                    place=f"{place}.{name}",
                    problem=f"{value} is outside {least:g} to {most:g}.",
                    remedy=f"Use a number from {least:g} to {most:g}.",
                )
            )
    if delivery.packing == "person" and page.pack is None:
        faults.append(
            Fault(
                place=f"{place}.packing",
                problem=f"{page.title} has no requests that hold several actions.",
                remedy="Leave it out, or write packing: action.",
            )
        )
    if delivery.limit_per == "array" and delivery.packing != "person":
        faults.append(
            Fault(
                place=f"{place}.limit_per",
                problem="a request of one action has one array, so this changes nothing.",
                remedy="Leave it out, or write packing: person.",
                warning=True,
            )
        )

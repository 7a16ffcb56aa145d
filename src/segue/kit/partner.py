"""Destination: the cover of a partner's chapter in the catalogue: settings, actions, presets, erasure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from segue.kit.action import Action, Batch, Choices, JsonObject, Settings
from segue.kit.device import Check, OnDevice
from segue.kit.field import Field
from segue.model.delivery import Request, Response
from segue.model.workspace import Framework, Mode, Platform


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription somebody can start from.

    action      canonical slug
    trigger     None for presets that only a platform feature fires (`event_slug` names it)
    """

    name: str
    action: str
    trigger: str | None = None
    event_slug: str | None = None
    mapping: Mapping[str, Any]


class Quota(msgspec.Struct, frozen=True):
    """A documented rate limit: so many requests in each fixed clock window of so many seconds."""

    requests: int
    seconds: int


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """Actions whose objects may share one request.

    name     what such a request is called in metrics
    actions  their slugs; the first builds and reads the request
    arrays   a row's context, or its action's slug when it has none -> place of its array in the order the
             partner applies them
    batch    what fits one request, all arrays together, or each where the contract says so
    """

    name: str
    actions: Sequence[str]
    arrays: Mapping[str, int]
    batch: Batch


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be erased, by every name known for them."""

    user_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None


Erase = Callable[[Sequence[Person], Settings], list[Request]]
"""The requests that delete these people at the partner."""


Who = tuple[str, tuple[str, ...]]
"""A person as an attribute object names them: the identifier, and its value, or the values of its members in
the order of their names: ("external_id", ("u1",)), ("user_alias", ("anonymous_id", "a1"))."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """How to ask the partner what it has of people. All are pure.

    most         people in one request; per_minute: requests the partner takes in a minute
    identifiers  by which of them it can be asked
    own          the partner's own attributes that can be compared; custom ones always can
    request      (people, settings) -> Request
    read         (response, people) -> the attributes of each, None for nobody. Raises UnavailableError.
    is_same      (name, acknowledged, found or None) -> whether that is what was sent
    tell         (who, attributes) -> the object that says it again
    """

    most: int
    per_minute: int
    identifiers: frozenset[str]
    own: frozenset[str] = frozenset()
    request: Callable[[Sequence[Who], Settings], Request]
    read: Callable[[Response, Sequence[Who]], list[JsonObject | None]]
    is_same: Callable[[str, Any, Any], bool]
    tell: Callable[[Who, Mapping[str, Any]], JsonObject]


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """A partner as an operator meets it.

    slug      canonical; slugs: other names that mean it, for instance the published destination slug
    names     keys of an event's ``integrations`` object that speak of it (the slug and title count too)
    presets   "ours" and "published" sets, in order
    erase     None when the partner cannot delete
    deletion  the action people to be deleted travel as, an object for each; no subscription can have it
    choices   how to list the values of dynamic fields, by the name the field gives
    quotas    documented rate limits, by the pool requests count against
    account   settings that together say whose limits these are
    pack      the actions that `packing: person` puts into one request; None when there are none
    creation_name  what SDKs know it by (``_metadata``, served settings); the title when ""
    family    the `type` it can be chosen by, with framework, mode and the source's platform; "" for none
    platforms sources it works with; none: all
    device    what the partner's own SDK is told; every page in device mode has it
    check     what fields cannot say about settings: repairs them and names what is wrong
    audit     None when the partner cannot be asked what it has of people
    witness   (settings, action's slug) -> a harmless request to the endpoint of the action's rows, which
              changes nothing and tells whether that works; None where there is none
    """

    slug: str
    title: str
    description: str
    settings: Mapping[str, Field]
    actions: Sequence[Action]
    slugs: Sequence[str] = ()
    names: Sequence[str] = ()
    presets: Mapping[str, Sequence[Preset]] = {}
    erase: Erase | None = None
    deletion: Action | None = None
    choices: Mapping[str, Choices] = {}
    quotas: Mapping[str, Quota] = {}
    account: tuple[str, ...] = ()
    pack: Pack | None = None
    creation_name: str = ""
    family: str = ""
    frameworks: Sequence[Framework] = ("actions",)
    mode: Mode = "cloud"
    platforms: Sequence[Platform] = ()
    device: OnDevice | None = None
    check: Check | None = None
    audit: Audit | None = None
    witness: Callable[[Settings, str], Request | None] | None = None

    def carried(self, slug: str) -> Action | None:
        """The action a row is of: one a subscription can have, or the deletion."""
        if self.deletion is not None and slug == self.deletion.slug:
            return self.deletion
        found = self.action(slug)
        return found[0] if found is not None else None

    def action(self, slug: str) -> tuple[Action, str | None] | None:
        """Find an action by any of its slugs, with the sync mode a new subscription under that slug
        starts with when it must have one; None if unknown."""
        for action in self.actions:
            if slug == action.slug or slug in action.slugs:
                modes = action.sync_modes(slug)
                return action, modes.default if modes is not None and modes.required else None
        return None

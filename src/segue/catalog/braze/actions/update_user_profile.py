"""Update user profile: an identify call becomes attributes of a Braze profile.

Endpoint  POST /users/track, array ``attributes``
Limits    75 objects a request, 100 KB an object
Source    Braze docs, "User attributes object", read 2026-11-23
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from segue.kit import dates
from segue.kit.action import Action, JsonObject, Shaped, Shaping, SyncModes
from segue.kit.field import Field, pick
from segue.kit.recipe import MISSING, Put, Recipe
from segue.model.delivery import Payload

from .. import batching, identity, omission, rest, values
from ..attributes import SHAPE
from ..values import GENDERS

UPDATE_REQUIRED: Final = SyncModes(choices=("update",), default="update", required=True)

SLUGS: Final = {
    "updateUserProfile": None,
    "2P24zUSAL8BUpyGYNGmD7M": None,
    "updateUserProfile2": UPDATE_REQUIRED,
    "aVPEkfaFoH1NHSpf1H4vsb": UPDATE_REQUIRED,
}

MOMENTS: Final = ("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at")

PLAIN: Final = (
    "country",
    "email_subscribe",
    "email_open_tracking_disabled",
    "email_click_tracking_disabled",
    "facebook",
    "first_name",
    "home_city",
    "image_url",
    "language",
    "last_name",
    "phone",
    "push_subscribe",
    "push_tokens",
    "time_zone",
    "twitter",
)
"""Fields that travel as they are mapped."""

TAKEN: Final = frozenset(
    {
        *("external_id", "user_alias", "braze_id", "email", "dob", "gender", "current_location"),
        *MOMENTS,
        *PLAIN,
        *("_update_existing_only", "enable_batching", "batch_size"),
        *("firstName", "lastName", "avatar"),
    }
)
"""Traits that never travel as custom attributes: they belong to a field, filled or not."""

FIELD_OF: Final = {"firstName": "first_name", "lastName": "last_name", "avatar": "image_url"}
"""Such traits whose field has another name."""


def shape(payload: Payload, shaping: Shaping) -> Shaped:
    """One attributes object: identifiers, the profile's own fields, then the customer's attributes.

    Null clears a field that allows it. Raises InvalidPayload without an identifier or without the sync mode
    it needs.
    """
    identity.require_sync_mode(shaping, SLUGS)
    notes: list[tuple[str, str]] = []
    attributes: JsonObject = identity.identify(payload)
    for name in PLAIN:
        if name in payload:
            attributes[name] = payload[name]
    if "gender" in payload:
        attributes["gender"] = values.gender(payload["gender"])
    if "dob" in payload:
        attributes["dob"] = dates.day(payload["dob"])
    for name in MOMENTS:
        if name in payload:
            attributes[name] = dates.iso(payload[name])
    if payload.get("current_location"):
        attributes["current_location"] = payload["current_location"]
    custom = payload.get("custom_attributes")
    if custom:
        _add_custom(attributes, custom, payload.get("omit_attributes", ()), notes)
    if payload.get("subscription_groups"):
        attributes["subscription_groups"] = payload["subscription_groups"]
    identity.set_update_rule(attributes, payload, shaping)
    return Shaped(items=[attributes], notes=notes)


def _add_custom(
    attributes: JsonObject, custom: JsonObject, omitted: Sequence[str], notes: list[tuple[str, str]]
) -> None:
    for name, value in (omission.without(custom, omitted) if omitted else custom).items():
        if name in TAKEN:
            continue
        cleaned: Any = values.without_inner_nulls(value)
        if cleaned is not value:
            notes.append((f"custom_attributes.{name}", "null inside it, removed: Braze would drop it whole"))
        attributes[name] = cleaned


def leaves_out(payload: Payload) -> list[tuple[str, str]]:
    """Name the custom attributes that never travel, and why; not those whose value a field has."""
    custom = payload.get("custom_attributes") or {}
    notes = [
        (f"custom_attributes.{path}", "left out: omit_attributes names it")
        for path in payload.get("omit_attributes", ())
        if path.partition(".")[0] in custom and omission.without(custom, (path,)) != custom
    ]
    for name in sorted(TAKEN & custom.keys()):
        field = FIELD_OF.get(name, name)
        if payload.get(field, MISSING) != custom[name]:
            why = f"left out: the name belongs to the field {field}, which is mapped by itself"
            notes.append((f"custom_attributes.{name}", why))
    return notes


def _finish(
    attributes: JsonObject, gender: Any, location: Any, custom: Any, omitted: Any
) -> tuple[bytes] | None:
    if gender is not MISSING:
        if type(gender) is not str or not gender:
            return None
        attributes["gender"] = GENDERS.get(gender) or GENDERS.get(gender.lower(), gender)
    if location is not MISSING and location:
        latitude, longitude = location["latitude"], location["longitude"]
        if len(location) != 2 or type(latitude) not in _NUMBERS or type(longitude) not in _NUMBERS:
            return None
        attributes["current_location"] = location
    if custom is not MISSING:
        if type(custom) is not dict:
            return None
        taken, inner = TAKEN, omission.NOTHING
        if omitted is not MISSING:
            if type(omitted) is not list:
                return None
            taken, inner = omission.read(TAKEN, tuple(omitted))
        for name in custom:
            if name not in taken:
                attributes[name] = custom[name]
        for name, members in inner:
            if type(attributes.get(name)) is dict:
                omission.leave_out(attributes, name, members)
        made = orjson.dumps(attributes)
        # Looking for a null in the text costs next to nothing (`in` takes thrice as long); most have none.
        if made.find(b":null") >= 0 and any(map(_is_spoilt, attributes.values())):
            return None
        return (made,)
    return (orjson.dumps(attributes),)


def _is_spoilt(value: Any) -> bool:
    return type(value) in _NESTED and values.has_inner_nulls(value)


_NUMBERS: Final = frozenset({int, float})
_NESTED: Final[frozenset[type]] = frozenset({dict, list})
_OFTEN_PUT: Final = frozenset({"first_name", "last_name", "country", "home_city", "image_url", "phone"})
_FLAGS: Final = frozenset({"email_open_tracking_disabled", "email_click_tracking_disabled"})
_OBJECTS: Final = frozenset({"facebook", "push_tokens", "twitter"})

RECIPE: Final = Recipe(
    puts=(
        *(Put(put.field, put.plain, usual=put.usual or put.field == "email") for put in identity.PUTS),
        *(Put(name, usual=name in _OFTEN_PUT) for name in PLAIN if name not in _FLAGS | _OBJECTS),
        *(Put(name, "flag") for name in sorted(_FLAGS)),
        *(Put(name, "absent") for name in (*sorted(_OBJECTS), "subscription_groups")),
        *(Put(name, "moment") for name in MOMENTS),
        Put("dob", "day"),
        Put("_update_existing_only", "flag"),
    ),
    someone=identity.SOMEONE,
    ignored=batching.FIELDS,
    known=identity.known_rule,
    rest=("gender", "current_location", "custom_attributes", "omit_attributes"),
    finish=_finish,
)


def _text(label: str, help: str, path: str = "", *, clears: bool = True) -> Field:
    """A text of the profile; `clears`: null empties it at Braze."""
    if not path:
        return Field("string", label=label, help=help, allow_null=clears)
    return Field("string", label=label, help=help, allow_null=clears, default={"@path": path})


def _moment(label: str, help: str) -> Field:
    return Field("datetime", label=label, help=help, allow_null=True)


UPDATE_USER_PROFILE: Final = Action(
    slug="update-user-profile",
    title="Update user profile",
    description="Sets attributes on a person's Braze profile, its own fields and yours.",
    trigger='type = "identify"',
    fields={
        "external_id": identity.EXTERNAL_ID,
        "user_alias": identity.USER_ALIAS,
        "braze_id": identity.BRAZE_ID,
        "country": _text("Country", "Two-letter country code or name.", "$.context.location.country"),
        "current_location": Field(
            "object",
            label="Current Location",
            help="Where the person is, in degrees.",
            allow_null=True,
            default={
                "latitude": {"@path": "$.context.location.latitude"},
                "longitude": {"@path": "$.context.location.longitude"},
            },
            properties={
                "latitude": Field("number", label="Latitude", help="Degrees north of the equator."),
                "longitude": Field("number", label="Longitude", help="Degrees east of Greenwich."),
            },
        ),
        "date_of_first_session": _moment(
            "Date of First Session", "When the person first used an app of yours."
        ),
        "date_of_last_session": _moment("Date of Last Session", "When the person last used an app of yours."),
        "dob": _moment("Date of Birth", "The person's birthday."),
        "email": _text("Email", "The person's e-mail address.", "$.traits.email"),
        "email_subscribe": _text(
            "Email Subscribe",
            'May you send e-mail: "opted_in", "subscribed" or "unsubscribed".',
            clears=False,
        ),
        "email_open_tracking_disabled": Field(
            "boolean",
            label="Email Open Tracking Disabled",
            help="When on, Braze adds no tracking pixel to the person's e-mails.",
        ),
        "email_click_tracking_disabled": Field(
            "boolean",
            label="Email Click Tracking Disabled",
            help="When on, Braze does not track links in the person's e-mails.",
        ),
        "facebook": Field(
            "object",
            label="Facebook Attribution Data",
            help="What Facebook says about the person.",
            properties={
                "id": _text("Facebook ID", "The id at Facebook.", clears=False),
                "likes": Field("string", label="Facebook Likes", help="Pages liked there.", multiple=True),
                "num_friends": Field(
                    "integer",
                    label="Facebook Number of Friends",
                    help="How many friends the person has there.",
                ),
            },
        ),
        "first_name": _text("First Name", "The person's first name.", "$.traits.firstName"),
        "gender": _text("Gender", "A letter Braze knows, or a word that stands for one.", "$.traits.gender"),
        "home_city": _text("Home City", "The city the person lives in.", "$.traits.address.city"),
        "image_url": Field(
            "string",
            label="Image URL",
            help="Web address of a picture to show on the profile.",
            format="uri",
            allow_null=True,
            default={"@path": "$.traits.avatar"},
        ),
        "language": _text("Language", "Two-letter language code."),
        "last_name": _text("Last Name", "The person's last name.", "$.traits.lastName"),
        "marked_email_as_spam_at": _moment(
            "Marked Email as Spam At", "When the person marked a mail of yours as spam."
        ),
        "phone": _text("Phone Number", "A phone number, with its country code.", "$.traits.phone"),
        "push_subscribe": _text(
            "Push Subscribe",
            'May you send push messages: "opted_in", "subscribed" or "unsubscribed".',
            clears=False,
        ),
        "push_tokens": Field(
            "object",
            label="Push Tokens",
            help="Where push messages reach the person's devices.",
            multiple=True,
            properties={
                "app_id": Field("string", label="App ID", help="The app the token is for.", required=True),
                "token": Field("string", label="Token", help="The token itself.", required=True),
                "device_id": Field("string", label="Device ID", help="The device the token belongs to."),
            },
        ),
        "time_zone": _text("Time zone", "IANA name such as Europe/Helsinki.", clears=False),
        "twitter": Field(
            "object",
            label="Twitter Attribution Data",
            help="What Twitter says about the person.",
            properties={
                "id": _text("Twitter ID", "The id at Twitter.", clears=False),
                "screen_name": _text("Twitter Handle", "The name there.", clears=False),
                "followers_count": Field(
                    "integer", label="Number of Followers", help="How many follow the person there."
                ),
                "friends_count": Field(
                    "integer", label="Number of Friends", help="How many the person follows."
                ),
                "statuses_count": Field(
                    "integer", label="Number of Statuses", help="How much was posted there."
                ),
            },
        ),
        "subscription_groups": Field(
            "object",
            label="Subscription Groups",
            help="Message lists to put the person on or take them off.",
            multiple=True,
            ui="keyvalue",
            properties={
                "subscription_group_id": Field(
                    "string",
                    label="Subscription Group ID",
                    help="The id Braze shows for the group.",
                    required=True,
                ),
                "subscription_state": Field(
                    "string",
                    label="Subscription State",
                    help="On the list or off it.",
                    required=True,
                    choices=pick("subscribed", "unsubscribed"),
                ),
            },
        ),
        "custom_attributes": Field(
            "object",
            label="Custom Attributes",
            help="Everything else you know about the person, under your own names.",
            default={"@path": "$.traits"},
        ),
        "omit_attributes": Field(
            "string",
            label="Attributes to Leave Out",
            help="Traits that travel in a field of their own; address.city leaves out one member of address.",
            multiple=True,
        ),
        "_update_existing_only": identity.UPDATE_EXISTING_ONLY,
        **batching.fields(rest.TRACK_ITEMS),
    },
    batch=rest.TRACK_BATCH,
    sync=identity.ADD_OR_UPDATE,
    slugs=SLUGS,
    synced=("_update_existing_only",),
    pool=rest.TRACK_POOL,
    attributes=SHAPE,
    shape=shape,
    build=rest.build_track,
    read=rest.read_track,
    advise=identity.advise_aliases,
    leaves_out=leaves_out,
    recipe=RECIPE,
    repeatable=True,
)

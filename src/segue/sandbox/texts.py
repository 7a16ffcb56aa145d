"""Every answer text of the sandbox in one table: rule, wording, mark, and the documented enum if any.

Marks: D documented, D+ documented in newer pages, O observed in public clients, A assumed. A wording may
be replaced by the switch `texts`; `error_style: enum` answers with the enum where there is one.
`{name}` in a wording is filled with the offending name.
Source  Braze docs, "API errors", "Track users", "Merge users", read 2026-11-23
"""

from collections.abc import Mapping
from typing import NamedTuple

from segue.sandbox.switches import Switches


class Text(NamedTuple):
    """One wording: its text, the mark of its source, the enum newer documents give for it."""

    text: str
    mark: str
    enum: str | None = None


TEXTS: Mapping[str, Text] = {
    # -- the whole request
    "not-found": Text("Not Found", "A"),
    "invalid-key": Text("Invalid API Key", "O"),
    "access-denied": Text("Access Denied", "D"),
    "forbidden": Text("Forbidden", "D"),
    "rate-limited": Text("Rate Limited", "D"),
    "unsupported-media-type": Text("Unsupported Media Type", "D+"),
    "too-large": Text("Request Entity Too Large", "D+"),
    "bulk-too-large": Text("Bad Request", "D+"),
    "syntax": Text("Error while parsing request body. Please check your syntax.", "D+"),
    "queued": Text("queued", "D"),
    # -- /users/track, the whole request
    "too-many-objects": Text("Max Input Length Exceeded", "D"),
    "too-many-for-one-profile": Text("Max Input Length Exceeded", "A"),
    "sync-needs-one": Text("Exactly one object must be provided", "A"),
    "nothing-valid": Text(
        "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.", "O"
    ),
    # -- identifiers
    "no-identifier": Text("'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required", "O"),
    "two-identifiers": Text("Only one of 'external_id', 'braze_id', 'user_alias' may be provided", "A"),
    "external-id-too-long": Text(
        "'external_id' must be fewer than 988 bytes", "O", "EXTERNAL_USER_ID_TOO_LARGE"
    ),
    "external-id-blocked": Text(
        "provided external_id is blacklisted and disallowed", "D", "BLACKLISTED_EXTERNAL_USER_ID"
    ),
    "phone-not-valid": Text("'phone' is not valid", "A"),
    # -- attributes
    "email-not-valid": Text(
        "The value provided for the 'email' field is not a valid email.", "O", "EMAIL_BAD_FORMAT"
    ),
    "email-subscribe": Text("BAD_EMAIL_SUBSCRIPTION_STATE", "D+"),
    "push-subscribe": Text("BAD_PUSH_SUBSCRIPTION_STATE", "D+"),
    "location": Text("BAD_LOCATION_UPDATE", "D+"),
    "group-array": Text("BAD_SUBSCRIPTION_GROUP_ARRAY", "D+"),
    "group-hash": Text("BAD_SUBSCRIPTION_GROUP_HASH", "D+"),
    "group-id": Text("BAD_SUBSCRIPTION_GROUP_ID", "D+"),
    "group-state": Text("BAD_SUBSCRIPTION_GROUP_STATE", "D+"),
    "token-value": Text("BAD_PUSH_TOKEN_VALUE", "D+"),
    "token-string": Text("BAD_PUSH_TOKEN_STRING", "D+"),
    "token-app": Text("BAD_PUSH_TOKEN_APP_ID", "D+"),
    "token-device": Text("BAD_DEVICE_ID", "D+"),
    "token-import": Text("BAD_PUSH_TOKEN_IMPORT", "D+"),
    "email-subscription-info": Text("INVALID_ATTRIBUTE_EMAIL_SUBSCRIPTION_INFO", "D+"),
    # -- events and purchases
    "required": Text("'{name}' is required", "A"),
    "not-valid": Text("'{name}' is not valid", "A"),
    "quantity": Text("'quantity' is not valid", "O"),
    "currency": Text("'currency' must be an ISO 4217 currency", "D+"),
    "reserved-property": Text("Invalid 'properties' field", "A"),
    "properties-too-large": Text("'properties' is too large", "A"),
    "not-allowed": Text("'{name}' is not allowed", "A"),
    "must-be-string": Text("'{name}' must be a string", "A"),
    "must-be-float": Text("'{name}' must be a float", "A"),
    "must-be-integer": Text("'{name}' must be a integer", "A"),
    "must-be-object": Text("'{name}' must be a object", "A"),
    "must-be-array": Text("'{name}' must be a array", "A"),
    # -- ids, aliases, identify, delete
    "too-many-ids": Text("The max number of ids per request was exceeded", "D"),
    "too-many-recipients": Text("The max number of external_ids and aliases per request was exceeded", "D"),
    "one-kind-of-id": Text("Exactly one kind of user identifier must be provided", "A"),
    "array-required": Text("'{name}' must be an array of objects", "A"),
    "identify-array-required": Text(
        "'aliases_to_identify', 'emails_to_identify' or 'phone_numbers_to_identify' is required", "A"
    ),
    "alias-taken": Text("'alias_name' is already in use", "A"),
    "external-id-required": Text("'external_id' is required", "O"),
    "prioritization": Text("'prioritization' is not valid", "A"),
    # -- merge
    "merge-array": Text("'merge_updates' must be an array of objects", "D"),
    "merge-too-many": Text("a single request may not contain more than 50 merge updates", "D"),
    "merge-identifiers": Text(
        "identifiers must be objects with an 'external_id' property that is a string, 'user_alias' property "
        "that is an object, 'email' property that is a string, or 'phone' property that is a string",
        "D",
    ),
    "merge-keys": Text("'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'", "D"),
    # -- external ids
    "rename-array": Text("'external_id_renames' must be a non-empty array of objects", "A"),
    "remove-array": Text("'external_ids' must be a non-empty array of strings", "A"),
    "rename-unknown": Text("'current_external_id' is not the primary external id of a user", "A"),
    "rename-same": Text("'new_external_id' must differ from 'current_external_id'", "A"),
    "rename-in-use": Text("'new_external_id' is already in use", "A"),
    "remove-not-deprecated": Text("'{name}' is not a deprecated external id", "A"),
    # -- export
    "fields-required": Text("'fields_to_export' is required", "A"),
    "export-running": Text("An export of this segment is already running", "A"),
    "segment": Text("Invalid Segment ID", "A"),
    # -- subscription groups
    "email-or-phone": Text(
        "Either an email address or a phone number should be provided, but not both.", "D"
    ),
    "subscription-group": Text("subscription_group_id is not valid", "A"),
    "subscription-state": Text("subscription_state is not valid", "A"),
    "subscription-recipient": Text("external_id, email or phone is required", "A"),
    # -- sending
    "campaign": Text("Invalid Campaign ID", "D"),
    "canvas": Text("Invalid Canvas ID", "A"),
    "no-recipients": Text("No Recipients", "D"),
    "broadcast-with-recipients": Text("'recipients' must not be provided when 'broadcast' is true", "A"),
    "one-recipient-identifier": Text(
        "Each recipient must have exactly one of 'external_user_id', 'user_alias', 'braze_id', 'email'", "A"
    ),
    "no-message": Text("No message to send", "D"),
    "variant-unspecified": Text("Message Variant Unspecified", "D"),
    "variant": Text("Invalid Message Variant", "D"),
    "variant-type": Text("Mismatched Message Type", "D"),
    "extra-push": Text("Invalid Extra Push Payload", "D"),
    "slideup-length": Text("Slideup Message Length Exceeded", "D"),
    "apple-length": Text("Apple Push Length Exceeded", "D"),
    "android-length": Text("Android Push Length Exceeded", "D"),
    "properties-cap": Text("'{name}' is too large", "A"),
    # -- reads
    "length": Text("'length' must be between 1 and 100", "A"),
    "unit": Text("'unit' must be 'day' or 'hour'", "A"),
    "unknown-parameter": Text("'{name}' is not valid", "A"),
    # -- partner
    "partner-secret": Text("Unauthorized", "A"),
}


class Refused(Exception):  # noqa: N818 - the word of the domain: a refusal is an answer, not a fault of ours
    """One object or request turned down: the rule broken and the name that broke it."""

    def __init__(
        self,
        rule: str,
        name: str = "",
        status: int = 400,
        headers: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        super().__init__(rule, name)
        self.headers = headers
        self.rule = rule
        self.name = name
        self.status = status


def say(switches: Switches, rule: str, name: str = "") -> str:
    """The wording of a rule under these switches."""
    text = TEXTS[rule]
    if rule in switches.texts:
        wording = switches.texts[rule]
    elif switches.error_style == "enum" and text.enum:
        wording = text.enum
    else:
        wording = text.text
    return wording.replace("{name}", name)

"""Every choice the sandbox makes where Braze's documents leave room, as one struct of switches.

Each description begins with its mark: [D] documented, [D+] documented in newer pages, [O] observed in
public clients, [A] assumed, [S] the sandbox's own. A changed switch takes effect with the next request.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this Braze behaves. The defaults are the newest documents, and lenient where they are silent."""

    # -- contract
    profile: Annotated[
        Literal["legacy", "standard", "mau"],
        Meta(
            description="[D+] Contract. legacy: 75 objects an array; standard: 75 in all; mau: 75 in all, "
            "hourly and burst limits for the whole company, its own headers."
        ),
    ] = "standard"
    enforce_limits: Annotated[
        bool, Meta(description="[S] Refuse with 429 over a limit; headers are sent either way.")
    ] = True
    limits: Annotated[
        dict[str, tuple[int, int]],
        Meta(description="[S] Other limits, bucket to [requests, window seconds], instead of the published."),
    ] = {}
    mau_track_hourly: Annotated[
        int,
        Meta(ge=1, description="[A] Hourly limit of /users/track in profile mau; Braze sets it by contract."),
    ] = 1_000_000
    plain_retry_after: Annotated[
        bool, Meta(description="[A] Also send a plain retry-after on 429; documented nowhere.")
    ] = False
    onboarded_after_2024_08_22: Annotated[
        bool,
        Meta(
            description="[D] /users/export/ids: 250 a minute, fields_to_export required; else 2,500 and free."
        ),
    ] = True

    check_order: Annotated[
        tuple[Literal["permission", "limit", "media_type", "size"], ...],
        Meta(
            description="[A] Order in which a request is checked between its key and its syntax; each of the "
            "four once."
        ),
    ] = ("permission", "limit", "media_type", "size")

    # -- answers
    error_style: Annotated[
        Literal["text", "enum"],
        Meta(description="[O]/[D+] Say object errors as the observed texts or as the documented enums."),
    ] = "text"
    texts: Annotated[dict[str, str], Meta(description="[A] Other wordings, by rule (see texts.py).")] = {}
    statuses: Annotated[
        dict[str, Annotated[int, Meta(ge=400, le=599)]],
        Meta(description="[A] Other statuses, by rule (see texts.py) or by a catalog fault's id."),
    ] = {}
    trailing_slash: Annotated[
        Literal["refuse", "accept"],
        Meta(description="[D] A slash ending a path is refused; bulk catalog items accept it always [O]."),
    ] = "refuse"
    trailing_slash_status: Annotated[
        Literal[403, 404], Meta(description="[A] The status such a path is refused with.")
    ] = 404
    non_object_body: Annotated[
        Literal["syntax", "empty"],
        Meta(description="[A] JSON that is no object is a syntax error, or counts as an empty object."),
    ] = "syntax"
    array_expected: Annotated[
        Literal["ignore", "refuse"],
        Meta(description="[A] What is no array in /users/track counts as not sent, or refuses the call."),
    ] = "ignore"
    bad_entries: Annotated[
        Literal["entry", "request"],
        Meta(
            description="[A] A bad entry of identify or alias/new is an error at its index, or the whole "
            "request is refused."
        ),
    ] = "entry"
    alias_error_array: Annotated[
        Literal["user_aliases", "user_identifiers"],
        Meta(description="[A] The `input_array` of an error of alias/new; two descriptions, two names."),
    ] = "user_aliases"
    alias_taken: Annotated[
        Literal["ignore", "error"],
        Meta(description="[A] A new alias somebody has: success and nothing done, or an error at its index."),
    ] = "ignore"
    alias_update_answer: Annotated[
        Literal["counted", "plain"],
        Meta(description="[A] alias/update answers with `aliases_processed`, or with the message alone."),
    ] = "counted"
    migration_errors: Annotated[
        Literal["pairs", "texts"],
        Meta(description="[A] rename_errors and removal_errors hold [index, text], or [text] alone."),
    ] = "pairs"
    skipped_objects: Annotated[
        Literal["counted", "left_out"],
        Meta(
            description="[A] What `_update_existing_only` skips counts as processed, or is left out of the "
            "counters; an error it is never."
        ),
    ] = "counted"
    fatal_names_sent_array: Annotated[
        bool,
        Meta(
            description="[O] With nothing valid in a one-array request, name only that array in the message."
        ),
    ] = False
    deleted_count: Annotated[
        Literal["found", "sent"],
        Meta(description="[O] /users/delete counts the profiles found, or the ids sent."),
    ] = "found"
    created_at: Annotated[
        Literal["iso", "utc"],
        Meta(description="[O] created_at as 2023-03-17T20:51:58.297Z, or [D] 2020-07-10 15:00:00.000 UTC."),
    ] = "iso"

    subscription_user_shape: Annotated[
        Literal["documented", "nested"],
        Meta(description="[A] /subscription/user/status as documented, or by user as seen live."),
    ] = "documented"

    catalog_shape: Annotated[
        Literal["documented", "live"],
        Meta(description="[O] GET /catalogs as documented, or with what clients were given besides."),
    ] = "documented"

    export_bucket: Annotated[
        bool,
        Meta(
            description="[D] Segment exports go to a bucket of one's own: no `url` in the answer, and the "
            "file under its long key."
        ),
    ] = False

    # -- leniency
    strictness: Annotated[
        Literal["lenient", "strict"],
        Meta(
            description="[S] strict refuses what Braze lets pass and ignores, each with an error of its "
            "object instead of a warning in the log; lenient answers as Braze does."
        ),
    ] = "lenient"
    odd_identifiers: Annotated[
        Literal["lenient", "refuse"],
        Meta(
            description="[A] A number as external_id is taken as text, an empty one and half an alias count "
            "as not sent; or each is refused."
        ),
    ] = "lenient"
    unfit_field: Annotated[
        Literal["keep", "clear"],
        Meta(description="[A] A gender or dob that does not fit: the field stays as it was, or is cleared."),
    ] = "keep"
    bad_properties: Annotated[
        Literal["refuse", "drop"],
        Meta(
            description="[A] `properties` that are no object refuse their event or purchase, or are dropped."
        ),
    ] = "refuse"
    long_event_name: Annotated[
        Literal["refuse", "truncate"],
        Meta(description="[A] An event name over 255 characters refuses the event, or is cut to 255."),
    ] = "refuse"
    price_as_text: Annotated[
        Literal["refuse", "coerce"],
        Meta(description="[A] A price in digits as text refuses the purchase, or is read as the number."),
    ] = "refuse"
    reserved_properties: Annotated[
        Literal["drop", "refuse"],
        Meta(description="[D] Reserved names inside properties: drop with a warning, or refuse the object."),
    ] = "drop"
    long_string: Annotated[
        Literal["skip", "truncate"],
        Meta(description="[A] A string attribute over 255 characters is not updated, or is cut to 255."),
    ] = "skip"
    array_max_length: Annotated[
        int, Meta(ge=1, description="[D] Longest array attribute; older pages say 25, newer 500.")
    ] = 500
    auto_type: Annotated[
        Literal["coerce", "as_sent"],
        Meta(description="[A] A value unlike the detected type of its attribute: coerce, or keep as sent."),
    ] = "coerce"
    forced_type: Annotated[
        Literal["drop", "coerce"],
        Meta(description="[A] A value unlike the forced type of its attribute: drop it, or coerce it."),
    ] = "drop"
    currency_any_case: Annotated[
        bool, Meta(description="[A] Accept a currency in small letters and store it in capitals.")
    ] = False
    alias_events_can_create: Annotated[
        bool,
        Meta(
            description="[A] `_update_existing_only: false` on an event or purchase for an unknown alias "
            "creates an alias-only profile; the documents contradict each other."
        ),
    ] = True

    cart_days: Annotated[
        int, Meta(ge=1, description="[D+] Days a cart lives without an update; older pages say 10.")
    ] = 30

    # -- device SDKs
    sdk_change_user: Annotated[
        Literal["merge", "orphan"],
        Meta(
            description="[D] When a device's visitor turns out to be somebody known: merge the two profiles, "
            "or leave the visitor's behind."
        ),
    ] = "merge"
    sdk_unmatched_key: Annotated[
        Literal[20, 27],
        Meta(description="[A] Error code of an SDK token that none of the app's public keys signed."),
    ] = 27
    sdk_features: Annotated[
        list[Literal["content_cards", "feature_flags", "banners"]],
        Meta(description="[O] What the configuration tells SDKs to ask for; each is answered, and empty."),
    ] = []
    sdk_codes: Annotated[
        dict[str, str],
        Meta(description="[A] Meanings of event codes not in the table, as a code that is."),
    ] = {}

    # -- application
    processing_delay_ms: Annotated[
        tuple[int, int],
        Meta(description="[D] Wait between the answer and its effect, least and most; Braze says 10 to 100."),
    ] = (0, 0)
    usd_rates: Annotated[
        dict[str, float],
        Meta(
            description="[A] US dollars for one unit of a currency; a currency not listed counts as dollars."
        ),
    ] = {}
    segment_export_ms: Annotated[
        int,
        Meta(ge=0, description="[A] How long the export of a segment runs; a second one meanwhile is 429."),
    ] = 0
    metered_increment: Annotated[
        bool, Meta(description="[A] An `inc` counts a data point; one page says it does not.")
    ] = True
    metered_quantity: Annotated[
        bool, Meta(description="[A] A purchase of X counts X data points, or one.")
    ] = True
    metered_nesting: Annotated[
        bool, Meta(description="[A] An object counts its keys at all levels, or those at the top.")
    ] = True
    session_dates_count: Annotated[
        bool,
        Meta(
            description="[A] date_of_first_session and date_of_last_session sent by REST count for MAU, as "
            "imported ones do."
        ),
    ] = True

    def __post_init__(self) -> None:
        """Raise ValueError: a check is missing from the order, or there twice."""
        if sorted(self.check_order) != ["limit", "media_type", "permission", "size"]:
            raise ValueError("check_order needs each of permission, limit, media_type and size once")


def describe() -> dict[str, str]:
    """Each switch and its sentence, mark first: what the control API and the docs show."""
    fields = msgspec.json.schema(Switches)["$defs"]["Switches"]["properties"]
    return {name: shape.get("description", "") for name, shape in fields.items()}

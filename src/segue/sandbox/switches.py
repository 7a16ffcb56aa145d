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

    # -- answers
    error_style: Annotated[
        Literal["text", "enum"],
        Meta(description="[O]/[D+] Say object errors as the observed texts or as the documented enums."),
    ] = "text"
    texts: Annotated[dict[str, str], Meta(description="[A] Other wordings, by rule (see texts.py).")] = {}
    trailing_slash: Annotated[
        Literal["refuse", "accept"],
        Meta(description="[D] A slash ending a path is refused; bulk catalog items accept it always [O]."),
    ] = "refuse"
    trailing_slash_status: Annotated[
        Literal[403, 404], Meta(description="[A] The status such a path is refused with.")
    ] = 404
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

    # -- leniency
    strictness: Annotated[
        Literal["lenient", "strict"],
        Meta(
            description="[S] strict refuses what Braze lets pass and ignores, each with an error of its "
            "object instead of a warning in the log; lenient answers as Braze does."
        ),
    ] = "lenient"
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


def describe() -> dict[str, str]:
    """Each switch and its sentence, mark first: what the control API and the docs show."""
    fields = msgspec.json.schema(Switches)["$defs"]["Switches"]["properties"]
    return {name: shape.get("description", "") for name, shape in fields.items()}

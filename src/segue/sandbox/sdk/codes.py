"""The short event codes of device SDKs: what each stands for and what it does to a person.

Not documented anywhere; read off the wire of the Web SDK 3.5 to 6.13 (tests/conformance/sdk-wire). A code
that is not in the table is noted in the log; the switch `sdk_codes` can give it a known meaning.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from segue.sandbox import attributes, custom, occurrences, subscriptions
from segue.sandbox.changes import Change, apply_change
from segue.sandbox.clock import iso
from segue.sandbox.exchange import Call
from segue.sandbox.person import DAY_MS, AppUse, Engagement, Person
from segue.sandbox.texts import Refused

SESSIONS_KEPT = 5
DUMMY_SESSIONS = 5_000_000
"""More make a dummy user, who is blocked. Source: Braze docs, "User data collection", 2026-11-23."""


class Signal(NamedTuple):
    """One event of an SDK, ready to act on."""

    call: Call
    person: Person
    app_id: str
    device_id: str
    session_id: str
    at_ms: int
    now_ms: int
    told: Mapping[str, Any]
    """The event's `data`."""
    where: str


class Code(NamedTuple):
    """What a code stands for, and what is done about it."""

    about: str
    act: Callable[[Signal], None]


def act(code: str, signal: Signal) -> None:
    """Do what a code stands for; anything amiss is a warning, since an SDK is never told."""
    switches = signal.call.world.switches
    known = CODES.get(switches.sdk_codes.get(code, code))
    if known is None:
        signal.call.warn("sdk-code-unknown", signal.where, f"event code {code!r:.20} is not in the table")
        return
    try:
        known.act(signal)
    except Refused as refusal:
        signal.call.warn("sdk-event-dropped", signal.where, f"{known.about}: {signal.call.say(refusal)}")


def _start(signal: Signal) -> None:
    person, app_id, at_ms = signal.person, signal.app_id, signal.at_ms
    use = person.apps.get(app_id)
    if use is not None and signal.session_id in use.latest_sessions:
        signal.call.warn("sdk-session-again", signal.where, "this session has begun already; not counted")
        return
    first = use is None
    if use is None:
        use = person.apps[app_id] = AppUse(app_id, 0, at_ms, at_ms)
    use.sessions += 1
    use.first_ms, use.last_ms = min(use.first_ms, at_ms), max(use.last_ms, at_ms)
    if signal.session_id:
        use.latest_sessions = (*use.latest_sessions[1 - SESSIONS_KEPT :], signal.session_id)
    use.days[at_ms // DAY_MS] = use.days.get(at_ms // DAY_MS, 0) + 1
    workspace = signal.call.workspace
    workspace.registry.sessions += 1
    if person.external_id and sum(one.sessions for one in person.apps.values()) > DUMMY_SESSIONS:
        workspace.ban(person.external_id)
    _meter(signal, "sessions", 1)
    told = {"app_id": app_id, "session_id": signal.session_id}
    if first:
        _emit(signal, "users.behaviors.app.FirstSession", told)
    _emit(signal, "users.behaviors.app.SessionStart", told)


def _end(signal: Signal) -> None:
    use = signal.person.apps.get(signal.app_id)
    if use is not None:
        use.last_ms = max(use.last_ms, signal.at_ms)
    _meter(signal, "sessions", 1)
    duration = signal.told.get("d")
    told: dict[str, Any] = {"app_id": signal.app_id, "session_id": signal.session_id}
    if isinstance(duration, int | float):
        told["duration"] = duration
    _emit(signal, "users.behaviors.app.SessionEnd", told)


def _custom_event(signal: Signal) -> None:
    item = _item(signal, name=signal.told.get("n"), properties=signal.told.get("p"))
    deed = occurrences.check_event(signal.call, item, 0)
    occurrences.apply_event(signal.call, signal.call.workspace, deed, signal.now_ms)


def _purchase(signal: Signal) -> None:
    told = signal.told
    item = _item(
        signal,
        product_id=told.get("pid"),
        currency=told.get("c"),
        price=_price(told.get("p")),
        quantity=told.get("q"),
        properties=told.get("pr"),
    )
    deed = occurrences.check_purchase(signal.call, item, 0)
    occurrences.apply_purchase(signal.call, signal.call.workspace, deed, signal.now_ms)


def _price(sent: Any) -> Any:
    """The wire writes prices as text with two decimals."""
    try:
        return float(sent) if isinstance(sent, str) else sent
    except ValueError:
        return sent


def _item(signal: Signal, **named: Any) -> dict[str, Any]:
    """An event or purchase as REST would write it."""
    sent = {name: value for name, value in named.items() if value is not None}
    return {
        **sent,
        "braze_id": signal.person.braze_id,
        "app_id": signal.app_id,
        "time": iso(signal.at_ms),
        "_update_existing_only": True,
    }


def _change(written: Callable[[Any], Any], *, merge: bool = False) -> Callable[[Signal], None]:
    """An attribute change: `written` says it as REST would."""

    def do(signal: Signal) -> None:
        key = signal.told.get("key")
        if not isinstance(key, str) or not key:
            raise Refused("required", "key")
        apply_custom(
            signal.call, signal.person, {key: written(signal.told.get("value"))}, signal, merge=merge
        )

    return do


def apply_custom(
    call: Call, person: Person, sent: Mapping[str, Any], signal: Signal, *, merge: bool = False
) -> None:
    """Change custom attributes as an SDK sent them."""
    changes = [custom.read_change(call, name, value, merge, signal.where) for name, value in sent.items()]
    _put(signal, [change for change in changes if change is not None])


def _put(signal: Signal, changes: list[Change]) -> None:
    workspace = signal.call.workspace
    longest = signal.call.world.switches.array_max_length
    lengths = workspace.furnishing.array_lengths
    for change in changes:
        apply_change(
            signal.person.custom,
            change,
            lengths.get(change.name, longest),
            lambda rule, detail: signal.call.warn(rule, signal.where, detail),
        )
        _meter(signal, "attributes", change.points)


def _location(signal: Signal) -> None:
    place = {"longitude": signal.told.get("longitude"), "latitude": signal.told.get("latitude")}
    apply_fields(signal, {"current_location": place})
    _emit(signal, "users.behaviors.Location", {**place, "app_id": signal.app_id})


def apply_fields(signal: Signal, item: Mapping[str, Any]) -> None:
    """Set Braze's own fields, each by itself: one that is no good leaves the others be."""
    for name, value in item.items():
        try:
            deed = attributes.check(signal.call, {name: value, "braze_id": signal.person.braze_id}, 0)
        except Refused as refusal:
            signal.call.warn("sdk-attribute-dropped", signal.where, f"{name}: {signal.call.say(refusal)}")
            continue
        attributes.apply(signal.call, signal.call.workspace, deed, signal.now_ms)


def attribute_install(signal: Signal, told: Mapping[str, Any]) -> None:
    """Note what brought somebody to the app: network, campaign, ad group, ad."""
    for name in ("source", "campaign", "adgroup", "ad"):
        if isinstance(value := told.get(name), str) and value:
            signal.person.fields[f"attributed_{name}"] = value[:255]
    if "attributed_source" in signal.person.fields:
        source = signal.person.fields["attributed_source"]
        _emit(signal, "users.behaviors.InstallAttribution", {"source": source})


def _place(signal: Signal) -> None:
    key = signal.told.get("key")
    if not isinstance(key, str) or not key:
        raise Refused("required", "key")
    told = {name: signal.told.get(name) for name in ("latitude", "longitude")}
    apply_custom(signal.call, signal.person, {key: told}, signal)


def _alias(signal: Signal) -> None:
    name, label = signal.told.get("a"), signal.told.get("l")
    if not (isinstance(name, str) and isinstance(label, str) and name and label):
        raise Refused("required", "alias_name")
    if not signal.call.workspace.people.add_alias(signal.person, name, label):
        signal.call.warn("alias-taken", signal.where, f"alias {label}:{name} is somebody's, or the label is")


def _group(signal: Signal) -> None:
    group_id, state = signal.told.get("group_id"), signal.told.get("status")
    if not isinstance(group_id, str) or group_id not in signal.call.workspace.groups:
        raise Refused("group-id")
    if not isinstance(state, str) or state not in subscriptions.STATES:
        raise Refused("group-state")
    subscriptions.set_state(
        signal.call.workspace, [signal.person], group_id, state, signal.now_ms, source="SDK"
    )


def _engagement(kind: str) -> Callable[[Signal], None]:
    """Something a page reported of a message, card, flag or banner, which is told on as it is.

    Assumed: the names of what it is about (`ids`, `trigger_ids`, `fid`, `bid`, `placement_id`).
    """

    def do(signal: Signal) -> None:
        told = signal.told
        listed = told.get("ids") or told.get("trigger_ids")
        named = {
            "app_id": signal.app_id,
            "card_id": str(listed[0])[:255] if isinstance(listed, list) else None,
            "feature_flag_id_name": told.get("fid"),
            "button_id": told.get("bid"),
            "banner_placement_id": told.get("placement_id"),
        }
        said: dict[str, str] = {name: value for name, value in named.items() if isinstance(value, str)}
        signal.person.engage(Engagement(kind, said.get("feature_flag_id_name", "a device"), signal.at_ms))
        _emit(signal, kind, said)
        signal.call.warn("sdk-engagement", signal.where, "about a message that is not from here")

    return do


def _internal(signal: Signal) -> None:
    signal.call.warn("sdk-internal-error", signal.where, f"the SDK reports: {signal.told.get('e')!r:.200}")


def _meter(signal: Signal, kind: str, points: int) -> None:
    signal.person.data_points += points
    signal.call.workspace.registry.meter(kind, points, signal.now_ms)


def _emit(signal: Signal, kind: str, told: Mapping[str, Any]) -> None:
    device = next((one for one in signal.person.devices if one.get("device_id") == signal.device_id), {})
    known = {"device_id": signal.device_id, "device_model": device.get("model"), "platform": "web"}
    signal.call.workspace.emit(kind, signal.person, signal.at_ms, told, device=known)


CODES: Mapping[str, Code] = {
    "ss": Code("session start", _start),
    "se": Code("session end", _end),
    "ce": Code("custom event", _custom_event),
    "p": Code("purchase", _purchase),
    "set": Code("array attribute set", _change(lambda value: value)),
    "add": Code("value added to an array", _change(lambda value: {"add": [value]})),
    "rem": Code("value removed from an array", _change(lambda value: {"remove": [value]})),
    "inc": Code("number incremented", _change(lambda value: {"inc": value})),
    "ncam": Code("nested attribute merged", _change(lambda value: value, merge=True)),
    "lr": Code("last known location", _location),
    "lcaa": Code("custom location set", _place),
    "lcar": Code("custom location removed", _change(lambda value: None)),
    "uae": Code("alias", _alias),
    "sgu": Code("subscription group", _group),
    **{
        code: Code(f"engagement: {kind}", _engagement(f"users.messages.{kind}"))
        for code, kind in {
            "si": "inappmessage.Impression", "sc": "inappmessage.Click", "sbc": "inappmessage.Click",
            "cci": "contentcard.Impression", "ccc": "contentcard.Click", "ccd": "contentcard.Dismiss",
            "ffi": "featureflag.Impression",
            "bi": "banner.Impression", "bc": "banner.Click", "bd": "banner.Dismiss",
        }.items()
    },
    "ie": Code("internal error of the SDK", _internal),
}  # fmt: skip
"""Every known code."""

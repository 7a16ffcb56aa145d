"""Consent and "the device sent it already": what an event says against its own delivery."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.engine.consent import (
    BY_CONSENT,
    ON_DEVICE,
    refuse_sent_on_device,
    refuse_without_consent,
)

MAPPED = ("marketing", "analytics")


def with_consent(consent: Any) -> dict[str, Any]:
    """An event with a consent stamp."""
    return {"type": "track", "context": {"consent": consent}}


def preferences(**categories: Any) -> dict[str, Any]:
    """An event whose sender agreed to some categories."""
    return with_consent({"categoryPreferences": categories})


PASSES = [
    pytest.param({"type": "track"}, MAPPED, id="no context"),
    pytest.param({"type": "track", "context": {}}, MAPPED, id="no consent object: not enforced"),
    pytest.param({"type": "track", "context": None}, MAPPED, id="null context"),
    pytest.param({"type": "track", "context": "odd"}, MAPPED, id="a context that is no object"),
    pytest.param(with_consent(None), MAPPED, id="null consent"),
    pytest.param(with_consent({}), MAPPED, id="empty consent object: as absent"),
    pytest.param(
        {**with_consent({}), "integrations": {"All": False, "Braze": True}},
        MAPPED,
        id="empty, with integrations",
    ),
    pytest.param(with_consent({"version": 2}), MAPPED, id="nothing said about categories"),
    pytest.param(with_consent({"categoryPreferences": None}), MAPPED, id="null preferences"),
    pytest.param(preferences(marketing=True, analytics=True), MAPPED, id="all mapped categories"),
    pytest.param(preferences(marketing=True, analytics=True, other=False), MAPPED, id="another one refused"),
    pytest.param(preferences(marketing=False), (), id="unmapped destination"),
    pytest.param(preferences(), (), id="unmapped destination, empty preferences"),
    pytest.param(with_consent("odd"), (), id="unmapped destination, unreadable consent"),
]

REFUSED = [
    pytest.param(preferences(), MAPPED, id="empty preferences"),
    pytest.param(preferences(marketing=True), MAPPED, id="one mapped category missing"),
    pytest.param(preferences(marketing=True, analytics=False), MAPPED, id="one refused"),
    pytest.param(preferences(marketing=True, analytics="true"), MAPPED, id="a text is no consent"),
    pytest.param(preferences(marketing=True, analytics=1), MAPPED, id="a number is no consent"),
    pytest.param(preferences(marketing=True, analytics=None), MAPPED, id="null is no consent"),
    pytest.param(preferences(Marketing=True, Analytics=True), MAPPED, id="case counts"),
    pytest.param(
        {**preferences(marketing=False), "integrations": {"Braze": True}},
        ("marketing",),
        id="consent beats integrations",
    ),
    pytest.param(with_consent(True), MAPPED, id="consent that is no object"),
    pytest.param(with_consent([]), MAPPED, id="consent that is a list"),
    pytest.param(
        with_consent({"categoryPreferences": ["marketing"]}), MAPPED, id="preferences that are a list"
    ),
    pytest.param(with_consent({"categoryPreferences": True}), MAPPED, id="preferences that are no object"),
]


@pytest.mark.parametrize(("event", "categories"), PASSES)
def test_an_event_passes(event: dict[str, Any], categories: tuple[str, ...]) -> None:
    """Where consent is not asked, or was given for every mapped category."""
    assert refuse_without_consent(event, categories) == ""


@pytest.mark.parametrize(("event", "categories"), REFUSED)
def test_an_event_without_consent_is_refused(event: dict[str, Any], categories: tuple[str, ...]) -> None:
    """Every mapped category has to be exactly true; what cannot be read is no consent."""
    assert refuse_without_consent(event, categories) == BY_CONSENT == "FILTERED_BY_END_USER_CONSENT"


@given(st.dictionaries(st.sampled_from("abcd"), st.booleans()), st.sets(st.sampled_from("abcd")))
def test_consent_to_more_never_refuses_more(given_: dict[str, bool], categories: set[str]) -> None:
    """And a destination that asks for more never gets more."""
    more = dict.fromkeys(given_, True)
    if not refuse_without_consent(preferences(**given_), categories):
        assert not refuse_without_consent(preferences(**more), categories)
        assert not refuse_without_consent(preferences(**given_), set(sorted(categories)[1:]))


NAMES = ("braze-eu", "Braze EU", "braze", "Braze Cloud Mode (Actions)", "Braze", "Appboy")
IDS = ("braze-eu",)


def from_device(**metadata: Any) -> dict[str, Any]:
    """An event as an SDK with device destinations sends it."""
    return {"type": "track", "_metadata": metadata}


SENT = [
    pytest.param(
        from_device(bundled=["Appboy"], unbundled=[], bundledIds=[]), id="mobile: plugin in the app"
    ),
    pytest.param(from_device(bundled=["Segment.io", "Appboy"], bundledIds=[]), id="web: bundled by name"),
    pytest.param(from_device(bundled=["Braze Cloud Mode (Actions)"]), id="no ids at all"),
    pytest.param(from_device(bundled=["Appboy"], bundledIds=None), id="null ids"),
    pytest.param(from_device(bundled=["Appboy"], bundledIds=["braze-eu"]), id="this instance by its id"),
    pytest.param(from_device(bundled=[], bundledIds=["other", "braze-eu"]), id="by id alone"),
    pytest.param(
        from_device(bundled=["Appboy"], unbundled=["Appboy"], bundledIds=[]), id="unbundled is not asked"
    ),
    pytest.param(from_device(bundled=["Appboy"], bundledIds=[None, 5]), id="ids that are none"),
]

NOT_SENT = [
    pytest.param({"type": "track"}, id="servers say nothing"),
    pytest.param({"type": "track", "_metadata": None}, id="null metadata"),
    pytest.param({"type": "track", "_metadata": ["Appboy"]}, id="metadata that is no object"),
    pytest.param(from_device(nodeVersion="22.0", jsRuntime="node"), id="node's metadata"),
    pytest.param(from_device(retryCount=2), id="a retry"),
    pytest.param(from_device(bundled=[], unbundled=["Appboy"], bundledIds=[]), id="app without the plugin"),
    pytest.param(
        from_device(bundled=["Segment.io"], unbundled=[], bundledIds=[]), id="only the pipeline itself"
    ),
    pytest.param(
        from_device(bundled=["Appboy"], bundledIds=["braze-device"]), id="the other instance, by id"
    ),
    pytest.param(
        from_device(bundled=["Braze Web Mode (Actions)"], bundledIds=[]), id="the web destination's name"
    ),
    pytest.param(from_device(bundled=["appboy", "BRAZE"], bundledIds=[]), id="case counts"),
    pytest.param(from_device(bundled="Appboy", bundledIds="braze-eu"), id="texts instead of lists"),
    pytest.param(from_device(bundled={"Appboy": True}), id="an object instead of a list"),
    pytest.param(from_device(bundled=[["Appboy"], {}, None]), id="members that are no texts"),
    pytest.param(
        {"type": "track", "integrations": {"Appboy": False}},
        id="older mobile SDKs: integrations decides, not this",
    ),
]


@pytest.mark.parametrize("event", SENT)
def test_what_the_device_sent_is_not_sent_again(event: dict[str, Any]) -> None:
    """By id where the SDK knows ids, else by any name of the destination."""
    assert refuse_sent_on_device(event, NAMES, IDS) == ON_DEVICE == "MESSAGE_SENT_CLIENT_SIDE"


@pytest.mark.parametrize("event", NOT_SENT)
def test_what_the_device_did_not_send_is_sent(event: dict[str, Any]) -> None:
    """Nobody else delivers it."""
    assert refuse_sent_on_device(event, NAMES, IDS) == ""


def test_of_two_instances_only_the_one_on_the_device_is_left_out() -> None:
    """Both have the same names on one source; the ids keep them apart."""
    event = from_device(bundled=["Segment.io", "Appboy"], bundledIds=["braze-device"])
    assert refuse_sent_on_device(event, NAMES, ("braze-device",)) == ON_DEVICE
    assert refuse_sent_on_device(event, NAMES, ("braze-cloud",)) == ""


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["consent", "categoryPreferences", "bundled", "bundledIds", "marketing"]),
            inner,
            max_size=4,
        ),
    ),
)


@given(JSON, JSON)
def test_nothing_an_event_says_can_break_the_check(context: Any, metadata: Any) -> None:
    """Both fields are the sender's and may hold anything."""
    event = {"type": "track", "context": context, "_metadata": metadata}
    assert refuse_without_consent(event, MAPPED) in ("", BY_CONSENT)
    assert refuse_sent_on_device(event, NAMES, IDS) in ("", ON_DEVICE)

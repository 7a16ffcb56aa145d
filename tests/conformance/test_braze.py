"""Recorded Braze cases through our real destination code, answered as recorded.

Compared are the requests, exactly, and each event's fate: its status and code. Listed differences
(docs/explain/differences.md, "Braze cloud mode") are the rules of `braze_differences`.
"""

import json
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.conformance.braze_differences import EVENTS, OBJECTS, SENT, WHOLES, View, own_endpoint
from tests.conformance.braze_play import Fate, Json, Played, play, recorded, subscription, without
from tests.conformance.cases import cases
from tests.conformance.equality import same

from segue.catalog.braze.destination import BRAZE
from segue.engine.subscription import bind_subscription
from segue.kit.coerce import check_settings
from segue.language import mapping as mappings
from segue.language import trigger as triggers
from segue.model.errors import InvalidError
from segue.model.workspace import Delivery, Subscription

DIFFERENCES = Path(__file__).parents[2] / "docs/explain/differences.md"


@pytest.mark.parametrize(("case", "expected"), cases("braze"))
def test_a_recorded_case_gives_the_recorded_requests_and_outcomes(case: Json, expected: Any) -> None:
    """Requests exactly; the fate of every event by kind, status and code."""
    ours = play(case)
    view = View(case=case, ours=ours, recorded=recorded(case, expected, ours))
    if case.get("kind") in ("dynamic", "hook"):
        assert_asked_alike(view)
    elif case.get("kind") == "delete":
        assert_erased_alike(view)
    else:
        assert_delivered_alike(view)


@pytest.mark.parametrize(("case", "expected"), cases("braze"))
def test_the_compiled_way_of_a_recorded_case_gives_the_same_objects(case: Json, expected: Any) -> None:
    """Trigger, mapping and the quick way as the engine binds them, beside the reference, event by event."""
    if case.get("kind"):
        return
    slug, mapping, trigger = subscription(case)
    written = Subscription(id="s", action=slug, trigger=trigger or 'type != ""', mapping=mapping)
    settings, _ = check_settings(BRAZE.settings, case["settings"])
    bound = bind_subscription(written, Delivery(), BRAZE, settings, "destinations.braze.subscriptions.0", [])
    for event in case["events"] if bound is not None else ():
        reference = objects_of(bound, lambda event: mappings.prepare(mapping).resolve(event), event)
        assert objects_of(bound, bound.resolve, event) == reference
        matches = triggers.matches(bound.trigger, event)
        assert bool(bound.matches(event)) == matches
        made = bound.quick(event) if bound.quick is not None else None
        if made is not None:
            assert list(map(orjson.loads, made)) == (reference if matches else [])


def objects_of(bound: Any, resolve: Callable[[Json], Any], event: Json) -> Any:
    """The objects of one event by this resolver, or the words of its refusal."""
    try:
        payload, _ = bound.coercer.coerce(resolve(event))
        items = bound.action.shape(payload, bound.shaping).items
    except InvalidError as error:
        return str(error)
    return [orjson.loads(orjson.dumps(item)) for item in items]


CHOICES = "choices of dynamic fields"


@pytest.mark.parametrize("name", sorted({CHOICES, *(rule.name for rule in (*EVENTS, *OBJECTS, *WHOLES))}))
def test_every_rule_of_the_comparison_is_a_listed_difference(name: str) -> None:
    """A reader finds each rule by its name on the page of differences."""
    section = DIFFERENCES.read_text(encoding="utf-8").split("## Braze cloud mode")[1]
    assert f"| {name} |" in section


def assert_delivered_alike(view: View) -> None:
    apart = set_apart(view, early=True)
    if apart:
        answers = without(view.case, view.recorded, apart)
        view = View(case=view.case, ours=play(view.case, apart, answers), recorded=view.recorded)
    late = set_apart(view, early=False, but=apart)
    for number, (ours, theirs) in enumerate(zip(view.ours.fates, view.recorded.fates, strict=True)):
        if number not in apart | late:
            assert fate_of(ours) == fate_of(theirs), (number, ours, theirs)
            assert_words_kept(view, ours, theirs)
    gone = (
        apart
        | {number for number in late if view.ours.fates[number].kind not in SENT}
        | catalog_faults(view, late)
    )
    assert_same_requests(rewritten(view, view.ours, gone), rewritten(view, view.recorded, gone))
    for request in view.ours.requests:
        if request["url"].endswith("/users/track"):
            assert ("x-braze-batch" in request["headers"]) == (len(request["items"]) > 1)


def set_apart(view: View, *, early: bool, but: Set[int] = frozenset()) -> set[int]:
    """The events a rule fits; each must have become what one of its rules says. No rule is about an event
    that the trigger leaves out: it is refused there too, if only in a batch or for its settings."""
    apart = set()
    for number, (ours, theirs) in enumerate(zip(view.ours.fates, view.recorded.fates, strict=True)):
        if number in but or (ours.kind == "skipped" and fate_of(ours) == fate_of(theirs)):
            continue
        fitting = [rule for rule in EVENTS if rule.early is early and rule.fits(view, number, ours, theirs)]
        if fitting:
            assert any(ours.kind in rule.becomes for rule in fitting), (ours, fitting)
            apart.add(number)
    return apart


def catalog_faults(view: View, late: set[int]) -> set[int]:
    """Catalog items whose sync mode or id the two sides understand differently are in neither request."""
    return late if any("/catalogs/" in request["url"] for request in view.recorded.requests) else set()


def fate_of(fate: Fate) -> tuple[str, int, str]:
    """What must be equal. A batch records an event that the trigger leaves out as refused."""
    kind = "refused" if fate.kind == "skipped" else fate.kind
    status, code = (400, "PAYLOAD_VALIDATION_FAILED") if kind == "refused" else (fate.status, fate.code)
    return kind, status, code


def assert_words_kept(view: View, ours: Fate, theirs: Fate) -> None:
    """Words of the canned answer that were recorded are in our message; an object's own error comes first."""
    canned = json.dumps(view.case.get("responses", ()), ensure_ascii=False)
    if theirs.kind == "failed" and theirs.message and theirs.message in canned:
        own = ours.message.split(" (object")[0]
        assert theirs.message in ours.message or (own and own in canned), (ours, theirs)


def rewritten(view: View, played: Played, apart: set[int]) -> list[Json]:
    """The requests as they are compared: without the events set apart, after every rewriting rule."""
    requests = []
    for request in played.requests:
        items = [(number, item) for number, item in request["items"] if number not in apart]
        if not items and request["method"] != "GET":
            continue
        kept = {**request, "items": items}
        for whole in WHOLES:
            kept = whole.rewrite(view, kept)
        for rule in OBJECTS:
            kept["items"] = [(number, rule.rewrite(view, item)) for number, item in kept["items"]]
        kept["items"] = [item for _, item in kept["items"]]
        requests.append(kept)
    return requests


def assert_same_requests(ours: list[Json], theirs: list[Json]) -> None:
    assert len(ours) == len(theirs), (ours, theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert same(mine, other), (mine, other)


def assert_asked_alike(view: View) -> None:
    """Dynamic choices and hooks: the same requests, the same choices or outputs, an error where one was.

    What was found before a page failed is kept here and lost there (difference "choices of dynamic fields").
    """
    ours, theirs = view.ours.result, view.recorded.result
    inputs = view.case.get("hookInputs") or {}
    if None in (inputs.get("columns") or ()):  # "null in lists"
        return
    name = {"create": "created_catalog_name", "select": "selected_catalog_name"}.get(inputs.get("operation"))
    if name and inputs.get(name) == "":  # "empty texts"
        assert ours.get("error")
        return
    assert_same_requests(untagged(view.ours), untagged(view.recorded))
    if "choices" in theirs:
        failed = bool(theirs.get("error")) and len(view.recorded.requests) > 1
        assert failed or same(by_label(ours["choices"]), by_label(named(theirs["choices"])))
        assert ours["code"] == (theirs.get("error") or {}).get("code", "")
    elif "error" in theirs:
        assert ours.get("error") or ours.get("code"), (ours, theirs)
    else:
        assert same(ours, theirs.get("savedData", theirs))


def named(choices: list[Json]) -> list[Json]:
    """The difference "choices of dynamic fields": the id is the label of what has no name, and what has no id
    cannot be chosen."""
    return [
        each if each.get("label") not in (None, "", "undefined") else {**each, "label": str(each["value"])}
        for each in choices
        if each.get("value")
    ]


def by_label(choices: list[Json]) -> list[Json]:
    return sorted(choices, key=lambda choice: (str(choice["label"]), str(choice["value"])))


def assert_erased_alike(view: View) -> None:
    """Deletion: the same ids; for somebody without a user id, or with an empty one, we ask for nothing, and
    any endpoint is asked."""
    if any(own_endpoint(view, number, fate, fate) for number, fate in enumerate(view.recorded.fates)):
        return
    theirs = [
        request
        for request in untagged(view.recorded)
        if any(identifier for item in request["items"] for identifier in item["external_ids"])
    ]
    assert_same_requests(untagged(view.ours), theirs)
    if len(theirs) == len(view.recorded.requests):
        assert list(map(fate_of, view.ours.fates)) == list(map(fate_of, view.recorded.fates))


def untagged(played: Played) -> list[Json]:
    return [{**request, "items": [item for _, item in request["items"]]} for request in played.requests]

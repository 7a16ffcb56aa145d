"""Only what changed is sent, nothing older than what was sent, and the profiles end up the same."""

from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.attribute_history import (
    NOW_MS,
    PEOPLE,
    Braze,
    Courier,
    Happening,
    histories,
    mixed,
    timely,
    told_in_order,
)

from segue.catalog.braze.attributes import SHAPE
from segue.engine.delta import STALE, UNCHANGED, Fate, Profiles, Update

properties = settings(max_examples=300, deadline=None)

MODES: dict[str, dict[str, Any]] = {
    "clocks": {},
    "delta": {"changed_only": True},
    "hashes": {"changed_only": True, "keep_values": False},
}
modes = st.sampled_from(sorted(MODES))
seeds = st.integers(0, 2**16)


def deliver(history: list[Happening], seed: int, mode: str, **options: Any) -> Braze:
    """Send a history through a courier that has its troubles."""

    def make(epoch: int) -> Profiles:
        return Profiles(SHAPE, epoch=epoch, most_people=1, **MODES[mode])

    return Courier(history, Random(seed).randrange, make, **options).run()


def same_profiles(one: Braze, other: Braze) -> None:
    for who in PEOPLE:
        assert one.profile(who) == other.profile(who)


@properties
@given(histories(timely, in_order=False), modes, seeds)
def test_profiles_end_as_the_fold_by_event_time_whatever_the_order(
    history: list[Happening], mode: str, seed: int
) -> None:
    """Any order of arrival, refusals, lost answers, crashes: as if told in order, once, one by one."""
    same_profiles(deliver(history, seed, mode), told_in_order(history))


@properties
@given(histories(timely, in_order=False), modes, seeds)
def test_repeating_what_was_sent_changes_nothing(history: list[Happening], mode: str, seed: int) -> None:
    """A crash without a journal and a replay send old values again, and none wins over a newer one."""
    history = [happening for happening in history if not happening.has_operation]
    for again in Random(seed).sample(history, min(len(history), 4)):
        history.append(Happening(again.who, again.at, again.attributes, again=True))
    same_profiles(deliver(history, seed, mode, has_journal=False), told_in_order(history))


@properties
@given(histories(mixed, in_order=True), modes, seeds)
def test_everything_told_in_order_ends_as_naive_sending(
    history: list[Happening], mode: str, seed: int
) -> None:
    """Flags, operations, nulls and values of any kind on the same attributes."""
    same_profiles(deliver(history, seed, mode), told_in_order(history))

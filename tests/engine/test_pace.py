"""The governor: full use of a budget it was never told, and nearly no refusals."""

import math
from collections.abc import Mapping
from email.utils import formatdate
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.limited_partner import START, STYLES, Partner, Run, any_limits, together

from segue.engine.budget import Hints, Window, read_hints, span_of
from segue.engine.pace import Governor, Wait
from segue.engine.pool import Permit, Priority
from segue.kit.partner import Quota
from segue.sandbox.limits import Limits
from segue.sandbox.switches import Switches

NOW = 1_790_000_001.5
LIVE = Priority.LIVE


def granted(asked: Permit | Wait) -> Permit:
    assert isinstance(asked, Permit)
    return asked


def waiting(asked: Permit | Wait) -> Wait:
    assert isinstance(asked, Wait)
    return asked


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Hints()),
        (
            {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "1790000004"},
            Hints(limit=10, remaining=3, reset_at=1_790_000_004),
        ),
        ({"x-ratelimit-reset": "3"}, Hints(reset_at=1_790_000_004)),
        ({"x-ratelimit-retry-after": "2"}, Hints(reset_at=1_790_000_003)),
        ({"x-ratelimit-retry-after": "2", "retry-after": "60"}, Hints(reset_at=1_790_000_003)),
        ({"retry-after": "60"}, Hints(reset_at=1_790_000_061)),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, Hints()),
        ({"x-ratelimit-limit": "many", "x-ratelimit-remaining": "-1"}, Hints()),
        # the partner's clock is 1,000 seconds behind ours, as its date says
        (
            {"x-ratelimit-reset": "1789999007", "date": "Mon, 21 Sep 2026 13:56:41 GMT"},
            Hints(reset_at=1_790_000_007.5),
        ),
        ({"x-ratelimit-reset": "1999999999"}, Hints(reset_at=NOW + 86_400)),
    ],
)
def test_headers_are_read_in_every_style(headers: Mapping[str, str], expected: Hints) -> None:
    """Epoch and seconds left, Braze's own wait and the plain one; nonsense counts as absent."""
    assert read_hints(headers, NOW) == expected


@pytest.mark.parametrize(
    ("reset_at", "now", "known", "span"),
    [
        (1_790_002_800.0, 1_790_000_001.5, 0, 3600),
        (1_790_000_002.0, 1_790_000_001.5, 0, 1),
        (1_790_000_002.0, 1_790_000_001.5, 3, 3),
        (1_790_000_040.0, 1_790_000_001.5, 0, 60),
        (1_790_035_200.0, 1_790_000_001.5, 0, 86_400),
        (1_790_000_033.0, 1_790_000_001.5, 0, 60),
        (1_790_000_033.0, 1_790_000_001.5, 3_600, 3_600),
    ],
)
def test_the_length_of_a_window_follows_from_its_end(
    reset_at: float, now: float, known: int, span: int
) -> None:
    """The shortest documented one that ends then and holds now; if none does, the shortest that holds it."""
    assert span_of(reset_at, now, known=known) == span


def test_a_pool_nothing_is_known_of_is_free() -> None:
    """A thousand at once."""
    governor = Governor()
    for _ in range(1000):
        governor.learned(granted(governor.permit("p", LIVE, NOW)), 201, {}, NOW)
    assert governor.snapshot(NOW)["p"].granted == 1000


def test_a_documented_limit_is_kept_before_anything_is_learned() -> None:
    """Three a minute, and not the fourth; other pools are free."""
    governor = Governor({"p": Quota(3, 60)})
    for _ in range(3):
        granted(governor.permit("p", Priority.DELETION, NOW))
    assert waiting(governor.permit("p", Priority.DELETION, NOW)) == Wait(1_790_000_040, "budget")
    granted(governor.permit("q", LIVE, NOW))
    granted(governor.permit("p", Priority.DELETION, 1_790_000_040.0))


def test_whoever_waits_for_the_only_request_there_may_be_looks_ever_more_rarely() -> None:
    """Once nobody knows how much may leave one request goes alone. Its answer wakes who waits; an answer that
    takes half a minute is not asked for every few milliseconds."""
    governor = Governor()
    governor.learned(granted(governor.permit("p", LIVE, NOW)), 429, {"x-ratelimit-retry-after": "1"}, NOW)
    sent_at = now = waiting(governor.permit("p", LIVE, NOW)).until
    granted(governor.permit("p", LIVE, now))
    looks = 0
    while now < sent_at + 30:
        now, looks = waiting(governor.permit("p", LIVE, now)).until, looks + 1
    assert 5 < looks < 40


def test_what_never_left_is_not_counted() -> None:
    """A permit given back is there again."""
    governor = Governor({"p": Quota(1, 60)})
    permit = granted(governor.permit("p", LIVE, NOW))
    waiting(governor.permit("p", LIVE, NOW))
    governor.give_back(permit)
    governor.give_back(permit)
    granted(governor.permit("p", LIVE, NOW))
    waiting(governor.permit("p", LIVE, NOW))


def test_a_pause_by_hand_holds_one_pool_or_all_until_it_is_ended() -> None:
    """Whatever the budget."""
    governor = Governor()
    governor.pause("p")
    assert waiting(governor.permit("p", LIVE, NOW)) == Wait(math.inf, "paused")
    granted(governor.permit("q", LIVE, NOW))
    governor.pause()
    waiting(governor.permit("q", LIVE, NOW))
    assert governor.snapshot(NOW)["q"].is_paused
    governor.resume()
    granted(governor.permit("p", LIVE, NOW))


def test_a_clock_set_back_does_not_hold_anything() -> None:
    """An hour back, with a window that was full."""
    governor = Governor()
    told = {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1790002800"}
    governor.learned(granted(governor.permit("p", LIVE, NOW)), 201, told, NOW)
    assert waiting(governor.permit("p", LIVE, NOW)).until == 1_790_002_800
    granted(governor.permit("p", LIVE, NOW - 3600))


def test_a_clock_set_ahead_does_not_hold_anything() -> None:
    """What was on the way alone after a refusal is given up for lost, and its place is free again; its
    answer, when it comes after all, changes nothing."""
    governor = Governor()
    governor.learned(granted(governor.permit("p", LIVE, NOW)), 429, {}, NOW)
    alone = granted(governor.permit("p", LIVE, NOW + 90))
    waiting(governor.permit("p", LIVE, NOW + 90))
    governor.learned(alone, 201, {}, NOW + 3700)
    asked, now = governor.permit("p", LIVE, NOW + 3700), NOW + 3700
    if isinstance(asked, Wait):
        asked, now = governor.permit("p", LIVE, asked.until), asked.until
    governor.learned(granted(asked), 201, {}, now)


LIMITS = {
    "one": [(0, 20, 1)],
    "three": [(0, 40, 3)],
    "minute": [(0, 300, 60)],
    "few": [(0, 3, 1)],
    "falls": [(0, 30, 1), (60, 8, 1)],
    "rises": [(0, 20, 3), (100, 50, 3)],
    "other window": [(0, 8, 1), (100, 40, 3)],
    "to a minute and back": [(0, 12, 1), (60, 200, 60), (240, 12, 1)],
}

UNTOLD = ("retry-after", "plain", "silent")


@pytest.mark.parametrize(
    ("name", "style"),
    [(name, UNTOLD[index % 3]) for index, name in enumerate(LIMITS)]
    + [("falls", "plain"), ("rises", "silent"), ("rises", "epoch"), ("other window", "seconds")],
)
def test_a_hidden_limit_is_used_up_and_hardly_ever_exceeded(name: str, style: str) -> None:
    """In steady state at least 95 % of what there is, and less than one refusal in a thousand.

    `python -m bench governor` does the same for hours.
    """
    limits = LIMITS[name]
    run = Run(Partner(limits, style).answer, seed=len(style))
    changed, requests, seconds = limits[-1]
    per_second = requests / seconds
    since = 60 * round((changed + 120 + 2_400 / per_second) / 60)
    until = since + 60 * round(1_800 / per_second / 60)
    run.until(until)
    assert run.granted(since, until) >= 0.95 * per_second * (until - since)
    assert run.refused_share(since, until) < 0.001


@pytest.mark.parametrize("seed", range(2))
def test_any_sequence_of_limits_is_followed(seed: int) -> None:
    """Limits that change at random, in a style at random, with requests of any speed."""
    chance = Random(seed)
    run, _, (since, until), possible = any_limits(chance, phase=60.0, scale=0.3)
    run.until(until)
    assert run.granted(since, until) >= 0.95 * possible
    assert run.refused_share(since, until) < 0.001


@pytest.mark.parametrize(
    "switches",
    [
        Switches(profile="standard", limits={"track": (3, 3)}),
        Switches(profile="mau", limits={"track": (3, 3)}, mau_track_hourly=3_000),
        Switches(profile="mau", limits={"track": (3, 3)}, mau_track_hourly=1_500),
        Switches(profile="mau", limits={"track": (3, 3)}, mau_track_hourly=3_000, plain_retry_after=True),
    ],
    ids=["standard", "mau", "mau, hour is short", "mau, plain"],
)
def test_the_sandbox_s_own_limits_are_kept_in_all_its_header_styles(switches: Switches) -> None:
    """The burst limit that is told, or hidden behind an hourly one that is."""
    limits = Limits()

    def answer(now: float) -> tuple[int, dict[str, str]]:
        permit = limits.take(switches, "w", "track", int(now * 1000))
        return (201 if permit.granted else 429), {k.decode(): v.decode() for k, v in permit.headers}

    run = Run(answer)
    run.until(6_500)
    hourly = min(3_600, switches.mau_track_hourly) if switches.profile == "mau" else 3_600
    since = 3_600 - START % 3600  # a whole hour
    assert run.granted(since, since + 3_600) >= 0.95 * hourly
    assert run.refused_share(since, since + 3_600) < 0.001


@pytest.mark.parametrize("skew", [-0.25, 0.25])
@pytest.mark.parametrize("style", STYLES)
def test_a_partner_s_clock_somewhat_off_costs_little(style: str, skew: float) -> None:
    """A quarter of a second ahead or behind."""
    run = Run(Partner([(0, 30, 3)], style).answer, skew=skew)
    run.until(420)
    assert run.granted(180, 420) >= 0.95 * 10 * 240
    assert run.refused_share(180, 420) < 0.001


@pytest.mark.parametrize("skew", [-3_620.0, -7.0, 21.0, 86_000.0])
@pytest.mark.parametrize("style", ["epoch", "seconds"])
def test_a_partner_s_clock_far_off_costs_little(style: str, skew: float) -> None:
    """Its windows end at odd moments by ours: told in seconds, or as a moment of a clock told beside it. They
    are not taken for windows of a day."""
    partner = Partner([(0, 30, 60), (300, 60, 60)], style)

    def answer(now: float) -> tuple[int, dict[str, str]]:
        status, headers = partner.answer(now)
        return status, {**headers, "date": formatdate(now, usegmt=True)}

    run = Run(answer, skew=skew)
    run.until(1_200)
    assert run.granted(480, 1_200) >= 0.9 * 60 * 12
    assert run.refused_share(480, 1_200) < 0.01


@pytest.mark.parametrize("style", ["epoch", "silent"])
@pytest.mark.parametrize("limit", [(12, 1), (600, 60)])
def test_a_replay_never_starves_live_traffic(style: str, limit: tuple[int, int]) -> None:
    """Live traffic of two fifths of the budget leaves nearly at once; the replay gets what is left."""
    requests, seconds = limit
    rate = 0.4 * requests / seconds
    run = Run(
        Partner([(0, *limit)], style).answer, demand={LIVE: rate, Priority.REPLAY: math.inf}, in_flight=16
    )
    run.until(420)
    waits = sorted(wait for at, _, who, wait in run.answers if who is LIVE and at > START + 120)
    assert len(waits) >= 0.95 * rate * 300
    assert waits[len(waits) * 99 // 100] < 0.25 * seconds
    assert run.granted(120, 420) >= 0.9 * requests / seconds * 300


def test_a_deletion_goes_before_live_traffic() -> None:
    """Though live traffic would take everything."""
    demand = {Priority.DELETION: 0.5, LIVE: math.inf}
    run = Run(Partner([(0, 300, 60)], "epoch").answer, demand=demand)
    run.until(600)
    waits = [wait for at, _, who, wait in run.answers if who is Priority.DELETION and at > START + 120]
    assert len(waits) >= 220
    assert sorted(waits)[len(waits) * 95 // 100] < 5


def test_what_is_left_of_a_long_window_is_spread_over_the_rest_of_it() -> None:
    """The last fifth of an hour's budget does not go in one burst."""
    window = Window(span=3600, ceiling=1000, number=1_790_000_001 // 3600, used=900)
    opens_at = window.opens_at(NOW, 0.0, NOW, 1.0)
    assert 20 < opens_at - NOW < 40
    assert Window(span=3, ceiling=10, number=int(NOW // 3), used=9).opens_at(NOW, 0.0, NOW, 0.1) == NOW


DEMANDS = {
    "two that want all": (math.inf, math.inf),
    "one that wants all, one a tenth": (math.inf, 0.1),
    "one that wants all, one two fifths": (math.inf, 0.4),
    "three": (math.inf, 0.2, 0.05),
}


@pytest.mark.parametrize(
    ("demand", "limit", "style"),
    [
        ("two that want all", (60, 3), "retry-after"),
        ("two that want all", (20, 1), "silent"),
        ("one that wants all, one a tenth", (20, 1), "epoch"),
        ("one that wants all, one two fifths", (300, 60), "epoch"),
        ("three", (30, 1), "plain"),
        ("three", (60, 3), "silent"),
    ],
)
def test_a_pool_used_in_turns_is_used_up(demand: str, limit: tuple[int, int], style: str) -> None:
    """At least 95 % of a limit, told or hidden, and less than one refusal in a thousand; and who wants less
    than an equal share gets it."""
    requests, seconds = limit
    rate, shares = requests / seconds, DEMANDS[demand]
    partner, governors = Partner([(0, *limit)], style), [Governor(who=who + 1) for who in range(len(shares))]
    for governor in governors[1:]:
        governor._pools = governors[0]._pools
    runs = [
        Run(partner.answer, governor=governor, seed=seed, demand={LIVE: rate * share})
        for seed, (governor, share) in enumerate(zip(governors, shares, strict=True))
    ]
    since = seconds * -(-(START + 60 + 1_200 / rate) // seconds) - START
    until = since + 60 * round(1_000 / rate / 60 + 0.5)
    together(runs, until)
    granted = [run.granted(since, until) / (rate * (until - since)) for run in runs]
    answers = [status for run in runs for at, status, *_ in run.answers if at >= START + since]
    assert sum(granted) >= 0.95
    assert answers.count(429) <= max(1, 0.001 * len(answers))
    for got, wanted in zip(granted, shares, strict=True):
        assert got >= (0.75 if wanted == math.inf else 0.9) * min(wanted, 1 / len(shares))


def test_a_pool_kept_as_bytes_goes_on_as_it_was() -> None:
    """Another process adopts it; what is not one is not adopted."""
    one, two = Governor({"p": Quota(2, 60)}, who=1), Governor(who=2)
    permit = granted(one.permit("p", LIVE, NOW))
    two.adopt("p", one.state("p"))
    two.adopt("p", b"\x91\x01")
    granted(two.permit("p", LIVE, NOW))
    assert isinstance(two.permit("p", LIVE, NOW), Wait)
    one.adopt("p", two.state("p"))
    one.give_back(permit)
    granted(one.permit("p", LIVE, NOW))


def test_two_states_of_a_pool_become_one_that_knows_what_both_know() -> None:
    """The limit one was told of, and what both have on the way."""
    one, two = Governor(who=1), Governor(who=2)
    told = {"x-ratelimit-limit": "5", "x-ratelimit-remaining": "4", "x-ratelimit-reset": "30"}
    one.learned(granted(one.permit("p", LIVE, NOW)), 201, told, NOW)
    granted(one.permit("p", LIVE, NOW))
    granted(two.permit("p", LIVE, NOW))
    two.join("p", one.state("p"))
    standing = two.snapshot(NOW)["p"]
    assert (standing.limit, standing.remaining, standing.in_flight) == (5, 2, 2)


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["ask", "answer", "refuse", "lose", "give back", "wait", "jump"]),
            st.sampled_from(list(Priority)),
            st.sampled_from([{}, {"x-ratelimit-retry-after": "1"}, {"x-ratelimit-limit": "0"}]),
        ),
        max_size=60,
    )
)
def test_whatever_happens_a_permit_comes_again(steps: list[tuple[str, Priority, dict[str, str]]]) -> None:
    """No sequence of answers shuts a pool for longer than its window."""
    governor, now, permits = Governor(), NOW, []
    for what, priority, headers in steps:
        if what == "ask":
            asked = governor.permit("p", priority, now)
            if isinstance(asked, Permit):
                permits.append(asked)
            else:
                assert now < asked.until <= now + 86_401
        elif what == "wait":
            now += 0.7
        elif what == "jump":
            now -= 10
        elif permits and what == "give back":
            governor.give_back(permits.pop())
        elif permits:
            status = {"answer": 201, "refuse": 429, "lose": 0}[what]
            governor.learned(permits.pop(0), status, headers, now)
    for permit in permits:
        governor.give_back(permit)
    for _ in range(3):
        now = max(now, min(governor.opens_at("p", LIVE, now), now + 86_401))
    assert governor.opens_at("p", LIVE, now) <= now


@pytest.mark.parametrize("style", ["retry-after", "plain"])
@pytest.mark.parametrize(("early", "late", "limit"), [(17, 16, 18), (10, 12, 12), (7, 9, 8)])
def test_a_window_whose_last_second_is_refused_is_not_taken_for_a_second(
    early: int, late: int, limit: int, style: str
) -> None:
    """Told of by a 429 alone: most of three seconds' requests left in the first, few pass in the last.
    Taken for one request a second nothing would be refused any more, and a sixth of the limit used."""
    governor, partner = Governor(), Partner([(0, limit, 3)], style)
    begin = (START // 3 + 1) * 3 + 0.1
    for at, number in ((begin, early), (begin + 2.1, late)):
        asked = [governor.permit("pool", LIVE, at) for _ in range(number)]
        answers = [(each, *partner.answer(at + 0.03)) for each in asked if isinstance(each, Permit)]
        for permit, status, headers in answers:
            governor.learned(permit, status, headers, at + 0.06)
    assert [status for _, status, _ in answers].count(429) == early + late - limit
    standing = governor.snapshot(at + 0.1)["pool"]
    assert (standing.ceiling_seconds, standing.ceiling) == (3, limit)

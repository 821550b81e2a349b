"""Pass rates: laws of the estimate and its intervals, summed over every way that sampling may end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from passing import RATES, drawn, outcomes, quality

from pipeline.passing import Tally, estimate, finished, mean_estimate, pass_until, tally, unbiased

PLANS = [(2, 50), (5, 50), (5, 400), (10, 1000)]


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    wanted, cap = draw(st.integers(2, 12)), draw(st.integers(12, 500))
    passes = draw(st.integers(0, wanted))
    samples = draw(st.integers(wanted, cap)) if passes == wanted else cap
    return Tally(passes, samples, wanted, cap)


@pytest.mark.parametrize(("wanted", "cap"), PLANS)
def test_the_estimate_is_unbiased_censored_or_not(wanted: int, cap: int) -> None:
    for rate in RATES:
        assert abs(quality(rate, wanted, cap).bias) < 1e-6


def test_passes_over_samples_is_not() -> None:
    """E[r/K]/P -> r/(r - 1) for small P: twice the truth for r = 2, still a ninth too much for r = 10."""
    for wanted in (2, 5, 10):
        mean = sum(chance * told.passes / told.samples for told, chance in outcomes(0.01, wanted, 4000))
        assert mean / 0.01 == pytest.approx(wanted / (wanted - 1), rel=0.05)


@pytest.mark.parametrize(("wanted", "cap"), PLANS)
def test_intervals_hold_the_truth_as_often_as_they_say(wanted: int, cap: int) -> None:
    for rate in RATES:
        found = quality(rate, wanted, cap)
        assert found.exact >= 0.95
        assert found.mid_p >= 0.90
        # Where hardly anything passes before the cap, only 'no pass' happens, and every interval holds the truth.
        if rate * cap > 2:
            assert found.mid_p <= 0.985


@given(tallies())
def test_an_interval_holds_its_estimate_and_the_exact_one_the_other(told: Tally) -> None:
    mid, exact = estimate(told), estimate(told, method="exact")
    assert 0 <= exact.low <= mid.low <= unbiased(told) <= mid.high <= exact.high <= 1
    assert estimate(told, 0.99).high >= mid.high


@given(tallies())
def test_more_passes_in_fewer_samples_never_lower_anything(told: Tally) -> None:
    if told.censored:
        better = Tally(told.passes + 1, told.samples, told.wanted, told.cap)
    elif told.samples > told.wanted:
        better = Tally(told.passes, told.samples - 1, told.wanted, told.cap)
    else:
        return
    for method in ("mid-p", "exact"):
        one, other = estimate(told, method=method), estimate(better, method=method)
        assert one.low <= other.low + 1e-9
        assert one.high <= other.high + 1e-9
    assert unbiased(told) <= unbiased(better) + 1e-12


def test_no_pass_gives_a_bound_and_no_number() -> None:
    """The mid-p interval is the one-sided bound 1 - 0.05^(1/K) there, about 3/K (the rule of three)."""
    found = estimate(Tally(0, 200, 5, 200))
    assert found.bound
    assert np.isnan(found.value)
    assert found.censored
    assert found.low == 0
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 200))
    assert str(found).startswith("below 0.015")


def test_all_passes_are_no_certainty() -> None:
    found = estimate(Tally(5, 5, 5, 100))
    assert found.value == found.high == 1
    assert found.low == pytest.approx(0.05 ** (1 / 5))


def test_a_number_of_samples_fixed_beforehand_is_binomial() -> None:
    told = Tally.fixed(3, 3)
    assert told.censored
    assert unbiased(told) == 1
    # Clopper & Pearson's own limits for 7 of 20.
    found = estimate(Tally.fixed(7, 20), method="exact")
    assert (found.low, found.high) == (pytest.approx(0.1539, abs=1e-4), pytest.approx(0.5922, abs=1e-4))


@given(st.lists(st.booleans(), max_size=60), st.integers(2, 6), st.integers(1, 50))
def test_sampling_stops_by_itself_and_goes_on_where_it_was(found: list[bool], wanted: int, cap: int) -> None:
    made = [*found, *[True] * 60]
    asked: list[int] = []

    def passes(number: int) -> bool:
        asked.append(number)
        return made[number]

    whole = pass_until(passes, wanted, cap)
    assert asked == list(range(len(whole)))
    told = tally(whole, wanted, cap)
    assert told.samples == len(whole)
    assert told.censored == (told.passes < wanted)
    half = whole[: len(whole) // 2]
    assert pass_until(passes, wanted, cap, recorded=half) == whole
    assert asked[len(whole) :] == list(range(len(half), len(whole)))
    # A batch that ran further counts no more than up to where it should have stopped.
    assert tally(made, wanted, cap) == told
    assert finished(whole, wanted, cap)
    assert not finished(whole[:-1], wanted, cap)


def test_tallies_that_cannot_be_are_named() -> None:
    for wrong in ((1, 1, 1, 5), (0, 3, 5, 9), (6, 9, 5, 9), (3, 2, 5, 2), (0, 9, 5, 5), (0, 0, 5, 0)):
        with pytest.raises(ValueError, match="Tally"):
            Tally(*wrong)
    with pytest.raises(ValueError, match="recorded"):
        tally([True, False], 5, 100)
    with pytest.raises(ValueError, match="mid-p"):
        estimate(Tally(5, 9, 5, 9), method="wald")


def test_a_grade_counts_every_scene_alike() -> None:
    """A scene that takes 500 samples weighs no more than one that takes 5; pooling would say 10/505."""
    easy, hard = Tally(5, 5, 5, 1000), Tally(5, 500, 5, 1000)
    found = mean_estimate([easy, hard])
    assert found.value == pytest.approx((1 + 4 / 499) / 2)
    assert found == mean_estimate([hard, easy])
    assert found.low < 0.5 < found.high
    never = mean_estimate([Tally(0, 50, 5, 50)] * 4)
    assert never.bound
    assert 0 < never.high < 0.05


def test_the_mean_over_scenes_is_within_its_interval_often_enough() -> None:
    rng = np.random.default_rng(1)
    rates = np.exp(-np.exp(np.linspace(-0.4, 1.9, 6)))
    told = [mean_estimate([drawn(rng, rate, 5, 100) for rate in rates]) for _ in range(150)]
    assert np.mean([one.low <= rates.mean() <= one.high for one in told]) >= 0.9
    assert np.mean([one.value for one in told]) == pytest.approx(rates.mean(), rel=0.05)

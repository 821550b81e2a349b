"""The laws over sizes, on passes and errors whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from passing import GRADE, Study

from pipeline.passing import Cell, Tally, decay, fit, forecast, hold_out, trend
from pipeline.passing._law import _counts
from pipeline.passing._profile import hessian, likelihood, maximum, slope
from pipeline.passing._spread import deviating

ONE = Study("one scene", wanted=20)
SIX = Study("six scenes", levels=GRADE)


def cells(study: Study, seed: int = 0) -> list[Cell]:
    return study.cells(np.random.default_rng(seed))


def test_derivatives_of_the_likelihood_are_those_of_differences() -> None:
    counts = deviating(_counts(cells(SIX), 80.0, 2), 12, 0.3)
    at = np.random.default_rng(0).normal(0, 0.3, counts.design.shape[1])
    for index in range(len(at)):
        step = np.zeros(len(at))
        step[index] = 1e-5
        ahead, behind = likelihood(counts, at + step), likelihood(counts, at - step)
        assert slope(counts, at)[index] == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-4)
        bent = (slope(counts, at - step) - slope(counts, at + step)) / 2e-5
        np.testing.assert_allclose(hessian(counts, at)[index], bent, rtol=1e-4, atol=1e-3)


def test_the_maximum_is_found_from_anywhere() -> None:
    counts = deviating(_counts(cells(SIX), 80.0, 1), 12, 0.0)
    best = maximum(counts)
    for seed in range(5):
        start = np.random.default_rng(seed).normal(0, 3, len(best))
        np.testing.assert_allclose(maximum(counts, start), best, atol=1e-5)


def test_the_law_is_found_again_with_many_passes() -> None:
    law = fit(cells(Study("", wanted=2000, cap=10**6, levels=GRADE)))
    assert law.alpha == pytest.approx(0.5, abs=0.02)
    assert law.coefficients[:6] == pytest.approx(GRADE, abs=0.05)


def test_no_order_of_scenes_or_cells_matters() -> None:
    told = cells(SIX)
    mixed = [told[index] for index in np.random.default_rng(3).permutation(len(told))]
    renamed = [replace(one, scene={"s0": "z"}.get(one.scene, one.scene)) for one in mixed]
    assert fit(mixed).alpha == pytest.approx(fit(told).alpha, abs=1e-6)
    assert fit(renamed).alpha_interval() == pytest.approx(fit(told).alpha_interval(), abs=1e-4)


def test_the_unit_of_size_does_not_matter() -> None:
    told = cells(SIX)
    thousand = [replace(one, size=1000 * one.size) for one in told]
    assert fit(thousand).alpha == pytest.approx(fit(told).alpha, abs=1e-6)
    assert trend(thousand).bend == pytest.approx(trend(told).bend, abs=1e-4)


def coverage(study: Study, studies: int) -> float:
    rng = np.random.default_rng(2)
    intervals = [fit(study.cells(rng)).alpha_interval() for _ in range(studies)]
    return float(np.mean([low <= study.alpha <= high for low, high in intervals]))


@pytest.mark.parametrize("study", [ONE, SIX, replace(ONE, deviation=0.4), replace(ONE, levels=(1.5,), cap=200)])
def test_the_exponents_interval_holds_it_often_enough(study: Study) -> None:
    """60 studies: 90 % covered is told from 80 %, not from 95."""
    assert coverage(study, 60) >= 0.88


def test_runs_that_differ_are_seen_and_widen_the_interval() -> None:
    study = Study("", wanted=50, deviation=0.5, runs=6)
    told = cells(study)
    law, deaf = fit(told), fit([replace(one, run="") for one in told])
    assert law.spread.deviation == pytest.approx(0.5, abs=0.2)
    assert deaf.spread.deviation == 0
    assert np.ptp(law.alpha_interval()) > 2 * np.ptp(deaf.alpha_interval())
    assert fit(cells(replace(study, deviation=0.0))).spread.deviation < 0.15


def test_scenes_without_a_word_are_named_and_left_out() -> None:
    told = cells(SIX)
    never = [replace(one, scene="never", tally=Tally(0, 50, 5, 50)) for one in told if one.scene == "s0"]
    always = [replace(one, scene="always", tally=Tally(5, 5, 5, 50)) for one in told if one.scene == "s0"]
    law = fit([*told, *never, *always])
    assert (law.never, law.always) == (("never",), ("always",))
    assert law.alpha == pytest.approx(fit(told).alpha)


def test_what_cannot_be_fitted_is_said() -> None:
    never = [Cell(size, Tally(0, 50, 5, 50)) for size in (1.0, 2.0, 4.0)]
    with pytest.raises(ValueError, match="1 scenes never passed"):
        fit(never)
    parted = [Cell(1.0, Tally(0, 50, 5, 50)), Cell(2.0, Tally(0, 50, 5, 50)), Cell(4.0, Tally(5, 5, 5, 50))]
    with pytest.raises(ValueError, match="no maximum"):
        fit(parted)
    assert trend(parted).kind == "undecided"
    assert "no maximum" in trend(parted).why
    with pytest.raises(ValueError, match="positive"):
        Cell(0.0, Tally(0, 50, 5, 50))


SHARP = Study("", wanted=300, cap=10**6, levels=GRADE)


@pytest.mark.parametrize(("bend", "kind"), [(0.0, "linear"), (1.5, "accelerated"), (-1.5, "sub-scaling")])
def test_trends_are_told_apart_with_many_passes(bend: float, kind: str) -> None:
    found = trend(cells(replace(SHARP, bend=bend)))
    assert found.kind == kind
    assert found.low < bend < found.high


def test_few_passes_decide_nothing() -> None:
    assert trend(cells(replace(ONE, wanted=5))).kind == "undecided"


def test_a_pass_rate_that_stays_is_no_law() -> None:
    found = trend(cells(replace(SHARP, alpha=0.0)))
    assert found.kind == "undecided"
    assert "no growth" in found.why


def test_a_straight_trend_is_seldom_called_bent() -> None:
    """5 % by construction; more than 10 of 60 has a probability of 3 in 10 000 then."""
    rng = np.random.default_rng(4)
    kinds = [trend(ONE.cells(rng)).kind for _ in range(60)]
    assert kinds.count("accelerated") + kinds.count("sub-scaling") <= 10


def test_the_largest_size_is_foretold() -> None:
    rng = np.random.default_rng(5)
    told = [hold_out(SIX.cells(rng)) for _ in range(40)]
    truth = float(np.exp(-np.exp(SIX.predictor(SIX.sizes[-1]))).mean())
    assert np.mean([one.met for one in told]) >= 0.85
    assert np.mean([one.low <= truth <= one.high for one in told]) >= 0.85
    assert np.mean([one.rate for one in told]) == pytest.approx(truth, abs=0.03)


def test_a_forecast_never_looks_at_what_it_foretells() -> None:
    told = cells(SIX)
    early, late = [one for one in told if one.size < 240], [one for one in told if one.size == 240]
    failed = [replace(one, tally=Tally(0, 1000, 5, 1000)) for one in late]
    one, other = forecast(early, late), forecast(early, failed)
    assert (one.rate, one.measured_low, one.measured_high) == (other.rate, other.measured_low, other.measured_high)
    assert other.measured == 0
    assert not other.met
    assert hold_out(told) == one
    with pytest.raises(ValueError, match="of one size"):
        forecast(early, told)
    with pytest.raises(ValueError, match="scenes"):
        forecast(early, [replace(one, scene="new") for one in late])


def test_an_error_that_follows_the_law_is_found_exactly() -> None:
    clips = np.repeat(10.0 * 2.0 ** np.arange(6), 2)
    line = decay(clips, 3 * clips**-0.4)
    assert (line.exponent, line.floor) == (pytest.approx(0.4), 0)
    assert line.at(1000) == pytest.approx(3 * 1000**-0.4)
    bent = decay(clips, 3 * clips**-0.8 + 0.05, floor=True)
    assert bent.exponent == pytest.approx(0.8, abs=1e-3)
    assert bent.floor == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize(("floor", "share"), [(False, 0.0), (True, 0.3)])
def test_intervals_of_the_error_hold_the_truth(floor: bool, share: float) -> None:
    rng = np.random.default_rng(6)
    clips = np.repeat(10.0 * 2.0 ** np.arange(5), 3)
    shape = (1 - share) * (clips / clips.max()) ** -0.5 + share
    held = []
    for _ in range(50):
        found = decay(clips, shape * np.exp(0.1 * rng.standard_normal(len(clips))), floor)
        ends = (found.exponent_interval, found.reached_interval)
        held.append([low <= truth <= high for (low, high), truth in zip(ends, (0.5, 1.0), strict=True)])
    assert np.mean(held, axis=0).min() >= 0.88


def test_a_floor_that_the_data_do_not_show_is_left_open() -> None:
    rng = np.random.default_rng(7)
    clips = np.repeat(10.0 * 2.0 ** np.arange(5), 3)
    found = decay(clips, clips**-0.5 * np.exp(0.1 * rng.standard_normal(len(clips))), floor=True)
    assert found.share_interval[0] == 0


def test_errors_that_cannot_be_fitted_are_said() -> None:
    with pytest.raises(ValueError, match="positive"):
        decay([1, 2, 4], [1, 0, 1])
    with pytest.raises(ValueError, match="at least 3"):
        decay([1, 2, 2, 2], [1, 2, 3, 4], floor=True)
    with pytest.raises(ValueError, match="as many"):
        decay([1, 2, 4], [1, 2])

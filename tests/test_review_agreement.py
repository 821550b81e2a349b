"""Statistics of agreement against worked examples of their authors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from pipeline.review.agreement import alpha, disputes, kappa, raw_agreement, summary, tau
from pipeline.review.decisions import Decision


def columns(*people: str) -> list[list[str]]:
    """Units from one line a person; '.' is a missing value."""
    return [[value for value in unit if value != "."] for unit in zip(*map(str.split, people), strict=True)]


KRIPPENDORFF_A = columns("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")
KRIPPENDORFF_B = columns("a a b b d c c c e d d a", "b a b b b c c c e d d d")
KRIPPENDORFF_C = columns(
    "1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."
)


@pytest.mark.parametrize(
    ("units", "expected"), [(KRIPPENDORFF_A, 0.095), (KRIPPENDORFF_B, 0.692), (KRIPPENDORFF_C, 0.743)]
)
def test_alpha_is_that_of_krippendorff_2011(units: list[list[str]], expected: float) -> None:
    assert alpha(units).value == pytest.approx(expected, abs=0.0005)


def table(*rows: tuple[int, ...]) -> list[tuple[int, int]]:
    """The pairs that a table of counts stands for."""
    return [(i, j) for i, row in enumerate(rows) for j, count in enumerate(row) for _ in range(count)]


def test_kappa_is_that_of_cohen_1960() -> None:
    found = kappa(table((88, 14, 18), (10, 40, 10), (2, 6, 12)))
    assert found.value == pytest.approx((0.70 - 0.41) / (1 - 0.41))
    assert found.n == 200
    assert kappa(table((20, 5), (10, 15))).value == pytest.approx(0.4)


def test_tau_is_that_of_agresti_and_of_the_manual_of_sas() -> None:
    satisfaction = table((1, 3, 10, 6), (2, 3, 10, 7), (1, 6, 14, 12), (0, 1, 9, 11))  # by income, Agresti (2002)
    assert tau(*zip(*satisfaction, strict=True)).value == pytest.approx(0.1524, abs=5e-5)
    # Example of PROC FREQ, with its asymptotic interval; a bootstrap's is another one, and close to it.
    found = tau(*zip(*table((26, 26, 23, 18, 9), (6, 7, 9, 14, 23)), strict=True))
    assert found.value == pytest.approx(0.33726, abs=5e-6)
    assert (found.low, found.high) == pytest.approx((0.2114, 0.4631), abs=0.03)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=2, max_size=300))
def test_tau_with_ties_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = zip(*pairs, strict=True)
    expected = kendalltau(x, y).statistic
    assert tau(x, y).value == pytest.approx(expected, nan_ok=True)


def test_perfect_and_none() -> None:
    whole = [["approve"] * 2, ["reject"] * 3, ["approve"] * 2]
    assert raw_agreement(whole).value == alpha(whole).value == 1
    assert kappa([("approve", "approve"), ("reject", "reject")]).value == 1
    assert tau([1, 2, 3], [10, 20, 90]).value == 1
    assert tau([1, 2, 3], [3, 2, 1]).value == -1
    assert raw_agreement([["approve", "reject"], ["approve"]]).value == 0


def test_what_is_not_defined_is_said_so() -> None:
    for found in (alpha([]), kappa([]), tau([], []), raw_agreement([["approve"]]), alpha([["approve"]])):
        assert math.isnan(found.value)
        assert found.n == 0
    same = [["approve", "approve"]] * 5
    assert raw_agreement(same).value == 1
    assert math.isnan(alpha(same).value)  # nothing could have differed
    assert math.isnan(kappa([("approve", "approve")] * 5).value)
    assert math.isnan(tau([1, 1, 1], [1, 2, 3]).value)


def test_intervals_hold_the_value_shrink_with_more_clips_and_come_back_the_same() -> None:
    rng = np.random.default_rng(0)

    def guesses(count: int) -> list[tuple[bool, bool]]:
        truth = rng.random(count) < 0.5
        return [(bool(one), bool(one != slip)) for one, slip in zip(truth, rng.random(count) < 0.2, strict=True)]

    few, many = kappa(guesses(30)), kappa(guesses(1000))
    for found in (few, many):
        assert found.low < found.value < found.high
    assert many.high - many.low < 0.4 * (few.high - few.low)
    some = guesses(40)
    assert kappa(some, seed=3) == kappa(some, seed=3) != kappa(some, seed=4)


def test_the_interval_covers_the_truth_as_often_as_it_claims() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for trial in range(60):  # kappa is 0.6: each of two fair coins, equal in 80 % of the cases
        one = rng.random(150) < 0.5
        pairs = list(zip(one.tolist(), (one != (rng.random(150) < 0.2)).tolist(), strict=True))
        found = kappa(pairs, trial)
        covered.append(found.low <= 0.6 <= found.high)
    assert np.mean(covered) > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 60)


def said(reviewer: str, number: int, verdict: str, source: str = "model", **more: object) -> Decision:
    said.count += 1  # type: ignore[attr-defined]
    clip_id = f"drop-sand-{number:05d}"
    given = {"act": "decide", "item": f"item{number}", "seconds": 2.0, "number": said.count, **more}  # type: ignore[attr-defined]
    key = f"key{said.count}"  # type: ignore[attr-defined]
    return Decision(
        **{"key": key, "reviewer": reviewer, "clip_id": clip_id, "source": source, "verdict": verdict, **given}
    )  # type: ignore[arg-type]


said.count = 0  # type: ignore[attr-defined]


def test_a_summary_of_two_reviewers_and_the_judge() -> None:
    verdicts = ["approve", "approve", "reject", "reject"]
    rows = [said("anna", number, verdict) for number, verdict in enumerate(verdicts)]
    rows += [said("ben", number, verdict, reasons=("melts",)) for number, verdict in enumerate(verdicts[:3])]
    rows += [said("anna", 9, "skip"), said("anna", 0, "reject", showing=1), said("anna", 1, "approve", showing=1)]
    judge = {row.clip: 90.0 - 10 * number for number, row in enumerate(rows[:4])}
    found = summary(rows, judge, seed=0)
    assert found["clips"] == 4
    assert found["raw"].value == found["alpha"].value == 1
    assert found["kappa"][0]["between"] == ["anna", "ben"]
    assert found["kappa"][0]["kappa"].n == 3
    assert found["tau"].value == pytest.approx(kendalltau([1, 1, 0, 0], [90, 80, 70, 60]).statistic)
    mine = found["reviewers"]["anna"]
    assert (mine["decided"], mine["skipped"], mine["approved"]) == (6, 1, 3)
    assert (mine["self"]["raw"].value, mine["self"]["raw"].n) == (0.5, 2)
    assert found["sources"] == {"model": {"clips": 4, "approved": 0.5}}
    assert found["reasons"] == {"melts": 3}


def test_disputes_wait_for_an_adjudicator_and_open_again_when_somebody_changes_their_mind() -> None:
    rows = [said("anna", 0, "approve"), said("ben", 0, "reject"), said("anna", 1, "approve"), said("ben", 1, "approve")]
    (dispute,) = disputes(rows)
    assert dispute.clip == rows[0].clip
    assert [vote.reviewer for vote in dispute.votes] == ["anna", "ben"]
    rows.append(said("carla", 0, "reject", act="adjudicate"))
    assert disputes(rows) == []
    rows.append(said("ben", 1, "reject"))
    rows.append(said("anna", 0, "approve"))
    assert [one.clip for one in disputes(rows)] == [rows[0].clip, rows[2].clip]

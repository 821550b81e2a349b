"""The statistics of the exam on sittings whose outcome is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.examination import (
    REDRAW,
    Sitting,
    appearance_correlation,
    auc,
    interval,
    outranking,
    preference_error,
    report,
    severity_correlation,
    split,
    targets,
    visible,
)


def sitting(scene: int, change: str, level: int, score: float, harmless: bool = False) -> Sitting:
    medium = "sand" if scene % 2 else "water"
    return Sitting(f"s{scene}", medium, change, level, harmless, {"judge": score, "coin": float("nan")})


def perfect() -> list[Sitting]:
    found = []
    for scene in range(6):
        found += [sitting(scene, REDRAW, draw, 95 + draw, True) for draw in (1, 2)]
        found += [sitting(scene, "noise", level, 90 - level, True) for level in (1, 2, 3)]
        found += [sitting(scene, "vanish", level, 60 - 15 * level) for level in (1, 2, 3)]
    return found


def test_auc_counts_pairs_and_ties() -> None:
    assert auc([3, 4], [1, 2]) == 1
    assert auc([1, 2], [3, 4]) == 0
    assert auc([1], [1]) == 0.5
    assert auc([1, 3], [2]) == 0.5
    assert np.isnan(auc([], [1]))


def test_auc_of_two_normals_is_what_theory_says() -> None:
    """P(a > b) = Phi(d / sqrt 2) for unit normals a distance d apart."""
    rng = np.random.default_rng(0)
    right, wrong = rng.normal(1, 1, 3000), rng.normal(0, 1, 3000)
    assert auc(right.tolist(), wrong.tolist()) == pytest.approx(0.7602, abs=0.015)


def test_a_judge_that_sees_everything_passes() -> None:
    told = report(perfect(), "judge")
    assert told["auc"] == told["auc_with_nuisances"] == 1
    assert told["auc_interval"] == [1, 1]
    assert told["ppe"] == 0
    assert told["by_violation"]["vanish"]["auc"] == 1
    assert told["by_severity"] == {"1": 1, "2": 1, "3": 1}
    assert set(told["by_medium"]) == {"sand", "water"}
    assert told["severity_correlation"]["vanish"] == pytest.approx(-1)


def test_a_judge_that_rewards_what_is_broken_fails() -> None:
    upside_down = [
        Sitting(s.clip_id, s.medium, s.change, s.level, s.harmless, {"judge": -s.scores["judge"]}) for s in perfect()
    ]
    assert report(upside_down, "judge")["auc"] == 0
    assert preference_error(upside_down, "judge") == 100


def test_a_candidate_without_a_score_has_no_figure() -> None:
    told = report(perfect(), "coin")
    assert np.isnan(told["auc"])
    assert np.isnan(told["ppe"])


def test_the_interval_is_wider_for_fewer_scenes() -> None:
    rng = np.random.default_rng(1)

    def noisy(scenes: int) -> list[Sitting]:
        return [
            sitting(scene, change, 2, float(rng.normal(80 if harmless else 60, 25)), harmless)
            for scene in range(scenes)
            for change, harmless in ((REDRAW, True), ("vanish", False))
        ]

    def figure(some: object) -> float:
        return float(report_auc(some))

    def report_auc(some: object) -> float:
        from pipeline.examination import within

        return auc(*within(some, "judge"))  # type: ignore[arg-type]

    few, many = (interval(noisy(scenes), figure) for scenes in (6, 60))
    assert few[1] - few[0] > many[1] - many[0] > 0


def test_scenes_are_split_within_each_medium_and_stay_where_they_are() -> None:
    scenes = [(f"s{number}", ("sand", "water", "none")[number % 3]) for number in range(9)]
    halves = split(scenes)
    assert [halves[f"s{number}"] for number in range(6)] == ["develop"] * 3 + ["test"] * 3
    assert split(scenes[:4]) == {name: halves[name] for name, _ in scenes[:4]}


def test_severity_is_told_from_the_redraws_on_and_a_score_of_nothing_cannot_fall() -> None:
    def told(*marks: float) -> float:
        found = [sitting(0, REDRAW, 1, 95, True)]
        found += [sitting(0, "freeze", level, mark) for level, mark in enumerate(marks, start=1)]
        return severity_correlation(found, "judge", "freeze")

    assert told(60, 20, 10) == pytest.approx(-1)
    assert told(40, 0, 0) == pytest.approx(-1)
    assert told(0, 0, 0) == pytest.approx(-1)
    assert told(10, 20, 60) > -0.5
    assert told(50, 50, 50) > -0.9


def test_a_judge_of_pictures_is_found_out() -> None:
    rng = np.random.default_rng(0)
    likeness = rng.uniform(0.5, 1, 40)

    def told(scores: np.ndarray) -> float:
        pairs = zip(scores, likeness, strict=True)
        some = [Sitting("s", "sand", "noise", 1, True, {"judge": a, "ssim": b}) for a, b in pairs]
        return appearance_correlation(some, "judge")

    assert told(100 * likeness) == pytest.approx(1)
    assert told(np.full(40, 100.0)) == 0
    assert abs(told(rng.uniform(80, 100, 40))) < 0.5


def test_what_is_degenerate_must_not_outrank_a_redraw() -> None:
    frozen = Sitting("s0", "water", "freeze", 1, False, {"judge": 96.0})
    assert outranking([*perfect(), frozen], "judge") == ["s0/freeze_1"]
    assert outranking(perfect(), "judge") == []


def test_the_targets_name_what_is_missed() -> None:
    told = report(perfect(), "judge")
    missed = [one.what for one in targets(told, (1, 2, 3)) if not one.met]
    assert missed == ["|correlation| with likeness of the picture"], "no likeness was measured: that is no pass"
    blind = {**told, "by_violation": {"reverse": {"auc": 0.94, "2": 0.94}}}
    assert "AUC of reverse at severity 2" in [one.what for one in targets(blind, (2,)) if not one.met]


def test_nothing_to_examine_gives_no_figures() -> None:
    told = report([], "judge")
    assert np.isnan(told["auc"])
    assert told["by_violation"] == {}


def test_what_cannot_be_seen_breaks_nothing() -> None:
    truth = np.full((5, 40, 40, 3), 100, np.uint8)
    noisy, gone = truth.copy(), truth.copy()
    noisy[2] += 9
    gone[4, 10:12, 10] = 160
    assert not visible(truth, truth)
    assert not visible(truth, noisy)
    assert visible(truth, gone)

"""Laws of the judge: the truth scores best, re-draws score high, broken clips low, more damage never higher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from synthetic_takes import BROKEN, FRAMES, HARMLESS, LIQUID, METRICS, PROMPT_FRAMES, edited, event
from synthetic_takes import score as measured

from pipeline.judge import Judge
from pipeline.types import Clip, Judgement, Score, Take

UNIT = "share of the mask"


def null() -> dict[str, list[Score]]:
    """Three re-draws, as in a default run."""
    return {name: [measured(name, redraw) for redraw in event().redraws[:3]] for name in METRICS}


def judged(other: Take) -> Judgement:
    judge = Judge()
    gate = judge.gate(event().truth.clip, other.clip, PROMPT_FRAMES)
    return judge.judge([measured(name, other) for name in METRICS], null(), gate, PROMPT_FRAMES)


def score(per_frame: object, metric: str = "m", failure: str = "") -> Score:
    values = np.asarray(per_frame, np.float32)
    return Score("clip", "model", 0, metric, float(values.mean()), UNIT, values, failure=failure)


def test_the_truth_scores_full_marks() -> None:
    judgement = judged(event().truth)
    assert judgement.plausibility == 100
    assert set(judgement.parts) == set(METRICS) - LIQUID
    assert (judgement.per_frame == 100).all()


def test_fresh_redraws_score_about_as_high_as_the_truth() -> None:
    fresh = [judged(redraw) for redraw in event().redraws[3:]]
    assert all(not one.gate for one in fresh)
    assert min(one.plausibility for one in fresh) >= 85


def test_redraws_score_high_against_each_other() -> None:
    left_out = Judge().leave_one_out(null(), PROMPT_FRAMES)
    assert len(left_out) == 3
    assert min(one.plausibility for one in left_out) >= 80


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_changes_are_not_punished(name: str) -> None:
    judgement = judged(event().harmless[name])
    assert judgement.plausibility >= 75, judgement.parts


@pytest.mark.parametrize("name", BROKEN)
def test_broken_physics_scores_low(name: str) -> None:
    judgement = judged(event().broken[name])
    assert judgement.plausibility < 55, judgement.parts
    assert judgement.plausibility < 0.7 * min(judged(redraw).plausibility for redraw in event().redraws[3:])


@pytest.mark.parametrize(
    ("name", "reason"), [("copy_last", "static"), ("freeze_at_half", "frozen: from frame 16"), ("stutter", "stutter")]
)
def test_degenerate_clips_are_named_and_score_nothing(name: str, reason: str) -> None:
    judgement = judged(event().broken[name])
    assert judgement.gate.startswith(reason)
    assert judgement.plausibility == 0
    assert max(judgement.parts.values()) > 0, "the parts stay as evidence"


@pytest.mark.parametrize("name", sorted(set(BROKEN) - {"copy_last", "freeze_at_half", "stutter"}))
def test_the_gate_leaves_wrong_but_living_clips_to_the_metrics(name: str) -> None:
    assert judged(event().broken[name]).gate == ""


def gate(frames: np.ndarray, truth: Clip | None = None) -> str:
    truth = truth or event().truth.clip
    return Judge().gate(truth, replace(truth, source="edited", frames=frames, layers=None), PROMPT_FRAMES)


def test_the_gate_names_what_is_wrong_with_the_picture() -> None:
    frames = event().truth.clip.frames
    rng = np.random.default_rng(0)
    assert gate(frames[:, :50]) == "wrong_size: 50 x 96 px, expected 96 x 96 px"
    assert gate(frames[:20]) == "wrong_length: 20 frames, expected 25"
    black, cut = frames.copy(), frames.copy()
    black[18:] = 0
    assert gate(black) == "blank: 7 frames, the first is 18"
    cut[15:] = np.roll(frames[15:, ::-1], 40, axis=2)
    assert gate(cut) == "scene_cut: at frame 15"
    noisy_still = np.repeat(frames[4:5], FRAMES, axis=0).astype(int) + rng.normal(0, 3, frames.shape).astype(int)
    assert gate(noisy_still.clip(0, 255).astype(np.uint8)).startswith("static")
    assert gate((frames * 0.75).astype(np.uint8)) == ""


def test_coming_to_rest_with_the_truth_is_not_freezing() -> None:
    """The truth rests from frame 15 on; the other from 14 on, which is a re-draw, and from 8 on, which is not."""
    truth = edited(event().truth.clip, np.minimum(np.arange(FRAMES), 15), "truth")
    assert gate(truth.frames, truth) == ""
    assert gate(truth.frames[np.minimum(np.arange(FRAMES), 14)], truth) == ""
    assert gate(truth.frames[np.minimum(np.arange(FRAMES), 8)], truth).startswith("frozen: from frame 9")


def test_creeping_to_rest_by_fits_and_starts_is_not_stutter() -> None:
    """Truth and other move alike and then creep; some of the creeping steps are seen in one and not in the other."""
    order = np.minimum(np.arange(FRAMES), 7)
    creeping = event().truth.clip.frames[order]

    def with_steps(steps: Sequence[int]) -> np.ndarray:
        frames = creeping.copy()
        for step in steps:
            frames[step:, 4:8, 4 * (step % 8) : 4 * (step % 8) + 4] += np.uint8(40)
        return frames

    truth = replace(event().truth.clip, frames=with_steps(range(8, FRAMES)))
    assert gate(with_steps(range(8, FRAMES, 2)), truth) == ""


def test_nothing_is_degenerate_in_a_truth_that_rests() -> None:
    still = np.repeat(event().truth.clip.frames[:1], FRAMES, axis=0)
    assert gate(still, replace(event().truth.clip, frames=still)) == ""


def test_more_damage_never_scores_higher() -> None:
    marks = [judged(other).plausibility for other in event().vanishing]
    assert marks == sorted(marks, reverse=True)
    assert marks[0] == 100
    assert marks[1] < 50


def test_the_evidence_shows_where_the_clip_breaks() -> None:
    frames = judged(event().broken["vanish_at_half"]).per_frame
    assert frames[:15].min() > 80
    assert frames[15:].max() < 30


def test_larger_distances_never_score_higher() -> None:
    judge, rng = Judge(), np.random.default_rng(0)
    redraws = {"m": [score(rng.uniform(0, 0.2, 20)) for _ in range(3)], "n": [score(np.zeros(20), "n")] * 3}
    base = rng.uniform(0, 0.5, 20)
    for _ in range(50):
        worse = base + rng.uniform(0, 0.3, 20) * (rng.uniform(size=20) < 0.3)
        before, after = (judge.judge([score(d), score(d, "n")], redraws, "", 4) for d in (base, worse))
        assert after.plausibility <= before.plausibility
        assert (after.per_frame <= before.per_frame).all()


def test_chaos_late_in_the_event_is_not_punished_but_the_same_distance_early_is() -> None:
    late = np.r_[np.zeros(12), np.full(12, 0.6)]
    redraws = {"m": [score(late * scale) for scale in (0.8, 1.0, 1.1)]}
    assert Judge().judge([score(late)], redraws, "", 4).plausibility == 100
    assert Judge().judge([score(late[::-1])], redraws, "", 4).plausibility < 10


def test_frames_of_the_prompt_do_not_count() -> None:
    wrong_start = np.r_[np.full(4, 9.0), np.zeros(20)]
    judgement = Judge().judge([score(wrong_start)], {"m": [score(np.zeros(24))]}, "", 4)
    assert judgement.plausibility == 100
    assert (judgement.per_frame == 100).all()


def test_a_missing_score_is_named_and_not_dropped() -> None:
    failed = score(np.full(24, np.nan), "n", "could not be read")
    judgement = Judge().judge([score(np.zeros(24)), failed], {"m": [score(np.zeros(24))]}, "", 4)
    assert judgement.parts == {"m": 100, "n": 0}
    assert judgement.plausibility == 0
    assert judgement.gate == "no_score: n: could not be read"


def test_a_clip_that_could_not_be_compared_gets_nothing() -> None:
    failed = [score(np.full(24, np.nan), name, "not compared") for name in "mn"]
    judgement = Judge().judge(failed, {}, "wrong_size: 64 x 64 px", 4)
    assert judgement.plausibility == 0
    assert judgement.gate.startswith("wrong_size: 64 x 64 px; no_score: m")
    assert (judgement.per_frame[4:] == 0).all()


def test_silence_where_redraws_speak_is_the_worst_answer() -> None:
    silent = np.r_[np.zeros(12), np.full(12, np.nan)]
    assert Judge().judge([score(silent)], {"m": [score(np.zeros(24))]}, "", 4).plausibility == 0
    assert Judge().judge([score(silent)], {"m": [score(silent)]}, "", 4).plausibility == 100


def test_a_metric_without_an_opinion_has_no_say() -> None:
    silent = score(np.full(24, np.nan), "n")
    null = {"m": [score(np.zeros(24))], "n": [silent]}
    judgement = Judge().judge([score(np.full(24, 0.9)), silent], null, "", 4)
    alone = Judge().judge([score(np.full(24, 0.9))], null, "", 4)
    assert (judgement.plausibility, judgement.parts) == (alone.plausibility, alone.parts)
    assert Judge().judge([silent], {"n": [silent]}, "", 4).gate == "no_score: every metric: silent about this clip"


def test_quiet_frames_do_not_dilute_a_short_event() -> None:
    """Everything happens in 6 frames, of 20 or of 60, and the clip misses it by much more than three re-draws do."""
    marks = []
    for rest in (14, 54):
        event_frames = np.r_[np.zeros(4), np.full(6, 1.0), np.zeros(rest)]
        redraws = {"m": [score(event_frames * scale) for scale in (0.1, 0.125, 0.15)]}
        marks.append(Judge().judge([score(event_frames)], redraws, "", 4).plausibility)
    assert max(marks) < 65


def test_failed_redraws_and_no_redraws_leave_the_floor() -> None:
    broken_null = {"m": [score(np.full(24, np.nan), failure="no clip")]}
    for redraws in (broken_null, {}):
        assert Judge().judge([score(np.full(24, 0.03))], redraws, "", 4).plausibility == 100
        assert Judge().judge([score(np.full(24, 0.9))], redraws, "", 4).plausibility < 5


def test_few_redraws_that_agree_promise_less_than_many() -> None:
    """The same distance from re-draws that scatter alike; F(1, R) falls towards the square of a normal."""
    clip, one = score(np.full(24, 0.5)), score(np.full(24, 0.15))
    marks = [Judge().judge([clip], {"m": [one] * count}, "", 4).plausibility for count in (2, 3, 6, 50)]
    assert marks == sorted(set(marks), reverse=True)
    assert marks[0] > 2 * marks[-1]


def test_what_cannot_be_judged_is_refused() -> None:
    judge, fine = Judge(), score(np.zeros(24))
    with pytest.raises(ValueError, match="expected one score per metric, got none"):
        judge.judge([], {}, "", 4)
    with pytest.raises(ValueError, match=r"prompt_frames must be 1\.\.23 of 24, got 24"):
        judge.judge([fine], {}, "", 24)
    with pytest.raises(ValueError, match="state its floor"):
        judge.judge([replace(fine, unit="furlong")], {}, "", 4)
    with pytest.raises(ValueError, match="one clip, one per metric"):
        judge.judge([fine, replace(fine, sample=1)], {}, "", 4)
    with pytest.raises(ValueError, match="must have 24 frames"):
        judge.judge([fine], {"m": [score(np.zeros(20))]}, "", 4)
    with pytest.raises(ValueError, match="floor of 'furlong' must be positive"):
        Judge(floors={"furlong": 0.0})


def test_violations_share_the_prompt() -> None:
    assert tuple(sorted(event().broken)) == BROKEN
    assert tuple(sorted(event().harmless)) == HARMLESS
    for name, other in event().broken.items():
        assert np.array_equal(other.clip.frames[:PROMPT_FRAMES], event().truth.clip.frames[:PROMPT_FRAMES]), name


def test_what_a_trembling_camera_does_to_a_metric_is_forgiven_in_that_scene() -> None:
    restless = score(np.full(24, 0.3))
    redraws = {"m": [score(np.full(24, 0.02))] * 3}
    plain = Judge().judge([restless], redraws, "", 4).plausibility
    assert plain < 30
    assert Judge().judge([restless], redraws, "", 4, {"m": score(np.full(24, 0.25))}).plausibility == 100
    failed = score(np.full(24, np.nan), failure="could not be filmed")
    assert Judge().judge([restless], redraws, "", 4, {"m": failed}).plausibility == plain


def test_one_second_take_calibrates_too() -> None:
    one = {name: scores[:1] for name, scores in null().items()}
    fresh = [
        Judge().judge([measured(name, r) for name in METRICS], one, "", PROMPT_FRAMES) for r in event().redraws[1:]
    ]
    broken = [
        Judge().judge([measured(name, event().broken[b]) for name in METRICS], one, "", PROMPT_FRAMES)
        for b in ("reverse", "vanish_at_half", "hover")
    ]
    assert min(one.plausibility for one in fresh) > max(one.plausibility for one in broken)
    assert np.mean([one.plausibility for one in fresh]) > 70


def test_static_frozen_and_vanished_clips_never_outrank_a_redraw() -> None:
    least = min(judged(redraw).plausibility for redraw in event().redraws[3:])
    for name in ("copy_last", "freeze_at_half", "vanish_at_half"):
        assert judged(event().broken[name]).plausibility < least
    assert all(judged(other).plausibility < least for other in event().vanishing[1:])


def test_what_lasts_counts_more_than_what_is_farthest() -> None:
    """Beyond ten bounds a distance only says how far an estimator can err."""
    null, times = {"m": [score(np.zeros(24))]}, np.arange(24)
    jump, farther, longer = (
        Judge().judge([score(size * (times >= first) * (times < last))], null, "", 4)
        for size, first, last in ((2.0, 12, 13), (20.0, 12, 13), (2.0, 12, 20))
    )
    assert jump.plausibility == farther.plausibility
    assert longer.plausibility < 0.2 * jump.plausibility
    gross = Judge().judge([score(np.full(24, 50.0))], null, "", 4)
    assert gross.parts["m"] == pytest.approx(1)
    with pytest.raises(ValueError, match="farthest must be more than 1"):
        Judge(farthest=1.0)

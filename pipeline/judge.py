"""The judge: is a generated clip as close to the truth as an independent re-draw of the same event would be?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from pipeline.types import Bool, Clip, Float32, Float64, Judgement, Score, UInt8

SAME_EVENT = 100.0
"""Plausibility of a clip that is no farther from the truth than re-draws are."""


def _floors() -> dict[str, float]:
    return {
        "share of the truth's motion": 0.06,
        "share of the mask": 0.06,
        "share of the picture's side": 0.006,
        "share of the diagonal": 0.01,
        "share of the speed": 0.1,
        "pixels": 0.5,
        "bodies": 0.25,
        "share of the body": 0.1,
    }


@dataclass
class Judge:
    """Calibrates distances against the null of re-draws and combines them.

    Only frames after the prompt count: before, the clip shows what it was given. With a_mt the distance of the clip
    by metric m in frame t, and n_mrt that of re-draw r = 1..R, both from the same truth:

    1. Spread: s_mt^2 = floor_m^2 + k <n_mrt^2> + p_mt^2, the mean over all re-draws and the frames around t. It grows
       where the event itself is undecided, so chaos late in a clip is not punished. k >= 1 is how much wider a new
       draw scatters as far as R draws can tell, the ratio of the 95 % points of F(1, R) and F(1, inf) (Fisher 1925;
       2.6 for three draws, 1.6 for six): few re-draws that agree by luck promise little. p is the distance of the truth
       filmed again with a trembling hand: what the camera does to the metric in this very scene. The floor, one per
       unit, is what harmless changes of the picture (noise, codec, light) do; it rules where re-draws agree exactly.
       All re-draws are pooled, outliers too: a fork that one of three takes is a fork that a clip may take.
    2. Distance in spreads: rho_m^2 = <z_mt^2>_t / (<e_mt>_t + slack), z = a / s, where e = (s^2 - floor_m^2) / s^2 in
       0..1 is what re-draws reach in the same frames. Dividing by it keeps the frames in which nothing can differ from
       diluting a fall of a quarter of a second. The root mean square lets a short, gross break (a teleport, the last
       frames without the body) weigh more than a slight drift.
    3. Bound: b = tolerance. A fresh re-draw is within it nearly always.
    4. Part: 100 min(1, b^2 / rho_m^2). Within the bound nothing is deducted: the null cannot tell it from the truth.
       A frame is at most `farthest` bounds away, so that a part is 1 at least: beyond, a distance says only how far an
       estimator can err (flow cannot follow a far jump, and calls it nearer than a short one). How long a clip is
       impossible, and how many laws it breaks, goes on counting.
    5. Plausibility: the power mean of the parts of order -2, <part^-2>_m^(-1/2). A clip that breaks one law is
       impossible however well it keeps the others, so the worst part should rule; the bare minimum would hand every
       re-draw the bad luck of its worst metric, and the harmonic mean would let each metric that is put on the shelf
       dilute the others. The order is fixed by that argument, not tuned on an exam. A part of 0 makes it 0.

    Every step is monotone in every a_mt: more damage never scores higher.
    """

    tolerance: float = 1.2
    """Distance within which a clip counts as the same event [spreads]. The smallest tenth at which unseen re-draws keep
    98 on average (a rule fixed in advance; the six scenes of seed 21, on which the judge is not examined, gave 1.1),
    and half the floor in every frame is forgiven though there are no re-draws."""
    slack: float = 0.25
    """Share of the frames in which a harmless change of the picture may reach the floor."""
    farthest: float = 10.0
    """Distance beyond which a frame cannot get any worse [bounds]. Ten, fixed by the argument above, not tuned."""
    window: int = 5
    """Frames over which the null's spread is pooled, odd: a re-draw may hit a frame earlier or later."""
    floors: dict[str, float] = field(default_factory=_floors)
    """Smallest spread of a metric, by the unit of its scores."""
    repeat: float = 0.34
    """Gate: share of the frames in which the truth moves that may repeat the frame before."""
    missed: float = 0.34
    """Gate: share of the truth's motion that may fall into a stretch in which the clip stands still."""

    def __post_init__(self) -> None:
        if self.tolerance <= 0:
            raise ValueError(f"judge: tolerance must be positive, got {self.tolerance}")
        if not 0 < self.slack <= 1:
            raise ValueError(f"judge: slack must be a share in 0..1, got {self.slack}")
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"judge: window must be an odd number of frames, got {self.window}")
        for unit, floor in self.floors.items():
            if floor <= 0:
                raise ValueError(f"judge: the floor of '{unit}' must be positive, got {floor}")
        if self.farthest <= 1:
            raise ValueError(f"judge: farthest must be more than 1 bound, got {self.farthest}")
        for name in ("repeat", "missed"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"judge: {name} must be a share in 0..1, got {getattr(self, name)}")

    def gate(self, truth: Clip, other: Clip, prompt_frames: int) -> str:
        """Why `other` is no candidate at all, in words that start with one of wrong_size, wrong_length, blank,
        static, frozen, stutter, scene_cut; empty for a clip worth comparing.

        Stillness is measured against the truth's: a clip that comes to rest with the truth, or a little before it,
        is not frozen.
        """
        if truth.frames.shape[1:] != other.frames.shape[1:]:
            return f"wrong_size: {_size(other)}, expected {_size(truth)}"
        if len(truth.frames) != len(other.frames):
            return f"wrong_length: {len(other.frames)} frames, expected {len(truth.frames)}"
        _check_prompt(prompt_frames, len(truth.frames))
        checks = (_blank, self._standing_still, self._stutter, _scene_cut)
        return next((reason for check in checks if (reason := check(truth, other, prompt_frames))), "")

    def judge(
        self,
        scores: Sequence[Score],
        null: Mapping[str, Sequence[Score]],
        gate: str,
        prompt_frames: int,
        filmed_again: Mapping[str, Score] | None = None,
    ) -> Judgement:
        """Plausibility of the clip that `scores` (one per metric) are about.

        `null` holds per metric the scores of the re-draws against the same truth, `filmed_again` that of the truth
        through another camera; without any, only the floors speak.
        A gated clip has plausibility 0 and keeps its parts as evidence. A score with `failure` makes its part 0 and
        is named in `gate`. Clips that could not be compared at all (wrong size) come with failed scores. A metric that
        is silent about clip and re-draws alike (the medium's, where there is none) has no part and no say.
        """
        if not scores:
            raise ValueError("judge: expected one score per metric, got none; a metric that fails gives a failed Score")
        _check_same_clip(scores)
        failed = {score.metric: score.failure for score in scores if score.failure}
        again = filmed_again or {}
        excess = np.stack(
            [self._excess(one, null.get(one.metric, ()), again.get(one.metric), prompt_frames) for one in scores]
        )
        whole = np.where([bool(score.failure) for score in scores], np.inf, _mean(excess, axis=1))
        squared = {score.metric: max(value, 1.0) for score, value in zip(scores, whole, strict=True) if value == value}
        if not squared:
            failed["every metric"] = "silent about this clip"
        # Single frames fluctuate more than a clip's mean does, so they get twice the bound.
        frames = SAME_EVENT / np.sqrt(np.fmax(_mean(np.maximum(excess / 4, 1.0) ** 2, axis=0), 1.0))
        reason = "; ".join([*filter(None, [gate]), *(f"no_score: {name}: {why}" for name, why in failed.items())])
        first = scores[0]
        return Judgement(
            first.clip_id,
            first.model,
            first.sample,
            0.0 if reason else float(SAME_EVENT / np.sqrt(np.mean(np.square(list(squared.values()))))),
            {name: float(SAME_EVENT / value) for name, value in squared.items()},
            frames.astype(np.float32),
            reason,
        )

    def leave_one_out(
        self,
        null: Mapping[str, Sequence[Score]],
        prompt_frames: int,
        filmed_again: Mapping[str, Score] | None = None,
    ) -> list[Judgement]:
        """Each re-draw judged against the others, in their order: what the judge says of clips known to be right.

        `null` holds per metric the scores of the same re-draws in the same order.
        """
        count = {len(scores) for scores in null.values()}
        if len(count) != 1:
            raise ValueError(f"judge: every metric must have scored the same re-draws, got {sorted(count)} scores")
        judgements = []
        for r in range(count.pop()):
            others = {name: [*scores[:r], *scores[r + 1 :]] for name, scores in null.items()}
            mine = [scores[r] for scores in null.values()]
            judgements.append(self.judge(mine, others, "", prompt_frames, filmed_again))
        return judgements

    def _excess(self, score: Score, null: Sequence[Score], again: Score | None, prompt_frames: int) -> Float64:
        """Squared distance per frame in squared bounds, shape (T,): 1 is a re-draw at the bound, infinite a failure.

        NaN without an opinion: in the frames of the prompt, and where neither the clip nor any re-draw gives one.
        """
        count = len(score.per_frame)
        if score.failure:
            return np.where(np.arange(count) < prompt_frames, np.nan, np.inf)
        _check_prompt(prompt_frames, count)
        if score.unit not in self.floors:
            known = ", ".join(f"'{unit}'" for unit in self.floors)
            raise ValueError(
                f"judge: metric {score.metric} has unit '{score.unit}', expected one of {known}; "
                "state its floor in judge.floors"
            )
        valid = [one.per_frame for one in null if not one.failure]
        if any(len(one) != count for one in (*valid, *([again.per_frame] if again else []))):
            raise ValueError(
                f"judge: re-draws of {score.clip_id} must have {count} frames in {score.metric}, "
                f"got {sorted({len(one) for one in valid})}"
            )
        redraws = np.stack(valid).astype(np.float64) if valid else np.zeros((1, count))
        between = self._pooled(_mean(redraws**2, axis=0)) * _wider(max(len(valid), 1))
        if again and not again.failure:
            between = between + self._pooled(again.per_frame.astype(np.float64) ** 2)
        spread = between + self.floors[score.unit] ** 2
        reached = float((between / spread)[prompt_frames:].mean()) + self.slack
        squared = score.per_frame.astype(np.float64) ** 2 / (spread * reached * self.tolerance**2)
        excess = np.minimum(squared, self.farthest**2)
        # Silence about a frame on which re-draws have an opinion is no excuse: a path ends where the body vanishes.
        excess = np.where(np.isnan(excess) & np.isfinite(redraws).any(axis=0), np.inf, excess)
        excess[:prompt_frames] = np.nan
        return excess

    def _pooled(self, squared: Float64) -> Float64:
        """Mean over the frames within half a window, NaN left out, shape (T,)."""
        half = self.window // 2
        padded = np.pad(squared, half, constant_values=np.nan)
        return np.nan_to_num(_mean(np.lib.stride_tricks.sliding_window_view(padded, self.window), axis=1))

    def _standing_still(self, truth: Clip, other: Clip, prompt_frames: int) -> str:
        """The clip stops for good while the truth moves on."""
        expected, got = (_changing(clip.frames)[prompt_frames:] for clip in (truth, other))
        moving = np.flatnonzero(got > _STILL)
        # The first new frame may differ from the prompt by the model's own picture quality, without any motion.
        stop = 0 if len(moving) == 0 or moving[-1] == 0 else int(moving[-1]) + 1
        missed = expected[stop:].sum() / max(float(expected.sum()), 1e-9)
        if stop == len(got) or missed <= self.missed or expected[stop:].max() <= 4 * _STILL:
            return ""
        where = "static: nothing moves after the prompt" if stop == 0 else f"frozen: from frame {prompt_frames + stop}"
        return f"{where}, while {missed:.0%} of the truth's motion is still to come"

    def _stutter(self, truth: Clip, other: Clip, prompt_frames: int) -> str:
        """Frames repeat while the truth moves, and not just creeps to rest: there, re-draws differ in which frames
        change at all."""
        expected, got = (_changing(clip.frames)[prompt_frames:] for clip in (truth, other))
        busy = expected > max(4 * _STILL, 0.25 * float(np.median(expected)), _CREEP * float(expected.max()))
        moves = np.pad(got > _STILL, 3)
        around = np.lib.stride_tricks.sliding_window_view(moves, 7)
        # A repeated frame has motion within an eighth of a second before and after it; a clip at rest has not.
        held = (got <= _STILL) & around[:, :3].any(axis=1) & around[:, 4:].any(axis=1)
        repeats = int((busy & held).sum())
        if busy.sum() < 4 or repeats <= self.repeat * busy.sum():
            return ""
        return f"stutter: {repeats} of {int(busy.sum())} frames in which the truth moves repeat the frame before"


_STILL = 2e-4
"""Share of the picture that may change between two frames that show no motion."""
_CREEP = 0.1
"""Change of a frame against the clip's largest, below which it only comes to rest."""


@cache
def _wider(draws: int) -> float:
    """How many times the mean square of so many draws a new one's square stays below in 95 % of all cases, against
    that of endlessly many draws."""
    from scipy.stats import chi2, f

    return float(f.ppf(0.95, 1, draws) / chi2.ppf(0.95, 1))


def _changing(frames: UInt8) -> Float64:
    """Share of the picture that changes from frame t-1 to t, shape (T,), 0 in frame 0.

    Frames are averaged over 4 x 4 px first, so that sensor noise is not change, and have to change by 6 grey levels.
    """
    coarse = _coarse(frames, 4)
    change = np.abs(np.diff(coarse, axis=0)).max(axis=-1) > 6
    return np.concatenate([[0.0], change.mean(axis=(1, 2))])


def _coarse(frames: UInt8, block: int) -> Float32:
    """Means over blocks of `block` px, shape (T, H // block, W // block, 3)."""
    import cv2

    height, width = frames.shape[1:3]
    rows, columns = max(height // block, 1), max(width // block, 1)
    cut = frames[:, : rows * block, : columns * block].astype(np.float32)
    return np.stack([cv2.resize(frame, (columns, rows), interpolation=cv2.INTER_AREA) for frame in cut])


def _blank(truth: Clip, other: Clip, prompt_frames: int) -> str:
    """A frame shows hardly anything where the truth shows a picture."""
    expected, got = (_coarse(clip.frames, 4).std(axis=(1, 2)).max(axis=-1)[prompt_frames:] for clip in (truth, other))
    empty = (got < 2.0) & (got < 0.2 * expected)
    return (
        f"blank: {int(empty.sum())} frames, the first is {prompt_frames + int(empty.argmax())}" if empty.any() else ""
    )


def _scene_cut(truth: Clip, other: Clip, prompt_frames: int) -> str:
    """The whole picture becomes another one from one frame to the next; light may change."""
    expected, got = (_unlike_the_frame_before(clip.frames)[prompt_frames:] for clip in (truth, other))
    cuts = got > max(0.5, 3 * float(expected.max()))
    return f"scene_cut: at frame {prompt_frames + int(cuts.argmax())}" if cuts.any() else ""


def _unlike_the_frame_before(frames: UInt8) -> Float64:
    """One minus the correlation of coarse pictures with those of the frame before, shape (T,), 0 in frame 0."""
    flat = _coarse(frames, 8).astype(np.float64)
    flat = (flat - flat.mean(axis=(1, 2), keepdims=True)).reshape(len(flat), -1)
    length = np.linalg.norm(flat, axis=1) + 1e-6
    correlation = (flat[1:] * flat[:-1]).sum(axis=1) / (length[1:] * length[:-1])
    return np.concatenate([[0.0], 1 - correlation])


def _mean(values: Float64, axis: int) -> Float64:
    """Mean without NaN; NaN where there is nothing else. Infinite if anything is."""
    known: Bool = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _check_prompt(prompt_frames: int, num_frames: int) -> None:
    if not 1 <= prompt_frames < num_frames:
        raise ValueError(f"judge: prompt_frames must be 1..{num_frames - 1} of {num_frames}, got {prompt_frames}")


def _check_same_clip(scores: Sequence[Score]) -> None:
    about = {(score.clip_id, score.model, score.sample) for score in scores}
    named = [score.metric for score in scores]
    if len(about) > 1 or len(set(named)) < len(named):
        raise ValueError(f"judge: expected the scores of one clip, one per metric, got {sorted(about)} by {named}")


def _size(clip: Clip) -> str:
    return "{} x {} px".format(*clip.frames.shape[1:3])

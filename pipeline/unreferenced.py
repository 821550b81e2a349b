"""Judging a clip of which nothing is known but its frames: by laws alone, without a truth and without re-draws.

What this says is weaker than what `judge.py` says and is never mixed with it: a clip in which the wrong thing happens
lawfully (a weak gravity, a body that hovers) is lawful here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.types import Clip, Float32, Float64, FlowField, Judgement, Score, UInt8

Measured = tuple[Float64, Mapping[str, float], Mapping[str, tuple[Float32, Float32]]]
"""Distance from the law per frame in units of its bound, (T,), with named numbers and curves (law's, clip's)."""


@dataclass
class Unreferenced:
    """Laws that hold for any clip of one continuous event. Every bound is fixed; those of permanence and smooth_motion
    were set by hand while looking at the exam's develop scenes of seed 77.

    permanence      nothing appears, vanishes or jumps from one frame to the next: what flow cannot explain comes and
                    goes over several frames (a splash, an occlusion), never in one alone.
    smooth_motion   what flies does so at constant acceleration, whatever the scale: the curvature of its path does not
                    turn about from frame to frame, as that of a trembling or shuffled clip does.
    energy_growth   nothing starts by itself: the speed of what moves rises as it did before, not at a stroke.
    time_direction  impacts are sudden, beginnings are not: the largest sudden rise is no larger than the largest sudden
                    fall. A clip that runs backwards breaks this, one of a free flight does not.

    A part is 100 min(1, 1 / d^2) for a distance of d bounds; the whole is the power mean of order -2, as in the judge.
    """

    unexplained: float = 0.006
    """Bound of permanence: area that may change without motion in one frame alone, as a share of the picture."""
    trembling: float = 0.4
    """Bound of smooth_motion: mean acceleration that turns about from frame to frame, as a share of the speed."""
    rise: float = 0.35
    """Bound of energy_growth: sudden rise of speed, as a share of the largest speed of the clip."""
    arrow: float = 0.2
    """Bound of time_direction: excess of the largest sudden rise over the largest fall, as a share of the same."""
    still: float = 0.25
    """Motion below this counts as rest [px per frame]."""
    seconds: float = 10.0
    """How much of a video is looked at, from its beginning [s]."""
    side: int = 256
    """Larger videos are made smaller: longest side [px]."""
    most_frames: int = 600
    """Longer clips are refused: they are no single event, and would not fit into memory."""

    def __post_init__(self) -> None:
        for name in ("unexplained", "trembling", "rise", "arrow", "still"):
            if getattr(self, name) <= 0:
                raise ValueError(f"unreferenced: {name} must be positive, got {getattr(self, name)}")
        if self.seconds <= 0 or self.side < 32:
            raise ValueError(f"unreferenced: seconds must be > 0 and side >= 32 px, got {self.seconds}, {self.side}")
        if self.most_frames < _LEAST_FRAMES:
            raise ValueError(f"unreferenced: most_frames must be at least {_LEAST_FRAMES}, got {self.most_frames}")

    def check(self, clip: Clip) -> None:
        """Raise ValueError for a clip about which nothing can be said."""
        if not _LEAST_FRAMES <= len(clip.frames) <= self.most_frames:
            raise ValueError(
                f"unreferenced: {clip.clip_id} must have {_LEAST_FRAMES} to {self.most_frames} frames, "
                f"got {len(clip.frames)}"
            )

    def judge(self, clip: Clip, flow: FlowField) -> tuple[tuple[Score, ...], Judgement]:
        """Every law's distance with its evidence per frame, and what they say together; a gated clip gets 0."""
        self.check(clip)
        laws: dict[str, Callable[[Clip, FlowField], Measured]] = {
            "permanence": self._permanence,
            "smooth_motion": self._smooth_motion,
            "energy_growth": self._energy_growth,
            "time_direction": self._time_direction,
        }
        scores = tuple(_score(clip, name, *law(clip, flow)) for name, law in laws.items())
        gate = self.gate(clip)
        squared = {one.metric: max(one.value**2, 1.0) for one in scores if one.value == one.value}
        frames = np.stack([np.nan_to_num(one.per_frame) for one in scores])
        # Single frames fluctuate more than what a law says of the whole clip, so they get twice the bound.
        worst = np.sqrt(np.mean(np.maximum((frames / 2) ** 2, 1.0) ** 2, axis=0))
        whole = 0.0 if gate else float(100 / np.sqrt(np.mean(np.square(list(squared.values())))))
        parts = {name: float(100 / value) for name, value in squared.items()}
        per_frame = np.asarray(100 / worst, np.float32)
        return scores, Judgement(clip.clip_id, clip.source, clip.sample, whole, parts, per_frame, gate)

    def gate(self, clip: Clip) -> str:
        """Why the clip is no event at all: blank, static, frozen, stutter or scene_cut; empty for a living clip."""
        apart = np.abs(np.diff(_coarse(clip.frames), axis=0))
        moving = (apart.max(axis=-1) > 6).mean(axis=(1, 2)) > 2e-4
        spread = _coarse(clip.frames).std(axis=(1, 2)).max(axis=-1)
        if (spread < 2).any():
            return f"blank: {int((spread < 2).sum())} frames, the first is {int((spread < 2).argmax())}"
        if not moving.any():
            return "static: nothing moves"
        held = ~np.array([np.any(a != b) for a, b in zip(clip.frames[:-1], clip.frames[1:], strict=True)])
        trembles = np.median(np.abs(np.diff(clip.frames[:, ::4, ::4].astype(np.int16), axis=0)), axis=(1, 2, 3)) > 0
        last = int(np.flatnonzero(~held)[-1])
        if len(held) - 1 - last >= max(3, 0.1 * len(held)) and trembles[: last + 1].mean() > 0.5:
            return f"frozen: from frame {last + 1} on even the noise stands still"
        between = held[1:-1] & moving[:-2] & moving[2:]
        if between.sum() > 0.2 * max(int(moving.sum()), 4):
            return f"stutter: {int(between.sum())} frames repeat the frame before in the midst of motion"
        # Half of the picture becomes another one at once; a lamp that flickers changes all of it alike.
        light = np.median(np.diff(_coarse(clip.frames, 8), axis=0), axis=(1, 2), keepdims=True)
        other = (np.abs(np.diff(_coarse(clip.frames, 8), axis=0) - light).max(axis=-1) > 16).mean(axis=(1, 2))
        cuts = other > max(0.5, 3 * float(np.quantile(other, 0.9)))
        return f"scene_cut: at frame {int(cuts.argmax()) + 1}" if cuts.any() else ""

    def _permanence(self, clip: Clip, flow: FlowField) -> Measured:
        area = np.array(
            [_unexplained(*frames) for frames in zip(clip.frames, clip.frames[1:], flow.forward, strict=False)]
        )
        padded = np.pad(area, 1, mode="edge")
        alone = np.maximum(area - np.maximum(padded[:-2], padded[2:]), 0)
        per_frame = _by_arrival(alone / self.unexplained)
        curve = _by_arrival(100 * area).astype(np.float32)
        value = {"largest": float(alone.max())}
        return per_frame, value, {"unexplained change [% of the picture]": (np.zeros_like(curve), curve)}

    def _smooth_motion(self, clip: Clip, flow: FlowField) -> Measured:
        velocity, speed, area = self._mean_motion(flow)
        acceleration = np.diff(velocity, axis=0)
        back = -np.einsum("tc,tc->t", acceleration[:-1], acceleration[1:])
        around = np.convolve(speed, np.ones(3) / 3, mode="valid")
        known = (around > 2 * self.still) & (np.minimum(area[:-2], area[2:]) > _MOVING)
        # Half a pixel is what an estimator gets wrong about the mean of a moving region.
        share = np.maximum(np.sqrt(np.maximum(back, 0)) - 0.5, 0) / np.maximum(around, 2 * self.still)
        typical = float(np.mean(np.minimum(share[known], 1))) if known.sum() >= 4 else float("nan")
        per_frame = np.full(len(clip.frames), np.nan)
        # Impacts are few, trembling is always: the mean tells them apart, no single frame does.
        per_frame[2:-1] = np.where(known, np.minimum(share, typical), np.nan) / self.trembling
        return per_frame, {"mean_trembling": typical}, {"speed of what moves [px/frame]": _pair(speed)}

    def _energy_growth(self, clip: Clip, flow: FlowField) -> Measured:
        root, sudden, most = self._sudden(flow)
        per_frame = _by_arrival(np.maximum(sudden, 0) / most / self.rise)
        return per_frame, {"largest_rise": float(sudden.max() / most)}, {"moving speed [px/frame]": _pair(root)}

    def _time_direction(self, clip: Clip, flow: FlowField) -> Measured:
        _, sudden, most = self._sudden(flow)
        rises, falls = np.maximum(sudden, 0), np.maximum(-sudden, 0)
        excess = np.maximum(rises - falls.max(), 0) / most
        told = {"largest_rise": float(rises.max() / most), "largest_fall": float(falls.max() / most)}
        return _by_arrival(excess / self.arrow), told, {}

    def _sudden(self, flow: FlowField) -> tuple[Float64, Float64, float]:
        """Root of the mean squared flow per pair, by how much it leaves its own trend, both (T-1,), and its largest."""
        speed = np.sqrt(np.einsum("thwc,thwc->thw", flow.forward, flow.forward, dtype=np.float64))
        root = np.sqrt(np.mean(np.where(speed > self.still, speed, 0) ** 2, axis=(1, 2)))
        step = np.diff(root, prepend=root[:1])
        # What already grew may go on growing as fast; the first pairs have no past.
        sudden = np.where(step > 0, step - np.maximum(np.roll(step, 1), 0), step)
        sudden[:2] = np.minimum(sudden[:2], 0)
        return root, sudden, max(float(root.max()), self.still)

    def _mean_motion(self, flow: FlowField) -> tuple[Float64, Float64, Float64]:
        """Mean velocity of what moves per pair [px per frame], (T-1, 2), its length, and the area as a share."""
        speed = np.sqrt(np.einsum("thwc,thwc->thw", flow.forward, flow.forward))
        weight = np.where(speed > self.still, speed, 0).astype(np.float64)
        total = np.maximum(weight.sum(axis=(1, 2)), 1e-9)
        velocity = np.einsum("thw,thwc->tc", weight, flow.forward.astype(np.float64)) / total[:, None]
        return velocity, np.linalg.norm(velocity, axis=1), (weight > 0).mean(axis=(1, 2))


_MOVING = 0.003
"""Share of the picture that must move for its mean motion to mean anything."""
_LEAST_FRAMES = 6
"""A change of acceleration takes four frames, and more than one of it is needed."""


def _score(
    clip: Clip,
    metric: str,
    per_frame: Float64,
    parts: Mapping[str, float],
    curves: Mapping[str, tuple[Float32, Float32]],
) -> Score:
    """The largest distance counts."""
    known = per_frame[np.isfinite(per_frame)]
    value = float(known.max()) if len(known) else float("nan")
    shown = per_frame.astype(np.float32)
    return Score(clip.clip_id, clip.source, clip.sample, metric, value, "bounds", shown, parts, curves)


def _unexplained(first: UInt8, second: UInt8, flow: Float32) -> float:
    """Share of the picture whose colour the next frame shows neither at its place nor where flow leads."""
    import cv2

    height, width = first.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    soft, following = cv2.GaussianBlur(first, (0, 0), 1.5), cv2.GaussianBlur(second, (0, 0), 1.5)
    led = cv2.remap(following, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    wrong = [np.abs(soft.astype(np.int16) - seen).max(axis=-1) > 30 for seen in (led, following)]
    return float((wrong[0] & wrong[1]).mean())


def _by_arrival(per_pair: Float64) -> Float64:
    return np.concatenate([[np.nan], per_pair])


def _pair(curve: Float64) -> tuple[Float32, Float32]:
    shown = _by_arrival(curve).astype(np.float32)
    return shown, shown


def _coarse(frames: UInt8, block: int = 4) -> Float32:
    """Means over blocks of pixels, (T, H // block, W // block, 3); smaller pictures as they are."""
    import cv2

    height, width = (max(side // block, 1) for side in frames.shape[1:3])
    small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]
    return np.stack(small).astype(np.float32)

"""The yardstick: errors of a clip against the simulator's truth, in figures that one can quote.

No metric of the shelf, which gives the judge one distance to calibrate against re-draws: these are several figures with
units of their own from one look at the clip, counted over the frames that the model made, and no judge combines them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.metrics._appearance import Sight, look
from pipeline.metrics._motion import background, camera_flow, check_pair, event_flow, speed
from pipeline.metrics._tracks import Track, tracks
from pipeline.types import Bool, Float32, Float64, Score, Take

ERRORS = {
    "object_path_error": "share of the picture's side",
    "object_velocity_error": "sides per second",
    "object_lost": "share of the frames",
    "flow_error": "px per frame",
    "moving_psnr": "dB",
    "medium_error": "share of the medium",
}
"""Name -> unit, in the order in which they are told. Smaller is better, but for `moving_psnr`."""
STILL = 0.25
"""What moves less in the truth rests [px per frame], as in stage=bench."""
QUARTER = 0.25
"""A body is found if the tracker sees between a quarter and four times as much of it as in the truth; it is looked for
where the truth shows at least a quarter of what it shows of it at most."""
PERFECT = 100.0
"""PSNR of equal pictures [dB], as in `ssim`."""


def truth_errors(truth: Take, other: Take, prompt_frames: int) -> tuple[Score, ...]:
    """One score for each of ERRORS, in their order; values are over the frames after the prompt.

    object_path_error: distance of a body's centre from the exact one, mean over bodies and frames. The centre is the
    tracker's (by colour, see `_tracks.py`) less what the tracker gets wrong in the truth itself, so that the truth has
    no error. Where it loses the body, the body is taken to be where it was last seen: dropping those frames would
    reward vanishing, and any fixed penalty would be arbitrary.
    object_velocity_error: the same of the centre's velocity, from frame to frame.
    object_lost: share of bodies and frames in which the tracker fails.
    flow_error: end-point error of the clip's flow against the truth's by the same estimator, less the camera's motion,
    mean over all pixels that truly move by STILL or more. Against the exact flow it would be mostly what the estimator
    gets wrong in the truth, too: 3.4 of 4.4 px where DIS looks at bodies of 8 px that fall on sand.
    moving_psnr: of the pixels that have moved in the truth since the frame before, over all of them together, <= 100.
    medium_error: how much more or less of the media is seen than in the truth, mean over frames, as a share of the most
    that the truth shows.

    What cannot be told (the truth shows no body, no medium, no motion) is NaN and says why in `failure`.
    """
    check_pair(truth, other, "truth_errors")
    sight = look(truth.clip, other.clip)
    found = [*_of_bodies(sight, truth.clip.fps), *_of_motion(truth, other, prompt_frames), _of_media(sight)]
    return tuple(_score(truth, other, name, one, prompt_frames) for name, one in zip(ERRORS, found, strict=True))


@dataclass(frozen=True)
class _Error:
    """What was found, or why nothing was."""

    per_frame: Float64
    """(T,), NaN where it does not speak."""
    whole: float | None = None
    """Over the frames after the prompt, if that is not their mean."""
    silent: str = ""
    """Why there is nothing, if there is nothing."""


def _score(truth: Take, other: Take, name: str, error: _Error, prompt_frames: int) -> Score:
    per_frame = error.per_frame.astype(np.float32)
    told = per_frame[prompt_frames:]
    known = bool(np.isfinite(told).any())
    mean = float(np.nanmean(told)) if known else float("nan")
    return Score(
        truth.clip.clip_id,
        other.clip.source,
        other.clip.sample,
        name,
        mean if error.whole is None or not known else error.whole,
        ERRORS[name],
        per_frame,
        failure="" if known else error.silent,
    )


def _of_bodies(sight: Sight, fps: float) -> Iterator[_Error]:
    """Path, velocity, lost."""
    count, height, width = sight.exact.shape
    side = float(np.sqrt(height * width))
    chased = [_chased(body) for body in tracks(sight)]
    known = [one for one in chased if np.isfinite(one[1]).any()]
    why = "the tracker knows no body in the truth itself" if chased else "the truth shows no body"
    nothing = np.full((1, count), np.nan)
    away = np.stack([off for off, _ in known]) / side if known else np.full((1, count, 2), np.nan)
    change = np.diff(away, axis=1, prepend=np.nan) * fps
    lost = np.stack([gone for _, gone in known]) if known else nothing
    for per_body in (np.linalg.norm(away, axis=-1), np.linalg.norm(change, axis=-1), lost):
        yield _Error(_mean(per_body), silent=why)


def _chased(body: Track) -> tuple[Float64, Float64]:
    """How far the body is off (x, y) [px], (T, 2), and whether it is lost, 0 or 1, (T,); NaN where nobody looks."""
    area = body.exact.sum(axis=(1, 2))
    looked = (area >= max(QUARTER * float(area.max()), 1.0)) & _alike(body.seen, area)
    found = looked & _alike(body.found, body.seen)
    # The frame in which it was last found; before the first, where the truth first shows it.
    last = np.maximum.accumulate(np.where(found, np.arange(len(found)), -1))
    held = np.where(last[:, None] >= 0, body.got[last], body.expected[int(looked.argmax())])
    off = np.where(looked[:, None], held - body.expected, np.nan)
    return off, np.where(looked, ~found, np.nan)


def _alike(one: Float64, other: Float64) -> Bool:
    """Whether areas are within a factor of four of each other."""
    return np.asarray((one >= QUARTER * other) & (QUARTER * one <= other) & (one > 0))


def _of_motion(truth: Take, other: Take, prompt_frames: int) -> Iterator[_Error]:
    """End-point error, PSNR."""
    layers, frames = truth.clip.layers, (truth.clip.frames, other.clip.frames)
    assert layers is not None
    still = background(truth.clip)
    why = "nothing moves in the truth"
    exact = layers.forward_flow[:-1] - camera_flow(layers.forward_flow[:-1], still[:-1])
    wrong = speed(event_flow(truth, other, 0.0) - event_flow(truth, truth, 0.0))
    moving = np.concatenate([np.zeros_like(still[:1]), (speed(exact) >= STILL) & layers.valid[:-1]])
    per_frame, whole = _over(moving, np.concatenate([np.zeros_like(wrong[:1]), wrong]), prompt_frames)
    yield _Error(per_frame, whole, why)
    since = layers.backward_flow - camera_flow(layers.backward_flow, still)
    one, another = (np.asarray(each, np.float32) / 255 for each in frames)
    squared = np.square(one - another).mean(axis=-1)
    per_frame, whole = _over((speed(since) >= STILL) & layers.valid, squared, prompt_frames)
    yield _Error(_decibel(per_frame), float(_decibel(np.asarray(whole))), why)


def _over(region: Bool, values: Float32, prompt_frames: int) -> tuple[Float64, float]:
    """Mean over a region (T, H, W) frame by frame, (T,), NaN where it is empty; and over all frames that were made."""
    count = region.sum(axis=(1, 2))
    total = (values * region).sum(axis=(1, 2), dtype=np.float64)
    pixels = int(count[prompt_frames:].sum())
    return _share(total, count), float(total[prompt_frames:].sum() / pixels) if pixels else float("nan")


def _decibel(squared: Float64) -> Float64:
    return np.asarray(-10 * np.log10(np.maximum(squared, 10 ** (-PERFECT / 10))))


def _of_media(sight: Sight) -> _Error:
    media = [index for index, kind in enumerate(sight.kinds, start=1) if kind in ("grains", "liquid")]
    expected, got, exact = (
        np.isin(told, media).sum(axis=(1, 2)).astype(np.float64) for told in (sight.truth, sight.other, sight.exact)
    )
    most = float(exact.max())
    silent = "the truth shows no medium"
    return _Error(np.abs(got - expected) / most if most else np.full(len(exact), np.nan), silent=silent)


def _mean(per_body: Float64) -> Float64:
    """Over bodies (B, T), those that are not looked for left out, (T,)."""
    return _share(np.nansum(per_body, axis=0), np.isfinite(per_body).sum(axis=0))


def _share(total: Float64, count: Float64) -> Float64:
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))

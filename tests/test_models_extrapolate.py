"""What moves goes on, and nothing else does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.models.extrapolate import Extrapolate
from pipeline.types import Prompt, UInt8

STEP = (3, 2)
"""Translation [px/frame], right and down."""


def wallpaper(size: int, seed: int) -> UInt8:
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (size // 4, size // 4, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def panned(count: int) -> UInt8:
    """A wallpaper that passes by, (count, 96, 96, 3)."""
    paper = wallpaper(160, 0)
    corners = [(40 - STEP[1] * time, 40 - STEP[0] * time) for time in range(count)]
    return np.stack([paper[top : top + 96, left : left + 96] for top, left in corners])


def test_a_uniform_translation_continues() -> None:
    true = panned(10)
    told = Extrapolate().generate(Prompt("pan", "", true[:4], 24.0, 10), 0).frames
    inner = np.s_[4:, 24:-4, 28:-4]  # what enters the picture at its edges cannot be known
    error = np.abs(told[inner].astype(int) - true[inner])
    frozen = np.abs(true[3:4, 24:-4, 28:-4].astype(int) - true[inner])
    assert error.mean() < 0.15 * frozen.mean()


def test_a_body_leaves_its_outline_and_the_wall_stays() -> None:
    wall, body = wallpaper(96, 1) // 4 + 140, wallpaper(24, 2) // 2
    frames = np.repeat(wall[None], 12, axis=0)
    for time in range(12):
        frames[time, 20 + 3 * time : 44 + 3 * time, 36:60] = body
    told = Extrapolate().generate(Prompt("fall", "", frames[:4], 24.0, 12), 0).frames
    inside = np.s_[-1, 64:74, 42:54]  # the lower part of the body, well below where it was last shown
    assert np.abs(told[inside].astype(int) - frames[inside]).mean() < 25
    np.testing.assert_array_equal(told[-1, :, :24], wall[:, :24])


def test_still_pictures_stay_exactly_as_they_are() -> None:
    frames = np.repeat(wallpaper(48, 3)[None], 3, axis=0)
    told = Extrapolate().generate(Prompt("still", "", frames, 24.0, 6), 0).frames
    np.testing.assert_array_equal(told[-1], frames[0])


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match=r"model=extrapolate: expected still >= 0"):
        Extrapolate(still=-1)

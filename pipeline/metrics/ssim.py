"""Likeness of the pictures, blind to physics: a control that a judge of physics must not resemble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._motion import check_pair, score
from pipeline.types import Float32, Score, Take, UInt8


@dataclass
class Ssim(Metric):
    """One minus the structural similarity of the grey pictures (Wang et al. 2004), frame by frame.

    Gaussian windows of 1.5 px, K1 = 0.01, K2 = 0.03 as published. Part: the peak signal-to-noise ratio of the whole
    clip in colour [dB]. Unit: share of likeness.
    """

    peer: ClassVar[bool] = True

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames."""
        check_pair(truth, other, "ssim")
        pairs = zip(truth.clip.frames, other.clip.frames, strict=True)
        away = np.array([1 - similarity(one, another) for one, another in pairs], np.float32)
        parts = {"psnr_db": psnr(truth.clip.frames, other.clip.frames)}
        return score(truth, other, "ssim", "share of likeness", away, parts, {})


def similarity(one: UInt8, other: UInt8) -> float:
    """Structural similarity of two pictures (H, W, 3), 1 for the same."""
    import cv2

    x, y = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (one, other))
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x, var_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    both = _blurred(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * both + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(likeness.mean(dtype=np.float64))


def psnr(one: UInt8, other: UInt8) -> float:
    """Peak signal-to-noise ratio of two clips of one shape [dB], at most 100."""
    squares = float(np.mean(np.square(one / np.float32(255) - other / np.float32(255), dtype=np.float64)))
    return float(-10 * np.log10(max(squares, 1e-10)))


def _blurred(picture: Float32) -> Float32:
    import cv2

    return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5), np.float32)

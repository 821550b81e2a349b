"""Dense inverse search, gated by the photometric error of each pixel's neighbourhood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.flows import Flow
from pipeline.types import Clip, Float32, FlowField, UInt8

CELLS = 32
"""Cells of the coarse match along the picture's shorter side."""
PATCH = 8
"""Edge of the patches that are searched [px]; a picture of less than one patch on the finest level crashes OpenCV."""
STEP = 32
"""The box that is searched lies on a grid of so many px, that of the coarsest pyramid level, and is no smaller."""
ALIASING = 3.0
"""What a trembling camera may leave unexplained of a still texture, at most [grey levels]."""


@dataclass
class Dis(Flow):
    """Per pixel the best of standing still and two runs of DIS (Kroeger et al., ECCV 2016), from two starts.

    DIS invents motion where nothing has texture; standing still (zero, or the camera's own motion where it shakes)
    keeps walls still. One search starts from rest, the other from a coarse exhaustive match, without which bodies that
    fall by more than some 10 px a frame are lost. Which of the three holds is decided by how well each explains the
    next frame around the pixel, and standing still holds unless another one is better by `margin` [grey levels], or by
    more where the picture is noisy or the camera trembles: so noise on a wall and the aliasing of sand do not become
    motion. (DIS without its variational refinement, as a further candidate, made the error larger on sand, water and
    bodies alike.)

    It follows that no search can win where standing still leaves less than that unexplained; only a box around the
    other pixels is searched, which in a clip of a steady camera is most of the saving. Deterministic, whatever the
    number of threads.
    """

    finest_scale: int = 0
    """Pyramid level at which the search ends; 0 = full resolution."""
    patch_stride: int = 3
    """Distance between neighbouring 8 px patches [px]."""
    window: int = 7
    """Edge of the square over which photometric errors are averaged [px], odd."""
    margin: float = 1.0
    """How much better than standing still a candidate must explain the next frame, at least, to be believed [grey
    levels]."""

    def __post_init__(self) -> None:
        if not 0 <= self.finest_scale <= 5:
            raise ValueError(f"flow dis: finest_scale must be 0..5, got {self.finest_scale}")
        if not 1 <= self.patch_stride <= 8:
            raise ValueError(f"flow dis: patch_stride must be 1..8 px (patches are 8 px wide), got {self.patch_stride}")
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"flow dis: window must be an odd number of pixels, got {self.window}")
        if self.margin < 0:
            raise ValueError(f"flow dis: margin must not be negative, got {self.margin}")

    @property
    def estimator(self) -> str:
        """Name with settings."""
        return (
            f"dis(preset=medium,finest_scale={self.finest_scale},patch_stride={self.patch_stride},"
            f"best_of=still|from_rest|from_coarse_match,window={self.window},margin={self.margin:g})"
        )

    def estimate(self, clip: Clip) -> FlowField:
        """Forward flow of every pair of neighbouring frames.

        Raises ValueError for frames of less than 16 px, or less than a patch on the finest level.
        """
        height, width = clip.frames.shape[1:3]
        least = max(16, PATCH << self.finest_scale)
        if min(height, width) < least:
            raise ValueError(f"flow dis: {clip.clip_id} must be at least {least} x {least} px, got {height} x {width}")
        search = self._search()
        forward = np.zeros((len(clip.frames) - 1, height, width, 2), np.float32)
        for t in range(len(forward)):
            forward[t] = self._between(clip.frames[t], clip.frames[t + 1], search)
        return FlowField(forward, self.estimator)

    def _between(self, first: UInt8, second: UInt8, search: Any) -> Float32:
        """Flow from one frame to the next, (H, W, 2)."""
        from pipeline.flows._photometric import box_around, coarse_match, photometric_error

        flow = np.zeros((*first.shape[:2], 2), np.float32)
        error = photometric_error(first, second, None, self.window)
        found = None
        # Where rest explains more than half of the picture to within the margin, the camera rests.
        if np.median(error) > self.margin:
            found = search.calc(_grey(first), _grey(second), flow.copy())
            flow, error = self._standing_still(first, second, error, found)
        best = error - self._doubt(error)
        if not (best > 0).any():
            return flow
        box = box_around(best > 0, PATCH, STEP, max(STEP, PATCH << self.finest_scale))
        here, there, best, chosen = first[box], second[box], best[box], flow[box]
        pair = _grey(here), _grey(there)
        start = coarse_match(here, there, max(min(first.shape[:2]) // CELLS, 1))
        from_rest = search.calc(*pair, np.zeros_like(start)) if found is None else found[box]
        for candidate in (from_rest, search.calc(*pair, start)):
            error = photometric_error(here, there, candidate, self.window)
            better = error < best
            chosen[better], best[better] = candidate[better], error[better]
        return flow

    def _doubt(self, error: Float32) -> float:
        """How much better than standing still a search must be to be believed [grey levels].

        What standing still leaves unexplained in the quietest fifth of the picture is noise, not motion. What it leaves
        unevenly over the quieter half is the aliasing of textures and soft edges before a camera that trembles, unless
        most of the picture moves, hence the bound.
        """
        quiet, middle = np.quantile(error, (0.2, 0.5))
        return max(self.margin, 0.4 * float(quiet), min(ALIASING, 4 * float(middle - quiet)))

    def _standing_still(
        self, first: UInt8, second: UInt8, unexplained: Float32, found: Float32
    ) -> tuple[Float32, Float32]:
        """Flow of a world that stands still, (H, W, 2), and what it leaves unexplained, (H, W).

        It is zero, which leaves `unexplained`, or the camera's own motion, which most of the flow `found` follows, if
        that explains the picture better.
        """
        from pipeline.flows._photometric import camera_motion, photometric_error

        camera = camera_motion(found)
        if camera is not None:
            error = photometric_error(first, second, camera, self.window)
            if np.median(error) < 0.9 * np.median(unexplained):
                return camera, error
        return np.zeros_like(found), unexplained

    def _search(self) -> Any:
        import cv2

        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(self.finest_scale)
        search.setPatchStride(self.patch_stride)
        return search


def _grey(frame: UInt8) -> UInt8:
    import cv2

    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)

"""Dense inverse search, gated by the photometric error of each pixel's neighbourhood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.flows import Flow
from pipeline.types import Clip, FlowField


@dataclass
class Dis(Flow):
    """Per pixel the best of standing still, DIS, and DIS without variational refinement (Kroeger et al., ECCV 2016).

    DIS smooths across motion boundaries when refined and invents motion where nothing has texture; the unrefined
    field keeps small splashes and grains, and standing still (zero, or the camera's own motion where it shakes) keeps
    walls still. Both searches are made twice, from rest and from a coarse exhaustive match, without which bodies
    that fall by more than some 10 px a frame are lost. Which of the candidates holds is decided by how well each
    explains the next frame around the pixel. Deterministic, whatever the number of threads.
    """

    finest_scale: int = 0
    """Pyramid level at which the search ends; 0 = full resolution."""
    patch_stride: int = 3
    """Distance between neighbouring 8 px patches [px]."""
    window: int = 7
    """Edge of the square over which photometric errors are averaged [px], odd."""
    margin: float = 1.0
    """How much better than standing still a candidate must explain the next frame to be believed [grey levels]."""

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
            f"best_of=still|refined|unrefined,starts=rest|coarse_match,"
            f"window={self.window},margin={self.margin:g})"
        )

    def estimate(self, clip: Clip) -> FlowField:
        """Forward flow of every pair of neighbouring frames; frames must be at least 16 px wide and high."""
        import cv2

        from pipeline.flows._photometric import best_of, coarse_match, standing_still

        height, width = clip.frames.shape[1:3]
        if min(height, width) < 16:
            raise ValueError(f"flow dis: {clip.clip_id} must be at least 16 x 16 px, got {height} x {width}")
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip.frames]
        searches = (self._search(refined=True), self._search(refined=False))
        rest = np.zeros((height, width, 2), np.float32)
        forward = np.zeros((len(grey) - 1, height, width, 2), np.float32)
        for t in range(len(forward)):
            first, second = clip.frames[t], clip.frames[t + 1]
            starts = (rest, coarse_match(first, second))
            # Copies, because OpenCV writes its answer over the start that it is given.
            found = [search.calc(grey[t], grey[t + 1], start.copy()) for start in starts for search in searches]
            still = standing_still(first, second, found[0], self.window)
            forward[t] = best_of(first, second, [still, *found], self.window, self.margin)
        return FlowField(forward, self.estimator)

    def _search(self, refined: bool) -> Any:
        import cv2

        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(self.finest_scale)
        search.setPatchStride(self.patch_stride)
        if not refined:
            search.setVariationalRefinementIterations(0)
        return search

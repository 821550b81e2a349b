"""Polynomial expansion: the classical baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.flows import Flow
from pipeline.types import Clip, FlowField


@dataclass
class Farneback(Flow):
    """Two-frame motion by polynomial expansion (Farnebäck, SCIA 2003), as OpenCV computes it."""

    levels: int = 3
    """Pyramid levels, each half the size of the one before."""
    window: int = 15
    """Edge of the averaging window [px]."""
    iterations: int = 3
    """Per pyramid level."""
    neighbourhood: int = 5
    """Edge of the neighbourhood in which the image is taken as a quadratic [px], 5 or 7."""

    def __post_init__(self) -> None:
        for name in ("levels", "window", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"flow farneback: {name} must be at least 1, got {getattr(self, name)}")
        if self.neighbourhood not in (5, 7):
            raise ValueError(f"flow farneback: neighbourhood must be 5 or 7 px, got {self.neighbourhood}")

    @property
    def estimator(self) -> str:
        """Name with settings."""
        return (
            f"farneback(levels={self.levels},window={self.window},iterations={self.iterations},"
            f"neighbourhood={self.neighbourhood})"
        )

    def estimate(self, clip: Clip) -> FlowField:
        """Forward flow of every pair of neighbouring frames."""
        import cv2

        # OpenCV's tutorial pairs these neighbourhoods with these standard deviations of the weighting.
        sigma = 1.1 if self.neighbourhood == 5 else 1.5
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip.frames]
        forward = np.zeros((len(grey) - 1, *grey[0].shape, 2), np.float32)
        for t in range(len(forward)):
            cv2.calcOpticalFlowFarneback(
                grey[t], grey[t + 1], forward[t], 0.5, self.levels, self.window, self.iterations,
                self.neighbourhood, sigma, 0,
            )  # fmt: skip
        return FlowField(forward, self.estimator)

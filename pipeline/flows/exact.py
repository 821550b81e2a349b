"""The simulator's own flow, for examining metrics and estimators without an estimator's error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.flows import Flow
from pipeline.types import Clip, FlowField


@dataclass
class Exact(Flow):
    """Forward flow of a truth clip as its layers hold it; every other clip is an error.

    No estimator sees it: what is hidden in the next frame has its true motion too. It is for examination, because a
    generated clip has no such flow, and one estimator has to stand on both sides of a comparison.
    """

    reads_layers: ClassVar[bool] = True

    @property
    def estimator(self) -> str:
        """Name; there are no settings."""
        return "exact"

    def estimate(self, clip: Clip) -> FlowField:
        """Flow of the layers, shape (T-1, H, W, 2) [px]. Raises ValueError for a clip without layers."""
        if clip.layers is None:
            raise ValueError(
                f"flow exact: expected a truth clip with its layers, got {clip.clip_id}/{clip.source} without; "
                "choose an estimator that looks at pixels, e.g. flow=dis"
            )
        return FlowField(clip.layers.forward_flow[:-1].copy(), self.estimator)

"""Moving what is seen along a flow."""

from __future__ import annotations

from torch import Tensor

from pipeline.models._poses import grid, read


def warp(frame: Tensor, flow: Tensor) -> Tensor:
    """`frame` (B, C, H, W) read at x + flow(x), flow (B, 2, H, W) = (u right, v down) [px]; edges continue."""
    return read(frame, grid(frame.shape[-2], frame.shape[-1], frame) + flow.movedim(1, -1))

"""How `next_frame` rolls forward in time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models._network import NextFrameNetwork


def continued(network: NextFrameNetwork, frames: Tensor, count: int, noise: float, draw: torch.Generator) -> Tensor:
    """`count` frames that follow `frames` (k, H, W, 3), all uint8; shape (count, H, W, 3)."""
    height, width = frames.shape[1:3]
    known = _padded(as_values(frames), network.stride)
    first = known[:1]
    seen = list(known[-network.architecture.context :])
    seen = [seen[0]] * (network.architecture.context - len(seen)) + seen
    new = []
    with torch.inference_mode():
        for _ in range(count):
            context = torch.stack(seen[-network.architecture.context :]).unsqueeze(0)
            jitter = noise * torch.randn(context.shape, generator=draw).to(context.device)
            seen.append(as_shown(network(context, first, jitter).frame)[0])
            new.append(seen[-1][:, :height, :width])
    return (torch.stack(new) * 255).round().to(torch.uint8).permute(0, 2, 3, 1) if new else frames[:0]


def as_values(frames: Tensor) -> Tensor:
    """uint8 (..., H, W, 3) -> float32 0..1, (..., 3, H, W)."""
    return frames.movedim(-1, -3).to(torch.float32) / 255


def as_shown(frame: Tensor) -> Tensor:
    """The values as 8-bit colours hold them. Also stops slow drift: a change of under half a level never adds up."""
    return (frame.clamp(0, 1) * 255).round() / 255


def _padded(frames: Tensor, stride: int) -> Tensor:
    """Frames (T, 3, H, W) continued at the right and the bottom to multiples of the stride."""
    height, width = frames.shape[-2:]
    return functional.pad(frames, (0, -width % stride, 0, -height % stride), mode="replicate")

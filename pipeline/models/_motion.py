"""Motion in the network of `next_frame`: what could have moved how, and moving it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CELL = 4
"""Side of the cells in which motion is first told [px]."""


def displacements(reach: int) -> list[tuple[int, int]]:
    """(down, right) [cells per frame] of all hypotheses about a motion; standing still is in the middle."""
    steps = range(-reach, reach + 1)
    return [(down, right) for down in steps for right in steps]


def moved(picture: Tensor, reach: int, frames: int = 1) -> Tensor:
    """`picture` (B, C, h, w) after it moved for some frames under each hypothesis: (B, hypotheses, C, h, w)."""
    height, width = picture.shape[-2:]
    far = reach * frames
    wide = functional.pad(picture, (far,) * 4, mode="replicate")
    starts = [(far - frames * down, far - frames * right) for down, right in displacements(reach)]
    return torch.stack([wide[..., y : y + height, x : x + width] for y, x in starts], dim=1)


def motion_evidence(last: Tensor, before: Tensor, first: Tensor, reach: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each cell and hypothesis, three opinions, all (B, hypotheses, h, w), from pictures (B, 3, h, w).

    - came: how badly what is here now fits what was, one frame ago, where it would have come from;
    - comes: how badly what would arrive here next fits what was a frame before on the same straight path (bilateral
      cost as in frame interpolation, BMBC, Park et al. 2020, but looking ahead);
    - fresh: how much what would arrive differs from the clip's first frame where it is now: what has moved in.
    """
    arriving = moved(last, reach)
    came = _evened((last.unsqueeze(1) - moved(before, reach)).abs().mean(dim=2))
    comes = _evened((arriving - moved(before, reach, 2)).abs().mean(dim=2))
    fresh = moved((last - first).abs().mean(dim=1, keepdim=True), reach).squeeze(2)
    return came, comes, fresh


def mean_flow(shares: Tensor, reach: int) -> Tensor:
    """Where each cell comes from, relative to itself [px], (B, 2, h, w), averaged over hypotheses by their shares."""
    cells = shares.new_tensor([(right, down) for down, right in displacements(reach)])
    return -CELL * torch.einsum("bnhw,nc->bchw", shares / (shares.sum(dim=1, keepdim=True) + 1e-4), cells)


def votes_for(flow: Tensor, reach: int) -> Tensor:
    """Share of each cell's pixels whose flow (B, 2, H, W) [px] is nearest to each hypothesis, (B, hypotheses, h, w)."""
    side = 2 * reach + 1
    right, down = (-flow / CELL).round().clamp(-reach, reach).long().unbind(dim=1)
    vote = (down + reach) * side + right + reach
    pixels = functional.pixel_unshuffle(vote.unsqueeze(1), CELL)
    votes = flow.new_zeros((len(flow), side * side, *pixels.shape[-2:]))
    return votes.scatter_add_(1, pixels, torch.full_like(pixels, 1 / CELL**2, dtype=flow.dtype))


def warp(frame: Tensor, flow: Tensor) -> Tensor:
    """`frame` (B, C, H, W) read at x + flow(x), flow (B, 2, H, W) = (u right, v down) [px]; edges continue."""
    height, width = frame.shape[-2:]
    y = (torch.arange(height, device=frame.device, dtype=frame.dtype) + 0.5).view(1, height, 1)
    x = (torch.arange(width, device=frame.device, dtype=frame.dtype) + 0.5).view(1, 1, width)
    where = torch.stack([(x + flow[:, 0]) * (2 / width) - 1, (y + flow[:, 1]) * (2 / height) - 1], dim=-1)
    read: Tensor = functional.grid_sample(frame, where, mode="bilinear", padding_mode="border", align_corners=False)
    return read


def _evened(cost: Tensor) -> Tensor:
    """Mean over 3 x 3 cells."""
    return functional.avg_pool2d(cost, 3, stride=1, padding=1, count_include_pad=False)

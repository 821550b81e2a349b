"""The network of `next_frame`: some frames -> the next one, as flow, mixture and paint."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

CANDIDATES = 4
"""What each pixel of the next frame is mixed from: it stays, it moves, it is uncovered, it is painted anew."""


REACH = 3
"""How far the matching cost looks for where something came from, in cells of 4 x 4 px."""


@dataclass(frozen=True)
class Architecture:
    """Everything that the shapes of the weights depend on."""

    context: int
    """Frames that the network sees, >= 2."""
    widths: tuple[int, ...]
    """Channels at 1/2, 1/4, 1/8, ... of the resolution, multiples of 8, two levels or more."""
    blocks: int
    """Residual blocks per level, on the way down and again on the way up."""


class Prediction(NamedTuple):
    """The next frame and how it came about."""

    frame: Tensor
    """(B, 3, H, W), 0..1 but for small overshoot."""
    flow: Tensor
    """Where each pixel of the next frame comes from in the last one, relative to itself [px], (B, 2, H, W)."""
    mixture: Tensor
    """Shares of the candidates, summing to 1, (B, CANDIDATES, H, W)."""


class ResidualBlock(nn.Module):
    """x + conv(silu(conv(norm(x)))); starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        _start_small(self.second, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape, (B, C, H, W)."""
        refined: Tensor = self.second(functional.silu(self.first(self.norm(x))))
        return x + refined


class NextFrameNetwork(nn.Module):
    """A U-Net at half resolution and below (Ronneberger et al. 2015) with a warping head.

    The head follows video prediction by transformation (Finn et al. 2016; Vondrick & Torralba 2017): pixels are moved
    rather than redrawn, hence a roll-out keeps textures sharp. Each pixel of the next frame is mixed from the last
    frame as it is, the last frame warped along the predicted flow, the clip's first frame (what a moving body
    uncovers was often to be seen then) and freely painted colour. What moved where until now is offered to the second
    level as a matching cost (PWC-Net, Sun et al. 2018): without it, learning to see motion takes most of the training.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = architecture.widths
        self.stem = nn.Conv2d(4 * 3 * (architecture.context + 1), widths[0], 3, padding=1)
        self.matching = nn.Conv2d((2 * REACH + 1) ** 2, widths[1], 1)
        self.down = nn.ModuleList(_blocks(width, architecture.blocks) for width in widths)
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.grow = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(widths))
        self.up = nn.ModuleList(_blocks(width, architecture.blocks) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], 4 * (2 + CANDIDATES + 3), 3, padding=1)
        _start_small(self.head, 1e-3)

    @property
    def stride(self) -> int:
        """Height and width must be multiples of this [px]."""
        return int(2 ** len(self.architecture.widths))

    def forward(self, context: Tensor, first: Tensor, noise: Tensor) -> Prediction:
        """The frame after `context` (B, K, 3, H, W) in a clip that began with `first` (B, 3, H, W), values 0..1.

        The network sees the context with `noise` (same shape) added; what it moves and mixes is free of it.
        """
        last, seen = context[:, -1], context + noise
        raw = functional.pixel_shuffle(self.head(self._features(seen, first)), 2)
        flow = 8 * raw[:, :2]
        preference = raw[:, 2 : 2 + CANDIDATES] + raw.new_tensor([2, 2, 0, 0]).view(1, -1, 1, 1)
        mixture = torch.softmax(preference, dim=1)
        paint = last + raw[:, 2 + CANDIDATES :]
        candidates = torch.stack([last, warp(last, flow), first, paint], dim=1)
        return Prediction((mixture.unsqueeze(2) * candidates).sum(dim=1), flow, mixture)

    def _features(self, seen: Tensor, first: Tensor) -> Tensor:
        """Features at half resolution, (B, widths[0], H/2, W/2)."""
        x: Tensor = functional.pixel_unshuffle(evidence(seen, first), 2)
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        passed = []
        for level, blocks in enumerate(self.down):
            if level == 1:
                x = x + self.matching(matching_cost(seen[:, -1], seen[:, -2]))
            x = blocks(x)
            if level < len(self.shrink):
                passed.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(len(self.up))):
            x = passed[level] + functional.interpolate(self.grow[level](x), scale_factor=2.0, mode="bilinear")
            x = self.up[level](x)
        return x


def warp(frame: Tensor, flow: Tensor) -> Tensor:
    """`frame` (B, C, H, W) read at x + flow(x), flow (B, 2, H, W) = (u right, v down) [px]; edges continue."""
    height, width = frame.shape[-2:]
    y = (torch.arange(height, device=frame.device, dtype=frame.dtype) + 0.5).view(1, height, 1)
    x = (torch.arange(width, device=frame.device, dtype=frame.dtype) + 0.5).view(1, 1, width)
    where = torch.stack([(x + flow[:, 0]) * (2 / width) - 1, (y + flow[:, 1]) * (2 / height) - 1], dim=-1)
    read: Tensor = functional.grid_sample(frame, where, mode="bilinear", padding_mode="border", align_corners=False)
    return read


def evidence(context: Tensor, first: Tensor) -> Tensor:
    """Last frame, what differs from the first, and the changes between neighbours, all near unit range."""
    last = context[:, -1]
    changes = 4 * (context[:, 1:] - context[:, :-1])
    return torch.cat([2 * last - 1, first - last, changes.flatten(1, 2)], dim=1)


def matching_cost(frame: Tensor, before: Tensor) -> Tensor:
    """How badly each cell of 4 x 4 px of `frame` fits those around its place in `before`, both (B, 3, H, W).

    Mean absolute difference of colour over 3 x 3 cells for each shift by up to REACH cells, relative to the mean over
    all shifts: shape (B, (2 REACH + 1)^2, H/4, W/4).
    """
    here = functional.avg_pool2d(frame, 4)
    there = functional.pad(functional.avg_pool2d(before, 4), (REACH,) * 4, mode="replicate")
    height, width = here.shape[-2:]
    shifts = [(down, right) for down in range(2 * REACH + 1) for right in range(2 * REACH + 1)]
    costs = [(here - there[..., y : y + height, x : x + width]).abs().mean(dim=1) for y, x in shifts]
    cost = functional.avg_pool2d(torch.stack(costs, dim=1), 3, stride=1, padding=1, count_include_pad=False)
    return 8 * (cost - cost.mean(dim=1, keepdim=True))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))


def _start_small(convolution: nn.Conv2d, deviation: float) -> None:
    nn.init.normal_(convolution.weight, std=deviation)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)

"""The network of `next_frame`: some frames -> the next one, as flow, mixture and paint."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models._motion import CELL, displacements, mean_flow, motion_evidence, warp

CANDIDATES = 5
"""What each pixel of the next frame is chosen from: it stays, it moves, it is as in the first frame, it is retouched,
it is painted anew."""
SHARPNESS = 4.0
"""Power to which shares of candidates are raised before they are mixed: nearly a choice, or bodies would fade away a
little with every frame."""


@dataclass(frozen=True)
class Architecture:
    """Everything that the shapes of the weights depend on."""

    context: int
    """Frames that the network sees, >= 2."""
    widths: tuple[int, ...]
    """Channels at 1/2, 1/4, 1/8, ... of the resolution, multiples of 8, two levels or more."""
    blocks: int
    """Residual blocks per level, on the way down and again on the way up."""
    reach: int
    """How far things move from one frame to the next, at most [cells of 4 x 4 px]."""


class Prediction(NamedTuple):
    """The next frame and how it came about."""

    frame: Tensor
    """(B, 3, H, W), 0..1 but for small overshoot."""
    flow: Tensor
    """Where each pixel of the next frame comes from in the last one, relative to itself [px], (B, 2, H, W)."""
    shares: Tensor
    """Shares of the hypotheses about the motion and, last, of none of them, (B, hypotheses + 1, H/4, W/4)."""
    mixture: Tensor
    """How right each candidate is thought to be, summing to 1, (B, CANDIDATES, H, W)."""
    candidates: Tensor
    """What the frame is mixed from, (B, CANDIDATES, 3, H, W)."""
    reach: int
    """Of the hypotheses [cells]."""


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
    """A U-Net at half resolution and below (Ronneberger et al. 2015) that tells motion, choice and paint.

    Pixels are moved rather than redrawn, hence a roll-out keeps textures sharp. Each pixel of the next frame is chosen
    from the last frame as it is, the last frame warped along the flow, the clip's first frame (what a moving body
    uncovers was often to be seen then), the last frame retouched (light, shadow) and freely painted colour.

    The flow is told twice: at a quarter of the resolution as shares of hypotheses (all displacements on a grid of
    cells, as in dynamic neural advection, Finn et al. 2016), which finds motions far larger than a texture's
    wavelength; then, around their mean, to fractions of a pixel.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = architecture.widths
        hypotheses = len(displacements(architecture.reach))
        self.stem = nn.Conv2d(4 * 3 * (architecture.context + 1), widths[0], 3, padding=1)
        self.matching = nn.Conv2d(3 * hypotheses, widths[1], 1)
        self.down = nn.ModuleList(_blocks(width, architecture.blocks) for width in widths)
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.grow = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(widths))
        self.up = nn.ModuleList(_blocks(width, architecture.blocks) for width in widths[:-1])
        self.vote = nn.Conv2d(widths[1], hypotheses + 1, 3, padding=1)
        self.trust = nn.Parameter(torch.tensor([80.0, 15.0]))
        self.head = nn.Conv2d(widths[0], 4 * (2 + CANDIDATES + 3 + 3), 3, padding=1)
        _start_small(self.vote, 1e-3)
        _start_small(self.head, 1e-3)
        still = torch.zeros(hypotheses + 1)
        still[hypotheses // 2] = 4.0
        self.register_buffer("prior", still.view(1, -1, 1, 1), persistent=False)

    @property
    def stride(self) -> int:
        """Height and width must be multiples of this [px]."""
        return int(2 ** len(self.architecture.widths))

    def forward(self, context: Tensor, first: Tensor, noise: Tensor) -> Prediction:
        """The frame after `context` (B, K, 3, H, W) in a clip that began with `first` (B, 3, H, W), values 0..1.

        The network sees the context with `noise` (same shape) added; what it moves and mixes is free of it.
        """
        last, seen = context[:, -1], context + noise
        here, there, then = (functional.avg_pool2d(frame, CELL) for frame in (seen[:, -1], seen[:, -2], first))
        came, comes, fresh = motion_evidence(here, there, then, self.architecture.reach)
        features = self._features(seen, first, torch.cat([_centred(came), _centred(comes), fresh], dim=1))
        shares = self._shares(features[1], comes, fresh)
        raw = functional.pixel_shuffle(self.head(self._refined(features)), 2)
        mean = mean_flow(shares[:, :-1], self.architecture.reach)
        flow = 8 * raw[:, :2] + functional.interpolate(mean, scale_factor=float(CELL), mode="bilinear")
        preference = raw[:, 2 : 2 + CANDIDATES] + raw.new_tensor([2, 2, 0, 0, 0]).view(1, -1, 1, 1)
        retouch, paint = raw[:, -6:-3], raw[:, -3:]
        candidates = torch.stack([last, warp(last, flow), first, last + retouch, 0.5 + paint], dim=1)
        frame = (torch.softmax(SHARPNESS * preference, dim=1).unsqueeze(2) * candidates).sum(dim=1)
        mixture = torch.softmax(preference, dim=1)
        return Prediction(frame, flow, shares, mixture, candidates, self.architecture.reach)

    def _features(self, seen: Tensor, first: Tensor, motion: Tensor) -> list[Tensor]:
        """Features at 1/2 of the resolution, from the way down, and at 1/4, from the way up."""
        x: Tensor = functional.pixel_unshuffle(appearance(seen, first), 2)
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        passed = []
        for level, blocks in enumerate(self.down):
            x = blocks(x + self.matching(8 * motion) if level == 1 else x)
            passed.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)
        for level in reversed(range(1, len(self.up))):
            x = self._joined(passed[level], x, level)
        return [passed[0], x]

    def _refined(self, features: list[Tensor]) -> Tensor:
        """Features at half resolution from both."""
        return self._joined(features[0], features[1], 0)

    def _joined(self, fine: Tensor, coarse: Tensor, level: int) -> Tensor:
        grown = functional.interpolate(self.grow[level](coarse), scale_factor=2.0, mode="bilinear")
        joined: Tensor = self.up[level](fine + grown)
        return joined

    def _shares(self, features: Tensor, comes: Tensor, fresh: Tensor) -> Tensor:
        """Shares of the hypotheses and, last, of none of them, (B, hypotheses + 1, H/4, W/4).

        Before anything is learned, what has moved in goes on as it moves, and all else stays.
        """
        continues = self.trust[1] * fresh.clamp(max=0.3) - self.trust[0] * comes
        return torch.softmax(self.vote(features) + self.prior + functional.pad(continues, (0, 0, 0, 0, 0, 1)), dim=1)


def appearance(context: Tensor, first: Tensor) -> Tensor:
    """Last frame, what differs from the first, and the changes between neighbours, all near unit range."""
    last = context[:, -1]
    changes = 4 * (context[:, 1:] - context[:, :-1])
    return torch.cat([2 * last - 1, first - last, changes.flatten(1, 2)], dim=1)


def _centred(costs: Tensor) -> Tensor:
    return costs - costs.mean(dim=1, keepdim=True)


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))


def _start_small(convolution: nn.Conv2d, deviation: float) -> None:
    nn.init.normal_(convolution.weight, std=deviation)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)

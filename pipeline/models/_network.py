"""The network of `next_frame`: a body that is carried along, in front of a canvas that is retouched."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models._motion import warp
from pipeline.models._poses import Pose, centre_of, read

CANDIDATES = 4
"""What each pixel of the next canvas is chosen from: it stays, it moves, it is retouched, it is painted anew."""
SHARPNESS = 4.0
"""Power to which shares are raised before pictures are mixed: nearly a choice, or things would fade away a little with
every frame, and a body half of which may be hidden would be half transparent."""
MEMORY = 16
"""Numbers that are remembered from frame to frame, by each 2 x 2 pixels and by the body."""
SCALE = (1.0, 1.0, 0.1, 0.1)
"""What a spread of 1 means: right, down [px], turn [rad], growth [log]."""
PLACES, NEAR = 5, 16
"""What is around the body is looked at in PLACES x PLACES places, NEAR numbers each."""
AROUND = 14.0
"""How far these places reach from the body's centre [px]."""
LAYOUT = 32
"""Numbers that tell how the scene lies in the picture: from where it is seen, and how far away."""
GRID, COARSE = 8, 16
"""It is looked at in GRID x GRID fields, COARSE numbers each."""
QUICK = 4.0
"""Speed that counts as one [px per frame]."""


@dataclass(frozen=True)
class Architecture:
    """Everything that the shapes of the weights depend on."""

    widths: tuple[int, ...]
    """Channels at 1/2, 1/4, 1/8, ... of the resolution, multiples of 8, two levels or more."""
    blocks: int
    """Residual blocks per level, on the way down and again on the way up."""


class Opening(NamedTuple):
    """What the last two frames shown tell."""

    masks: Tensor
    """Logits of the body's pixels in the frame before and in the last one, (B, 2, H, W)."""
    behind: Tensor
    """What the body hides in the last frame, (B, 3, H, W), around 0..1."""
    motion: Tensor
    """The body's motion from the frame before, (B, 4): right, down [px], turn [rad], growth [log]."""
    memory: Tensor
    """Of the body, (B, MEMORY)."""


class Fields(NamedTuple):
    """What a step tells of every pixel of the next frame."""

    flow: Tensor
    """Where the canvas comes from, relative to itself [px], (B, 2, H, W)."""
    preference: Tensor
    """Of the candidates, (B, CANDIDATES, H, W): the softmax says how right each is thought to be."""
    retouch: Tensor
    """Added to the canvas, (B, 3, H, W)."""
    paint: Tensor
    """In place of the canvas, (B, 3, H, W), around 0..1."""
    bare: Tensor
    """Logit that nothing stands or flows before the body where it is, (B, 1, H, W)."""
    shade: Tensor
    """Added to the body, (B, 3, H, W)."""


class Step(NamedTuple):
    """One frame ahead."""

    fields: Fields
    motion: Tensor
    """Of the body to the next frame, (B, 4): right, down [px], turn [rad], growth [log]."""
    spread: Tensor
    """Logarithm of the standard deviation of the same, (B, 4)."""
    memory: tuple[Tensor, Tensor]
    """Of the pixels, (B, MEMORY, H/2, W/2), and of the body, (B, MEMORY)."""


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


class UNet(nn.Module):
    """Features at half resolution from pictures, by way of coarser ones (Ronneberger et al. 2015)."""

    def __init__(self, channels: int, extra: int, architecture: Architecture) -> None:
        super().__init__()
        widths = architecture.widths
        self.stem = nn.Conv2d(4 * channels + extra, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_blocks(width, architecture.blocks) for width in widths)
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.grow = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(widths))
        self.up = nn.ModuleList(_blocks(width, architecture.blocks) for width in widths[:-1])

    def forward(self, pictures: Tensor, extra: Tensor | None = None) -> list[Tensor]:
        """Of pictures (B, channels, H, W) and of `extra` (B, extra, H/2, W/2); finest first."""
        x = functional.pixel_unshuffle(pictures, 2)
        x = self.stem((x if extra is None else torch.cat([x, extra], 1)).contiguous(memory_format=torch.channels_last))
        features = []
        for level, blocks in enumerate(self.down):
            x = blocks(x)
            features.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)
        for level in reversed(range(len(self.up))):
            grown = functional.interpolate(self.grow[level](x), scale_factor=2.0, mode="bilinear")
            x = features[level] = self.up[level](features[level] + grown)
        return features


class NextFrameNetwork(nn.Module):
    """Two networks: one opens a clip, the other takes step after step.

    A body is cut out of the last frame shown and from then on only moved, turned and scaled, as one: it cannot melt,
    and its texture stays as sharp as it was given (sprites, as in Deformable Sprites, Ye et al. 2022). What is behind
    and around it is a canvas: each of its pixels stays, moves along a flow, is retouched (light, shadow) or painted
    anew. Before anything is learned all goes on nearly as it moves.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = architecture.widths
        self.opening = UNet(9, 0, architecture)
        self.opened = nn.Conv2d(widths[0], 4 * (2 + 3), 3, padding=1)
        self.starts = _told(2 * widths[0] + widths[-1] + 7, 4 + MEMORY)
        self.steps = UNet(12, MEMORY, architecture)
        self.head = nn.Conv2d(widths[0], 4 * (2 + CANDIDATES + 3 + 3 + 1 + 3), 3, padding=1)
        self.remember = nn.Conv2d(widths[0], MEMORY, 3, padding=1)
        self.near = nn.Conv2d(widths[0], NEAR, 1)
        self.even = nn.LayerNorm(NEAR * PLACES**2 + widths[-1])
        self.fields = nn.Conv2d(widths[-1], COARSE, 1)
        self.layout = nn.Sequential(nn.SiLU(), nn.Linear(COARSE * GRID**2, LAYOUT), nn.SiLU())
        self.moves = _told(NEAR * PLACES**2 + widths[-1] + 7 + MEMORY + LAYOUT, 12 + MEMORY)
        for head in (self.opened, self.head):
            _start_small(head, 1e-3)

    @property
    def stride(self) -> int:
        """Height and width must be multiples of this [px]."""
        return int(2 ** len(self.architecture.widths))

    def open(self, before: Tensor, last: Tensor) -> Opening:
        """From two frames (B, 3, H, W), values 0..1."""
        features = self.opening(torch.cat([2 * last - 1, 2 * before - 1, 4 * (last - before)], dim=1))
        raw = functional.pixel_shuffle(self.opened(features[0]), 2)
        masks = raw[:, :2] - 3.0
        sharp = outline(masks)
        (was, area_then), (now, area) = (centre_of(sharp[:, one : one + 1]) for one in (0, 1))
        grown = 0.5 * torch.log((area + 1) / (area_then + 1))
        seen = torch.cat([(now - was) / QUICK, _where(now, area, last), grown[:, None], (area > 4)[:, None]], dim=1)
        coarse = functional.avg_pool2d(sharp, 2)
        pooled = [_pooled(features[0], coarse[:, one : one + 1]) for one in (0, 1)]
        told = self.starts(torch.cat([*pooled, features[-1].mean(dim=(2, 3)), seen], dim=1))
        rough = torch.cat([now - was, torch.zeros_like(now)], dim=1)
        return Opening(
            masks, _filled(last, sharp[:, 1:]) + raw[:, 2:], rough + _scaled(told[:, :4]), torch.tanh(told[:, 4:])
        )

    def step(
        self, seen: Tensor, first: Tensor, mask: Tensor, pose: Pose, motion: Tensor, memory: tuple[Tensor, Tensor]
    ) -> Step:
        """One frame on from `seen` (B, 2, 3, H, W), the last two frames, in a clip that began with `first`.

        `mask` (B, 1, H, W) is the body in `pose`, where it got by `motion`. Nothing of these carries a gradient on.
        """
        last, before = seen[:, 1], seen[:, 0]
        speed = mask * (motion[:, :2] / QUICK)[:, :, None, None]
        pictures = torch.cat([2 * last - 1, 4 * (last - before), first - last, mask, speed], dim=1)
        features = self.steps(pictures.detach(), memory[0])
        raw = functional.pixel_shuffle(self.head(features[0]), 2)
        flow, preference, retouch, paint, bare, shade = torch.split(raw, [2, CANDIDATES, 3, 3, 1, 3], dim=1)
        preference = preference + preference.new_tensor([2, 0, 0, 0]).view(1, -1, 1, 1)
        fields = Fields(8 * flow, preference, retouch, _smoothed(last, 9) + paint, bare + 2.0, shade)
        goes_on, spread, known = self._moves(features, mask, pose, motion, memory[1])
        return Step(fields, goes_on, spread, (torch.tanh(self.remember(features[0])), known))

    def _around(self, features: Tensor, centre: Tensor) -> Tensor:
        """Features (B, NEAR, H/2, W/2) around `centre` (B, 2) [px], flat (B, NEAR * PLACES^2).

        A region of interest, as in learning the dynamics of bodies from pictures (Qi et al. 2021).
        """
        reach = AROUND / 2 * torch.linspace(-1, 1, PLACES, device=centre.device)
        offsets = torch.stack(torch.meshgrid(reach, reach, indexing="xy"), dim=-1)
        places = centre[:, None, None] / 2 + offsets
        return read(features, places).flatten(1)

    def _moves(
        self, features: list[Tensor], mask: Tensor, pose: Pose, motion: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The body's next motion (B, 4), logarithm of its spread (B, 4), what the body remembers.

        Motion is told as a share of the last motion that is lost, and what comes to it: falling and being stopped are
        two things to learn and not one.
        """
        around = self._around(self.near(features[0]), pose.centre.detach())
        seen = self.even(torch.cat([around, features[-1].mean(dim=(2, 3))], dim=1))
        area = mask.detach().sum(dim=(1, 2, 3))
        state = [motion[:, :2] / QUICK, 4 * motion[:, 2:], _where(pose.centre, area, mask)]
        lies = self.layout(functional.adaptive_avg_pool2d(self.fields(features[-1]), GRID).flatten(1))
        told = self.moves(torch.cat([seen, *state, memory, lies], dim=1))
        kept = motion * torch.sigmoid(3.0 - told[:, 4:8])
        return kept + _scaled(told[:, :4]), told[:, 8:12] - 2.0, torch.tanh(told[:, 12:])


def outline(logits: Tensor) -> Tensor:
    """Masks, 0..1: nothing where a body is unlikely, whole where it is likely."""
    return ((torch.sigmoid(logits) - 0.2) / 0.6).clamp(0, 1)


def next_canvas(canvas: Tensor, fields: Fields) -> Tensor:
    """The canvas (B, 3, H, W) one frame on."""
    candidates = torch.stack([canvas, warp(canvas, fields.flow), canvas + fields.retouch, fields.paint], dim=1)
    shares = torch.softmax(SHARPNESS * fields.preference, dim=1)
    return (shares.unsqueeze(2) * candidates).sum(dim=1)


def body_before(canvas: Tensor, body: Tensor, mask: Tensor, fields: Fields) -> tuple[Tensor, Tensor]:
    """The picture: the shaded body (B, 3, H, W) before the canvas, where its mask (B, 1, H, W) says and nothing covers
    it; and its visible share of each pixel."""
    visible = mask * torch.sigmoid(SHARPNESS * fields.bare)
    return canvas + visible * (body + fields.shade - canvas), visible


def _smoothed(picture: Tensor, side: int) -> Tensor:
    """Mean over squares of an odd side [px], as far as they are in the picture; from running sums, which take the same
    time for every side."""
    for dim in (-2, -1):
        length = picture.shape[dim]
        at = torch.arange(length, device=picture.device)
        first, end = (at - side // 2).clamp(min=0), (at + side // 2 + 1).clamp(max=length)
        sums = functional.pad(picture, (1, 0, 0, 0) if dim == -1 else (0, 0, 1, 0)).cumsum(dim)
        count = (end - first).view(-1, *[1] * (-1 - dim))
        picture = (sums.index_select(dim, end) - sums.index_select(dim, first)) / count
    return picture


def _filled(picture: Tensor, mask: Tensor) -> Tensor:
    """The picture (B, 3, H, W) without what is in the mask (B, 1, H, W): means over what is around it."""
    free = 1 - functional.max_pool2d(mask, 5, stride=1, padding=2)
    near, far = (_smoothed(picture * free, side) / (_smoothed(free, side) + 1e-3) for side in (9, 25))
    share = (4 * _smoothed(free, 9)).clamp(max=1)
    return (far + share * (near - far)).detach()


def _where(centre: Tensor, area: Tensor, like: Tensor) -> Tensor:
    """Centre relative to the picture's sides and the logarithm of the size in px, (B, 3), near unit range."""
    height, width = like.shape[-2:]
    place = 2 * centre / centre.new_tensor([width, height]) - 1
    return torch.cat([place, 0.5 * torch.log(area + 1)[:, None] - 2], dim=1).detach()


def _scaled(told: Tensor) -> Tensor:
    """Motion from numbers near unit range."""
    return told * told.new_tensor([QUICK, QUICK, 0.25, 0.25])


def _pooled(features: Tensor, mask: Tensor) -> Tensor:
    """Mean of features (B, C, h, w) over a mask (B, 1, h, w)."""
    return (features * mask).sum(dim=(2, 3)) / (mask.sum(dim=(2, 3)) + 0.1)


def _told(given: int, told: int) -> nn.Sequential:
    """A small perceptron whose answer starts near nothing."""
    last = nn.Linear(96, told)
    nn.init.normal_(last.weight, std=1e-3)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(given, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), last)


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))


def _start_small(convolution: nn.Conv2d, deviation: float) -> None:
    nn.init.normal_(convolution.weight, std=deviation)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)

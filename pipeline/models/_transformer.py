"""The network of `dit`: a diffusion transformer over patches of pixels and frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH, PAIR = 8, 2
"""Side of a patch [px], and frames that it spans: one token."""
LEAST = 0.05
"""Least distance from the clip, 1 - t, that velocities are divided by."""


@dataclass(frozen=True)
class Shape:
    """Everything that the shapes of the weights depend on."""

    context: int
    """Frames that are given as they are, a multiple of PAIR."""
    width: int
    """Channels, a multiple of 6 * heads."""
    depth: int
    """Blocks."""
    heads: int


class Block(nn.Module):
    """Attention over all tokens, then each token alone; how much of both is told by the tokens' own times.

    One network reads the times for all blocks, each adds a table of its own (PixArt-alpha, Chen et al. 2023).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.alone = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))
        self.table = nn.Parameter(torch.zeros(6, width))

    def forward(self, x: Tensor, times: Tensor, turns: Tensor) -> Tensor:
        """Tokens (B, N, width); what times say, (B, N, 6, width); where tokens are, (N, width / heads / 2)."""
        shift, scale, gate, shift2, scale2, gate2 = (times + self.table).unbind(dim=2)
        x = x + gate * self._attend(self.norm(x) * (1 + scale) + shift, turns)
        refined: Tensor = self.alone(self.norm(x) * (1 + scale2) + shift2)
        return x + gate2 * refined

    def _attend(self, x: Tensor, turns: Tensor) -> Tensor:
        split = self.project(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)
        seen = functional.scaled_dot_product_attention(_turned(query, turns), _turned(key, turns), value)
        joined: Tensor = self.join(seen.transpose(1, 2).flatten(2))
        return joined


class Transformer(nn.Module):
    """Tells the clip behind a noisy one, given its first frames as they are (DiT, Peebles & Xie 2023).

    It tells clean pixels, not noise or velocity, for only those lie where few channels can say them (Li & He 2025),
    and as what differs from the last frame given: fresh, it says that nothing moves.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.architecture = shape
        pixels = 3 * PAIR * PATCH**2
        self.read = nn.Linear(2 * pixels, shape.width)
        self.clock = nn.Sequential(nn.Linear(64, shape.width), nn.SiLU(), nn.Linear(shape.width, 6 * shape.width))
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width)
        self.tell = nn.Linear(shape.width, pixels)
        nn.init.zeros_(self.tell.weight)
        nn.init.zeros_(self.tell.bias)

    def forward(self, given: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """The clean frames behind `noisy` (B, T, 3, H, W) at `time` (B,), 0 noise .. 1 clean, after the frames `given`
        (B, context, 3, H, W); values -1..1. Both numbers of frames are multiples of PAIR, sizes of PATCH.
        """
        last = given[:, -1:]
        frames = torch.cat([given, noisy], dim=1)
        pairs, rows, columns = frames.shape[1] // PAIR, frames.shape[3] // PATCH, frames.shape[4] // PATCH
        x = self.read(torch.cat([patches(frames), patches(frames - last)], dim=-1))
        clean = given.shape[1] // PAIR
        times = torch.cat([time.new_ones(len(time), clean), time[:, None].expand(-1, pairs - clean)], dim=1)
        told = self.clock(_waves(times)).unflatten(-1, (6, -1)).repeat_interleave(rows * columns, dim=1)
        turns = _turns(pairs, rows, columns, self.architecture.width // self.architecture.heads).to(x)
        for block in self.blocks:
            x = block(x, told, turns)
        told_pixels = self.tell(self.norm(x[:, clean * rows * columns :]))
        return last + frames_of(told_pixels, rows, columns)


def patches(frames: Tensor) -> Tensor:
    """Frames (B, T, 3, H, W) as tokens (B, T / PAIR * H / PATCH * W / PATCH, pixels)."""
    count, _, _, height, width = frames.shape
    cut = frames.reshape(count, -1, PAIR, 3, height // PATCH, PATCH, width // PATCH, PATCH)
    return cut.permute(0, 1, 4, 6, 2, 3, 5, 7).reshape(count, -1, 3 * PAIR * PATCH**2)


def frames_of(tokens: Tensor, rows: int, columns: int) -> Tensor:
    """Inverse of `patches`."""
    cut = tokens.reshape(len(tokens), -1, rows, columns, PAIR, 3, PATCH, PATCH)
    joined = cut.permute(0, 1, 4, 5, 2, 6, 3, 7)
    return joined.reshape(len(tokens), -1, 3, rows * PATCH, columns * PATCH)


def _waves(times: Tensor) -> Tensor:
    """Times 0..1 as 64 sines and cosines of growing frequency."""
    speeds = torch.exp(torch.arange(32, device=times.device) * (math.log(1000.0) / 31))
    angles = times.unsqueeze(-1) * speeds
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _turns(pairs: int, rows: int, columns: int, channels: int) -> Tensor:
    """Angles by which pairs of channels turn with place: a third each for time, row and column (Su et al. 2021)."""
    third = channels // 6
    speeds = 100.0 ** -(torch.arange(third) / third)
    places = torch.cartesian_prod(torch.arange(pairs), torch.arange(rows), torch.arange(columns))
    return (places.unsqueeze(-1) * speeds).flatten(1)


def _turned(x: Tensor, turns: Tensor) -> Tensor:
    """Channels (B, heads, N, C) turned in pairs, so that attention sees how far apart two tokens are."""
    one, other = x.chunk(2, dim=-1)
    cosine, sine = turns.cos(), turns.sin()
    return torch.cat([one * cosine - other * sine, one * sine + other * cosine], dim=-1)


def noised(frames: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """On the straight path from noise (t = 0) to the clip (t = 1)."""
    share = time.view(-1, 1, 1, 1, 1)
    return share * frames + (1 - share) * noise


def velocity(clean: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
    """Along that path, towards what is thought to be clean."""
    return (clean - noisy) / (1 - time).clamp(min=LEAST).view(-1, 1, 1, 1, 1)

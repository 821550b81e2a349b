"""How `dit` learns and how it makes clips: along straight paths from noise (Lipman et al. 2022, Liu et al. 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.models._learning import change_weight
from pipeline.models._transformer import Transformer, noised, velocity

MIDDLE, SPREAD = -0.8, 0.8
"""Of the normal distribution whose sigmoid is the time that is learnt at (Esser et al. 2024): more noise than not."""


def velocity_error(network: Transformer, frames: Tensor, noise: float, seed: int) -> Tensor:
    """Mean squared error of the velocity of frames (B, T, H, W, 3), uint8, after the first `context` ones.

    What changes counts up to eleven times what stands still, as for `next_frame`.
    """
    draw = torch.Generator().manual_seed(seed)
    values = as_values(frames)
    given, true = values[:, : network.architecture.context], values[:, network.architecture.context :]
    time = torch.sigmoid(MIDDLE + SPREAD * torch.randn(len(frames), generator=draw)).to(values.device)
    jitter = 2 * noise * torch.randn(given.shape, generator=draw).to(values.device)
    noisy = noised(true, torch.randn(true.shape, generator=draw).to(values.device), time)
    told = network(given + jitter, noisy, time)
    error = (velocity(told, noisy, time) - velocity(true, noisy, time)) ** 2
    last = given[:, -1:].expand_as(true)
    weight = change_weight(true.flatten(0, 1) / 2, last.flatten(0, 1) / 2)
    return (error.flatten(0, 1) * weight).mean()


def rolled_out(
    network: Transformer, frames: Tensor, count: int, ahead: int, steps: int, draw: torch.Generator
) -> Tensor:
    """`count` frames that follow `frames` (k, H, W, 3), all uint8, made `ahead` at a time."""
    context = network.architecture.context
    shown = torch.cat([frames[:1].expand(max(0, context - len(frames)), -1, -1, -1), frames])
    before = len(shown)
    with torch.inference_mode():
        while len(shown) - before < count:
            given = as_values(shown[-context:]).unsqueeze(0)
            new = denoised(network, given, ahead, steps, draw)[0]
            shown = torch.cat([shown, ((new.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)])
    return shown[before : before + count]


def denoised(network: Transformer, given: Tensor, ahead: int, steps: int, draw: torch.Generator) -> Tensor:
    """The `ahead` frames after those given, from noise in Euler steps of equal length; values -1..1."""
    shape = (len(given), ahead, *given.shape[2:])
    noisy = torch.randn(shape, generator=draw).to(given)
    for step in range(steps):
        time = given.new_full((len(given),), step / steps)
        clean = network(given, noisy, time)
        noisy = noisy + (clean - noisy) / (steps - step)
    return noisy


def as_values(frames: Tensor) -> Tensor:
    """uint8 (..., H, W, 3) -> float32 -1..1, (..., 3, H, W)."""
    return frames.movedim(-1, -3).to(torch.float32) / 127.5 - 1

"""How `next_frame` rolls forward in time: to answer a prompt, and to learn from its own mistakes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models._network import NextFrameNetwork

SCALES = (1, 2, 4)
"""The colour error is taken at these reductions of the resolution."""


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


def roll_out_loss(network: NextFrameNetwork, frames: Tensor, first: Tensor, noise: float, seed: int) -> Tensor:
    """Mean error of the frames (B, T, 3, H, W) after the first `context` ones, each told from what was told before.

    What was told is handed on as a viewer would see it, without its gradient: every step learns to continue the
    network's own imperfect frames (the push-forward trick of Brandstetter et al. 2022) and none learns to blur early
    so as to be less wrong later. Noise on the context does the same for errors of other kinds.
    """
    draw = torch.Generator(device="cpu").manual_seed(seed)
    context = frames[:, : network.architecture.context]
    errors = []
    for step in range(network.architecture.context, frames.shape[1]):
        jitter = noise * torch.randn(context.shape, generator=draw).to(context.device)
        told = network(context, first, jitter).frame
        errors.append(picture_error(told, frames[:, step], frames[:, step - 1]))
        context = torch.cat([context[:, 1:], as_shown(told.detach()).unsqueeze(1)], dim=1)
    return torch.stack(errors).mean()


def picture_error(told: Tensor, true: Tensor, before: Tensor) -> Tensor:
    """L1 of colours at several scales plus L1 of colour gradients, heavier where the true picture moves.

    All (B, 3, H, W). Most pixels stand still: unweighted, a network that copies its input would be nearly right.
    """
    weight = motion_weight(true, before)
    error = told - true
    loss = _gradient_error(error, weight)
    for scale in SCALES:
        coarse = functional.avg_pool2d(error, scale).abs()
        loss = loss + (coarse * functional.avg_pool2d(weight, scale)).mean() / len(SCALES)
    return loss


def motion_weight(true: Tensor, before: Tensor) -> Tensor:
    """1 where nothing changes up to 11 where something does, scaled to mean 1; (B, 1, H, W)."""
    change = (true - before).abs().amax(dim=1, keepdim=True)
    change = functional.max_pool2d(change, 5, stride=1, padding=2)
    weight = 1 + 10 * (change / 0.15).clamp(max=1)
    return weight / weight.mean()


def as_values(frames: Tensor) -> Tensor:
    """uint8 (..., H, W, 3) -> float32 0..1, (..., 3, H, W)."""
    return frames.movedim(-1, -3).to(torch.float32) / 255


def as_shown(frame: Tensor) -> Tensor:
    """The values as 8-bit colours hold them. Also stops slow drift: a change of under half a level never adds up."""
    return (frame.clamp(0, 1) * 255).round() / 255


def _gradient_error(error: Tensor, weight: Tensor) -> Tensor:
    along_x = (error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]
    along_y = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    return along_x.mean() + along_y.mean()


def _padded(frames: Tensor, stride: int) -> Tensor:
    """Frames (T, 3, H, W) continued at the right and the bottom to multiples of the stride."""
    height, width = frames.shape[-2:]
    return functional.pad(frames, (0, -width % stride, 0, -height % stride), mode="replicate")

"""What `next_frame` is taught: exact motion first, then which candidate to show, then colour."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models._motion import CELL, votes_for, warp
from pipeline.models._network import NextFrameNetwork, Prediction
from pipeline.models._rolling import as_shown

FLOW, VOTES, CHOICE, PAINT = 0.05, 0.02, 0.05, 0.5
"""Weights of the four errors."""
ALIKE = 0.02
"""Candidates whose colours differ from the truth by this much more than the best one's are e times less right."""


def roll_out_loss(
    network: NextFrameNetwork, frames: Tensor, flow: Tensor, first: Tensor, noise: float, truth: float, seed: int
) -> Tensor:
    """Mean error of the frames (B, T, 3, H, W) after the first `context` ones, each told from what was told before.

    `flow` is the exact motion from each frame back to the one before [px], (B, T, 2, H, W). What was told is handed on
    as a viewer would see it, without its gradient (the push-forward trick, Brandstetter et al. 2022), so that the
    network learns to continue its own imperfect frames; with probability `truth` the true frame is handed on instead
    (scheduled sampling, Bengio et al. 2015), so that it has something to continue before it can do so.
    """
    draw = torch.Generator(device="cpu").manual_seed(seed)
    context = frames[:, : network.architecture.context]
    errors = []
    for step in range(network.architecture.context, frames.shape[1]):
        jitter = noise * torch.randn(context.shape, generator=draw).to(context.device)
        told = network(context, first, jitter)
        errors.append(next_frame_error(told, frames[:, step], frames[:, step - 1], first, flow[:, step]))
        true_again = (torch.rand((len(frames), 1, 1, 1), generator=draw) < truth).to(context.device)
        shown = torch.where(true_again, frames[:, step], as_shown(told.frame.detach()))
        context = torch.cat([context[:, 1:], shown.unsqueeze(1)], dim=1)
    return torch.stack(errors).mean()


def next_frame_error(told: Prediction, true: Tensor, before: Tensor, first: Tensor, flow: Tensor) -> Tensor:
    """Weighted sum of four errors; pictures (B, 3, H, W), flow from `true` back to `before` [px], (B, 2, H, W).

    There is no error of the frame itself, for colour is a bad teacher of motion: unless a body is moved to within the
    wavelength of its texture, showing background in its place costs less than showing it, and it vanishes. So motion
    is taught by exact flow, and which candidate to show as a choice, to which half a body is never the answer.
    """
    changes, moves = change_weight(true, before), motion_weight(flow)
    off = ((told.flow - flow).abs().sum(dim=1, keepdim=True) * moves).mean()
    missed = _cross_entropy(told.shares[:, :-1], votes_for(flow, told.reach), functional.avg_pool2d(moves, CELL))
    retouched, painted = told.candidates[:, -2], told.candidates[:, -1]
    right = best_candidates([before, warp(before, flow), first, retouched.detach(), painted.detach()], true)
    wrong = _cross_entropy(told.mixture, right, changes)
    paint = (((retouched - true).abs() + (painted - true).abs()) * changes).mean()
    return FLOW * off + VOTES * missed + CHOICE * wrong + PAINT * paint


def best_candidates(candidates: list[Tensor], true: Tensor) -> Tensor:
    """How right each of N pictures (B, 3, H, W) is around each pixel, as shares that sum to 1, (B, N, H, W)."""
    errors = torch.stack([(candidate - true).abs().mean(dim=1) for candidate in candidates], dim=1)
    around = functional.avg_pool2d(errors, 3, stride=1, padding=1, count_include_pad=False)
    return torch.softmax(-around / ALIKE, dim=1)


def change_weight(true: Tensor, before: Tensor) -> Tensor:
    """1 where nothing changes up to 11 where something does, scaled to mean 1; (B, 1, H, W).

    Most pixels stand still: unweighted, a network that copies its input would be nearly right.
    """
    change = (true - before).abs().amax(dim=1, keepdim=True)
    change = functional.max_pool2d(change, 5, stride=1, padding=2)
    weight = 1 + 10 * (change / 0.15).clamp(max=1)
    return weight / weight.mean()


def motion_weight(flow: Tensor) -> Tensor:
    """One half of all weight on what moves, the other on what stands still, (B, 1, H, W)."""
    moves = ((flow**2).sum(dim=1, keepdim=True) > 0.3**2).to(flow)
    return 0.5 * (moves / (moves.mean() + 1e-3) + (1 - moves))


def _cross_entropy(shares: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Of shares against target shares, (B, N, h, w), weighted by (B, 1, h, w)."""
    return (-(target * (shares + 1e-5).log()).sum(dim=1, keepdim=True) * weight).mean()

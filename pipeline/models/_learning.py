"""What `next_frame` is taught: how the body moves, what is seen of it, and what becomes of all else."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models._motion import warp
from pipeline.models._network import SCALE, Fields, NextFrameNetwork, Opening, Step
from pipeline.models._poses import FEWEST, Pose, centre_of, followed, placed, taken_back
from pipeline.models._rolling import Roll

POSE, MOTION, SPREAD = 0.1, 0.1, 0.01
"""Weights of errors of the body's motion."""
MASK, BEHIND, BARE, SHADE = 0.3, 0.5, 0.1, 0.5
"""Of its outline, of what it hides, of what is seen of it, of its colours."""
OVERLAP, OTHERS = 0.3, 1.0
"""Within the outline's, of missing overlap; and of the outline in other frames than the first two."""
FLOW, CHOICE, PAINT = 0.05, 0.05, 0.5
"""Of the canvas."""
ALIKE = 0.02
"""Candidates whose colours differ from the truth by this much more than the best one's are e times less right."""
HANDICAP = 0.02
"""What moving something must gain over leaving it, and painting it over moving it, or else all that stands still would
be a little of each."""
WHOLE = 0.8
"""Share of the pixels that a body showed at first from which on it counts as wholly seen: turned, it shows some more or
less."""
MARGIN = 0.15
"""What was last seen this near to the edge may have left the picture [share of its sides]."""


class Whereabouts(NamedTuple):
    """Of the body, in truth, in one frame."""

    pose: Pose
    motion: Tensor
    """From the frame before, (B, 4)."""
    known: Tensor
    """Whether it can be told, (B,)."""


class Seen(NamedTuple):
    """One frame of the truth."""

    frame: Tensor
    """(B, 3, H, W)."""
    flow: Tensor
    """Back to the frame before [px], (B, 2, H, W)."""
    body: Tensor
    """Pixels of what is rigid and moves, (B, 1, H, W)."""


def roll_out_loss(
    network: NextFrameNetwork, frames: Tensor, flow: Tensor, bodies: Tensor, first: Tensor, truth: float, seed: int
) -> Tensor:
    """Mean error of the frames (B, T, 3, H, W) after the first two, each told from what was told before.

    `flow` is the exact motion from each frame back to the one before [px], (B, T, 2, H, W), `bodies` the pixels of what
    is rigid and moves, (B, T, 1, H, W). Pictures are handed on as a viewer would see them, without their gradient (the
    push-forward trick, Brandstetter et al. 2022), the body's pose and motion with it; now and then the
    true ones are handed on instead (scheduled sampling, Bengio et al. 2015): in some windows hardly ever, in others
    nearly always, with probability `truth` on average.
    """
    draw = torch.Generator(device="cpu").manual_seed(seed)
    opening = network.open(frames[:, 0], frames[:, 1])
    path = true_path(bodies, flow)
    opened = opening_error(opening, frames, bodies, path[1]) + OTHERS * more_outlines(network, frames, bodies, draw)
    roll = Roll.opened(frames[:, :2], first, opening)
    roll.cut_out(_either(bodies[:, 1], roll.mask, draw), centre_of(bodies[:, 1])[0])
    guided = torch.rand(len(frames), generator=draw) ** (1 / truth - 1) if truth else torch.zeros(len(frames))
    errors = []
    for time in range(2, frames.shape[1]):
        true, there = Seen(frames[:, time], flow[:, time], bodies[:, time]), path[time]
        before = roll.canvas
        step = network.step(roll.seen, first, roll.placed_mask(), roll.pose, roll.motion, roll.memory)
        visible = roll.advance(step)
        errors.append(step_error(step, roll, visible, before, true, there))
        again = (torch.rand(len(frames), generator=draw) < guided).to(frames.device)
        roll.set_right(again & there.known, true.frame, true.body, there.pose, there.motion)
    return opened + torch.stack(errors).mean()


def true_path(bodies: Tensor, flow: Tensor) -> list[Whereabouts]:
    """Of the body in every frame, its pose relative to that in the second one.

    As its flow says, and where all of it is seen as its outline says: what rolls does not go where its surface goes.
    """
    centre, area = centre_of(bodies[:, 1])
    still = torch.zeros_like(area)
    before = Pose(_came_from(bodies[:, 1], flow[:, 1]), still, still)
    _, motion, known = followed(before, bodies[:, 1], flow[:, 1])
    shift = torch.cat([centre - centre_of(bodies[:, 0])[0], motion[:, 2:]], dim=1)
    whole = _whole(bodies[:, 0], area) & _whole(bodies[:, 1], area)
    motion = torch.where(whole[:, None], shift, motion)
    pose = Pose(centre, still, still)
    path = [Whereabouts(pose, motion, known)] * 2
    for time in range(2, flow.shape[1]):
        before = pose
        pose, _, seen = followed(before, bodies[:, time], flow[:, time])
        outlined = Pose(centre_of(bodies[:, time])[0], pose.angle, 0.5 * torch.log(_share(bodies[:, time], area)))
        pose = outlined.where(_whole(bodies[:, time], area), pose)
        known = known & seen
        path.append(Whereabouts(pose, pose.numbers() - before.numbers(), known))
    return path


def _share(body: Tensor, area: Tensor) -> Tensor:
    """How much is seen of a body (B, 1, H, W) that showed `area` pixels at first, (B,)."""
    return (body.sum(dim=(1, 2, 3)) / area.clamp(min=1)).clamp(min=1e-3)


def _whole(body: Tensor, area: Tensor) -> Tensor:
    """Whether, by and large, all of it is seen, and none of it at the picture's edge, (B,)."""
    inner = body[..., 1:-1, 1:-1].sum(dim=(1, 2, 3))
    return (_share(body, area) > WHOLE) & (inner == body.sum(dim=(1, 2, 3)))


def more_outlines(network: NextFrameNetwork, frames: Tensor, bodies: Tensor, draw: torch.Generator) -> Tensor:
    """Error of the body's outline in two other pairs of frames, so that it is learned before all that hangs on it."""
    last = torch.randint(2, frames.shape[1], (2,), generator=draw).tolist()
    errors = [
        _outline_error(network.open(frames[:, t - 1], frames[:, t]).masks, bodies[:, t - 1 : t + 1, 0]) for t in last
    ]
    return MASK * torch.stack(errors).mean()


def opening_error(opening: Opening, frames: Tensor, bodies: Tensor, there: Whereabouts) -> Tensor:
    """Of the body's outline in both frames, of what it hides, as far as that is seen later, and of its motion."""
    masks = _outline_error(opening.masks, bodies[:, :2, 0])
    hidden, later = bodies[:, 1], torch.zeros_like(frames[:, 1])
    found = torch.zeros_like(hidden)
    for time in range(2, frames.shape[1]):
        now = hidden * (1 - bodies[:, time]) * (1 - found)
        later, found = later + now * frames[:, time], found + now
    around = 0.05 * (1 - functional.max_pool2d(hidden, 5, stride=1, padding=2))
    target, known = later + around * frames[:, 1] / 0.05, found + around
    behind = ((opening.behind - target).abs() * known).sum() / (3 * known.sum() + 1)
    motion = _mean(_distance(opening.motion, there.motion, bodies[:, 1]), there.known)
    return MASK * masks + BEHIND * behind + MOTION * motion


def step_error(step: Step, roll: Roll, visible: Tensor, before: Tensor, true: Seen, there: Whereabouts) -> Tensor:
    """Of one step that led from the canvas `before` to `roll`, against the frame and the body there."""
    pose, motion, known = there
    poses = _mean(torch.log1p(_distance(roll.pose.numbers(), pose.numbers(), roll.mask)), known)
    motions = _mean(torch.log1p(_distance(step.motion, motion, roll.mask)), known)
    return (
        POSE * poses
        + MOTION * motions
        + SPREAD * _mean(_surprise(motion - step.motion, step.spread), known)
        + canvas_error(step.fields, before, true, 1 - torch.maximum(true.body, visible.round()))
        + body_error(step.fields, roll, true, there)
    )


def canvas_error(fields: Fields, before: Tensor, true: Seen, free: Tensor) -> Tensor:
    """Where nothing stands before the canvas, `free` (B, 1, H, W).

    Colour is a bad teacher of motion, hence the flow is taught by the exact one, and which candidate to show as a
    choice.
    """
    changes, moves = change_weight(true.frame, before) * free, motion_weight(true.flow) * free
    off = ((fields.flow - true.flow).abs().sum(dim=1, keepdim=True) * moves).mean()
    retouched = before + fields.retouch
    candidates = [before, warp(before, true.flow), retouched.detach(), fields.paint.detach()]
    right = best_candidates(candidates, true.frame)
    wrong = _cross_entropy(torch.softmax(fields.preference, dim=1), right, changes)
    paint = (((retouched - true.frame).abs() + (fields.paint - true.frame).abs()) * changes).mean()
    return FLOW * off + CHOICE * wrong + PAINT * paint


def body_error(fields: Fields, roll: Roll, true: Seen, there: Whereabouts) -> Tensor:
    """What is seen of the body, and how bright it is: as in truth, even if it is not where it is in truth."""
    mask = roll.placed_mask()
    truly = taken_back(torch.cat([true.frame, true.body], dim=1), there.pose, roll.origin)
    frame, body = torch.split(placed(truly, roll.pose.detached(), roll.origin), [3, 1], dim=1)
    told = (there.known | _gone(true.body, there.pose))[:, None, None, None] & (mask > 0.4)
    bare = functional.binary_cross_entropy_with_logits(fields.bare, body.clamp(0, 1), reduction="none")
    shade = (roll.placed_body() + fields.shade - frame).abs().mean(dim=1, keepdim=True) * body
    shade = shade * there.known[:, None, None, None]
    return (BARE * (bare * told).sum() + SHADE * (shade * told).sum()) / (told.sum() + 1)


def _gone(body: Tensor, pose: Pose) -> Tensor:
    """Whether nothing is seen of a body (B, 1, H, W) that was last seen well within the picture: it is hidden, (B,)."""
    place = pose.centre / pose.centre.new_tensor([body.shape[-1], body.shape[-2]])
    within = ((place > MARGIN) & (place < 1 - MARGIN)).all(dim=1)
    return within & (body.sum(dim=(1, 2, 3)) < FEWEST)


def best_candidates(candidates: list[Tensor], true: Tensor) -> Tensor:
    """How right each of N pictures (B, 3, H, W) is around each pixel, as shares that sum to 1, (B, N, H, W)."""
    errors = torch.stack([(candidate - true).abs().mean(dim=1) for candidate in candidates], dim=1)
    around = functional.avg_pool2d(errors, 3, stride=1, padding=1, count_include_pad=False)
    around = around + HANDICAP * torch.arange(len(candidates), device=true.device).clamp(max=2).view(1, -1, 1, 1)
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


def _outline_error(logits: Tensor, true: Tensor) -> Tensor:
    """Of masks (B, N, H, W): cross-entropy, most of it near the body, and what is missing from their overlap (Dice)."""
    weight = 1 + 4 * functional.max_pool2d(true, 5, stride=1, padding=2)
    entropy = (functional.binary_cross_entropy_with_logits(logits, true, reduction="none") * weight).mean()
    told = torch.sigmoid(logits)
    overlap = (2 * (told * true).sum(dim=(2, 3)) + 1) / ((told + true).sum(dim=(2, 3)) + 1)
    return entropy + OVERLAP * (1 - overlap).mean()


def _came_from(body: Tensor, flow: Tensor) -> Tensor:
    """Where the centre of a body was a frame before, (B, 2) [px]."""
    total = body.sum(dim=(1, 2, 3)).clamp(min=0.5)
    return centre_of(body)[0] + (flow * body).sum(dim=(2, 3)) / total[:, None]


def _either(true: Tensor, told: Tensor, draw: torch.Generator) -> Tensor:
    """The true mask for half of the windows: before masks are learned there is nothing to learn from."""
    coin = (torch.rand(len(true), generator=draw) < 0.5).to(true.device)
    return torch.where(coin[:, None, None, None], true, told.detach())


def _distance(one: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """How far motions or poses (B, 4) are apart, as the sum of how far a body's middle and its rim are [px], (B,)."""
    radius = (mask.sum(dim=(1, 2, 3)) / torch.pi).clamp(min=1).sqrt()
    apart = one - other
    turned = torch.atan2(torch.sin(apart[:, 2]), torch.cos(apart[:, 2]))
    return torch.sqrt((apart[:, :2] ** 2).sum(dim=1) + 1e-4) + radius * (turned.abs() + apart[:, 3].abs())


def _surprise(off: Tensor, spread: Tensor) -> Tensor:
    """Negative log-likelihood of a motion that is off by (B, 4), (B,)."""
    return (0.5 * (off.detach() / off.new_tensor(SCALE) * torch.exp(-spread)) ** 2 + spread).clamp(max=50).sum(dim=1)


def _mean(errors: Tensor, known: Tensor) -> Tensor:
    """Of those that are known."""
    return (errors * known).sum() / (known.sum() + 1)


def _cross_entropy(shares: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Of shares against target shares, (B, N, h, w), weighted by (B, 1, h, w)."""
    return (-(target * (shares + 1e-5).log()).sum(dim=1, keepdim=True) * weight).mean()

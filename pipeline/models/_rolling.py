"""How `next_frame` rolls forward in time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models._filling import cleared
from pipeline.models._network import (
    CANDIDATES,
    MEMORY,
    SCALE,
    Fields,
    NextFrameNetwork,
    Opening,
    Step,
    body_before,
    next_canvas,
    outline,
)
from pipeline.models._outlines import drawn, hidden_by
from pipeline.models._poses import Pose, centre_of, placed
from pipeline.models._registration import edged, registered

SHOWN = 1.5
"""Logit that is added to "nothing covers the body": what hides it must be likely, not as likely as not. This and GROWS
were chosen on 96 scenes (seeds 6100, 6200): nearest to the truth in path and colours, and most plausible."""
GROWS = 0.75
"""Share of a body's told growth that it grows by. Some of the shrinking that was learned was sinking in."""
SURE = 20.0
"""Preference that leaves no doubt."""


@dataclass
class Roll:
    """A clip as far as it is told, at the size that the network works at."""

    seen: Tensor
    """The last two pictures, (B, 2, 3, H, W)."""
    canvas: Tensor
    """All but the body, also behind it, (B, 3, H, W)."""
    sprite: Tensor
    """Colours of the body where it was cut out, (B, 3, H, W)."""
    mask: Tensor
    """Its share of each pixel there, (B, 1, H, W)."""
    origin: Tensor
    """Its centre there, (B, 2) [px]."""
    pose: Pose
    motion: Tensor
    """From the frame before, (B, 4)."""
    memory: tuple[Tensor, Tensor]

    @classmethod
    def opened(cls, shown: Tensor, first: Tensor, opening: Opening) -> Roll:
        """From the last two frames shown, (B, 2, 3, H, W), as the network tells what is body and what is behind it."""
        masks = outline(opening.masks)
        canvas = uncovered(shown[:, 1], opening.behind, masks[:, 1:]).detach()
        return cls.cut(shown, first, opening, masks, canvas)

    @classmethod
    def cut(cls, shown: Tensor, first: Tensor, opening: Opening, masks: Tensor, canvas: Tensor) -> Roll:
        """From the last two frames shown, the body's share of their pixels, (B, 2, H, W), and all but it."""
        last, mask = shown[:, 1], masks[:, 1:]
        centre, area = centre_of(mask)
        still = torch.zeros_like(area)
        pose = Pose(centre, still, still)
        memory = last.new_zeros((len(last), MEMORY, last.shape[-2] // 2, last.shape[-1] // 2))
        turned = registered(shown[:, 0], last, mask, centre, opening.motion)
        motion = edged(shown[:, 0], last, canvas, (masks[:, :1], mask), turned)
        return cls(shown, canvas, last, mask, centre, pose, motion, (memory, opening.memory))

    def cut_out(self, mask: Tensor, centre: Tensor) -> None:
        """Take this for the body's mask and centre."""
        self.mask, self.origin = mask, centre
        self.pose = self.pose._replace(centre=centre)

    def placed_mask(self) -> Tensor:
        """The body's share of each pixel, were nothing before it, (B, 1, H, W)."""
        return placed(self.mask, self.pose.detached(), self.origin)

    def placed_body(self) -> Tensor:
        """The body's colours where it is, (B, 3, H, W)."""
        return placed(self.sprite, self.pose.detached(), self.origin)

    def heeded(self, step: Step) -> Step:
        """What a step tells, as far as it is to be believed.

        In doubt the body is seen, and it grows or shrinks less. Where it is and where it gets nothing of the canvas is
        seen, and what the network says of it is made up of the body's own colours: there the canvas stays as it is.
        """
        motion = step.motion * step.motion.new_tensor([1, 1, 1, GROWS])
        fields = step.fields._replace(bare=step.fields.bare + SHOWN)
        places = (placed(self.mask, pose, self.origin) for pose in (self.pose, self.pose.moved(motion)))
        _, visible = body_before(self.canvas, self.sprite, torch.maximum(*places), fields)
        before = functional.max_pool2d(visible, 3, stride=1, padding=1)
        stays = functional.pad(SURE * before, (0, 0, 0, 0, 0, CANDIDATES - 1))
        return step._replace(fields=fields._replace(preference=fields.preference + stays), motion=motion)

    def advance(self, step: Step) -> Tensor:
        """Take a step; what is visible of the body, (B, 1, H, W)."""
        self.pose, self.motion, self.memory = self.pose.moved(step.motion), step.motion, step.memory
        with torch.no_grad():
            self.canvas = next_canvas(self.canvas, step.fields)
            picture, visible = body_before(self.canvas, self.placed_body(), self.placed_mask(), step.fields)
            self.seen = torch.stack([self.seen[:, 1], as_shown(picture)], dim=1)
        return visible

    def set_right(self, which: Tensor, frame: Tensor, body: Tensor, pose: Pose, motion: Tensor) -> None:
        """Replace what was told by what was so, in `which` clips (B,)."""
        self.pose = pose.where(which, self.pose)
        self.motion = torch.where(which[:, None], motion, self.motion)
        pixels = which[:, None, None, None]
        around = functional.max_pool2d(body, 3, stride=1, padding=1)
        self.canvas = torch.where(pixels & (around < 0.5), frame, self.canvas)
        self.seen = torch.stack([self.seen[:, 0], torch.where(pixels, frame, self.seen[:, 1])], dim=1)


@dataclass(frozen=True)
class Start:
    """A clip that is to be continued, as it was opened."""

    first: Tensor
    """Its first frame, (1, 3, H, W), at the size that the network works at."""
    roll: Roll
    last: Tensor
    """The last frame shown, in full, (1, 3, H, W)."""
    mask: Tensor
    """The body's share of its pixels, (1, 1, H, W)."""
    canvas: Tensor
    """All but the body, in full, (1, 3, H, W)."""


def started(network: NextFrameNetwork, frames: Tensor, side: int) -> Start:
    """What comes before the first step after `frames` (k, H, W, 3), uint8: the body is cut out of the last one.

    The network sees them with a shorter side of about `side` px. Nothing here is random.
    """
    chosen = frames[[0, max(0, len(frames) - 2), -1]]
    full = as_values(chosen)
    size = _seen_size(_size(full), side, network.stride)
    first, *shown = (_resized(picture[None], size) for picture in full)
    with torch.inference_mode():
        opening = network.open(*shown)
        likely = torch.sigmoid(opening.masks[0]).float().cpu().numpy()
        masks = [drawn(frame, chance) for frame, chance in zip(chosen[1:].cpu().numpy(), likely, strict=True)]
        whole = torch.from_numpy(np.stack(masks))[None].to(full.device)
        guess = as_bytes(_resized(opening.behind, _size(full)))[0].cpu().numpy()
        behind = cleared(chosen[2].cpu().numpy(), hidden_by(masks[1]), guess)
        canvas = as_values(torch.from_numpy(behind).to(full.device))[None]
        both = torch.stack(shown, dim=1)
        roll = Roll.cut(both, first, opening, _resized(whole, size), _resized(canvas, size))
    return Start(first, roll, full[2:], whole[:, 1:], canvas)


def continued(network: NextFrameNetwork, start: Start, count: int, unknown: Tensor) -> Tensor:
    """`count` frames that follow, uint8, shape (count, H, W, 3).

    What the network tells is done to the pictures in full. `unknown` (1, 4) is where the body's motion lies in what
    cannot be known [standard deviations].
    """
    roll, canvas = replace(start.roll), start.canvas
    size, large = _size(start.first), _size(start.last)
    new, widened = [], torch.zeros_like(unknown)
    with torch.inference_mode():
        for _ in range(count):
            step = network.step(roll.seen, start.first, roll.placed_mask(), roll.pose, roll.motion, roll.memory)
            wider = unknown * torch.exp(step.spread) * unknown.new_tensor(SCALE)
            step = roll.heeded(step._replace(motion=step.motion + wider - widened))
            roll.advance(step)
            fields = _enlarged(step.fields, large)
            canvas = next_canvas(canvas, fields)
            body, share = (placed(one, roll.pose, roll.origin, size) for one in (start.last, start.mask))
            new.append(as_shown(body_before(canvas, body, share, fields)[0])[0])
            widened = wider
    return as_bytes(torch.stack(new))


def uncovered(last: Tensor, behind: Tensor, mask: Tensor) -> Tensor:
    """The last frame with what is `behind` the body in its place, and some px around it."""
    wide = functional.avg_pool2d(functional.max_pool2d(mask, 5, stride=1, padding=2), 3, stride=1, padding=1)
    return last + (2 * wide).clamp(max=1) * (behind - last)


def as_values(frames: Tensor) -> Tensor:
    """uint8 (..., H, W, 3) -> float32 0..1, (..., 3, H, W)."""
    return frames.movedim(-1, -3).to(torch.float32) / 255


def as_bytes(pictures: Tensor) -> Tensor:
    """Values (..., 3, H, W) -> uint8, (..., H, W, 3)."""
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).movedim(-3, -1)


def as_shown(frame: Tensor) -> Tensor:
    """The values as 8-bit colours hold them. Also stops slow drift: a change of under half a level never adds up."""
    return (frame.clamp(0, 1) * 255).round() / 255


def _size(pictures: Tensor) -> tuple[int, int]:
    """Height and width [px]."""
    return int(pictures.shape[-2]), int(pictures.shape[-1])


def _seen_size(full: tuple[int, int], side: int, stride: int) -> tuple[int, int]:
    """Height and width that the network sees [px]: multiples of its stride, in nearly these proportions."""
    scale = min(1.0, side / min(full))
    tall, wide = (max(1, round(scale * length / stride)) * stride for length in full)
    return tall, wide


def _resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, *size): by area means or bilinearly."""
    if pictures.shape[-2:] == size:
        return pictures
    if min(size) < min(pictures.shape[-2:]):
        return functional.interpolate(pictures, size, mode="area")
    return functional.interpolate(pictures, size, mode="bilinear")


def _enlarged(fields: Fields, size: tuple[int, int]) -> Fields:
    """The fields at another size, flow in px of that size."""
    height, width = fields.flow.shape[-2:]
    flow = fields.flow * fields.flow.new_tensor([size[1] / width, size[0] / height]).view(1, 2, 1, 1)
    return Fields(*(_resized(one, size) for one in fields._replace(flow=flow)))

"""How a body lies in the picture: similarity transforms, fitted to motion and applied to pictures."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

FEWEST = 12.0
"""Pixels of a body from which its motion can be told."""
STRONGEST = 0.25
"""A body does not turn [rad] nor grow [log] by more from one frame to the next, as far as a few pixels can tell."""


class Pose(NamedTuple):
    """Of B bodies, relative to how each lies in the picture it was cut out of; pixels' centres are at +0.5."""

    centre: Tensor
    """Where the body's centre is, (B, 2) = (x right, y down) [px]."""
    angle: Tensor
    """By how much it is turned, from right towards down, (B,) [rad]."""
    growth: Tensor
    """Logarithm of its size / its size there, (B,)."""

    def moved(self, motion: Tensor) -> Pose:
        """The pose after a frame of `motion`, (B, 4): right, down [px], turn [rad], growth."""
        return Pose(self.centre + motion[:, :2], self.angle + motion[:, 2], self.growth + motion[:, 3])

    def numbers(self) -> Tensor:
        """Centre, angle and growth in one, (B, 4)."""
        return torch.cat([self.centre, self.angle[:, None], self.growth[:, None]], dim=1)

    def detached(self) -> Pose:
        """The same without its gradient."""
        return Pose(*(part.detach() for part in self))

    def where(self, choice: Tensor, other: Pose) -> Pose:
        """This pose where `choice` (B,) is true, the other one elsewhere."""
        return Pose(
            torch.where(choice[:, None], self.centre, other.centre),
            torch.where(choice, self.angle, other.angle),
            torch.where(choice, self.growth, other.growth),
        )


def grid(height: int, width: int, like: Tensor) -> Tensor:
    """Coordinates of the pixels' centres, (H, W, 2) = (x, y) [px]."""
    y = torch.arange(height, device=like.device, dtype=torch.float32) + 0.5
    x = torch.arange(width, device=like.device, dtype=torch.float32) + 0.5
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def read(picture: Tensor, places: Tensor, padding: str = "border") -> Tensor:
    """`picture` (B, C, H, W) at `places` (B, h, w, 2) = (x, y) [px], bilinear; (B, C, h, w)."""
    height, width = picture.shape[-2:]
    scaled = places * (places.new_tensor([2 / width, 2 / height])) - 1
    found: Tensor = functional.grid_sample(
        picture, scaled.to(picture.dtype), mode="bilinear", padding_mode=padding, align_corners=False
    )
    return found


def placed(picture: Tensor, pose: Pose, origin: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """`picture` (B, C, H, W), of a body centred at `origin` (B, 2), as the body lies in `pose`; 0 beyond the edges.

    Pose and origin are in px of a picture of this `size` (height, width); None: of this one.
    """
    height, width = picture.shape[-2:]
    tall, wide = size or (height, width)
    zoom = pose.centre.new_tensor([width / wide, height / tall])
    offset = grid(height, width, picture) / zoom - pose.centre[:, None, None, :]
    cos = (torch.cos(pose.angle) * torch.exp(-pose.growth))[:, None, None]
    sin = (torch.sin(pose.angle) * torch.exp(-pose.growth))[:, None, None]
    x = cos * offset[..., 0] + sin * offset[..., 1]
    y = cos * offset[..., 1] - sin * offset[..., 0]
    places = torch.stack([x, y], dim=-1) + origin[:, None, None, :]
    return read(picture, places * zoom, padding="zeros")


def taken_back(picture: Tensor, pose: Pose, origin: Tensor) -> Tensor:
    """What `picture` (B, C, H, W) shows of a body in `pose`, as it lay centred at `origin` (B, 2): undoes `placed`."""
    offset = grid(picture.shape[-2], picture.shape[-1], picture) - origin[:, None, None, :]
    cos = (torch.cos(pose.angle) * torch.exp(pose.growth))[:, None, None]
    sin = (torch.sin(pose.angle) * torch.exp(pose.growth))[:, None, None]
    x = cos * offset[..., 0] - sin * offset[..., 1]
    y = sin * offset[..., 0] + cos * offset[..., 1]
    return read(picture, torch.stack([x, y], dim=-1) + pose.centre[:, None, None, :], padding="zeros")


def centre_of(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (B, 2) [px] and area (B,) [px] of masks (B, 1, H, W), 0..1; the middle of the picture for empty ones."""
    height, width = mask.shape[-2:]
    area = mask.sum(dim=(1, 2, 3))
    places = grid(height, width, mask)
    total = (mask[:, 0, :, :, None] * places).sum(dim=(1, 2))
    middle = places.mean(dim=(0, 1))
    return torch.where(area[:, None] > 0.5, total / area.clamp(min=0.5)[:, None], middle), area


def followed(before: Pose, mask: Tensor, flow: Tensor) -> tuple[Pose, Tensor, Tensor]:
    """Where a body is that was at `before` a frame ago; how it moved, (B, 4); and whether that can be told, (B,).

    The similarity (Umeyama 1991) that fits best, in least squares, the motion `flow` (B, 2, H, W) back to the frame
    before [px] of the body's visible pixels `mask` (B, 1, H, W).
    """
    weight = mask[:, 0, :, :, None]
    count = weight.sum(dim=(1, 2)).clamp(min=1e-6)
    here = grid(mask.shape[-2], mask.shape[-1], mask)
    there = here + flow.movedim(1, -1)
    here_mean, there_mean = (weight * here).sum(dim=(1, 2)) / count, (weight * there).sum(dim=(1, 2)) / count
    w, z = here - here_mean[:, None, None], there - there_mean[:, None, None]
    spread = (weight * z**2).sum(dim=(1, 2, 3)).clamp(min=1e-3)
    along = (weight * z * w).sum(dim=(1, 2, 3)) / spread
    across = (weight[..., 0] * (z[..., 0] * w[..., 1] - z[..., 1] * w[..., 0])).sum(dim=(1, 2)) / spread
    angle = torch.atan2(across, along).clamp(-STRONGEST, STRONGEST)
    growth = (0.5 * torch.log((along**2 + across**2).clamp(min=1e-6))).clamp(-STRONGEST, STRONGEST)
    cos, sin = torch.cos(angle) * torch.exp(growth), torch.sin(angle) * torch.exp(growth)
    x, y = (before.centre - there_mean).unbind(dim=1)
    centre = here_mean + torch.stack([cos * x - sin * y, sin * x + cos * y], dim=1)
    motion = torch.cat([centre - before.centre, angle[:, None], growth[:, None]], dim=1)
    seen = mask.sum(dim=(1, 2, 3)) >= FEWEST
    motion = torch.where(seen[:, None], motion, torch.zeros_like(motion))
    return before.moved(motion), motion, seen

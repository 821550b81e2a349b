"""Renderers: Scene and Trajectory -> Clip with exact layers, frame by frame or all at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from pipeline.types import Clip, Instance, Layers, Scene, Trajectory, UInt8

Shot = tuple[UInt8, Layers | None]
"""One frame: the picture, sRGB of shape (H, W, 3), and its layers (if any), of leading shape (H, W)."""


@dataclass
class Renderer(ABC):
    """Looks at what happened."""

    @abstractmethod
    def shots(self, scene: Scene, trajectory: Trajectory) -> Iterator[Shot]:
        """The frames one after the other, none of them kept; same input, same bytes on CPU."""

    def pictures(self, scene: Scene, trajectory: Trajectory) -> UInt8:
        """The frames alone, sRGB of shape (T, H, W, 3)."""
        return np.stack([picture for picture, _ in self.shots(scene, trajectory)])

    def render(self, scene: Scene, trajectory: Trajectory) -> Clip:
        """RGB frames and exact layers as the scene's camera sees them, all in memory."""
        pictures, annotations = zip(*self.shots(scene, trajectory), strict=True)
        return Clip(
            clip_id=scene.clip_id,
            source="truth",
            sample=scene.draw,
            frames=np.stack(pictures),
            fps=scene.fps,
            layers=_stacked([one for one in annotations if one]),
            camera=scene.camera,
            instances=instances(scene),
        )


def instances(scene: Scene) -> tuple[Instance, ...]:
    """The scene's things in the order of their ids: bodies from 1, then the medium."""
    things = [Instance(i, body.name, "rigid", body.shape, body.density) for i, body in enumerate(scene.bodies, 1)]
    if scene.medium:
        medium = scene.medium
        things.append(Instance(len(things) + 1, medium.word, medium.kind, "", medium.density))
    return tuple(things)


def _stacked(annotations: list[Layers]) -> Layers | None:
    """Layers of single frames as layers of a clip."""
    if not annotations:
        return None
    return Layers(**{f.name: np.stack([getattr(one, f.name) for one in annotations]) for f in fields(Layers)})

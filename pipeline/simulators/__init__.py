"""Simulators: Scene -> Trajectory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from pipeline.types import Scene, Trajectory


@dataclass
class Simulator(ABC):
    """Tells what happens in a scene."""

    particle_spacing: float = field(default=0.008, metadata={"quick": 0.016})
    """Distance of neighbouring particles of a medium at t = 0 [m]; a grid cell is two of them."""

    @abstractmethod
    def pieces(self, scene: Scene) -> Iterator[Trajectory]:
        """The trajectory one frame after the other, none of them kept."""

    def simulate(self, scene: Scene) -> Trajectory:
        """States at the `scene.num_frames` frame times t = 0, 1/fps, 2/fps ...; same scene, same bytes on CPU."""
        whole: dict[str, Any] = {}
        for t, piece in enumerate(self.pieces(scene)):
            for field_ in fields(Trajectory):
                value = getattr(piece, field_.name)
                if not isinstance(value, np.ndarray):
                    whole[field_.name] = value
                    continue
                if t == 0:
                    whole[field_.name] = np.empty((scene.num_frames, *value.shape[1:]), value.dtype)
                whole[field_.name][t] = value[0]
        return Trajectory(**whole)

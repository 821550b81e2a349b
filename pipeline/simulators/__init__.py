"""Simulators: Scene -> Trajectory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from pipeline.types import Scene, Trajectory


@dataclass
class Simulator(ABC):
    """Tells what happens in a scene."""

    particle_spacing: float = field(default=0.008, metadata={"quick": 0.016})
    """Distance of neighbouring particles of a medium at t = 0 [m]; a grid cell is two of them."""

    @abstractmethod
    def simulate(self, scene: Scene) -> Trajectory:
        """States at the `scene.num_frames` frame times t = 0, 1/fps, 2/fps ...; same scene, same bytes on CPU."""

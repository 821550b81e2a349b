"""Simulators: Scene -> Trajectory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipeline.types import Scene, Trajectory


@dataclass
class Simulator(ABC):
    """Tells what happens in a scene."""

    @abstractmethod
    def simulate(self, scene: Scene) -> Trajectory:
        """States at the `scene.num_frames` frame times t = 0, 1/fps, 2/fps ...; same scene, same bytes on CPU."""

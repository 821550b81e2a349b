"""Renderers: Scene and Trajectory -> Clip with exact layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipeline.types import Clip, Scene, Trajectory


@dataclass
class Renderer(ABC):
    """Looks at what happened."""

    @abstractmethod
    def render(self, scene: Scene, trajectory: Trajectory) -> Clip:
        """RGB frames and exact layers as the scene's camera sees them; same input, same bytes on CPU."""

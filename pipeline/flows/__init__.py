"""Flows: Clip -> FlowField."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pipeline.types import Clip, FlowField


@dataclass
class Flow(ABC):
    """Estimates optical flow from RGB only, the same for truth and generated clips."""

    @abstractmethod
    def estimate(self, clip: Clip) -> FlowField:
        """Forward flow of every pair of neighbouring frames."""

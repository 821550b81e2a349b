"""Flows: Clip -> FlowField."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pipeline.types import Clip, FlowField


@dataclass
class Flow(ABC):
    """Estimates optical flow from RGB only, the same for truth and generated clips."""

    reads_layers: ClassVar[bool] = False
    """Takes the truth's own flow and looks at no pixel: for examination, never for generated clips."""

    @property
    @abstractmethod
    def estimator(self) -> str:
        """What `estimate` will enter into its results: the name with every setting that the flow depends on.

        Two flows may be compared only if it is the same. An estimator that has to leave the work to another one
        gives the other one's name.
        """

    @abstractmethod
    def estimate(self, clip: Clip) -> FlowField:
        """Forward flow of every pair of neighbouring frames."""

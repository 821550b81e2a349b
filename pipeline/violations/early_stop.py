"""A body stops dead where it ought to bounce, roll, sink or float on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import impact_frame, retimed


@dataclass
class EarlyStop(Violation):
    """The body stands still from eight frames after the impact on, from four, or from the impact on."""

    kinds = ("none", "liquid")

    def happen(self, event: Event, level: int) -> Happening:
        """The medium goes on as if the body did. In sand bodies do stop at once."""
        stop = impact_frame(event) + (8, 4, 0)[level - 1]
        return retimed(event, np.minimum(event.times, stop).astype(float), medium=False)

"""A body is gone."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import hidden_bodies


@dataclass
class Vanish(Violation):
    """Every body vanishes in the last fifth, at half time, or soon after the prompt."""

    def happen(self, event: Event, level: int) -> Happening:
        """The medium does as it did."""
        return hidden_bodies(event, event.after > (0.8, 0.5, 0.15)[level - 1])

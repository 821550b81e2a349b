"""A body comes and goes."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import hidden_bodies


@dataclass
class Flicker(Violation):
    """The body is missing for three frames, for seven, or in every second group of four."""

    def happen(self, event: Event, level: int) -> Happening:
        """It appears again where it ought to be."""
        middle = (event.prompt_frames + len(event.times)) // 2
        if level == 3:
            gone = (event.times >= event.prompt_frames) & (event.times // 4 % 2 == 1)
        else:
            gone = abs(event.times - middle) <= (1, 3)[level - 1]
        return hidden_bodies(event, gone)

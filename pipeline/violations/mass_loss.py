"""The medium becomes less, slowly."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.violations import Event, Happening, Violation
from pipeline.violations._edits import thickened


@dataclass
class MassLoss(Violation):
    """The medium's depth falls by 8, 20 and 40 % between the prompt and the end."""

    kinds = ("grains", "liquid")

    def happen(self, event: Event, level: int) -> Happening:
        """All heights shrink towards the floor alike, bodies go down with the surface."""
        return thickened(event, -(0.08, 0.2, 0.4)[level - 1])

"""No body vanishes, appears, melts away or multiplies."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.metrics import Metric
from pipeline.metrics._amount import amount_distance
from pipeline.types import Score, Take


@dataclass
class VisibleAmount(Metric):
    """Distance between how much of each body is visible over time.

    Every body is told by its colour in both clips with one classifier (see `_appearance.py`), and its areas are
    compared (see `_amount.py`). The medium has a metric of its own, `medium_amount`: a body that dives varies by its
    whole area among re-draws, and must not hide that the sand around it shrinks. Silent in a scene without bodies.
    Unit: share of the picture's side.
    """

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the widest strip; parts: each body's relative change, negative for too little."""
        return amount_distance(truth, other, "visible_amount", ("rigid",))

"""No sand and no water vanishes, appears or spreads where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.metrics import Metric
from pipeline.metrics._amount import amount_distance
from pipeline.types import Score, Take


@dataclass
class MediumAmount(Metric):
    """Distance between how much of the medium is visible over time.

    Flow alone does not see slow loss of mass. The medium is told by its colour in both clips with one classifier
    (see `_appearance.py`), and its areas are compared (see `_amount.py`). Silent in a scene without a medium.
    Unit: share of the picture's side.
    """

    def compare(self, truth: Take, other: Take) -> Score:
        """Mean over frames of the strip's width; parts: the medium's relative change, negative for too little."""
        return amount_distance(truth, other, "medium_amount", ("grains", "liquid"))

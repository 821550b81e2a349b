"""Metrics: two takes of the same event -> Score. The class is its settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pipeline.metrics._filmed_again import FILMED_AGAIN as FILMED_AGAIN
from pipeline.metrics._filmed_again import filmed_again as filmed_again
from pipeline.metrics._size import at_scoring_size as at_scoring_size
from pipeline.metrics._stabilise import stabilised as stabilised
from pipeline.metrics._truth_errors import ERRORS as ERRORS
from pipeline.metrics._truth_errors import truth_errors as truth_errors
from pipeline.types import Score, Take


@dataclass
class Metric(ABC):
    """Distance of one take from the truth in one respect."""

    peer: ClassVar[bool] = False
    """Somebody else's score, to be shown beside the judge; it is not among the default metrics."""

    @abstractmethod
    def compare(self, truth: Take, other: Take) -> Score:
        """Distance of `other` from `truth`, in a unit of its own; the judge calibrates it against re-draws.

        `truth.clip` carries layers, `other.clip` need not: only its RGB and flow may be used, whatever it is, so
        that generated clips and re-draws are treated alike. Both have the same size and length.
        """

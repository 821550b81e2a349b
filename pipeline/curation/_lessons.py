"""What a trainer follows: how often it draws a clip, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.curation._candidate import Candidate
from pipeline.curation._splits import chance

ORDERS = ("mixed", "easy_to_hard", "hard_only")


@dataclass(frozen=True)
class Lesson:
    """A clip's place in training."""

    weight: float = 0.0
    """How often it is drawn, relative to the mean of the training clips, which is 1; 1 outside of train, 0 if the clip
    was rejected."""
    position: int | None = None
    """When it is first shown: 0, 1, 2 ... over the training clips; None for all others."""


def shuffled(clips: Sequence[Candidate], seed: int) -> list[Candidate]:
    """In an order that hangs on the seed and on each clip's own name: another clip more or less changes no other's."""
    return sorted(clips, key=lambda one: (chance(f"{seed}/{one.clip_id}"), one.clip_id))


def positions(clips: Sequence[Candidate], order: str, seed: int, grades: Sequence[str]) -> dict[str, int]:
    """Of the training clips: easy_to_hard by grade (those of a grade shuffled), else shuffled."""
    ordered = shuffled(clips, seed)
    if order == "easy_to_hard":
        ordered.sort(key=lambda one: grades.index(one.grade))
    return {one.clip_id: number for number, one in enumerate(ordered)}


def weights(clips: Sequence[Candidate], shares: Mapping[str, float] | None) -> dict[str, float]:
    """Of the training clips, so that clips drawn by them hold the cells in the ratio of the shares; without, all 1."""
    held = Counter(one.cell for one in clips)
    if shares is None:
        return {one.clip_id: 1.0 for one in clips}
    whole = sum(shares[cell] for cell in held)
    return {one.clip_id: shares[one.cell] / whole * len(clips) / held[one.cell] for one in clips}

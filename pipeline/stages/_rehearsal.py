"""What was learnt before, shown again, so that it is not forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.training import Footage


def rehearsed(clips: Sequence[Footage], earlier: Sequence[Footage], share: float) -> list[Footage]:
    """All clips, of which those of the earlier set make `share` of the windows in the long run, each as often as its
    own weight says; they are there from the first step on."""
    if not earlier or not share:
        return list(clips)
    new, old = (sum(one.weight for one in some) for some in (clips, earlier))
    factor = new * share / ((1 - share) * old)
    return [*clips, *(replace(one, weight=one.weight * factor, position=-1) for one in earlier)]


def set_folder(run_folder: str) -> Path:
    """The run whose training set is rehearsed. Raises ValueError if it has none."""
    folder = Path(run_folder)
    metadata = folder / "dataset" / "videofolder" / "train" / "metadata.jsonl"
    if not metadata.is_file():
        raise ValueError(
            f"training.rehearsal: expected a run's folder with an exported training set, got no {metadata}"
        )
    return folder

"""Physics-IQ, the original score (Motamed et al. 2025) and the 'Verified' one (2026).

python -m pipeline.metrics.physics_iq REAL_FOLDER GENERATED_FOLDER
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.metrics import Metric
from pipeline.metrics._motion import check_pair, score
from pipeline.metrics._motion_masks import Agreement, agreement, motion_masks
from pipeline.types import Score, Take, UInt8

SECONDS = 5
"""How much of a clip is looked at, from its beginning [s]."""
OVERLAPS = ("spatiotemporal", "spatial", "weighted_spatial")
DECIMALS = 4
"""Of the values of each frame that the benchmark's tables keep."""
Watched = tuple[UInt8, float]
"""Frames (T, H, W, 3) and frames per second."""
Pair = tuple[Agreement, Agreement]
"""How the generated clip agrees with take 1, and how take 2 does."""


@dataclass
class PhysicsIq(Metric):
    """One minus the overlap of motion masks, frame by frame; the benchmark's four figures are the parts.

    The benchmark divides them by what a second take of the same event reaches, see `original` and `verified`.
    Unit: share of the mask.
    """

    peer: ClassVar[bool] = True

    def compare(self, truth: Take, other: Take) -> Score:
        """As the benchmark does with two videos; only the RGB is looked at."""
        check_pair(truth, other, "physics_iq")
        clips = [take.clip.frames for take in (truth, other)]
        masks = [motion_masks(take.clip.frames, take.clip.fps) for take in (truth, other)]
        found = agreement(clips[0], clips[1], masks[0], masks[1])
        parts = found.figures()
        per_frame = (1 - found.spatiotemporal).astype(np.float32)
        return score(truth, other, "physics_iq", "share of the mask", per_frame, parts, {})


def original(samples: Sequence[Pair]) -> float:
    """100 clip(mean overlap ratio - excess MSE), every quantity averaged over all samples before it is divided."""
    model, takes = (_means([sample[which] for sample in samples]) for which in (0, 1))
    ratios = [model[name] / takes[name] for name in OVERLAPS]
    return 100 * float(np.clip(np.mean(ratios) - (model["mse"] - takes["mse"]), 0, 1))


def verified(samples: Sequence[Pair]) -> float:
    """100 times the mean over samples of the mean of four ratios, each clipped to 0..1."""
    return 100 * float(np.mean([np.mean(_ratios(*sample)) for sample in samples]))


def _ratios(model: Agreement, takes: Agreement) -> list[float]:
    """The benchmark adds 1e-8 to what it divides by."""
    told, known = model.figures(DECIMALS), takes.figures(DECIMALS)
    overlaps = [told[name] / (known[name] + 1e-8) for name in OVERLAPS]
    colours = (known["mse"] + 1e-8) / told["mse"] if told["mse"] > 0 else 1.0
    return [float(np.clip(ratio, 0, 1)) for ratio in (*overlaps, colours)]


def _means(found: Sequence[Agreement]) -> dict[str, float]:
    figures = [one.figures(DECIMALS) for one in found]
    return {name: float(np.mean([one[name] for one in figures])) for name in figures[0]}


@dataclass(frozen=True)
class _Event:
    """Files of one view of one scenario."""

    scenario: str
    view: str
    takes: tuple[Path, Path]
    generated: Path


def _events(real: Path, generated: Path) -> list[_Event]:
    """Real files are called <id>_testing-videos_<fps>FPS_perspective-<view>_take-<1|2>_<scenario>.mp4, generated ones
    <id>_perspective-<view>_<scenario>.mp4 with the id of take 1. Raises ValueError for what does not fit."""
    takes: dict[tuple[str, str], dict[str, Path]] = {}
    for path in sorted(real.glob("*.mp4")):
        words = path.stem.split("_")
        if len(words) < 6 or words[4] not in ("take-1", "take-2"):
            raise ValueError(f"physics_iq: expected <id>_testing-videos_<fps>FPS_<view>_take-<n>_<name>, got {path}")
        takes.setdefault(("_".join(words[5:]), words[3]), {})[words[4]] = path
    events = []
    for (scenario, view), files in takes.items():
        if len(files) < 2:
            raise ValueError(f"physics_iq: expected two takes of {scenario}, {view} in {real}, got {list(files)}")
        number = files["take-1"].stem.split("_")[0]
        answer = generated / f"{number}_{view}_{scenario}.mp4"
        if not answer.is_file():
            raise ValueError(f"physics_iq: expected {answer}, there is no such file")
        name = view.removeprefix("perspective-")
        events.append(_Event(scenario, name, (files["take-1"], files["take-2"]), answer))
    if not events:
        raise ValueError(f"physics_iq: expected videos (*.mp4) in {real}, got none")
    return events


def _watch(path: Path) -> Watched:
    """The first seconds of a video, and its frames per second."""
    from pipeline.video import read

    frames, fps = read(path)
    return frames[: round(SECONDS * fps)], fps


def _examine(event: _Event) -> Pair:
    clips = [_watch(path) for path in (*event.takes, event.generated)]
    lengths = [len(frames) for frames, _ in clips]
    if len(set(lengths)) > 1:
        raise ValueError(f"physics_iq: {event.generated} must be as long as the real takes, got frames {lengths}")
    return agreements(clips[0], clips[1], clips[2])


def agreements(first: Watched, second: Watched, generated: Watched) -> Pair:
    """How a generated clip and a second take agree with the first take; all of one length."""
    masks = [motion_masks(frames, fps) for frames, fps in (first, second, generated)]
    model = agreement(first[0], generated[0], masks[0], masks[2])
    return model, agreement(first[0], second[0], masks[0], masks[1])


def _told(pair: Pair) -> Mapping[str, Any]:
    model, takes = (one.figures() for one in pair)
    return {**model, **{f"var_{name}": value for name, value in takes.items()}}


def main(arguments: list[str] | None = None) -> None:
    """Both scores and all figures of a folder of generated videos, as JSON."""
    parser = argparse.ArgumentParser("python -m pipeline.metrics.physics_iq", description=__doc__)
    parser.add_argument("real", type=Path)
    parser.add_argument("generated", type=Path)
    asked = parser.parse_args(arguments)
    try:
        pairs = {(event.scenario, event.view): _examine(event) for event in _events(asked.real, asked.generated)}
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    samples = {f"{scenario}/{view}": _told(pair) for (scenario, view), pair in pairs.items()}
    told = {"original": original(list(pairs.values())), "verified": verified(list(pairs.values())), "samples": samples}
    print(json.dumps(told))


if __name__ == "__main__":
    main()

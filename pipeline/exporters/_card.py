"""The data card: what is in a data set, how it was made, how to load it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pipeline.exporters._describe import SPLITS
from pipeline.types import Example


@dataclass
class Census:
    """Counts what goes by, so that the card can be written without keeping the examples."""

    by_split: Counter[str] = field(default_factory=Counter)
    by_cell: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(scenario, material, split) -> clips."""
    sizes: Counter[tuple[int, int, int, float]] = field(default_factory=Counter)
    """(frames, height, width, fps) -> clips."""

    def count(self, example: Example) -> None:
        """Take note of one example."""
        clip, scene = example.clip, example.scene
        self.by_split[example.split] += 1
        self.by_cell[scene.scenario, scene.material, example.split] += 1
        self.sizes[(*clip.frames.shape[:3], float(clip.fps))] += 1

    @property
    def splits(self) -> list[str]:
        """The splits that have examples, in their usual order."""
        return [name for name in SPLITS if self.by_split[name]]


def card(name: str, census: Census, data_files: str, contents: str) -> str:
    """README.md with the front matter that the Hugging Face hub and `datasets` read.

    `data_files` is the pattern of a split's files with {split} in it, `contents` says what lies where and how to
    load it.
    """
    total = sum(census.by_split.values())
    files = "\n".join(
        f"      - split: {split}\n        path: {data_files.format(split=split)}" for split in census.splits
    )
    cells = sorted({(scenario, material) for scenario, material, _ in census.by_cell})
    table = "\n".join(
        f"| {scenario} | {material} | "
        + " | ".join(str(census.by_cell[scenario, material, one]) for one in SPLITS)
        + " |"
        for scenario, material in cells
    )
    media = ", ".join(sorted({"bare floor" if material == "none" else material for _, material in cells}))
    sizes = "; ".join(
        f"{count} of {frames} frames, {height} x {width} px, {fps:g} fps"
        for (frames, height, width, fps), count in sorted(census.sizes.items())
    )
    return f"""---
pretty_name: {name}
task_categories:
  - text-to-video
  - image-to-video
language:
  - en
tags:
  - physics
  - simulation
  - optical-flow
size_categories:
  - {_size_category(total)}
configs:
  - config_name: default
    data_files:
{files}
---

# {name}

{total} simulated clips of bodies and media ({media}), with captions, exact layers and camera, chosen by
quicksand's curation. Clips: {sizes}. No scene (seed) stands in two splits.

| scenario | material | {" | ".join(SPLITS)} |
|---|---|---|---|---|
{table}

{contents}

## How it was made

Bodies and medium are simulated together, then ray-traced; a second, pixel-centre pass yields the layers, so depth,
normals, segmentation and flow are exact, not estimated. Every clip says where it comes from and why it was let in
(`provenance`). The solvers are examined by published experiments: `validation.json`, where it lies beside this file,
holds every measurement, and the column `provenance_laws` counts those of a clip's medium. The
pictures are synthetic: what is learnt here about looks does not carry over to filmed video, what is learnt about motion
is meant to.
"""


def _size_category(total: int) -> str:
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((word for bound, word in bounds if total < bound), "n>1M")

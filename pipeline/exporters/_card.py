"""The data card: what is in a data set, how it was made, what vouches for it, how to load it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.exporters import About
from pipeline.exporters._describe import SPLITS
from pipeline.types import Example

CLIPS, LAWS = "plots/clips.png", "plots/laws.png"
"""Pictures of the card."""
Cell = tuple[str, str, str]
"""Grade, scenario, material."""


@dataclass
class Census:
    """Counts what goes by, so that the card can be written without keeping the examples."""

    by_split: Counter[str] = field(default_factory=Counter)
    by_cell: Counter[tuple[Cell, str]] = field(default_factory=Counter)
    """(cell, split) -> clips."""
    sizes: Counter[tuple[int, int, int, float]] = field(default_factory=Counter)
    """(frames, height, width, fps) -> clips."""

    def count(self, example: Example) -> None:
        """Take note of one example."""
        clip, scene = example.clip, example.scene
        self.by_split[example.split] += 1
        self.by_cell[(scene.grade, scene.scenario, scene.material), example.split] += 1
        self.sizes[(*clip.frames.shape[:3], float(clip.fps))] += 1

    @property
    def splits(self) -> list[str]:
        """The splits that have examples, in their usual order."""
        return [name for name in SPLITS if self.by_split[name]]

    @property
    def cells(self) -> list[Cell]:
        """The cells that have examples."""
        return sorted({cell for cell, _ in self.by_cell})

    @property
    def materials(self) -> list[str]:
        """The materials of the clips; 'none' for a bare floor."""
        return sorted({material for _, _, material in self.cells})


def judged(about: About, census: Census) -> list[Mapping[str, Any]]:
    """The rows of validation.json that have something to say: laws of the set's materials and of bodies."""
    media = {*census.materials, "none"}
    return [row for row in about.validation if row["medium"] in media and row["tolerance"] is not None]


def card(about: About, census: Census, data_files: str, contents: str) -> str:
    """README.md with the front matter that the Hugging Face hub and `datasets` read.

    `data_files` is the pattern of a split's files with {split} in it, `contents` says what lies where and how to
    load it. https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
    """
    total = sum(census.by_split.values())
    media = ", ".join("bare floor" if material == "none" else material for material in census.materials)
    sizes = "; ".join(
        f"{count} of {frames} frames, {height} x {width} px, {fps:g} fps"
        for (frames, height, width, fps), count in sorted(census.sizes.items())
    )
    return f"""{_front(about, census, data_files, total)}
# {about.name}

{total} simulated clips of bodies and media ({media}), with captions and provenance, chosen by quicksand's curation.
Clips: {sizes}. No scene (seed) stands in two splits.
{_warning(about)}
| grade | scenario | material | {" | ".join(SPLITS)} |
|---|---|---|---|---|---|
{_counts(census)}

![clips of each scenario and material, by split]({CLIPS})

{contents}

## How it was made

Bodies and medium are simulated together, then ray-traced; a second, pixel-centre pass yields the layers, so depth,
normals, segmentation and flow are exact, not estimated. Every clip says where it comes from and why it was let in
(`provenance`).

## What vouches for the solvers

{_standing(about, census)}

## Known limits

{_bullets(about.limits)}- The pictures are synthetic: what is learnt here about looks does not carry over to filmed
  video, what is learnt about motion is meant to. Captions are made from templates.
- Bodies are rigid and closed; there is one medium a scene; cameras stand still unless the scenario moves them.
- Videos are {_CODEC}: colours are halved in resolution, and estimated flow changes by some hundredths of a pixel.
{_missed(about, census)}
## Licence

{about.licence}. Textures and the meshes that come with quicksand (CC0 1.0) are its own; a clip whose body is a mesh of
yours (`asset=FILE`) or of pybullet_data is also bound by that mesh's licence.
"""


_CODEC = "H.264, yuv420p, crf 10"


def _front(about: About, census: Census, data_files: str, total: int) -> str:
    files = "\n".join(
        f"      - split: {split}\n        path: {_text(data_files.format(split=split))}" for split in census.splits
    )
    return f"""---
pretty_name: {_text(about.name)}
license: {_text(about.licence)}
task_categories:
  - text-to-video
  - image-to-video
language:
  - en
tags:
  - physics
  - simulation
  - synthetic
  - optical-flow
size_categories:
  - {_size_category(total)}
configs:
  - config_name: default
    data_files:
{files}
---
"""


def _text(value: str) -> str:
    """A scalar that YAML reads as this text, not as a number, a date or a truth value."""
    plain = re.fullmatch(r"[A-Za-z][\w/.-]+", value) and value.lower() not in ("true", "false", "yes", "no", "null")
    return value if plain and value.lower() not in ("on", "off") else json.dumps(value)


def _counts(census: Census) -> str:
    rows = [[*cell, *(str(census.by_cell[cell, split]) for split in SPLITS)] for cell in census.cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _warning(about: About) -> str:
    return f"\n> **Not validated** (allow_unvalidated=true): {about.unvalidated}.\n" if about.unvalidated else ""


def _standing(about: About, census: Census) -> str:
    """The table of laws and materials."""
    rows = judged(about, census)
    if not rows:
        return "Nothing: no measurement of these materials came with this set."
    counted: dict[tuple[str, str], list[bool]] = {}
    for row in rows:
        counted.setdefault((row["law"], row["medium"]), []).append(bool(row["passed"]))
    table = "\n".join(
        f"| {law.replace('_', ' ')} | {'bodies' if medium == 'none' else medium} | {sum(found)} "
        f"| {len(found) - sum(found)} |"
        for (law, medium), found in sorted(counted.items())
    )
    coarse = " A quick, coarse pass." if any(row["quick"] for row in rows) else ""
    return f"""They answer to published experiments, played through the path that clips take.{coarse}
`validation.json`, where it lies beside this file, has every measurement with its source; the column `provenance_laws`
says how a clip's medium stands.

| law | material | within tolerance | outside |
|---|---|---|---|
{table}

![distance of every measurement from the expected value, in tolerances]({LAWS})"""


def _bullets(sentences: Sequence[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)


def _missed(about: About, census: Census) -> str:
    """The measurements that are out of tolerance, as limits."""
    return _bullets([_miss(row) for row in judged(about, census) if not row["passed"]])


def _miss(row: Mapping[str, Any]) -> str:
    measured = "nothing" if row["measured"] is None else f"{row['measured']:.3g}"
    expected = f"{row['expected']:.3g} ± {row['tolerance']:.2g} is expected."
    law = row["law"].replace("_", " ")
    return f"{law}, {row['medium']}, {row['case']}: {row['quantity']} {measured} where {expected}"


def _size_category(total: int) -> str:
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((word for bound, word in bounds if total < bound), "1M<n<10M")


def outside(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[float]]]:
    """Law -> how far each of its measurements lies from the expected value, in tolerances; NaN counts as far out."""
    found: dict[str, list[float]] = {}
    for row in rows:
        measured, tolerance = row["measured"], row["tolerance"] or 1e-300
        away = abs(measured - row["expected"]) / tolerance if measured is not None else float("inf")
        found.setdefault(row["law"].replace("_", " "), []).append(away)
    return sorted(found.items())

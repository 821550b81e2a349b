"""A small training set of falling discs, for tests of the exporters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falling_disc
import numpy as np

from pipeline import video
from pipeline.exporters import About
from pipeline.types import Attempt, Example, Judgement

SPLITS = ("train", "train", "validation", "test", "train", "test")
COUNTS = {"train": 3, "validation": 1, "test": 2}
MEASURED = {
    "law": "dam_break",
    "medium": "water",
    "case": "16 cells",
    "quantity": "front",
    "expected": 1.0,
    "measured": 1.1,
    "tolerance": 0.2,
    "passed": True,
    "quick": False,
    "code": "8a1b2c3",
}
ABOUT = About("falling-discs", "2026-11-21", validation=(MEASURED, {**MEASURED, "measured": 1.5, "passed": False}))
HOSTILE = (
    'a "quoted", comma-laden\nline\r\nand another\u2028one; É \U0001f3d6 \t tab, \\ backslash, <b>, {split}',
    "沙" * 5000,
    "NA, null",
)
"""Captions that break tables which are not written with care."""


def example(number: int, split: str = "train") -> Example:
    material = ("sand", "water", "none")[number % 3]
    shown = falling_disc.clip(f"drop-{material}-{number:05d}", material, number, num_frames=9)
    scene = falling_disc.scene(shown, material, seed=100 + number)
    provenance = {"key": f"key{number}", "code": "8a1b2c3", "verdict": 'rule: "instructive" & sound'}
    curated = {"weight": 1.0 + number, "position": number if split == "train" else -1}
    return Example(shown, scene, (*scene.captions, "Ein Ball fällt."), split, provenance, curated=curated)


def examples() -> Iterator[Example]:
    return (example(number, split) for number, split in enumerate(SPLITS))


def attempt(one: Example, model: str = "next_frame", sample: int = 0, plausibility: float | None = 40.0) -> Attempt:
    """What a model might have made of it: the disc stops in mid-air."""
    stuck = np.minimum(falling_disc.fall(9, 48), falling_disc.fall(9, 48)[4 + sample])
    made = falling_disc.clip(one.clip.clip_id, one.scene.material, one.scene.seed - 100, num_frames=9, path=stuck)
    made = type(made)(made.clip_id, model, sample, made.frames, made.fps)
    said = None
    if plausibility is not None:
        said = Judgement(made.clip_id, model, sample, plausibility, {}, np.zeros(9, np.float32))
    return Attempt(made, 4, said)


def fingerprints(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def assert_same_film(data: bytes, one: Example, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(data)
    frames, fps = video.read(tmp_path / "film.mp4")
    assert frames.shape == one.clip.frames.shape
    assert fps == one.clip.fps
    assert np.abs(frames.astype(float) - one.clip.frames).mean() < 6


def assert_same_row(row: dict[str, Any], one: Example, split: str) -> None:
    """A row as `datasets` and `mlcroissant` give it."""
    assert row["split"] == split == one.split
    assert row["text"] == one.captions[0]
    assert row["captions"] == list(one.captions)
    assert (row["scenario"], row["material"], row["seed"]) == ("drop", one.scene.material, one.scene.seed)
    assert (row["fps"], row["num_frames"], row["height"], row["width"]) == (24.0, 9, 48, 48)
    assert (row["weight"], row["position"]) == (one.curated["weight"], one.curated["position"])
    assert row["provenance_verdict"] == one.provenance["verdict"]

"""A small review of real clips on the disk, for tests of the server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import falling_disc
import numpy as np

from pipeline import store
from pipeline.review import Review
from pipeline.review.decisions import FILE, Log
from pipeline.review.queue import FlowFile, Item, Shown, items
from pipeline.review.room import Room

SECRETS = ("truth", "swimmer", "drop-sand", "rgb.mkv", "preview")
"""Words that tell truth from generated, or where clips lie."""
PLAUSIBILITY = (10.0, 60.0, 90.0, 30.0)


def clip_on_disk(folder: Path, number: int, source: str) -> Shown:
    clip_id = f"drop-sand-{number:05d}"
    made = falling_disc.clip(clip_id, seed=number + 10 * (source != "truth"), size=48)
    clip = made if source == "truth" else replace(made, source=source, layers=None)
    store.save_clip(folder, store.key(clip_id, source), clip)
    entry = store.read_json(folder / store.CLIP)
    flow = (
        FlowFile(folder / "layers.npz", "forward_flow", entry["layers"]["forward_flow"]["steps_per_pixel"])
        if clip.layers
        else None
    )
    opinion = None
    if source != "truth":
        opinion = folder.with_suffix(".json")
        said = {
            "plausibility": PLAUSIBILITY[number],
            "parts": {},
            "per_frame": [float("nan"), *np.full(16, 50.0)],
            "gate": "",
        }
        store.write_json(opinion, {"judgements": [said]})
    caption = "a disc <b>falls</b>"
    return Shown(clip_id, source, 0, entry["files"]["rgb.mkv"], folder, 24.0, 17, (48, 48), caption, opinion, flow)


def pairs(folder: Path, count: int = 4) -> list[Item]:
    truths = [clip_on_disk(folder / f"t{number}", number, "truth") for number in range(count)]
    answers = [clip_on_disk(folder / f"g{number}", number, "swimmer") for number in range(count)]
    return items(truths, answers, ["pairs"])


def room(folder: Path, found: list[Item], reviewer: str = "", **settings: object) -> Room:
    given = {"repeats": 0.0, "double": 1.0, **settings}
    return Room("walk", found, Log(folder / FILE), 0, Review(**given), reviewer)  # type: ignore[arg-type]

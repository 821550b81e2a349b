"""The training set -> weights of a model that learns."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from pipeline import shelf, store, training, video
from pipeline.engines import Outcome
from pipeline.models import Learner
from pipeline.stages import Run, Tally
from pipeline.stages._log import log


def train(run: Run) -> Tally:
    """Train `model` on the run's exported VideoFolder; weights and log end in <run>/training/<model>/.

    Interrupted, the same command goes on from the last checkpoint. Raises ValueError for a model that does not learn
    and for a run without an exported training set.
    """
    name = shelf.name(run.model)
    if not isinstance(run.model, Learner):
        raise ValueError(f"model={name}: expected a model that learns, with network(), loss() and save()")
    clips = read_split(run, "train")
    folder = run.folder / "training" / name
    origin = store.key(run.model, store.read_json(run.folder / "dataset" / "videofolder" / store.MANIFEST)["key"])
    cpu, wall, records = time.process_time(), time.monotonic(), 0
    for record in run.training.fit(run.model, clips, folder, run.seed, read_split(run, "validation"), origin):
        records += 1
        outside = "" if record.held_out is None else f", held out {record.held_out:.4f}"
        stand = f"step {record.step} ({record.progress:.0%}), {record.seconds / 60:.1f} min"
        print(f"train {name}: {stand}, loss {record.loss:.4f}{outside}", file=sys.stderr)
    if records:
        spent = Outcome(name, cpu_seconds=time.process_time() - cpu, wall_seconds=time.monotonic() - wall)
        log(run, "train", name, spent)
    _write_origin(run, folder, len(clips))
    return Tally("train", (name,), 1 if records else 0)


def read_split(run: Run, split: str) -> list[training.Footage]:
    """Frames and exact flow of all clips of one split of the exported set, in the order of its metadata."""
    folder = run.folder / "dataset" / "videofolder" / split
    metadata = folder / "metadata.jsonl"
    if not metadata.exists():
        if split != "train":
            return []
        raise ValueError(
            f"run '{run.run}': expected an exported training set in {folder}, got none: "
            "run stage=simulate, stage=curate and stage=export first"
        )
    return [_footage(folder, json.loads(line)) for line in metadata.read_text().splitlines()]


def _footage(folder: Path, row: dict[str, str]) -> training.Footage:
    """One clip of a split, with the flow from the layers that were exported beside it."""
    if not row.get("layers"):
        raise ValueError(
            f"clip {row['clip_id']} in {folder}: expected layers beside the clip, got none; models learn motion from "
            "exact flow: run stage=export with the layer backward_flow"
        )
    with np.load(folder.parent / row["layers"]) as layers:
        flow = layers["backward_flow"].astype(np.float16)  # as fine as the export's steps, half the memory
    return training.Footage(video.read(folder / row["file_name"])[0], flow)


def _write_origin(run: Run, folder: Path, clips: int) -> None:
    """Beside the weights: what made them."""
    origin = store.read_json(run.folder / "provenance.json")
    origin["command"] = " ".join(["python -m pipeline", *sys.argv[1:]])
    origin["weights_sha256"] = store.sha256(folder / training.WEIGHTS)
    origin["clips"] = clips
    origin["training"] = run.training
    store.write_json(folder / "origin.json", origin)
    shutil.copyfile(run.folder / "dataset" / "videofolder" / store.MANIFEST, folder / "dataset_manifest.json")

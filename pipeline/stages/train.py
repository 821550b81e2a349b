"""The training set -> weights of a model that learns."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline import shelf, store, training, video
from pipeline.engines import Outcome
from pipeline.models import Learner
from pipeline.stages import Run, Tally
from pipeline.stages._judged import held_out_scenes, judge_all
from pipeline.stages._log import log
from pipeline.stages._rehearsal import rehearsed, set_folder
from pipeline.types import Bool


def train(run: Run) -> Tally:
    """Train `model` on the run's exported VideoFolder; weights and log end in <run>/training/<model>/.

    Interrupted, the same command goes on from the last checkpoint. Raises ValueError for a model that does not learn,
    for a run without an exported training set, and for clips at another rate than the model's.
    """
    name = shelf.name(run.model)
    if not isinstance(run.model, Learner):
        raise ValueError(f"model={name}: expected a model that learns, with network(), loss() and save()")
    if run.training.judge_every:
        held_out_scenes(run)  # or it would be missed only after the first steps
    clips, held_out = (read_split(run, split) for split in ("train", "validation"))
    folder = run.folder / "training" / name
    sets, new = [run.folder], len(clips)
    if run.training.rehearsal:
        sets.append(set_folder(run.training.rehearsal))
        earlier = replace(run, outputs=str(sets[1].parent), run=sets[1].name)
        clips = rehearsed(clips, read_split(earlier, "train"), run.training.rehearsal_share)
    keys = [store.read_json(one / "dataset" / "videofolder" / store.MANIFEST)["key"] for one in sets]
    origin = store.key(run.model, *keys)
    if training.helps():
        list(run.training.fit(run.model, clips, folder, run.seed, held_out, origin))
        return Tally("train", (name,))
    cpu, wall, records = time.process_time(), time.monotonic(), 0
    board = training.tracker(run.training.tracker, folder, f"{run.run}-{name}", asdict(run.training))
    for record in _shown(run, name, run.training.fit(run.model, clips, folder, run.seed, held_out, origin)):
        records += 1
        judged = judge_all(run, folder) if run.training.judge_every else {}
        numbers = {**asdict(record), "plausibility": judged.get(record.step)}
        board(record.step, {key: value for key, value in numbers.items() if value is not None})
    if records:
        spent = Outcome(name, cpu_seconds=time.process_time() - cpu, wall_seconds=time.monotonic() - wall)
        log(run, "train", name, spent)
    _write_origin(run, folder, new)
    return Tally("train", (name,), 1 if records else 0)


def _shown(run: Run, name: str, records: Iterator[training.Record]) -> Iterator[training.Record]:
    """The records, each as a line and on a progress bar."""
    with tqdm(total=run.training.steps, desc=f"train {name}", disable=None, file=sys.stderr) as bar:
        for record in records:
            bar.update(record.step - bar.n)
            outside = "" if record.held_out is None else f", held out {record.held_out:.4f}"
            stand = f"step {record.step} ({record.progress:.0%}), {record.seconds / 60:.1f} min"
            tqdm.write(f"train {name}: {stand}, loss {record.loss:.4f}{outside}", file=sys.stderr)
            yield record


def read_split(run: Run, split: str) -> list[training.Footage]:
    """All clips of one split of the exported set, in the order of its metadata: any VideoFolder will do."""
    folder = run.folder / "dataset" / "videofolder" / split
    metadata = folder / "metadata.jsonl"
    if not metadata.exists():
        if split != "train":
            return []
        raise ValueError(
            f"run '{run.run}': expected an exported training set in {folder}, got none: "
            "run stage=simulate, stage=curate and stage=export first"
        )
    rows = [json.loads(line) for line in metadata.read_text().splitlines()]
    return [_footage(run, folder, row) for row in rows]


def _footage(run: Run, folder: Path, row: dict[str, Any]) -> training.Footage:
    """One clip of a split with its captions, and its flow if layers were exported beside it."""
    frames, fps = video.read(folder / row["file_name"])
    fps, wanted = row.get("fps", fps), run.model.spec.fps
    if wanted and abs(fps / wanted - 1) > 0.01:
        raise ValueError(
            f"model={run.model.called}: it makes {wanted:g} frames a second, {row['file_name']} has {fps:g}: "
            f"simulate the set with fps={wanted:g}, or teach the model the clips' rate with model.fps={fps:g}"
        )
    captions = tuple(row.get("captions") or [row.get("text", "")])
    weight, position = row.get("weight", 1.0), row.get("position", 0)
    flow, bodies = _layers(folder, row)
    return training.Footage(frames, flow, bodies, captions, float(weight), int(position))


def _layers(folder: Path, row: dict[str, Any]) -> tuple[NDArray[np.float16] | None, Bool | None]:
    """Exact flow back to the frame before, as fine as the export's steps in half the memory, and the pixels of what is
    rigid and moves; None of what was not exported."""
    if not row.get("layers"):
        return None, None
    with np.load(folder.parent / row["layers"]) as layers:
        if "backward_flow" not in layers:
            return None, None
        flow = layers["backward_flow"].astype(np.float16)
        if "segmentation" not in layers or "material" not in layers:
            return flow, None
        return flow, training.moving_bodies(layers["segmentation"], layers["material"], flow)


def _write_origin(run: Run, folder: Path, clips: int) -> None:
    """Beside the weights: what made them."""
    origin = store.read_json(run.folder / "provenance.json")
    origin["command"] = " ".join(["python -m pipeline", *sys.argv[1:]])
    origin["weights_sha256"] = store.sha256(folder / training.WEIGHTS)
    origin["clips"] = clips
    origin["training"] = run.training
    store.write_json(folder / "origin.json", origin)
    shutil.copyfile(run.folder / "dataset" / "videofolder" / store.MANIFEST, folder / "dataset_manifest.json")

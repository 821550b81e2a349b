"""A training seen by the judge: how plausible its weights so far are on scenes that they did not learn from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.models import Model
from pipeline.stages import Run
from pipeline.stages._layout import PLAN, as_made, planned
from pipeline.stages.generate import generate
from pipeline.stages.score import score

JUDGED = "judged.jsonl"
"""One row a validation, beside the training's own log."""
WEIGHTS = "weights-*.safetensors"
"""What the training leaves for the judge, with the step in its name."""


def judge_all(run: Run, folder: Path) -> dict[int, float]:
    """Step -> mean plausibility 0..100 of all weights that a training has left in its folder.

    Those that are not judged yet are, and JUDGED says of each the mean, its standard error and what was made of each
    material. Raises ValueError if there are no scenes for it.
    """
    path = folder / JUDGED
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {row["step"]: row for row in rows}
    scenes = held_out_scenes(run)
    for weights in sorted(folder.glob(WEIGHTS)):
        step = int(weights.stem.split("-")[1])
        if step not in known:
            known[step] = {"step": step, **_judge(run, folder, run.model.taught(str(weights)), scenes)}  # type: ignore[attr-defined]
            store.write_text(path, "".join(json.dumps(known[one]) + "\n" for one in sorted(known)))
    return {step: row["plausibility"]["mean"] for step, row in known.items()}


def held_out_scenes(run: Run) -> list[dict[str, Any]]:
    """Rows of the plan: all scenes of the run `training.judged`, else this run's own of the validation split."""
    source = _source(run)
    rows: list[dict[str, Any]] = planned(source, "clips", "simulate its scenes first")
    if not run.training.judged:
        lines = (run.folder / "curation.jsonl").read_text().splitlines()
        splits = {row["clip_id"]: row["split"] for row in map(json.loads, lines)}
        rows = [row for row in rows if splits.get(row["clip_id"]) == "validation"]
    if not rows:
        raise ValueError(
            f"training.judge_every: run '{source.run}' has no scenes of the validation split; set curation.validation "
            "and run stage=curate again, or name a run with scenes of its own: training.judged=RUN"
        )
    return rows


def _source(run: Run) -> Run:
    """The run whose scenes are judged."""
    return replace(run, run=run.training.judged or run.run)


def _judge(run: Run, folder: Path, model: Model, scenes: list[dict[str, Any]]) -> dict[str, Any]:
    """Generate and score, as stages of a run of its own that borrows the scenes' clips and re-draws."""
    own = replace(run, run="judged", outputs=str(folder), stage="generate", model=model, baselines={})
    own.folder.mkdir(parents=True, exist_ok=True)
    for borrowed in ("clips", "redraws"):
        theirs = _source(run).folder / borrowed
        if theirs.exists() and not (own.folder / borrowed).is_symlink():
            (own.folder / borrowed).symlink_to(theirs.resolve(), target_is_directory=True)
    made = planned(_source(run), "made", "simulate its scenes first")
    store.update_json(own.folder / PLAN, clips=scenes, made=made)
    own = as_made(own)
    failed = {**generate(own).failed, **score(own).failed}
    total = store.read_json(own.folder / "summary.json")["models"][model.called]
    return {"plausibility": total["plausibility"], "by_material": total["by_material"], "failed": failed}

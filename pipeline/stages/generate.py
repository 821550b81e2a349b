"""Prompt -> clips by the model and the baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipeline import store
from pipeline.models import Model
from pipeline.stages import Run, Tally
from pipeline.stages._layout import PLAN, Truth, answer_folder, null_folder, score_folder, truths
from pipeline.stages._units import Unit, code, perform
from pipeline.types import Prompt

ROOMS = ("models", "stages.generate")


def generate(run: Run) -> Tally:
    """Every model's answers to every truth clip's prompt; plan.json lists them for the stages that follow.

    What other models have answered in this run stays beside them, as long as the prompts are the same.
    """
    known = truths(run)
    keys = {truth.clip_id: truth.key for truth in known}
    units = {
        (name, truth.clip_id, sample): _unit(run, name, model, truth, sample)
        for truth in known
        for name, model in run.models.items()
        for sample in range(run.samples if model.spec.stochastic else 1)
    }
    rows: list[dict[str, Any]] = [
        {"model": model, "clip_id": clip_id, "sample": sample, "key": unit.key, "truth": keys[clip_id]}
        for (model, clip_id, sample), unit in units.items()
    ]
    before = store.read_json(run.folder / PLAN)
    answered = before.get("answers", [])
    if before.get("prompt_frames") == run.prompt_frames:
        others = [row for row in answered if row["model"] not in run.models]
        rows += [row for row in others if row.get("truth") == keys.get(row["clip_id"])]
    # What was said of other answers is no longer about this run.
    current = {null_folder(run, truth.clip_id) for truth in known}
    current |= {score_folder(run, row["model"], row["clip_id"], row["sample"]) for row in rows if row in answered}
    said = {name: key for name, key in before.get("opinions", {}).items() if run.folder / name in current}
    store.update_json(run.folder / PLAN, answers=rows, prompt_frames=run.prompt_frames, opinions=said)
    return perform(run, "generate", list(units.values()))


def _unit(run: Run, name: str, model: Model, truth: Truth, sample: int) -> Unit:
    seed = sample_seed(run.seed, truth.clip_id, sample)
    key = store.key("answer", code(*ROOMS), model, model.fingerprint(), truth.key, run.prompt_frames, seed, sample)
    folder = answer_folder(run, name, truth.clip_id, sample)
    return Unit(
        f"{name}/{folder.name}", folder, key, _make, (truth.folder, run.prompt_frames, model, seed, sample), "clip.json"
    )


def _make(folder: Path, key: str, truth: Path, prompt_frames: int, model: Model, seed: int, sample: int) -> None:
    store.save_clip(folder, key, model.generate(prompt(truth, prompt_frames), seed, sample))


def sample_seed(seed: int, clip_id: str, sample: int) -> int:
    """From which a run of this seed draws its so-many-th answer to a clip."""
    return int(np.random.SeedSequence([seed, *clip_id.encode(), sample]).generate_state(1)[0])


def prompt(truth: Path, prompt_frames: int) -> Prompt:
    """What a model may see of a truth clip: its first caption and its first frames."""
    clip = store.load_clip(truth, layers=False)
    text = store.load_scene(truth).captions[0]
    return Prompt(clip.clip_id, text, clip.frames[:prompt_frames].copy(), clip.fps, len(clip.frames))

"""What a study notes of every answer: its errors, whether it passes, and what the judge says."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.metrics import ERRORS
from pipeline.stages import Run
from pipeline.stages._grid import Level
from pipeline.stages._layout import answers, null_folder, score_folder, truths
from pipeline.stages._opinions import read_opinion
from pipeline.stages.score import case_of
from pipeline.types import Judgement, Score

BOUNDS = {
    "path": "object_path_error",
    "velocity": "object_velocity_error",
    "final": "object_final_error",
    "medium": "medium_error",
    "lost": "object_lost",
}
"""What a level bounds -> the error that it bounds."""
FINAL = 4
"""The last state is that of the last quarter of the clip."""
MEASURED = (*ERRORS, "object_final_error", "plausibility")
"""Columns of numbers; those that pass are called pass_<level>."""

Mark = dict[str, Any]
"""One clip of a test and what one model made of it, samples averaged."""


def marks(
    run: Run, models: Sequence[str], levels: Mapping[str, Level], asked: Mapping[str, set[str]]
) -> Iterator[Mark]:
    """What the models of a scored run are worth, clip by clip. `asked` says which errors each clip can have."""
    about = {truth.clip_id: case_of(truth) for truth in truths(run)}
    said: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    for one in answers(run):
        folder = score_folder(run, one.model, one.clip_id, one.sample)
        if one.model in models and (folder / "opinion.json").exists():
            opinion = read_opinion(folder)
            said[one.model, one.clip_id].append(mark_of(opinion.errors, opinion.judgements, levels, asked[one.clip_id]))
    for (model, clip_id), some in said.items():
        yield {"answered_by": model, **vars(about[clip_id]), **_mean(some)}


def marks_of_redraws(run: Run, levels: Mapping[str, Level], asked: Mapping[str, set[str]]) -> Iterator[Mark]:
    """The same of the truth drawn again: what chance alone does."""
    for truth in truths(run):
        opinion = read_opinion(null_folder(run, truth.clip_id))
        drawn: dict[int, list[Score]] = defaultdict(list)
        for error in opinion.errors:
            drawn[error.sample].append(error)
        said = {one.sample: one for one in opinion.judgements}
        some = [
            mark_of(errors, [said[draw]] if draw in said else (), levels, asked[truth.clip_id])
            for draw, errors in drawn.items()
        ]
        if some:
            yield {"answered_by": "truth", **vars(case_of(truth)), **_mean(some)}


def askable(run: Run, model: str) -> dict[str, set[str]]:
    """Clip -> errors that it can have: those that a model has whose answers are sound by construction."""
    known = {}
    for one in answers(run):
        if one.model == model and one.sample == 0:
            opinion = read_opinion(score_folder(run, model, one.clip_id, 0))
            known[one.clip_id] = {error.metric for error in opinion.errors if math.isfinite(error.value)}
    return known


def passed(errors: Mapping[str, float], level: Level, asked: Iterable[str]) -> bool:
    """Whether all errors that the clip can have are within the level's bounds; one that is not known is not."""
    return strain(errors, level, asked) <= 1.0


def strain(errors: Mapping[str, float], level: Level, asked: Iterable[str]) -> float:
    """The largest of the errors that the clip can have [of the level's bound]; infinite if one is not known."""
    bounds = {BOUNDS[name]: bound for name, bound in vars(level).items()}
    shares = [errors[name] / bounds[name] for name in asked if name in bounds]
    return max((share if math.isfinite(share) else math.inf for share in shares), default=0.0)


def strain_of(errors: Sequence[Score], level: Level, asked: set[str]) -> float:
    """The same of an answer that was found to have these errors."""
    found = _found(errors)
    return strain(found, level, _wanted(found, asked))


def mark_of(
    errors: Sequence[Score], judgements: Sequence[Judgement], levels: Mapping[str, Level], asked: set[str]
) -> Mark:
    """What one answer is worth that was found to have these errors."""
    found = _found(errors)
    wanted = _wanted(found, asked)
    whole = {"plausibility": judgements[0].plausibility if judgements else math.nan}
    passes = {f"pass_{name}": passed(found, level, wanted) for name, level in levels.items()}
    tested = {name: float(said) if wanted else math.nan for name, said in passes.items()}
    return {**found, **whole, **tested}


def _found(errors: Sequence[Score]) -> dict[str, float]:
    """Every error, and that of the last state."""
    found = {error.metric: error.value for error in errors}
    path = next(error for error in errors if error.metric == "object_path_error")
    last = path.per_frame[-max(1, len(path.per_frame) // FINAL) :]
    found["object_final_error"] = float(np.nanmean(last)) if np.isfinite(last).any() else math.nan
    return found


def _wanted(found: Mapping[str, float], asked: set[str]) -> set[str]:
    """The errors that levels bound. At the end a body may be buried: then its last state is not asked."""
    last = {"object_final_error"} if math.isfinite(found["object_final_error"]) else set()
    return (asked & set(BOUNDS.values())) | last


def _mean(samples: Sequence[Mark]) -> Mark:
    """Over the samples of a clip; NaN only where none has a number."""
    names = samples[0]
    known = {name: [one[name] for one in samples if math.isfinite(one[name])] for name in names}
    means = {name: float(np.mean(values)) if values else math.nan for name, values in known.items()}
    return {**means, "samples": len(samples)}


def totals(some: Sequence[Mark], columns: Sequence[str]) -> Mark:
    """Of each column: mean, standard error over clips, and how many clips have a number."""
    found: Mark = {}
    for name in columns:
        values = np.array([one[name] for one in some if math.isfinite(one[name])])
        found[name] = float(values.mean()) if len(values) else None
        found[f"{name}_standard_error"] = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
        found[f"{name}_clips"] = len(values)
    return found

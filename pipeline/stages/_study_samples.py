"""Test scenes put to a model that has learnt, again and again until so many answers pass (PassUntil, docs/passing.md).

Answers are not kept, only how near they come to passing: cells/<cell>/passes/<test>/<clip>.json.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.metrics import at_scoring_size, stabilised
from pipeline.passing import pass_until
from pipeline.stages import Run
from pipeline.stages._grid import Study
from pipeline.stages._layout import Truth, null_folder, truths
from pipeline.stages._marks import BOUNDS, strain_of
from pipeline.stages._units import code
from pipeline.stages.generate import ROOMS as GENERATE_ROOMS
from pipeline.stages.generate import prompt, sample_seed
from pipeline.stages.score import ROOMS as SCORE_ROOMS
from pipeline.stages.score import case_of, errors_of, read_flow
from pipeline.types import Take

PASSES = "passes"


def sampled(study: Study, one: Run, name: str, test: Run, asked: Mapping[str, set[str]]) -> Iterator[dict[str, Any]]:
    """Of the first scenes of a test: how many answers passed, of how many; what was sampled before is found again.

    `one` has the model and the seed, `test` the scenes and their nulls, `asked` says which errors each clip can have.
    """
    sampling = study.sampling
    for truth in _scenes(study, test, asked):
        file = one.folder / PASSES / name / f"{truth.clip_id}.json"
        strains = _strains(study, one, test, truth, asked[truth.clip_id], file)
        yield {
            "test": name,
            "clip_id": truth.clip_id,
            "grade": case_of(truth).grade,
            "level": sampling.level,
            "strains": strains,
        }


def _scenes(study: Study, test: Run, asked: Mapping[str, set[str]]) -> list[Truth]:
    """The first ones of each grade of which anything can be asked."""
    by_grade: dict[str, list[Truth]] = {}
    for truth in truths(test):
        if asked.get(truth.clip_id, set()) & set(BOUNDS.values()):
            by_grade.setdefault(case_of(truth).grade, []).append(truth)
    return [truth for some in by_grade.values() for truth in some[: study.sampling.scenes]]


def outcomes(strains: Sequence[float | None], slack: float = 1.0) -> tuple[bool, ...]:
    """Which samples pass bounds that are so many times as wide; an error that is not known (None) does not."""
    return tuple(strain is not None and strain <= slack for strain in strains)


def _strains(study: Study, one: Run, test: Run, truth: Truth, asked: set[str], file: Path) -> list[float | None]:
    """The largest error of each sample [of its bound]; noted after every one."""
    sampling, level = study.sampling, study.levels[study.sampling.level]
    made_by = code(*GENERATE_ROOMS, *SCORE_ROOMS, "stages._marks")
    key = store.key(made_by, one.model, one.model.fingerprint(), one.seed, truth.key, test.prompt_frames, level)
    kept = store.read_json(file) if file.exists() else {}
    known: list[float | None] = kept["strains"] if kept.get("key") == key else []
    file.parent.mkdir(parents=True, exist_ok=True)
    given, reference = prompt(truth.folder, test.prompt_frames), at_scoring_size(store.load_clip(truth.folder))
    original = Take(reference, read_flow(null_folder(test, truth.clip_id)))

    def passes(number: int) -> bool:
        clip = one.model.generate(given, sample_seed(one.seed, truth.clip_id, number), number)
        # No level bounds the flow, half of the work: the original's own stands in for it.
        take = Take(stabilised(reference, at_scoring_size(clip)), original.flow)
        errors = errors_of(original, take, test.prompt_frames)
        strain = strain_of(errors, level, asked)
        known.append(strain if math.isfinite(strain) else None)
        store.write_json(file, {"key": key, "strains": known})
        return strain <= 1.0

    pass_until(passes, sampling.wanted, sampling.cap, outcomes(known))
    return known

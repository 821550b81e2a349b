"""From many judgements to a few honest numbers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

import numpy as np

from pipeline._report.nouns import Case, Mean, MeanError, ModelSummary
from pipeline.types import Float32, Judgement, Score

BAD = 50.0
"""A frame less plausible than this counts as broken, 0..100."""


def summarise(
    model: str,
    role: str,
    judgements: Iterable[Judgement],
    cases: Sequence[Case],
    errors: Sequence[Score] = (),
) -> ModelSummary:
    """Means of one model over clips, with standard errors; `cases` are all clips that it was asked about.

    Samples of one clip are averaged first: they are not independent, so they must not shrink the standard error.
    Degenerate answers count as 0; clips that were never judged are named in `missing`.
    """
    mine = [one for one in judgements if one.model == model]
    wrong = [one for one in errors if one.model == model]
    by_clip = _by_clip([(one.clip_id, one.plausibility) for one in mine])
    metrics: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for one in mine:
        for metric, value in one.parts.items():
            metrics[metric].append((one.clip_id, value))
    return ModelSummary(
        model=model,
        role=role,
        plausibility=_mean(by_clip.values()),
        metrics=_means({metric: _by_clip(values).values() for metric, values in metrics.items()}),
        by_scenario=_grouped(by_clip, {case.clip_id: case.scenario for case in cases}),
        by_material=_grouped(by_clip, {case.clip_id: case.material for case in cases}),
        by_grade=_grouped(by_clip, {case.clip_id: case.grade for case in cases}),
        by_clip=by_clip,
        degenerate={f"{one.clip_id}/{one.sample}": one.gate for one in mine if one.gate},
        missing=tuple(case.clip_id for case in cases if case.clip_id not in by_clip),
        errors=mean_errors(wrong),
        errors_by_material={
            material: found
            for material in sorted({case.material for case in cases})
            if (found := mean_errors(_about(wrong, cases, material)))
        },
    )


def mean_errors(errors: Iterable[Score]) -> dict[str, MeanError]:
    """Name of an error -> its mean over clips, samples of a clip averaged first; clips about which it cannot be told
    are left out."""
    values: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for one in errors:
        values[one.metric, one.unit].append((one.clip_id, one.value))
    means = {key: _mean(_by_clip(found).values()) for key, found in values.items()}
    return {name: MeanError(one.mean, one.standard_error, one.n, unit) for (name, unit), one in means.items() if one}


def first_bad_frame(per_frame: Float32, prompt_frames: int) -> int | None:
    """Where a clip breaks: the first frame after the prompt from which two measured frames in a row are below BAD
    (one alone may be noise; the last frame may stand alone). None if it never does."""
    measured = [frame for frame in range(prompt_frames, len(per_frame)) if math.isfinite(per_frame[frame])]
    for frame, following in zip(measured, [*measured[1:], None], strict=False):
        if per_frame[frame] < BAD and (following is None or per_frame[following] < BAD):
            return frame
    return None


def chosen(summaries: Sequence[ModelSummary], cases: Sequence[Case], most: int = 24) -> list[str]:
    """Clips that a page of bearable size shows in full: all if there are few, else the least and the most plausible
    of the first summary's model and some from between, in the order of the cases. Clips without an answer come first:
    what failed is looked at."""
    if len(cases) <= most:
        return [case.clip_id for case in cases]
    by_clip = summaries[0].by_clip if summaries else {}
    order = sorted(cases, key=lambda case: (by_clip.get(case.clip_id, -1.0), case.clip_id))
    kept = {order[place].clip_id for place in spread(len(order), most)}
    return [case.clip_id for case in cases if case.clip_id in kept]


def spread(count: int, number: int) -> list[int]:
    """`number` frames spread evenly over a clip of `count`, first and last included."""
    return [int(frame) for frame in np.unique(np.linspace(0, count - 1, min(number, count)).round())]


def _about(errors: Sequence[Score], cases: Sequence[Case], material: str) -> list[Score]:
    """The errors in clips of one material."""
    clips = {case.clip_id for case in cases if case.material == material}
    return [one for one in errors if one.clip_id in clips]


def _by_clip(values: Sequence[tuple[str, float]]) -> dict[str, float]:
    samples: dict[str, list[float]] = defaultdict(list)
    for clip_id, value in values:
        if math.isfinite(value):
            samples[clip_id].append(value)
    return {clip_id: fmean(found) for clip_id, found in sorted(samples.items())}


def _mean(values: Iterable[float]) -> Mean | None:
    found = list(values)
    if not found:
        return None
    return Mean(fmean(found), stdev(found) / math.sqrt(len(found)) if len(found) > 1 else None, len(found))


def _means(groups: Mapping[str, Iterable[float]]) -> dict[str, Mean]:
    means = {name: _mean(groups[name]) for name in sorted(groups)}
    return {name: mean for name, mean in means.items() if mean is not None}


def _grouped(by_clip: Mapping[str, float], group: Mapping[str, str]) -> dict[str, Mean]:
    groups: dict[str, list[float]] = defaultdict(list)
    for clip_id, value in by_clip.items():
        if clip_id in group:
            groups[group[clip_id]].append(value)
    return _means(groups)

"""Truth, re-draws and generated clips -> scores and plausibility."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline import report, store
from pipeline.flows import Flow
from pipeline.judge import Judge
from pipeline.metrics import ERRORS, FILMED_AGAIN, Metric, at_scoring_size, filmed_again, fvmd, stabilised, truth_errors
from pipeline.stages import Run, Tally
from pipeline.stages._alone import score_alone
from pipeline.stages._layout import (
    PLAN,
    Answer,
    Truth,
    answers,
    lost,
    null_folder,
    prompted,
    score_folder,
    truths,
)
from pipeline.stages._opinions import Opinion, read_opinion, write_opinion
from pipeline.stages._units import Unit, code, perform
from pipeline.stages.generate import generate
from pipeline.types import Clip, FlowField, Judgement, Score, Take

ROOMS = ("flows", "metrics", "judge", "stages.score", "stages._opinions")


def score(run: Run) -> Tally:
    """The null of every truth clip, then an opinion about every answer; scores.parquet and the models' totals.

    Answers that were made elsewhere (model=folder) are read first; what cannot be read is named.
    Without a reference there is no truth, and laws alone speak (see `_alone.py`).
    """
    if run.reference == "none":
        return score_alone(run)
    run = replace(run, prompt_frames=prompted(run))
    unread = generate(run).failed if run.stage == "score" and run.model.made_elsewhere else {}
    known, missing = _referred(run, truths(run)), lost(run)
    nulls = {truth.clip_id: null_unit(run, truth) for truth in known}
    first = perform(run, "score", list(nulls.values()))
    asked = answers(run)
    units = {
        answer: _answer_unit(run, answer, truth, nulls[truth.clip_id])
        for truth in known
        for answer in asked
        if answer.clip_id == truth.clip_id and answer.complete and nulls[truth.clip_id].name in first.done
    }
    second = perform(run, "score", list(units.values()))
    done, failed = (*first.done, *second.done), {**missing, **unread, **first.failed, **second.failed}
    made = {unit.folder.relative_to(run.folder).as_posix(): unit.key for unit in (*nulls.values(), *units.values())}
    store.update_json(run.folder / PLAN, opinions=made)
    said = {
        (answer.model, answer.clip_id, answer.sample): read_opinion(unit.folder)
        for answer, unit in units.items()
        if unit.name in second.done
    }
    cases = [case_of(truth) for truth in known if nulls[truth.clip_id].name in first.done]
    _write_table(run.folder / "scores.parquet", said, cases)
    summary = run.folder / "summary.json"
    totals = _totals(run, said, cases)
    for model, total in totals.items():
        asked_of = [unit.folder for answer, unit in units.items() if answer.model == model and unit.name in second.done]
        total["sets"] = {"fvmd": _motion_distance([null_folder(run, case.clip_id) for case in cases], asked_of)}
    errors = [one for case in cases for one in read_opinion(null_folder(run, case.clip_id)).errors]
    drawn_again = dataclasses.asdict(report.summarise("truth", "reference", (), cases, errors))
    told = {key: drawn_again[key] for key in ("errors", "errors_by_material")}
    store.update_json(summary, models=totals, reference=run.reference, redraws=told)
    return Tally("score", done, first.made + second.made, failed)


def _referred(run: Run, known: list[Truth]) -> list[Truth]:
    """The truths with as many re-draws as the run's reference has. Raises ValueError if a second take is missing."""
    if run.reference == "redraws":
        return known
    without = [truth.clip_id for truth in known if not truth.redraws]
    if without:
        raise ValueError(
            f"reference=take: expected a second take of every clip, got none of {', '.join(without)}; "
            "simulate with redraws=1 or more"
        )
    return [replace(truth, redraws=truth.redraws[:1]) for truth in known]


def case_of(truth: Truth) -> report.Case:
    """What a truth clip is an example of."""
    scene = store.load_scene(truth.folder)
    return report.Case(truth.clip_id, scene.scenario, scene.material, scene.grade)


def null_unit(run: Run, truth: Truth) -> Unit:
    """How far the re-draws of a truth clip are from it."""
    folder = null_folder(run, truth.clip_id)
    plugins = (run.flow, run.metrics, run.judge, run.prompt_frames)
    redrawn = [key for _, key in truth.redraws]
    key = store.key("null", code(*ROOMS), truth.key, redrawn, run.flow.estimator, plugins)
    redraws = [folder for folder, _ in truth.redraws]
    return Unit(f"truth/{truth.clip_id}", folder, key, _make_null, (truth.folder, redraws, *plugins))


def _make_null(
    folder: Path,
    key: str,
    truth_folder: Path,
    redraws: Sequence[Path],
    flow: Flow,
    metrics: Mapping[str, Metric],
    judge: Judge,
    prompt_frames: int,
) -> None:
    """How far re-draws of the truth are from it, and what the judge says of each in the light of the others."""
    clip = at_scoring_size(store.load_clip(truth_folder))
    truth = Take(clip, flow.estimate(clip))
    null: dict[str, list[Score]] = {name: [] for name in metrics}
    errors: list[Score] = []
    for redraw in redraws:
        take = take_of(truth.clip, store.load_clip(redraw, layers=False), flow)
        for name, metric in metrics.items():
            null[name].append(compare(metric, name, truth, take))
        errors += errors_of(truth, take, prompt_frames)
    again = take_of(truth.clip, filmed_again(truth.clip), flow)
    picture = {name: compare(metric, name, truth, again) for name, metric in metrics.items()}
    judgements = judge.leave_one_out(null, prompt_frames, picture) if redraws else []
    scores = (*(score for column in null.values() for score in column), *picture.values())
    _publish(folder, key, Opinion(scores, tuple(judgements), tuple(errors)), truth.flow)


def _answer_unit(run: Run, answer: Answer, truth: Truth, null: Unit) -> Unit:
    folder = score_folder(run, answer.model, answer.clip_id, answer.sample)
    plugins = (run.flow, run.metrics, run.judge, run.prompt_frames)
    key = store.key("opinion", null.key, answer.key, plugins)
    arguments = (truth.folder, null.folder, answer.folder, *plugins)
    return Unit(f"{answer.model}/{folder.name}", folder, key, _make_opinion, arguments)


def _make_opinion(
    folder: Path,
    key: str,
    truth_folder: Path,
    null_folder: Path,
    answer_folder: Path,
    flow: Flow,
    metrics: Mapping[str, Metric],
    judge: Judge,
    prompt_frames: int,
) -> None:
    original, clip = store.load_clip(truth_folder), store.load_clip(answer_folder)
    truth = Take(at_scoring_size(original), read_flow(null_folder))
    other = take_of(truth.clip, clip, flow)
    gate = judge.gate(original, clip, prompt_frames)
    if clip.frames.shape == original.frames.shape:
        scores = [compare(metric, name, truth, other) for name, metric in metrics.items()]
        errors = errors_of(truth, other, prompt_frames)
    else:
        scores, errors = ([_failed(clip, name, gate) for name in names] for names in (metrics, ERRORS))
    null, picture = read_null(null_folder)
    judgement = judge.judge(scores, null, gate, prompt_frames, picture)
    _publish(folder, key, Opinion(tuple(scores), (judgement,), tuple(errors)), other.flow)


def read_null(folder: Path) -> tuple[dict[str, list[Score]], dict[str, Score]]:
    """Metric -> scores of the re-draws, and metric -> score of the truth filmed again, from a published null."""
    null: dict[str, list[Score]] = {}
    picture = {}
    for score in read_opinion(folder).scores:
        if score.model == FILMED_AGAIN:
            picture[score.metric] = score
        else:
            null.setdefault(score.metric, []).append(score)
    return null, picture


def compare(metric: Metric, name: str, truth: Take, other: Take) -> Score:
    """A metric's score; one that breaks gives a failed score, which the judge counts as 0 and names."""
    try:
        return metric.compare(truth, other)
    except Exception as error:  # whatever it is, the clip stays in the mean
        return _failed(other.clip, name, f"{type(error).__name__}: {error}")


def errors_of(truth: Take, other: Take, prompt_frames: int) -> list[Score]:
    """The clip's errors against the truth; where that breaks, failed scores, as in `compare`."""
    try:
        return list(truth_errors(truth, other, prompt_frames))
    except Exception as error:
        return [_failed(other.clip, name, f"{type(error).__name__}: {error}") for name in ERRORS]


def _failed(clip: Clip, metric: str, why: str) -> Score:
    import numpy as np

    nothing = np.full(len(clip.frames), np.nan, np.float32)
    return Score(clip.clip_id, clip.source, clip.sample, metric, float("nan"), "", nothing, failure=why)


def take_of(truth: Clip, clip: Clip, flow: Flow) -> Take:
    """A clip that is to be compared with the truth, which is given at its scoring size: brought to that size, as a
    steady camera would have seen it, with its flow."""
    steady = stabilised(truth, at_scoring_size(clip))
    return Take(steady, flow.estimate(steady))


def _publish(folder: Path, key: str, opinion: Opinion, flow: FlowField) -> None:
    with store.publish(folder, key, {"estimator": flow.estimator}) as unfinished:
        write_opinion(unfinished, opinion)
        store.write_arrays(unfinished / "flow.npz", {"forward": flow.forward})


def read_flow(folder: Path) -> FlowField:
    """The flow that a published opinion rests on."""
    estimator = store.read_json(folder / store.MANIFEST)["estimator"]
    return FlowField(store.read_arrays(folder / "flow.npz")["forward"], estimator)


Opinions = Mapping[tuple[str, str, int], Opinion]
"""(Model, clip id, sample) -> what was said of the answer."""


def _rows(opinions: Opinions, cases: Sequence[report.Case]) -> Iterator[dict[str, Any]]:
    """One row a (clip, model, sample, metric or error), and one for the whole: metric 'plausibility'."""
    known = {case.clip_id: dataclasses.asdict(case) for case in cases}
    for (model, clip_id, sample), opinion in opinions.items():
        judgement = opinion.judgements[0]
        shared = {**known[clip_id], "model": model, "sample": sample}
        for score in (*opinion.scores, *opinion.errors):
            part = judgement.parts.get(score.metric)
            evidence = {"per_frame": score.per_frame.tolist(), "failure": score.failure}
            value = score.value if math.isfinite(score.value) else None
            yield {**shared, "metric": score.metric, "value": value, "unit": score.unit, "part": part, **evidence}
        whole = {"metric": "plausibility", "value": judgement.plausibility, "unit": "0..100"}
        evidence = {"per_frame": judgement.per_frame.tolist(), "failure": judgement.gate}
        yield {**shared, **whole, "part": judgement.plausibility, **evidence}


def _write_table(path: Path, opinions: Opinions, cases: Sequence[report.Case]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = ("clip_id", "scenario", "material", "grade", "model", "metric", "unit", "failure")
    columns = [(name, pa.string()) for name in text]
    columns += [("sample", pa.int64()), ("value", pa.float64()), ("part", pa.float64())]
    schema = pa.schema([*columns, ("per_frame", pa.list_(pa.float32()))])
    with store.replacing(path) as unfinished:
        pq.write_table(pa.Table.from_pylist(list(_rows(opinions, cases)), schema), unfinished)


def _motion_distance(truths: Sequence[Path], answered: Sequence[Path]) -> float | None:
    """FVMD-like distance of a model's whole set from the truth's [px^2]; None if there is too little of either."""
    histories = [[fvmd.Fvmd().histories(read_flow(one).forward) for one in folders] for folders in (truths, answered)]
    if not all(histories):
        return None
    found = fvmd.between(*histories)
    return found if found == found else None


def _totals(run: Run, opinions: Opinions, cases: Sequence[report.Case]) -> dict[str, Any]:
    """summary.json's entry `models`: means over clips; what was gated or is missing is named."""
    judgements: list[Judgement] = [one for opinion in opinions.values() for one in opinion.judgements]
    errors = [one for opinion in opinions.values() for one in opinion.errors]
    totals = {}
    for name in dict.fromkeys([*run.models, *(model for model, _, _ in opinions)]):
        total = dataclasses.asdict(report.summarise(name, "model", judgements, cases, errors))
        totals[name] = {key: value for key, value in total.items() if key not in ("model", "role", "by_clip")}
    return totals

"""From nouns to what the template writes down: pictures and charts made, numbers put into words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from markupsafe import Markup

from pipeline._report import charts, pictures
from pipeline._report.nouns import Case, ClipRow, Mean, MeanError, ModelAnswer, ModelSummary, Page
from pipeline._report.summary import first_bad_frame, spread
from pipeline.types import Float32, Judgement, Score, UInt8, Verdict

TILES = 8
"""Pictures in a strip."""
GALLERY = 4
"""Answers in each gallery."""


@dataclass(frozen=True)
class Part:
    """One metric's share in a judgement."""

    name: str
    words: str
    """The number, or why there is none."""
    share: float | None
    """0..100; None if not measured."""
    distance: str


@dataclass(frozen=True)
class Panel:
    """One answer, ready to be shown."""

    anchor: str
    title: str
    role: str
    words: str
    """The plausibility in words."""
    plausibility: float | None
    breaks_at: str
    """Where it breaks, in words; empty if it does not."""
    mark: float | None
    """The same place as a share of the clip's length [%]."""
    gate: str
    failure: str
    rgb: str
    flow: str
    bars: Markup
    curves: tuple[tuple[str, Markup | None], ...]
    """Name and chart; no chart where nothing was measured."""
    parts: tuple[Part, ...]
    thumbnail: str
    """Truth and answer at the place where it breaks, or in the middle."""
    notes: str
    """What was done to the clip on the way, e.g. resampled; empty if nothing was."""


@dataclass(frozen=True)
class Chapter:
    """One clip with its answers, ready to be shown."""

    case: Case
    seed: int
    caption: str
    facts: Mapping[str, str]
    times: tuple[tuple[int, str, bool], ...]
    """Frame, time and 'was given' of every picture of the strips."""
    rgb: str
    flow: str
    flow_scale: str
    film: str
    cells: tuple[tuple[str, float, float], ...]
    """Label, left [%] and top [%] of every clip in the film."""
    cell_size: tuple[float, float]
    """Width and height of a clip in the film [%]."""
    aspect: float
    panels: tuple[Panel, ...]


def chapter(row: ClipRow, roles: Mapping[str, str]) -> Chapter:
    """A clip's chapter; nothing of the clip itself is kept."""
    frames, flow, fps = row.truth.clip.frames, row.truth.flow.forward, row.truth.clip.fps
    shown = spread(len(frames), TILES)
    scale = pictures.flow_scale(flow)
    told = [answer for answer in row.answers if answer.take is not None]
    names = ["truth", *(_title(answer, row.answers) for answer in told)]
    film, columns, lines = pictures.film([frames, *(one.take.clip.frames for one in told if one.take)], fps)
    return Chapter(
        case=row.case,
        seed=row.seed,
        caption=row.caption,
        facts=row.facts,
        times=tuple((frame, f"{frame / fps:.2f} s", frame < row.prompt_frames) for frame in shown),
        rgb=pictures.strip([frames[frame] for frame in shown]),
        flow=_flow_strip(flow, shown, scale),
        flow_scale=f"{scale:.2g} px per frame",
        film=film,
        cells=tuple(
            (name, 100 * (number % columns) / columns, 100 * (number // columns) / lines)
            for number, name in enumerate(names)
        ),
        cell_size=(100 / columns, 100 / lines),
        aspect=columns * frames.shape[2] / (lines * frames.shape[1]),
        panels=tuple(_panel(row, answer, roles.get(answer.model, "model"), shown, scale) for answer in row.answers),
    )


def _panel(row: ClipRow, answer: ModelAnswer, role: str, shown: Sequence[int], scale: float) -> Panel:
    fps, judgement = row.truth.clip.fps, answer.judgement
    per_frame = judgement.per_frame if judgement else np.full(len(row.truth.clip.frames), np.nan, np.float32)
    bad = first_bad_frame(per_frame, row.prompt_frames)
    frames = answer.take.clip.frames if answer.take else None
    return Panel(
        anchor=f"{row.case.clip_id}--{answer.model}-{answer.sample}",
        title=_title(answer, row.answers),
        role=role,
        words=plausibility_words(judgement, answer.failure),
        plausibility=judgement.plausibility if judgement else None,
        breaks_at="" if bad is None else f"breaks at {bad / fps:.2f} s (frame {bad})",
        mark=None if bad is None else 100 * (bad + 0.5) / len(per_frame),
        gate=judgement.gate if judgement else "",
        failure=answer.failure,
        rgb="" if frames is None else pictures.strip([_at(frames, frame) for frame in shown]),
        flow=_flow_strip(answer.take.flow.forward, shown, scale) if answer.take else "",
        bars=charts.breaks(per_frame, row.prompt_frames, shown),
        curves=tuple(
            (
                curve.name,
                charts.curve_chart(curve, fps, row.prompt_frames, bad) if np.isfinite(curve.answer).any() else None,
            )
            for curve in answer.curves
        ),
        parts=tuple(_parts(judgement, answer.scores)),
        thumbnail="" if frames is None else _thumbnail(row.truth.clip.frames, frames, bad),
        notes="; ".join(f"{name}: {note}" for name, note in answer.take.clip.notes.items()) if answer.take else "",
    )


def plausibility_words(judgement: Judgement | None, failure: str) -> str:
    """'41.2', or why there is no number."""
    if judgement is None:
        return f"not measured: {failure or 'it was never judged'}"
    if not math.isfinite(judgement.plausibility):
        return "not measured: the judge found no evidence"
    return f"{judgement.plausibility:.0f}"


def _parts(judgement: Judgement | None, scores: Sequence[Score]) -> Iterable[Part]:
    """Every metric that spoke, or should have, in the order of the judgement."""
    by_metric = {score.metric: score for score in scores}
    values = dict(judgement.parts) if judgement else {}
    for metric in dict.fromkeys([*values, *by_metric]):
        value, score = values.get(metric, math.nan), by_metric.get(metric)
        known = math.isfinite(value)
        reason = score.failure if score and score.failure else "the judge gave no part"
        distance = f"{score.value:.3g} {score.unit}" if score and math.isfinite(score.value) else ""
        words = f"{value:.0f}" if known else f"not measured: {reason}"
        yield Part(spoken(metric), words, float(value) if known else None, distance)


def mean_words(mean: Mean | None, missing: str = "not measured: no clip was judged") -> str:
    """'41.2 ± 3.1', '41.2' for one clip, or why there is no number."""
    if mean is None:
        return missing
    return f"{mean.mean:.1f}" if mean.standard_error is None else f"{mean.mean:.1f} ± {mean.standard_error:.1f}"


def error_words(error: MeanError | None) -> str:
    """'0.0412 ± 0.0031', both to the digits that the standard error leaves; a dash without a clip."""
    if error is None:
        return "–"
    if not error.standard_error:
        return f"{error.mean:.3g}"
    digits = min(6, max(0, 1 - math.floor(math.log10(error.standard_error))))
    return f"{error.mean:.{digits}f} ± {error.standard_error:.{digits}f}"


def error_units(summaries: Sequence[ModelSummary]) -> dict[str, str]:
    """Name of every error that any model has -> its unit."""
    return {name: error.unit for one in summaries for name, error in one.errors.items()}


def spoken(name: str) -> str:
    """A name off a shelf as one says it."""
    return "bare floor" if name == "none" else name.replace("_", " ")


def amount(size: float) -> str:
    """How many clips or parameters."""
    return f"{size / 1e6:.2g} M" if size >= 1e5 else f"{size:g}"


def figure(value: float) -> str:
    """A number as one quotes it: four digits that count, no exponent where none is needed."""
    return f"{value:.4g}" if math.isfinite(value) else "not finite"


def counted(number: int, noun: str) -> str:
    """'1 clip', '2 clips'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def columns(summaries: Sequence[ModelSummary], which: str) -> list[str]:
    """Names that a table has columns for: metrics, scenarios, materials or grades of any model."""
    return list(dict.fromkeys(chain.from_iterable(getattr(one, which) for one in summaries)))


def ranked(chapters: Sequence[Chapter]) -> list[tuple[Chapter, Panel]]:
    """Judged answers of the models under examination (of all, if there are only baselines), the worst first."""
    answers = [(one, panel) for one in chapters for panel in one.panels if panel.rgb and panel.plausibility is not None]
    examined = [pair for pair in answers if pair[1].role == "model"] or answers
    return sorted(examined, key=lambda pair: (pair[1].plausibility, pair[1].anchor))


def galleries(answers: Sequence[tuple[Chapter, Panel]]) -> tuple[Sequence[tuple[Chapter, Panel]], ...]:
    """The worst and the best of ranked answers; none stands in both."""
    count = min(GALLERY, (len(answers) + 1) // 2)
    return answers[:count], answers[: count - 1 : -1][:GALLERY]


def odd_answers(one: ModelSummary) -> list[tuple[str, list[str]]]:
    """Degenerate and missing answers of a model, grouped by the reason: (reason, names)."""
    groups: dict[str, list[str]] = {}
    for name, why in one.degenerate.items():
        groups.setdefault(f"degenerate ({why}), counted as 0", []).append(name)
    if one.missing:
        groups["without a judgement, in no mean"] = list(one.missing)
    return list(groups.items())


@dataclass(frozen=True)
class Curated:
    """The training set in numbers."""

    accepted: tuple[Verdict, ...]
    rejected: tuple[Verdict, ...]
    cells: tuple[tuple[str, str, tuple[int, ...]], ...]
    """Scenario, material, clips in train, validation, test, rejected."""


def curated(page: Page) -> Curated:
    """Counts over scenario x material and split."""
    place = {case.clip_id: (case.scenario, case.material) for case in page.cases}
    counts: dict[tuple[str, str], list[int]] = {cell: [0, 0, 0, 0] for cell in sorted(set(place.values()))}
    for verdict in page.verdicts:
        if verdict.clip_id in place:
            column = ("train", "validation", "test").index(verdict.split) if verdict.accepted else 3
            counts[place[verdict.clip_id]][column] += 1
    return Curated(
        accepted=tuple(one for one in page.verdicts if one.accepted),
        rejected=tuple(one for one in page.verdicts if not one.accepted),
        cells=tuple((*cell, tuple(numbers)) for cell, numbers in counts.items()),
    )


def _title(answer: ModelAnswer, answers: Sequence[ModelAnswer]) -> str:
    several = sum(one.model == answer.model for one in answers) > 1
    return f"{answer.model}, sample {answer.sample}" if several else answer.model


def _flow_strip(flow: Float32, shown: Sequence[int], scale: float) -> str:
    """The last frame has no flow of its own and shows that of the pair before."""
    tiles = [pictures.flow_picture(flow[min(frame, len(flow) - 1)], scale) for frame in shown]
    return pictures.strip(tiles, quality=70)


def _thumbnail(truth: UInt8, frames: UInt8, bad: int | None) -> str:
    frame = len(truth) // 2 if bad is None else bad
    return pictures.pair(truth[frame], _at(frames, frame))


def _at(frames: UInt8, frame: int) -> UInt8:
    picture: UInt8 = frames[min(frame, len(frames) - 1)]
    return picture

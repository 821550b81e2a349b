"""Clips without a scene -> what laws alone say of them: reference=none. Never mixed with scores against a truth.

Nothing of it lands in scores.parquet or in summary.json's `models`: it has its own file (unreferenced.json), its own
page (unreferenced.html) and its own entry in summary.json (`unreferenced`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import report, store, video
from pipeline.flows import Flow
from pipeline.models.folder import ENDINGS, Folder
from pipeline.stages import Run, Tally
from pipeline.stages._layout import answers
from pipeline.stages._opinions import Opinion, read_opinion, write_opinion
from pipeline.stages._units import Unit, code, perform
from pipeline.types import Clip, Judgement, UInt8
from pipeline.unreferenced import Unreferenced

ROOMS = ("flows", "unreferenced", "stages._alone", "stages._opinions")
STRIP = "strip.npz"
NOTE = (
    "Laws alone, without a truth: a clip in which the wrong thing happens lawfully is lawful here. "
    "Not to be compared or averaged with plausibility."
)


@dataclass(frozen=True)
class _Source:
    """One clip of unknown origin."""

    model: str
    name: str
    path: Path
    """A video file, or the folder of a clip that the run generated."""
    key: str


def score_alone(run: Run) -> Tally:
    """An opinion about every video in model.path (model=folder), or about every answer of the run."""
    units = {source: _unit(run, source) for source in _sources(run)}
    tally = perform(run, "score", list(units.values()))
    said = {source: read_opinion(unit.folder) for source, unit in units.items() if unit.name in tally.done}
    judgements = [opinion.judgements[0] for opinion in said.values()]
    totals = {model: _total(model, judgements) for model in dict.fromkeys(source.model for source in units)}
    store.update_json(run.folder / "summary.json", unreferenced={"note": NOTE, "models": totals})
    store.write_json(run.folder / "unreferenced.json", [_row(one) for one in said.values()])
    page = report.UnreferencedPage(
        run=run.run,
        note=NOTE,
        totals=totals,
        clips=tuple(_shown(units[source].folder, opinion) for source, opinion in said.items()),
        failed=tally.failed,
    )
    store.write_text(run.folder / "unreferenced.html", report.render_unreferenced(page))
    return tally


def _sources(run: Run) -> list[_Source]:
    """Raises ValueError where there is nothing to look at."""
    if not isinstance(run.model, Folder):
        asked = [answer for answer in answers(run) if answer.complete]
        return [_Source(one.model, f"{one.clip_id}__s{one.sample}", one.folder, one.key) for one in asked]
    folder = Path(run.model.path)
    if not run.model.path or not folder.is_dir():
        raise ValueError(
            f"reference=none: expected model.path to be a folder of videos, got '{run.model.path}'; "
            "set model=folder model.path=FOLDER, or leave model=folder out to look at the run's own answers"
        )
    files = sorted(file for file in folder.iterdir() if file.suffix[1:].lower() in ENDINGS)
    if not files:
        raise ValueError(f"reference=none: expected videos ({', '.join(ENDINGS)}) in {folder}, got none")
    # Two files may differ in nothing but their ending.
    return [_Source(run.model.called, file.name, file, store.sha256(file)) for file in files]


def _unit(run: Run, source: _Source) -> Unit:
    folder = run.folder / "unreferenced" / source.model / source.name
    key = store.key("unreferenced", code(*ROOMS), source.key, run.flow, run.unreferenced)
    return Unit(f"{source.model}/{source.name}", folder, key, _make, (source, run.flow, run.unreferenced))


def _make(folder: Path, key: str, source: _Source, flow: Flow, laws: Unreferenced) -> None:
    clip = _clip(source, laws)
    laws.check(clip)
    scores, judgement = laws.judge(clip, flow.estimate(clip))
    chosen = np.unique(np.linspace(0, len(clip.frames) - 1, 8).round().astype(int))
    with store.publish(folder, key, {"estimator": flow.estimator, "notes": dict(clip.notes)}) as unfinished:
        write_opinion(unfinished, Opinion(scores, (judgement,)))
        store.write_arrays(unfinished / STRIP, {"frames": clip.frames[chosen]})


def _clip(source: _Source, laws: Unreferenced) -> Clip:
    """The beginning of a video, no larger than flow needs it; `notes` say what was done."""
    if source.path.is_dir():
        clip = store.load_clip(source.path)
        return dataclasses.replace(clip, clip_id=source.name)

    def fit(frame: UInt8) -> UInt8:
        import cv2

        height, width = frame.shape[:2]
        share = min(laws.side / max(height, width), 1.0)
        size = (max(round(width * share), 16), max(round(height * share), 16))
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) if share < 1 else frame

    begun = video.read_beginning(source.path, seconds=laws.seconds, step=1 / 60, fit=fit)
    count = min(len(begun.frames), laws.most_frames)
    notes = {"frames": f"the first {count} of {begun.total}"} if count < begun.total else {}
    fps = begun.fps if begun.fps > 0 else 1.0
    return Clip(source.name, source.model, 0, begun.frames[:count], fps, notes=notes)


def _total(model: str, judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Mean lawfulness of a model over its clips; gated clips count as 0 and are named."""
    mine = [one for one in judgements if one.model == model]
    whole = [one.plausibility for one in mine]
    error = float(np.std(whole, ddof=1) / math.sqrt(len(whole))) if len(whole) > 1 else None
    parts = sorted({name for one in mine for name in one.parts})
    return {
        "lawfulness": {"mean": float(np.mean(whole)), "standard_error": error, "n": len(whole)} if whole else None,
        "parts": {name: float(np.mean([one.parts[name] for one in mine if name in one.parts])) for name in parts},
        "degenerate": {one.clip_id: one.gate for one in mine if one.gate},
    }


def _row(opinion: Opinion) -> dict[str, Any]:
    one = opinion.judgements[0]
    return {
        "model": one.model,
        "clip": one.clip_id,
        "lawfulness": one.plausibility,
        "parts": dict(one.parts),
        "gate": one.gate,
        "per_frame": [float(value) for value in one.per_frame],
    }


def _shown(folder: Path, opinion: Opinion) -> report.UnreferencedClip:
    one = opinion.judgements[0]
    worst = int(np.argmin(one.per_frame)) if one.per_frame.min() < 100 else None
    frames = store.read_arrays(folder / STRIP)["frames"]
    notes = store.read_json(folder / store.MANIFEST).get("notes", {})
    return report.UnreferencedClip(
        one.model, one.clip_id, one.plausibility, one.parts, one.gate, worst, report.strip(list(frames)), dict(notes)
    )

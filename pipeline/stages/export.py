"""The training set in the layouts that trainers read.

The videos lie once in dataset/media; a layout holds hard links to them, or paths relative to itself.
"""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.exporters import About, Exporter
from pipeline.stages import Run, Tally
from pipeline.stages._admission import Origin, objection, objections
from pipeline.stages._findings import VALIDATION, standing
from pipeline.stages._layout import PLAN, Truth, answers, opinions, prompted, score_folder, truths
from pipeline.stages._opinions import read_opinion
from pipeline.stages._units import Unit, code, perform
from pipeline.types import Attempt, Example

ROOMS = ("exporters", "stages.export", "stages._admission")
SHIPPED = Path(__file__).parents[2] / "assets" / VALIDATION
"""The full pass of this project's own solvers; a run's own validation comes first."""
MEDIA, ATTEMPTS, PREVIEW = "media", "attempts", "preview.mp4"
QUICK = "**A quick run**: coarse particles and small pictures, for a first look, not for training."
CURATED: dict[str, type] = {"weight": float, "position": int}
"""Numbers of curation.jsonl that go into the rows, if it has them; -1 where a clip has none, for tables need a type."""


@dataclass(frozen=True)
class _Video:
    """A clip of the run and its place among the set's videos."""

    folder: Path
    key: str
    name: str
    """Below dataset/media or, for a model's clip, dataset/attempts."""


@dataclass(frozen=True)
class _Tried:
    """What a model made of a scene, and where the judge's opinion of it lies, if there is one."""

    video: _Video
    prompt_frames: int
    opinion: Path | None
    opinion_key: str


@dataclass(frozen=True)
class _Accepted:
    """A truth clip that curation let in."""

    video: _Video
    split: str
    origin: Origin
    provenance: dict[str, str]
    curated: dict[str, float]
    tried: tuple[_Tried, ...] = ()


def export(run: Run) -> Tally:
    """Write the accepted clips once for every exporter; what no law vouches for stays out, unless it is allowed."""
    record = _record(run)
    measured = store.read_json(record) if record else []
    curated = _accepted(run, measured)
    accepted = [one for one in curated if run.allow_unvalidated or not objection(measured, one.origin)]
    against = objections(measured, [one.origin for one in curated])
    failed = _refused(run, record, len(curated), len(accepted), against)
    if not accepted:
        _note(run, (), 0)
        return Tally("export", failed=failed)
    about = About(
        run.run,
        _day(run),
        validation=tuple(measured),
        unvalidated=against if run.allow_unvalidated else "",
        limits=(QUICK,) if run.quick else (),
    )
    gathered = perform(run, "export", _videos(run, accepted))
    if gathered.failed:
        return Tally("export", failed={**failed, **gathered.failed})
    tally = perform(run, "export", [_unit(run, name, about, accepted, record) for name in run.exporters])
    _note(run, tally.done, len(accepted))
    return Tally("export", tally.done, tally.made, {**failed, **tally.failed})


def _refused(run: Run, record: Path | None, curated: int, accepted: int, against: str) -> dict[str, str]:
    """What stays out, and the way to let it in."""
    if not curated:
        return {"dataset": "no clip was accepted: see the reasons in curation.jsonl"}
    if accepted == curated:
        return {}
    sentence = (
        f"refused {curated - accepted} of {curated} clips, as no law vouches for the solver that made them "
        f"({against}; {record or 'there is no ' + VALIDATION}): run stage=validate run={run.run} first (all laws, "
        "half an hour), or set allow_unvalidated=true, which marks the data card"
    )
    return {"refused": sentence}


def _unit(run: Run, name: str, about: About, accepted: Sequence[_Accepted], record: Path | None) -> Unit:
    exporter = run.exporters[name]
    mine = accepted if exporter.compares else [replace(one, tried=()) for one in accepted]
    # The day is not part of the key: the same set on another day is the same set.
    told = (about.name, about.licence, about.unvalidated, about.limits, record and store.sha256(record))
    key = store.key("dataset", code(*ROOMS), exporter, told, mine)
    return Unit(name, run.folder / "dataset" / name, key, _write, (exporter, about, mine, record))


def _videos(run: Run, accepted: Sequence[_Accepted]) -> list[Unit]:
    """Two folders that all layouts share: the truth's videos and, where a layout asks for them, those of the models."""
    shelves = {
        MEDIA: [one.video for one in accepted],
        ATTEMPTS: [each.video for one in accepted for each in one.tried],
    }
    return [
        Unit(
            name,
            run.folder / "dataset" / name,
            store.key(name, code(*ROOMS), [(video.name, video.key) for video in videos]),
            _gather,
            (videos,),
        )
        for name, videos in shelves.items()
        if videos
    ]


def _gather(folder: Path, key: str, videos: Sequence[_Video]) -> None:
    """Copies, so that nobody who edits a data set edits the run's clips; the layouts' hard links cost nothing more."""
    with store.publish(folder, key, {}) as unfinished:
        for video in videos:
            source = video.folder / PREVIEW
            (unfinished / video.name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, unfinished / video.name)
            if store.sha256(unfinished / video.name) != store.read_json(video.folder / store.CLIP)["files"][PREVIEW]:
                raise store.StoreError(f"{source}: not the file that was written; delete its folder and run again")


def _note(run: Run, formats: Collection[str], clips: int) -> None:
    entry = {"folder": str(run.folder / "dataset"), "formats": list(formats), "clips": clips}
    store.update_json(run.folder / "summary.json", export=entry)


def _day(run: Run) -> str:
    """When curation decided."""
    decided = (run.folder / "curation.jsonl").stat().st_mtime
    return datetime.datetime.fromtimestamp(decided, datetime.UTC).date().isoformat()


def _accepted(run: Run, measured: Sequence[dict[str, Any]]) -> list[_Accepted]:
    """Raises ValueError if nothing has been curated in this run."""
    path = run.folder / "curation.jsonl"
    if not path.exists():
        raise ValueError(f"run '{run.run}': expected {path}, got none: run stage=curate first")
    rows = {row["clip_id"]: row for row in map(json.loads, path.read_text().splitlines())}
    tried = _tried(run) if any(exporter.compares for exporter in run.exporters.values()) else {}
    found = []
    for truth in truths(run):
        row = rows.get(truth.clip_id)
        if row and row["accepted"]:
            found.append(_described(run, truth, row, measured, tried.get((truth.clip_id, truth.key), ())))
    return found


def _described(
    run: Run, truth: Truth, row: dict[str, Any], measured: Sequence[dict[str, Any]], tried: tuple[_Tried, ...]
) -> _Accepted:
    made_by = store.read_json(truth.folder / store.CLIP)["extra"]
    provenance = {
        "run": run.run,
        "key": truth.key,
        "code": made_by["code"],
        "seed": str(row["seed"]),
        "accepted_by": row["by"],
        "reasons": "; ".join(row["reasons"]),
        "laws": standing(measured, row["material"], made_by["solvers"]),
    }
    curated = {name: kind(-1 if row[name] is None else row[name]) for name, kind in CURATED.items() if name in row}
    video = _Video(truth.folder, truth.key, f"{truth.clip_id}.mp4")
    return _Accepted(video, row["split"], Origin(row["material"], made_by["solvers"]), provenance, curated, tried)


def _tried(run: Run) -> dict[tuple[str, str], tuple[_Tried, ...]]:
    """Id and key of a truth clip -> what models made of its prompt as it is now."""
    asked = answers(run) if store.read_json(run.folder / PLAN).get("answers") else []
    said, frames = opinions(run), prompted(run)
    found: dict[tuple[str, str], tuple[_Tried, ...]] = {}
    for one in asked:
        if one.complete:
            folder = score_folder(run, one.model, one.clip_id, one.sample)
            video = _Video(one.folder, one.key, f"{one.model}/{one.clip_id}__s{one.sample}.mp4")
            tried = _Tried(video, frames, folder if folder in said else None, said.get(folder, ""))
            found[one.clip_id, one.truth] = (*found.get((one.clip_id, one.truth), ()), tried)
    return found


def _record(run: Run) -> Path | None:
    """What the solvers were found to obey: by this run, else by the project."""
    return next((path for path in (run.folder / VALIDATION, SHIPPED) if path.exists()), None)


def _write(
    folder: Path, key: str, exporter: Exporter, about: About, accepted: Sequence[_Accepted], record: Path | None
) -> None:
    with store.publish(folder, key, {}) as unfinished:
        exporter.export(about, (_example(one, exporter.annotated, folder.parent) for one in accepted), unfinished)
        if record:
            shutil.copyfile(record, unfinished / VALIDATION)


def _example(one: _Accepted, annotated: bool, dataset: Path) -> Example:
    folder = one.video.folder
    scene = store.load_scene(folder)
    return Example(
        store.load_clip(folder, layers=annotated),
        scene,
        scene.captions,
        one.split,
        one.provenance,
        store.load_trajectory(folder, particles=False) if annotated else None,
        dataset / MEDIA / one.video.name,
        one.curated,
        tuple(_attempt(each, dataset) for each in one.tried),
    )


def _attempt(one: _Tried, dataset: Path) -> Attempt:
    """The answer and the judge's word about it."""
    judgements = read_opinion(one.opinion).judgements if one.opinion else ()
    clip = store.load_clip(one.video.folder, layers=False)
    judgement = judgements[0] if judgements else None
    return Attempt(clip, one.prompt_frames, judgement, dataset / ATTEMPTS / one.video.name)

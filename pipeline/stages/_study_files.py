"""What a study leaves: study.parquet, study_clips.parquet, summary.json's entry, study.html."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import report, store
from pipeline.metrics import ERRORS
from pipeline.stages import Run
from pipeline.stages._grid import BASE, Cell
from pipeline.stages._layout import answer_folder, clip_folder, truths
from pipeline.stages._marks import MEASURED, Mark
from pipeline.stages._nested import nested
from pipeline.stages._study_findings import findings, rows
from pipeline.stages._study_words import PATH, Row

UNITS = {**ERRORS, "object_final_error": ERRORS[PATH], "plausibility": "0..100"}
WORDS = {"object_path_error": "path error", "medium_error": "medium error", "object_velocity_error": "velocity error"}
TILES = 8
"""Frames in a strip."""


def write_study(run: Run, marked: Sequence[Mark], samples: Sequence[Row], failed: Mapping[str, str]) -> None:
    """All files, from what was noted of every answer, and of scenes that were sampled until they passed."""
    table, found = rows(run.study, marked), findings(run.study, marked, samples)
    _write_table(run.folder / "study.parquet", table)
    _write_table(run.folder / "study_clips.parquet", [{**mark, "failed": ""} for mark in marked])
    if samples:
        _write_table(run.folder / "study_samples.parquet", samples)
    store.update_json(run.folder / "summary.json", study={**found, "levels": run.study.levels})
    store.write_text(run.folder / "study.html", report.render_study(_page(run, table, found, failed)))


def _write_table(path: Path, some: Sequence[Row]) -> None:
    """Rows of one kind; NaN is null, as everywhere."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = [{name: None if value != value else value for name, value in row.items()} for row in some]
    with store.replacing(path) as unfinished:
        pq.write_table(pa.Table.from_pylist(known), unfinished)


def _page(run: Run, table: Sequence[Row], found: Mapping[str, Any], failed: Mapping[str, str]) -> report.StudyPage:
    study = run.study
    level = list(study.levels)[len(study.levels) // 2]
    charts = {name: [*_charts(run, table, found["curves"], name)] for name in (*WORDS, f"pass_{level}", "plausibility")}
    changes = [one for one in found["changes"] if one["measure"] == PATH]
    names = dict.fromkeys((one["arm"], one["model"], one["size"]) for one in changes)
    return report.StudyPage(
        run=run.run,
        quick=run.quick,
        facts=_facts(run),
        findings=found["findings"],
        limits=found["limits"],
        charts=charts.pop(PATH),
        more=[chart for some in charts.values() for chart in some],
        strips=[*_strips(run)],
        passing=found["passing"],
        passing_charts=[*_passing_charts(run, found["passing"])],
        levels={name: vars(bounds) for name, bounds in study.levels.items()},
        report=found["report"],
        tests=list(study.tests),
        forgetting=[
            (
                " ".join([arm, *([model] if len(study.variants) > 1 else []), f"{size} clips"]),
                {one["test"]: one for one in changes if (one["arm"], one["model"], one["size"]) == (arm, model, size)},
            )
            for arm, model, size in names
        ],
        rows=table,
        units={name: UNITS[name] for name in MEASURED},
        failed=failed,
    )


def _charts(run: Run, table: Sequence[Row], curves: Sequence[Row], name: str) -> Iterator[report.Chart]:
    """One a test; a measure of which a test knows nothing has none."""
    for test in run.study.tests:
        mine = [one for one in curves if (one["test"], one["measure"]) == (test, name)]
        flat = [row for row in table if row["test"] == test and row["kind"] != "cell" and row[name] is not None]
        if mine:
            title = f"{test}: {WORDS.get(name, name.replace('pass_', 'pass rate, '))}"
            label = "share of answers" if name.startswith("pass_") else UNITS[name]
            marks = tuple((_mark_name(run, row), float(row[name])) for row in flat)
            yield report.Chart(title, label, tuple(_line(run, one) for one in mine), marks)


def _passing_charts(run: Run, some: Sequence[Row]) -> Iterator[report.Chart]:
    """One a grade and width of the bounds: pass rates over the number of clips; none where nothing passed, or all."""
    for grade, level in dict.fromkeys((row["grade"], row["level"]) for row in some):
        mine = [row for row in some if (row["grade"], row["level"], row["over"]) == (grade, level, "clips")]
        if len({rate["mean"] for row in mine for rate in row["rates"]}) < 2:
            continue
        lines = tuple(
            report.Line(
                _line_name(run, row),
                tuple((rate["size"], rate["mean"], (rate["low"], rate["high"])) for rate in row["rates"]),
            )
            for row in mine
        )
        yield report.Chart(f"{grade}: passes {level}", "pass rate", lines)


def _mark_name(run: Run, row: Row) -> str:
    if row["kind"] == "redraws":
        return "truth drawn again"
    return f"{row['arm']} {row['model']}" if row["kind"] == BASE and len(run.study.variants) > 1 else str(row["arm"])


def _line_name(run: Run, one: Row) -> str:
    return f"{one['arm']}, {one['model']}" if len(run.study.variants) > 1 else str(one["arm"])


def _line(run: Run, one: Row) -> report.Line:
    points = tuple((point["clips"], point["mean"], point["standard_error"] or 0.0) for point in one["points"])
    law = one["law"]
    return report.Line(_line_name(run, one), points, (law["a"], law["exponent"]) if isinstance(law, Mapping) else None)


def _facts(run: Run) -> dict[str, str]:
    study, origin = run.study, store.read_json(run.folder / "provenance.json")
    return {
        "sizes": ", ".join(map(str, study.sizes)),
        **{f"arm {name}": " ".join(words) or "as is" for name, words in study.arms.items()},
        **{f"model {name}": " ".join(words) or "as is" for name, words in study.variants.items()},
        "seeds": ", ".join(map(str, study.seeds)),
        "pool": " ".join(study.pool) or "as is",
        "base": " ".join(study.base) or "none",
        **{f"test {name}": " ".join(words) or "as is" for name, words in study.tests.items()},
        "training": f"{run.training.steps} steps of {run.training.batch} windows",
        "clips": f"{run.num_frames} frames of {run.width} x {run.height} px at {run.fps:g} fps",
        "code": (origin["code"]["revision"][:12] or "not a checkout") + " (dirty)" * origin["code"]["dirty"],
    }


def _strips(run: Run) -> Iterator[report.Strips]:
    """The first scenes of each test: the truth, the base, and every arm's largest set, of the first model and seed."""
    study, model = run.study, next(iter(run.study.variants))
    tellers = {"before (base)": Path("bases") / model} if study.base else {"extrapolate": Path()}
    for arm in study.arms:
        cell = Cell(arm, max(study.sizes), model, study.seeds[0])
        tellers[f"after {cell.size} clips, {arm}"] = Path("cells") / cell.name
    for test in study.tests:
        asked = nested(run, run.folder / "tests", test)
        for truth in truths(asked)[: study.shown]:
            told = [(name, run.folder / place / "tests" / test) for name, place in tellers.items()]
            answers = [row for name, folder in told for row in _answer(run, name, folder, truth.clip_id)]
            frames = store.load_clip(clip_folder(asked, truth.clip_id), layers=False).frames
            caption = store.load_scene(truth.folder).captions[0]
            rows_ = (("truth", "", _strip(frames)), *answers)
            yield report.Strips(f"{test}: {truth.clip_id}", caption, rows_)


def _answer(run: Run, name: str, folder: Path, clip_id: str) -> Iterator[tuple[str, str, str]]:
    """What one model made of the scene; nothing if it made nothing."""
    here = nested(run, folder.parent, folder.name)
    for shelf in sorted((folder / "generated").glob("*")):
        place = answer_folder(here, shelf.name, clip_id, 0)
        if (name == shelf.name or "(" in name or "," in name) and (place / store.CLIP).exists():
            opinion = store.read_json(folder / "scores" / shelf.name / place.name / "opinion.json")
            path = next((one["value"] for one in opinion["errors"] if one["metric"] == PATH), None)
            words = f"path error {path:.3f}" if path is not None else ""
            yield name, words, _strip(store.load_clip(place, layers=False).frames)


def _strip(frames: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    chosen = np.unique(np.linspace(0, len(frames) - 1, TILES).round().astype(int))
    return report.strip([frames[index] for index in chosen])

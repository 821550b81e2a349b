"""One page about it all."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline import report as page
from pipeline import store
from pipeline.metrics import FILMED_AGAIN
from pipeline.stages import STAGES, Run, Tally
from pipeline.stages._layout import PLAN, Answer, Truth, answers, null_folder, opinions, prompted, score_folder, truths
from pipeline.stages._opinions import Opinion, read_opinion
from pipeline.stages._sheet import scene_facts, sheet
from pipeline.stages._units import Unit, code, perform
from pipeline.stages.score import case_of, read_flow
from pipeline.types import Score, Take, Verdict

ROOMS = ("report", "_report", "stages.report", "stages._opinions")


def report(run: Run) -> Tally:
    """Make report.html anew if anything on it has changed; before anything is generated it is a contact sheet."""
    generated = "answers" in store.read_json(run.folder / PLAN)
    unit = _page_unit(run) if generated else sheet(run, _clip_facts(run))
    tally = perform(run, "report", [unit])
    if not tally.failed:
        store.write_text(run.folder / "report.html", (unit.folder / "report.html").read_text(encoding="utf-8"))
    return tally


def _page_unit(run: Run) -> Unit:
    run = replace(run, prompt_frames=prompted(run))
    known, asked = truths(run), answers(run)
    current = opinions(run)
    facts = (_facts(run), _counts(run), _verdicts(run), _notes(run), _exports(run))
    key = store.key("report", code(*ROOMS), facts, sorted(current.values()), known, asked)
    return Unit("report.html", run.folder / "page", key, _make, (run, known, asked, current))


def _make(
    folder: Path, key: str, run: Run, known: Sequence[Truth], asked: Sequence[Answer], current: Container[Path]
) -> None:
    with store.publish(folder, key, {}) as unfinished:
        (unfinished / "report.html").write_text(page.render(_page(run, known, asked, current)), encoding="utf-8")


def _page(run: Run, known: Sequence[Truth], asked: Sequence[Answer], current: Container[Path]) -> page.Page:
    cases = tuple(case_of(truth) for truth in known)
    summaries = _summaries(run, known, asked, cases, current)
    shown = set(page.chosen(summaries, cases))
    return page.Page(
        run=run.run,
        quick=run.quick,
        facts=_facts(run),
        stages=_counts(run),
        summaries=summaries,
        clips=_rows(run, [truth for truth in known if truth.clip_id in shown], asked, current),
        cases=cases,
        verdicts=_verdicts(run),
        notes=_notes(run),
        exports=_exports(run),
        motion_distances=_motion_distances(run),
    )


def _counts(run: Run) -> tuple[page.StageCount, ...]:
    """What became of the stages before this one."""
    rows = store.read_json(run.folder / "summary.json")["stages"]
    return tuple(
        page.StageCount(
            name, rows[name]["done"], rows[name]["failures"], rows[name]["cpu_seconds"], rows[name]["wall_seconds"]
        )
        for name in STAGES
        if name in rows and name != "report"
    )


def _facts(run: Run) -> dict[str, str]:
    """What was run, for the page's head."""
    origin = store.read_json(run.folder / "provenance.json")
    return {
        **_clip_facts(run),
        "prompt": f"the first {run.prompt_frames} frames and the caption",
        "null": _null_in_words(run),
        "model": run.model.called,
        "model's fingerprint": origin["models"][run.model.called]["fingerprint"][:12] or "none",
        "baselines": ", ".join(run.baselines) or "none",
        "optical flow": run.flow.estimator,
    }


def _clip_facts(run: Run) -> dict[str, str]:
    """What was simulated."""
    origin = store.read_json(run.folder / "provenance.json")
    dirty = " with uncommitted changes" if origin["code"]["dirty"] else ""
    return {
        "seed": str(origin["seed"]),
        "clips": f"{run.num_frames} frames of {run.width} x {run.height} px at {run.fps:g} fps",
        "device": run.device,
        "code": (origin["code"]["revision"][:12] or "not a checkout") + dirty,
    }


def _null_in_words(run: Run) -> str:
    used = store.read_json(run.folder / "summary.json").get("reference", "redraws")
    return "one second take of each scene" if used == "take" else f"{run.redraws} re-draws of each scene"


def _summaries(
    run: Run, known: Sequence[Truth], asked: Sequence[Answer], cases: Sequence[page.Case], current: Container[Path]
) -> tuple[page.ModelSummary, ...]:
    said = [opinion for answer in asked if (opinion := _opinion(run, answer, current))]
    nulls = [opinion for truth in known if (opinion := _null(run, truth, current))]
    judged, redrawn = ([one for opinion in some for one in opinion.judgements] for some in (said, nulls))
    wrong, spread = ([one for opinion in some for one in opinion.errors] for some in (said, nulls))
    others = [name for name in run.baselines if name != run.model.called]
    names = dict.fromkeys(
        [run.model.called, *(answer.model for answer in asked if answer.model not in others), *others]
    )
    roles = {name: "baseline" if name in others else "model" for name in names}
    found = [page.summarise(name, role, judged, cases, wrong) for name, role in roles.items()]
    return (*found, page.summarise("truth", "reference", redrawn, cases, spread))


def _rows(
    run: Run, known: Sequence[Truth], asked: Sequence[Answer], current: Container[Path]
) -> Iterator[page.ClipRow]:
    for truth in known:
        null = _null(run, truth, current)
        if null is None:
            continue  # its failure stands among those of stage=score
        scene = store.load_scene(truth.folder)
        take = Take(store.load_clip(truth.folder), read_flow(null_folder(run, truth.clip_id)))
        mine = [answer for answer in asked if answer.clip_id == truth.clip_id]
        yield page.ClipRow(
            case=case_of(truth),
            caption=scene.captions[0],
            seed=scene.seed,
            truth=take,
            prompt_frames=run.prompt_frames,
            answers=tuple(_answer(run, answer, null, current) for answer in mine),
            facts=scene_facts(scene),
        )


def _answer(run: Run, answer: Answer, null: Opinion, current: Container[Path]) -> page.ModelAnswer:
    opinion = _opinion(run, answer, current)
    if opinion is None:
        why = "it was not scored" if answer.complete else "it was not generated"
        return page.ModelAnswer(answer.model, answer.sample, failure=f"{why}: see the failures by name")
    flow = read_flow(score_folder(run, answer.model, answer.clip_id, answer.sample))
    return page.ModelAnswer(
        model=answer.model,
        sample=answer.sample,
        take=Take(store.load_clip(answer.folder), flow),
        judgement=opinion.judgements[0],
        scores=opinion.scores,
        curves=tuple(curve for score in opinion.scores for curve in _curves(score, null)),
    )


def _curves(score: Score, null: Opinion) -> Iterator[page.Curve]:
    """What the metric measured in truth and answer, with the band in which the re-draws lie."""
    for name, (truth, answer) in score.curves.items():
        redraws = [one.curves[name][1] for one in _redrawn(null) if one.metric == score.metric and name in one.curves]
        band = np.stack([truth, *redraws]).astype(np.float64)
        quantity, _, unit = name.partition(" [")
        low, high = (band.min(axis=0), band.max(axis=0)) if redraws else (None, None)
        yield page.Curve(quantity, unit.rstrip("]"), truth.astype(np.float64), answer.astype(np.float64), low, high)


def _redrawn(null: Opinion) -> list[Score]:
    """Scores of the re-draws, without those of the truth filmed again."""
    return [one for one in null.scores if one.model != FILMED_AGAIN]


def _opinion(run: Run, answer: Answer, current: Container[Path]) -> Opinion | None:
    folder = score_folder(run, answer.model, answer.clip_id, answer.sample)
    return read_opinion(folder) if answer.complete and folder in current else None


def _null(run: Run, truth: Truth, current: Container[Path]) -> Opinion | None:
    folder = null_folder(run, truth.clip_id)
    return read_opinion(folder) if folder in current else None


def _exports(run: Run) -> dict[str, str]:
    """Formats of the latest export, and where they lie."""
    entry = store.read_json(run.folder / "summary.json").get("export", {})
    return {name: f"dataset/{name}" for name in entry.get("formats", ())}


def _motion_distances(run: Run) -> dict[str, float]:
    """What stage=score found between whole sets of clips; None, for too few of them, is left out."""
    models = store.read_json(run.folder / "summary.json").get("models", {})
    found = {name: total.get("sets", {}).get("fvmd") for name, total in models.items()}
    return {name: value for name, value in found.items() if value is not None}


def _notes(run: Run) -> tuple[str, ...]:
    """What stage=curate found missing in the training set."""
    return tuple(store.read_json(run.folder / "summary.json").get("curated", {}).get("notes", ()))


def _verdicts(run: Run) -> tuple[Verdict, ...]:
    path = run.folder / "curation.jsonl"
    rows = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return tuple(
        Verdict(row["clip_id"], row["accepted"], tuple(row["reasons"]), row["by"], row["split"]) for row in rows
    )

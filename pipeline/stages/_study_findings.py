"""What a study found: curves, changes with intervals, pass rates, and sentences that say it, null results included."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from pipeline.metrics import ERRORS
from pipeline.passing import Tally, decay, mean_estimate
from pipeline.scenarios import GRADES
from pipeline.stages._grid import BASE, Study
from pipeline.stages._marks import MEASURED, Mark, totals
from pipeline.stages._study_passing import pass_rates
from pipeline.stages._study_words import PATH, Row, sentences

SHRINKING = tuple(name for name in (*ERRORS, "object_final_error") if name != "moving_psnr")
"""Errors of which a change is a share."""
LEVEL = 0.95
ABOUT = ("kind", "arm", "size", "clips", "model", "seed", "test")


def rows(study: Study, marked: Sequence[Mark]) -> list[Row]:
    """One row a cell (or base, baseline, redraws) and test: means over its clips."""
    columns = (*MEASURED, *(f"pass_{name}" for name in study.levels))
    groups: dict[tuple[Any, ...], list[Mark]] = {}
    for mark in marked:
        groups.setdefault(tuple(mark[name] for name in ABOUT), []).append(mark)
    return [{**dict(zip(ABOUT, key, strict=True)), **totals(some, columns)} for key, some in groups.items()]


def findings(study: Study, marked: Sequence[Mark], samples: Sequence[Row] = ()) -> dict[str, Any]:
    """All that is told about a study but its rows: curves, changes, report, pass rates, sentences, limits."""
    table = rows(study, marked)
    changes = [*_changes(study, table)]
    curves = [*_curves(study, table)]
    against = [*_against(study, table)]
    report = [*_report(study, marked)]
    passing = pass_rates(study, samples)
    return {
        "curves": curves,
        "changes": changes,
        "arms": against,
        "report": report,
        "passing": passing,
        "findings": sentences(study, table, curves, changes, against, report, passing),
        "limits": _limits(study, table),
    }


def _pick(table: Iterable[Row], **wanted: Any) -> list[Row]:
    return [row for row in table if all(row[name] == value for name, value in wanted.items())]


def _curves(study: Study, table: Sequence[Row]) -> Iterable[Row]:
    """Each measure against the number of clips, mean and standard error over seeds, with a power law where it fits."""
    for test in study.tests:
        for model in study.variants:
            for arm in study.arms:
                mine = _pick(table, kind="cell", test=test, model=model, arm=arm)
                for name in (*MEASURED, *(f"pass_{level}" for level in study.levels)):
                    points = [
                        _point([row for row in mine if row["size"] == size], name) for size in sorted(study.sizes)
                    ]
                    known = [point for point in points if point]
                    if known:
                        about = {"test": test, "model": model, "arm": arm, "measure": name}
                        yield {**about, "points": known, "law": _law(mine, name) if name in SHRINKING else None}


def _point(some: Sequence[Row], name: str) -> Row | None:
    values = np.array([row[name] for row in some if row[name] is not None])
    if not len(values):
        return None
    error = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
    clips = float(np.mean([row["clips"] for row in some]))
    return {"clips": clips, "mean": float(values.mean()), "standard_error": error, "runs": len(values)}


def _law(some: Sequence[Row], name: str) -> Row | str:
    """The power law through all runs, or why there is none."""
    known = [(row["clips"], row[name]) for row in some if row[name]]
    try:
        found = asdict(decay([clips for clips, _ in known], [error for _, error in known]))
    except ValueError as error:
        return str(error)
    return {"a": found["reached"] * found["reference"] ** found["exponent"], **found}


def _changes(study: Study, table: Sequence[Row]) -> Iterable[Row]:
    """Every cell's errors against those of the base it went on from, the same model's, on every test."""
    for test in study.tests:
        for model in study.variants:
            base = _pick(table, kind=BASE, test=test, model=model)
            for arm in study.arms if base else ():
                for size in sorted(study.sizes):
                    mine = _pick(table, kind="cell", test=test, model=model, arm=arm, size=size)
                    about = {"test": test, "model": model, "arm": arm, "size": size}
                    for name in SHRINKING:
                        pairs = [(row[name], base[0][name]) for row in mine]
                        if found := _ratio(pairs):
                            yield {**about, "measure": name, "before": base[0][name], **found}


def _against(study: Study, table: Sequence[Row]) -> Iterable[Row]:
    """The first arm against each other one: the same model, clips and seed, averaged over numbers of clips."""
    first, *others = study.arms
    for test in study.tests:
        for model in study.variants:
            for other in others:
                per_seed = []
                for seed in study.seeds:
                    logs = [
                        math.log(one[0][PATH] / two[0][PATH])
                        for size in study.sizes
                        if (one := _pick(table, test=test, model=model, arm=first, size=size, seed=seed))
                        and (two := _pick(table, test=test, model=model, arm=other, size=size, seed=seed))
                        and one[0][PATH]
                        and two[0][PATH]
                    ]
                    per_seed += [(math.exp(float(np.mean(logs))), 1.0)] if logs else []
                if found := _ratio(per_seed):
                    yield {"test": test, "model": model, "arm": first, "other": other, "measure": PATH, **found}


def _ratio(pairs: Sequence[tuple[float | None, float | None]]) -> Row | None:
    """Geometric mean of after/before over runs, less one, with Student's interval of its logarithm."""
    from scipy.stats import t as student

    logs = np.array([math.log(after / before) for after, before in pairs if after and before])
    if not len(logs):
        return None
    mean, low, high = float(logs.mean()), None, None
    if len(logs) > 1:
        reach = float(student.ppf((1 + LEVEL) / 2, len(logs) - 1) * logs.std(ddof=1) / len(logs) ** 0.5)
        low, high = math.expm1(mean - reach), math.expm1(mean + reach)
    return {"change": math.expm1(mean), "low": low, "high": high, "runs": len(logs)}


def _report(study: Study, marked: Sequence[Mark]) -> Iterable[Row]:
    """Pass rates by grade and level, of every arm's largest sets, of the base, the baselines and the re-draws."""
    largest = max(study.sizes)
    shown = [mark for mark in marked if mark["kind"] != "cell" or mark["size"] == largest]
    for grade in sorted({mark["grade"] for mark in shown}, key=GRADES.index):
        here = [mark for mark in shown if mark["grade"] == grade]
        for kind, arm, model in dict.fromkeys((mark["kind"], mark["arm"], mark["model"]) for mark in here):
            mine = _pick(here, kind=kind, arm=arm, model=model)
            about = {"grade": grade, "kind": kind, "arm": arm, "model": model, "size": mine[0]["size"]}
            told: Row = {"scenes": len({(mark["test"], mark["clip_id"]) for mark in mine})}
            told |= {name: _over_seeds(mine, name) for name in (PATH, "plausibility")}
            told |= {f"pass_{level}": _rate(mine, f"pass_{level}") for level in study.levels}
            yield {**about, **told}


def _over_seeds(some: Sequence[Mark], name: str) -> Row | None:
    """Mean of the seeds' means, and its standard error."""
    per_seed = [
        float(np.mean(values))
        for seed in dict.fromkeys(mark["seed"] for mark in some)
        if (values := [m[name] for m in some if m["seed"] == seed and math.isfinite(m[name])])
    ]
    error = float(np.std(per_seed, ddof=1) / len(per_seed) ** 0.5) if len(per_seed) > 1 else None
    return {"mean": float(np.mean(per_seed)), "standard_error": error} if per_seed else None


def _rate(some: Sequence[Mark], name: str) -> Row | None:
    """Pass rate: the mean over scenes, in each over all samples and seeds; with its 95 % interval."""
    scenes: dict[tuple[str, str], list[Mark]] = {}
    for mark in some:
        if math.isfinite(mark[name]):
            scenes.setdefault((mark["test"], mark["clip_id"]), []).append(mark)
    if not scenes:
        return None
    counts = [(sum(m["samples"] for m in one), sum(m["samples"] * m[name] for m in one)) for one in scenes.values()]
    found = mean_estimate([Tally.fixed(round(passes), samples) for samples, passes in counts], LEVEL)
    mean = float(np.mean([passes / samples for samples, passes in counts]))
    return {"mean": mean, "low": found.low, "high": found.high}


def _limits(study: Study, table: Sequence[Row]) -> list[str]:
    seeds, clips = len(study.seeds), {row["test"]: row[f"{PATH}_clips"] for row in table if row["kind"] == "baseline"}
    said = [
        f"Intervals are over {seeds} {'seeds' if seeds > 1 else 'seed: there are none'}, on the same scenes: what "
        "other scenes would give, they do not say. Scenes with a body to follow: "
        + ", ".join(f"{test} {number}" for test, number in clips.items())
        + ".",
        "Cells take as many steps whatever their number of clips: fewer clips are seen more often, not for less time.",
        "Power laws are told of the numbers of clips that were measured, and of no others.",
        "What is found holds for these models, pictures and scenarios; a large video model may learn otherwise.",
    ]
    if study.base:
        said.insert(1, "All cells of a model go on from one base: another might have learnt and forgotten otherwise.")
    if len(study.tests) * len(study.arms) * len(study.variants) > 3:
        said.append("Many comparisons stand here: of twenty 95 % intervals, one misses the truth.")
    return said

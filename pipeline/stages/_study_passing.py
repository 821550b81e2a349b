"""Pass rates over sizes: how they grow, and the largest size foretold from the smaller ones (docs/passing.md)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pipeline.passing import Cell, estimate, fit, hold_out, mean_estimate, tally, trend
from pipeline.scenarios import GRADES
from pipeline.stages._grid import Study
from pipeline.stages._study_samples import outcomes

Row = dict[str, Any]


def pass_rates(study: Study, samples: Sequence[Row]) -> list[Row]:
    """Of each grade and width of the bounds: rates over numbers of clips for every arm and model, and over parameters
    of the largest sets."""
    found: list[Row] = []
    for grade in sorted({row["grade"] for row in samples}, key=GRADES.index):
        here = [row for row in samples if row["grade"] == grade]
        for slack, arm in itertools.product(study.sampling.slack, study.arms):
            about = {"grade": grade, "level": _bounds(study, slack), "slack": slack, "arm": arm}
            for model in study.variants:
                mine = [row for row in here if (row["arm"], row["model"]) == (arm, model)]
                found += _growth(study, mine, "clips", {**about, "model": model})
            most = [row for row in here if (row["arm"], row["size"]) == (arm, max(study.sizes))]
            if len(study.variants) > 1:
                found += _growth(study, most, "parameters", {**about, "model": ""})
    return found


def _bounds(study: Study, slack: float) -> str:
    """The level, and how many times as wide its bounds are."""
    return study.sampling.level + (f" x {slack:g}" if slack > 1 else "")


def _growth(study: Study, some: Sequence[Row], axis: str, about: Row) -> Iterator[Row]:
    """One grade's pass rates over one axis; nothing where nothing was sampled."""
    cells = [_cell(study, row, axis, about["slack"]) for row in some]
    if cells:
        yield {
            **about,
            "over": axis,
            "scenes": len({cell.scene for cell in cells}),
            "samples": sum(cell.tally.samples for cell in cells),
            "rates": [_rate(cells, size) for size in sorted({cell.size for cell in cells})],
            "law": _law(cells),
            "trend": asdict(trend(cells)),
            "forecast": _forecast(cells),
            "by_scene": [*_by_scene(cells)],
        }


def _cell(study: Study, row: Row, axis: str, slack: float) -> Cell:
    """What was counted with one trained model on one scene, up to where sampling would have stopped."""
    counted = tally(outcomes(row["strains"], slack), study.sampling.wanted, study.sampling.cap)
    return Cell(float(row[axis]), counted, f"{row['test']}/{row['clip_id']}", str(row["seed"]))


def _rate(cells: Iterable[Cell], size: float) -> Row:
    """Mean over the scenes and runs of one size."""
    found = mean_estimate([cell.tally for cell in cells if cell.size == size])
    mean = 0.0 if found.bound else found.value
    return {"size": size, "mean": mean, "low": found.low, "high": found.high, "censored": found.censored}


def _law(cells: Sequence[Cell]) -> Row | str:
    """How fast pass rates grow, or why that cannot be told."""
    try:
        law = fit(cells)
        return {
            "alpha": law.alpha,
            "alpha_interval": law.alpha_interval(),
            "never": law.never,
            "always": law.always,
        }
    except ValueError as error:
        return str(error)


def _forecast(cells: Sequence[Cell]) -> Row | str:
    """The largest size from the smaller ones, or why it cannot be foretold."""
    try:
        found = hold_out(cells)
    except ValueError as error:
        return str(error)
    return {**asdict(found), "error": found.error, "met": found.met}


def _by_scene(cells: Sequence[Cell]) -> Iterator[Row]:
    """Each scene by itself: its rate at the largest size, and its trend."""
    largest = max(cell.size for cell in cells)
    for scene in sorted({cell.scene for cell in cells}):
        mine = [cell for cell in cells if cell.scene == scene]
        last = [estimate(cell.tally) for cell in mine if cell.size == largest]
        found = trend(mine)
        yield {
            "scene": scene,
            "rates": [str(one) for one in last],
            "trend": found.kind,
            "alpha": found.alpha,
            "why": found.why,
        }

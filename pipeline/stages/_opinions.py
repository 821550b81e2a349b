"""Scores and judgements as rows of JSON, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import store
from pipeline.types import Float32, Judgement, Score


def score_row(score: Score) -> dict[str, Any]:
    """A score as plain JSON data; NaN becomes null on the way to the file."""
    curves = {name: [list(map(float, one)) for one in pair] for name, pair in score.curves.items()}
    return {**dataclasses.asdict(score), "per_frame": list(map(float, score.per_frame)), "curves": curves}


def read_score(row: Mapping[str, Any]) -> Score:
    """The score that `score_row` wrote."""
    curves = {name: (_numbers(pair[0]), _numbers(pair[1])) for name, pair in row["curves"].items()}
    parts = {name: _number(value) for name, value in row["parts"].items()}
    changed = {
        "value": _number(row["value"]),
        "parts": parts,
        "curves": curves,
        "per_frame": _numbers(row["per_frame"]),
    }
    return Score(**{**row, **changed})


def judgement_row(judgement: Judgement) -> dict[str, Any]:
    """A judgement as plain JSON data."""
    return {**dataclasses.asdict(judgement), "per_frame": list(map(float, judgement.per_frame))}


def read_judgement(row: Mapping[str, Any]) -> Judgement:
    """The judgement that `judgement_row` wrote."""
    return Judgement(**{**row, "per_frame": _numbers(row["per_frame"])})


@dataclass(frozen=True)
class Opinion:
    """What was said about one answer, or, for a truth clip, about its re-draws."""

    scores: tuple[Score, ...]
    judgements: tuple[Judgement, ...]
    errors: tuple[Score, ...] = ()
    """Against the simulator's truth (metrics/_truth_errors.py), of which the judge knows nothing."""


def write_opinion(folder: Path, opinion: Opinion) -> None:
    """Into an unfinished folder."""
    rows = {
        "scores": list(map(score_row, opinion.scores)),
        "judgements": list(map(judgement_row, opinion.judgements)),
        "errors": list(map(score_row, opinion.errors)),
    }
    store.write_json(folder / "opinion.json", rows)


def read_opinion(folder: Path) -> Opinion:
    """From a published folder."""
    rows = store.read_json(folder / "opinion.json")
    scores, errors = (tuple(map(read_score, rows[name])) for name in ("scores", "errors"))
    return Opinion(scores, tuple(map(read_judgement, rows["judgements"])), errors)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _numbers(values: list[float | None]) -> Float32:
    return np.array([_number(value) for value in values], np.float32)

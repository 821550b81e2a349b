"""What is written about the decisions: rows of curation.jsonl, and totals."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipeline.curation._candidate import Candidate, Standing
from pipeline.curation._lessons import Lesson
from pipeline.curation._rule import Curation
from pipeline.curation._splits import SPLITS
from pipeline.types import Verdict


def row(verdict: Verdict, one: Candidate, lesson: Lesson, rule: Curation) -> dict[str, Any]:
    """One line of curation.jsonl: the verdict with its reasons, the place in training, the numbers behind both."""
    return {
        "clip_id": verdict.clip_id,
        "accepted": verdict.accepted,
        "split": verdict.split,
        "by": verdict.by,
        "reasons": list(verdict.reasons),
        "weight": lesson.weight,
        "position": lesson.position,
        "scenario": one.scenario,
        "material": one.material,
        "grade": one.grade,
        "seed": one.seed,
        "bodies": list(one.bodies),
        "choose": rule.choose,
        "family": rule.family_of(one),
        "deal": rule.deal(),
        "instructive": one.instructive,
        "plausibility": {f"{each.model}/{each.sample}": _number(each.plausibility) for each in one.judgements},
        "checks": {name: _number(value) for name, value in one.checks.items()},
        "votes": [asdict(vote) for vote in one.votes],
    }


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def standing(rows: Iterable[Mapping[str, Any]], rule: Curation) -> Standing:
    """What rows of an earlier curation.jsonl leave to this one; nothing if the splits were dealt in another way."""
    kept = [row for row in rows if row["accepted"] and row.get("deal") == rule.deal()]
    chosen = (row["clip_id"] for row in kept if row["choose"] != "random" or row["split"] != "train")
    return Standing({row["family"]: row["split"] for row in kept}, frozenset(chosen))


def totals(verdicts: Sequence[Verdict], candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Accepted and rejected clips, in all and of every cell of scenario/material/grade; accepted ones by split."""
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict, one in zip(verdicts, candidates, strict=True):
        cell = cells[f"{one.scenario}/{one.material}/{one.grade}"]
        cell.update(["accepted", verdict.split] if verdict.accepted else ["rejected"])
    names = ("accepted", "rejected", *SPLITS)
    whole = sum(cells.values(), Counter[str]())
    return {
        **{name: whole[name] for name in names},
        "cells": {name: {each: cell[each] for each in names} for name, cell in sorted(cells.items())},
    }


def notes(verdicts: Sequence[Verdict], candidates: Sequence[Candidate], rule: Curation) -> list[str]:
    """What somebody who asked for a training set should know before it is used; empty if all is as asked."""
    held = Counter(verdict.split for verdict in verdicts if verdict.accepted)
    if not verdicts:
        return ["there was no clip to decide about: run stage=simulate"]
    if not held:
        return ["every clip was rejected: the reasons stand in curation.jsonl", *rule.idle(candidates)]
    wanted = {"train": 1 - rule.validation - rule.test, "validation": rule.validation, "test": rule.test}
    found = [f"no clip is in {name}" for name, share in wanted.items() if share > 1e-9 and not held[name]]
    if rule.train_size is not None and held["train"] < rule.train_size:
        found.append(f"train_size={rule.train_size} was asked for, there are {held['train']}: simulate more clips")
    return found + rule.idle(candidates)

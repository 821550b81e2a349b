"""A grid of trainings, each asked and scored on the same tests -> study.parquet, and a page about what was found.

pool/              clips that the cells choose from
base/              clips of a training before; bases/<model>/ that training
tests/<name>/      scenes that nobody trains on, their re-draws, the baselines' answers
sets/<choice>/     a training set: curated and exported clips of the pool
cells/<cell>/      a training, and below tests/<name>/ its answers and scores

Each is an ordinary run, made by the ordinary stages, so that what is complete is found again after a kill.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline import shelf, store, training
from pipeline.engines import Outcome
from pipeline.models import Learner, Model
from pipeline.models.copy_last import CopyLast
from pipeline.stages import Run, Tally
from pipeline.stages._grid import BASE, Cell
from pipeline.stages._layout import ASKED, OF_CLIPS, PLAN, ROW
from pipeline.stages._log import log
from pipeline.stages._marks import Mark, askable, marks, marks_of_redraws
from pipeline.stages._nested import KNOWN, SEEN, borrow, climb, nested, spent
from pipeline.stages._shards import shard_of
from pipeline.stages._study_files import write_study
from pipeline.stages._study_samples import sampled
from pipeline.stages._units import code
from pipeline.stages._walk import Ask
from pipeline.stages.generate import ROOMS as GENERATE_ROOMS
from pipeline.stages.score import ROOMS as SCORE_ROOMS


@dataclass(frozen=True)
class _Test:
    """Scenes that nobody trains on."""

    name: str
    run: Run
    asked: dict[str, set[str]]
    """Clip -> errors that it can have."""
    key: str


@dataclass
class _Ground:
    """What all cells stand on, and what of it failed."""

    tests: list[_Test]
    bases: dict[str, Run]
    marked: list[Mark]
    failed: dict[str, str]


@dataclass(frozen=True)
class _Lesson:
    """A cell, and what it was made of."""

    cell: Cell
    asked: Run
    pool: Run
    taught: str
    """Key of its training."""
    key: str
    """Of all that comes of it."""


def study(run: Run, ask: Ask) -> Tally:
    """Make what is missing of the grid; a cell that fails is named, and the others go on.

    Shards work in one folder: the first makes what all need while the others wait, then each makes its own cells.
    Raises ValueError for settings that no cell could be made with, before anything is made.
    """
    grid = run.study
    grid.check()
    arms = {(arm, model): ask([*grid.variants[model], *grid.arms[arm]]) for arm in grid.arms for model in grid.variants}
    places = {name: ask(words) for name, words in {**grid.tests, "": grid.pool, BASE: grid.base}.items()}
    _check(run, arms)
    common = run.folder / "tests"
    common.mkdir(parents=True, exist_ok=True)
    with store.turn(common):
        _agree(run, arms, places)
        ground = _ground(run, arms, places)
    lessons = [_lesson(run, cell, arms[cell.arm, cell.model], ground) for cell in grid.cells()]
    done, made = [], 0
    for number, lesson in enumerate(mine := _mine(run, lessons), start=1):
        try:
            new = _learn(run, lesson, ground)
        except store.StoreError:
            raise  # nothing can be written any more
        except Exception as error:
            ground.failed[lesson.cell.name] = f"{type(error).__name__}: {error}"
            log(run, "study", lesson.cell.name, Outcome(lesson.cell.name, error=ground.failed[lesson.cell.name]))
            continue
        done.append(lesson.cell.name)
        made += new
        print(f"study {number}/{len(mine)} {lesson.cell.name}: {'made' if new else 'found'}", file=sys.stderr)
    with store.turn(common):
        _conclude(run, lessons, ground)
    return Tally("study", tuple(done), made, ground.failed)


def _ground(run: Run, arms: dict[tuple[str, str], Run], places: dict[str, Run]) -> _Ground:
    """Tests, bases and pool; what is there is found."""
    grid, ground = run.study, _Ground([], {}, [], {})
    for name in grid.tests:
        test, wrong = _test(run, name, places[name])
        ground.tests.append(test)
        ground.failed |= {f"tests/{name}: {unit}": error for unit, error in wrong.items()}
        ground.marked += _references(run, test)
    for model in grid.variants if grid.base else ():
        ground.bases[model] = base = _base(run, model, places[BASE], arms[next(iter(grid.arms)), model])
        about = {"kind": BASE, "arm": BASE, "model": model}
        ground.marked += _answered(run, base, ground.tests, about, ground.failed)
    ground.failed |= _pool(run, places[""], next(iter(ground.bases.values()), None))
    return ground


def _mine(run: Run, lessons: list[_Lesson]) -> list[_Lesson]:
    """Those of this shard; cells that share a training set stay together."""
    shard, choices = shard_of(run), [*dict.fromkeys(lesson.cell.choice for lesson in lessons)]
    mine = choices[shard.number - 1 :: shard.of]
    return [lesson for lesson in lessons if lesson.cell.choice in mine]


def _conclude(run: Run, lessons: Sequence[_Lesson], ground: _Ground) -> None:
    """Tables and page about all cells that are there, whoever made them."""
    rows = {lesson.cell.name: _row(lesson) for lesson in lessons}
    missing = {name: "not there yet: another shard's" for name, row in rows.items() if not row}
    there = [row for row in rows.values() if row]
    marked = [*ground.marked, *(mark for row in there for mark in _known(row["marks"]))]
    write_study(run, marked, [one for row in there for one in row["samples"]], {**missing, **ground.failed})


def _agree(run: Run, arms: dict[tuple[str, str], Run], places: dict[str, Run]) -> None:
    """Raises ValueError if this is a shard of another study than the one that others have begun."""
    path = run.folder / ASKED
    learners = [(one.model, one.training, one.curation) for one in arms.values()]
    scenes = [[getattr(one, name) for name in OF_CLIPS] for one in places.values()]
    key = store.key(run.study, learners, scenes, run.samples)
    asked = {"key": key, "cells": [cell.name for cell in run.study.cells()]}
    if run.shard and path.exists() and store.read_json(path) != asked:
        raise ValueError(
            f"shard={run.shard}: expected the settings that the study in {run.folder} was begun with, got others; "
            "repeat them, or name another run="
        )
    store.write_json(path, asked)


def _check(run: Run, arms: dict[tuple[str, str], Run]) -> None:
    """Raises ValueError for an arm that nothing could learn in."""
    for (arm, model), one in arms.items():
        who = f"study: arm {arm}, model {model}"
        if not isinstance(one.model, Learner):
            raise ValueError(f"{who}: expected a model that learns, got {one.model.called}")
        if run.study.sampling.wanted and not one.model.spec.stochastic:
            raise ValueError(f"{who}: study.sampling expects a model whose answers differ, {one.model.called}'s do not")
        if one.training.rehearsal not in ("", BASE if one.study.base else ""):
            raise ValueError(f"{who}: expected training.rehearsal={BASE} (of a study with a base), or none")


def _test(run: Run, name: str, asked: Run) -> tuple[_Test, dict[str, str]]:
    """Scenes, re-draws, and what the baselines make of them; what failed."""
    simple: dict[str, Model] = {"copy_last": CopyLast(), **run.baselines}
    test = nested(asked, run.folder / "tests", name)
    test = replace(test, model=simple["copy_last"], baselines=simple)
    _sign(run, test)
    failed = climb(test, "simulate", "generate", "score")
    plan = store.read_json(test.folder / PLAN)
    plugins = (test.flow, test.metrics, test.judge, test.prompt_frames, test.samples)
    key = store.key(plan["clips"], plugins, run.study.levels)
    return _Test(name, test, askable(test, "copy_last"), key), failed


def _references(run: Run, test: _Test) -> list[Mark]:
    """The baselines, and the truth drawn again."""
    simple = [*marks(test.run, list(test.run.models), run.study.levels, test.asked)]
    again = [*marks_of_redraws(test.run, run.study.levels, test.asked)]
    kinds = [{**one, "kind": "baseline"} for one in simple] + [{**one, "kind": "redraws"} for one in again]
    return [
        {**one, "arm": one["answered_by"], "model": "", "size": 0, "clips": 0, "seed": -1, "test": test.name}
        for one in kinds
    ]


def _base(run: Run, model: str, asked: Run, like: Run) -> Run:
    """The training before, of one model; returns its run, whose model has learnt."""
    clips = nested(asked, run.folder, BASE)
    _sign(run, clips)
    clips = replace(clips, exporters={"videofolder": clips.exporters["videofolder"]})
    failed = climb(clips, "simulate", "curate", "export")
    one = replace(nested(asked, run.folder / "bases", model), model=replace(like.model), seed=run.seed)
    _sign(run, one)
    borrow(one, clips, ("dataset",))
    failed |= climb(one, "train")
    if failed:
        raise ValueError(f"study: the base of {model} could not be made: {failed}")
    return _learnt(one)


def _pool(run: Run, asked: Run, base: Run | None) -> dict[str, str]:
    """The clips that all cells choose from; answered by the base, and scored, if there are re-draws to judge by."""
    pool = nested(asked, run.folder, "pool")
    pool = replace(pool, model=base.model, baselines={}) if base else pool
    _sign(run, pool)
    stages = ["simulate", *(["generate", "score"] if base and pool.redraws else []), "curate"]
    return {f"pool: {name}": error for name, error in climb(pool, *stages).items()}


def _lesson(run: Run, cell: Cell, arm: Run, ground: _Ground) -> _Lesson:
    """What a cell is to learn from what."""
    base = ground.bases.get(cell.model)
    curation = replace(arm.curation, train_size=cell.size, draw_seed=cell.seed)
    pool = replace(nested(arm, run.folder, "pool"), **({"model": base.model} if base else {}))  # type: ignore[arg-type]
    asked = nested(replace(arm, curation=curation, seed=cell.seed), run.folder / "cells", cell.name)
    asked = replace(asked, model=replace(arm.model))  # what another cell has taught the network stays there
    if base:
        asked = replace(asked, model=arm.model.taught(str(_weights(base))))  # type: ignore[attr-defined]
        if asked.training.rehearsal:
            asked = replace(asked, training=replace(asked.training, rehearsal=str(run.folder / BASE)))
    taught_by = (store.read_json(pool.folder / PLAN)["clips"], base and store.sha256(_weights(base)))
    taught = store.key(arm.model, arm.training, curation, cell, taught_by)
    sampling = replace(run.study.sampling, slack=[1.0])  # how wide bounds are taken later needs no new samples
    asked_for = ([test.key for test in ground.tests], sampling)
    key = store.key(taught, code(*GENERATE_ROOMS, *SCORE_ROOMS, "stages._marks"), *asked_for)
    return _Lesson(cell, asked, replace(pool, curation=curation, seed=cell.seed), taught, key)


def _row(lesson: _Lesson) -> dict[str, Any]:
    """What came of a cell: marks, and how its samples passed; empty if it is not finished."""
    path = lesson.asked.folder / ROW
    row: dict[str, Any] = store.read_json(path) if path.exists() else {}
    return row if row.get("key") == lesson.key else {}


def _learn(run: Run, lesson: _Lesson, ground: _Ground) -> bool:
    """Make a cell; whether anything had to be made."""
    cell, asked, started = lesson.cell, lesson.asked, time.monotonic()
    if _row(lesson):
        return False
    _begin(asked.folder, lesson.taught)
    _sign(run, asked)
    borrow(asked, _chosen(run, cell, lesson.pool), ("dataset",))
    failed = climb(asked, "train")
    if failed:
        raise ValueError(f"training: {failed}")
    learnt = _learnt(asked)
    found = _answered(run, learnt, ground.tests, {"kind": "cell", **vars(cell)}, failed)
    if failed:
        raise ValueError(str(failed))
    before = time.process_time()
    passes = _sampled(run, cell, learnt, ground.tests) if run.study.sampling.wanted else []
    seconds = time.process_time() - before + spent(asked.folder)
    store.write_json(asked.folder / ROW, {"key": lesson.key, "marks": found, "samples": passes})
    seconds += sum(spent(asked.folder / "tests" / test.name) for test in ground.tests)
    log(run, "study", cell.name, Outcome(cell.name, cpu_seconds=seconds, wall_seconds=time.monotonic() - started))
    return True


def _sampled(run: Run, cell: Cell, learnt: Run, tests: Sequence[_Test]) -> list[dict[str, Any]]:
    """How often the first scenes of every test are passed."""
    clips = store.read_json(_weights(learnt).parent / "origin.json")["clips"]
    assert isinstance(learnt.model, Learner)
    parameters = sum(one.numel() for one in learnt.model.network().parameters() if one.requires_grad)
    about = {**vars(cell), "clips": clips, "parameters": parameters}
    return [{**about, **row} for test in tests for row in sampled(run.study, learnt, test.name, test.run, test.asked)]


def _chosen(run: Run, cell: Cell, pool: Run) -> Run:
    """The cell's training set, which other models share."""
    chosen = nested(pool, run.folder / "sets", cell.choice)
    chosen = replace(chosen, exporters={"videofolder": chosen.exporters["videofolder"]})
    borrow(chosen, nested(pool, run.folder, "pool"), KNOWN)
    if failed := climb(chosen, "curate", "export"):
        raise ValueError(f"its training set: {failed}")
    return chosen


def _answered(run: Run, one: Run, tests: Sequence[_Test], about: dict[str, Any], failed: dict[str, str]) -> list[Mark]:
    """What a model that has learnt makes of all tests."""
    origin = store.read_json(_weights(one).parent / "origin.json")
    own = {"size": 0, "seed": one.seed, **about, "clips": origin["clips"] if about["kind"] == "cell" else 0}
    found = []
    for test in tests:
        asked = nested(replace(test.run, model=one.model, baselines={}), one.folder / "tests", test.name)
        _sign(run, asked)
        borrow(asked, test.run, SEEN)
        # The null is the truth's own, whoever answers.
        borrow(asked, test.run, ("scores/truth",))
        wrong = climb(asked, "generate", "score")
        failed |= {f"{one.run}: {test.name}: {name}": error for name, error in wrong.items()}
        some = marks(asked, [one.model.called], run.study.levels, test.asked)
        found += [{**mark, **own, "test": test.name} for mark in some]
    return found


def _learnt(one: Run) -> Run:
    """The run with the model that came of its training."""
    return replace(one, model=one.model.taught(str(_weights(one))))  # type: ignore[attr-defined]


def _weights(one: Run) -> Path:
    return one.folder / "training" / shelf.name(one.model) / training.WEIGHTS


def _begin(folder: Path, lesson: str) -> None:
    """Clear away what another lesson left in a cell of this name."""
    note = folder / "begun.json"
    if folder.exists() and (not note.exists() or store.read_json(note)["lesson"] != lesson):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    store.write_json(note, {"lesson": lesson})


def _sign(run: Run, one: Run) -> None:
    """A nested run comes from where the study does."""
    one.folder.mkdir(parents=True, exist_ok=True)
    origin = store.read_json(run.folder / "provenance.json")
    store.write_json(one.folder / "provenance.json", {**origin, "seed": one.seed})


def _known(kept: list[Mark]) -> list[Mark]:
    """Marks from a file, where NaN is null."""
    return [{name: float("nan") if value is None else value for name, value in mark.items()} for mark in kept]

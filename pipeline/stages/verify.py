"""Is everything that the run has made as it was made? With repair=true, what is not is made again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.engines import Job
from pipeline.stages import Run, Tally
from pipeline.stages._layout import PLAN, answer_folder, clip_folder, planned
from pipeline.stages._units import Unit, perform
from pipeline.stages.simulate import prepare, units


@dataclass(frozen=True)
class _Asked:
    """A folder that plan.json asks for."""

    name: str
    folder: Path
    key: str
    manifest: str


def verify(run: Run) -> Tally:
    """Compare all files with the checksums in their clip.json, and all folders with plan.json.

    Missing, truncated and altered clips, answers and opinions fail; half written and unknown folders are told.
    With `repair` half written ones are removed, damaged ones too, and truth clips are made again, to the same bytes.
    Raises ValueError where they cannot be: with other settings or another version of the code.
    """
    asked = list(_asked(run))
    wrong = _wrong(run, asked)
    for path in store.unfinished(run.folder):
        print(f"verify: {path}: half written, {'removed' if run.repair else 'repair=true removes it'}", file=sys.stderr)
    for path in _unknown(run, asked):
        print(f"verify: {path}: not in {PLAN}, left alone: delete it if you do not want it", file=sys.stderr)
    made = _repair(run, asked, wrong) if run.repair else 0
    done = tuple(one.name for one in asked if one.name not in wrong)
    return Tally("verify", done, made, wrong)


def _asked(run: Run) -> Iterator[_Asked]:
    for row in planned(run, "clips", "start with stage=simulate"):
        for draw, key in enumerate(row["keys"]):
            folder = clip_folder(run, row["clip_id"], draw)
            yield _Asked(folder.name, folder, key, store.CLIP)
    plan = store.read_json(run.folder / PLAN)
    for row in plan.get("answers", ()):
        folder = answer_folder(run, row["model"], row["clip_id"], row["sample"])
        yield _Asked(f"{row['model']}/{folder.name}", folder, row["key"], store.CLIP)
    for name, key in plan.get("opinions", {}).items():
        yield _Asked(name, run.folder / name, key, store.MANIFEST)


def _wrong(run: Run, asked: list[_Asked]) -> dict[str, str]:
    """Name -> everything that is wrong, in one line."""
    jobs = (Job(f"verify {one.name}", problems, (one.folder, one.key, one.manifest)) for one in asked)
    outcomes = zip(asked, run.engine.run(jobs, "verify", len(asked)), strict=True)
    found = {one.name: outcome.error or outcome.value for one, outcome in outcomes}
    return {name: problem for name, problem in found.items() if problem}


def problems(folder: Path, key: str, manifest: str) -> str:
    """What is wrong with a published folder; '' if nothing."""
    if not folder.exists():
        return "missing"
    if found := store.verify(folder, manifest):
        return "; ".join(one.removeprefix(f"{folder}/") for one in found)
    got: Any = store.read_json(folder / manifest).get("key")
    return "" if got == key else "of other settings or another version of the code"


def _unknown(run: Run, asked: Iterable[_Asked]) -> list[Path]:
    known = {one.folder for one in asked}
    shelves = [run.folder / "clips", run.folder / "redraws", *(run.folder / "generated").glob("*")]
    found = [path for shelf in shelves if shelf.is_dir() for path in sorted(shelf.iterdir())]
    return [path for path in found if path not in known and not path.name.startswith(".")]


def _repair(run: Run, asked: list[_Asked], wrong: dict[str, str]) -> int:
    """Make what is wrong anew, and take what is right again out of `wrong`; how many that were."""
    store.sweep(run.folder)
    again = _again(run, asked, wrong)
    for one in asked:
        if one.name in wrong and one.folder.is_dir():
            shutil.rmtree(one.folder)
    tally = perform(run, "simulate", again, prepare)
    repaired = [unit.name for unit in again if unit.name not in tally.failed]
    for name in repaired:
        del wrong[name]
    others = [one.name for one in asked if one.name in wrong and one.name not in tally.failed]
    wrong.update(dict.fromkeys(others, "removed: run stage=generate and stage=score again"))
    wrong.update(tally.failed)
    return len(repaired)


def _again(run: Run, asked: list[_Asked], wrong: dict[str, str]) -> list[Unit]:
    """The truth clips among what is wrong, as units. Raises ValueError if these settings would make others."""
    here = {unit.name: unit for _, every in units(run) for unit in every}
    damaged = [one for one in asked if one.name in wrong and one.folder.parent.name in ("clips", "redraws")]
    strange = [one.name for one in damaged if one.name not in here or here[one.name].key != one.key]
    if strange:
        raise ValueError(
            f"repair=true: expected the settings and the code that made {strange[0]}, got others: repeat the settings "
            f"of {run.folder / 'config.yaml'} on the command line, or run stage=simulate to make all clips anew"
        )
    return [here[one.name] for one in damaged]

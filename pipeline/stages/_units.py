"""Doing a stage's units of work: those that are complete are found, the others are made, every one is accounted for."""

from __future__ import annotations

import importlib.metadata
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline import materials, shelf, store
from pipeline.engines import Job, Outcome
from pipeline.materials import Material
from pipeline.stages import Run, Tally


@dataclass(frozen=True)
class Unit:
    """One folder to be made by `work(folder, key, *arguments)`, a module-level function that publishes it."""

    name: str
    folder: Path
    key: str
    work: Callable[..., None]
    arguments: tuple[Any, ...] = field(repr=False)
    manifest: str = "manifest.json"


PACKAGES = ("av", "numpy", "opencv-python-headless", "pybullet", "pysplashsurf", "scipy", "torch", "warp-lang")
"""Another version of one of these may give other bytes."""
SOLVING = ("numpy", "pybullet", "pysplashsurf", "scipy", "warp-lang")
"""Those that the solvers use. Another build of torch (2.13.0 for 2.13.0+cpu) moves no particle."""


def package_versions(names: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Of the packages that compute; empty for one that is installed under another name."""
    return {name: _version(name) for name in names}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def code(*rooms: str) -> str:
    """Version of the code that a stage's units depend on: those rooms, the nouns, what reads and writes files, and
    the packages that compute."""
    always = ("types", "store", "_files", "_arrays", "_nouns", "_clipfiles", "video")
    return store.key(store.code_version(*(f"pipeline.{room}" for room in (*rooms, *always))), package_versions())


def solvers() -> str:
    """Version of what decides a trajectory, which the record of the laws is about: the simulators' code and every
    material's numbers. How materials look and how clips are written is not."""
    code = store.code_version("pipeline.simulators", "pipeline.types._scene")
    return store.key(code, _numbers(), package_versions(SOLVING))


def _numbers() -> dict[str, dict[str, Any]]:
    """What a cube of each material on the shelf is to the solvers."""
    corners = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    media = {name: kind().fill(corners) for name, kind in shelf.everything(materials, Material).items()}  # type: ignore[type-abstract]
    told = {name: asdict(medium) for name, medium in media.items() if medium}
    return {
        name: {key: one for key, one in medium.items() if key not in materials.LOOK} for name, medium in told.items()
    }


def perform(run: Run, stage: str, units: Sequence[Unit]) -> Tally:
    """Make the units that are not complete, through the run's engine."""
    missing = [unit for unit in units if not store.is_complete(unit.folder, unit.key, unit.manifest)]
    jobs = (Job(f"{stage} {unit.name}", unit.work, (unit.folder, unit.key, *unit.arguments)) for unit in missing)
    failed = {}
    for unit, outcome in zip(missing, run.engine.run(jobs, stage, len(missing)), strict=True):
        log(run, stage, unit.name, outcome)
        if outcome.error:
            failed[unit.name] = outcome.error
    done = tuple(unit.name for unit in units if unit.name not in failed)
    return Tally(stage, done, len(missing) - len(failed), failed)


def log(run: Run, stage: str, unit: str, outcome: Outcome) -> None:
    """Enter what became of a unit into the run's log."""
    row = {
        "time": round(time.time(), 3),
        "run": run.run,
        "stage": stage,
        "unit": unit,
        "error": outcome.error,
        "attempts": outcome.attempts,
        "cpu_seconds": round(outcome.cpu_seconds, 3),
        "wall_seconds": round(outcome.wall_seconds, 3),
    }
    with (run.folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")


def seconds_spent(run: Run, tally: Tally) -> dict[str, float]:
    """CPU and wall seconds [s] that the latest making of each of the tally's units took, whichever command did it."""
    latest: dict[str, dict[str, Any]] = {}
    path = run.folder / "log.jsonl"
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue  # the last line of a command that was killed
        if row["stage"] == tally.stage:
            latest[row["unit"]] = row
    rows = [latest[name] for name in (*tally.done, *tally.failed) if name in latest]
    return {which: round(sum(row[which] for row in rows), 3) for which in ("cpu_seconds", "wall_seconds")}

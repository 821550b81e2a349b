"""Doing a stage's units of work: those that are complete are found, the others are made, every one is accounted for."""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline import materials, shelf, store
from pipeline.engines import Job, Kept
from pipeline.materials import Material
from pipeline.models import Model
from pipeline.stages import Run, Tally
from pipeline.stages._log import log
from pipeline.stages._pulse import alive


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


@functools.cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@functools.cache
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


def perform(run: Run, stage: str, units: Collection[Unit], prepare: Callable[[], None] | None = None) -> Tally:
    """Make the units that are not complete, as `make` does, and name all that are complete then."""
    made, failed = make(run, stage, units, prepare)
    return Tally(stage, tuple(unit.name for unit in units if unit.name not in failed), made, failed)


def make(
    run: Run, stage: str, units: Collection[Unit], prepare: Callable[[], None] | None = None
) -> tuple[int, dict[str, str]]:
    """Make the units that are not complete, through the run's engine; `prepare` is done once in every worker.

    Returns how many were made, and of each that failed its name and what went wrong. Units are gone through twice and
    not kept: of each a byte stays in memory. Raises StoreError if nothing can be written any more: the other units
    would fail for the same reason.
    """
    missing = bytearray(not store.is_complete(unit.folder, unit.key, unit.manifest) for unit in units)
    handed, awaited = itertools.tee(itertools.compress(units, missing))
    jobs = (_job(run, stage, unit, prepare) for unit in handed)
    failed = {}
    outcomes = run.engine.run(jobs, stage, sum(missing))
    for unit, outcome in zip(awaited, outcomes, strict=True):
        log(run, stage, unit.name, outcome)
        if outcome.error:
            failed[unit.name] = outcome.error
            if outcome.error.startswith(store.StoreError.__name__):
                store.write_text(run.folder / ".room", "x" * 2**16)
                (run.folder / ".room").unlink()
    return sum(missing) - len(failed), failed


def _job(run: Run, stage: str, unit: Unit, prepare: Callable[[], None] | None) -> Job:
    kept = [Kept(one) if isinstance(one, Model) else one for one in unit.arguments]
    name = f"{stage} {unit.name}"
    return Job(name, alive, (run.folder, run.shard, name, unit.work, unit.folder, unit.key, *kept), prepare)

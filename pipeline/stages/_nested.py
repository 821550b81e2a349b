"""Runs inside a run: ordinary stages in folders of their own, whose clips may be another run's."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline import store
from pipeline.stages import Run
from pipeline.stages._layout import PLAN, as_made
from pipeline.stages._log import logged
from pipeline.stages._walk import note

FRESH = ("simulate",)
"""Stages that make clips; the others take the clips' settings from the plan."""
SEEN = ("clips", "redraws")
"""Shelves of a run whose scenes are borrowed to be answered."""
KNOWN = (*SEEN, "checks", "generated", "scores")
"""Shelves of a run whose clips are borrowed to be chosen from."""


def nested(run: Run, parent: Path, name: str) -> Run:
    """The same settings in the folder `parent`/`name`, all of it."""
    return replace(run, outputs=str(parent), run=name, shard="")


def borrow(run: Run, source: Run, shelves: Sequence[str]) -> None:
    """Give a run the scenes of another by links to its shelves: nothing is copied, every checksum is still read where
    the files are, and a damaged clip is damaged for all who borrow it."""
    run.folder.mkdir(parents=True, exist_ok=True)
    for shelf in shelves:
        link, theirs = run.folder / shelf, source.folder / shelf
        if theirs.exists() and not link.is_symlink():
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(os.path.relpath(theirs, link.parent), target_is_directory=True)
    plan = store.read_json(source.folder / PLAN)
    kept = plan if "scores" in shelves else {name: plan[name] for name in ("clips", "made")}
    store.update_json(run.folder / PLAN, **kept)


def climb(run: Run, *stages: str) -> dict[str, str]:
    """Do stages of a nested run; what failed, by stage and unit. What is complete is found, as in any run."""
    failed: dict[str, str] = {}
    for stage in stages:
        at = replace(run, stage=stage)
        at = at if stage in FRESH else as_made(at)
        tally = getattr(importlib.import_module(f"pipeline.stages.{stage}"), stage)(at)
        note(at, tally)
        failed |= {f"{stage} {name}": error for name, error in tally.failed.items()}
        if tally.made:
            print(f"{run.folder}: {stage}: {len(tally.done)} done ({tally.made} now)", file=sys.stderr)
    return failed


def spent(folder: Path, stage: str = "") -> float:
    """CPU seconds of all work logged in a nested run, or of one stage's [s]."""
    return float(sum(row["cpu_seconds"] for row in logged(folder) if stage in ("", row["stage"])))

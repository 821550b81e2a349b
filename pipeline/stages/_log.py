"""The log of a run: what became of every unit, when, where, at what cost. Shards keep logs of their own, because
appending to one file from many machines is not safe on a network drive."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.engines import Outcome
from pipeline.stages import Run, Tally
from pipeline.stages._shards import shard_of


def log(run: Run, stage: str, unit: str, outcome: Outcome) -> None:
    """Enter what became of a unit into the run's log."""
    row = {
        "time": round(time.time(), 3),
        "run": run.run,
        "shard": run.shard,
        "stage": stage,
        "unit": unit,
        "worker": outcome.worker,
        "error": outcome.error,
        "attempts": outcome.attempts,
        "cpu_seconds": round(outcome.cpu_seconds, 3),
        "wall_seconds": round(outcome.wall_seconds, 3),
    }
    part = shard_of(run).part
    path = run.folder / (f"log-{part}.jsonl" if part else "log.jsonl")
    with store.writing(path), path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def logged(folder: Path) -> Iterator[dict[str, Any]]:
    """All rows of a run's logs, each log from its beginning; a line that was not finished is left out."""
    for path in sorted(folder.glob("log*.jsonl")):
        with path.open() as file:
            for line in file:
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    continue


def latest(folder: Path, stage: str) -> dict[str, dict[str, Any]]:
    """Name of a unit -> its latest row."""
    found: dict[str, dict[str, Any]] = {}
    for row in logged(folder):
        if row["stage"] == stage and row["time"] >= found.get(row["unit"], row)["time"]:
            found[row["unit"]] = row
    return found


def seconds_spent(run: Run, tally: Tally) -> dict[str, float]:
    """CPU and wall seconds [s] that the latest making of each of the tally's units took, whichever command did it."""
    with closing(sqlite3.connect("")) as table:  # on the disk: however many units there are, they take no memory
        table.execute("CREATE TABLE spent (unit TEXT PRIMARY KEY, time REAL, cpu REAL, wall REAL)")
        mine = ((name,) for names in (tally.done, tally.failed) for name in names)
        table.executemany("INSERT OR IGNORE INTO spent VALUES (?, 0, 0, 0)", mine)
        rows = (row for row in logged(run.folder) if row["stage"] == tally.stage)
        table.executemany(
            "UPDATE spent SET time = :time, cpu = :cpu_seconds, wall = :wall_seconds "
            "WHERE unit = :unit AND time <= :time",
            rows,
        )
        cpu, wall = table.execute("SELECT total(cpu), total(wall) FROM spent").fetchone()
    return {"cpu_seconds": round(cpu, 3), "wall_seconds": round(wall, 3)}

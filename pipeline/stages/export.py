"""The training set in the layouts that trainers read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline import store
from pipeline.exporters import Exporter
from pipeline.stages import Run, Tally
from pipeline.stages._findings import VALIDATION, standing
from pipeline.stages._layout import truths
from pipeline.stages._units import Unit, code, perform
from pipeline.types import Example

ROOMS = ("exporters", "stages.export")
SHIPPED = Path(__file__).parents[2] / "assets" / VALIDATION
"""The full pass of this project's own solvers; a run's own validation comes first."""
Accepted = tuple[Path, str, dict[str, str]]
"""Folder of a truth clip, its split, its provenance."""


def export(run: Run) -> Tally:
    """Write the accepted clips once for every exporter."""
    accepted, record = list(_accepted(run)), _record(run)
    if not accepted:
        _note(run, (), 0)
        return Tally("export", failed={"dataset": "no clip was accepted: see the reasons in curation.jsonl"})
    units = [
        Unit(
            name,
            run.folder / "dataset" / name,
            store.key("dataset", code(*ROOMS), exporter, run.run, accepted, record and store.sha256(record)),
            _write,
            (exporter, run.run, accepted, record),
        )
        for name, exporter in run.exporters.items()
    ]
    tally = perform(run, "export", units)
    _note(run, tally.done, len(accepted))
    return tally


def _note(run: Run, formats: Sequence[str], clips: int) -> None:
    entry = {"folder": str(run.folder / "dataset"), "formats": list(formats), "clips": clips}
    store.update_json(run.folder / "summary.json", export=entry)


def _accepted(run: Run) -> Iterator[Accepted]:
    """Raises ValueError if nothing has been curated in this run."""
    path = run.folder / "curation.jsonl"
    if not path.exists():
        raise ValueError(f"run '{run.run}': expected {path}, got none: run stage=curate first")
    rows = {row["clip_id"]: row for row in map(json.loads, path.read_text().splitlines())}
    record = _record(run)
    measured = store.read_json(record) if record else []
    for truth in truths(run):
        row = rows.get(truth.clip_id)
        if row and row["accepted"]:
            made_by = store.read_json(truth.folder / store.CLIP)["extra"]
            provenance = {
                "run": run.run,
                "key": truth.key,
                "code": made_by["code"],
                "seed": str(row["seed"]),
                "accepted_by": row["by"],
                "reasons": "; ".join(row["reasons"]),
                "laws": standing(measured, row["material"], made_by["solvers"]),
            }
            yield truth.folder, row["split"], provenance


def _record(run: Run) -> Path | None:
    """What the solvers were found to obey: by this run, else by the project."""
    return next((path for path in (run.folder / VALIDATION, SHIPPED) if path.exists()), None)


def _write(
    folder: Path, key: str, exporter: Exporter, name: str, accepted: list[Accepted], record: Path | None
) -> None:
    with store.publish(folder, key, {}) as unfinished:
        exporter.export(name, (_example(*one) for one in accepted), unfinished)
        if record:
            shutil.copyfile(record, unfinished / VALIDATION)


def _example(folder: Path, split: str, provenance: dict[str, str]) -> Example:
    scene = store.load_scene(folder)
    bodies = store.load_trajectory(folder, particles=False)
    return Example(store.load_clip(folder), scene, scene.captions, split, provenance, bodies)

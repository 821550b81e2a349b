"""The training set in the layouts that trainers read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline import store
from pipeline.exporters import Exporter
from pipeline.stages import Run, Tally, simulate
from pipeline.stages._layout import truths
from pipeline.stages._units import Unit, code, perform
from pipeline.types import Example

ROOMS = ("exporters",)
Accepted = tuple[Path, str, dict[str, str]]
"""Folder of a truth clip, its split, its provenance."""


def export(run: Run) -> Tally:
    """Write the accepted clips once for every exporter."""
    accepted = list(_accepted(run))
    if not accepted:
        raise ValueError(f"run '{run.run}': expected accepted clips in curation.jsonl, got none: see the reasons there")
    units = [
        Unit(
            name,
            run.folder / "dataset" / name,
            store.key("dataset", code(*ROOMS), exporter, run.run, accepted),
            _write,
            (exporter, run.run, accepted),
        )
        for name, exporter in run.exporters.items()
    ]
    tally = perform(run, "export", units)
    store.update_json(
        run.folder / "summary.json",
        export={"folder": str(run.folder / "dataset"), "formats": list(tally.done), "clips": len(accepted)},
    )
    return tally


def _accepted(run: Run) -> Iterator[Accepted]:
    """Raises ValueError if nothing has been curated in this run."""
    path = run.folder / "curation.jsonl"
    if not path.exists():
        raise ValueError(f"run '{run.run}': expected {path}, got none: run stage=curate first")
    rows = {row["clip_id"]: row for row in map(json.loads, path.read_text().splitlines())}
    made_by = code(*simulate.ROOMS)
    for truth in truths(run):
        row = rows.get(truth.clip_id)
        if row and row["accepted"]:
            provenance = {
                "run": run.run,
                "key": truth.key,
                "code": made_by,
                "seed": str(row["seed"]),
                "accepted_by": row["by"],
                "reasons": "; ".join(row["reasons"]),
            }
            yield truth.folder, row["split"], provenance


def _write(folder: Path, key: str, exporter: Exporter, name: str, accepted: list[Accepted]) -> None:
    with store.publish(folder, key, {}) as unfinished:
        exporter.export(name, (_example(*one) for one in accepted), unfinished)


def _example(folder: Path, split: str, provenance: dict[str, str]) -> Example:
    scene = store.load_scene(folder)
    return Example(store.load_clip(folder), scene, scene.captions, split, provenance)

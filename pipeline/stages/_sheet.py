"""A run of which nothing has been generated yet -> the contact sheet of its truth clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline import report, store
from pipeline.stages import Run
from pipeline.stages._layout import Truth, lost, truths
from pipeline.stages._units import Unit, code
from pipeline.stages.score import case_of
from pipeline.types import Scene

ROOMS = ("report", "_report", "stages._sheet")
MOMENTS = 5
"""Pictures in a clip's strip."""


def sheet(run: Run, facts: Mapping[str, str]) -> Unit:
    """The work of making it; `facts` stand in its head."""
    known, missing = truths(run), lost(run)
    key = store.key("sheet", code(*ROOMS), facts, known, missing)
    return Unit("report.html", run.folder / "page", key, _make, (run, facts, known, missing))


def _make(
    folder: Path, key: str, run: Run, facts: Mapping[str, str], known: Sequence[Truth], missing: Mapping[str, str]
) -> None:
    page = report.SheetPage(run.run, run.quick, facts, _clips(known), missing)
    with store.publish(folder, key, {}) as unfinished:
        (unfinished / "report.html").write_text(report.render_sheet(page), encoding="utf-8")


def _clips(known: Sequence[Truth]) -> Iterator[report.SheetClip]:
    for truth in known:
        clip, scene = store.load_clip(truth.folder), store.load_scene(truth.folder)
        shown = np.linspace(0, len(clip.frames) - 1, MOMENTS).round().astype(int)
        yield report.SheetClip(
            case_of(truth),
            scene.captions[0],
            report.strip([clip.frames[frame] for frame in shown]),
            report.shown_layers(clip.layers, len(clip.frames) // 2) if clip.layers else "",
            scene_facts(scene),
        )


def scene_facts(scene: Scene) -> dict[str, str]:
    """The numbers behind the picture."""
    facts = {body.name: f"{body.mass:.3g} kg, {body.density:.0f} kg/m³" for body in scene.bodies}
    if scene.medium:
        facts[scene.medium.word] = f"{scene.medium.density:.0f} kg/m³"
    return facts

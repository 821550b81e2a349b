"""What the exam shows: truth clips broken on purpose, one way at a time, and re-draws that no null has seen.

They stay in films/<clip>/<change>_<level>/, so that another judge sits the same exam at the price of judging alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import store
from pipeline.examination import REDRAW
from pipeline.renderers import Renderer
from pipeline.scenarios import Scenario
from pipeline.simulators import Simulator
from pipeline.stages import Run
from pipeline.stages._layout import Truth
from pipeline.stages._units import code
from pipeline.stages.simulate import ROOMS
from pipeline.types import Clip, UInt8
from pipeline.violations import Event, Violation

FILMS = "films"
UNSEEN = 4
"""Re-draws of each scene that its null does not know: a single one may be luck, good or bad."""


@dataclass(frozen=True)
class Film:
    """One clip of the exam, made or not."""

    folder: Path
    key: str
    truth: Path
    """The clip that it differs from."""
    change: str
    """A violation's name, a harmless change's, or REDRAW."""
    level: int
    """Severity; of re-draws their number."""
    draw: int
    """Which re-draw; 0: a change."""
    violation: Violation | None = field(repr=False)
    scenario: Scenario = field(repr=False)
    simulator: Simulator = field(repr=False)
    renderer: Renderer = field(repr=False)
    prompt_frames: int


def films(run: Run, truth: Truth) -> Iterator[Film]:
    """Every change at every level that makes sense in the scene, and UNSEEN re-draws that the null has not seen."""
    scene = store.load_scene(truth.folder)
    makers = (run.stories[scene.scenario], run.simulator, run.renderer, run.prompt_frames)
    kind = scene.medium.kind if scene.medium else "none"
    changes: dict[str, Violation | None] = {REDRAW: None}
    changes |= {name: one for name, one in run.violations.items() if kind in one.kinds}
    for name, change in changes.items():
        for level in run.levels if change else range(1, UNSEEN + 1):
            draw = 0 if change else run.redraws + level
            key = store.key("film", _version(change), truth.key, name, change, level, draw, *makers)
            folder = run.folder / FILMS / truth.clip_id / f"{name}_{level}"
            yield Film(folder, key, truth.folder, name, level, draw, change, *makers)


def shown(film: Film, truth: Clip) -> Clip:
    """The clip itself, made from the truth, with its layers, if it is not there."""
    if not store.is_complete(film.folder, film.key, store.CLIP):
        clip = Clip(truth.clip_id, f"{film.change}_{film.level}", film.level, _pictures(film, truth), truth.fps)
        store.save_clip(film.folder, film.key, clip)
    return store.load_clip(film.folder)


def _pictures(film: Film, truth: Clip) -> UInt8:
    """Frames of the broken scene, (T, H, W, 3)."""
    scene, change = store.load_scene(film.truth), film.violation
    if change is None:
        changed = film.scenario.redraw(scene, film.draw)
        return film.renderer.pictures(changed, film.simulator.simulate(changed))
    event = Event(scene, store.load_trajectory(film.truth), truth, film.simulator, film.prompt_frames)
    frames, happening = truth.frames, change.happen(event, film.level)
    if happening is not None:
        # What the prompt shows is given, even where a body is hidden in its last frame's motion.
        frames = film.renderer.pictures(*happening)
        frames[: film.prompt_frames] = truth.frames[: film.prompt_frames]
    return change.film(frames, event, film.level)


def _version(change: Violation | None) -> str:
    """Of the code that a film depends on: another violation's is not."""
    own = ("violations.__init__", "violations._edits", type(change).__module__.removeprefix("pipeline."))
    return code("stages._exam_films", *ROOMS, *(own if change else ()))

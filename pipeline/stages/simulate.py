"""Scenario -> Scene -> Trajectory -> truth clips, and re-draws of each."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipeline import store
from pipeline.renderers import Renderer, instances
from pipeline.simulators import Simulator
from pipeline.stages import Run, Tally
from pipeline.stages._layout import OF_CLIPS, PLAN, Plan, clip_folder, plans
from pipeline.stages._units import Unit, code, perform, solvers

ROOMS = ("materials", "scenarios", "simulators", "renderers", "stages.simulate")
"""A change in their code makes the clips anew."""


def simulate(run: Run) -> Tally:
    """Truth clips and their re-draws; plan.json lists them for the stages that follow."""
    asked = {plan: [_unit(run, plan, draw) for draw in range(run.redraws + 1)] for plan in plans(run)}
    rows = [{"clip_id": plan.clip_id, "keys": [unit.key for unit in units]} for plan, units in asked.items()]
    made = {name: getattr(run, name) for name in OF_CLIPS}
    path = run.folder / PLAN
    before = store.read_json(path) if path.exists() else {}
    # What was said of other clips is no longer about this run.
    kept = before if before.get("clips") == rows else {}
    store.write_json(path, {**kept, "clips": rows, "made": made})
    return perform(run, "simulate", [unit for units in asked.values() for unit in units])


def _unit(run: Run, plan: Plan, draw: int) -> Unit:
    shape = ((run.height, run.width), run.fps, run.num_frames)
    plugins = (run.simulator, run.renderer)
    folder = clip_folder(run, plan.clip_id, draw)
    key = store.key("truth", code(*ROOMS), plan, draw, shape, plugins, plan.scenario.fingerprint())
    return Unit(folder.name, folder, key, _make, (plan, draw, shape, *plugins), "clip.json")


def _make(
    folder: Path,
    key: str,
    plan: Plan,
    draw: int,
    shape: tuple[tuple[int, int], float, int],
    simulator: Simulator,
    renderer: Renderer,
) -> None:
    scene = plan.scenario.draw(plan.clip_id, plan.seed, plan.material, *shape)
    if draw:
        scene = plan.scenario.redraw(scene, draw)
    pieces, film = simulator.pieces(scene), partial(renderer.shots, scene)
    extra = {"code": code(*ROOMS), "solvers": solvers()}
    store.save_shots(folder, key, scene, pieces, film, instances(scene), extra)

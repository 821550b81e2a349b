"""Scenario -> Scene -> Trajectory -> truth clips, and re-draws of each."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.renderers import Renderer, instances
from pipeline.simulators import Simulator
from pipeline.stages import Run, Tally
from pipeline.stages._layout import OF_CLIPS, PLAN, Plan, clip_folder, plans
from pipeline.stages._shards import shard_of
from pipeline.stages._units import Unit, code, perform, solvers

ROOMS = ("materials", "scenarios", "simulators", "renderers", "stages.simulate")
"""A change in their code makes the clips anew."""


def simulate(run: Run) -> Tally:
    """Truth clips and their re-draws; plan.json lists them for the stages that follow, those of all shards."""
    asked = units(run)
    with store.turn(run.folder):
        _write_plan(run, [{"clip_id": plan.clip_id, "keys": [one.key for one in every]} for plan, every in asked])
    shard = shard_of(run)
    mine = [every for number, (_, every) in enumerate(asked) if shard.mine(number, len(asked))]
    return perform(run, "simulate", [unit for every in mine for unit in every], prepare)


def units(run: Run) -> list[tuple[Plan, list[Unit]]]:
    """The run's scenes, all shards together, and for each the clip and its re-draws."""
    files = {id(one): one.fingerprint() for one in run.stories.values()}  # reads meshes: once is enough
    return [
        (plan, [_unit(run, plan, draw, files[id(plan.scenario)]) for draw in range(run.redraws + 1)])
        for plan in plans(run)
    ]


def _write_plan(run: Run, rows: list[dict[str, Any]]) -> None:
    """Raises ValueError if this is a shard of something else than what the folder holds."""
    path = run.folder / PLAN
    before = store.read_json(path) if path.exists() else {}
    made = {name: getattr(run, name) for name in OF_CLIPS}
    if run.shard and before and before.get("clips") != rows:
        differing = [name for name in OF_CLIPS if before.get("made", {}).get(name) != made[name]]
        raise ValueError(
            f"shard={run.shard}: expected the settings and the code that the other shards in {run.folder} were made "
            f"with, got others ({', '.join(differing) or 'a plug-in, or the code'}); repeat them, or name another run="
        )
    # What was said of other clips is no longer about this run.
    kept = before if before.get("clips") == rows else {}
    store.write_json(path, {**kept, "clips": rows, "made": made})


def prepare() -> None:
    """What a worker loads before its first clip, whatever that shows; kernels come with it, from their cache."""
    for name in ("renderers._beauty", "renderers._layers", "simulators._bodies", "simulators._distance"):
        importlib.import_module(f"pipeline.{name}")  # and with them warp, cv2, PyBullet, SciPy
    importlib.import_module("warp").init()


def _unit(run: Run, plan: Plan, draw: int, files: str) -> Unit:
    shape = ((run.height, run.width), run.fps, run.num_frames)
    plugins = (run.simulator, run.renderer)
    folder = clip_folder(run, plan.clip_id, draw)
    key = store.key("truth", code(*ROOMS), plan, draw, shape, plugins, files)
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

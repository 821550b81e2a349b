"""Scenario -> Scene -> Trajectory -> truth clips, and re-draws of each."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from pipeline import store
from pipeline.renderers import Renderer, instances
from pipeline.simulators import Simulator
from pipeline.stages import Run, Tally
from pipeline.stages._layout import OF_CLIPS, PLAN, Plan, clip_folder, plans
from pipeline.stages._lazy import Drawn, Lazy
from pipeline.stages._shards import shard_of
from pipeline.stages._units import Unit, code, make, solvers

ROOMS = ("materials", "scenarios", "simulators", "renderers", "stages.simulate")
"""A change in their code makes the clips anew."""


def simulate(run: Run) -> Tally:
    """Truth clips and their re-draws; plan.json lists them for the stages that follow, those of all shards."""
    asked = units(run)
    with store.turn(run.folder):
        _write_plan(run, asked)
    mine = asked[shard_of(run).slice(len(asked))]
    every = Drawn(lambda: (unit for _, draws in mine for unit in draws), len(mine) * (run.redraws + 1))
    made, failed = make(run, "simulate", every, prepare)
    done = Drawn(lambda: (unit.name for unit in every if unit.name not in failed), len(every) - len(failed))
    return Tally("simulate", done, made, failed)


def units(run: Run) -> Lazy[tuple[Plan, list[Unit]]]:
    """The run's scenes, all shards together, and for each the clip and its re-draws."""
    files = {id(one): one.fingerprint() for one in run.stories.values()}  # reads meshes: once is enough
    asked = plans(run)

    def clip(number: int) -> tuple[Plan, list[Unit]]:
        plan = asked[number]
        return plan, _units(run, plan, files[id(plan.scenario)])

    return Lazy(clip, range(len(asked)))


def _write_plan(run: Run, asked: Lazy[tuple[Plan, list[Unit]]]) -> None:
    """Raises ValueError if this is a shard of something else than what the folder holds."""
    path = run.folder / PLAN
    before = {name: entry for name, entry in _read_plan(path) if name != "clips"}
    there = (row for name, row in _read_plan(path) if name == "clips")
    same = all(one == other for one, other in zip_longest(there, _rows(asked)))
    made = {name: getattr(run, name) for name in OF_CLIPS}
    if run.shard and path.exists() and not same:
        differing = [name for name in OF_CLIPS if before.get("made", {}).get(name) != made[name]]
        raise ValueError(
            f"shard={run.shard}: expected the settings and the code that the other shards in {run.folder} were made "
            f"with, got others ({', '.join(differing) or 'a plug-in, or the code'}); repeat them, or name another run="
        )
    # What was said of other clips is no longer about this run.
    store.write_long(path, {**(before if same else {}), "made": made}, "clips", _rows(asked))


def _read_plan(path: Path) -> Iterable[tuple[str, Any]]:
    return store.read_long(path, "clips") if path.exists() else ()


def _rows(asked: Iterable[tuple[Plan, list[Unit]]]) -> Iterator[dict[str, Any]]:
    return ({"clip_id": plan.clip_id, "keys": [one.key for one in every]} for plan, every in asked)


def prepare() -> None:
    """What a worker loads before its first clip, whatever that shows; kernels come with it, from their cache."""
    for name in ("renderers._beauty", "renderers._layers", "simulators._bodies", "simulators._distance"):
        importlib.import_module(f"pipeline.{name}")  # and with them warp, cv2, PyBullet, SciPy
    importlib.import_module("warp").init()


def _units(run: Run, plan: Plan, files: str) -> list[Unit]:
    shape = ((run.height, run.width), run.fps, run.num_frames)
    plugins = (run.simulator, run.renderer)
    scene = store.key("truth", code(*ROOMS), plan, shape, plugins, files)  # much to hash: once for all draws
    folders = [clip_folder(run, plan.clip_id, draw) for draw in range(run.redraws + 1)]
    return [
        Unit(folder.name, folder, store.key(scene, draw), _make, (plan, draw, shape, *plugins), store.CLIP)
        for draw, folder in enumerate(folders)
    ]


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

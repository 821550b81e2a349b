"""How far off the flow estimators are on the run's own clips, and what everything costs: bench.json and a page.

    python -m pipeline stage=bench run=first                          every estimator on the shelf
    python -m pipeline stage=bench flows=[raft] flows.raft.size=SMALL

How to read `bench.json`: a list of rows, all with the same keys.

stage         what was measured: simulate, render, flow or score
case          of what: 'dis on sand', 'dis on every material', or the id of one clip
device        cpu or cuda
cpu_seconds   of all threads [s], after a warm-up: loading libraries, kernels and weights is not counted
wall_seconds  [s]; units of work are measured one after the other
peak_rss_mb   largest resident memory of the process meanwhile [MB], libraries included
work, unit    how much was done: so many 'pair's of neighbouring frames, or 'frame's of one clip
per_second    work by wall second
material      of the clips, 'all' for all of them together
estimator     name with settings of the flow; null where none was at work
error         mean end-point error |found - true| [px] over all pixels of all pairs in which the truth knows the flow
error_moving  the same over pixels that truly move by more than MOVING px from frame to frame
error_occluded  the same over pixels whose point is hidden or out of view in the next frame

The errors are null in rows without an estimator under examination, and where there is no such pixel. A mean over
materials weighs every pixel alike. `exact` is left out, since its error is 0 by definition; so is an estimator that
leaves its work to another one (raft without weights); the page says so.

Stages are measured on up to two clips of different media: `simulate` and `render` make the clip again as it was
made, `flow` is the run's own estimator on one re-draw of it (the camera's shake taken out first, as in scoring), and
`score` is the gate, all metrics and the judge on that re-draw.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import report, shelf, store
from pipeline.flows import Flow
from pipeline.judge import Judge
from pipeline.metrics import Metric, at_scoring_size
from pipeline.renderers import Renderer
from pipeline.simulators import Simulator
from pipeline.stages import Run, Tally
from pipeline.stages._layout import PLAN, Truth, lost, truths
from pipeline.stages._stopwatch import Spent, stopwatch
from pipeline.stages._units import Unit, code, perform
from pipeline.stages.score import ROOMS as SCORE_ROOMS
from pipeline.stages.score import compare, take_of
from pipeline.stages.simulate import ROOMS as CLIP_ROOMS
from pipeline.stages.simulate import simulate
from pipeline.types import Clip, Float32, Layers, Scene, Take

MOVING = 0.25
"""Slowest true motion that counts as one [px/frame]: what an 8-bit picture with a codec's noise can tell from rest."""
ERRORS = {"all": "error", "moving": "error_moving", "occluded": "error_occluded"}
"""Kind of pixels -> column."""
MOST_CLIPS = 2
"""On which the stages are measured."""
_MEASURED = "measured.json"
_OWN = ("stages.bench", "stages._stopwatch")


def bench(run: Run) -> Tally:
    """Measure on the run's clips; simulate first in a run that has none yet."""
    failed = {} if (run.folder / PLAN).exists() else simulate(run).failed
    known = truths(run)
    if not known:
        raise ValueError(f"bench: expected truth clips in {run.folder}, got none that is complete: run stage=simulate")
    estimators, left_out = _estimators(run)
    flows = [(name, _flow_unit(run, name, flow, truth)) for name, flow in estimators.items() for truth in known]
    stages = [_stages_unit(run, truth) for truth in _various(known)]
    tally = perform(_one_by_one(run), "bench", [*(unit for _, unit in flows), *stages])
    rows: list[dict[str, Any]] = []
    for name in estimators:
        rows += _flow_rows(name, [_read(unit) for one, unit in flows if one == name and unit.name in tally.done])
    for unit in stages:
        rows += _read(unit) if unit.name in tally.done else []
    failed = {**failed, **lost(run), **tally.failed}
    store.write_json(run.folder / "bench.json", rows)
    store.write_text(run.folder / "bench.html", report.render_bench(_page(run, rows, left_out, failed), MOVING))
    return Tally("bench", tally.done, tally.made, failed)


def _estimators(run: Run) -> tuple[dict[str, Flow], dict[str, str]]:
    """The run's own estimator, then the others, by name; and why some are left out."""
    asked = [(shelf.name(run.flow), run.flow), *run.flows.items()]
    asked.sort(key=lambda one: not one[1].estimator.startswith(one[0]))  # who does the work itself goes first
    found: dict[str, Flow] = {}
    left_out: dict[str, str] = {}
    for name, flow in asked:
        if flow.reads_layers:
            left_out[name] = "reads the truth's layers, so that its error is 0 by definition"
        elif flow.estimator not in {one.estimator for one in found.values()}:
            found[f"another {name}" if name in found else name] = flow
        elif not flow.estimator.startswith(name):
            left_out[name] = f"leaves the work to {flow.estimator}"
    return found, left_out


def _one_by_one(run: Run) -> Run:
    """The run with an engine that does one unit at a time, so that wall seconds mean something."""
    several = any(setting.name == "workers" for setting in dataclasses.fields(run.engine))
    return replace(run, engine=replace(run.engine, workers=1)) if several else run  # type: ignore[call-arg]


def _various(known: Sequence[Truth]) -> list[Truth]:
    """The first clip of each material, those with a medium first, up to MOST_CLIPS."""
    first: dict[str, Truth] = {}
    for truth in known:
        first.setdefault(store.load_scene(truth.folder).material, truth)
    return [first[name] for name in sorted(first, key=lambda name: name == "none")][:MOST_CLIPS]


def _flow_unit(run: Run, name: str, flow: Flow, truth: Truth) -> Unit:
    folder = run.folder / "bench" / "flows" / name.replace(" ", "_") / truth.clip_id
    key = store.key("bench flow", code("flows", *_OWN), truth.key, flow.estimator, flow)
    return Unit(f"{name}/{truth.clip_id}", folder, key, _measure_flow, (truth.folder, flow))


def _measure_flow(folder: Path, key: str, truth: Path, flow: Flow) -> None:
    clip = store.load_clip(truth)
    if clip.layers is None:
        raise ValueError(f"bench: expected a truth clip with its layers in {truth}, got none")
    flow.estimate(_beginning(clip))
    with stopwatch() as spent:
        field = flow.estimate(clip)
    told = {
        "estimator": field.estimator,
        "device": getattr(flow, "device", "cpu"),
        "material": store.load_scene(truth).material,
        "pairs": len(field.forward),
        "spent": dataclasses.asdict(spent),
        "errors": endpoint_errors(field.forward, clip.layers),
    }
    _publish(folder, key, told)


def endpoint_errors(found: Float32, layers: Layers) -> dict[str, tuple[float, int]]:
    """End-point errors of a forward flow, shape (T-1, H, W, 2): kind of pixels -> their sum [px], their number."""
    true, valid = layers.forward_flow[:-1], layers.valid[:-1]
    error = np.linalg.norm(found - true, axis=-1)
    kinds = {
        "all": valid,
        "moving": valid & (np.linalg.norm(true, axis=-1) > MOVING),
        "occluded": valid & layers.forward_occluded[:-1],
    }
    return {kind: (float(error[mask].sum(dtype=np.float64)), int(mask.sum())) for kind, mask in kinds.items()}


def _flow_rows(name: str, measured: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row for all clips, then one a material."""
    materials = sorted({one["material"] for one in measured})
    for material in ["all", *materials] if materials else []:
        those = [one for one in measured if material in ("all", one["material"])]
        spent = Spent(
            sum(one["spent"]["cpu_seconds"] for one in those),
            sum(one["spent"]["wall_seconds"] for one in those),
            max(one["spent"]["peak_rss_mb"] for one in those),
        )
        case = f"{name} on {'every material' if material == 'all' else material}"
        row = _row("flow", case, those[0]["device"], spent, sum(one["pairs"] for one in those), "pair")
        errors = {column: _mean([one["errors"][kind] for one in those]) for kind, column in ERRORS.items()}
        yield {**row, "material": material, "estimator": those[0]["estimator"], **errors}


def _mean(sums: Sequence[tuple[float, int]]) -> float:
    """Of all pixels together [px]; NaN without any."""
    count = sum(one[1] for one in sums)
    return sum(one[0] for one in sums) / count if count else math.nan


def _stages_unit(run: Run, truth: Truth) -> Unit:
    folder = run.folder / "bench" / "stages" / truth.clip_id
    plugins = (run.simulator, run.renderer, run.flow, run.metrics, run.judge, run.prompt_frames, run.device)
    version = code(*CLIP_ROOMS, *SCORE_ROOMS, *_OWN)
    other = truth.redraws[0] if truth.redraws else (truth.folder, truth.key)
    key = store.key("bench stages", version, truth.key, other[1], run.flow.estimator, plugins)
    return Unit(f"stages/{truth.clip_id}", folder, key, _measure_stages, (truth.folder, other[0], *plugins))


def _measure_stages(
    folder: Path,
    key: str,
    truth: Path,
    second: Path,
    simulator: Simulator,
    renderer: Renderer,
    flow: Flow,
    metrics: Mapping[str, Metric],
    judge: Judge,
    prompt_frames: int,
    device: str,
) -> None:
    scene, clip, other = store.load_scene(truth), store.load_clip(truth), store.load_clip(second, layers=False)
    spent: dict[str, Spent] = {}
    short = _first_frames(scene)
    renderer.render(short, simulator.simulate(short))
    with stopwatch() as spent["simulate"]:
        trajectory = simulator.simulate(scene)
    with stopwatch() as spent["render"]:
        renderer.render(scene, trajectory)
    flow.estimate(_beginning(other))
    with stopwatch() as spent["flow"]:
        small = at_scoring_size(clip)
        take = take_of(small, other, flow)
    with stopwatch() as spent["score"]:
        gate = judge.gate(clip, other, prompt_frames)
        known = Take(small, take.flow)
        scores = [compare(metric, name, known, take) for name, metric in metrics.items()]
        if scores:
            judge.judge(scores, {}, gate, prompt_frames)
    rows = [_row(stage, scene.clip_id, device, one, len(clip.frames), "frame") for stage, one in spent.items()]
    names = {"flow": take.flow.estimator}
    _publish(
        folder,
        key,
        [{**row, "material": scene.material, "estimator": names.get(row["stage"])} | _NO_ERRORS for row in rows],
    )


_NO_ERRORS = dict.fromkeys(ERRORS.values())


def _first_frames(scene: Scene, count: int = 2) -> Scene:
    """The scene's beginning: what compiles and loads all that the whole of it needs."""
    camera = replace(scene.camera, world_to_camera=scene.camera.world_to_camera[:count])
    return replace(scene, num_frames=count, camera=camera)


def _beginning(clip: Clip) -> Clip:
    return replace(clip, frames=clip.frames[:3], layers=None)


def _row(stage: str, case: str, device: str, spent: Spent, work: int, unit: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "case": case,
        "device": device,
        "cpu_seconds": round(spent.cpu_seconds, 4),
        "wall_seconds": round(spent.wall_seconds, 4),
        "peak_rss_mb": round(spent.peak_rss_mb, 1),
        "work": work,
        "unit": unit,
        "per_second": round(work / max(spent.wall_seconds, 1e-9), 3),
    }


def _publish(folder: Path, key: str, told: Any) -> None:
    with store.publish(folder, key, {}) as unfinished:
        store.write_json(unfinished / _MEASURED, told)


def _read(unit: Unit) -> Any:
    return store.read_json(unit.folder / _MEASURED)


def _page(run: Run, rows: list[dict[str, Any]], left_out: dict[str, str], failed: dict[str, str]) -> report.BenchPage:
    facts = {"run": run.run, "device": run.device, "optical flow of the run": run.flow.estimator}
    examined = tuple(row for row in rows if row["unit"] == "pair")
    return report.BenchPage(
        run.quick, facts, examined, tuple(row for row in rows if row["unit"] == "frame"), left_out, failed
    )

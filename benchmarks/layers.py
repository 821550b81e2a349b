"""How exact the layers of real clips are: every target, what was measured, and whether it is met.

    python benchmarks/layers.py [sand water camera rotation shear whirl]

`sand` and `water` are the scenario drop at 256 px with particles as in any run, in the frames around the impact;
`camera` is sand under a camera that circles; `rotation`, `shear` and `whirl` prescribe what every particle of a bed of
sand and of water does, so that the flow is known in closed form.

Prints a table and writes its rows {case, about, statistic, measured, target, unit, met, pixels} to
outputs/bench/layers.json; a row without a target is there to be known. Ends with status 1 if a target is missed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import _second_opinion as second
import numpy as np

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.renderers.raytrace import Raytrace
from pipeline.scenarios.drop import Drop
from pipeline.simulators.coupled import Coupled
from pipeline.types import Bool, Float64, Layers, Scene, Trajectory

FILE = Path(__file__).resolve().parents[1] / "outputs" / "bench" / "layers.json"
SIZE, SEED = (256, 256), 3
FROM, UNTIL = 4, 9
"""The frames looked at: the body is in the air, arrives, and lies or floats."""
RAYS = 1500
"""Second rays for each frame and direction."""
RENDERER = Raytrace(samples=1)
THINGS = ("static", "rigid", "grains", "liquid")
"""By value of `Layers.material`."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: str
    about: str
    statistic: str
    measured: float
    target: float | None
    unit: str
    pixels: int

    @property
    def met(self) -> bool | None:
        """Whether the target is; None without one. A share is to be at least its target, all else at most."""
        if self.target is None:
            return None
        return bool(self.measured >= self.target if self.unit == "share" else self.measured <= self.target)


def rows(case: str, about: str, values: list[Float64] | list[Bool], **targets: float | None) -> Iterator[Row]:
    """One row for each statistic asked for: mean, median, q95, q99; of flags the share."""
    found = np.concatenate([np.ravel(one) for one in values])
    found = found[np.isfinite(found)]
    if not len(found):
        return
    statistics = {"mean": np.mean, "median": np.median, "share": np.mean}
    statistics |= {f"q{part}": partial(np.quantile, q=part / 100) for part in (95, 99)}
    for name, target in targets.items():
        unit = "share" if name == "share" else "px"
        yield Row(case, about, name, float(statistics[name](found)), target, unit, len(found))


def clip_of(material: str) -> tuple[Scene, Trajectory]:
    """A drop, simulated up to a moment after the impact; only the frames around it."""
    kind = shelf.find(materials, Material, material)  # type: ignore[type-abstract]
    scene = Drop().draw(f"drop-{material}", SEED, kind(), SIZE, 24.0, UNTIL)
    return window(scene, Coupled().simulate(scene), FROM, UNTIL)


def window(scene: Scene, happened: Trajectory, first: int, last: int) -> tuple[Scene, Trajectory]:
    """Some frames of a scene and of what happened in it."""
    arrays = {one.name: getattr(happened, one.name) for one in fields(happened)}
    cut = {name: array[first:last] for name, array in arrays.items() if isinstance(array, np.ndarray)}
    camera = replace(scene.camera, world_to_camera=scene.camera.world_to_camera[first:last])
    return replace(scene, camera=camera, num_frames=last - first), replace(happened, **cut)


def circling(scene: Scene, turn: float = 0.01, nearer: float = 0.003) -> Scene:
    """The scene under a camera that goes round it by `turn` [rad] a frame and comes `nearer` [m] a frame."""
    poses = scene.camera.world_to_camera.copy()
    for t, pose in enumerate(poses):
        about = np.eye(4)
        about[:2, :2] = [[np.cos(turn * t), -np.sin(turn * t)], [np.sin(turn * t), np.cos(turn * t)]]
        poses[t] = pose @ about
        poses[t, 2, 3] -= nearer * t
    return replace(scene, camera=replace(scene.camera, world_to_camera=poses))


def examined(case: str, scene: Scene, happened: Trajectory) -> Iterator[Row]:
    """The rows about one clip."""
    layers = RENDERER.render(scene, happened).layers
    assert layers is not None
    things, inner = second.Things(scene, happened, RENDERER), range(1, scene.num_frames - 1)
    both = [(t, step) for t in inner for step in (-1, 1)]
    for kind, name in enumerate(THINGS):
        seen = {t: np.argwhere((layers.material[t] == kind) & layers.valid[t]) for t in inner}
        mine = [second.flow_error(things, layers, t, step, seen[t]) for t, step in both]
        if name == "static":
            yield from rows(case, "flow against depth and camera, static", mine, median=0.02, q99=0.1)
        elif name == "rigid":
            yield from rows(case, "flow against depth and poses, rigid", mine, q99=0.05)
        else:
            yield from rows(case, f"flow against particles, {name}", mine, mean=0.05, q99=None)
    yield from round_trips(case, things, layers, inner)
    rng = np.random.default_rng(SEED)
    anywhere, at_edges = [], []
    for t, step in both:
        pixels = rng.integers(0, SIZE, (RAYS, 2))
        anywhere.append(second.agreement(things, layers, t, step, pixels))
        edges = np.argwhere(near_hidden(layers, t, step))
        if len(edges):
            at_edges.append(second.agreement(things, layers, t, step, rng.choice(edges, min(RAYS // 3, len(edges)))))
    yield from rows(case, "occlusion against second rays", anywhere, share=0.995)
    yield from rows(case, "the same where something is hidden, or next to it", at_edges, share=None)
    same = [second.shown(scene, happened, RENDERER, t) == layers.segmentation[t] for t in inner]
    yield from rows(case, "segmentation against flat colours", same, share=1.0)


def round_trips(case: str, things: second.Things, layers: Layers, inner: range) -> Iterator[Row]:
    """Rows about forward and backward flow together; of a liquid also where both pixels show the same point."""
    trips = [second.round_trip(things, layers, t) for t in inner]
    for kind, name in enumerate(THINGS):
        mine = [trip.error[trip.material == kind] for trip in trips]
        yield from rows(case, f"forward and back, {name}", mine, mean=0.1, q99=0.1)
        if name == "liquid":
            yield from rows(case, "forward and back, liquid", mine, median=None, q95=None)
            yield from rows(case, "forward and back, liquid, within 0.1 px", [one <= 0.1 for one in mine], share=None)
            sharp = [trip.error[(trip.material == kind) & (np.abs(trip.off) < 3e-4)] for trip in trips]
            yield from rows(case, "forward and back, liquid, surface within 0.3 mm of the point", sharp, q99=0.1)


def near_hidden(layers: Layers, t: int, step: int) -> Bool:
    """Pixels that are hidden, or whose neighbour is, (H, W)."""
    flag = np.pad((layers.forward_occluded if step > 0 else layers.backward_occluded)[t], 1)
    height, width = SIZE
    return np.any([flag[a : a + height, b : b + width] for a in range(3) for b in range(3)], axis=0)


def rotation(points: Float64, frames: float, angle: float | Float64 = 0.03) -> Float64:
    """Around the vertical through the origin [rad a frame]: at 24 fps, once in nine seconds."""
    cosine, sine = np.cos(angle * frames), np.sin(angle * frames)
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=-1)


def shear(points: Float64, frames: float, rate: float = 0.05) -> Float64:
    """Along x, growing with height [1 a frame]."""
    return np.asarray(points + frames * rate * points[..., 2:] * (1.0, 0.0, 0.0))


def whirl(points: Float64, frames: float) -> Float64:
    """A rotation that fades away from the middle."""
    return rotation(points, frames, 0.15 * np.exp(-(points[..., :2] ** 2).sum(axis=-1) / 0.08**2))


def led(case: str, material: str, motion: Callable[[Float64, float], Float64]) -> Iterator[Row]:
    """The rows about a bed whose particles do what `motion` says, bodies and tray taken away."""
    scene, happened = bed(material)
    start = happened.particle_position[0].astype(np.float64)
    positions = np.stack([motion(start, t - 1) for t in range(3)]).astype(np.float32)
    happened = replace(happened, particle_position=positions)
    layers = RENDERER.render(scene, happened).layers
    assert layers is not None
    points, mine = second.unproject(scene.camera, 1, layers.depth[1]), (layers.material[1] >= 2) & layers.valid[1]
    centres, errors = second.centres(scene.camera), []
    for step, flow in ((1, layers.forward_flow[1]), (-1, layers.backward_flow[1])):
        found = second.project(scene.camera, 1 + step, motion(points, step)) - centres - flow
        errors.append(np.linalg.norm(found, axis=-1)[mine])
    yield from rows(f"{case} of {material}", "flow against closed form", errors, mean=0.05, q99=None)


def bed(material: str) -> tuple[Scene, Trajectory]:
    """Particles of a medium as they lie at t = 0, three times, and nothing else."""
    kind = shelf.find(materials, Material, material)  # type: ignore[type-abstract]
    scene = Drop().draw(f"drop-{material}", SEED, kind(), SIZE, 24.0, 3)
    scene = replace(scene, bodies=())
    short = replace(scene, num_frames=1)
    still = Coupled().simulate(short)
    none = {name: np.zeros((3, 0, width)) for name, width in (("body_position", 3), ("body_orientation", 4))}
    return replace(scene, container=None), replace(still, **none)


def main(asked: list[str]) -> int:
    """Examine what was asked for, all without words."""
    led_by = {"rotation": rotation, "shear": shear, "whirl": whirl}
    found: list[Row] = []
    for case in asked or ["sand", "water", "camera", *led_by]:
        if case in led_by:
            for material in ("sand", "water"):
                found += led(case, material, led_by[case])
        else:
            scene, happened = clip_of("sand" if case == "camera" else case)
            found += examined(case, circling(scene) if case == "camera" else scene, happened)
    for row in found:
        goal = "" if row.target is None else f"{'>=' if row.unit == 'share' else '<='} {row.target:g}"
        told = {True: "met", False: "MISSED", None: ""}[row.met]
        print(f"{row.case:18} {row.about:62} {row.statistic:6} {row.measured:12.6g} {row.unit:5} {goal:9} {told}")
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps([vars(row) | {"met": row.met} for row in found], indent=1) + "\n")
    return int(any(row.met is False for row in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

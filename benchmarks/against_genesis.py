"""CPU seconds of a finished clip with layers: ours, against Genesis (MPM) with Blender's Cycles, of the same scene.

    PYTHONPATH=. python benchmarks/against_genesis.py python=VENV/bin/python [size=128] [seed=11] [simulated=33]
        [rendered=3] [takes=3] [folder=outputs/against_genesis] [out=FILE.json]

`python` is an interpreter with the packages of the other side: in an environment of its own, of Python 3.11,
`pip install genesis-world==1.4.5 bpy==5.0.1 'torch<2.14'`. Without it, or without one of them, one line says so and
nothing is measured.

A ball (or block) falls into the tray of sand of scenario `drop`, 33 frames at 24 a second, with the settings that a run
has. Both sides are timed on this machine, one after the other, each on one thread and after a warm-up that loads or
compiles its kernels; start-up is told apart, as a worker pays it once. Theirs is timed over `simulated` frames, and
over `rendered` frames spread among them, and scaled to the whole clip. Rendering is the cheapest of `takes` takes on
both sides: neighbours on the machine make some takes twice as dear.

What differs, and for whom it speaks:
- Theirs shows a particle as one sphere, everything in plain colours; ours as up to 160 grains, with textures. Theirs
  writes one file a frame; ours video, layers and the trajectory. Depth, normal, motion and object index of theirs come
  from the picture's own rays, averaged over a pixel; ours are worked out at pixel centres in float64, with occlusion,
  particle ids and object coordinates besides. All of that speaks for theirs: it has less to do.
- Theirs follows light by 16 samples a pixel over four diffuse bounces, and a denoiser cleans the picture; ours takes 4
  samples, with the sky's light from formulas. That speaks for ours: theirs is the truer light.
- Genesis takes the substeps that it asks for (of 0.02 s / cells per metre), its default stiffness (1 MPa) and its
  default cell (15.6 mm, ours 16 mm); the particles are as far apart and as many. The heights at the end say how alike
  it is what happens.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import store
from pipeline.materials.sand import Sand
from pipeline.renderers import instances
from pipeline.renderers.raytrace import Raytrace
from pipeline.scenarios.drop import Drop
from pipeline.simulators.coupled import Coupled
from pipeline.types import Scene, Trajectory

ROOT = Path(__file__).resolve().parents[1]
SIDE = ROOT / "benchmarks" / "_genesis_side.py"
FRAMES, FPS = 33, 24.0
TARGET = 8.0
"""How many times cheaper ours is to be."""

Report = dict[str, Any]


def drawn(seed: int, size: int, frames: int = FRAMES) -> Scene:
    """Scenario `drop` in sand, as a run draws it."""
    scene = Drop().draw(f"drop-sand-{seed}", seed, Sand(), (size, size), FPS, frames)
    if scene.bodies[0].shape not in ("sphere", "box"):
        shape = scene.bodies[0].shape
        raise SystemExit(f"against_genesis: seed={seed} draws a {shape}, expected a sphere or box: seeds 2, 3, 11, 13")
    return scene


def ours(scene: Scene, short: Scene, takes: int, folder: Path) -> Report:
    """CPU seconds of the simulation, and of picture, layers and files; `short` warms up."""
    shot(short, simulated(short), folder / "warm")
    start = time.process_time()
    pieces = simulated(scene)
    simulation = time.process_time() - start
    rendering = min(shot(scene, pieces, folder / f"take{take}") for take in range(takes))
    body, sand = pieces[-1].body_position[0, 0], pieces[-1].particle_position[0]
    return {
        "particles": len(sand),
        "start": start,
        "simulation": simulation,
        "rendering": rendering,
        "total": simulation + rendering,
        "rest": resting(body, sand),
    }


def simulated(scene: Scene) -> list[Trajectory]:
    """What happens, frame by frame."""
    return list(Coupled().pieces(scene))


def shot(scene: Scene, pieces: list[Trajectory], folder: Path) -> float:
    """Make a clip's folder as stage=simulate does; returns CPU seconds."""
    clock = time.process_time()
    store.save_shots(folder, "benchmark", scene, pieces, partial(Raytrace().shots, scene), instances(scene))
    return time.process_time() - clock


def resting(body: Any, sand: Any) -> Report:
    """Heights in the last frame [mm]: how alike the two sides' sand is."""
    return {"body_mm": 1000 * float(body[2]), "sand_mm": 1000 * float(sand[:, 2].mean())}


def told(scene: Scene) -> Report:
    """The scene in plain numbers, for an interpreter that has no quicksand."""
    body, medium, container, camera = scene.bodies[0], scene.medium, scene.container, scene.camera
    assert medium
    assert container
    numbers = {
        "spacing": Coupled().particle_spacing,
        "fps": scene.fps,
        "num_frames": scene.num_frames,
        "gravity": scene.gravity,
        "medium": {
            name: getattr(medium, name) for name in ("region", "density", "friction_angle", "wall_friction", "albedo")
        },
        "container": {"inner_size": container.inner_size, "wall": container.wall, "albedo": container.surface.albedo},
        "body": {name: getattr(body, name) for name in ("shape", "size", "density", "position", "orientation")}
        | {"velocity": body.velocity, "angular_velocity": body.angular_velocity, "albedo": body.surface.albedo},
        "ground": {name: getattr(scene.ground, name) for name in ("albedo", "albedo2", "scale")},
        "light": vars(scene.light),
        "camera": {
            "size": camera.size,
            "focal": camera.intrinsics[0, 0],
            "world_to_camera": camera.world_to_camera[0].tolist(),
        },
    }
    return json.loads(json.dumps(numbers, default=float))


def theirs(scene: Scene, python: str, simulated: int, rendered: int, takes: int, folder: Path) -> Report:
    """The same of Genesis and Cycles, scaled to the whole clip."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scene.json").write_text(json.dumps(told(scene)))
    chosen = np.linspace(0, simulated - 1, rendered + 2).round().astype(int)[1:-1]
    for words in (["simulate", str(folder), str(simulated)], ["render", str(folder), str(takes), *map(str, chosen)]):
        with (folder / f"{words[0]}.log").open("w") as log:
            subprocess.run([python, str(SIDE), *words], check=True, stdout=log, stderr=subprocess.STDOUT)
    genesis, cycles = (json.loads((folder / f"{name}.json").read_text()) for name in ("simulate", "render"))
    simulation = genesis["build"] + genesis["steps"] * (scene.num_frames - 1) / (simulated - 1)
    rendering = float(np.mean(cycles["each"])) * scene.num_frames
    with np.load(folder / "states.npz") as states:
        rest = resting(states["place"][-1], states["sand"][-1])
    return {
        "particles": genesis["particles"],
        "start": genesis["start"] + cycles["start"],
        "simulation": simulation,
        "rendering": rendering,
        "total": simulation + rendering,
        "rest": rest,
        "genesis": genesis,
        "cycles": cycles,
    }


def lacking(python: str) -> str:
    """Why the other side cannot be run; empty if it can."""
    if not python:
        return "no python=INTERPRETER with genesis-world and bpy was given"
    look = "from importlib.util import find_spec as f; print(*(n for n in ('genesis', 'bpy') if not f(n)))"
    try:
        found = subprocess.run([python, "-c", look], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{python} does not run: {error}"
    return f"{python} lacks {found.stdout.strip()}" if found.stdout.strip() else ""


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    why = lacking(python := given.get("python", ""))
    if why:
        print(f"against_genesis: skipped: {why}")
        return
    size, seed, takes = (int(given.get(name, value)) for name, value in (("size", 128), ("seed", 11), ("takes", 3)))
    simulated, rendered = (int(given.get(name, value)) for name, value in (("simulated", FRAMES), ("rendered", 3)))
    folder = Path(given.get("folder", ROOT / "outputs" / "against_genesis"))
    shutil.rmtree(folder / "ours", ignore_errors=True)
    scene = drawn(seed, size)
    we = ours(scene, drawn(seed, size, 3), takes, folder / "ours")
    they = theirs(scene, python, simulated, rendered, takes, folder / "theirs")
    result = {"scene": scene.clip_id, "size": size, "frames": FRAMES, "ours": we, "theirs": they}
    result |= {"ratio": they["total"] / we["total"], "target": TARGET}
    if "out" in given:
        Path(given["out"]).write_text(json.dumps(result, indent=1) + "\n")
    show(result)


def show(result: Report) -> None:
    """The table, CPU seconds a clip."""
    we, they = result["ours"], result["theirs"]
    genesis, cycles = they["genesis"], they["cycles"]
    print(f"{result['scene']}, {FRAMES} frames at {result['size']} px; CPU seconds a clip, one thread")
    print(f"Genesis {genesis['version']}: {genesis['substeps']} substeps a frame, {genesis['frames']} frames timed")
    print(f"Blender {cycles['version']}: {cycles['samples']} samples and denoiser, {len(cycles['each'])} frames timed")
    print(f"{'':24}{'ours':>10}{'theirs':>10}{'times':>8}")
    for about in ("simulation", "rendering", "total", "start"):
        name = {"rendering": "picture, layers, files", "start": "start, once a worker"}.get(about, about)
        print(f"{name:24}{we[about]:10.1f}{they[about]:10.1f}{they[about] / we[about]:8.1f}")
    print(f"{'particles':24}{we['particles']:10d}{they['particles']:10d}")
    for about in ("body_mm", "sand_mm"):
        print(f"{'at the end, z of ' + about[:4] + ' [mm]':24}{we['rest'][about]:10.1f}{they['rest'][about]:10.1f}")
    print(f"ours is {result['ratio']:.1f} times cheaper; target {TARGET:g}")


if __name__ == "__main__":
    main(sys.argv[1:])

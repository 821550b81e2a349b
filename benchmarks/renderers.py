"""CPU seconds that a frame of each medium takes to render: a ball falls into some 24 000 particles.

    python benchmarks/renderers.py [material ...]

Prints a JSON object: material -> {particles, size, samples, beauty, layers, frame}, CPU seconds a frame: the picture,
the exact layers, and both with the geometry that they share. Kernels are compiled and loaded before the clock starts.
Compare numbers of one run only: shared cores vary by a third.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

import numpy as np
from media import world

from pipeline import materials, shelf
from pipeline.materials import Material
from pipeline.renderers.raytrace import Raytrace
from pipeline.scenarios._framing import box_corners, frame
from pipeline.simulators.coupled import Coupled
from pipeline.types import Light, Scene, Surface, Trajectory

SIZE, SPACING = (256, 256), 0.01
FRAMES = 9


def filmed(scene: Scene) -> Scene:
    """The world with a camera that sees all of it, and light."""
    camera = frame(box_corners(scene.container), -1.8, 0.75, SIZE, scene.num_frames)
    light = Light((-0.4, -0.4, 0.82), (1.0, 0.97, 0.94), (0.42, 0.52, 0.68), (0.72, 0.76, 0.80))
    return replace(scene, camera=camera, light=light, ground=Surface("tiles", scale=0.09))


def seconds(renderer: Raytrace, scene: Scene, happened: Trajectory) -> float:
    """CPU seconds a frame."""
    clock = time.process_time()
    renderer.render(scene, happened)
    return (time.process_time() - clock) / scene.num_frames


def measure(name: str, renderer: Raytrace) -> dict[str, object]:
    """One material, warmed up."""
    kind = shelf.find(materials, Material, name)
    scene = filmed(world(kind(), (FRAMES - 1) / 30))
    happened = replace(Coupled(), particle_spacing=SPACING).simulate(scene)
    renderer.render(*first(scene, happened, 2))
    whole, picture = (seconds(replace(renderer, layers=layers), scene, happened) for layers in (True, False))
    return {
        "particles": happened.particle_position.shape[1],
        "size": f"{SIZE[1]} x {SIZE[0]}",
        "samples": renderer.samples,
        "beauty": round(picture, 3),
        "layers": round(whole - picture, 3),
        "frame": round(whole, 3),
    }


def first(scene: Scene, happened: Trajectory, frames: int) -> tuple[Scene, Trajectory]:
    """The first frames alone."""
    cut = {name: value[:frames] for name, value in vars(happened).items() if isinstance(value, np.ndarray)}
    camera = replace(scene.camera, world_to_camera=scene.camera.world_to_camera[:frames])
    return replace(scene, camera=camera, num_frames=frames), replace(happened, **cut)


if __name__ == "__main__":
    json.dump({name: measure(name, Raytrace()) for name in sys.argv[1:] or ("sand", "water")}, sys.stdout, indent=1)
    print()

"""CPU seconds that a simulated second of each medium takes: a ball falls into some 24 000 particles.

    python benchmarks/media.py [material ...]

Prints a JSON object: material -> {particles, cpu_seconds, simulated_seconds, cpu_seconds_per_simulated_second}. Kernels
are compiled and loaded before the clock starts. Compare numbers of one run only: shared cores vary by a third.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

from pipeline import materials, shelf
from pipeline.laws._scenes import body, scene
from pipeline.materials import Material
from pipeline.scenarios import _shapes as shapes
from pipeline.simulators.coupled import Coupled
from pipeline.types import Container, Scene

SIDE, DEPTH, SPACING = 0.4, 0.15, 0.01
SECONDS = 1.0


def world(material: Material, seconds: float) -> Scene:
    """A ball of 10 cm and twice water's density arrives with 2 m/s."""
    bed = material.fill(((-SIDE / 2, -SIDE / 2, 0.0), (SIDE / 2, SIDE / 2, DEPTH)))
    ball = body(shapes.sphere(0.1), (0.0, 0.0, DEPTH + 0.06), 2000.0, velocity=(0.0, 0.0, -2.0))
    return scene([ball], bed, Container((SIDE, SIDE, 2 * DEPTH)), seconds=seconds, fps=30)


def measure(name: str) -> dict[str, float]:
    """One material, warmed up."""
    kind = shelf.find(materials, Material, name)
    simulator = replace(Coupled(), particle_spacing=SPACING)
    simulator.simulate(world(kind(), 0.05))
    clock = time.process_time()
    happened = simulator.simulate(world(kind(), SECONDS))
    spent = time.process_time() - clock
    return {
        "particles": happened.particle_position.shape[1],
        "cpu_seconds": round(spent, 2),
        "simulated_seconds": SECONDS,
        "cpu_seconds_per_simulated_second": round(spent / SECONDS, 2),
    }


if __name__ == "__main__":
    json.dump({name: measure(name) for name in sys.argv[1:] or ("sand", "water")}, sys.stdout, indent=1)
    print()

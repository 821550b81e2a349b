"""Things fall, but not at g."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.types import Body, Float64, Vector
from pipeline.violations import Event, Happening, Violation


@dataclass
class Gravity(Violation):
    """After the prompt the weight of bodies and medium is 0.6, 0.3 and 0.1 of what it is."""

    def happen(self, event: Event, level: int) -> Happening:
        """Simulated anew; the bodies are where the truth has them in the prompt's last frame."""
        scene, frame = event.scene, event.prompt_frames - 1
        weak = np.asarray(scene.gravity) * (0.6, 0.3, 0.1)[level - 1]
        place, speed = event.trajectory.body_position[frame], event.trajectory.body_velocity[frame]
        bodies = tuple(
            _thrown(body, place[index], speed[index], weak, frame / scene.fps)
            for index, body in enumerate(scene.bodies)
        )
        return scene, event.play(replace(scene, bodies=bodies, gravity=_vector(weak)))


def _thrown(body: Body, place: Float64, speed: Float64, gravity: Float64, seconds: float) -> Body:
    """The body so thrown at t = 0 that it flies through a place at a speed after some seconds."""
    start = place - speed * seconds + 0.5 * gravity * seconds**2
    return replace(body, position=_vector(start), velocity=_vector(speed - gravity * seconds))


def _vector(values: Float64) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z

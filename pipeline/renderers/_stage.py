"""The scene set up for tracing: what stays for the whole clip, and the geometry of each frame."""

from __future__ import annotations

import numpy as np
import warp as wp
from scipy.spatial.transform import Rotation, Slerp

from pipeline.renderers import _geometry as geometry
from pipeline.renderers._beauty import sample_pattern
from pipeline.renderers._clouds import Carried
from pipeline.renderers._grains import grains, pattern, pixel_size, tints
from pipeline.renderers._liquid import carried, liquid, surface
from pipeline.types import Float32, Float64, Scene, Trajectory


class Stage:
    """A scene and its trajectory, ready to hand out the geometry at any frame."""

    def __init__(
        self, scene: Scene, trajectory: Trajectory, grains_per_particle: int, samples: int, seed: int, device: str
    ) -> None:
        self.scene, self.trajectory, self.device = scene, trajectory, device
        self.room = geometry.room(scene)
        self.bodies, self.meshes = geometry.bodies(scene, device)
        self.pattern = wp.array(sample_pattern(samples, seed), dtype=wp.vec4, device=device)
        self.clouds, self.tint = None, None
        if scene.medium and scene.medium.kind == "grains":
            spacing = trajectory.particle_spacing
            layout = pattern(scene, spacing, grains_per_particle, seed)
            self.clouds = Carried(layout, trajectory.particle_position, spacing, device)
        # A liquid with a yield stress is thick with solids, which no stirring mixes to one colour.
        if scene.medium and (self.clouds or scene.medium.cohesion > 0.0):
            start = np.ascontiguousarray(trajectory.particle_position[0], np.float32)
            self.tint = tints(start, pixel_size(scene), seed, device)
        # Kernels take whole structs: what a scene lacks is an empty array.
        self.no_grains, self.no_liquid = geometry.Grains(), geometry.Liquid()

    def frame(self, t: int) -> geometry.Frame:
        """Everything that rays can meet at frame t."""
        moved = self.trajectory
        return self._built(t, moved.body_position[t], moved.body_orientation[t], moved.particle_position[t])

    def between(self, time: float) -> geometry.Frame:
        """Everything at a time [frames] between two frames: bodies move straight and turn evenly, particles follow the
        cubic that has their places and velocities at both frames."""
        t, moved = int(time), self.trajectory
        part = time - t
        if part == 0.0:
            return self.frame(t)
        place = (1.0 - part) * moved.body_position[t] + part * moved.body_position[t + 1]
        turn = moved.body_orientation[t].copy()
        for body, (one, two) in enumerate(zip(turn, moved.body_orientation[t + 1], strict=True)):
            turn[body] = Slerp([0.0, 1.0], Rotation.from_quat([one, two]))(part).as_quat()
        ends = (moved.particle_position[t], moved.particle_position[t + 1])
        speeds = (moved.particle_velocity[t], moved.particle_velocity[t + 1])
        return self._built(time, place, turn, _hermite(ends, speeds, part, 1.0 / self.scene.fps))

    def _built(self, time: float, position: Float64, orientation: Float64, where: Float32) -> geometry.Frame:
        """Everything at a time [frames], for bodies and particles at these places."""
        scene, spacing = self.scene, self.trajectory.particle_spacing
        particles = np.ascontiguousarray(where, np.float32)
        made = geometry.Geometry()
        made.room = self.room
        made.bodies = geometry.posed(self.bodies, position, orientation, self.device)
        made.grains, made.liquid = self.no_grains, self.no_liquid
        clouds = self.clouds.at(time) if self.clouds else None
        owned: tuple[object, ...] = (self.meshes,)
        if scene.medium and len(particles):
            if clouds:
                made.grains = grains(scene, particles, clouds, spacing, self.tint, made, self.device)
            else:
                shape = surface(particles, spacing, scene.container, made.bodies, self.device)
                tint = np.ones(len(shape[0]), np.float32)
                if self.tint is not None:
                    tint = carried(shape[0], particles, self.tint.numpy())
                made.liquid, mesh = liquid(scene.medium, *shape, tint, self.device)
                owned = (self.meshes, mesh)
        return geometry.Frame(made, position, orientation, particles, clouds, owned)


def _hermite(ends: tuple[Float32, Float32], speeds: tuple[Float32, Float32], part: float, step: float) -> Float32:
    """Places at `part` in 0..1 of a step [s] between two places with velocities there (cubic Hermite spline)."""
    far = part * part * (3.0 - 2.0 * part)
    first, second = part * (1.0 - part) ** 2 * step, -part * part * (1.0 - part) * step
    return np.asarray((1.0 - far) * ends[0] + far * ends[1] + first * speeds[0] + second * speeds[1], np.float32)

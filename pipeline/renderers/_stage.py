"""The scene set up for tracing: what stays for the whole clip, and the geometry of each frame."""

from __future__ import annotations

import numpy as np
import warp as wp

from pipeline.renderers import _geometry as geometry
from pipeline.renderers._beauty import sample_pattern
from pipeline.renderers._grains import grains, pattern, pixel_size, tints
from pipeline.renderers._liquid import carried, liquid, surface
from pipeline.types import Scene, Trajectory


class Stage:
    """A scene and its trajectory, ready to hand out the geometry at any frame."""

    def __init__(
        self, scene: Scene, trajectory: Trajectory, grains_per_particle: int, samples: int, seed: int, device: str
    ) -> None:
        self.scene, self.trajectory, self.device = scene, trajectory, device
        self.room = geometry.room(scene)
        self.bodies, self.meshes = geometry.bodies(scene, device)
        self.pattern = wp.array(sample_pattern(samples, seed), dtype=wp.vec4, device=device)
        self.layout, self.tint = None, None
        if scene.medium and scene.medium.kind == "grains":
            self.layout = pattern(scene, trajectory.particle_spacing, grains_per_particle, seed)
        # A liquid with a yield stress is thick with solids, which no stirring mixes to one colour.
        if scene.medium and (self.layout or scene.medium.cohesion > 0.0):
            start = np.ascontiguousarray(trajectory.particle_position[0], np.float32)
            self.tint = tints(start, pixel_size(scene), seed, device)
        # Kernels take whole structs: what a scene lacks is an empty array.
        self.no_grains, self.no_liquid = geometry.Grains(), geometry.Liquid()

    def frame(self, t: int) -> geometry.Frame:
        """Everything that rays can meet at frame t."""
        scene, trajectory = self.scene, self.trajectory
        position, orientation = trajectory.body_position[t], trajectory.body_orientation[t]
        particles = np.ascontiguousarray(trajectory.particle_position[t], np.float32)
        made = geometry.Geometry()
        made.room = self.room
        made.bodies = geometry.posed(self.bodies, position, orientation, self.device)
        made.grains, made.liquid = self.no_grains, self.no_liquid
        owned: tuple[object, ...] = (self.meshes,)
        if scene.medium and len(particles):
            spacing = trajectory.particle_spacing
            if self.layout:
                made.grains = grains(scene, particles, spacing, self.layout, self.tint, made, self.device)
            else:
                shape = surface(particles, spacing, scene.container, made.bodies, self.device)
                tint = np.ones(len(shape[0]), np.float32)
                if self.tint is not None:
                    tint = carried(shape[0], particles, self.tint.numpy())
                made.liquid, mesh = liquid(scene.medium, *shape, tint, self.device)
                owned = (self.meshes, mesh)
        return geometry.Frame(made, position, orientation, particles, owned)

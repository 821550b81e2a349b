"""A body falls: into a tray of sand or water, or on the bare floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.materials import Material
from pipeline.scenarios import Scenario, generator
from pipeline.scenarios._chance import Quaternion, between, check_spans, orientation, rotation, vector
from pipeline.scenarios._looks import COLOURS, patterned, weight
from pipeline.scenarios._redraw import redrawn
from pipeline.scenarios._shapes import Solid
from pipeline.scenarios._staging import GRAVITY, drawn_look, staged
from pipeline.scenarios._toys import fingerprint, toy
from pipeline.types import Body, Camera, Container, Float64, Medium, Scene

GAP = 0.002
"""Between a body and the walls, which have no end upwards for bodies [m]."""


@dataclass
class Drop(Scenario):
    """One body of drawn shape, size, density, pose and velocity falls."""

    asset: str = ""
    """What falls: a mesh of ours, a model of pybullet_data or a file (see _assets.py), or a simple solid (ball, block,
    cylinder, capsule, cone, octahedron); empty: simple solids in turn."""
    tray: float = 0.32
    """Inner length and width of the tray [m]."""
    wall_height: float = 0.17
    """Height of the tray's walls above its inner floor [m]."""
    depth: list[float] = field(default_factory=lambda: [0.085, 0.10])
    """Depth of the medium [m], from .. to."""
    size: list[float] = field(default_factory=lambda: [0.08, 0.12])
    """Extent of the body [m], from .. to: of an asset its longest edge; capsules and octahedra are a quarter longer."""
    density: list[float] = field(default_factory=lambda: [200.0, 6000.0])
    """Density of the body [kg/m^3], from .. to, drawn evenly on a logarithmic scale."""
    fall: list[float] = field(default_factory=lambda: [0.18, 0.24])
    """Time until the body touches down [s], from .. to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans("drop", self, "depth", "size", "density", "fall")
        if not self.depth[1] < self.wall_height:
            raise ValueError(f"scenario drop: depth must stay below wall_height={self.wall_height}, got {self.depth}")
        if self.tray < 2.5 * self.size[1]:
            got = f"{self.tray} and {self.size}"
            raise ValueError(f"scenario drop: tray must be at least two and a half bodies wide, got {got}")
        self.fingerprint()  # what is wrong with an asset is said before any work is done

    @property
    def materials(self) -> Sequence[str]:
        """Sand, water and the bare floor in turn."""
        return ("sand", "water", "none")

    def fingerprint(self) -> str:
        """Of the asset's triangles."""
        return fingerprint([self.asset])

    def draw(
        self, clip_id: str, seed: int, material: Material, size: tuple[int, int], fps: float, num_frames: int
    ) -> Scene:
        """A scene; every aspect has a generator of its own, so that one more draw does not change the others."""
        half = self.tray / 2
        depth = between(generator(seed, 0), self.depth)
        medium = material.fill(((-half, -half, 0.0), (half, half, depth)))
        container = (
            Container((self.tray, self.tray, self.wall_height), surface=drawn_look(seed).tray) if medium else None
        )
        body = self._body(generator(seed, 2), surface_height=depth if medium else 0.0, bare=medium is None)
        grade = "primary" if medium else "kindergarten"
        camera = self._camera(generator(seed, 3), body, container, size, num_frames)
        captions = _captions(body, medium)
        return staged(self, clip_id, seed, grade, (body,), medium, container, camera, captions, fps)

    def redraw(self, scene: Scene, draw: int) -> Scene:
        """Friction, bounce, grains, and a velocity that differs by less than a fifth of a pixel per frame."""
        return redrawn(scene, draw)

    def _body(self, rng: np.random.Generator, surface_height: float, bare: bool) -> Body:
        noun, solid = toy(rng, between(rng, self.size), self.asset)
        density = float(np.exp(between(rng, np.log(self.density).tolist())))
        colour = str(rng.choice(list(COLOURS)))
        turn = orientation(rng)
        velocity = rng.uniform([-0.18, -0.18, -0.3], [0.18, 0.18, 0.3]) * ([1.5, 1.5, 1.0] if bare else 1.0)
        fall = between(rng, self.fall)
        height = surface_height - solid.bottom(turn) + GRAVITY * fall**2 / 2 - velocity[2] * fall
        # Aim at the middle of the tray: the spot of the impact is drawn, not that of the start.
        spot = rng.uniform(-0.05, 0.05, 2) - velocity[:2] * fall
        spot = spot if bare else self._between_walls(spot, solid, turn)
        surface = patterned(rng, colour)
        return solid.body(
            f"{weight(density)} {colour} {noun}",
            density,
            vector(np.append(spot, height)),
            turn,
            velocity=vector(velocity),
            angular_velocity=vector(rng.uniform(-4, 4, 3)),
            friction=float(rng.uniform(0.4, 0.7)),
            restitution=float(rng.uniform(0.3, 0.65) if bare else rng.uniform(0.1, 0.3)),
            surface=surface,
        )

    def _between_walls(self, spot: Float64, solid: Solid, turn: Quaternion) -> Float64:
        """The spot nearest to this one at which no corner is beyond the tray's walls."""
        corners = (rotation(turn) @ solid.mesh.vertices.T)[:2]
        room = self.tray / 2 - GAP
        return np.clip(spot, -room - corners.min(axis=1), room - corners.max(axis=1))

    def _camera(
        self, rng: np.random.Generator, body: Body, container: Container | None, size: tuple[int, int], num_frames: int
    ) -> Camera:
        """From the front and above, the whole tray and the body's start in the picture."""
        from pipeline.scenarios._framing import box_corners, frame

        corners = box_corners(container or Container((self.tray, self.tray, 0.0), wall=0.0))
        reach = np.linalg.norm(body.mesh.vertices, axis=1).max()
        ball = reach * np.vstack([np.eye(3), -np.eye(3)]) + body.position
        azimuth = -np.pi / 2 + rng.uniform(-0.5, 0.5)
        return frame(np.vstack([corners, ball]), azimuth, float(rng.uniform(0.65, 0.85)), size, num_frames)


def _captions(body: Body, medium: Medium | None) -> tuple[str, ...]:
    """Three phrasings of what is about to happen, none of which tells how it ends."""
    if medium is None:
        return (
            f"A {body.name} falls on a bare floor.",
            f"Somebody drops a {body.name}; it hits the hard ground.",
            f"Seen from above at an angle: a {body.name} is dropped and lands on the floor.",
        )
    return (
        f"A {body.name} falls into a tray of {medium.word}.",
        f"Somebody drops a {body.name} into a box filled with {medium.word}.",
        f"Seen from above at an angle: a {body.name} lands in {medium.word}.",
    )

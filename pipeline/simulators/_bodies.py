"""Rigid bodies in PyBullet: their motion, and their contacts with each other, the container and the ground."""

from __future__ import annotations

import functools
import tempfile
from types import TracebackType
from typing import Any

import numpy as np
import pybullet

from pipeline.simulators import _meshes
from pipeline.simulators._medium import BodyState
from pipeline.simulators._paths import pose, put_on_paths, velocity
from pipeline.types import Body, Container, Float64, Mesh, Scene, Vector

WALL_HEIGHT = 10.0
"""The walls are extended upwards "without end" [m]: nothing that is dropped can leave the container."""
WALL_DEPTH = 0.2
"""Thickness of walls and floor towards the outside [m], so that no fast body tunnels through them."""
ROLLING_FRICTION = 5e-4
"""Lever arm of the rolling resistance [m], of a hard ball on a hard floor."""
RESTING_SPEED = 0.05
"""Slower impacts do not bounce [m/s]."""
GROUND_RESTITUTION = 0.5
CONTACT_ERP = 0.02
"""Share of a penetration that is mended in one step. Bullet's own 0.08 gives 10 % too much speed to a bounce."""

OVERLAP = 0.02
"""Deeper overlaps at t = 0 are refused [smallest extent of the body]; Bullet pushes smaller ones out gently."""
CONTACT_MARGIN = 0.0015
"""Bullet rounds the corners of meshes and hulls by about a millimetre [m]."""


class _World:
    """The functions of PyBullet, bound to one physics client."""

    def __init__(self) -> None:
        self._client = pybullet.connect(pybullet.DIRECT)

    def __getattr__(self, name: str) -> Any:
        return functools.partial(getattr(pybullet, name), physicsClientId=self._client)


class Bodies:
    """A PyBullet world of its own, closed at the end of a `with` block.

    `time_step` [s] is the length of all steps; it stays the same for the life of the world.
    """

    def __init__(self, scene: Scene, time_step: float) -> None:
        scene = put_on_paths(scene)
        self._time_step = time_step
        self._steps = 0
        self._world = _World()
        self._world.setGravity(*scene.gravity)
        self._world.setPhysicsEngineParameter(
            fixedTimeStep=time_step,
            numSubSteps=0,
            numSolverIterations=50,
            contactERP=CONTACT_ERP,
            restitutionVelocityThreshold=RESTING_SPEED,
            deterministicOverlappingPairs=1,
        )
        self._add_ground(scene)
        if scene.container is not None:
            self._add_container(scene.container)
        self._ids = [self._add_body(body, scene.gravity) for body in scene.bodies]
        self._names = {made: body.name for made, body in zip(self._ids, scene.bodies, strict=True)}
        self._extents = {made: min(body.size) for made, body in zip(self._ids, scene.bodies, strict=True)}
        self._led = [(made, body.path) for made, body in zip(self._ids, scene.bodies, strict=True) if body.path]

    def __enter__(self) -> Bodies:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._world.disconnect()

    def state(self, ahead: float | None = None) -> BodyState:
        """Where the bodies are now; led ones with their mean velocity over the time `ahead` [s], or the next step."""
        self._lead(ahead or self._time_step)
        poses = [self._world.getBasePositionAndOrientation(body) for body in self._ids]
        speeds = [self._world.getBaseVelocity(body) for body in self._ids]
        return BodyState(
            position=np.array([pose[0] for pose in poses], dtype=np.float64).reshape(-1, 3),
            orientation=np.array([pose[1] for pose in poses], dtype=np.float64).reshape(-1, 4),
            velocity=np.array([speed[0] for speed in speeds], dtype=np.float64).reshape(-1, 3),
            angular_velocity=np.array([speed[1] for speed in speeds], dtype=np.float64).reshape(-1, 3),
        )

    def step(self, impulse: Float64, steps: int) -> None:
        """Advance by `steps` time steps, with the impulse and angular impulse (B, 6) spread evenly over them.

        The impulse goes in as a force: setting velocities or poses would bypass PyBullet's own contacts.
        """
        load = impulse / (steps * self._time_step)
        for _ in range(steps):
            self._lead(self._time_step)
            for body, (force, torque) in zip(self._ids, load.reshape(-1, 2, 3), strict=True):
                if force.any() or torque.any():
                    centre, _ = self._world.getBasePositionAndOrientation(body)
                    self._world.applyExternalForce(body, -1, force.tolist(), centre, pybullet.WORLD_FRAME)
                    self._world.applyExternalTorque(body, -1, torque.tolist(), pybullet.WORLD_FRAME)
            self._world.stepSimulation()
            self._steps += 1

    def overlaps(self) -> list[tuple[str, str, float]]:
        """Pairs of names, and how deep they overlap [m]: of two bodies, or of a body and what stands still."""
        self._world.performCollisionDetection()
        found: dict[tuple[str, str], float] = {}
        for contact in self._world.getContactPoints():
            one, other = (self._names.get(index, "the ground or container") for index in contact[1:3])
            smallest = min(self._extents.get(index, np.inf) for index in contact[1:3])
            if -contact[8] > max(OVERLAP * smallest, CONTACT_MARGIN):
                found[one, other] = max(-contact[8], found.get((one, other), 0.0))
        return [(one, other, depth) for (one, other), depth in found.items()]

    def _lead(self, span: float) -> None:
        """Put the led bodies where they are now. Contacts feel the velocity that they are given."""
        now = self._steps * self._time_step
        for body, path in self._led:
            self._world.resetBasePositionAndOrientation(body, *pose(path, now))
            self._world.resetBaseVelocity(body, *velocity(path, now, span))

    def _add_ground(self, scene: Scene) -> None:
        plane = self._world.createCollisionShape(pybullet.GEOM_PLANE)
        ground = self._world.createMultiBody(0, plane, basePosition=(0, 0, scene.ground_height))
        self._roughen(ground, scene.ground_friction, GROUND_RESTITUTION)

    def _add_container(self, container: Container) -> None:
        length, width, _ = container.inner_size
        out, up = WALL_DEPTH / 2, WALL_HEIGHT / 2
        self._add_slab(container, (length / 2 + 2 * out, width / 2 + 2 * out, out), (0, 0, -out))
        for side in (-1, 1):
            self._add_slab(container, (out, width / 2 + 2 * out, up), (side * (length / 2 + out), 0, up))
            self._add_slab(container, (length / 2 + 2 * out, out, up), (0, side * (width / 2 + out), up))

    def _add_slab(self, container: Container, half: Vector, centre: Vector) -> None:
        box = self._world.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
        slab = self._world.createMultiBody(0, box, basePosition=centre)
        self._roughen(slab, container.friction, container.restitution)

    def _add_body(self, body: Body, gravity: Vector) -> int:
        mass = 0 if body.path else body.mass  # Bullet's word for what nothing pushes away
        made: int = self._world.createMultiBody(
            mass, self._collision_shape(body), basePosition=body.position, baseOrientation=body.orientation
        )
        self._roughen(made, body.friction, body.restitution)
        if body.path:
            return made
        self._world.changeDynamics(
            made,
            -1,
            localInertiaDiagonal=body.inertia,
            linearDamping=0,
            angularDamping=0,
            rollingFriction=ROLLING_FRICTION,
            spinningFriction=ROLLING_FRICTION,
            # Bullet slows bodies down before they touch, and the bounce is lost: only true contacts count.
            contactProcessingThreshold=0,
            activationState=pybullet.ACTIVATION_STATE_DISABLE_SLEEPING,
        )
        # Bullet's semi-implicit Euler step moves a falling body g h t / 2 too far. Velocities that stand for the
        # middle of a step (leapfrog) make free fall exact.
        start = np.asarray(body.velocity) - np.asarray(gravity) * self._time_step / 2
        self._world.resetBaseVelocity(made, start.tolist(), body.angular_velocity)
        return made

    def _collision_shape(self, body: Body) -> int:
        shape: int
        length, width, height = body.size
        if body.shape == "sphere":
            shape = self._world.createCollisionShape(pybullet.GEOM_SPHERE, radius=length / 2)
        elif body.shape == "box":
            half = [length / 2, width / 2, height / 2]
            shape = self._world.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half)
        elif body.shape == "cylinder":
            shape = self._world.createCollisionShape(pybullet.GEOM_CYLINDER, radius=length / 2, height=height)
        elif body.shape == "capsule":
            shape = self._world.createCollisionShape(pybullet.GEOM_CAPSULE, radius=length / 2, height=height - length)
        elif body.shape == "mesh":
            _meshes.check(body)
            shape = self._concave(body.mesh) if body.path else self._convex(body.mesh)
        else:
            raise ValueError(
                f"Body {body.name}: expected a shape out of sphere, box, cylinder, capsule, mesh, got '{body.shape}'"
            )
        return shape

    def _concave(self, mesh: Mesh) -> int:
        """The triangles themselves, for what nothing pushes away: Bullet moves convex bodies only."""
        vertices, faces = mesh.vertices.tolist(), mesh.faces.reshape(-1).tolist()
        flags = pybullet.GEOM_FORCE_CONCAVE_TRIMESH
        made: int = self._world.createCollisionShape(pybullet.GEOM_MESH, vertices=vertices, indices=faces, flags=flags)
        return made

    def _convex(self, mesh: Mesh) -> int:
        """The convex parts in one: PyBullet takes several only from a file."""
        parts = _meshes.convex_parts(mesh)
        made: int
        if len(parts) == 1:
            made = self._world.createCollisionShape(pybullet.GEOM_MESH, vertices=parts[0].tolist())
            return made
        with tempfile.NamedTemporaryFile("w", suffix=".obj") as file:
            file.write(_meshes.wavefront(parts))
            file.flush()
            made = self._world.createCollisionShape(pybullet.GEOM_MESH, fileName=file.name)
        return made

    def _roughen(self, body: int, friction: float, restitution: float) -> None:
        """Bullet multiplies the coefficients of a pair: with square roots the pair has their geometric mean."""
        self._world.changeDynamics(
            body, -1, lateralFriction=float(np.sqrt(friction)), restitution=float(np.sqrt(restitution))
        )

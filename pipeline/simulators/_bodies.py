"""Rigid bodies in PyBullet: their motion, and their contacts with each other, the container and the ground."""

from __future__ import annotations

import functools
from types import TracebackType
from typing import Any

import numpy as np
import pybullet

from pipeline.simulators._medium import BodyState
from pipeline.types import Body, Container, Float64, Scene, Vector

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
        self._time_step = time_step
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

    def __enter__(self) -> Bodies:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._world.disconnect()

    def state(self) -> BodyState:
        """Where the bodies are now."""
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
            for body, (force, torque) in zip(self._ids, load.reshape(-1, 2, 3), strict=True):
                if force.any() or torque.any():
                    centre, _ = self._world.getBasePositionAndOrientation(body)
                    self._world.applyExternalForce(body, -1, force.tolist(), centre, pybullet.WORLD_FRAME)
                    self._world.applyExternalTorque(body, -1, torque.tolist(), pybullet.WORLD_FRAME)
            self._world.stepSimulation()

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
        made: int = self._world.createMultiBody(
            body.mass, self._collision_shape(body), basePosition=body.position, baseOrientation=body.orientation
        )
        self._roughen(made, body.friction, body.restitution)
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
            shape = self._world.createCollisionShape(pybullet.GEOM_MESH, vertices=body.mesh.vertices.tolist())
        else:
            raise ValueError(
                f"Body {body.name}: expected a shape out of sphere, box, cylinder, capsule, mesh, got '{body.shape}'"
            )
        return shape

    def _roughen(self, body: int, friction: float, restitution: float) -> None:
        """Bullet multiplies the coefficients of a pair: with square roots the pair has their geometric mean."""
        self._world.changeDynamics(
            body, -1, lateralFriction=float(np.sqrt(friction)), restitution=float(np.sqrt(restitution))
        )

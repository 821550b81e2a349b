"""A robot arm as bodies that are led: each link follows the joints, whatever pushes against it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path as File
from typing import Any

import numpy as np
import pybullet
import trimesh

from pipeline.types import Body, Float64, Mesh, Path, Surface, Vector

BASE = -1
"""PyBullet's number of the link that stands still."""
LIGHT = 1000.0
"""Density of what is bolted down and has no mass in PyBullet [kg/m^3]; no motion depends on it."""


def arm(
    urdf: str,
    time: Float64,
    joints: Float64,
    base: Vector = (0.0, 0.0, 0.0),
    links: Sequence[str] = (),
    friction: float = 0.5,
    surface: Surface | None = None,
) -> tuple[Body, ...]:
    """The links of an arm whose joints go evenly from one set of angles to the next.

    `urdf` is a file, or one that pybullet_data holds, e.g. 'kuka_iiwa/model.urdf'; `time` [s] is (K,) from 0 on,
    `joints` are the angles [rad] (or shifts [m]) of the movable joints, (K, J), in the file's order; `base` [m] is
    where the arm is mounted; `links` chooses some by name, all that can touch something without. Each link is the
    convex hull of its collision shapes, as in PyBullet. Give times dense enough that links move straight in between.

    Raises FileNotFoundError, and ValueError for another number of joints or an unknown link.
    """
    client = pybullet.connect(pybullet.DIRECT)
    try:
        robot = _load(urdf, base, client)
        joint_info = [
            pybullet.getJointInfo(robot, joint, client) for joint in range(pybullet.getNumJoints(robot, client))
        ]
        movable = [info[0] for info in joint_info if info[2] != pybullet.JOINT_FIXED]
        if joints.shape != (len(time), len(movable)):
            expected = f"joints of shape (K, J) = ({len(time)}, {len(movable)})"
            raise ValueError(f"Arm {urdf}: expected {expected}, got {joints.shape}")
        names = {pybullet.getBodyInfo(robot, client)[0].decode(): BASE} | {
            info[12].decode(): info[0] for info in joint_info
        }
        hulls = {name: hull for name, link in names.items() if (hull := _hull(robot, link, client))}
        chosen = list(links) or list(hulls)
        unknown = sorted(set(chosen) - set(hulls))
        if unknown:
            raise ValueError(f"Arm {urdf}: expected links out of {', '.join(hulls)}, got {', '.join(unknown)}")
        poses = [_poses(robot, [names[name] for name in chosen], movable, angles, client) for angles in joints]
        paths = [
            Path(np.asarray(time, float), *(np.array([pose[index][part] for pose in poses]) for part in (0, 1)))
            for index in range(len(chosen))
        ]
        masses = [pybullet.getDynamicsInfo(robot, names[name], client)[0] for name in chosen]
    finally:
        pybullet.disconnect(client)
    looks = {"friction": friction, "surface": surface or Surface()}
    return tuple(
        _body(name, hulls[name], mass, path, looks) for name, mass, path in zip(chosen, masses, paths, strict=True)
    )


def _load(urdf: str, base: Vector, client: int) -> int:
    import pybullet_data

    known = File(pybullet_data.getDataPath()) / urdf
    file = known if known.is_file() else File(urdf)
    if not file.is_file():
        raise FileNotFoundError(f"Arm {urdf}: expected a URDF file, or one in pybullet_data, found none")
    robot: int = pybullet.loadURDF(str(file), basePosition=base, useFixedBase=True, physicsClientId=client)
    return robot


def _poses(
    robot: int, links: Sequence[int], movable: Sequence[int], angles: Float64, client: int
) -> list[tuple[Float64, Float64]]:
    """Position [m] and quaternion of each link's centre of mass, with the joints at these angles."""
    for joint, angle in zip(movable, angles, strict=True):
        pybullet.resetJointState(robot, joint, float(angle), physicsClientId=client)
    found = []
    for link in links:
        if link == BASE:
            position, turn = pybullet.getBasePositionAndOrientation(robot, client)
        else:
            position, turn = pybullet.getLinkState(robot, link, computeForwardKinematics=1, physicsClientId=client)[:2]
        quaternion = np.asarray(turn)
        found.append((np.asarray(position), quaternion / np.linalg.norm(quaternion)))
    return found


def _hull(robot: int, link: int, client: int) -> trimesh.Trimesh | None:
    """Convex hull of the collision shapes, in the frame of the centre of mass; None for a link without any."""
    parts = [shape_surface(shape) for shape in pybullet.getCollisionShapeData(robot, link, client)]
    return trimesh.util.concatenate(parts).convex_hull if parts else None


def shape_surface(shape: Any) -> trimesh.Trimesh:
    """The surface of one of PyBullet's collision or visual shapes, in the frame of its link's centre of mass."""
    _, _, kind, size, file, position, turn = shape
    if kind == pybullet.GEOM_MESH:
        part = trimesh.load(file.decode(), force="mesh")
        part.apply_scale(size)
    elif kind == pybullet.GEOM_BOX:
        part = trimesh.creation.box(size)
    elif kind == pybullet.GEOM_SPHERE:
        part = trimesh.creation.icosphere(radius=size[0])
    elif kind == pybullet.GEOM_CYLINDER:
        part = trimesh.creation.cylinder(size[1], size[0])
    else:
        raise ValueError(f"expected collision shapes out of mesh, box, sphere, cylinder, got PyBullet's number {kind}")
    x, y, z, w = turn
    part.apply_transform(trimesh.transformations.quaternion_matrix([w, x, y, z]))
    part.apply_translation(position)
    return part


def _body(name: str, hull: trimesh.Trimesh, mass: float, path: Path, looks: dict[str, Any]) -> Body:
    (x, y, z), (length, width, height) = path.position[0], hull.extents
    mesh = Mesh(np.asarray(hull.vertices, np.float64), np.asarray(hull.faces, np.int32))
    mass = mass or LIGHT * float(hull.volume)
    moments = np.diag(hull.moment_inertia) * mass / hull.volume
    return Body(
        name=name,
        shape="mesh",
        size=(float(length), float(width), float(height)),
        mesh=mesh,
        density=mass / float(hull.volume),
        mass=mass,
        inertia=(float(moments[0]), float(moments[1]), float(moments[2])),
        position=(float(x), float(y), float(z)),
        path=path,
        **looks,
    )

"""Small scenes for the ray tracer, and motions prescribed by hand."""

from __future__ import annotations

import numpy as np
import trimesh

from pipeline.types import Body, Camera, Container, Light, Medium, Mesh, Scene, Surface, Trajectory

SPACING = 0.02
SIDE = 0.32


def look_at(eye: tuple[float, float, float], target: tuple[float, float, float]) -> np.ndarray:
    z = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    x = np.cross(z, (0.0, 0.0, 1.0))
    x /= np.linalg.norm(x)
    rotation = np.stack([x, np.cross(z, x), z])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, -rotation @ np.array(eye)
    return pose


def body(mesh: trimesh.Trimesh, position: tuple[float, float, float], colour: tuple[float, float, float]) -> Body:
    return Body(
        name="thing",
        shape="mesh",
        size=tuple(np.ptp(mesh.vertices, axis=0)),
        mesh=Mesh(np.array(mesh.vertices), np.array(mesh.faces, np.int32)),
        density=1000.0,
        mass=1.0,
        inertia=(1.0, 1.0, 1.0),
        position=position,
        surface=Surface(albedo=colour),
    )


def stage(
    bodies: tuple[Body, ...] = (),
    medium: Medium | None = None,
    container: Container | None = None,
    poses: np.ndarray | None = None,
    frames: int = 3,
    size: tuple[int, int] = (48, 56),
) -> Scene:
    if poses is None:
        poses = np.repeat(look_at((0.2, -0.8, 0.6), (0.0, 0.0, 0.05))[None], frames, axis=0)
    height, width = size
    intrinsics = np.array([[1.4 * width, 0.0, width / 2], [0.0, 1.4 * width, height / 2], [0.0, 0.0, 1.0]])
    return Scene(
        clip_id="test-0",
        scenario="test",
        grade="primary",
        seed=0,
        draw=2,
        bodies=bodies,
        medium=medium,
        container=container,
        ground=Surface("checker", (0.5, 0.5, 0.5), (0.4, 0.4, 0.4)),
        ground_friction=0.5,
        gravity=(0.0, 0.0, -9.81),
        camera=Camera(size, intrinsics, poses),
        light=Light((-0.4, -0.4, 0.82), (0.9, 0.9, 0.9), (0.4, 0.4, 0.4), (0.5, 0.5, 0.5)),
        fps=24.0,
        num_frames=len(poses),
        captions=("a test",),
    )


def motion(scene: Scene, particles: np.ndarray | None = None, move: float = 0.01, turn: float = 0.15) -> Trajectory:
    """Bodies that drift along x and turn around y."""
    frames, count = scene.num_frames, len(scene.bodies)
    steps = np.arange(frames)[:, None]
    position = np.array([body.position for body in scene.bodies]).reshape(1, count, 3).repeat(frames, axis=0)
    position[..., 0] += move * steps
    angle = turn * steps * np.ones((1, count))
    orientation = np.stack([0 * angle, np.sin(angle / 2), 0 * angle, np.cos(angle / 2)], axis=-1)
    if particles is None:
        particles = np.zeros((frames, 0, 3), np.float32)
    zero = np.zeros((frames, count, 3))
    return Trajectory(
        time=np.arange(frames) / 24.0,
        body_position=position,
        body_orientation=orientation,
        body_velocity=zero,
        body_angular_velocity=zero,
        body_impulse=np.zeros((frames, count, 6)),
        particle_position=particles.astype(np.float32),
        particle_velocity=np.zeros_like(particles, np.float32),
        particle_spacing=SPACING if particles.shape[1] else 0.0,
        container_impulse=np.zeros((frames, 3)),
    )


def filling(kind: str, colour: tuple[float, float, float]) -> Medium:
    region = ((-SIDE / 2, -SIDE / 2, 0.0), (SIDE / 2, SIDE / 2, 0.1))
    return Medium(kind, kind, kind, region, 1000.0, grain_size=0.002, albedo=colour, absorption=(400.0, 400.0, 400.0))


def bed(frames: int = 3, height: float = 0.1) -> np.ndarray:
    """Particles at rest in a container, jittered."""
    along, up = (np.arange(round(length / SPACING)) * SPACING + SPACING / 2 for length in (SIDE, height))
    points = np.stack(np.meshgrid(along - SIDE / 2, along - SIDE / 2, up, indexing="ij"), axis=-1).reshape(-1, 3)
    points = points + np.random.default_rng(3).uniform(-0.25, 0.25, points.shape) * SPACING
    return np.repeat(points[None], frames, axis=0)


TRAY = Container((SIDE, SIDE, 0.14), 0.012, surface=Surface(albedo=(0.4, 0.4, 0.4)))
BALL = body(trimesh.creation.icosphere(3, 0.06), (0.0, 0.0, 0.1), (0.8, 0.05, 0.05))
BRICK = body(trimesh.creation.box((0.1, 0.08, 0.06)), (-0.1, 0.05, 0.05), (0.05, 0.05, 0.8))


def moving_camera(frames: int = 3) -> np.ndarray:
    return np.stack([look_at((0.2 + 0.02 * t, -0.8 + 0.01 * t, 0.6), (0.0, 0.0, 0.05)) for t in range(frames)])

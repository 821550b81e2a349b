"""A scene, a trajectory and a clip in which every field says something, and what it means to be the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import store, types

KEY = store.key("any")


def scene() -> types.Scene:
    rng = np.random.default_rng(0)
    meshes = [types.Mesh(rng.normal(size=(n, 3)), rng.integers(0, n, (2 * n, 3)).astype(np.int32)) for n in (8, 40)]
    bodies = tuple(
        types.Body(f"body {n}", "mesh", (0.1, 0.2, 1 / 3), mesh, 500.0, 0.1 * n + 1e-17, (1e-5, 2e-5, 3e-5), (0, 0, n))
        for n, mesh in enumerate(meshes)
    )
    camera = types.Camera((24, 32), rng.normal(size=(3, 3)), rng.normal(size=(4, 4, 4)))
    white = (1.0, 1.0, 1.0)
    return types.Scene(
        clip_id="drop-sand-00000",
        scenario="drop",
        grade="primary",
        seed=2**63,
        draw=1,
        bodies=bodies,
        medium=types.Medium("sand", "grains", "dry sand", ((-0.1, -0.1, 0.0), (0.1, 0.1, 0.05)), 1600.0),
        container=types.Container((0.2, 0.2, 0.1), surface=types.Surface("wood", seed=7)),
        ground=types.Surface(),
        ground_friction=0.5,
        gravity=(0.0, -0.0, -9.81),
        camera=camera,
        light=types.Light((0.0, 0.6, 0.8), white, white, white),
        fps=30000 / 1001,
        num_frames=4,
        captions=("a ball – «heavy» – drops", "something falls"),
    )


def trajectory() -> types.Trajectory:
    rng = np.random.default_rng(1)
    states = [rng.normal(size=(4, 2, width)) for width in (3, 4, 3, 3, 6)]
    particles = [rng.normal(size=(4, 50, 3)).astype(np.float32) for _ in range(2)]
    return types.Trajectory(np.arange(4) / 24, *states, *particles, 0.1 + 0.2, rng.normal(size=(4, 3)))


def layers(speed: float = 3.0) -> types.Layers:
    rng, shape = np.random.default_rng(2), (4, 24, 32)
    return types.Layers(
        depth=np.where(rng.random(shape) < 0.1, np.inf, rng.random(shape)).astype(np.float32),
        normal=rng.normal(size=(*shape, 3)).astype(np.float16),
        segmentation=rng.integers(0, 3, shape, np.uint16),
        material=rng.integers(0, 4, shape, np.uint8),
        particle=rng.integers(-1, 50, shape, np.int32),
        object_coordinates=rng.random((*shape, 3)).astype(np.float16),
        forward_flow=rng.normal(0, speed, (*shape, 2)).astype(np.float32),
        backward_flow=rng.normal(0, 3.0, (*shape, 2)).astype(np.float32),
        forward_occluded=rng.random(shape) < 0.1,
        backward_occluded=rng.random(shape) < 0.1,
        valid=rng.random(shape) < 0.9,
    )


def clip(**changes: Any) -> types.Clip:
    frames = np.random.default_rng(3).integers(0, 256, (4, 24, 32, 3), np.uint8)
    instances = (
        types.Instance(2, "ball", "rigid", "sphere", 500.0),
        types.Instance(10, "dry sand", "grains", "", float("inf")),
    )
    whole = types.Clip(
        "drop-sand-00000", "truth", 1, frames, scene().fps, layers(), scene().camera, instances, {"resampled": "no"}
    )
    return dataclasses.replace(whole, **changes)


def same(first: Any, second: Any) -> bool:
    """Equality to the last bit, arrays and their types included."""
    if dataclasses.is_dataclass(first):
        names = [field.name for field in dataclasses.fields(first)]
        return type(first) is type(second) and all(same(getattr(first, n), getattr(second, n)) for n in names)
    if isinstance(first, np.ndarray):
        return bool(first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes())
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

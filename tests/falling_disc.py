"""A synthetic truth for tests of data products: a red disc falls into a basin on a textured wall; layers are exact."""

from __future__ import annotations

import numpy as np

from pipeline.types import (
    Body,
    Camera,
    Clip,
    Container,
    FlowField,
    Instance,
    Layers,
    Light,
    Medium,
    Mesh,
    Scene,
    Surface,
    Take,
)

COLOUR = {"sand": (205, 170, 110), "water": (60, 130, 170)}
CODE = {"sand": 2, "water": 3, "none": 0}


def fall(num_frames: int, size: int) -> np.ndarray:
    """Height of the disc's centre [px from the top], shape (T,)."""
    return np.minimum(0.2 * size + 0.002 * size * np.arange(num_frames) ** 2, 0.7 * size)


def clip(
    clip_id: str = "drop-sand-00000",
    material: str = "sand",
    seed: int = 0,
    size: int = 48,
    num_frames: int = 17,
    path: np.ndarray | None = None,
) -> Clip:
    """A truth clip; `path` replaces the fall."""
    rng = np.random.default_rng(seed)
    path = fall(num_frames, size) if path is None else path
    rows, columns = np.mgrid[:size, :size] + 0.5
    wall = rng.uniform(90, 170, (size // 4, size // 4, 3)).repeat(4, axis=0).repeat(4, axis=1)
    if material != "none":
        wall[rows > 0.68 * size] = COLOUR[material] + rng.normal(0, 12, (int((rows > 0.68 * size).sum()), 1))
    disc = np.hypot(columns - 0.5 * size, rows - path[:, None, None]) < 0.12 * size
    frames = np.where(disc[..., None], (200, 60, 50), wall).clip(0, 255).astype(np.uint8)
    segmentation = np.where(disc, 1, np.where(rows > 0.68 * size, 2 * (material != "none"), 0)).astype(np.uint16)
    speed = np.diff(path, append=path[-1])[:, None, None]
    forward = np.stack([np.zeros_like(disc), disc * speed], -1).astype(np.float32)
    backward = np.stack([np.zeros_like(disc), disc * -np.roll(speed, 1)], -1).astype(np.float32)
    nothing = np.zeros(disc.shape, bool)
    layers = Layers(
        depth=np.where(disc, 0.9, 1.2).astype(np.float32),
        normal=np.full((*disc.shape, 3), 0.577, np.float16),
        segmentation=segmentation,
        material=np.array([0, 1, CODE[material]], np.uint8)[segmentation],
        particle=np.where(segmentation == 2, 7, -1).astype(np.int32),
        object_coordinates=np.zeros((*disc.shape, 3), np.float16),
        forward_flow=forward,
        backward_flow=backward,
        forward_occluded=nothing,
        backward_occluded=nothing,
        valid=~nothing,
    )
    intrinsics = np.array([[size, 0.0, size / 2], [0.0, size, size / 2], [0.0, 0.0, 1.0]])
    camera = Camera((size, size), intrinsics, np.tile(np.eye(4), (num_frames, 1, 1)))
    things = (Instance(1, "red ball", "rigid", "sphere", 2500.0),)
    if material != "none":
        things += (Instance(2, material, {2: "grains", 3: "liquid"}[CODE[material]], "", 1500.0),)
    return Clip(clip_id, "truth", 0, frames, 24.0, layers, camera, things)


def scene(truth: Clip, material: str = "sand", seed: int = 0) -> Scene:
    """The scene that the clip shows."""
    assert truth.camera is not None
    mesh = Mesh(np.zeros((3, 3)), np.zeros((1, 3), np.int32))
    ball = Body("red ball", "sphere", (0.1, 0.1, 0.1), mesh, 2500.0, 1.3, (1e-3, 1e-3, 1e-3), (0.0, 0.0, 0.4))
    kind = "grains" if material == "sand" else "liquid"
    medium = Medium(material, kind, material, ((-0.2, -0.2, 0.0), (0.2, 0.2, 0.1)), 1500.0)
    return Scene(
        clip_id=truth.clip_id,
        scenario="drop",
        grade="kindergarten",
        seed=seed,
        draw=0,
        bodies=(ball,),
        medium=None if material == "none" else medium,
        container=Container((0.4, 0.4, 0.2)),
        ground=Surface(),
        ground_friction=0.5,
        gravity=(0.0, 0.0, -9.81),
        camera=truth.camera,
        light=Light((0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
        fps=truth.fps,
        num_frames=len(truth.frames),
        captions=(f"A red ball drops into {material}.", "Something falls."),
    )


def take(shown: Clip) -> Take:
    """The clip with its exact flow."""
    assert shown.layers is not None
    return Take(shown, FlowField(shown.layers.forward_flow[:-1], "exact"))

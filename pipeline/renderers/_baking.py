"""Procedural looks as plain arrays, for renderers that cannot run our kernels."""

# Warp reads these functions itself: Python's type checker cannot follow its types.
# mypy: disable-error-code="untyped-decorator, misc, assignment"

from __future__ import annotations

import numpy as np
import warp as wp

from pipeline.renderers._beauty import lamp
from pipeline.renderers._geometry import Frame, Grains
from pipeline.renderers._light import Lamp, grain_albedo, sky_radiance
from pipeline.renderers._textures import Texture, albedo_at, texture
from pipeline.types import Float32, Float64, Scene, Surface

_MOST_FACES = 200_000


@wp.kernel(enable_backward=False)
def _bake(
    texture: Texture, place: wp.array[wp.vec3], normal: wp.array[wp.vec3], footprint: float, colour: wp.array[wp.vec3]
) -> None:
    i = wp.tid()
    colour[i] = albedo_at(texture, place[i], normal[i], footprint)


@wp.kernel(enable_backward=False)
def _tint(grains: Grains, identity: wp.array[int], colour: wp.array[wp.vec3]) -> None:
    i = wp.tid()
    colour[i] = grain_albedo(grains, identity[i])


@wp.kernel(enable_backward=False)
def _sky(lamp: Lamp, direction: wp.array[wp.vec3], colour: wp.array[wp.vec3]) -> None:
    i = wp.tid()
    colour[i] = sky_radiance(lamp, direction[i])


def colours(surface: Surface, places: Float64, normals: Float64, footprint: float) -> Float32:
    """Diffuse colours (N, 3) at points (N, 3) [m] of a surface, what is finer than `footprint` [m] faded."""
    made = wp.empty(len(places), dtype=wp.vec3, device="cpu")
    where, facing = (wp.array(array, dtype=wp.vec3, device="cpu") for array in (places, normals))
    wp.launch(_bake, dim=len(places), inputs=[texture(surface), where, facing, footprint, made], device="cpu")
    return np.asarray(made.numpy())


def spheres(frame: Frame) -> tuple[Float32, Float32]:
    """Every grain once: centres and radii (N, 4) [m] as our own rays meet them, and colours (N, 3)."""
    grains = frame.geometry.grains
    identity, first = np.unique(grains.identity.numpy(), return_index=True)
    colour = wp.empty(len(identity), dtype=wp.vec3, device=grains.sphere.device)
    which = wp.array(identity, dtype=int, device=grains.sphere.device)
    wp.launch(_tint, dim=len(identity), inputs=[grains, which, colour], device=grains.sphere.device)
    return grains.sphere.numpy()[first], colour.numpy()


def sky(scene: Scene, directions: Float64, sun: float) -> Float64:
    """Radiance (N, 3) from directions (N, 3), each of the same solid angle weight; `sun` [rad] is the sun's radius.

    A white surface that faces the sun sends back `Light.sun`, as in the picture of `_beauty`.
    """
    made, light = wp.empty(len(directions), dtype=wp.vec3, device="cpu"), lamp(scene)
    wp.launch(_sky, dim=len(directions), inputs=[light, wp.array(directions, dtype=wp.vec3), made], device="cpu")
    apart = np.arccos(np.clip(directions @ np.array(light.direction), -1.0, 1.0))
    disc = np.clip((sun - apart) / 0.004 + 0.5, 0.0, 1.0)[:, None]
    return np.asarray(made.numpy() + disc * np.array(light.sun) / np.sin(sun) ** 2)


def refined(corners: Float64, edge: float) -> Float64:
    """Triangles (F, 3, C), places [m] in the first three of C columns, cut in four until no side is longer than `edge`
    [m], or there are very many."""
    done, count = [], 0
    while len(corners) and count + len(corners) < _MOST_FACES:
        sides = np.linalg.norm((corners - np.roll(corners, 1, axis=1))[..., :3], axis=2)
        long = (sides > edge).any(axis=1)
        done.append(corners[~long])
        count += len(done[-1])
        one, two, three = np.moveaxis(corners[long], 1, 0)
        between = ((one + two) / 2, (two + three) / 2, (three + one) / 2)
        parts = ((one, between[0], between[2]), (between[0], two, between[1]), (between[2], between[1], three), between)
        corners = np.concatenate([np.stack(part, axis=1) for part in parts])
    return np.concatenate([*done, corners])

"""A scene at one time as Mitsuba's dictionary: the geometry of our own rays, with colours baked into it."""

from __future__ import annotations

from typing import Any

import numpy as np
import warp as wp

from pipeline.renderers import _baking as baking
from pipeline.renderers._beauty import Lens, pose_at
from pipeline.renderers._exposure import middle
from pipeline.renderers._geometry import Frame, corner_normals, rotation_matrices
from pipeline.types import Body, Container, Float32, Float64, Scene, Surface

UNIT = 1e4
"""Mitsuba's lengths are in 0.1 mm: its ellipsoids come out too light where their radii are below some 0.3."""
SHADES = 24
"""Groups of grains of one colour each: Mitsuba's ellipsoids have no colours of their own."""
WET_SUN = 0.25
"""Least radius of the sun [rad] over a liquid: below the surface paths find it only by chance."""
LAMBERT_SPHERE = -4.0 / 9.0
"""Mean cosine of what a white matt sphere scatters: backwards."""
_SKY = (512, 1024)
_GROUND = 2048
"""Most texels along each side of the ground."""

Node = dict[str, Any]


def described(frame: Frame, scene: Scene, time: float, lens: Lens, depth: int) -> Node:
    """The scene for `mitsuba.load_dict`; the variant must be set."""
    wet = bool(scene.medium and scene.medium.kind == "liquid")
    away = float(np.linalg.norm(pose_at(scene.camera, time)[1] - middle(scene)))
    fine = away / float(scene.camera.intrinsics[0, 0])
    made: Node = {
        "type": "scene",
        "integrator": {"type": "volpathmis" if wet else "path", "max_depth": depth * (1 + wet)},
        "sensor": _sensor(scene, time, lens),
        "sky": _sky(scene, max(scene.light.angle, WET_SUN if wet else 0.0)),
        **_ground(scene, 3.0 * away, fine),
    }
    if scene.container:
        for number, corners in enumerate(_boxes(scene.container)):
            made[f"wall{number}"] = _solid(corners, scene.container.surface, fine)
    turns = rotation_matrices(frame.orientation)
    for number, body in enumerate(scene.bodies):
        made[f"body{number}"] = _solid(_corners(body), body.surface, fine, turns[number], frame.position[number])
    return {**made, **_grains(frame), **_liquid(frame, scene)}


def _sensor(scene: Scene, time: float, lens: Lens) -> Node:
    """The camera: Mitsuba's looks along z too, but its x points left and its y up."""
    import mitsuba

    height, width = scene.camera.size
    focal, centre = scene.camera.intrinsics[0, 0], scene.camera.intrinsics[:2, 2]
    rotation, origin = pose_at(scene.camera, time)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation.T @ np.diag([-1.0, -1.0, 1.0]), UNIT * origin
    made: Node = {
        "type": "thinlens" if lens.radius else "perspective",
        "fov_axis": "x",
        "fov": float(np.degrees(2 * np.arctan(width / 2 / focal))),
        "principal_point_offset_x": float(0.5 - centre[0] / width),
        "principal_point_offset_y": float(0.5 - centre[1] / height),
        "near_clip": 1e-3 * UNIT,
        "far_clip": 1e3 * UNIT,
        "to_world": mitsuba.ScalarTransform4f(pose),
        "film": {"type": "hdrfilm", "width": width, "height": height, "rfilter": {"type": "box"}},
    }
    if lens.radius:
        made.update(aperture_radius=UNIT * lens.radius, focus_distance=UNIT * lens.focus)
    return made


def _sky(scene: Scene, sun: float) -> Node:
    """Sky and sun as a map around the scene; below the horizon there is the ground."""
    import mitsuba

    rows, columns = _SKY
    polar, turn = np.meshgrid(
        np.pi * (np.arange(rows) + 0.5) / rows, 2 * np.pi * (np.arange(columns) + 0.5) / columns, indexing="ij"
    )
    directions = np.stack([np.sin(turn) * np.sin(polar), np.cos(turn) * np.sin(polar), np.cos(polar)], axis=-1)
    light = baking.sky(scene, directions.reshape(-1, 3), sun).reshape(rows, columns, 3)
    return {
        "type": "envmap",
        "bitmap": mitsuba.Bitmap(light.astype(np.float32)),
        "to_world": mitsuba.ScalarTransform4f().rotate([1, 0, 0], 90),
    }


def _ground(scene: Scene, reach: float, fine: float) -> Node:
    """The ground: its texture at every `fine` [m] out to `reach` [m], beyond it the mean colour."""
    import mitsuba

    count = int(np.clip(2 * reach / fine, 16, _GROUND))
    texel = 2 * reach / count
    along = (np.arange(count) + 0.5) * texel - reach
    y, x = np.meshgrid(along, along, indexing="ij")
    level = scene.ground_height
    places = np.stack([x, y, np.full_like(x, level)], axis=-1).reshape(-1, 3)
    up = np.broadcast_to([0.0, 0.0, 1.0], places.shape)
    colour = baking.colours(scene.ground, places, up, texel).reshape(count, count, 3)
    place = mitsuba.ScalarTransform4f().translate([0.0, 0.0, UNIT * level])
    below = mitsuba.ScalarTransform4f().translate([0.0, 0.0, UNIT * (level - 1e-3)])
    far = {"type": "rgb", "value": colour.mean(axis=(0, 1)).tolist()}
    near = {"type": "bitmap", "bitmap": mitsuba.Bitmap(colour), "raw": True}
    return {
        "ground": {
            "type": "rectangle",
            "to_world": place.scale([UNIT * reach, UNIT * reach, 1.0]),
            "bsdf": {"type": "diffuse", "reflectance": near},
        },
        "plain": {
            "type": "rectangle",
            "to_world": below.scale([100 * UNIT * reach, 100 * UNIT * reach, 1.0]),
            "bsdf": {"type": "diffuse", "reflectance": far},
        },
    }


def _boxes(container: Container) -> list[Float64]:
    """Floor and walls as triangles with their normals, (12, 3, 6) each; the same boxes as `_rays.wall_box`."""
    import trimesh

    (x, y), w = np.array(container.inner_size[:2]) / 2, container.wall
    top = container.inner_size[2]
    spans = (
        ((-x - w, -y - w, -w), (x + w, y + w, 0.0)),
        ((-x - w, -y - w, -w), (-x, y + w, top)),
        ((x, -y - w, -w), (x + w, y + w, top)),
        ((-x, -y - w, -w), (x, -y, top)),
        ((-x, y, -w), (x, y + w, top)),
    )
    made = []
    for span in spans:
        box = trimesh.creation.box(bounds=np.array(span))
        normals = np.repeat(box.face_normals[:, None], 3, axis=1)
        made.append(np.concatenate([box.triangles, normals], axis=2))
    return made


def _corners(body: Body) -> Float64:
    """A body's triangles with their smooth normals, (F, 3, 6), in its own frame."""
    return np.concatenate([body.mesh.vertices[body.mesh.faces], corner_normals(body.mesh)], axis=2)


def _solid(
    corners: Float64, surface: Surface, fine: float, turn: Float64 | None = None, shift: Float64 | None = None
) -> Any:
    """Triangles with normals, (F, 3, 6), coloured at every `fine` [m] and moved to their place."""
    import mitsuba

    points = baking.refined(corners, fine).reshape(-1, 6)
    colour = baking.colours(surface, points[:, :3], points[:, 3:], fine)
    reflectance = {"type": "mesh_attribute", "name": "vertex_colour"}
    look: Node = {"type": "diffuse", "reflectance": reflectance}
    if surface.gloss > 0.0:
        # Its `specular` is 1 for a reflection of 0.08 at normal incidence.
        look = {"type": "principled", "base_color": reflectance, "roughness": 0.25}
        look["specular"] = min(float(surface.gloss) / 0.08, 1.0)
    turn, shift = np.eye(3) if turn is None else turn, np.zeros(3) if shift is None else shift
    place, normal = points[:, :3] @ turn.T + shift, points[:, 3:] @ turn.T
    made = _mesh(place, normal, np.arange(len(place)), {"bsdf": mitsuba.load_dict(look)})
    made.add_attribute("vertex_colour", 3, colour.ravel())
    return made


def _mesh(places: Float64, normals: Float64 | Float32, faces: Any, settings: Node) -> Any:
    """A mesh with its own normals: vertices (V, 3) [m], faces flattened."""
    import mitsuba

    holder = mitsuba.Properties()
    for name, value in settings.items():
        holder[name] = value
    made = mitsuba.Mesh("mesh", len(places), len(faces) // 3, has_vertex_normals=True, props=holder)
    inside = mitsuba.traverse(made)
    inside["vertex_positions"] = (UNIT * places).astype(np.float32).ravel()
    inside["faces"] = np.asarray(faces, np.uint32)
    inside.update()
    # New positions make normals of their own.
    inside["vertex_normals"] = normals.astype(np.float32).ravel()
    inside.update()
    return made


def _grains(frame: Frame) -> Node:
    """The grains, grouped by lightness."""
    import mitsuba

    if not frame.geometry.grains.count:
        return {}
    sphere, colour = baking.spheres(frame)
    colour = single(colour, LAMBERT_SPHERE)
    made: Node = {}
    for number, mine in enumerate(np.array_split(np.argsort(colour.mean(axis=1), kind="stable"), SHADES)):
        if len(mine):
            made[f"grains{number}"] = {
                "type": "ellipsoids",
                "centers": mitsuba.TensorXf(UNIT * sphere[mine, :3]),
                "scales": mitsuba.TensorXf(UNIT * np.repeat(sphere[mine, 3:], 3, axis=1)),
                "quaternions": mitsuba.TensorXf(np.tile(np.array([0, 0, 0, 1], np.float32), (len(mine), 1))),
                "extent": 1.0,
                "extent_adaptive_clamping": False,
                "bsdf": {
                    "type": "diffuse",
                    "reflectance": {"type": "rgb", "value": colour[mine].mean(axis=0).tolist()},
                },
            }
    return made


def single(bed: Any, forward: float) -> Float32:
    """Albedo of a single scatterer in a deep bed that sends back the share `bed` of the light; `forward` is the mean
    cosine of scattering.

    The bed sends back (1 - g) / (1 + g) (Hapke 1981), g^2 = (1 - albedo) / (1 - albedo forward) by similarity.
    """
    share = np.clip(np.asarray(bed, np.float64), 0.0, 0.95)
    squared = ((1.0 - share) / (1.0 + share)) ** 2
    return np.asarray((1.0 - squared) / (1.0 - squared * forward), np.float32)


def _liquid(frame: Frame, scene: Scene) -> Node:
    """The liquid's free surface as a dielectric, with a medium below it that absorbs and scatters a little."""
    import mitsuba

    if not frame.geometry.liquid.count or scene.medium is None:
        return {}
    mesh = next(one for one in frame.owned if isinstance(one, wp.Mesh))
    absorption = {"type": "rgb", "value": [max(one, 0.01) / UNIT for one in scene.medium.absorption]}
    # As in `_beauty`, the absorption is all that a way through the liquid takes, and a deep liquid has its own colour.
    own = {"type": "rgb", "value": single(scene.medium.albedo, 0.0).tolist()}
    inside = {"type": "homogeneous", "sigma_t": absorption, "albedo": own}
    settings = {
        "bsdf": mitsuba.load_dict({"type": "dielectric", "int_ior": scene.medium.refractive_index, "ext_ior": 1.0}),
        "interior": mitsuba.load_dict(inside),
    }
    normals = frame.geometry.liquid.normal.numpy()
    return {"liquid": _mesh(mesh.points.numpy().astype(np.float64), normals, mesh.indices.numpy(), settings)}

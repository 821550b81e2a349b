"""The other side of against_genesis.py: Genesis simulates, Blender's Cycles renders. Knows nothing of quicksand.

    python benchmarks/_genesis_side.py simulate FOLDER FRAMES      FOLDER/scene.json -> states.npz, simulate.json
    python benchmarks/_genesis_side.py render FOLDER TAKES FRAME ...      both -> frame_*.exr, frame_*.png, render.json

Run by an interpreter that has genesis-world and bpy. Both count CPU seconds of this process, all its threads, after a
warm-up: what a worker pays for every clip, without the start that it pays once.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

GRID_DENSITY = 64
"""Cells per metre, the default of Genesis: 15.6 mm, where ours are two particles wide (16 mm)."""
SUBSTEPS = 10
"""Of a step, as in the tutorials of Genesis."""
SAMPLES = 16
"""Rays a pixel, the picture denoised after them (OpenImageDenoise)."""
ROUNDNESS = 0.62
"""Radius of the sphere that shows a particle [spacings]: less leaves holes in the bed."""

Told = dict[str, Any]


def simulate(folder: Path, frames: int) -> None:
    """States of sand and body in the first frames of the scene."""
    told = json.loads((folder / "scene.json").read_text())
    import genesis as gs

    gs.init(backend=gs.cpu, logging_level="warning")
    for _ in walk(told, 2):
        pass  # kernels are compiled, or loaded from their cache
    start, following = time.process_time(), walk(told, frames)
    states = [next(following)]
    built = time.process_time()
    states += following
    stepped = time.process_time() - built
    sand, place, turn = (np.array(one) for one in zip(*states, strict=True))
    np.savez(folder / "states.npz", sand=sand, place=place, turn=turn)
    report = {"version": importlib.metadata.version("genesis-world"), "particles": sand.shape[1], "frames": frames}
    report |= {"substeps": steps(told) * SUBSTEPS, "start": start, "build": built - start, "steps": stepped}
    (folder / "simulate.json").write_text(json.dumps(report))


def steps(told: Told) -> int:
    """Steps of a frame: the fewest whose substeps are not longer than Genesis asks for (else it warns)."""
    longest = 2e-2 / GRID_DENSITY
    return math.ceil(1 / told["fps"] / (SUBSTEPS * longest))


def walk(told: Told, frames: int) -> Iterator[tuple[Any, ...]]:
    """Build the scene anew; yields particles [m] (N, 3), the body's place (3,) and quaternion (w, x, y, z)."""
    import genesis as gs

    count, tray, body = steps(told), told["container"]["inner_size"], told["body"]
    padding, half = 3 / GRID_DENSITY, np.array(tray) / 2
    scene = gs.Scene(
        sim_options=gs.options.SimOptions(dt=1 / told["fps"] / count, substeps=SUBSTEPS, gravity=told["gravity"]),
        mpm_options=gs.options.MPMOptions(
            particle_size=told["spacing"],
            grid_density=GRID_DENSITY,
            lower_bound=(-half[0] - padding, -half[1] - padding, -padding),
            upper_bound=(half[0] + padding, half[1] + padding, 2 * tray[2] + padding),
        ),
        show_viewer=False,
    )
    lower, upper = told["medium"]["region"]
    sand = scene.add_entity(
        material=gs.materials.MPM.Sand(
            rho=told["medium"]["density"],
            friction_angle=math.degrees(told["medium"]["friction_angle"]),
            sampler="regular",
        ),
        morph=gs.morphs.Box(lower=lower, upper=upper),
        surface=gs.surfaces.Default(vis_mode="particle"),
    )
    x, y, z, w = body["orientation"]
    pose = {"pos": body["position"], "quat": (w, x, y, z)}
    solid = gs.morphs.Sphere(radius=body["size"][0] / 2, **pose) if body["shape"] == "sphere" else None
    solid = solid or gs.morphs.Box(size=body["size"], **pose)
    rigid = gs.materials.Rigid(rho=body["density"], coup_friction=told["medium"]["wall_friction"])
    ball = scene.add_entity(material=rigid, morph=solid)
    scene.build()
    ball.set_dofs_velocity([*body["velocity"], *turned_back(body["angular_velocity"], body["orientation"])])
    for frame in range(frames):
        for _ in range(count if frame else 0):
            scene.step()
        yield tuple(one.cpu().numpy().copy() for one in (sand.get_particles_pos(), ball.get_pos(), ball.get_quat()))


def turned_back(vector: list[float], quaternion: list[float]) -> Any:
    """From world axes to the body's, in which Genesis wants a spin; the quaternion is (x, y, z, w), body to world."""
    axis, w = -np.array(quaternion[:3]), quaternion[3]
    across = np.cross(axis, vector)
    return vector + 2 * (w * across + np.cross(axis, across))


def render(folder: Path, takes: int, frames: list[int]) -> None:
    """Pictures and passes of some frames, each in the cheapest of several takes; frame 0 warms up."""
    import bpy

    told, states = json.loads((folder / "scene.json").read_text()), np.load(folder / "states.npz")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    camera(told)
    light(told)
    solids(told, states)
    particles(told, states["sand"], folder)
    passes(told)
    shoot(folder, 0)
    start = time.process_time()
    # Frame after frame, not take after take: Cycles keeps what has not changed since the picture before.
    each = np.min([[shoot(folder, frame) for frame in frames] for _ in range(takes)], axis=0).tolist()
    report = {"version": bpy.app.version_string, "frames": frames, "samples": SAMPLES, "start": start, "each": each}
    (folder / "render.json").write_text(json.dumps(report))


def shoot(folder: Path, frame: int) -> float:
    """Render and write all passes of a frame; returns CPU seconds."""
    import bpy

    clock = time.process_time()
    bpy.context.scene.frame_set(frame)
    bpy.context.scene.render.filepath = str(folder / f"frame_{frame:03d}.exr")
    bpy.ops.render.render(write_still=True)
    spent = time.process_time() - clock
    save_picture(folder, frame)
    return spent


def save_picture(folder: Path, frame: int) -> None:
    """The picture alone as PNG, to be looked at; not counted."""
    import bpy

    scene = bpy.context.scene
    image = scene.render.image_settings
    image.media_type, image.file_format = "IMAGE", "PNG"
    bpy.data.images["Render Result"].save_render(str(folder / f"frame_{frame:03d}.png"), scene=scene)
    image.media_type, image.file_format = "MULTI_LAYER_IMAGE", "OPEN_EXR_MULTILAYER"


def camera(told: Told) -> None:
    """The pinhole camera of the first frame; Blender's looks along -z with y up."""
    import bpy
    from mathutils import Matrix

    scene, (height, width) = bpy.context.scene, told["camera"]["size"]
    made = bpy.data.cameras.new("camera")
    made.sensor_fit, made.sensor_width = "HORIZONTAL", 36.0
    made.lens = told["camera"]["focal"] * 36.0 / width
    made.clip_start = 0.01
    thing = added("camera", made)
    pose = np.linalg.inv(np.array(told["camera"]["world_to_camera"])) @ np.diag([1.0, -1.0, -1.0, 1.0])
    thing.matrix_world = Matrix(pose.tolist())
    scene.camera = thing
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100


def light(told: Told) -> None:
    """A sun of some width, and an even sky of the mean radiance."""
    import bpy
    from mathutils import Vector

    given = told["light"]
    sun = bpy.data.lights.new("sun", "SUN")
    sun.energy, sun.color, sun.angle = math.pi, given["sun"], 2 * given["angle"]
    added("sun", sun).rotation_euler = Vector(given["direction"]).to_track_quat("Z", "Y").to_euler()
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    sky = 0.6 * np.array(given["sky"]) + 0.4 * np.array(given["horizon"])
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (*sky, 1.0)


def solids(told: Told, states: Any) -> None:
    """Ground, tray and the body on its way, keyed in every frame; plain colours, on the ground a chequer."""
    import bpy

    tray = told["container"]
    (x, y, z), w = tray["inner_size"], tray["wall"]
    x, y = x / 2, y / 2
    boxes = [((-x - w, -y - w, -w), (x + w, y + w, 0.0)), ((-x - w, -y - w, 0.0), (-x, y + w, z))]
    boxes += [((x, -y - w, 0.0), (x + w, y + w, z)), ((-x, -y - w, 0.0), (x, -y, z)), ((-x, y, 0.0), (x, y + w, z))]
    for lower, upper in boxes:
        bpy.ops.mesh.primitive_cube_add(size=1.0, location=(np.array(lower) + upper) / 2)
        bpy.context.object.scale = np.array(upper) - lower
        dressed(bpy.context.object, tray["albedo"], 1)
    bpy.ops.mesh.primitive_plane_add(size=40.0, location=(0.0, 0.0, -w - 1e-4))
    dressed(bpy.context.object, told["ground"]["albedo"], 0, told["ground"]["albedo2"], told["ground"]["scale"])
    if told["body"]["shape"] == "sphere":
        bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24, radius=told["body"]["size"][0] / 2)
        bpy.ops.object.shade_smooth()
    else:
        bpy.ops.mesh.primitive_cube_add(size=1.0)
        bpy.context.object.scale = told["body"]["size"]
    body = bpy.context.object
    dressed(body, told["body"]["albedo"], 2)
    body.rotation_mode = "QUATERNION"
    for frame, (place, turn) in enumerate(zip(states["place"], states["turn"], strict=True)):
        body.location, body.rotation_quaternion = place, turn
        body.keyframe_insert("location", frame=frame)
        body.keyframe_insert("rotation_quaternion", frame=frame)


def particles(told: Told, sand: Any, folder: Path) -> None:
    """One sphere a particle: instances of a mesh on points that a cache file moves (PC2).

    The cache tells Cycles where they are before and after, for the motion pass. Points drawn as points (MeshToPoints)
    are a little cheaper, but their motion is wrong in Blender 5.0.1: 35 px for sand at rest.
    """
    import bpy

    head = b"POINTCACHE2\0" + np.array([1, sand.shape[1]], "<i4").tobytes() + np.array([0, 1], "<f4").tobytes()
    cache = folder / "sand.pc2"
    cache.write_bytes(head + np.array([len(sand)], "<i4").tobytes() + sand.astype("<f4").tobytes())
    mesh = bpy.data.meshes.new("sand")
    mesh.from_pydata(sand[0].tolist(), [], [])
    thing = added("sand", mesh)
    moved = thing.modifiers.new("cache", "MESH_CACHE")
    moved.cache_format, moved.filepath, moved.frame_start = "PC2", str(cache), 0.0
    moved.forward_axis, moved.up_axis = "POS_Y", "POS_Z"
    dressed(thing, told["medium"]["albedo"], 3)
    group = bpy.data.node_groups.new("spheres", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    names = ("MeshIcoSphere", "SetShadeSmooth", "SetMaterial", "InstanceOnPoints")
    ball, smooth, coloured, everywhere = (group.nodes.new(f"GeometryNode{name}") for name in names)
    ball.inputs["Radius"].default_value, ball.inputs["Subdivisions"].default_value = ROUNDNESS * told["spacing"], 2
    coloured.inputs["Material"].default_value = thing.data.materials[0]
    for one, following in ((ball, smooth), (smooth, coloured), (start, everywhere), (everywhere, end)):
        group.links.new(one.outputs[0], following.inputs[0])
    group.links.new(coloured.outputs[0], everywhere.inputs["Instance"])
    thing.modifiers.new("spheres", "NODES").node_group = group


def passes(told: Told) -> None:
    """Cycles on one CPU thread, and what it writes beside the picture: depth, normal, motion, object index."""
    import bpy

    scene = bpy.context.scene
    scene.frame_start, scene.frame_end, scene.render.fps = 0, told["num_frames"] - 1, round(told["fps"])
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", SAMPLES, True
    scene.cycles.use_adaptive_sampling = True
    scene.render.use_persistent_data = True
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.view_settings.view_transform = "Standard"
    layer = bpy.context.view_layer
    layer.use_pass_z = layer.use_pass_normal = layer.use_pass_vector = layer.use_pass_object_index = True
    image = scene.render.image_settings
    image.media_type, image.file_format = "MULTI_LAYER_IMAGE", "OPEN_EXR_MULTILAYER"


def added(name: str, data: Any) -> Any:
    """A new object in the scene."""
    import bpy

    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def dressed(thing: Any, albedo: Any, index: int, second: Any = None, scale: float = 1.0) -> None:
    """Give an object its index and a diffuse colour, or a chequer of two."""
    import bpy

    made = bpy.data.materials.new(thing.name)
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    nodes.clear()
    diffuse, out = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    diffuse.inputs["Color"].default_value = (*albedo, 1.0)
    links.new(diffuse.outputs[0], out.inputs["Surface"])
    if second:
        where, chequer = nodes.new("ShaderNodeNewGeometry"), nodes.new("ShaderNodeTexChecker")
        chequer.inputs["Color1"].default_value, chequer.inputs["Color2"].default_value = (*albedo, 1.0), (*second, 1.0)
        chequer.inputs["Scale"].default_value = 1.0 / scale
        links.new(where.outputs["Position"], chequer.inputs["Vector"])
        links.new(chequer.outputs["Color"], diffuse.inputs["Color"])
    thing.data.materials.append(made)
    thing.pass_index = index


if __name__ == "__main__":
    work, where, *numbers = sys.argv[1:]
    if work == "simulate":
        simulate(Path(where), int(numbers[0]))
    else:
        takes, *chosen = map(int, numbers)
        render(Path(where), takes, chosen)

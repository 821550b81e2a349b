"""Laws of the ray tracer: its layers agree with geometry, motion and picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from pipeline.renderers.raytrace import Raytrace
from pipeline.types import Body, Camera, Clip, Container, Light, Medium, Mesh, Scene, Surface, Trajectory

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


def centres(camera: Camera) -> np.ndarray:
    height, width = camera.size
    return np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)


def unproject(camera: Camera, t: int, depth: np.ndarray) -> np.ndarray:
    """World points (H, W, 3) from planar depth alone."""
    pixels = np.concatenate([centres(camera), np.ones((*camera.size, 1))], axis=-1)
    local = pixels @ np.linalg.inv(camera.intrinsics).T * np.where(np.isfinite(depth), depth, 1.0)[..., None]
    pose = camera.world_to_camera[t]
    return (local - pose[:3, 3]) @ pose[:3, :3]


def project(camera: Camera, t: int, points: np.ndarray) -> np.ndarray:
    pose = camera.world_to_camera[t]
    image = (points @ pose[:3, :3].T + pose[:3, 3]) @ camera.intrinsics.T
    return image[..., :2] / image[..., 2:]


def transform(trajectory: Trajectory, t: int, index: int) -> np.ndarray:
    pose = np.eye(4)
    x, y, z, w = trajectory.body_orientation[t, index]
    pose[:3, :3] = trimesh.transformations.quaternion_matrix((w, x, y, z))[:3, :3]
    pose[:3, 3] = trajectory.body_position[t, index]
    return pose


def flow_error(clip: Clip, trajectory: Trajectory, step: int) -> np.ndarray:
    """Distance [px] between the flow of frame 1 and depth moved by the bodies' poses and projected."""
    camera, layers = clip.camera, clip.layers
    assert camera is not None
    assert layers is not None
    points = unproject(camera, 1, layers.depth[1])
    for index in range(trajectory.body_position.shape[1]):
        moving = transform(trajectory, 1 + step, index) @ np.linalg.inv(transform(trajectory, 1, index))
        mine = layers.segmentation[1] == index + 1
        points[mine] = points[mine] @ moving[:3, :3].T + moving[:3, 3]
    flow = layers.forward_flow[1] if step > 0 else layers.backward_flow[1]
    error = np.linalg.norm(project(camera, 1 + step, points) - centres(camera) - flow, axis=-1)
    return np.where(layers.valid[1], error, 0.0)


def moving_camera(frames: int = 3) -> np.ndarray:
    return np.stack([look_at((0.2 + 0.02 * t, -0.8 + 0.01 * t, 0.6), (0.0, 0.0, 0.05)) for t in range(frames)])


@pytest.mark.parametrize("poses", [None, moving_camera()], ids=["static", "moving"])
@pytest.mark.parametrize("step", [-1, 1])
def test_flow_is_depth_moved_by_the_poses(poses: np.ndarray | None, step: int) -> None:
    scene = stage((BALL, BRICK), poses=poses)
    trajectory = motion(scene)
    clip = Raytrace().render(scene, trajectory)
    assert set(np.unique(clip.layers.segmentation)) == {0, 1, 2}
    assert flow_error(clip, trajectory, step).max() < 1e-3


def test_static_background_has_no_flow_under_a_static_camera() -> None:
    scene = stage((BALL,), container=TRAY)
    layers = Raytrace().render(scene, motion(scene)).layers
    still = (layers.segmentation == 0) & layers.valid
    assert still.any()
    assert np.abs(layers.forward_flow[still]).max() == 0.0
    assert np.abs(layers.backward_flow[still]).max() == 0.0


def test_forward_and_backward_flow_are_inverse_where_nothing_hides() -> None:
    scene = stage((BALL,), size=(96, 112))
    layers = Raytrace().render(scene, motion(scene, move=0.005, turn=0.05)).layers
    open_ = (layers.segmentation[0] == 1) & ~layers.forward_occluded[0]
    place = centres(scene.camera)[open_] + layers.forward_flow[0][open_]
    column, row = np.floor(place).astype(int).T
    same = (layers.segmentation[1][row, column] == 1) & ~layers.backward_occluded[1][row, column]
    assert same.mean() > 0.9
    there = layers.backward_flow[1][row, column]
    assert np.abs(there + layers.forward_flow[0][open_])[same].max() < 0.15


def test_first_and_last_frame_follow_the_convention() -> None:
    scene = stage((BALL,))
    layers = Raytrace().render(scene, motion(scene)).layers
    assert not layers.backward_flow[0].any()
    assert not layers.forward_flow[-1].any()
    assert layers.backward_occluded[0].all()
    assert layers.forward_occluded[-1].all()


def test_depth_of_plane_and_sphere_is_analytic() -> None:
    sphere = body(trimesh.creation.icosphere(5, 0.06), (0.0, 0.0, 0.1), (0.5, 0.5, 0.5))
    scene = stage((sphere,), frames=1)
    layers = Raytrace().render(scene, motion(scene)).layers
    points = unproject(scene.camera, 0, layers.depth[0])
    ground, ball = layers.segmentation[0] == 0, layers.segmentation[0] == 1
    assert np.abs(points[ground][:, 2]).max() < 1e-5
    radius = np.linalg.norm(points[ball] - np.array(sphere.position), axis=1)
    assert np.abs(radius - 0.06).max() < 6e-5
    outward = (points[ball] - np.array(sphere.position)) / radius[:, None]
    assert np.abs(layers.normal[0][ball] - outward).max() < 5e-3
    assert (layers.normal[0][ground] == [0, 0, 1]).all()


def test_a_sphere_hides_the_wall_that_it_moves_before() -> None:
    wall = body(trimesh.creation.box((2.0, 0.02, 1.0)), (0.0, 0.3, 0.4), (0.5, 0.5, 0.5))
    sphere = body(trimesh.creation.icosphere(5, 0.06), (0.0, 0.0, 0.1), (0.5, 0.5, 0.5))
    poses = np.repeat(look_at((0.1, -0.8, 0.15), (0.0, 0.0, 0.12))[None], 3, axis=0)
    scene = stage((wall, sphere), poses=poses)
    trajectory = motion(scene, move=0.03, turn=0.0)
    trajectory.body_position[:, 0] = wall.position
    layers = Raytrace().render(scene, trajectory).layers
    behind = layers.segmentation[1] == 1
    # The wall stands still: hidden at t+1 are the pixels whose ray passes the sphere's centre by less than its radius.
    eye = -scene.camera.world_to_camera[1][:3, :3].T @ scene.camera.world_to_camera[1][:3, 3]
    ray = unproject(scene.camera, 1, np.ones(scene.camera.size)) - eye
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    for flags, t in ((layers.forward_occluded[1], 2), (layers.backward_occluded[1], 0)):
        away = np.linalg.norm(np.cross(trajectory.body_position[t, 1] - eye, ray), axis=-1)
        certain = behind & (np.abs(away - 0.06) > 1e-4)
        assert (flags == (away < 0.06))[certain].all()
        assert flags[certain].any()


def test_a_turning_sphere_hides_its_own_rim() -> None:
    scene = stage((BALL,))
    layers = Raytrace().render(scene, motion(scene, move=0.0, turn=0.8)).layers
    mine = layers.segmentation[1] == 1
    assert 0.05 < layers.forward_occluded[1][mine].mean() < 0.6


def test_what_leaves_the_view_counts_as_hidden() -> None:
    poses = np.stack([look_at((0.2 + 0.4 * t, -0.8, 0.6), (0.4 * t, 0.0, 0.05)) for t in range(2)])
    scene = stage(poses=poses)
    layers = Raytrace().render(scene, motion(scene)).layers
    target = centres(scene.camera) + layers.forward_flow[0]
    outside = (target < 0).any(axis=-1) | (target >= [56, 48]).any(axis=-1)
    assert outside.any()
    assert (layers.forward_occluded[0] == outside).all()


def test_a_camera_that_looks_away_sees_nothing_valid_and_no_nan() -> None:
    away = np.stack([look_at((0.0, -1.0, 0.5), (0.0, -1.5, 1.5)), look_at((0.0, -1.0, 0.5), (0.0, 0.0, 0.0))])
    scene = stage((BALL,), container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)), poses=away)
    layers = Raytrace().render(scene, motion(scene, bed(2))).layers
    assert not layers.valid[0].any()
    assert np.isinf(layers.depth[0]).all()
    assert not layers.segmentation[0].any()
    assert layers.forward_occluded[0].all()
    # What frame 1 sees lies behind frame 0's camera: no flow to it is known.
    assert not layers.valid[1].any()
    for name in ("normal", "forward_flow", "backward_flow", "object_coordinates"):
        assert np.isfinite(getattr(layers, name)).all(), name


def test_grains_move_with_their_particles() -> None:
    scene = stage(container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)))
    particles = bed()
    drift = np.random.default_rng(0).normal(0.0, 0.003, particles.shape[1:])
    particles = (particles + np.arange(3)[:, None, None] * drift).astype(np.float32)
    clip = Raytrace().render(scene, motion(scene, particles))
    layers = clip.layers
    mine = layers.material[1] == 2
    assert mine.sum() > 200
    assert (layers.segmentation[1][mine] == 1).all()
    assert ((layers.particle >= 0) == (layers.material == 2)).all()
    points = unproject(scene.camera, 1, layers.depth[1])
    ids = layers.particle[1][mine]
    for flow, t in ((layers.forward_flow[1], 2), (layers.backward_flow[1], 0)):
        moved = points[mine] + particles[t, ids].astype(np.float64) - particles[1, ids]
        error = project(scene.camera, t, moved) - centres(scene.camera)[mine] - flow[mine]
        assert np.abs(error).max() < 1e-3
    near = np.linalg.norm(points[mine] - particles[1, ids], axis=1)
    assert near.max() < SPACING * 1.2


def inside_pixels(scene: Scene, level: float) -> np.ndarray:
    """Pixels whose ray crosses the level plane well inside the container."""
    points = unproject(scene.camera, 0, np.ones(scene.camera.size))
    eye = -scene.camera.world_to_camera[0][:3, :3].T @ scene.camera.world_to_camera[0][:3, 3]
    ray = points - eye
    at = eye + ray * ((level - eye[2]) / ray[..., 2])[..., None]
    inside = (np.abs(at[..., :2]) < SIDE / 2 - 0.004).all(axis=-1)
    # The near wall stands before its part of the plane.
    rim = eye + ray * ((TRAY.inner_size[2] - eye[2]) / ray[..., 2])[..., None]
    return inside & (np.abs(rim[..., :2]) < SIDE / 2 - 0.002).all(axis=-1)


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_a_full_container_shows_no_floor(kind: str) -> None:
    scene = stage(container=TRAY, medium=filling(kind, (0.5, 0.4, 0.3)), frames=1, size=(96, 112))
    layers = Raytrace().render(scene, motion(scene, bed(1))).layers
    wanted = inside_pixels(scene, 0.1)
    assert wanted.sum() > 1000
    assert (layers.segmentation[0][wanted] == 1).mean() > 0.97
    # What else is seen through the level is wall just below it, behind the rough edge of the bed.
    points = unproject(scene.camera, 0, layers.depth[0])
    assert points[wanted & (layers.segmentation[0] == 0)][:, 2].min(initial=1.0) > 0.075


def test_a_still_liquid_has_a_level_surface_at_the_right_height_up_to_the_walls() -> None:
    scene = stage(container=TRAY, medium=filling("liquid", (0.2, 0.4, 0.5)), frames=1, size=(96, 112))
    layers = Raytrace().render(scene, motion(scene, bed(1))).layers
    wanted = inside_pixels(scene, 0.1)
    points = unproject(scene.camera, 0, layers.depth[0])[wanted]
    assert abs(points[:, 2].mean() - 0.1) < 0.1 * SPACING
    assert np.abs(points[:, 2] - 0.1).max() < 0.35 * SPACING
    assert (layers.normal[0][wanted][:, 2] > 0.8).all()
    assert (np.abs(points[:, :2]) <= SIDE / 2 + 1e-6).all()


def test_flow_of_a_liquid_is_exact_for_affine_motion() -> None:
    scene = stage(container=TRAY, medium=filling("liquid", (0.2, 0.4, 0.5)))
    gradient = np.array([[0.02, -0.03, 0.01], [0.03, -0.01, 0.0], [0.0, 0.02, -0.01]])
    shift = np.array([0.004, -0.002, 0.003])
    particles = bed()
    for t in (0, 2):
        particles[t] = particles[1] + (t - 1) * (particles[1] @ gradient.T + shift)
    layers = Raytrace().render(scene, motion(scene, particles)).layers
    mine = layers.material[1] == 3
    assert mine.sum() > 200
    points = unproject(scene.camera, 1, layers.depth[1])[mine]
    for flow, t in ((layers.forward_flow[1], 2), (layers.backward_flow[1], 0)):
        moved = points + (t - 1) * (points @ gradient.T + shift)
        error = project(scene.camera, t, moved) - centres(scene.camera)[mine] - flow[mine]
        assert np.abs(error).max() < 2e-3


def test_a_lone_drop_moves_with_its_particle() -> None:
    scene = stage(medium=filling("liquid", (0.2, 0.4, 0.5)), size=(96, 112))
    particles = np.array([[[0.0, 0.0, 0.2]], [[0.01, 0.0, 0.19]], [[0.02, 0.0, 0.17]]])
    layers = Raytrace().render(scene, motion(scene, particles)).layers
    mine = layers.material[1] == 3
    assert mine.any()
    points = unproject(scene.camera, 1, layers.depth[1])[mine] + particles[2] - particles[1]
    error = project(scene.camera, 2, points) - centres(scene.camera)[mine] - layers.forward_flow[1][mine]
    assert np.abs(error).max() < 2e-3


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_same_input_same_bytes(kind: str) -> None:
    scene = stage((BALL,), container=TRAY, medium=filling(kind, (0.5, 0.4, 0.3)), frames=2)
    trajectory = motion(scene, bed(2))
    one, two = (Raytrace().render(scene, trajectory) for _ in range(2))
    assert one.frames.tobytes() == two.frames.tobytes()
    for name in vars(one.layers):
        assert getattr(one.layers, name).tobytes() == getattr(two.layers, name).tobytes(), name
    other = Raytrace(seed=1).render(scene, trajectory)
    assert other.frames.tobytes() != one.frames.tobytes()


@pytest.mark.parametrize("kind", ["grains", "liquid"])
def test_the_picture_shows_what_the_layers_say(kind: str) -> None:
    import warp as wp

    from pipeline.renderers import _beauty
    from pipeline.renderers._stage import Stage

    raised = replace(BALL, position=(0.05, 0.0, 0.13)), replace(BRICK, position=(-0.08, 0.05, 0.12))
    scene = stage(raised, container=TRAY, medium=filling(kind, (0.02, 0.6, 0.02)), frames=1)
    trajectory = motion(scene, bed(1))
    layers = Raytrace().render(scene, trajectory).layers
    # One sample in the pixel's centre, for which every thing's colour is dominated by a channel of its own.
    built = Stage(scene, trajectory, 48, 1, 0, "cpu")
    centre = wp.array(np.full((1, 1, 4), 0.5, np.float32), dtype=wp.vec4, device="cpu")
    linear = _beauty.expose(built.frame(0), scene, 0, centre, "cpu")
    strongest = linear.argmax(axis=-1)
    coloured = linear.max(axis=-1) > 1.5 * np.median(linear, axis=-1)
    for instance, channel in ((1, 0), (2, 2), (3, 1)):
        mine = layers.segmentation[0] == instance
        assert mine.any()
        assert (coloured & (strongest == channel))[mine].mean() > (0.995 if kind == "grains" else 0.98), instance
    assert not coloured[layers.segmentation[0] == 0].any()


def test_clip_says_what_is_in_it() -> None:
    scene = stage((BALL, BRICK), container=TRAY, medium=filling("grains", (0.5, 0.4, 0.3)), frames=1)
    clip = Raytrace(layers=False, samples=1).render(scene, motion(scene, bed(1)))
    assert clip.layers is None
    assert (clip.clip_id, clip.source, clip.sample, clip.fps) == ("test-0", "truth", 2, 24.0)
    assert [(thing.id, thing.kind) for thing in clip.instances] == [(1, "rigid"), (2, "rigid"), (3, "grains")]
    assert 60 < clip.frames.mean() < 230


def test_shadow_is_darker_than_sunlit_ground() -> None:
    scene = stage((BALL,), frames=1, size=(96, 112))
    scene = replace(scene, ground=Surface(albedo=(0.5, 0.5, 0.5)))
    frames = Raytrace(layers=False).render(scene, motion(scene)).frames[0]
    sun = np.array(scene.light.direction)
    shadow = np.array(BALL.position) - sun * BALL.position[2] / sun[2]
    column, row = project(scene.camera, 0, shadow[None])[0].astype(int)
    assert frames[row, column].mean() < 0.75 * np.median(frames)


def test_errors_say_who_expected_and_got() -> None:
    scene = stage((BALL,))
    with pytest.raises(ValueError, match=r"test-0.*body_position must have shape \(3, 1, 3\), got \(3, 0, 3\)"):
        Raytrace().render(scene, motion(replace(scene, bodies=())))
    lost = motion(scene)
    lost.body_position[1] = np.nan
    with pytest.raises(ValueError, match="body_position must be finite, got NaN or infinity from frame 1 on"):
        Raytrace().render(scene, lost)
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        Raytrace(samples=0)
    odd = replace(scene, ground=Surface(kind="marble"))
    with pytest.raises(ValueError, match="no kind 'marble', choose one of plain, checker"):
        Raytrace().render(odd, motion(odd))

"""Laws of the liquid's surface: same bytes in every process, no skin at walls, drops keep their size."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np

from pipeline.types import Container

SPACING = 0.02
TRAY = Container((0.32, 0.32, 0.14))

SPLASH = """
import hashlib
import numpy as np
from pipeline.renderers._geometry import Bodies
from pipeline.renderers._liquid import surface
from pipeline.types import Container
rng = np.random.default_rng(4)
pool = rng.uniform((-0.16, -0.16, 0.0), (0.16, 0.16, 0.1), (6000, 3))
drops = rng.uniform((-0.16, -0.16, 0.1), (0.16, 0.16, 0.3), (80, 3))
particles = np.concatenate([pool, drops]).astype(np.float32)
digest = hashlib.sha256()
for array in surface(particles, 0.01, Container((0.32, 0.32, 0.14)), Bodies(), "cpu"):
    digest.update(array.tobytes())
print(digest.hexdigest())
"""


def test_a_splash_has_the_same_surface_in_every_process() -> None:
    found = set()
    for _ in range(2):
        run = subprocess.run([sys.executable, "-c", SPLASH], capture_output=True, text=True, check=True)
        found.add(run.stdout.strip())
    assert len(found) == 1
    assert len(found.pop()) == len(hashlib.sha256().hexdigest())


def test_order_of_vertices_and_faces_does_not_matter() -> None:
    from pipeline.renderers._liquid import _in_order

    rng = np.random.default_rng(0)
    vertices = rng.random((40, 3)).astype(np.float32)
    faces = np.array([rng.permutation(40)[:3] for _ in range(60)], np.int32)
    shuffle = rng.permutation(40)
    other = np.roll(np.argsort(shuffle)[faces], 1, axis=1)[rng.permutation(60)].astype(np.int32)
    for one, two in zip(_in_order(vertices, faces), _in_order(vertices[shuffle], other), strict=True):
        assert (one == two).all()


def surface_of(particles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from pipeline.renderers._geometry import Bodies
    from pipeline.renderers._liquid import surface

    return surface(particles.astype(np.float32), SPACING, TRAY, Bodies(), "cpu")


def test_a_drop_keeps_its_size() -> None:
    vertices, faces, normals = surface_of(np.array([[0.0, 0.0, 0.3]]))
    assert len(faces) >= 8
    assert (np.ptp(vertices, axis=0) > 0.8 * SPACING).all()
    assert (np.ptp(vertices, axis=0) < 1.8 * SPACING).all()
    outward = vertices - vertices.mean(axis=0)
    assert (np.einsum("ij,ij->i", outward, normals) > 0).all()


def test_no_surface_lies_between_liquid_and_walls_or_floor() -> None:
    along, up = (np.arange(n) * SPACING + SPACING / 2 for n in (16, 9))
    points = np.stack(np.meshgrid(along - 0.16, along - 0.16, up, indexing="ij"), axis=-1).reshape(-1, 3)
    vertices, faces, normals = surface_of(points)
    used = np.unique(faces)
    assert np.abs(vertices[used][:, 2] - 0.18).max() < 0.1 * SPACING
    assert (normals[used][:, 2] > 0.99).all()
    assert np.abs(vertices[used][:, :2]).max() <= 0.16 + 1e-6
    assert (vertices[used][:, :2].max(axis=0) > 0.16 - 1e-6).all()


def test_bulge_of_a_sphere_is_two_over_its_radius() -> None:
    import trimesh

    from pipeline.renderers._liquid import bulge

    ball = trimesh.creation.icosphere(3, 0.05)
    vertices = np.array(ball.vertices, np.float32)
    found = bulge(vertices, np.array(ball.faces, np.int32), vertices / np.float32(0.05))
    assert np.allclose(found, 2 / 0.05, rtol=1e-3)

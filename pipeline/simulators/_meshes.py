"""Triangle meshes as solids: closed or not, their convex parts, and whether a grid can see their thinnest part."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.spatial import ConvexHull

from pipeline.simulators._distance import DistanceField, distance_field
from pipeline.types import Body, Bool, Float64, Mesh

CONVEX = 0.999
"""A solid that fills this share of its convex hull counts as convex."""
DETAIL = 3.0
"""Points of a surface that are farther from the core than this are thin [cells]; corners and edges of a sound solid
are nearer, and so are fins shorter than two cells. The core is what is deeper than one cell inside."""
THIN_CELLS = 2.0
"""The thinnest that a body may be [cells]."""


def check(body: Body) -> None:
    """Raises ValueError for a mesh that is not the closed surface of a solid."""
    mesh = body.mesh
    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise ValueError(f"Body {body.name}: expected a mesh of finite triangles, got {_sizes(mesh)}")
    _, merged = np.unique(mesh.vertices, axis=0, return_inverse=True)
    faces = merged.reshape(-1)[mesh.faces]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    count = len(mesh.vertices)
    there = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr()
    unmatched = int(abs(there - there.T).sum()) // 2
    if unmatched:
        raise ValueError(
            f"Body {body.name}: its mesh must be watertight, got {unmatched} edges of {_sizes(mesh)} with a triangle "
            "missing (or facing the wrong way) on one side; close the holes, e.g. with trimesh.repair or Blender's "
            "Make Manifold"
        )
    if volume(mesh) <= 0:
        raise ValueError(f"Body {body.name}: its mesh is inside out (volume {volume(mesh):.3g} m^3); turn its faces")


def volume(mesh: Mesh) -> float:
    """Signed volume [m^3]; positive if the faces are counter-clockwise seen from outside."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6)


def convex_parts(mesh: Mesh) -> list[Float64]:
    """Corners of convex pieces, (n, 3) [m] each, that together fill the solid: what Bullet's contacts are made of.

    Exact for parts that are convex already; the others by CoACD (Wei et al., ACM Trans. Graph. 41(4), 2022), which
    keeps hollows open. Deterministic.
    """
    vertices = np.ascontiguousarray(mesh.vertices, np.float64)
    faces = np.ascontiguousarray(mesh.faces, np.int32)
    return _convex_parts(vertices.tobytes(), faces.tobytes())


@functools.lru_cache(maxsize=64)
def _convex_parts(vertices: bytes, faces: bytes) -> list[Float64]:
    corners, merged = np.unique(np.frombuffer(vertices).reshape(-1, 3), axis=0, return_inverse=True)
    triangles = merged.reshape(-1)[np.frombuffer(faces, np.int32).reshape(-1, 3)].astype(np.int32)
    number, label = sparse.csgraph.connected_components(_links(triangles, len(corners)), directed=False)
    pieces: list[Float64] = []
    for index in range(number):
        within = triangles[label[triangles[:, 0]] == index]
        if len(within):
            pieces += _pieces(corners, within)
    return pieces


def _links(triangles: NDArray[np.int32], count: int) -> sparse.coo_matrix:
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    return sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))


def _pieces(corners: Float64, triangles: NDArray[np.int32]) -> list[Float64]:
    """Convex pieces of one connected surface."""
    used, renamed = np.unique(triangles, return_inverse=True)
    part = Mesh(corners[used], renamed.reshape(-1, 3).astype(np.int32))
    hull = ConvexHull(part.vertices)
    if volume(part) >= CONVEX * hull.volume:
        return [part.vertices[hull.vertices]]
    import coacd

    coacd.set_log_level("error")
    # Half of CoACD's own search: cups and plates come out as good as with all of it.
    search = {"mcts_iterations": 60, "resolution": 1000, "seed": 0}
    found = coacd.run_coacd(coacd.Mesh(part.vertices, part.faces), preprocess_mode="off", **search)
    return [np.asarray(piece, np.float64) for piece, _ in found]


def wavefront(parts: list[Float64]) -> str:
    """Convex parts as the text of an OBJ file, one object each."""
    lines, first = [], 1
    for index, corners in enumerate(parts):
        lines.append(f"o part{index}")
        lines += [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in corners]
        lines += [f"f {a} {b} {c}" for a, b, c in ConvexHull(corners).simplices + first]
        first += len(corners)
    return "\n".join(lines) + "\n"


def thin_part(body: Body, cell: float) -> float | None:
    """How thin the body's thin part is at most [m]; None if a grid of edge `cell` [m] can see all of it.

    Thin is what an opening by a ball of diameter two cells takes away, corners and short fins excepted.
    """
    field = distance_field(body, cell / 4)
    thin = _thin(field, cell)
    if not thin.any():
        return None
    label, number = ndimage.label(thin)
    deepest = ndimage.maximum(-field.values, label, range(1, number + 1))
    return max(2 * float(np.min(deepest)), 0.0) + field.spacing


def thickened(body: Body, cell: float) -> Body:
    """The body with its thin parts swollen to two cells, as a mesh: only for the medium to meet."""
    field = distance_field(body, cell / 4)
    lacking = THIN_CELLS * cell - (thin_part(body, cell) or THIN_CELLS * cell) + field.spacing
    thin = _thin(field, cell)
    if not thin.any():
        return body
    # Fully swollen to the root of the thin part, which the core of the rest hides; then fading out.
    near = np.clip(3 - ndimage.distance_transform_edt(~thin) * field.spacing / (2 * cell), 0.0, 1.0)
    values = np.pad(near * lacking / 2 - field.values, 1, constant_values=-field.spacing).astype(np.float32)
    least = 1e-4 * field.spacing  # the surface must not run through a node
    values = np.where(np.abs(values) < least, np.float32(least), values)
    corner = [start - field.spacing for start in field.origin]
    import pysplashsurf

    surface = pysplashsurf.marching_cubes(
        values, iso_surface_threshold=0.0, cube_size=field.spacing, translation=corner
    )
    mesh = Mesh(np.asarray(surface.vertices, np.float64), np.asarray(surface.triangles, np.int32))
    if volume(mesh) < 0:
        mesh = replace(mesh, faces=np.ascontiguousarray(mesh.faces[:, ::-1]))
    return replace(body, shape="mesh", mesh=mesh)


def _thin(field: DistanceField, cell: float) -> Bool:
    """Nodes in or at thin parts, up to the error of half a node's distance."""
    core = field.values <= -(THIN_CELLS / 2 * cell - field.spacing / 2)
    at = field.values <= field.spacing * np.sqrt(3) / 2
    if not core.any():
        return np.asarray(at)
    from_core = ndimage.distance_transform_edt(~core) * field.spacing
    return np.asarray(at & (from_core > DETAIL * cell))


def _sizes(mesh: Mesh) -> str:
    return f"{len(mesh.vertices)} vertices and {len(mesh.faces)} faces"

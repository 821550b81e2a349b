"""Bodies by name: our own meshes, models of pybullet_data, or a file of the user's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.scenarios import _shapes as shapes
from pipeline.scenarios._shapes import Solid

if TYPE_CHECKING:
    import trimesh

OWN = Path(__file__).resolve().parents[2] / "assets" / "meshes"
MODELS = (".urdf", ".obj", ".stl")
"""How a model of pybullet_data may end, in the order in which they are looked for."""
Y_UP = (".glb", ".gltf")
"""Formats whose y axis is up; in all others it is z."""
MOST_TRIANGLES = 50_000
"""Splitting a finer mesh into convex parts takes minutes, and neither the medium nor a picture shows the difference."""
FLATTEST = 0.01
"""Least extent of a solid, and least share of its box that it fills [longest extent, box]."""
SAME = 1e-6
"""Corners that are nearer than this are one [longest extent]."""


def solid(name: str, size: float) -> Solid:
    """The solid that `name` stands for, its longest edge `size` [m].

    `name` is one of our meshes ('chair'), a model of pybullet_data ('duck_vhacd', 'objects/mug') or a path to a mesh
    (OBJ, STL, PLY, GLB ...) or to a URDF of one link. Raises FileNotFoundError, and ValueError for an unknown name or
    for what is not the closed surface of a solid.
    """
    return from_file(find(name), size)


def noun(name: str) -> str:
    """The word for an asset in a caption."""
    return Path(name).stem.removesuffix("_vhacd").replace("_", " ").strip().lower()


def fingerprint(name: str) -> str:
    """SHA-256 of the asset's triangles; empty for none. Raises as `solid`."""
    if not name:
        return ""
    mesh = solid(name, 1.0).mesh
    return hashlib.sha256(mesh.vertices.tobytes() + mesh.faces.tobytes()).hexdigest()


def find(name: str) -> Path:
    """The file that an asset's name stands for. Raises FileNotFoundError for a path, ValueError for another name."""
    if Path(name).is_file():
        return Path(name)
    candidates = [OWN / f"{name}.obj", *(_pybullet_data() / f"{name}{ending}" for ending in ("", *MODELS))]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if Path(name).suffix:
        raise FileNotFoundError(f"Asset {name}: expected a mesh or URDF file, found none")
    own, models = ", ".join(names()), ", ".join(_models())
    raise ValueError(
        f"Asset {name}: there is no such thing; choose one of {own}, a model of pybullet_data such as {models}, or "
        "give the path to a mesh (obj, stl, ply, glb) or to a URDF of one link"
    )


def names() -> list[str]:
    """Our own meshes."""
    return sorted(path.stem for path in OWN.glob("*.obj"))


def from_file(path: Path, size: float) -> Solid:
    """The solid whose surface a file (OBJ, STL, PLY, GLB ..., or a URDF of one link) holds, scaled to a longest edge of
    `size` [m]; `Solid.upright` turns it back to how it stands in the file.

    Centre of mass, volume, principal axes and moments are computed; parts that overlap count twice. Corners at the same
    place are merged, holes are not mended. Raises FileNotFoundError, and ValueError for what is not the closed surface
    of a solid.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"Mesh {path}: expected a file, found none")
    surface = _of_link(path) if path.suffix.lower() == ".urdf" else _load(path)
    if len(surface.faces) > MOST_TRIANGLES:
        raise ValueError(
            f"Mesh {path}: expected at most {MOST_TRIANGLES} triangles, got {len(surface.faces)}; simplify it, e.g. "
            "with Blender's Decimate"
        )
    longest = _longest(path, surface)
    if path.suffix.lower() in Y_UP:
        surface.vertices = surface.vertices[:, [0, 2, 1]] * (1, -1, 1)
    surface.apply_translation(-surface.bounds.mean(axis=0))
    surface.apply_scale(1 / longest)
    surface = _merged(surface)
    _must_be_solid(path, surface)
    surface.apply_scale(size)
    return shapes.from_surface(surface, turn=True)


def _pybullet_data() -> Path:
    import pybullet_data

    return Path(pybullet_data.getDataPath())


def _models() -> list[str]:
    """Names of pybullet_data's single bodies that stand at the top of its folder."""
    files = _pybullet_data().glob("*.urdf")
    single = [file.stem for file in files if "<joint" not in file.read_text(errors="replace")]
    return sorted(name for name in single if not name.startswith("plane"))


def _load(path: Path) -> trimesh.Trimesh:
    import trimesh

    try:
        return trimesh.load(path, force="mesh")
    except Exception as error:  # readers of a dozen formats, each with errors of its own
        raise ValueError(f"Mesh {path}: expected a mesh that trimesh can read, got {error}") from error


def _of_link(path: Path) -> trimesh.Trimesh:
    """What a URDF of one link shows if that is closed, else what it collides with. Raises ValueError for several."""
    import pybullet
    import trimesh

    from pipeline.scenarios._arm import shape_surface

    client = pybullet.connect(pybullet.DIRECT)
    try:
        made = pybullet.loadURDF(str(path), physicsClientId=client)
        links = 1 + pybullet.getNumJoints(made, client)
        if links > 1:
            raise ValueError(f"Asset {path}: expected a URDF of one link, got {links}; a body is one rigid thing")
        shown = [shape[:7] for shape in pybullet.getVisualShapeData(made, physicsClientId=client)]
        touched = pybullet.getCollisionShapeData(made, -1, physicsClientId=client)
        found = [
            trimesh.util.concatenate([shape_surface(shape) for shape in kind]) for kind in (shown, touched) if kind
        ]
    except pybullet.error as error:
        raise ValueError(f"Asset {path}: expected a URDF that PyBullet can load, got '{error}'") from error
    finally:
        pybullet.disconnect(client)
    if not found:
        raise ValueError(f"Asset {path}: expected a link with a shape, got none")
    return next((surface for surface in found if not _unmatched(_merged(surface)).any()), found[-1])


def _longest(path: Path, surface: trimesh.Trimesh) -> float:
    """Longest extent [m]. Raises ValueError where there is nothing to measure, or something flat."""
    if len(surface.faces) == 0 or not np.isfinite(surface.vertices).all():
        raise ValueError(f"Mesh {path}: expected triangles with finite corners, got none")
    low, high = float(surface.extents.min()), float(surface.extents.max())
    if not low > FLATTEST * high:
        extents = " x ".join(f"{extent:.3g}" for extent in surface.extents)
        raise ValueError(f"Mesh {path}: expected a solid, got one that is flat ({extents}); give it thickness")
    return high


def _merged(surface: trimesh.Trimesh) -> trimesh.Trimesh:
    """The surface with corners at the same place made one, without triangles that are lines, all faces outward."""
    import trimesh
    from scipy import sparse
    from scipy.spatial import cKDTree

    corners = np.asarray(surface.vertices, np.float64)
    pairs = cKDTree(corners).query_pairs(SAME * float(surface.extents.max()), output_type="ndarray")
    links = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(corners),) * 2)
    _, place = sparse.csgraph.connected_components(links, directed=False)
    _, first = np.unique(place, return_index=True)
    a, b, c = (faces := place[surface.faces]).T
    made = trimesh.Trimesh(corners[first], faces[(a != b) & (b != c) & (c != a)], process=False)
    made.remove_unreferenced_vertices()
    if _unmatched(made).any():
        trimesh.repair.fix_normals(made, multibody=True)
    elif made.volume < 0:
        made.invert()
    return made


def _unmatched(surface: trimesh.Trimesh) -> NDArray[np.int64]:
    """How many more triangles run along each edge one way than the other; all 0 if the surface is closed.

    Parts that touch along an edge, so that four triangles meet there, are closed.
    """
    low, high = surface.edges.T
    edge = surface.edges_sorted @ np.array([len(surface.vertices), 1])
    _, which = np.unique(edge, return_inverse=True)
    return np.abs(np.bincount(which, np.where(low < high, 1, -1))).astype(np.int64)


def _must_be_solid(path: Path, surface: trimesh.Trimesh) -> None:
    """Raises ValueError for a surface that has holes or encloses next to nothing."""
    unmatched = int(_unmatched(surface).sum())
    if unmatched:
        raise ValueError(
            f"Mesh {path}: expected a watertight surface, got {len(surface.faces)} triangles that leave holes: "
            f"{unmatched} edges have a triangle on one side only; close them, e.g. with trimesh.repair.fill_holes or "
            "Blender's Make Manifold"
        )
    share = surface.volume / float(np.prod(surface.extents))
    if not share > FLATTEST:
        raise ValueError(
            f"Mesh {path}: expected a solid that fills some of its box, got {100 * share:.2g} % of it; give its walls "
            "thickness"
        )

from __future__ import annotations

import dataclasses
import enum
import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline import store, types
from pipeline.store import StoreError

ROOT = Path(__file__).parents[1]
KEY = store.key("any")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Sand:
    density: float = 1600.0
    colours: list[Colour] = dataclasses.field(default_factory=lambda: [Colour.RED])
    look: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Water:
    density: float = 1600.0
    colours: list[Colour] = dataclasses.field(default_factory=lambda: [Colour.RED])
    look: dict[str, float] = dataclasses.field(default_factory=dict)


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


def fill(folder: Path, text: str = "sand", key: str = KEY) -> None:
    with store.publish(folder, key, {"what": text}) as workshop:
        (workshop / "part").mkdir()
        (workshop / "part" / "a.txt").write_text(text)


# --- keys


def test_equal_parts_have_equal_keys() -> None:
    assert store.key(Sand(), 1, "a", None, True) == store.key(Sand(), 1, "a", None, True)
    assert store.key([1, 2]) == store.key((1, 2))
    assert store.key({"a": 1, "b": 2}) == store.key({"b": 2, "a": 1})
    assert store.key(np.float64(0.1), np.int32(3)) == store.key(0.1, 3)
    grid = np.arange(6.0).reshape(2, 3)
    assert store.key(grid.T) == store.key(grid.T.copy())
    again = "from pipeline import store; print(store.key('walk', {'b': 0.1, 'a': [1, None]}, 2.5))"
    run = subprocess.run([sys.executable, "-c", again], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == store.key("walk", {"b": 0.1, "a": [1, None]}, 2.5)


def test_different_parts_have_different_keys() -> None:
    parts: list[tuple[Any, ...]] = [
        (),
        (1,),
        (1.0,),
        (True,),
        ("1",),
        (None,),
        (b"1",),
        ([1],),
        ([[1]],),
        (1, 1),
        (0.1,),
        (np.nextafter(0.1, 1),),
        (float("nan"),),
        (float("inf"),),
        (-0.0,),
        (0.0,),
        ({},),
        ({"a": 1},),
        (Path("a"),),
        ("a",),
        (Colour.RED,),
        (Colour.BLUE,),
        ("red",),
        (Sand(),),
        (Water(),),
        (Sand(1601.0),),
        (Sand(colours=[Colour.BLUE]),),
        (Sand(look={"gloss": 0.1}),),
        (np.zeros(3),),
        (np.zeros(3, np.float32),),
        (np.zeros((3, 1)),),
        (np.ones(3),),
        ([0.0, 0.0, 0.0],),
    ]
    assert len({store.key(*part) for part in parts}) == len(parts)


@pytest.mark.parametrize("part", [object(), {1: 2}, {1, 2}, Sand, np.array([object()])])
def test_a_part_without_a_canonical_form_is_refused(part: Any) -> None:
    with pytest.raises(TypeError, match=r"store\.key: expected dataclasses, .* got"):
        store.key(part)


def test_the_code_version_follows_the_named_sources_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "room" / "below").mkdir(parents=True)
    for name in ("room/__init__.py", "room/below/deep.py", "report.py"):
        (tmp_path / name).write_text("a = 1\n")
    monkeypatch.setattr(store, "_CODE", tmp_path)

    def version(*names: str) -> str:
        store.code_version.cache_clear()
        return store.code_version(*names)

    before, everything = version("room"), version("room", "report")
    assert version("pipeline.room") == before
    assert version("report", "room") == everything != before
    (tmp_path / "report.py").write_text("a = 2\n")
    assert version("room") == before
    assert version("room", "report") != everything
    (tmp_path / "room" / "below" / "deep.py").write_text("a = 2\n")
    assert version("room") != before
    with pytest.raises(ValueError, match="expected modules of pipeline, got 'cellar'"):
        version("cellar")
    store.code_version.cache_clear()


def test_every_own_source_of_the_store_has_a_version() -> None:
    names = ("store", "types", "video", "_clipfiles", "_files", "_nouns", "engines.local")
    assert len({store.code_version(name) for name in names}) == len(names)


# --- JSON


def test_json_is_canonical_and_says_null_for_what_it_cannot(tmp_path: Path) -> None:
    data = {"b": [1, 2.5, float("nan")], "a": {"x": np.float32(0.5), "y": np.arange(3)}, "c": Sand(), "d": Path("e")}
    store.write_json(tmp_path / "deep" / "a.json", data)
    store.write_json(tmp_path / "b.json", dict(reversed(data.items())))
    assert (tmp_path / "deep" / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert store.read_json(tmp_path / "b.json") == {
        "a": {"x": 0.5, "y": [0, 1, 2]},
        "b": [1, 2.5, None],
        "c": {"density": 1600.0, "colours": ["red"], "look": {}},
        "d": "e",
    }
    store.update_json(tmp_path / "b.json", b=1, z="new")
    assert list(store.read_json(tmp_path / "b.json")) == ["a", "b", "c", "d", "z"]
    store.update_json(tmp_path / "fresh.json", a=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "deep", "fresh.json"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
@settings(max_examples=50, deadline=None)
def test_json_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    store.write_json(path, data)
    assert store.read_json(path) == data


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    store.write_text(tmp_path / "a.txt", "old")
    with pytest.raises(TypeError, match="data must be str"), store.replacing(tmp_path / "a.txt") as unfinished:
        unfinished.write_text(5)  # type: ignore[arg-type]
    assert contents(tmp_path) == {"a.txt": b"old"}
    with store.replacing(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("new")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert contents(tmp_path) == {"a.txt": b"new"}


def test_arrays_come_back_exactly_and_give_the_same_bytes(tmp_path: Path) -> None:
    written = {"noise": np.random.default_rng(0).normal(size=(50, 3)).T, "zeros": np.zeros((9, 0, 2), np.uint8)}
    for name in ("a.npz", "b.npz"):
        store.write_arrays(tmp_path / name, written)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = store.read_arrays(tmp_path / "a.npz")
    assert list(read) == list(written)
    assert all(same(read[name], np.ascontiguousarray(written[name])) for name in written)
    (tmp_path / "a.npz").write_bytes((tmp_path / "b.npz").read_bytes()[:-40])
    for name, got in (("a.npz", "'.*'"), ("c.npz", "no such file")):
        with pytest.raises(StoreError, match=rf"{name}: expected .* array file, got {got}; delete its folder and run"):
            store.read_arrays(tmp_path / name)


def test_a_broken_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.json: expected a JSON file, got no such file; run the stage"):
        store.read_json(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"a": [1, 2')
    with pytest.raises(StoreError, match=r"half\.json: expected a complete JSON file, got .*; delete its folder and"):
        store.read_json(tmp_path / "half.json")
    with pytest.raises(TypeError, match=r"a\.json: expected dataclasses, .* got object"):
        store.write_json(tmp_path / "a.json", {"a": object()})
    assert not (tmp_path / "a.json").exists()


# --- folders


def test_a_published_folder_is_complete_and_verified(tmp_path: Path) -> None:
    folder = tmp_path / "clips" / "one"
    assert not store.is_complete(folder, KEY)
    fill(folder)
    assert store.is_complete(folder, KEY)
    assert not store.is_complete(folder, store.key("other"))
    assert store.verify(folder) == []
    manifest = store.read_json(folder / store.MANIFEST)
    assert manifest["what"] == "sand"
    assert manifest["sizes"] == {"part/a.txt": 4}
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


def test_damage_is_found(tmp_path: Path) -> None:
    fill(tmp_path / "one")
    (tmp_path / "one" / "part" / "a.txt").write_text("soil")
    assert store.is_complete(tmp_path / "one", KEY), "the cheap check reads no contents"
    (problem,) = store.verify(tmp_path / "one")
    assert problem.endswith("a.txt: the right size but another SHA-256")
    (tmp_path / "one" / "part" / "a.txt").write_text("so")
    (tmp_path / "one" / "extra").touch()
    assert not store.is_complete(tmp_path / "one", KEY)
    assert [problem.partition(": ")[2] for problem in store.verify(tmp_path / "one")] == [
        "2 of 4 bytes",
        "a file that the manifest does not list",
    ]
    (tmp_path / "one" / store.MANIFEST).write_text("{")
    assert not store.is_complete(tmp_path / "one", KEY)
    assert len(store.verify(tmp_path / "one")) == 1


def test_a_new_key_replaces_and_the_same_key_does_not(tmp_path: Path) -> None:
    fill(tmp_path / "one", "first")
    fill(tmp_path / "one", "other bytes under the same key")
    assert (tmp_path / "one" / "part" / "a.txt").read_text() == "first"
    fill(tmp_path / "one", "second", store.key("new"))
    assert (tmp_path / "one" / "part" / "a.txt").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_block_that_fails_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path / "one", "first")
    before = contents(tmp_path)
    with pytest.raises(TypeError, match="data must be str"):
        fill(tmp_path / "one", 5, store.key("new"))  # type: ignore[arg-type]
    assert contents(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 1


def test_files_of_somebody_else_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(StoreError, match=r"thesis: expected a folder with manifest\.json, or none, got files of some"):
        fill(tmp_path / "thesis")
    assert contents(tmp_path) == {"thesis/chapter1.txt": b"years of work"}
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "empty")
    assert store.is_complete(tmp_path / "empty", KEY)


def test_a_manifest_cannot_be_forged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="are written by publish"), store.publish(tmp_path / "one", KEY, {"key": "x"}):
        pass
    with pytest.raises(ValueError, match="are written by publish"), store.publish(tmp_path / "one", KEY) as workshop:
        (workshop / store.MANIFEST).write_text("{}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_cannot_be_written_is_one_clear_error(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *arguments: object) -> None:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(
        StoreError, match=rf"one: expected to write there, got '{os.strerror(number)}' at .*; make room"
    ):
        store.save_clip(tmp_path / "one", KEY, clip())
    assert list(tmp_path.iterdir()) == []


def finishes(folder: Path, step: int) -> bool:
    """Whether a process that saves a clip there gets done before a kill -9 at its n-th change of the disk."""
    child = os.fork()
    if child == 0:
        steps = itertools.count(1)

        def doomed(change: Callable[..., Any]) -> Callable[..., Any]:
            def until(*arguments: Any, **settings: Any) -> Any:
                if next(steps) == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*arguments, **settings)

            return until

        try:
            for name in ("mkdir", "open", "fsync", "replace", "rename", "rmdir"):
                setattr(os, name, doomed(getattr(os, name)))
            store.save_clip(folder, KEY, clip(), scene(), trajectory())
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status == 0


@pytest.mark.parametrize("before", ["none", "old"])
def test_a_kill_at_any_moment_leaves_the_old_the_new_or_nothing(before: str, tmp_path: Path) -> None:
    store.save_clip(tmp_path / "undisturbed", KEY, clip(), scene(), trajectory())
    undisturbed = contents(tmp_path / "undisturbed")
    folder, seen = tmp_path / "run" / "clip", set()
    for step in itertools.count(1):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        if before == "old":
            store.save_clip(folder, store.key("old"), clip())
        finished = finishes(folder, step)
        state = "none"
        if folder.exists():
            old, new = (store.is_complete(folder, key, store.CLIP) for key in (store.key("old"), KEY))
            assert old != new
            assert store.verify(folder, store.CLIP) == []
            state = "old" if old else "new"
        seen.add(state)
        store.sweep(tmp_path)
        store.save_clip(folder, KEY, clip(), scene(), trajectory())
        assert contents(tmp_path / "run") == {f"clip/{name}": data for name, data in undisturbed.items()}
        if finished:
            break
    assert step > 15
    assert seen == {"none", before, "new"}


def test_a_sweep_takes_what_the_dead_left_and_leaves_what_the_living_hold(tmp_path: Path) -> None:
    assert not finishes(tmp_path / "dead", 9)
    (left,) = tmp_path.iterdir()
    foreign = [tmp_path / ".notes.tmp", tmp_path / "clips"]
    for path in foreign:
        path.mkdir()
    with store.publish(tmp_path / "clips" / "living", KEY) as workshop:
        (workshop / "a.txt").touch()
        assert store.sweep(tmp_path) == [left]
        assert workshop.is_dir()
    assert store.is_complete(tmp_path / "clips" / "living", KEY)
    assert sorted(tmp_path.iterdir()) == sorted(foreign)


def test_a_run_folder_has_one_master(tmp_path: Path) -> None:
    run = tmp_path / "outputs" / "first"
    with (
        store.lock(run),
        pytest.raises(StoreError, match=rf"first: expected to be alone there, got process {os.getpid()} at work"),
        store.lock(run),
    ):
        pass
    with store.lock(run):
        pass
    script = (
        "import os, signal\nfrom pathlib import Path\nfrom pipeline import store\n"
        f"with store.lock(Path({str(run)!r})): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    with store.lock(run):
        pass


# --- clips


def test_scenes_trajectories_and_clips_come_back_exactly(tmp_path: Path) -> None:
    store.save_clip(tmp_path / "clip", KEY, clip(), scene(), trajectory(), {"tries": 2, "note": float("nan")})
    assert same(store.load_scene(tmp_path / "clip"), scene())
    assert same(store.load_trajectory(tmp_path / "clip"), trajectory())
    loaded = store.load_clip(tmp_path / "clip", key=KEY)
    assert loaded.layers
    for name in ("forward_flow", "backward_flow"):
        flow, truth = getattr(loaded.layers, name), getattr(layers(), name)
        assert flow.dtype == np.float32
        assert np.abs(flow - truth).max() <= 1 / 128
    flows = {"forward_flow": layers().forward_flow, "backward_flow": layers().backward_flow}
    assert same(dataclasses.replace(loaded, layers=dataclasses.replace(loaded.layers, **flows)), clip())
    assert store.read_json(tmp_path / "clip" / store.CLIP)["extra"] == {"tries": 2, "note": None}


floats = st.floats(allow_nan=False)
vectors = st.tuples(floats, floats, floats)
numbers = arrays.arrays(np.float64, st.tuples(st.integers(0, 4), st.just(3)), elements=st.floats())
surfaces = st.builds(types.Surface, kind=st.text(), albedo=vectors, gloss=floats, seed=st.integers())
drawn_scenes = st.builds(
    types.Scene,
    clip_id=st.text(),
    scenario=st.text(),
    grade=st.text(),
    seed=st.integers(),
    draw=st.integers(),
    bodies=st.lists(
        st.builds(
            types.Body,
            name=st.text(),
            shape=st.text(),
            size=vectors,
            mesh=st.builds(types.Mesh, numbers, arrays.arrays(np.int32, (2, 3))),
            density=floats,
            mass=floats,
            inertia=vectors,
            position=vectors,
            surface=surfaces,
        ),
        max_size=2,
    ).map(tuple),
    medium=st.none()
    | st.builds(
        types.Medium,
        material=st.text(),
        kind=st.text(),
        word=st.text(),
        region=st.tuples(vectors, vectors),
        density=floats,
    ),
    container=st.none() | st.builds(types.Container, inner_size=vectors, surface=surfaces),
    ground=surfaces,
    ground_friction=floats,
    gravity=vectors,
    camera=st.builds(types.Camera, st.tuples(st.integers(), st.integers()), numbers, numbers),
    light=st.builds(types.Light, vectors, vectors, vectors, vectors),
    fps=floats,
    num_frames=st.integers(),
    captions=st.lists(st.text(), max_size=3).map(tuple),
)


@given(drawn_scenes)
@settings(max_examples=25, deadline=None)
def test_any_scene_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, drawn: types.Scene) -> None:
    folder = tmp_path_factory.getbasetemp() / "drawn"
    shutil.rmtree(folder, ignore_errors=True)
    store.save_clip(folder, KEY, GENERATED, drawn)
    assert same(store.load_scene(folder), drawn)


GENERATED = types.Clip("drop-sand-00000", "next_frame", 2, np.zeros((1, 16, 16, 3), np.uint8), 24.0)


def test_a_generated_clip_has_no_layers_and_no_scene(tmp_path: Path) -> None:
    store.save_clip(tmp_path / "clip", KEY, GENERATED)
    assert sorted(contents(tmp_path / "clip")) == ["clip.json", "preview.mp4", "rgb.mkv"]
    assert same(store.load_clip(tmp_path / "clip"), GENERATED)
    with pytest.raises(StoreError, match=r"clip\.json: expected the scene of a truth clip, got none"):
        store.load_scene(tmp_path / "clip")
    with pytest.raises(StoreError, match=r"trajectory\.npz: expected a file that clip\.json lists, got only preview"):
        store.load_trajectory(tmp_path / "clip")


def test_layers_are_read_only_if_wanted(tmp_path: Path) -> None:
    store.save_clip(tmp_path / "clip", KEY, clip())
    assert store.load_clip(tmp_path / "clip", layers=False).layers is None
    (tmp_path / "clip" / "layers.npz").write_bytes(b"broken")
    assert store.load_clip(tmp_path / "clip", layers=False).layers is None


@pytest.mark.parametrize("speed", [511.0, 513.0, float("inf")])
def test_flow_beyond_int16_is_kept_as_it_is(speed: float, tmp_path: Path) -> None:
    flow = np.zeros((4, 24, 32, 2), np.float32)
    flow[1, 2, 3] = speed
    store.save_clip(tmp_path / "clip", KEY, clip(layers=dataclasses.replace(layers(), forward_flow=flow)))
    loaded = store.load_clip(tmp_path / "clip").layers
    assert loaded is not None
    np.testing.assert_array_equal(loaded.forward_flow, flow)
    stored = store.read_json(tmp_path / "clip" / store.CLIP)["layers"]
    assert stored["forward_flow"]["stored"] == ("int16" if speed < 512 else "float32")
    assert stored["backward_flow"]["unit"] == "1/64 px"


def test_npz_files_are_plain_numpy(tmp_path: Path) -> None:
    store.save_clip(tmp_path / "clip", KEY, clip(), None, trajectory())
    with np.load(tmp_path / "clip" / "trajectory.npz", allow_pickle=False) as archive:
        assert set(archive.files) == {field.name for field in dataclasses.fields(types.Trajectory)}
    with np.load(tmp_path / "clip" / "layers.npz", allow_pickle=False) as archive:
        assert archive["forward_flow"].dtype == np.int16


@pytest.mark.parametrize("name", ["rgb.mkv", "layers.npz", "scene.npz", "trajectory.npz"])
@pytest.mark.parametrize("harm", ["missing", "truncated", "flipped"])
def test_a_damaged_file_is_named(name: str, harm: str, tmp_path: Path) -> None:
    store.save_clip(tmp_path / "clip", KEY, clip(), scene(), trajectory())
    path = tmp_path / "clip" / name
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    harms: dict[str, Callable[[], object]] = {
        "missing": path.unlink,
        "truncated": lambda: path.write_bytes(whole[:-9]),
        "flipped": lambda: path.write_bytes(whole),
    }
    harms[harm]()
    loaders = {"scene.npz": store.load_scene, "trajectory.npz": store.load_trajectory}
    with pytest.raises(
        StoreError, match=rf"{name}: expected the file as it was written, got .*; delete its folder and"
    ):
        loaders.get(name, store.load_clip)(tmp_path / "clip")


def test_a_clip_of_other_settings_or_another_version_is_refused(tmp_path: Path) -> None:
    store.save_clip(tmp_path / "clip", KEY, clip(), scene())
    other = store.key("other")
    with pytest.raises(StoreError, match=rf"clip\.json: expected key {other}, got {KEY}: other settings or code"):
        store.load_clip(tmp_path / "clip", key=other)
    with pytest.raises(StoreError, match=r"clip\.json: expected a JSON file, got no such file"):
        store.load_clip(tmp_path / "nothing")
    entry = store.read_json(tmp_path / "clip" / store.CLIP)
    del entry["scene"]["gravity"], entry["fps"]
    store.write_json(tmp_path / "clip" / store.CLIP, entry)
    for load in (store.load_clip, store.load_scene):
        with pytest.raises(StoreError, match=r"clip\.json: expected a clip of this version, got"):
            load(tmp_path / "clip")


def test_arrays_that_types_py_does_not_declare_are_refused(tmp_path: Path) -> None:
    double = dataclasses.replace(layers(), depth=layers().depth.astype(np.float64))
    with pytest.raises(ValueError, match=r"Clip drop-sand-00000/truth: layers\.depth: expected float32 .* got float64"):
        store.save_clip(tmp_path / "clip", KEY, clip(layers=double))
    short = dataclasses.replace(layers(), valid=layers().valid[1:])
    with pytest.raises(ValueError, match=r"layers\.valid: expected bool of shape \(4, 24, 32, '\.\.\.'\), got bool of"):
        store.save_clip(tmp_path / "clip", KEY, clip(layers=short))
    with pytest.raises(ValueError, match=r"trajectory\.time: expected float64 of shape \(3, '\.\.\.'\)"):
        store.save_clip(
            tmp_path / "clip", KEY, dataclasses.replace(GENERATED, frames=clip().frames[:3]), None, trajectory()
        )
    assert list(tmp_path.iterdir()) == []

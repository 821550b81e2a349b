"""Clips, scenes and trajectories as files: they come back to the last bit, and damage is named."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from stored_things import KEY, clip, contents, layers, same, scene, trajectory

from pipeline import store, types
from pipeline.store import StoreError


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


def shots(what: types.Clip) -> Iterator[tuple[types.UInt8, types.Layers | None]]:
    for t, frame in enumerate(what.frames):
        names = [field.name for field in dataclasses.fields(types.Layers)]
        whole = what.layers
        yield frame.copy(), whole and types.Layers(**{name: getattr(whole, name)[t].copy() for name in names})


def in_pieces(whole: types.Trajectory) -> Iterator[types.Trajectory]:
    for part in (slice(0, 1), slice(1, 3), slice(3, 4)):
        arrays = {name: value[part] for name, value in vars(whole).items() if isinstance(value, np.ndarray)}
        yield dataclasses.replace(whole, **arrays)


FAST = np.full((4, 24, 32, 2), 513.0, np.float32)


@pytest.mark.parametrize(
    "annotated", [layers(), dataclasses.replace(layers(), forward_flow=FAST), None], ids=["slow", "fast", "none"]
)
def test_a_clip_written_frame_by_frame_is_the_same_to_the_byte(annotated: types.Layers | None, tmp_path: Path) -> None:
    whole = clip(layers=annotated, notes={})
    store.save_clip(tmp_path / "whole", KEY, whole, scene(), trajectory(), {"tries": 2})
    store.save_shots(
        tmp_path / "shots", KEY, scene(), in_pieces(trajectory()), lambda _: shots(whole), whole.instances, {"tries": 2}
    )
    assert contents(tmp_path / "shots") == contents(tmp_path / "whole")


def test_no_frame_is_kept_while_the_next_is_made(tmp_path: Path) -> None:
    alive: list[weakref.ref[types.Layers]] = []

    def watched() -> Iterator[tuple[types.UInt8, types.Layers | None]]:
        for picture, annotated in shots(clip()):
            assert annotated
            assert sum(ref() is not None for ref in alive) <= 1
            alive.append(weakref.ref(annotated))
            yield picture, annotated

    store.save_shots(tmp_path / "clip", KEY, scene(), [trajectory()], lambda _: watched(), clip().instances)
    assert len(alive) == 4


def breaking(what: str) -> Iterator[tuple[types.UInt8, types.Layers | None]]:
    for t, (picture, annotated) in enumerate(shots(clip())):
        assert annotated
        if t == 2 and what == "error":
            raise RuntimeError("the lamp broke")
        if t == 2 and what == "end":
            return
        if t == 2 and what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if t == 2 and what == "double":
            annotated = dataclasses.replace(annotated, depth=annotated.depth.astype(np.float64))
        if t == 2 and what == "size":
            picture = picture[1:]
        yield picture, None if t == 2 and what == "bare" else annotated


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("error", "the lamp broke"),
        ("end", r"Clip drop-sand-00000/truth: expected 4 frames, all or none with layers, got 2"),
        ("bare", r"expected 4 frames, all or none with layers, got 4"),
        ("double", r"truth: frame 2: layers\.depth: expected float32 of shape \(24, 32, '...'\), got float64"),
        ("size", r"rgb\.mkv: expected a frame of uint8 \(24, 32, 3\), got uint8 \(23, 32, 3\)"),
    ],
)
@pytest.mark.parametrize("before", [False, True], ids=["nothing", "an old clip"])
def test_a_clip_that_breaks_off_leaves_what_was_there(before: bool, what: str, message: str, tmp_path: Path) -> None:
    if before:
        store.save_clip(tmp_path / "clip", store.key("old"), GENERATED)
    there = contents(tmp_path)
    with pytest.raises((RuntimeError, ValueError), match=message):
        store.save_shots(tmp_path / "clip", KEY, scene(), [trajectory()], lambda _: breaking(what), clip().instances)
    assert contents(tmp_path) == there
    assert len(list(tmp_path.iterdir())) == before


def test_a_clip_whose_maker_is_killed_is_not_there(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            film = partial(breaking, "kill")
            store.save_shots(tmp_path / "clip", KEY, scene(), [trajectory()], lambda _: film(), clip().instances)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not store.is_complete(tmp_path / "clip", KEY, store.CLIP)
    assert not (tmp_path / "clip").exists()
    assert len(store.sweep(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("particles", [50, 0])
def test_what_is_filmed_lies_on_the_disk_and_is_the_trajectory(particles: int, tmp_path: Path) -> None:
    whole = dataclasses.replace(
        trajectory(),
        particle_position=trajectory().particle_position[:, :particles],
        particle_velocity=trajectory().particle_velocity[:, :particles],
    )

    def film(happened: types.Trajectory) -> Iterator[tuple[types.UInt8, types.Layers | None]]:
        for t, shot in enumerate(shots(clip())):
            yield shot
            assert same(happened, whole), t  # what was let go of after a frame comes back
        assert not happened.body_position.flags.owndata
        assert not happened.body_position.flags.writeable

    store.save_shots(tmp_path / "clip", KEY, scene(), in_pieces(whole), film, clip().instances)
    assert same(store.load_trajectory(tmp_path / "clip"), whole)


def test_no_piece_of_a_trajectory_is_kept_while_the_next_is_made(tmp_path: Path) -> None:
    alive: list[weakref.ref[types.Trajectory]] = []

    def watched() -> Iterator[types.Trajectory]:
        pieces = in_pieces(trajectory())
        for _ in range(3):
            assert not any(ref() for ref in alive)
            piece = next(pieces)
            alive.append(weakref.ref(piece))
            yield piece
            del piece

    with pytest.raises(ValueError, match=r"truth: trajectory: expected 4 frames, got none"):
        store.save_shots(tmp_path / "none", KEY, scene(), [], lambda _: shots(clip()), clip().instances)
    store.save_shots(tmp_path / "clip", KEY, scene(), watched(), lambda _: shots(clip()), clip().instances)
    short = list(in_pieces(trajectory()))[:2]
    with pytest.raises(ValueError, match=r"trajectory\.time: expected float64 of shape \(4, '\.\.\.'\), got .* \(3,\)"):
        store.save_shots(tmp_path / "short", KEY, scene(), short, lambda _: shots(clip()), clip().instances)
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]

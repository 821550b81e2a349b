""""""

from __future__ import annotations

import dataclasses
import enum
import errno
import io
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
from stored_things import KEY, clip, contents, same, scene, trajectory

from pipeline import store
from pipeline.store import StoreError

ROOT = Path(__file__).parents[1]


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
    names = ("store", "types", "video", "_arrays", "_clipfiles", "_files", "_nouns", "engines.local")
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
    class Full(io.FileIO):
        def write(self, data: object) -> int:
            if self.tell() > 3000:
                raise OSError(number, os.strerror(number), str(self.name))
            return super().write(data)  # type: ignore[arg-type]

    def refuse(self: Path, mode: str = "r", *arguments: object) -> Any:
        return Full(self, mode) if mode == "wb" else usual(self, mode, *arguments)  # type: ignore[call-overload]

    usual = Path.open
    monkeypatch.setattr(Path, "open", refuse)
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

"""What a run has made is found as it was made, or named, or mended; and it travels whole."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path

import fsspec
import pytest
from test_stages_walk import fingerprints

from pipeline import store
from pipeline.app import compose
from pipeline.stages._walk import walk

BARE = ("quick=true", "material=none", "run=bare", "clips=3", "redraws=1", "engine=serial")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outputs = tmp_path_factory.mktemp("sound")
    assert walk(compose([*BARE, "stage=simulate", f"outputs={outputs}"]), "") == 0
    return outputs / "bare"


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "bare")
    return tmp_path / "bare"


def verify(run: Path, *words: str) -> int:
    return walk(compose([*BARE, "stage=verify", f"outputs={run.parent}", *words]), "")


def damage(run: Path) -> dict[str, str]:
    """Break five of six clips, each in another way: name -> what is to be said of it."""
    clips = sorted((run / "clips").iterdir()) + sorted((run / "redraws").iterdir())
    shutil.rmtree(clips[0])
    video = clips[1] / "rgb.mkv"
    video.write_bytes(video.read_bytes()[:-100])
    layers = clips[2] / "layers.npz"
    altered = bytearray(layers.read_bytes())
    altered[len(altered) // 2] ^= 1
    layers.write_bytes(altered)
    (clips[3] / "clip.json").write_text("{")
    (clips[4] / "scene.npz").unlink()
    said = ["missing", "of ", "another SHA-256", "a complete JSON file", "No such file"]
    return {clip.name: word for clip, word in zip(clips, said, strict=False)}


def test_a_sound_run_is_found_sound(run: Path, capsys) -> None:
    assert verify(run) == 0
    assert "verify: 6 done (0 now), 0 failed" in capsys.readouterr().err


def test_every_damage_is_found_and_nothing_is_touched(run: Path, capsys) -> None:
    broken = damage(run)
    workshop = run / "clips" / ".drop-none-00000.12345-0123abcd.tmp"
    workshop.mkdir()
    (run / "clips" / "foreign").mkdir()
    before = fingerprints(run / "clips")
    assert verify(run) == 1
    told = capsys.readouterr().err
    for name, word in broken.items():
        assert any(line.startswith(f"verify {name}: ") and word in line for line in told.splitlines())
    assert "verify: 1 done (0 now), 5 failed" in told
    assert f"{workshop}: half written, repair=true removes it" in told
    assert "foreign: not in plan.json" in told
    assert before == fingerprints(run / "clips")
    assert workshop.exists()


def test_repair_gives_back_the_same_bytes(run: Path, sound: Path, capsys) -> None:
    damage(run)
    (run / "clips" / ".drop-none-00000.12345-0123abcd.tmp").mkdir()
    (run / "clips" / "foreign").mkdir()
    assert verify(run, "repair=true") == 0
    assert "verify: 6 done (5 now), 0 failed" in capsys.readouterr().err
    (run / "clips" / "foreign").rmdir()  # was left alone
    for name in ("clips", "redraws"):
        assert fingerprints(run / name) == fingerprints(sound / name)
    assert not store.unfinished(run)


def test_repair_with_other_settings_is_refused_before_anything_is_removed(run: Path) -> None:
    damage(run)
    before = fingerprints(run / "clips")
    with pytest.raises(ValueError, match=r"expected the settings and the code that made .*config.yaml"):
        verify(run, "repair=true", "simulator.particle_spacing=0.02")
    assert before == fingerprints(run / "clips")


def test_a_disk_that_is_full_stops_the_run_with_one_error(tmp_path: Path, capsys) -> None:
    """A limit on the size of files stands for the full disk: this user may write anywhere."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        with pytest.raises(store.StoreError, match=r"expected to write there, got .*make room"):
            walk(compose([*BARE, "stage=simulate", f"outputs={tmp_path}"]), "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert capsys.readouterr().err.count("FAILED") == 1, "the other clips were tried as well"
    assert not store.unfinished(tmp_path)


def publish(run: Path, url: str) -> int:
    return walk(compose([*BARE, "stage=publish", f"outputs={run.parent}", f"publish={url}"]), "")


@pytest.mark.parametrize("scheme", ["memory://sets", "file://{}", "{}"])
def test_a_published_run_is_whole_and_says_so_last(scheme: str, run: Path, tmp_path: Path, capsys) -> None:
    url = scheme.format(tmp_path / "there")
    assert publish(run, url) == 0
    system, root = fsspec.core.url_to_fs(url)
    promise = json.loads(system.cat_file(f"{root}/bare/published.json"))
    promised = {one["path"]: one["sha256"] for one in promise["files"]}
    assert {f"clips/{name}" for name in fingerprints(run / "clips")} <= set(promised)
    system.get(f"{root}/bare", str(tmp_path / "back"), recursive=True)
    back = fingerprints(tmp_path / "back")
    assert promised.items() <= back.items()
    assert not any(part.startswith(".") for path in promised for part in path.split("/"))
    assert verify(run) == 0
    capsys.readouterr()
    publish(run, url)  # nothing but what this command and the last have noted
    assert int(capsys.readouterr().err.rpartition("done (")[2].split()[0]) <= 4


def test_what_was_cut_off_goes_on_and_is_not_promised_before(run: Path, tmp_path: Path, monkeypatch) -> None:
    from fsspec.implementations.local import LocalFileSystem

    put, count = LocalFileSystem.put_file, []

    def fail_later(self: LocalFileSystem, here: str, there: str, **rest: object) -> None:
        count.append(there)
        if len(count) > 20:
            raise OSError("the line is down")
        put(self, here, there, **rest)

    monkeypatch.setattr(LocalFileSystem, "put_file", fail_later)
    assert publish(run, str(tmp_path / "there")) == 1
    assert not (tmp_path / "there" / "bare" / "published.json").exists()
    count.clear()
    monkeypatch.setattr(LocalFileSystem, "put_file", lambda *rest, **more: (count.append(rest), put(*rest, **more)))
    assert publish(run, str(tmp_path / "there")) == 0
    assert 0 < len(count) < len(fingerprints(run)) - 15


def test_what_is_damaged_or_has_no_address_is_not_published(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="publish: expected a folder or a URL"):
        publish(run, "")
    with pytest.raises(ValueError, match="nowhere"):
        publish(run, "nowhere://sets")
    damage(run)
    with pytest.raises(ValueError, match="stage=verify repair=true"):
        publish(run, str(tmp_path / "there"))

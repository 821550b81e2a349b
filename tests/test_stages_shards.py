"""A run in parts: the same clips however they are shared out, and told what they take beforehand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import ROOT
from test_stages_walk import fingerprints

from pipeline import store
from pipeline.app import compose
from pipeline.engines import Engine, Job, Outcome
from pipeline.stages import Run, _walk
from pipeline.stages._shards import Shard

BARE = ("quick=true", "stage=simulate", "material=none", "run=bare", "clips=4", "redraws=1")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outputs = tmp_path_factory.mktemp("whole")
    assert _walk.walk(compose([*BARE, f"outputs={outputs}", "engine=serial"]), "") == 0
    return outputs / "bare"


def made(outputs: Path, *words: str) -> Run:
    engine = [] if "engine=local" in words else ["engine=serial"]
    return compose([*BARE, f"outputs={outputs}", *engine, *words])


def test_every_clip_belongs_to_one_shard_and_shards_are_alike() -> None:
    for count, of in ((10, 3), (64, 64), (5, 8), (10_000, 64)):
        shards = [range(count)[Shard(number, of).slice(count)] for number in range(1, of + 1)]
        assert [i for shard in shards for i in shard] == list(range(count))
        assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_shards_at_the_same_time_in_one_folder_make_the_whole(whole: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pipeline", *BARE, f"outputs={tmp_path}", "engine.workers=1"]
    parts = [
        subprocess.Popen([*words, f"shard={number}/2"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for number in (1, 2)
    ]
    for part in parts:
        told = part.communicate()[1]
        assert part.returncode == 0, told
        assert "simulate: 4 done (4 now), 0 failed" in told
    run = tmp_path / "bare"
    for name in ("clips", "redraws"):
        assert fingerprints(run / name) == fingerprints(whole / name)
    assert store.read_json(run / "plan.json") == store.read_json(whole / "plan.json")
    stage = store.read_json(run / "summary.json")["stages"]["simulate"]
    assert (stage["done"], stage["failed"], stage["shards"]) == (8, 0, {"of": 2, "seen": [1, 2]})
    rows = [json.loads(line) for path in run.glob("log-*.jsonl") for line in path.read_text().splitlines()]
    assert {row["shard"] for row in rows} == {"1/2", "2/2"}
    assert all(row["worker"].endswith("/0") for row in rows)
    # The whole finds all of it made.
    assert _walk.walk(made(tmp_path), "") == 0
    assert store.read_json(run / "summary.json")["stages"]["simulate"]["done"] == 8


def test_shards_made_in_two_places_are_merged_by_copying(whole: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        assert _walk.walk(made(tmp_path / str(number), f"shard={number}/2"), "") == 0
    shutil.copytree(tmp_path / "2" / "bare", tmp_path / "1" / "bare", dirs_exist_ok=True)
    merged = tmp_path / "1" / "bare"
    assert fingerprints(merged / "clips") == fingerprints(whole / "clips")
    assert _walk.walk(made(tmp_path / "1", "stage=verify"), "") == 0
    # Again alone, from nothing: the same clips.
    clip = sorted((merged / "clips").iterdir())[-1]
    before = fingerprints(clip)
    shutil.rmtree(clip)
    assert _walk.walk(made(tmp_path / "1", "shard=2/2"), "") == 0
    assert fingerprints(clip) == before


def test_a_shard_of_something_else_is_refused(tmp_path: Path) -> None:
    assert _walk.walk(made(tmp_path, "shard=1/4", "redraws=0"), "") == 0
    plan = (tmp_path / "bare" / "plan.json").read_bytes()
    with pytest.raises(ValueError, match=r"shard=2/4: .* got others \(seed\)"):
        _walk.walk(made(tmp_path, "shard=2/4", "redraws=0", "seed=1"), "")
    assert (tmp_path / "bare" / "plan.json").read_bytes() == plan


def test_a_shard_and_a_whole_do_not_work_at_the_same_time(tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    with store.lock(folder, "1-of-2"), store.lock(folder, "2-of-2"):
        for part in ("", "1-of-2"):
            with pytest.raises(store.StoreError, match="at work"), store.lock(folder, part):
                pass
    with store.lock(folder), pytest.raises(store.StoreError, match="at work"), store.lock(folder, "1-of-2"):
        pass


@dataclass
class Idle(Engine):
    """Draws jobs, and says that they are done."""

    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        return (Outcome(job.name, cpu_seconds=0.25) for job in jobs)


def peak(outputs: Path, *words: str) -> int:
    """Of the memory that a command takes which has everything to make, and then once more [bytes]."""
    run = replace(made(outputs, "redraws=3", *words), engine=Idle())
    for _ in range(2):
        tracemalloc.start()
        try:
            assert _walk.walk(run, "") == 0
            taken = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return taken


def test_the_memory_of_a_command_does_not_grow_with_the_clips(tmp_path: Path) -> None:
    """0.8 kB a unit would be 1.4 MB more; the byte that is kept of each, and the sizes of buffers, are less."""
    few, many = (peak(tmp_path, f"run={clips}", f"clips={clips}") for clips in (50, 500))
    assert many - few < 100_000
    row = store.read_json(tmp_path / "500" / "summary.json")["stages"]["simulate"]
    assert (row["done"], row["failed"], row["cpu_seconds"]) == (2000, 0, 500.0)
    assert len(store.read_json(tmp_path / "500" / "plan.json")["clips"]) == 500


@pytest.mark.parametrize("words", [("shard=0/2",), ("shard=3/2",), ("shard=x",), ("shard=1/2", "stage=score")])
def test_impossible_shards_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="shard: expected"):
        compose([*BARE, *words])


def test_a_dry_run_foretells_from_what_is_there_and_writes_nothing(whole: Path, capsys) -> None:
    before = fingerprints(whole)
    words = ("clips=400", "dry=true", "price=0.5", "engine=local", "engine.workers=4")
    assert _walk.walk(made(whole.parent, *words), "") == 0
    told = capsys.readouterr().out
    assert "400 clips, 1 re-draws each: 800 to be made in all, 8 of them done, 792 to do" in told
    rows = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    hours = sum(row["cpu_seconds"] for row in rows) / len(rows) * 792 / 3600
    assert f"time: {hours:.2f} CPU hours" in told
    assert "with 4 at a time" in told
    assert f"cost: {hours * 0.5:.2f}" in told
    sizes = [store.read_json(path)["sizes"] for path in whole.glob("*/*/clip.json")]
    assert f"disk: {sum(sum(one.values()) for one in sizes) / 8 * 792 / 1e9:.2f} GB" in told
    assert before == fingerprints(whole)


def test_without_a_sample_a_dry_run_says_what_is_unknown(tmp_path: Path, capsys) -> None:
    assert _walk.walk(made(tmp_path, "dry=true", "shard=1/2"), "") == 0
    told = capsys.readouterr().out
    assert "2 clips, shard 1/2 of 4" in told
    assert "time, disk, cost: unknown" in told
    assert not list(tmp_path.iterdir())

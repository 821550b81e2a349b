"""A run's standing, told from its folder alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from test_stages_walk import fingerprints

from pipeline.app import compose
from pipeline.stages._pulse import SILENCE, Pulse, alive, pulses
from pipeline.stages.status import standing

BARE = ("quick=true", "material=none", "run=bare", "clips=40", "redraws=0", "engine.workers=1")


def lines(outputs: Path, run: str = "bare") -> str:
    return "\n".join(standing(compose(["stage=status", f"outputs={outputs}", f"run={run}"])))


def test_a_living_run_is_told_from_a_dead_one(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pipeline", *BARE, "stage=simulate", f"outputs={tmp_path}"]
    process = subprocess.Popen(words, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        while len(list(tmp_path.glob("bare/clips/*/clip.json"))) < 3:
            assert process.poll() is None
            time.sleep(0.05)
        told = lines(tmp_path)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert "1 command at work" in told
    assert str(process.pid) in told
    assert "of 40 done, 0 failed" in told
    assert " left" in told
    assert "worker " in told
    assert re.search(r"/0: \d s ago, ", told)
    for path in (tmp_path / "bare" / ".pulse").iterdir():  # an hour later
        stamp = path.stat().st_mtime - 3600
        os.utime(path, (stamp, stamp))
    told = lines(tmp_path)
    assert "nobody at work; the last command died" in told
    assert "1 h 0 min ago" in told
    assert " left" not in told


def test_a_finished_run_is_all_done_and_what_failed_is_named(outputs: Path, tmp_path: Path) -> None:
    shutil.copytree(outputs / "walk", tmp_path / "walk")
    before = fingerprints(tmp_path / "walk")
    told = lines(tmp_path, "walk")
    assert "simulate: 12 of 12 done, 0 failed, 0 missing" in told
    assert "generate: 9 of 9 done" in told
    assert "the last command ended" in told
    assert before == fingerprints(tmp_path / "walk")
    shutil.rmtree(tmp_path / "walk" / "clips" / "drop-sand-00000")
    with (tmp_path / "walk" / "log.jsonl").open("a") as log:
        row = {"time": time.time(), "stage": "simulate", "unit": "drop-sand-00000", "error": "ValueError: a stone"}
        log.write(json.dumps({**row, "cpu_seconds": 0, "wall_seconds": 0}) + "\n")
    told = lines(tmp_path, "walk")
    assert "simulate: 11 of 12 done, 1 failed, 0 missing" in told
    assert "failed drop-sand-00000: ValueError: a stone" in told


def test_the_rate_counts_from_when_work_began(tmp_path: Path) -> None:
    """Two shards that end their first cells in the same second do not make thousands an hour."""
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "asked.json").write_text(json.dumps({"cells": ["a", "b", "c"]}))
    row = {"stage": "study", "error": "", "cpu_seconds": 300, "wall_seconds": 600}
    for unit, now in (("a", 1000), ("b", 1001)):
        with (folder / f"log-{unit}.jsonl").open("w") as log:
            log.write(json.dumps({**row, "time": now, "unit": unit}) + "\n")
    assert "12 an hour" in lines(tmp_path, "slow")


def test_a_run_that_is_not_there_is_named(tmp_path: Path, command) -> None:
    done = command("stage=status", "run=typo", f"outputs={tmp_path}")
    assert done.returncode == 2
    assert "typo" in done.stderr
    assert not list(tmp_path.iterdir())


def look(folder: Path) -> list[Pulse]:
    return pulses(folder)


def test_a_worker_says_what_it_is_at_and_when_it_is_done(tmp_path: Path) -> None:
    (during,) = alive(tmp_path, "1/2", "simulate this", look, tmp_path)
    assert (during.shard, during.doing, during.ended) == ("1/2", "simulate this", False)
    assert during.age < SILENCE
    (after,) = pulses(tmp_path)
    assert (after.doing, after.ended) == ("", True)


def test_signs_of_life_that_cannot_be_given_stop_nothing(tmp_path: Path) -> None:
    assert alive(tmp_path / "gone" / "for good", "", "simulate this", len, [1, 2]) == 2


@pytest.mark.parametrize("stage", ["status"])
def test_it_prints_and_leaves_with_status_0(outputs: Path, command, stage: str) -> None:
    done = command(f"stage={stage}", "run=walk", f"outputs={outputs}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run walk: ")

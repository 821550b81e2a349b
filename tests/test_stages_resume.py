"""Runs that are disturbed: killed at any moment, or with a unit that cannot be done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ROOT
from test_stages_walk import fingerprints

from pipeline import app, store
from pipeline.simulators.coupled import Coupled
from pipeline.stages import Run
from pipeline.stages._walk import walk
from pipeline.types import Scene, Trajectory

BARE = ("quick=true", "stage=simulate", "material=none", "run=bare", "clips=3", "redraws=1")


def finished(outputs: Path) -> list[Path]:
    return sorted(path for path in outputs.glob("bare/*/*/clip.json") if not path.parent.name.startswith("."))


def test_a_killed_run_finishes_and_its_bytes_equal_an_undisturbed_one(command, tmp_path: Path) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    assert command(*BARE, f"outputs={undisturbed}").returncode == 0
    line = [sys.executable, "-m", "pipeline", *BARE, f"outputs={disturbed}"]
    process = subprocess.Popen(line, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    while not finished(disturbed):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in finished(disturbed)}
    assert 0 < len(before) < 6
    for _ in range(100):  # workers of the killed command let go of the run by themselves
        again = command(*BARE, f"outputs={disturbed}")
        if again.returncode == 0:
            break
        time.sleep(0.1)
    assert again.returncode == 0, again.stderr
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert fingerprints(disturbed / "bare" / "clips") == fingerprints(undisturbed / "bare" / "clips")
    assert fingerprints(disturbed / "bare" / "redraws") == fingerprints(undisturbed / "bare" / "redraws")
    assert not list(disturbed.rglob("*.tmp"))


@dataclass
class Stumbling(Coupled):
    """Cannot do the second scene."""

    def pieces(self, scene: Scene) -> Iterator[Trajectory]:
        if scene.clip_id.endswith("00001"):
            raise ValueError(f"Scene {scene.clip_id}: expected firm ground, got a stone in the way")
        return super().pieces(scene)


def test_one_failing_clip_does_not_stop_the_run_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run: Run = app.compose([*BARE, f"outputs={tmp_path}", "engine=serial", "redraws=0"])
    run.simulator = Stumbling(particle_spacing=run.simulator.particle_spacing)
    assert walk(run, "") == 1
    assert "drop-none-00001: " in capsys.readouterr().err
    stage = store.read_json(tmp_path / "bare" / "summary.json")["stages"]["simulate"]
    assert (stage["done"], stage["failed"]) == (2, 1)
    assert "a stone in the way" in stage["failures"]["drop-none-00001"]


def test_two_commands_cannot_work_in_one_run(tmp_path: Path, command) -> None:
    with store.lock(tmp_path / "bare"):
        done = command(*BARE, f"outputs={tmp_path}")
    assert done.returncode == 2
    assert str(os.getpid()) in done.stderr

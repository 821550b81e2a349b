"""The exam through the front door, as small as it gets."""

from __future__ import annotations

import json
from pathlib import Path


def test_the_judge_sits_an_exam(command, tmp_path: Path) -> None:
    asked = ["stage=exam", "quick=true", "clips=1", "material=none", "redraws=2", "levels=[2]", f"outputs={tmp_path}"]
    done = command(*asked, "violations=[vanish,noise]", "run=exam")
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "exam" / "exam.json").read_text())
    assert {
        "suite",
        "n_pairs",
        "auc",
        "auc_with_nuisances",
        "ppe",
        "by_violation",
        "by_severity",
        "by_medium",
        "peers",
    } <= set(told)
    assert told["n_pairs"] == 4
    assert told["auc"] == 1
    assert told["suite"]["violations"] == ["vanish"]
    assert {"physics_iq_verified", "pisa"} <= set(told["peers"])
    assert (tmp_path / "exam" / "films" / "drop-none-00000" / "vanish_2" / "preview.mp4").is_file()
    again = command(*asked, "violations=[vanish,noise]", "run=exam")
    assert "exam: 6 done (0 now)" in again.stderr
    films = {path: path.stat().st_mtime_ns for path in tmp_path.glob("exam/films/*/*/rgb.mkv")}
    other = command(*asked, "violations=[vanish,noise]", "run=exam", "judge.tolerance=1.5")
    assert "exam: 6 done (6 now)" in other.stderr
    assert {path: path.stat().st_mtime_ns for path in films} == films, "another judge sees the same films"
    assert len(films) == 6


def test_an_exam_needs_redraws(command, tmp_path: Path) -> None:
    done = command("stage=exam", "redraws=1", f"outputs={tmp_path}")
    assert done.returncode == 2
    assert "redraws" in done.stderr

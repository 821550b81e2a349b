"""What later stages make of a run is about that run: its settings, all its clips, nothing stale."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.app import compose
from pipeline.stages.generate import prompt


@pytest.fixture
def copy(outputs: Path, tmp_path: Path) -> Path:
    """Outputs with a copy of the run 'walk' of its own."""
    shutil.copytree(outputs / "walk", tmp_path / "walk")
    return tmp_path


def test_a_later_stage_takes_the_settings_of_the_clips_from_the_run(command, copy: Path) -> None:
    done = command("stage=score", "run=walk", f"outputs={copy}", "prompt_frames=8")
    assert done.returncode == 0, done.stderr
    assert "(0 now)" in done.stderr
    assert command("stage=report", "run=walk", f"outputs={copy}").returncode == 0
    page = (copy / "walk" / "report.html").read_text(encoding="utf-8")
    assert "QUICK RUN" in page
    assert "17 frames of 64 x 64 px" in page
    assert json.loads((copy / "walk" / "provenance.json").read_text())["quick"] is True


def test_a_clip_that_went_missing_is_named_and_fails_the_stage(command, copy: Path) -> None:
    lost = sorted((copy / "walk" / "redraws").iterdir())[0]
    shutil.rmtree(lost)
    done = command("stage=score", "run=walk", f"outputs={copy}")
    assert done.returncode == 1
    assert f"{lost.name}: missing or damaged: run stage=simulate" in done.stderr
    assert lost.name in json.loads((copy / "walk" / "summary.json").read_text())["stages"]["score"]["failures"]


def test_an_opinion_about_another_answer_is_not_shown(command, copy: Path) -> None:
    again = command(
        "stage=generate", "run=walk", f"outputs={copy}", "baselines=[]", "model=extrapolate", "model.still=9"
    )
    assert again.returncode == 0, again.stderr
    assert command("stage=report", "run=walk", f"outputs={copy}", "baselines=[]", "model=extrapolate").returncode == 0
    assert "not scored" in (copy / "walk" / "report.html").read_text(encoding="utf-8")


def test_simulating_what_is_there_forgets_nothing(command, copy: Path) -> None:
    before = json.loads((copy / "walk" / "plan.json").read_text())
    assert command("stage=simulate", "quick=true", "run=walk", f"outputs={copy}").returncode == 0
    assert json.loads((copy / "walk" / "plan.json").read_text()) == before


def test_nothing_accepted_is_told_and_the_report_is_still_made(command, copy: Path) -> None:
    table = copy / "walk" / "curation.jsonl"
    rows = [{**json.loads(line), "accepted": False} for line in table.read_text().splitlines()]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = command("stage=export", "run=walk", f"outputs={copy}")
    assert done.returncode == 1
    assert "no clip was accepted" in done.stderr
    assert command("stage=report", "run=walk", f"outputs={copy}").returncode == 0


def test_a_slip_of_the_pen_leaves_no_run_behind(command, tmp_path: Path) -> None:
    assert command("stage=score", "run=typo", f"outputs={tmp_path}").returncode == 2
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_also_a_baseline_keeps_its_settings() -> None:
    run = compose(["model=extrapolate", "model.still=2.0"])
    assert run.models["extrapolate"].still == 2.0  # type: ignore[attr-defined]
    assert list(run.models) == ["extrapolate", "copy_last"]


def test_a_prompt_holds_nothing_but_its_frames(outputs: Path) -> None:
    clip = sorted((outputs / "walk" / "clips").iterdir())[0]
    seen = prompt(clip, 4).frames
    assert seen.shape[0] == 4
    assert seen.base is None


def test_a_sweep_goes_on_after_a_run_that_failed(command, tmp_path: Path) -> None:
    done = command("-m", "stage=score", "run=none,other", f"outputs={tmp_path}")
    assert done.returncode == 2
    assert done.stderr.count("start with stage=simulate") == 2


def test_models_made_elsewhere_stand_beside_the_others_under_their_own_names(command, copy: Path) -> None:
    for name, source in (("perfect", "clips"), ("lazy", "generated/copy_last")):
        folder = copy / name
        folder.mkdir()
        for clip in sorted((copy / "walk" / source).iterdir()):
            shutil.copy(clip / "rgb.mkv", folder / f"{clip.name.removesuffix('__s0')}.mkv")
        words = ("stage=score", "run=walk", f"outputs={copy}", "model=folder", f"model.path={folder}")
        done = command(*words, f"model.name={name}")
        assert done.returncode == 0, done.stderr
    models = json.loads((copy / "walk" / "summary.json").read_text())["models"]
    assert {"perfect", "lazy", "copy_last", "extrapolate"} < set(models)
    assert models["perfect"]["plausibility"]["mean"] == 100
    assert models["lazy"]["plausibility"] == models["copy_last"]["plausibility"]
    assert command("stage=report", "run=walk", f"outputs={copy}").returncode == 0
    page = (copy / "walk" / "report.html").read_text(encoding="utf-8")
    assert "perfect" in page
    assert "lazy" in page


def test_before_anything_is_generated_the_report_is_a_contact_sheet(command, copy: Path) -> None:
    plan = copy / "walk" / "plan.json"
    entries = json.loads(plan.read_text())
    plan.write_text(json.dumps({"clips": entries["clips"], "made": entries["made"]}))
    done = command("stage=report", "run=walk", f"outputs={copy}")
    assert done.returncode == 0, done.stderr
    page = (copy / "walk" / "report.html").read_text(encoding="utf-8")
    assert "contact sheet" in page
    assert "QUICK RUN" in page
    for row in entries["clips"]:
        assert row["clip_id"] in page
    assert page.count("data:image/webp") == 2 * len(entries["clips"])

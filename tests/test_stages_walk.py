"""The whole walk, looked at from outside: what lies in the run folder, and what a second command makes of it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline import store, video
from pipeline.stages import WALK

MODELS = ("next_frame", "copy_last", "extrapolate")


def fingerprints(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def copied(outputs: Path, tmp_path: Path) -> Path:
    """Outputs with a copy of the run, for tests that ask other models for answers."""
    shutil.copytree(outputs / "walk", tmp_path / "copied" / "walk")
    return tmp_path / "copied"


@pytest.fixture(scope="module")
def run(outputs: Path) -> Path:
    return outputs / "walk"


@pytest.fixture(scope="module")
def summary(run: Path) -> dict:
    return store.read_json(run / "summary.json")


def test_every_stage_is_counted_and_nothing_failed(summary: dict) -> None:
    assert set(WALK) <= set(summary["stages"])
    for stage in WALK:
        assert summary["stages"][stage]["done"] > 0
        assert summary["stages"][stage]["failed"] == 0
        assert summary["stages"][stage]["cpu_seconds"] >= 0


def test_the_run_folder_holds_what_it_promises(run: Path) -> None:
    names = {path.name for path in (run / "clips").iterdir()}
    assert names == {"drop-sand-00000", "drop-water-00001", "drop-none-00002"}
    for name in names:
        files = {path.name for path in (run / "clips" / name).iterdir()}
        assert {"clip.json", "rgb.mkv", "preview.mp4", "layers.npz", "trajectory.npz"} <= files
        assert store.verify(run / "clips" / name, store.CLIP) == []
        for model in MODELS:
            assert (run / "generated" / model / f"{name}__s0" / "clip.json").exists()
    provenance = store.read_json(run / "provenance.json")
    assert provenance["seed"] == 0
    assert provenance["quick"] is True
    assert provenance["models"]["next_frame"]["fingerprint"]


def test_models_start_from_the_prompt_and_nothing_else_of_the_truth(run: Path) -> None:
    for clip in (run / "clips").iterdir():
        truth = store.load_clip(clip, layers=False).frames
        for model in MODELS:
            answer = store.load_clip(run / "generated" / model / f"{clip.name}__s0").frames
            assert answer.shape == truth.shape
            assert np.array_equal(answer[:4], truth[:4])
            assert not np.array_equal(answer[-1], truth[-1])


def test_scores_have_one_row_a_metric_and_one_for_the_whole(run: Path, summary: dict) -> None:
    rows = pq.read_table(run / "scores.parquet").to_pylist()
    metrics = {row["metric"] for row in rows}
    assert {"kinetic_energy", "motion_endpoint_error", "mask_iou", "visible_amount", "plausibility"} <= metrics
    assert len(rows) == 3 * len(MODELS) * len(metrics)
    for model in MODELS:
        mean = np.mean([row["value"] for row in rows if row["model"] == model and row["metric"] == "plausibility"])
        assert summary["models"][model]["plausibility"]["mean"] == pytest.approx(mean)
        assert summary["models"][model]["plausibility"]["n"] == 3


def test_errors_against_the_truth_stand_beside_the_scores(run: Path, summary: dict) -> None:
    rows = [row for row in pq.read_table(run / "scores.parquet").to_pylist() if row["metric"] == "object_path_error"]
    for model in MODELS:
        told = summary["models"][model]
        mean = np.mean([row["value"] for row in rows if row["model"] == model])
        assert told["errors"]["object_path_error"]["mean"] == pytest.approx(mean)
        assert told["errors"]["medium_error"]["n"] == 2
        assert told["errors_by_material"]["none"].keys().isdisjoint({"medium_error"})
        assert "object_path_error" not in told["metrics"]  # the judge knows nothing of it
    static, again = (one["errors"]["object_path_error"] for one in (summary["models"]["copy_last"], summary["redraws"]))
    assert static["mean"] > 3 * again["mean"]
    assert static["unit"] == "share of the picture's side"
    assert "Errors against the simulator" in (run / "report.html").read_text()


def test_a_static_clip_is_named_as_degenerate_and_counts_as_zero(summary: dict) -> None:
    assert summary["models"]["copy_last"]["plausibility"]["mean"] == 0
    assert len(summary["models"]["copy_last"]["degenerate"]) == 3


def test_the_training_set_loads(run: Path, summary: dict) -> None:
    import webdataset
    from datasets import Video, load_dataset

    count = summary["curated"]["accepted"]
    assert count == summary["export"]["clips"] > 0
    folder = load_dataset("videofolder", data_dir=str(run / "dataset" / "videofolder"), cache_dir=str(run / "cache"))
    rows = [row for split in folder.values() for row in split.cast_column("video", Video(decode=False))]
    assert len(rows) == count
    assert all(row["text"] for row in rows)
    shards = sorted(map(str, (run / "dataset" / "webdataset").rglob("*.tar")))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False))
    assert {sample["__key__"].split("/")[-1] for sample in samples} == {row["clip_id"] for row in rows}


def test_every_truth_clip_has_one_verdict_with_reasons(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "curation.jsonl").read_text().splitlines()]
    assert {row["clip_id"] for row in rows} == {path.name for path in (run / "clips").iterdir()}
    assert all(row["reasons"] for row in rows)


def test_the_page_is_one_file_and_says_that_the_run_was_quick(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "QUICK RUN" in page
    assert "drop-water-00001" in page
    assert 'src="http' not in page
    assert "<link" not in page


def test_the_same_command_again_makes_nothing_anew(command, outputs: Path, run: Path) -> None:
    kept = ("clips", "redraws", "generated", "scores", "dataset", "page")
    before = {name: fingerprints(run / name) for name in kept}
    done = command("quick=true", f"outputs={outputs}", "run=walk", "seed=0", "allow_unvalidated=true")
    assert done.returncode == 0
    assert done.stderr.count("(0 now)") == len(WALK)
    assert before == {name: fingerprints(run / name) for name in kept}


def test_the_truth_scores_best_and_damage_lowers_it(command, copied: Path, tmp_path: Path) -> None:
    """Clips made elsewhere, through the folder model: the truth itself, frozen, backwards."""
    run = copied / "walk"
    plausibility = {}
    for name in ("truth", "frozen", "reversed"):
        made = tmp_path / name
        made.mkdir()
        for clip in (run / "clips").iterdir():
            frames = store.load_clip(clip, layers=False).frames.copy()
            if name == "frozen":
                frames[5:] = frames[4]  # in mid-air: from frame 6 on the truth may rest in the sand, and rightly
            if name == "reversed":
                frames[4:] = frames[4:][::-1]
            video.write_preview(made / f"{clip.name}__s0.mp4", frames, 24.0)
        words = ("quick=true", f"outputs={copied}", "run=walk", "baselines=[]", "model=folder", f"model.path={made}")
        for stage in ("generate", "score"):
            done = command(*words, f"stage={stage}")
            assert done.returncode == 0, done.stderr
        plausibility[name] = store.read_json(run / "summary.json")["models"]["folder"]["plausibility"]["mean"]
    assert plausibility["truth"] > 90
    assert plausibility["frozen"] < 15
    assert plausibility["reversed"] < 50


def test_a_model_learns_from_the_exported_set_and_answers(command, copied: Path) -> None:
    run = copied / "walk"
    words = ("quick=true", f"outputs={copied}", "run=walk", "baselines=[]")
    tiny = ("training.steps=3", "training.batch=2", "training.crop=32", "training.record_every=1", "model.widths=[8,8]")
    done = command(*words, "stage=train", *tiny)
    assert done.returncode == 0, done.stderr
    assert "step 3 (100%)" in done.stderr
    folder = run / "training" / "next_frame"
    origin = store.read_json(folder / "origin.json")
    assert origin["weights_sha256"] == store.sha256(folder / "weights.safetensors")
    assert "stage=train" in origin["command"]
    done = command(*words, "stage=generate", f"model.weights={folder / 'weights.safetensors'}")
    assert done.returncode == 0, done.stderr
    assert store.read_json(run / "provenance.json")["models"]["next_frame"]["fingerprint"] == origin["weights_sha256"]


def test_training_needs_an_exported_set_and_a_model_that_learns(command, outputs: Path) -> None:
    done = command("quick=true", f"outputs={outputs}", "run=unexported", "stage=train")
    assert (done.returncode, "stage=export" in done.stderr) == (2, True)
    done = command("quick=true", f"outputs={outputs}", "run=walk", "stage=train", "model=copy_last")
    assert (done.returncode, "learns" in done.stderr) == (2, True)

"""stage=export over a small made-up run: what may leave, what is shared, what is left of an export that fails."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_examples import COUNTS, SPLITS, attempt, example

from pipeline import store
from pipeline.app import compose
from pipeline.stages import Run, Tally, _units
from pipeline.stages import export as stage
from pipeline.stages._admission import Origin, objection, objections
from pipeline.stages._layout import answer_folder, clip_folder, score_folder
from pipeline.stages._opinions import Opinion, write_opinion
from pipeline.types import Trajectory

SOLVERS = "5017e125" * 8
Export = Callable[..., Tally]


def measured(medium: str, passed: bool = True, code: str = SOLVERS, **changes: Any) -> dict[str, Any]:
    told = {"law": "a_law", "medium": medium, "case": "one", "quantity": "q", "expected": 1.0, "measured": 1.0}
    return {**told, "tolerance": 0.1, "passed": passed, "quick": False, "code": code, **changes}


RECORD = [measured("sand"), measured("water"), measured("none")]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict[str, Any]]], None]:
    """What stands in for assets/validation.json, whose freshness the tests must not hang on."""
    monkeypatch.setattr(stage, "SHIPPED", tmp_path / "record.json")
    return lambda rows: store.write_json(tmp_path / "record.json", rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs with the run 'set': six clips, all accepted, each with an answer that was judged."""
    outputs = tmp_path_factory.mktemp("made")
    run: Run = compose([f"outputs={outputs}", "run=set"])
    plan: dict[str, Any] = {"clips": [], "answers": [], "opinions": {}, "prompt_frames": 4}
    verdicts = []
    for number, split in enumerate(SPLITS):
        one = example(number, split)
        name, key = one.clip.clip_id, f"key{number}"
        none = np.zeros((9, 0, 3), np.float32)
        states = [np.zeros((9, 1, width)) for width in (3, 4, 3, 3, 6)]
        happened = Trajectory(np.arange(9) / 24.0, *states, none, none, 0.0, np.zeros((9, 3)))
        extra = {"code": "c0de", "solvers": SOLVERS}
        store.save_clip(clip_folder(run, name), key, one.clip, one.scene, happened, extra)
        tried = attempt(one)
        store.save_clip(answer_folder(run, "next_frame", name, 0), f"answer{number}", tried.clip)
        opinion = score_folder(run, "next_frame", name, 0)
        assert tried.judgement is not None
        with store.publish(opinion, f"opinion{number}", {}) as folder:
            write_opinion(folder, Opinion((), (tried.judgement,)))
        plan["clips"].append({"clip_id": name, "keys": [key]})
        answer = {"model": "next_frame", "clip_id": name, "sample": 0, "key": f"answer{number}", "truth": key}
        plan["answers"].append(answer)
        plan["opinions"][str(opinion.relative_to(run.folder))] = f"opinion{number}"
        verdict = {"clip_id": name, "accepted": True, "split": split, "by": "rule", "reasons": ["it is good"]}
        numbers = {"weight": 1.5, "position": number if split == "train" else None, "instructive": None}
        verdicts.append({**verdict, **numbers, "material": one.scene.material, "seed": one.scene.seed})
    store.write_json(run.folder / "plan.json", plan)
    store.write_text(run.folder / "curation.jsonl", "".join(json.dumps(row) + "\n" for row in verdicts))
    return outputs


@pytest.fixture
def run(made: Path, tmp_path: Path, record: Callable[[list[dict[str, Any]]], None]) -> Run:
    """A copy of its own, of which every solver is vouched for."""
    record(RECORD)
    shutil.copytree(made / "set", tmp_path / "outputs" / "set")
    return compose([f"outputs={tmp_path / 'outputs'}", "run=set", "engine=serial", "stage=export"])


def rows(run: Run, layout: str, table: str = "{split}/metadata.jsonl") -> list[dict[str, Any]]:
    paths = [run.folder / "dataset" / layout / table.format(split=split) for split in COUNTS]
    return [json.loads(line) for path in paths if path.exists() for line in path.read_text().splitlines()]


def chosen(run: Run, *names: str, **changes: Any) -> Run:
    exporters = compose([f"exporters=[{','.join(names)}]"]).exporters
    return replace(run, exporters=exporters, **changes)


def test_what_vouches_for_a_clip_is_a_passing_row_of_its_material_and_version() -> None:
    water = Origin("water", SOLVERS)
    assert objection(RECORD, water) == ""
    assert objection([measured("water", passed=False), measured("water")], water) == ""
    assert objection([measured("water", passed=False)], water) == "none of its measurements is within tolerance"
    assert objection([measured("sand"), measured("none")], water) == "no law has measured it"
    assert objection([measured("water", tolerance=None)], water) == "no law has measured it"
    older = [measured("water", code="01de" * 16)]
    assert objection(older, water) == "measured for version 01de01de of the solvers, the clips are by 5017e125"
    assert objection(RECORD, Origin("none", SOLVERS)) == ""
    assert objection([measured("sand"), measured("water")], Origin("none", SOLVERS)) == "no law has measured it"


def test_objections_are_counted_in_one_sentence() -> None:
    origins = [Origin(material, SOLVERS) for material in ("sand", "sand", "none", "water")]
    assert objections(RECORD, origins) == ""
    assert objections([measured("water")], origins) == "1 of bodies alone, 2 of sand: no law has measured it"


def test_everything_validated_is_exported_without_a_word(run: Run) -> None:
    tally = stage.export(run)
    assert (tally.failed, set(tally.done)) == ({}, {"videofolder", "webdataset"})
    card = (run.folder / "dataset" / "videofolder" / "README.md").read_text()
    assert "Not validated" not in card
    assert (run.folder / "dataset" / "videofolder" / "validation.json").exists()
    assert {row["provenance_laws"] for row in rows(run, "videofolder")} >= {
        "2 of 2 measurements of 1 laws within tolerance"
    }


def test_clips_that_nothing_vouches_for_stay_out_and_the_way_in_is_said(run: Run, record: Any) -> None:
    record([measured("sand"), measured("none")])
    tally = stage.export(run)
    assert {row["material"] for row in rows(run, "videofolder")} == {"sand", "none"}
    (sentence,) = tally.failed.values()
    assert "refused 2 of 6 clips" in sentence
    assert "2 of water: no law has measured it" in sentence
    assert "stage=validate run=set" in sentence
    assert "allow_unvalidated=true" in sentence
    assert store.read_json(run.folder / "summary.json")["export"]["clips"] == 4


def test_a_record_of_other_solvers_vouches_for_nothing(run: Run, record: Any) -> None:
    record([{**row, "code": "01de" * 16} for row in RECORD])
    tally = stage.export(run)
    assert not (run.folder / "dataset").exists()
    assert (tally.done, list(tally.failed)) == ((), ["refused"])
    assert "refused 6 of 6 clips" in tally.failed["refused"]
    assert store.read_json(run.folder / "summary.json")["export"] == {
        "folder": str(run.folder / "dataset"),
        "formats": [],
        "clips": 0,
    }


def test_allowed_all_the_same_the_card_says_so(run: Run, record: Any) -> None:
    record([measured("sand"), measured("none")])
    tally = stage.export(replace(run, allow_unvalidated=True))
    assert tally.failed == {}
    assert len(rows(run, "videofolder")) == 6
    card = (run.folder / "dataset" / "videofolder" / "README.md").read_text()
    assert "> **Not validated** (allow_unvalidated=true): 2 of water: no law has measured it." in card


def test_the_card_of_a_quick_run_says_so(run: Run) -> None:
    stage.export(replace(run, quick=True))
    assert "A quick run" in (run.folder / "dataset" / "videofolder" / "README.md").read_text()


def test_a_runs_own_validation_comes_first(run: Run, record: Any) -> None:
    record([])
    store.write_json(run.folder / "validation.json", RECORD)
    assert stage.export(run).failed == {}


def test_the_same_command_again_makes_nothing(run: Run) -> None:
    assert stage.export(run).made == 2
    assert stage.export(run).made == 0


def test_weight_and_position_of_curation_stand_in_the_rows(run: Run) -> None:
    stage.export(run)
    for row in rows(run, "videofolder"):
        number = int(row["clip_id"][-5:])
        assert (row["weight"], row["position"]) == (1.5, number if row["split"] == "train" else -1)
    assert all("instructive" not in row for row in rows(run, "videofolder"))


def test_videos_lie_there_once_and_are_those_of_the_run(run: Run) -> None:
    stage.export(chosen(run, "videofolder", "ltx", "cosmos", "pairs", "diffsynth"))
    dataset = run.folder / "dataset"
    for row in rows(run, "videofolder"):
        name = row["file_name"]
        media = dataset / "media" / name
        preview = run.folder / "clips" / row["clip_id"] / "preview.mp4"
        assert media.read_bytes() == preview.read_bytes()
        assert not media.samefile(preview)  # who edits a data set does not edit the run
        assert row["video_sha256"] == store.sha256(preview)
        others = ("videofolder/{split}", "ltx/videos", "cosmos/{split}/videos", "pairs/{split}/truth")
        assert all(media.samefile(dataset / one.format(split=row["split"]) / name) for one in others)
    assert all(store.verify(folder) == [] for folder in dataset.iterdir())


def test_pairs_take_the_answers_of_the_clips_as_they_are(run: Run) -> None:
    stage.export(chosen(run, "preferences"))
    found = rows(run, "preferences")
    assert len(found) == 6
    for row in found:
        folder = run.folder / "dataset" / "preferences" / row["split"]
        answer = answer_folder(run, "next_frame", row["clip_id"], 0)
        assert store.sha256(folder / row["rejected_file_name"]) == row["rejected_sha256"]
        assert row["rejected_sha256"] == store.sha256(answer / "preview.mp4")
        assert (row["plausibility"], row["prompt_frames"], row["model"]) == (40.0, 4, "next_frame")


def test_an_answer_to_another_clip_of_that_name_is_no_pair(run: Run) -> None:
    plan = store.read_json(run.folder / "plan.json")
    plan["answers"][0]["truth"] = "another"
    store.write_json(run.folder / "plan.json", plan)
    stage.export(chosen(run, "preferences"))
    assert len(rows(run, "preferences")) == 5


def test_pairs_of_a_run_without_answers_are_an_error_and_the_rest_is_written(run: Run) -> None:
    plan = store.read_json(run.folder / "plan.json")
    store.write_json(run.folder / "plan.json", {"clips": plan["clips"]})
    tally = stage.export(chosen(run, "pairs", "videofolder"))
    assert tally.done == ("videofolder",)
    assert "run stage=generate and stage=score first" in tally.failed["pairs"]
    assert not (run.folder / "dataset" / "pairs").exists()


def test_a_preview_that_was_changed_is_not_passed_on(run: Run) -> None:
    preview = sorted((run.folder / "clips").iterdir())[0] / "preview.mp4"
    preview.write_bytes(preview.read_bytes()[:-1] + b"x")
    tally = stage.export(run)
    assert "not the file that was written" in tally.failed["media"]
    assert not (run.folder / "dataset" / "media").exists()
    assert not (run.folder / "dataset" / "videofolder").exists()


def test_a_full_disk_leaves_nothing_that_looks_finished(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("videofolder", "webdataset", "parquet", "diffsynth", "musubi", "finetrainers", "ltx", "cosmos", "pairs")
    stage.export(chosen(run, "kitti_flow"))  # so that the videos are there already
    usual, full = os.fsync, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("README.md"):
            raise full
        usual(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    tally = stage.export(chosen(run, *names))
    assert set(tally.failed) == set(names)
    assert all("No space left on device" in error and "make room" in error for error in tally.failed.values())
    left = {path.name for path in (run.folder / "dataset").iterdir()}
    assert left == {"media", "attempts", "kitti_flow"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_clear_error(run: Run) -> None:
    (run.folder / "dataset").mkdir()
    (run.folder / "dataset").chmod(0o500)
    try:
        assert "make the folder writable" in stage.export(run).failed["media"]
    finally:
        (run.folder / "dataset").chmod(0o700)


def test_a_media_folder_that_vanished_is_made_again(run: Run) -> None:
    stage.export(run)
    shutil.rmtree(run.folder / "dataset" / "media")
    stage.export(run)
    assert len(list((run.folder / "dataset" / "media").glob("*.mp4"))) == 6


def test_a_set_with_positions_for_the_training_clips_alone_loads(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import load_dataset

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    stage.export(chosen(run, "videofolder", "parquet"))
    for layout in ("videofolder", "parquet"):
        data = load_dataset(str(run.folder / "dataset" / layout), cache_dir=str(run.folder / "cache"))
        assert {split: rows.num_rows for split, rows in data.items()} == COUNTS
        assert sorted(data["train"]["position"]) == [0, 1, 4]
        assert set(data["test"]["position"]) == {-1}


def test_another_build_of_torch_is_no_other_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a record made here would vouch for nothing where pip takes 2.13.0 instead of 2.13.0+cpu."""
    usual, mine = _units._version, _units.solvers()
    monkeypatch.setattr(_units, "_version", lambda name: "another" if name in ("torch", "av") else usual(name))
    assert _units.solvers() == mine
    monkeypatch.setattr(_units, "_version", lambda name: "another" if name == "warp-lang" else usual(name))
    assert _units.solvers() != mine

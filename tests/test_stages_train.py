"""Training from outside: the judge looks on, and a hub model is taught."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_pipelines

from pipeline import store
from pipeline.app import compose
from pipeline.models import Spec
from pipeline.models.next_frame import NextFrame
from pipeline.stages.train import train
from pipeline.training import moving_bodies


class Paced(NextFrame):
    """Knows one rate."""

    @property
    def spec(self) -> Spec:
        return Spec(fps=16.0)


@pytest.fixture
def copied(outputs: Path, tmp_path: Path) -> Path:
    """Outputs with a copy of the run, for tests that train in it."""
    shutil.copytree(outputs / "walk", tmp_path / "copied" / "walk")
    return tmp_path / "copied"


def test_the_judge_sees_weights_on_the_way(command, copied: Path) -> None:
    words = (
        "quick=true", f"outputs={copied}", "run=walk", "stage=train", "training.steps=2", "training.batch=2",
        "training.crop=32", "model.widths=[8,8]", "metrics=[mask_iou]", "flow=farneback",
        "training.judge_every=2", "training.judged=walk",
    )  # fmt: skip
    before = store.read_json(copied / "walk" / "plan.json")
    done = command(*words)
    assert done.returncode == 0, done.stderr
    folder = copied / "walk" / "training" / "next_frame"
    rows = [json.loads(line) for line in (folder / "judged.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2]
    assert all(row["plausibility"]["n"] == 3 and row["failed"] == {} for row in rows)
    assert store.read_json(copied / "walk" / "plan.json") == before, "the run's own answers stay as they are"


def test_what_does_not_fit_is_named_before_any_step(outputs: Path) -> None:
    words = ["quick=true", f"outputs={outputs}", "run=walk", "stage=train"]
    with pytest.raises(ValueError, match=r"run 'nowhere': expected clips in .* simulate its scenes first"):
        train(compose([*words, "training.judge_every=2", "training.judged=nowhere"]))
    run = compose(words)
    run.model = Paced()
    with pytest.raises(ValueError, match=r"it makes 16 frames a second, .*\.mp4 has 24: simulate the set with fps=16"):
        train(run)


def test_what_is_rigid_and_moves_is_a_body() -> None:
    """A falling ball is one in every frame; a resting box, flowing sand and a box of two moving pixels are none."""
    segmentation = np.zeros((4, 20, 20), np.uint16)
    for time in range(4):
        segmentation[time, 2 + 2 * time : 6 + 2 * time, 2:6] = 1  # the ball
    segmentation[:, 2:8, 10:16], segmentation[:, 15:, :], segmentation[:, 0, :2] = 2, 3, 4
    material = np.where(segmentation == 3, 2, np.where(segmentation > 0, 1, 0)).astype(np.uint8)
    flow = np.zeros((4, 20, 20, 2), np.float16)
    flow[1:][segmentation[1:] == 1] = (0, -2)
    flow[1:][segmentation[1:] >= 3] = (1, 0)
    assert np.array_equal(moving_bodies(segmentation, material, flow), segmentation == 1)


def test_a_hub_model_is_taught_and_answers_with_what_it_learnt(command, copied: Path, tmp_path: Path) -> None:
    words = (
        "quick=true", f"outputs={copied}", "run=walk", "baselines=[]", "model=diffusers", "model.side=32",
        f"model.id={tiny_pipelines.save('wan_2_2_5b', tmp_path)}", "model.steps=1", "engine=serial",
    )  # fmt: skip
    tiny = ("training.steps=2", "training.batch=1", "training.window=5", "training.crop=32")
    done = command(*words, "stage=train", "model.fps=24", *tiny)
    assert done.returncode == 0, done.stderr
    lora = copied / "walk" / "training" / "diffusers"
    done = command(*words, "stage=generate", f"model.lora={lora}", "clips=1")
    assert done.returncode == 0, done.stderr
    answers = sorted((copied / "walk" / "generated" / "diffusers").iterdir())
    notes = store.load_clip(answers[0]).notes
    assert notes["fps"] == "resampled from 16 to 24 fps (linear)"

"""A hub model is taught by LoRA: on tiny random Wans the loss falls, the adapter is kept, and it changes the answer."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import tiny_pipelines
import torch
from safetensors.torch import load_file

from pipeline.models import Learner
from pipeline.models.diffusers import Diffusers
from pipeline.training import WEIGHTS, Footage, Training, Windows
from pipeline.types import Prompt


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    for kind in ("wan", "wan_2_2", "wan_2_2_5b", "ltx"):
        tiny_pipelines.save(kind, folder)
    return folder


def fresh(saved: Path, kind: str = "wan_2_2_5b", **changed: object) -> Diffusers:
    return Diffusers(**{"id": str(saved / kind), "side": 32, "steps": 2, "rank": 4, **changed})  # type: ignore[arg-type]


def clips() -> list[Footage]:
    """Two clips: a red box falls over a speckled wall."""
    rng = np.random.default_rng(0)
    made = []
    for left in (10, 18):
        frames = np.repeat(rng.integers(80, 150, (1, 32, 32, 3), dtype=np.uint8), 9, axis=0)
        for time in range(9):
            frames[time, 2 * time + 2 : 2 * time + 10, left : left + 8] = (220, 40, 40)
        made.append(Footage(frames, captions=("a red box falls into sand",)))
    return made


def small(**changed: object) -> Training:
    settings = {
        "steps": 6, "batch": 1, "window": 5, "crop": 32, "record_every": 2, "learning_rate": 0.02, "warmup": 0,
        "augment": False, "average": 0.5, "clip_norm": 1.0, **changed,
    }  # fmt: skip
    return Training(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["wan", "wan_2_2", "wan_2_2_5b"])
def test_the_loss_falls_on_two_clips_and_only_adapters_learn(saved: Path, kind: str, tmp_path: Path) -> None:
    model, training = fresh(saved, kind), small(steps=16, record_every=16)
    told = Windows(clips(), small(batch=4)).batch([9])
    before = model.loss(told).item()
    list(training.fit(model, clips(), tmp_path, 0))
    assert model.loss(told).item() < 0.97 * before
    learning = {name for name, parameter in model.network().named_parameters() if parameter.requires_grad}
    assert learning
    assert all("lora" in name for name in learning)
    assert torch.load(tmp_path / "checkpoint.pt")["network"].keys() == learning


def test_the_adapter_is_read_again_and_changes_the_answer(saved: Path, tmp_path: Path) -> None:
    model = fresh(saved)
    list(small().fit(model, clips(), tmp_path, 0))
    tensors = load_file(tmp_path / WEIGHTS)
    assert all(name.startswith("transformer.blocks.") and ".lora_" in name for name in tensors)
    asked = Prompt("clip", "a red box falls into sand", clips()[0].frames[:1], 16.0, 5)
    before, after = fresh(saved), model.taught(str(tmp_path))
    assert isinstance(model, Learner)
    assert before.fingerprint() != after.fingerprint()
    assert (before.generate(asked, 0).frames != after.generate(asked, 0).frames).any()
    np.testing.assert_array_equal(
        after.generate(asked, 0).frames, fresh(saved, lora=str(tmp_path / WEIGHTS)).generate(asked, 0).frames
    )


def test_what_was_learnt_is_what_is_read_again(saved: Path, tmp_path: Path) -> None:
    """The network that learnt and the pipeline that read the adapter tell the same."""
    model = fresh(saved)
    list(small().fit(model, clips(), tmp_path, 0))
    learnt = model._learning[0]
    asked = Prompt("clip", "a red box", clips()[0].frames[:1], 16.0, 5)
    with torch.no_grad():
        direct = learnt(**model._call(learnt, asked, 0)).frames[0]
    again = model.taught(str(tmp_path)).continued(asked, 0)
    np.testing.assert_array_equal(np.rint(255 * direct[1:]).astype(np.uint8), again)


def test_both_experts_are_kept_in_one_file(saved: Path, tmp_path: Path) -> None:
    model = fresh(saved, "wan_2_2")
    list(small(steps=1).fit(model, clips(), tmp_path, 0))
    assert {name.split(".")[0] for name in load_file(tmp_path / WEIGHTS)} == {"transformer", "transformer_2"}
    asked = Prompt("clip", "a red box", clips()[0].frames[:1], 16.0, 5)
    assert model.taught(str(tmp_path)).generate(asked, 0).frames.shape == (5, 32, 32, 3)


def test_resumed_equals_uninterrupted(saved: Path, tmp_path: Path) -> None:
    list(small().fit(fresh(saved), clips(), tmp_path / "whole", 0))
    for _ in range(2):
        list(itertools.islice(small().fit(fresh(saved), clips(), tmp_path / "pieces", 0), 1))
    list(small().fit(fresh(saved), clips(), tmp_path / "pieces", 0))
    assert (tmp_path / "whole" / WEIGHTS).read_bytes() == (tmp_path / "pieces" / WEIGHTS).read_bytes()


def test_what_cannot_learn_is_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a Wan image-to-video model without a LoRA to train, got .*LTX"):
        list(small().fit(fresh(saved, "ltx"), clips(), tmp_path / "a", 0))
    with pytest.raises(ValueError, match=r"takes 4n \+ 1 frames, got windows of 6: set training\.window"):
        list(small(window=6).fit(fresh(saved), clips(), tmp_path / "b", 0))
    with pytest.raises(FileNotFoundError, match=r"lora: expected a file, or a folder with weights\.safetensors"):
        fresh(saved, lora=str(tmp_path / "nothing")).fingerprint()

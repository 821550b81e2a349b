"""One exam over everything on the shelf of models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_pipelines
import torch

from pipeline import models, shelf, video
from pipeline.models import Learner, Model
from pipeline.models.diffusers import Diffusers
from pipeline.models.dit import Dit
from pipeline.models.folder import Folder
from pipeline.models.next_frame import NextFrame
from pipeline.types import Prompt

NAMES = shelf.names(models)
CLIP = "drop-sand-00000"


def prompt(shown: int = 4, num_frames: int = 7, height: int = 32, width: int = 40, fps: float = 24.0) -> Prompt:
    """A bright square falls over a speckled wall."""
    rng = np.random.default_rng(0)
    frames = np.repeat(rng.integers(80, 150, (1, height, width, 3), dtype=np.uint8), shown, axis=0)
    for time in range(shown):
        frames[time, 4 + 2 * time : 12 + 2 * time, 10:18] = (220, 40, 40)
    return Prompt(CLIP, "A red box falls into dry sand.", frames, fps, num_frames)


def ready(name: str, asked: Prompt, folder: Path) -> Model:
    """The model with what it needs from disk: fresh small weights, or clips that someone made elsewhere."""
    if name == "next_frame":
        torch.manual_seed(0)
        file = str(folder / "fresh.safetensors")
        NextFrame(widths=[8, 8, 8]).save(file)
        return NextFrame(weights=file)
    if name == "folder":
        rest = np.repeat(asked.frames[-1:], asked.num_frames - len(asked.frames), axis=0)
        made = np.concatenate([asked.frames, rest])
        for sample in range(2):
            video.write_lossless(folder / f"{CLIP}__s{sample}.mkv", made, asked.fps)
        return Folder(path=str(folder))
    if name == "dit":
        torch.manual_seed(0)
        file = str(folder / "fresh.safetensors")
        Dit(width=24, depth=1, heads=2).save(file)
        return Dit(weights=file, ahead=2, steps=2, side=32)
    if name == "diffusers":
        return Diffusers(id=tiny_pipelines.save("ltx", folder), steps=1, side=32)
    return shelf.find(models, Model, name)()


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_continues_the_prompt(name: str, tmp_path: Path) -> None:
    asked = prompt()
    clip = ready(name, asked, tmp_path).generate(asked, seed=3, sample=1)
    assert (clip.clip_id, clip.source, clip.sample, clip.fps) == (CLIP, name, 1, 24.0)
    assert clip.frames.dtype == np.uint8
    assert clip.frames.shape == (7, 32, 40, 3)
    np.testing.assert_array_equal(clip.frames[:4], asked.frames)
    assert clip.layers is None


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    asked = prompt()
    model = ready(name, asked, tmp_path)
    again = ready(name, asked, tmp_path)
    assert model.generate(asked, 5).frames.tobytes() == again.generate(asked, 5).frames.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_another_answer_only_where_the_spec_says_so(name: str, tmp_path: Path) -> None:
    asked = prompt()
    model = ready(name, asked, tmp_path)
    one, other = (model.generate(asked, seed).frames.tobytes() for seed in (1, 2))
    assert model.spec.stochastic or one == other


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("shown", "num_frames", "height", "width"), [(5, 7, 37, 51), (1, 3, 32, 32), (4, 4, 32, 32)])
def test_odd_sizes_a_single_frame_and_nothing_to_add(
    name: str, shown: int, num_frames: int, height: int, width: int, tmp_path: Path
) -> None:
    asked = prompt(shown, num_frames, height, width)
    frames = ready(name, asked, tmp_path).generate(asked, 0).frames
    assert frames.shape == (num_frames, height, width, 3)
    np.testing.assert_array_equal(frames[:shown], asked.frames)


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_is_not_edited(name: str, tmp_path: Path) -> None:
    asked = prompt()
    before = asked.frames.copy()
    asked.frames.setflags(write=False)
    ready(name, asked, tmp_path).generate(asked, 0)
    np.testing.assert_array_equal(asked.frames, before)


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_longer_than_the_clip_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"model={name}.*asks for 2 frames, fewer than the 4"):
        ready(name, prompt(), tmp_path).generate(prompt(num_frames=2), 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_fingerprint_stays(name: str, tmp_path: Path) -> None:
    asked = prompt()
    model = ready(name, asked, tmp_path)
    before = model.fingerprint()
    model.generate(asked, 0)
    assert model.fingerprint() == before
    assert isinstance(model, Learner) <= (before != "")


@pytest.mark.parametrize("model", [NextFrame, Dit])
def test_the_shipped_weights_answer_and_keep_the_picture(model: type[NextFrame | Dit]) -> None:
    """Thirty frames on, nothing has run off into noise: the still corner looks as it did."""
    assert model.shipped is not None
    assert model.shipped.is_file(), "the weights belong into the repository"
    asked = prompt(num_frames=33, height=64, width=64)
    clip = model().generate(asked, 0)
    corner = np.abs(clip.frames[-1, 48:, 48:].astype(int) - asked.frames[-1, 48:, 48:])
    assert corner.mean() < 8
    assert np.abs(clip.frames[8].astype(int) - asked.frames[-1]).max() > 30, "the falling square must not freeze"

"""Hub models of every family, tiny and random: asked in their own way, answered as asked."""

from __future__ import annotations

import inspect
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_pipelines

from pipeline.models import _hub
from pipeline.models._families import FAMILIES, as_configured
from pipeline.models.diffusers import Diffusers
from pipeline.types import Prompt


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    for kind in tiny_pipelines.MADE:
        tiny_pipelines.save(kind, folder)
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def prompt(shown: int = 4, num_frames: int = 12) -> Prompt:
    rng = np.random.default_rng(0)
    frames = rng.integers(80, 150, (shown, 32, 32, 3), dtype=np.uint8)
    return Prompt("clip", "a red box falls into dry sand", frames, 24.0, num_frames)


def tiny(folder: Path, kind: str, **changed: Any) -> Diffusers:
    return Diffusers(**{"id": str(folder / kind), "steps": 2, "side": 32, **changed})


@pytest.mark.parametrize("kind", tiny_pipelines.MADE)
def test_every_family_answers_and_the_seed_decides(saved: Path, kind: str) -> None:
    model, asked = tiny(saved, kind), prompt()
    clip = model.generate(asked, 0)
    assert clip.frames.shape == (12, 32, 32, 3)
    np.testing.assert_array_equal(clip.frames[:4], asked.frames)
    assert clip.notes["shown"].startswith("the last 1 of ")
    np.testing.assert_array_equal(clip.frames, tiny(saved, kind).generate(asked, 0).frames)
    assert (model.generate(asked, 1).frames[4:] != clip.frames[4:]).any()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_table_fits_the_pipelines_that_are_installed(name: str) -> None:
    family = FAMILIES[name]
    takes = inspect.signature(getattr(_hub.diffusers(), family.pipeline).__call__).parameters
    assert {family.shows, "num_frames", "generator", "output_type", "num_inference_steps"} <= set(takes)
    assert all(hasattr(_hub.diffusers(), made_as) for made_as in family.loads)


def test_what_a_model_says_of_itself_counts(saved: Path) -> None:
    assert tiny(saved, "cogvideox").spec.size == (32, 32)
    assert tiny(saved, "cogvideox").spec.longest == 9
    assert tiny(saved, "stable_video_diffusion").spec.longest == 3
    assert Diffusers(id=str(saved / "wan")).spec.side == 480
    real = {"sample_height": 60, "sample_width": 90, "sample_frames": 49}
    assert as_configured(FAMILIES["cogvideox"], real, {"block_out_channels": [1] * 4}).size == (480, 720)


def test_conditions_show_as_many_frames_as_the_rule_allows(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = tiny(saved, "ltx"), prompt(shown=12, num_frames=20)
    told: dict[str, Any] = {}
    call = Diffusers._call
    monkeypatch.setattr(Diffusers, "_call", lambda *given: told.update(call(*given)) or call(*given))
    notes = model.generate(asked, 0).notes
    shown = told["conditions"][0].video
    np.testing.assert_array_equal(np.stack([np.asarray(picture) for picture in shown]), asked.frames[-9:])
    assert (told["num_frames"], told["frame_rate"], told["prompt"]) == (17, 24, asked.text)
    assert notes["shown"] == "the last 9 of 12 frames at 24 fps"


def test_further_arguments_reach_the_call_or_are_refused(saved: Path) -> None:
    strong = tiny(saved, "ltx_image", arguments={"guidance_scale": 9.0}).generate(prompt(), 0)
    assert (strong.frames != tiny(saved, "ltx_image").generate(prompt(), 0).frames).any()
    with pytest.raises(ValueError, match=r"takes no guidence; it takes image, prompt"):
        tiny(saved, "ltx_image", arguments={"guidence": 9.0}).generate(prompt(), 0)


def test_half_precision(saved: Path) -> None:
    assert tiny(saved, "wan", dtype="bfloat16").generate(prompt(), 0).frames.shape == (12, 32, 32, 3)


def test_what_cannot_be_had_is_named(saved: Path, tmp_path: Path, offline: None) -> None:
    with pytest.raises(ValueError, match=r"id is empty; set model\.id"):
        Diffusers().generate(prompt(), 0)
    with pytest.raises(FileNotFoundError, match=r"'nobody/nothing' cannot be had.*hf download nobody/nothing"):
        Diffusers(id="nobody/nothing").fingerprint()
    with pytest.raises(FileNotFoundError, match=r"'no such folder!' cannot be had: neither a folder here nor"):
        Diffusers(id="no such folder!").fingerprint()
    with pytest.raises(FileNotFoundError, match=r"expected a diffusers model in .*, it has no model_index\.json"):
        Diffusers(id=str(tmp_path)).generate(prompt(), 0)
    shutil.copytree(saved / "wan", tmp_path / "torn")
    (tmp_path / "torn" / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"torn' cannot be had: the folder is not complete"):
        tiny(tmp_path, "torn").generate(prompt(), 0)


def test_the_missing_extra_is_named(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    _hub.kept.cache_clear()
    with pytest.raises(ValueError, match=r"needs the extra 'hub'.*\.\[hub\]"):
        tiny(saved, "wan").generate(prompt(), 0)


def test_families_that_are_not_known_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"got family 'wann'; model\.family can be wan, ltx"):
        tiny(saved, "wan", family="wann").generate(prompt(), 0)
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    with pytest.raises(ValueError, match="got a pipeline of class FluxPipeline"):
        Diffusers(id=str(tmp_path)).generate(prompt(), 0)


def test_the_fingerprint_tells_weights_apart(saved: Path) -> None:
    assert tiny(saved, "wan").fingerprint() != tiny(saved, "wan_2_2").fingerprint()


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="dtype must be one of float32, bfloat16, float16, got 'int8'"):
        Diffusers(dtype="int8")
    with pytest.raises(ValueError, match="offload must be one of none, model, sequential"):
        Diffusers(offload="disk")
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        Diffusers(steps=-1)

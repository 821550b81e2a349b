"""RAFT's plumbing with random weights: sizes, padding, batches, files, and what happens without weights."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_every_flow import sliding

from pipeline import _torchvision
from pipeline.app import compose
from pipeline.flows import raft
from pipeline.flows.dis import Dis
from pipeline.flows.raft import Raft, Size
from pipeline.stages._layout import Truth
from pipeline.stages.score import null_unit
from pipeline.types import Clip, UInt8


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of random weights of the small network."""
    return saved(tmp_path_factory.mktemp("weights") / "small.pth", seed=0)


def saved(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    net = _torchvision.load("torchvision.models.optical_flow").raft_small(weights=None, progress=False)
    torch.save(net.state_dict(), path)
    return path


def clip_of(frames: UInt8) -> Clip:
    return Clip("noise", "truth", 0, frames, 24.0)


def noise(length: int, height: int, width: int) -> UInt8:
    coarse = np.random.default_rng(0).integers(0, 256, (length, -(-height // 8), -(-width // 8), 3), np.uint8)
    return np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8))[:, :height, :width].copy()


@pytest.fixture
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch hub's cache without any file in it."""
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    raft._substitute.cache_clear()
    return tmp_path / "checkpoints"


def test_a_frame_that_fits_is_handed_over_as_torchvision_wants_it(small: Path) -> None:
    frames = noise(3, 128, 136)
    found = Raft(Size.SMALL, str(small), updates=2).estimate(clip_of(frames)).forward
    net = _torchvision.load("torchvision.models.optical_flow").raft_small(weights=None, progress=False)
    net.load_state_dict(torch.load(small, weights_only=True))
    prepare = _torchvision.load("torchvision.transforms._presets").OpticalFlow()
    with torch.inference_mode():
        pair = prepare(*(torch.from_numpy(frames[part]).permute(0, 3, 1, 2) for part in (slice(0, 1), slice(1, 2))))
        expected = net.eval()(*pair, num_flow_updates=2)[-1][0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found[0], expected, atol=1e-4)
    assert np.abs(found).max() > 0.01


@pytest.mark.parametrize(("height", "width"), [(16, 24), (90, 131), (127, 129), (135, 16)])
def test_any_size_is_padded_with_its_border_and_cropped_back(height: int, width: int, small: Path) -> None:
    flow = Raft(Size.SMALL, str(small), updates=1)
    frames = noise(2, height, width)
    found = flow.estimate(clip_of(frames)).forward
    assert (found.shape, found.dtype) == ((1, height, width, 2), np.float32)
    whole = tuple(max(128, -(-edge // 8) * 8) for edge in (height, width))
    before = tuple((long - edge) // 2 for long, edge in zip(whole, (height, width), strict=True))
    after = tuple(long - edge - front for long, edge, front in zip(whole, (height, width), before, strict=True))
    padded = np.pad(frames, ((0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)), mode="edge")
    expected = flow.estimate(clip_of(padded)).forward[:, before[0] :, before[1] :][:, :height, :width]
    assert np.array_equal(found, expected)


def test_batches_and_threads_change_nothing_but_the_speed(small: Path) -> None:
    clip = clip_of(noise(4, 128, 128))
    one = Raft(Size.SMALL, str(small), updates=2, batch=1)
    threads = torch.get_num_threads()
    fields = [replace(one, **how).estimate(clip) for how in ({}, {"batch": 2}, {"batch": 99})]
    fields.append(replace(one, threads=2).estimate(clip_of(clip.frames[:2])))
    assert torch.get_num_threads() == threads
    assert {field.estimator for field in fields} == {one.estimator}
    for field in fields[1:]:
        np.testing.assert_allclose(field.forward, fields[0].forward[: len(field.forward)], atol=1e-3)
    assert np.array_equal(one.estimate(clip).forward, fields[0].forward)
    assert one.estimate(clip_of(clip.frames[:1])).forward.shape == (0, 128, 128, 2)


def test_the_name_tells_weights_sizes_and_updates_apart(small: Path, tmp_path: Path) -> None:
    other = saved(tmp_path / "other.pth", seed=1)
    plain = Raft(Size.SMALL, str(small))
    names = [plain.estimator, Raft(Size.SMALL, str(other)).estimator, replace(plain, updates=3).estimator]
    names.append(replace(plain, size=Size.LARGE).estimator)
    assert len(set(names)) == 4
    assert all(name.startswith("raft(size=") for name in names)
    copy = tmp_path / "copy.pth"
    copy.write_bytes(small.read_bytes())
    assert replace(plain, weights=str(copy)).estimator == plain.estimator


def test_weights_in_the_hubs_cache_are_found(small: Path, empty_hub: Path) -> None:
    (empty_hub / "raft_small_C_T_V2-01064c6d.pth").write_bytes(small.read_bytes())
    assert Raft(Size.SMALL).estimator == Raft(Size.SMALL, str(small)).estimator


@pytest.mark.usefixtures("empty_hub")
def test_without_weights_dis_does_the_work_under_its_own_name_and_one_warning_says_so() -> None:
    clip = sliding(2.0, -1.0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fields = [Raft().estimate(clip), replace(Raft(), updates=3).estimate(clip)]
        names = {Raft().estimator, Dis().estimator, *(field.estimator for field in fields)}
    assert len(names) == 1
    assert np.array_equal(fields[0].forward, Dis().estimate(clip).forward)
    assert len(said) == 1
    assert "raft_large_C_T_SKHT_V2-ff5fadd5.pth" in str(said[0].message)


def test_weights_that_cannot_be_used_are_named(small: Path, tmp_path: Path) -> None:
    whole = small.read_bytes()
    torch.save([1, 2], tmp_path / "list.pth")
    for name, held in {"cut.pth": whole[: len(whole) // 2], "empty.pth": b"", "page.pth": b"<html>404</html>"}.items():
        (tmp_path / name).write_bytes(held)
    expected = {
        "missing.pth": "no such file",
        "cut.pth": "a damaged file",
        "empty.pth": "a damaged file",
        "page.pth": "a damaged file",
        "list.pth": "expected a state_dict .* got list",
    }
    for name, got in expected.items():
        with pytest.raises((ValueError, FileNotFoundError), match=f"flow raft: .*{got}") as raised:
            Raft(Size.SMALL, str(tmp_path / name)).estimate(sliding(1, 0))
        assert name in str(raised.value)
    with pytest.raises(ValueError, match=r"weights of raft_large in .*small\.pth, got 106 arrays .* set flow\.size"):
        Raft(Size.LARGE, str(small)).estimate(sliding(1, 0))


def test_torchvision_is_mended_whatever_was_imported_before() -> None:
    script = (
        "import contextlib, torch\n"
        "with contextlib.suppress(RuntimeError):\n"
        "    import torchvision\n"
        "from pipeline._torchvision import load\n"
        "flow = load('torchvision.utils').flow_to_image(torch.ones(2, 4, 4))\n"
        "print(flow.shape[0], load('torchvision.transforms.v2').Resize(8)(torch.ones(3, 4, 4)).shape[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "8"]


def test_scores_are_made_anew_when_weights_appear(small: Path, empty_hub: Path) -> None:
    run = compose(["flow=raft", "flow.size=SMALL"])
    truth = Truth("clip", Path("clip"), "key", ())
    with pytest.warns(UserWarning, match="so dis estimates the flow"):
        before = null_unit(run, truth).key
    (empty_hub / "raft_small_C_T_V2-01064c6d.pth").write_bytes(small.read_bytes())
    assert null_unit(run, truth).key != before

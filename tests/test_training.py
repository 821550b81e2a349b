"""A training may be interrupted anywhere, and says how it stands."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.training import CHECKPOINT, LOG, WEIGHTS, Footage, Training, Windows, tracker, weights_at
from pipeline.types import UInt8


class Tiny:
    """Tells the next frame as a colour mixture of the last; learns in a moment."""

    def __init__(self) -> None:
        self._network: torch.nn.Conv2d | None = None

    def network(self) -> torch.nn.Conv2d:
        self._network = self._network or torch.nn.Conv2d(3, 3, 3, padding=1)
        return self._network

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        frames = batch["frames"].movedim(-1, -3).float() / 255
        jitter = torch.randn(frames[:, 0].shape, generator=torch.Generator().manual_seed(int(batch["seed"])))
        return (self.network()(frames[:, 0] + 0.01 * jitter) - frames[:, 1]).abs().mean()

    def save(self, path: str) -> None:
        save_file(self.network().state_dict(), path)


class Exploding(Tiny):
    """Has no finite loss."""

    def loss(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return super().loss(batch) * float("nan")


def filmed(frames: UInt8) -> Footage:
    return Footage(frames, np.zeros((*frames.shape[:3], 2), np.float32))


def clips(count: int = 3) -> list[Footage]:
    rng = np.random.default_rng(0)
    return [filmed(rng.integers(0, 256, (10, 40, 48, 3), dtype=np.uint8)) for _ in range(count)]


def small(**changed: float) -> Training:
    settings = {"steps": 12, "batch": 2, "window": 3, "crop": 32, "record_every": 3, "warmup": 2, **changed}
    return Training(**settings)  # type: ignore[arg-type]


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole = list(small().fit(Tiny(), clips(), tmp_path / "whole", 0, clips(1)))
    for _ in range(4):  # each time, all but what is on disk is lost after one or two records
        list(itertools.islice(small().fit(Tiny(), clips(), tmp_path / "pieces", 0, clips(1)), 2))
    list(small().fit(Tiny(), clips(), tmp_path / "pieces", 0, clips(1)))
    one, other = load_file(tmp_path / "whole" / WEIGHTS), load_file(tmp_path / "pieces" / WEIGHTS)
    assert all(torch.equal(one[name], other[name]) for name in one)
    logged = [json.loads(line) for line in (tmp_path / "pieces" / LOG).read_text().splitlines()]
    timeless = [{**asdict(record), "seconds": 0} for record in whole]
    assert [{**row, "seconds": 0} for row in logged] == timeless


def test_the_seed_decides(tmp_path: Path) -> None:
    saved = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.rand(5)
        list(small().fit(Tiny(), clips(), tmp_path / folder, seed))
        saved.append((tmp_path / folder / WEIGHTS).read_bytes())
    assert saved[0] == saved[1] != saved[2]


def test_the_loss_falls_on_clips_not_seen(tmp_path: Path) -> None:
    still = [filmed(np.repeat(clip.frames[:1], 10, axis=0)) for clip in clips(4)]
    training = small(steps=60, learning_rate=0.02, record_every=20, average=0.5)
    records = list(training.fit(Tiny(), still[:3], tmp_path, 0, still[3:]))
    assert [record.step for record in records] == [20, 40, 60]
    assert records[-1].progress == 1
    outside = [record.held_out for record in records]
    assert outside[0] is not None
    assert outside[-1] is not None
    assert outside[-1] < 0.7 * outside[0]


def test_time_ends_a_training_too(tmp_path: Path) -> None:
    records = list(small(steps=10**9, minutes=0.001, record_every=10**9).fit(Tiny(), clips(), tmp_path, 0))
    assert len(records) == 1
    assert records[0].learning_rate < 0.02 * small().learning_rate
    assert (tmp_path / WEIGHTS).exists()


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    next(iter(small().fit(Tiny(), clips(), tmp_path, 0)))
    assert (tmp_path / CHECKPOINT).exists()
    with pytest.raises(ValueError, match=r"other settings \(batch 2 -> 4\).*choose another folder"):
        next(iter(small(batch=4).fit(Tiny(), clips(), tmp_path, 0)))


def test_a_loss_that_explodes_stops_at_once(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match=r"loss is nan at step 0.*training\.learning_rate"):
        list(small().fit(Exploding(), clips(), tmp_path, 0))


def test_unfit_clips_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got none"):
        small().fit(Tiny(), [], tmp_path, 0)
    with pytest.raises(ValueError, match=r"training clip 1 must have at least 3 frames .* got 2 of 40x48"):
        small().fit(Tiny(), [clips()[0], filmed(clips()[0].frames[:2])], tmp_path, 0)


def test_flow_must_fit_the_frames() -> None:
    with pytest.raises(ValueError, match=r"clip 0 must have flow of shape \(10, 40, 48, 2\), got \(9, 40, 48, 2\)"):
        small().fit(Tiny(), [Footage(clips()[0].frames, np.zeros((9, 40, 48, 2)))], Path("unused"), 0)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="batch must be at least 1, got 0"):
        Training(batch=0)
    with pytest.raises(ValueError, match="minutes must not be negative"):
        Training(minutes=-1)
    with pytest.raises(ValueError, match="precision must be one of no, bf16, fp16, got 'half'"):
        Training(precision="half")


def test_windows_never_turn_gravity_over() -> None:
    """Whatever the augmentation does, what is above stays above; left and right do change places."""
    height, width = 40, 48
    down = np.linspace(30, 220, height)[:, None, None] + np.linspace(0, 25, width)[None, :, None] * np.array([1, 1, 1])
    clip = np.repeat(down[None].astype(np.uint8), 8, axis=0)
    windows = Windows([filmed(clip)], small(batch=16))
    frames = windows.batch([0, 1])["frames"].numpy().astype(float)
    assert frames.shape == (16, 3, 32, 32, 3)
    assert (frames[:, :, -4:].mean(axis=(1, 2, 3, 4)) > frames[:, :, :4].mean(axis=(1, 2, 3, 4))).all()
    sideways = frames[:, :, :, -4:].mean(axis=(1, 2, 3, 4)) > frames[:, :, :, :4].mean(axis=(1, 2, 3, 4))
    assert sideways.any()
    assert not sideways.all()


def test_flow_follows_the_pixels_through_every_change() -> None:
    """A picture that slides by (3, 1) px a frame is found where the flow says, cut, shrunk, recoloured or mirrored."""
    y, x = np.mgrid[:64, :64]
    slid = [128 + 60 * np.sin((x - 3 * time) / 5) + 60 * np.cos((y - time) / 7) for time in range(6)]
    frames = np.repeat(np.stack(slid)[..., None], 3, axis=-1).astype(np.uint8)
    flow = np.broadcast_to(np.float32([-3, -1]), (6, 64, 64, 2))
    batch = Windows([Footage(frames, flow)], small(batch=24)).batch([0])
    for clip, motion in zip(batch["frames"].numpy(), batch["flow"].numpy(), strict=True):
        columns, rows = np.meshgrid(np.arange(32, dtype=np.float32), np.arange(32, dtype=np.float32))
        back = cv2.remap(clip[0], columns + motion[1, ..., 0], rows + motion[1, ..., 1], cv2.INTER_LINEAR)
        assert np.abs(back[4:-4, 4:-4].astype(int) - clip[1, 4:-4, 4:-4]).mean() < 4
    assert len(np.unique(batch["flow"].numpy()[..., 0] > 0)) == 2


def test_bodies_stay_on_their_pixels() -> None:
    """A bright body is where the mask says in every window, and as bright there as its mask is wide."""
    frames = np.full((6, 64, 64, 3), 40, np.uint8)
    frames[:, 20:44, 10:30] = 250
    bodies = frames[..., 0] > 100
    batch = Windows([Footage(frames, np.zeros((6, 64, 64, 2)), bodies)], small(batch=24)).batch([0])
    bright = batch["frames"].numpy().mean(axis=-1) > 90
    assert (bright == batch["bodies"].numpy()).mean() > 0.97
    assert "bodies" not in Windows([Footage(frames)], small()).batch([0])


def test_windows_start_where_something_moves() -> None:
    clip = np.zeros((40, 32, 32, 3), np.uint8)
    clip[20:24] = np.arange(50, 250, 50, dtype=np.uint8)[:, None, None, None]
    clip[24:] = 200
    frames = Windows([filmed(clip)], small(batch=64)).batch([0], augment=False)["frames"].numpy()
    moving = (np.ptp(frames, axis=1) > 0).any(axis=(1, 2, 3))
    assert moving.mean() > 0.5
    assert not moving.all()


def test_clips_without_flow_and_captions_teach_too() -> None:
    """Any VideoFolder will do; what is not known is not said."""
    told = [Footage(clip.frames, captions=("one", "other")) for clip in clips()]
    batch = Windows(told, small(batch=16)).batch([0])
    assert "flow" not in batch
    assert set(batch["text"]) == {"one", "other"}
    assert Windows(clips(), small()).batch([0])["text"] == ["", ""]


def test_without_augmentation_windows_are_pieces_of_the_clips() -> None:
    windows = Windows(clips(1), small(batch=4, augment=False)).batch([3])["frames"].numpy()
    pixels = {tuple(pixel) for pixel in clips(1)[0].frames.reshape(-1, 3)}
    assert {tuple(pixel) for pixel in windows.reshape(-1, 3)} <= pixels


def test_frozen_weights_stay_and_are_not_kept(tmp_path: Path) -> None:
    model = Tiny()
    torch.manual_seed(1)
    model.network().weight.requires_grad_(False)
    before = model.network().weight.clone()
    list(small().fit(model, clips(), tmp_path, 0))
    assert torch.equal(model.network().weight, before)
    assert list(torch.load(tmp_path / CHECKPOINT)["network"]) == ["bias"]


def test_accumulated_batches_make_one_step(tmp_path: Path) -> None:
    """Two batches of two are a step between those of either: their mean loss, their mean gradient."""
    records = list(small(steps=2, accumulate=2, record_every=1).fit(Tiny(), clips(), tmp_path, 0))
    assert len(records) == 2
    model, training = Tiny(), small(accumulate=2)
    torch.manual_seed(0)
    windows = Windows(clips(), training)
    losses = [model.loss(windows.batch(seed)).item() for seed in ([0, 0], [0, 0, 0, 1])]
    assert records[0].loss == pytest.approx(np.mean(losses), rel=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_learning_rates_follow_their_schedule(schedule: str, tmp_path: Path) -> None:
    records = list(small(steps=8, record_every=1, warmup=4, schedule=schedule).fit(Tiny(), clips(), tmp_path, 0))
    rates = [record.learning_rate / small().learning_rate for record in records]
    assert max(rates) <= 1
    assert rates[-1] == pytest.approx(1.0 if schedule == "constant" else 0.01)


def test_mixed_precision_goes_through_accelerate_and_is_resumed_to_the_bit(tmp_path: Path) -> None:
    training = small(precision="bf16", steps=6)
    list(training.fit(Tiny(), clips(), tmp_path / "whole", 0))
    list(itertools.islice(training.fit(Tiny(), clips(), tmp_path / "pieces", 0), 1))
    list(training.fit(Tiny(), clips(), tmp_path / "pieces", 0))
    whole = (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert whole == (tmp_path / "pieces" / WEIGHTS).read_bytes()
    list(small(steps=6).fit(Tiny(), clips(), tmp_path / "full", 0))
    assert whole != (tmp_path / "full" / WEIGHTS).read_bytes()


def test_full_precision_needs_no_accelerate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    list(small().fit(Tiny(), clips(), tmp_path / "a", 0))
    with pytest.raises(ValueError, match=r"precision=bf16 and several processes need the extra 'hub'"):
        list(small(precision="bf16").fit(Tiny(), clips(), tmp_path / "b", 0))


def test_weights_are_left_for_the_judge_without_changing_what_is_learnt(tmp_path: Path) -> None:
    list(small().fit(Tiny(), clips(), tmp_path / "a", 0))
    records = list(small(judge_every=4).fit(Tiny(), clips(), tmp_path / "b", 0))
    assert [record.step for record in records] == [3, 4, 6, 8, 9, 12]
    assert [path.name for path in sorted((tmp_path / "b").glob("weights-*"))] == [
        f"weights-{step:06d}.safetensors" for step in (4, 8, 12)
    ]
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()
    assert (tmp_path / "b" / WEIGHTS).read_bytes() == weights_at(tmp_path / "b", 12).read_bytes()


def test_boards_are_told_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    run = SimpleNamespace(log=lambda values, step: told.append((step, values)))
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=lambda **settings: run))
    log = {"set_experiment": told.append, "start_run": lambda run_name: None, "log_params": lambda settings: None}
    mlflow = SimpleNamespace(**log, log_metrics=lambda values, step: told.append((step, values)))
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    for board in ("wandb", "mlflow", ""):
        tracker(board, tmp_path, "title", {})(3, {"loss": 0.5})
    assert told == [(3, {"loss": 0.5}), "quicksand", (3, {"loss": 0.5})]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ValueError, match=r"tracker=tensorboard needs .* not installed: pip install tensorboard"):
        tracker("tensorboard", tmp_path, "title", {})


def two_processes(folder: Path) -> None:
    """What each of them does; called by torchrun through this file."""
    model, rank = Tiny(), os.environ["RANK"]
    list(small(steps=3, record_every=3).fit(model, clips(), folder / "together", 0))
    save_file(dict(model.network().state_dict()), folder / f"{rank}.safetensors")


def test_several_processes_share_one_step(tmp_path: Path) -> None:
    """Both end with the same weights, which one alone does not reach; the first alone writes."""
    line = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node=2",
        __file__,
        str(tmp_path),
    ]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        line, cwd=root, env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    together = (tmp_path / "together" / WEIGHTS).read_bytes()
    assert together == (tmp_path / "0.safetensors").read_bytes() == (tmp_path / "1.safetensors").read_bytes()
    list(small(steps=3, record_every=3).fit(Tiny(), clips(), tmp_path / "alone", 0))
    assert together != (tmp_path / "alone" / WEIGHTS).read_bytes()


def drawn(windows: Windows, batches: int = 40, share: float = 1.0) -> list[str]:
    """Captions of the clips that are drawn."""
    return [text for seed in range(batches) for text in windows.batch([seed], share=share)["text"]]


def test_clips_are_drawn_by_their_weights_and_come_in_by_their_positions() -> None:
    told = [replace(clip, captions=(word,)) for clip, word in zip(clips(), "abc", strict=True)]
    weighed = [replace(clip, weight=weight) for clip, weight in zip(told, (0.0, 1.0, 3.0), strict=True)]
    found = drawn(Windows(weighed, small(batch=10)))
    assert "a" not in found
    assert found.count("c") / len(found) == pytest.approx(0.75, abs=0.08)
    placed = Windows([replace(clip, position=place) for clip, place in zip(told, (2, 0, 1), strict=True)], small())
    assert [set(drawn(placed, share=share)) for share in (0.0, 0.5, 1.0)] == [{"b"}, {"b", "c"}, {"a", "b", "c"}]
    with pytest.raises(ValueError, match="positive weight among the first 1"):
        Windows([replace(told[0], weight=0.0)], small()).batch([0])


def test_a_curriculum_shows_the_first_clips_first(tmp_path: Path) -> None:
    shares = []

    class Seen(Tiny):
        def loss(self, batch: Mapping[str, Any]) -> torch.Tensor:
            shares.append(set(batch["text"]))
            return super().loss(batch)

    told = [replace(clip, captions=(str(n),), position=n) for n, clip in enumerate(clips())]
    list(small(curriculum=0.75, batch=20).fit(Seen(), told, tmp_path, 0))
    assert [len(seen) for seen in shares] == [1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]


if __name__ == "__main__":
    two_processes(Path(sys.argv[1]))

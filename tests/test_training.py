"""A training may be interrupted anywhere, and says how it stands."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.training import CHECKPOINT, LOG, WEIGHTS, Footage, Training, Windows
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


def test_windows_start_where_something_moves() -> None:
    clip = np.zeros((40, 32, 32, 3), np.uint8)
    clip[20:24] = np.arange(50, 250, 50, dtype=np.uint8)[:, None, None, None]
    clip[24:] = 200
    frames = Windows([filmed(clip)], small(batch=64)).batch([0], augment=False)["frames"].numpy()
    moving = (np.ptp(frames, axis=1) > 0).any(axis=(1, 2, 3))
    assert moving.mean() > 0.5
    assert not moving.all()

"""A small learned video model: it learns, it keeps what it learned, and it says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.models import Learner, next_frame
from pipeline.models._network import Architecture, NextFrameNetwork, matching_cost, warp
from pipeline.models._rolling import motion_weight
from pipeline.models.next_frame import NextFrame
from pipeline.types import Prompt, UInt8


def fresh() -> NextFrame:
    torch.manual_seed(0)
    model = NextFrame(widths=[8, 16, 16])
    model.network()
    return model


def falling(count: int = 12, size: int = 48) -> UInt8:
    """A red square falls 2 px a frame over a speckled wall."""
    frames = np.repeat(np.random.default_rng(0).integers(90, 140, (1, size, size, 3), dtype=np.uint8), count, axis=0)
    for time in range(count):
        frames[time, 6 + 2 * time : 18 + 2 * time, 16:28] = (230, 50, 40)
    return frames


def batch(frames: UInt8) -> dict[str, torch.Tensor]:
    window = torch.from_numpy(frames[None])
    return {"frames": window, "first": window[:, 0], "seed": torch.tensor(1)}


def test_it_overfits_a_tiny_clip() -> None:
    model, window = fresh(), batch(falling(size=32)[:6])
    optimiser = torch.optim.AdamW(model.network().parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = model.loss(window)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_the_loss_depends_on_weights_and_batch_alone() -> None:
    model, window = fresh(), batch(falling()[:7])
    first = model.loss(window)
    torch.rand(7)
    assert model.loss(window).item() == first.item()
    assert model.loss({**window, "seed": torch.tensor(2)}).item() != first.item()


def test_a_window_must_leave_something_to_tell() -> None:
    with pytest.raises(ValueError, match=r"windows of 4 frames .* set training\.window above 4"):
        fresh().loss(batch(falling()[:4]))


def test_weights_survive_the_file_with_their_architecture(tmp_path: Path) -> None:
    model, file = fresh(), str(tmp_path / "a.safetensors")
    model.save(file)
    again = NextFrame(weights=file)
    tensors = again.network().state_dict()
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in model.network().state_dict().items())
    again.save(str(tmp_path / "b.safetensors"))
    assert NextFrame(weights=str(tmp_path / "b.safetensors")).fingerprint() == again.fingerprint()


def test_missing_or_foreign_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = Prompt("clip", "", falling()[:4], 24.0, 8)
    monkeypatch.setattr(next_frame, "SHIPPED", tmp_path / "absent.safetensors")
    with pytest.raises(FileNotFoundError, match=r"absent\.safetensors.*stage=train"):
        NextFrame().generate(prompt, 0)
    (tmp_path / "text.safetensors").write_text("these are no weights")
    with pytest.raises(ValueError, match=r"text\.safetensors is not a whole safetensors file"):
        NextFrame(weights=str(tmp_path / "text.safetensors")).generate(prompt, 0)


def test_seeds_differ_a_little(tmp_path: Path) -> None:
    model = fresh()
    for weight in model.network().parameters():
        torch.nn.init.normal_(weight, std=0.05)
    model.save(str(tmp_path / "w.safetensors"))
    prompt = Prompt("clip", "", falling()[:4], 24.0, 8)
    one, other = (NextFrame(weights=str(tmp_path / "w.safetensors")).generate(prompt, seed).frames for seed in (0, 1))
    assert not np.array_equal(one[4:], other[4:])


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="context must be at least 2, got 1"):
        NextFrame(context=1)
    with pytest.raises(ValueError, match="widths must be two or more multiples of 8"):
        NextFrame(widths=[8, 12])


def test_a_fresh_network_stands_still() -> None:
    """Before it has learned anything, the next frame is nearly the last one: roll-outs begin stable."""
    network = NextFrameNetwork(Architecture(4, (8, 16, 16), 1))
    context = torch.rand(1, 1, 3, 32, 32).expand(1, 4, 3, 32, 32)
    told = network(context, context[:, 0], torch.zeros_like(context))
    assert (told.frame - context[:, -1]).abs().mean() < 0.02
    torch.testing.assert_close(told.mixture.sum(dim=1), torch.ones(1, 32, 32))


def test_warping_reads_where_the_flow_points() -> None:
    frame = torch.rand(1, 3, 16, 16)
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0], flow[:, 1] = 2, -1
    torch.testing.assert_close(warp(frame, flow)[..., 1:, :-2], frame[..., :-1, 2:], rtol=0, atol=1e-5)


def test_the_matching_cost_is_least_at_the_true_shift() -> None:
    torch.manual_seed(0)
    before = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), scale_factor=4)
    frame = torch.roll(before, (4, -8), dims=(-2, -1))  # one cell down, two to the left
    best = matching_cost(frame, before)[:, :, 5:-5, 5:-5].argmin(dim=1)
    assert (best == (3 - 1) * 7 + (3 + 2)).all()


def test_errors_weigh_more_where_things_move() -> None:
    before = torch.full((1, 3, 32, 32), 0.5)
    true = before.clone()
    true[..., 10:14, 10:14] = 1
    weight = motion_weight(true, before)
    assert weight[0, 0, 12, 12] / weight[0, 0, 30, 30] == pytest.approx(11)
    assert weight.mean().item() == pytest.approx(1)


def test_it_is_a_learner() -> None:
    assert isinstance(fresh(), Learner)

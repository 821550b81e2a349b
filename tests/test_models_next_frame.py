"""A small learned video model: it learns, it keeps what it learned, and it says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.models import Learner, next_frame
from pipeline.models._learning import best_candidates, change_weight, motion_weight
from pipeline.models._motion import displacements, mean_flow, motion_evidence, moved, votes_for, warp
from pipeline.models._network import Architecture, NextFrameNetwork
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
    flow = torch.zeros((*window.shape[:4], 2))
    for time in range(1, len(frames)):
        flow[:, time, 6 + 2 * time : 18 + 2 * time, 16:28, 1] = -2
    return {"frames": window, "first": window[:, 0], "flow": flow, "seed": torch.tensor(1)}


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
    network = NextFrameNetwork(Architecture(4, (8, 16, 16), 1, 2))
    context = torch.rand(1, 1, 3, 32, 32).expand(1, 4, 3, 32, 32)
    told = network(context, context[:, 0], torch.zeros_like(context))
    assert (told.frame - context[:, -1]).abs().mean() < 0.05
    torch.testing.assert_close(told.mixture.sum(dim=1), torch.ones(1, 32, 32))


def test_warping_reads_where_the_flow_points() -> None:
    frame = torch.rand(1, 3, 16, 16)
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0], flow[:, 1] = 2, -1
    torch.testing.assert_close(warp(frame, flow)[..., 1:, :-2], frame[..., :-1, 2:], rtol=0, atol=1e-5)


def test_a_steady_motion_is_the_best_hypothesis() -> None:
    """A patch that moves one cell down and two to the left each frame is found where it is and where it will be."""
    torch.manual_seed(0)
    pictures = [torch.full((1, 3, 16, 16), 0.5) for _ in range(4)]
    patch = torch.rand(1, 3, 4, 4)
    for time, picture in enumerate(pictures):
        picture[..., 2 + time : 6 + time, 9 - 2 * time : 13 - 2 * time] = patch
    came, comes, fresh = motion_evidence(pictures[2], pictures[1], pictures[0], reach=3)
    true = displacements(3).index((1, -2))
    assert came[0, :, 5, 6].argmin() == true
    assert comes[0, true, 6, 4] < 1e-6
    assert fresh[0, true, 6, 4] > 0.1
    torch.testing.assert_close(moved(pictures[2], 3)[:, true], pictures[3])
    torch.testing.assert_close(moved(pictures[1], 3, frames=2)[:, true], pictures[3])


def test_the_mean_flow_points_back() -> None:
    shares = torch.zeros(1, 49, 2, 2)
    shares[:, displacements(3).index((1, -2))] = 0.5
    torch.testing.assert_close(mean_flow(shares, 3)[0, :, 0, 0], torch.tensor([8.0, -4.0]), rtol=1e-3, atol=0)


def test_errors_weigh_more_where_things_move() -> None:
    before = torch.full((1, 3, 32, 32), 0.5)
    true = before.clone()
    true[..., 10:14, 10:14] = 1
    weight = change_weight(true, before)
    assert weight[0, 0, 12, 12] / weight[0, 0, 30, 30] == pytest.approx(11)
    assert weight.mean().item() == pytest.approx(1)


def test_what_moves_weighs_as_much_as_all_that_stands() -> None:
    flow = torch.zeros(1, 2, 40, 40)
    flow[:, 1, :4] = -5
    weight = motion_weight(flow)
    assert weight[:, :, :4].sum() / weight[:, :, 4:].sum() == pytest.approx(1, rel=0.15)


def test_votes_count_the_pixels_of_a_cell() -> None:
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0, :2, :4], flow[:, 1, :2, :4] = 7, -5  # half of the first cell came from two cells right, one up
    votes = votes_for(flow, 3)
    assert votes[0, displacements(3).index((1, -2)), 0, 0] == 0.5
    assert votes[0, displacements(3).index((0, 0)), 0, 0] == 0.5
    torch.testing.assert_close(votes.sum(dim=1), torch.ones(1, 2, 2))


def test_the_candidate_nearest_to_the_truth_is_right() -> None:
    true = torch.rand(1, 3, 8, 8)
    candidates = [true + 0.2, true, true - 0.3, true + 0.1]
    assert (best_candidates(candidates, true)[:, 1] > 0.95).all()


def test_it_is_a_learner() -> None:
    assert isinstance(fresh(), Learner)

"""A small learned video model: it learns, it keeps what it learned, and it says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.models import Learner
from pipeline.models._learning import best_candidates, change_weight, motion_weight, true_path
from pipeline.models._motion import warp
from pipeline.models._network import Architecture, NextFrameNetwork, Opening, Step
from pipeline.models._outlines import drawn
from pipeline.models._poses import Pose, centre_of, followed, placed, taken_back
from pipeline.models._registration import edged, registered
from pipeline.models._rolling import Roll, continued, started
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
    flow, bodies = torch.zeros((*window.shape[:4], 2)), torch.zeros(window.shape[:4], dtype=torch.bool)
    for time in range(len(frames)):
        square = np.s_[:, time, 6 + 2 * time : 18 + 2 * time, 16:28]
        bodies[square] = True
        flow[(*square, 1)] = -2 if time else 0
    return {"frames": window, "first": window[:, 0], "flow": flow, "bodies": bodies, "seed": torch.tensor(1)}


def turned(angle: float, growth: float = 0.0, right: float = 0.0, down: float = 0.0) -> Pose:
    return Pose(torch.tensor([[24.0 + right, 24.0 + down]]), torch.tensor([angle]), torch.tensor([growth]))


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
    with pytest.raises(ValueError, match=r"windows of 2 frames .* set training\.window above 2"):
        fresh().loss(batch(falling()[:2]))
    with pytest.raises(ValueError, match="exact flow and masks, and some clips come without layers"):
        fresh().loss({name: part for name, part in batch(falling()[:6]).items() if name != "bodies"})


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
    monkeypatch.setattr(NextFrame, "shipped", tmp_path / "absent.safetensors")
    with pytest.raises(FileNotFoundError, match=r"absent\.safetensors.*stage=train"):
        NextFrame().generate(prompt, 0)
    (tmp_path / "text.safetensors").write_text("these are no weights")
    with pytest.raises(ValueError, match=r"text\.safetensors is not a whole safetensors file"):
        NextFrame(weights=str(tmp_path / "text.safetensors")).generate(prompt, 0)


def test_seeds_differ_a_little(tmp_path: Path) -> None:
    model = fresh()
    for weight in model.network().parameters():
        torch.nn.init.normal_(weight, std=0.05)
    torch.nn.init.constant_(model.network().opened.bias, 8.0)  # there is a body, everywhere
    model.save(str(tmp_path / "w.safetensors"))
    prompt = Prompt("clip", "", falling()[:4], 24.0, 8)
    one, other = (NextFrame(weights=str(tmp_path / "w.safetensors")).generate(prompt, seed).frames for seed in (0, 1))
    assert not np.array_equal(one[4:], other[4:])


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="side must be at least 16, got 8"):
        NextFrame(side=8)
    with pytest.raises(ValueError, match="widths must be two or more multiples of 8"):
        NextFrame(widths=[8, 12])


def test_a_fresh_network_stands_still() -> None:
    """Before it has learned anything it knows of no body; the next frame is the last one: roll-outs begin stable."""
    torch.manual_seed(0)
    frames = torch.from_numpy(falling(2, 64))
    network = NextFrameNetwork(Architecture((8, 16, 16), 1))
    new = continued(network, started(network, frames, 64), 5, torch.zeros(1, 4))
    assert (new.float() - frames[-1].float()).abs().mean() < 2


def cut_out() -> tuple[Roll, Step, torch.Tensor]:
    """The falling square, cut out, before nothing; a step by (3, 2) px in which nothing covers it; and its mask."""
    shown = torch.from_numpy(falling(2)).movedim(-1, -3).float()[None] / 255
    mask = torch.zeros(1, 1, 48, 48)
    mask[..., 8:20, 16:28] = 1
    network = NextFrameNetwork(Architecture((8, 8, 8), 1))
    empty = torch.zeros(1, 3, 48, 48)
    opening = Opening(20 * torch.cat([mask, mask], 1) - 10, empty, torch.tensor([[3.0, 2, 0, 0]]), torch.zeros(1, 16))
    roll = Roll.opened(shown, shown[:, 0], opening)
    told = network.step(roll.seen, shown[:, 0], roll.placed_mask(), roll.pose, roll.motion, roll.memory)
    bare = told.fields._replace(bare=torch.full_like(mask, 20), shade=empty)
    return roll, Step(bare, opening.motion, told.spread, told.memory), mask


def test_a_body_is_carried_as_it_is() -> None:
    """Cut out and moved by whole pixels it keeps every pixel; what it hid is what was said to be behind it."""
    roll, step, _ = cut_out()
    body = roll.seen[:, 1, :, 8:20, 16:28]
    for _ in range(2):
        roll.advance(step)
    picture = roll.seen[:, 1]
    assert (picture[..., 12:24, 22:34] - body).abs().max() < 1e-3
    assert picture[..., 8:12, 16:22].max() < 0.05, "nothing of it stays behind"


@pytest.mark.parametrize("bare", [20.0, -20.0])
def test_nothing_is_painted_where_a_body_is_seen(bare: float) -> None:
    roll, step, mask = cut_out()
    canvas = roll.canvas
    prefers = torch.zeros_like(step.fields.preference)
    prefers[:, 3] = 10
    fields = step.fields._replace(
        preference=prefers, paint=torch.full_like(canvas, 0.5), bare=torch.full_like(mask, bare)
    )
    roll.advance(roll.heeded(step._replace(fields=fields)))
    painted = (roll.canvas - 0.5).abs().amax(dim=1) < 0.01
    assert painted[:, 30:].all()
    if bare > 0:
        for place in (np.s_[..., 7:21, 15:29], np.s_[..., 9:23, 18:32]):  # where it was and where it got, with a rim
            torch.testing.assert_close(roll.canvas[place], canvas[place], rtol=0, atol=1e-3)
    else:
        assert painted.all(), "what covers it is seen"


def test_in_doubt_a_body_is_seen() -> None:
    roll, step, mask = cut_out()
    doubtful = step._replace(fields=step.fields._replace(bare=torch.zeros_like(mask)))
    visible = roll.advance(roll.heeded(doubtful))
    assert visible[..., 12:20, 21:29].min() > 0.95


def test_large_pictures_are_moved_in_full() -> None:
    """The network sees 64 px, whatever the size; the pictures lose nothing by it."""
    large = falling(2, 128)
    network = NextFrameNetwork(Architecture((8, 16, 16), 1))
    new = continued(network, started(network, torch.from_numpy(large), 64), 1, torch.zeros(1, 4)).numpy()
    assert new.shape == (1, 128, 128, 3)
    assert np.abs(new[0].astype(int) - large[-1]).max() <= 3


def test_a_prompt_that_is_continued_again_is_opened_once() -> None:
    """What is kept of it changes no answer, and another prompt is another one."""
    model, frames = NextFrame(), falling(2, 64)
    prompts = [Prompt("a", "", frames, 16.0, 5), Prompt("b", "", frames[:, ::-1].copy(), 16.0, 5)]
    asked = [(prompts[one], seed) for one, seed in ((0, 1), (0, 2), (1, 1), (0, 1))]
    told = [model.continued(*one) for one in asked]
    for new, one in zip(told, asked, strict=True):
        np.testing.assert_array_equal(new, NextFrame().continued(*one))


def test_placing_turns_grows_and_moves() -> None:
    picture = torch.zeros(1, 1, 48, 48)
    picture[..., 22:26, 24:36] = 1  # a bar to the right of the middle
    origin = torch.tensor([[24.0, 24.0]])
    torch.testing.assert_close(placed(picture, turned(0), origin), picture)
    down = placed(picture, turned(torch.pi / 2), origin)
    assert down[0, 0, 24:36, 22:26].mean() > 0.99, "right turns to down"
    longer = placed(picture, turned(0, growth=0.5), origin)
    assert longer.sum().item() == pytest.approx(picture.sum().item() * np.e, rel=0.05)
    assert centre_of(placed(picture, turned(0, right=-5, down=3), origin))[0].tolist() == [[25.0, 27.0]]


def test_taking_back_undoes_placing() -> None:
    picture = torch.zeros(1, 1, 48, 48)
    picture[..., 18:30, 20:32] = 1
    origin, pose = torch.tensor([[26.0, 24.0]]), turned(0.4, growth=-0.1, right=4, down=-3)
    again = taken_back(placed(picture, pose, origin), pose, origin)
    assert (again - picture)[..., 20:28, 22:30].abs().max() < 0.05
    assert again[..., :15, :].abs().max() < 0.05


def test_a_known_motion_is_followed() -> None:
    """The flow of a body that turned, grew and moved gives it back exactly, wherever its centre is said to be."""
    before, angle, growth = turned(0.3, 0.1), 0.1, -0.05
    where = torch.stack(torch.meshgrid(torch.arange(48) + 0.5, torch.arange(48) + 0.5, indexing="xy"), dim=0)[None]
    scale = np.exp(growth)
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=torch.float32) * scale
    centre = before.centre + torch.tensor([[2.0, 4.0]])
    offset = where - centre[:, :, None, None]
    came = before.centre[:, :, None, None] + torch.einsum("ij,bjhw->bihw", torch.linalg.inv(turn), offset)
    mask = torch.zeros(1, 1, 48, 48)
    mask[..., 20:30, 25:40] = 1
    pose, motion, known = followed(before, mask, came - where)
    assert known.all()
    torch.testing.assert_close(motion, torch.tensor([[2.0, 4.0, angle, growth]]), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(pose.centre, centre, rtol=1e-4, atol=1e-3)
    assert not followed(before, 0 * mask, came - where)[2].any()


def test_a_small_motion_is_registered() -> None:
    """A patterned body that went 1.3 px right and 2.6 down and turned a little, from a guess that is a pixel off."""
    y, x = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    pattern = 0.5 + 0.2 * torch.sin(x / 2) * torch.cos(y / 3) + 0.2 * torch.sin((x + y) / 4)
    before = pattern.expand(1, 3, 48, 48)
    centre, true = torch.tensor([[24.0, 24.0]]), torch.tensor([[1.3, 2.6, 0.05, 0.0]])
    pose = Pose(centre + true[:, :2], true[:, 2], true[:, 3])
    last, mask = placed(before, pose, centre), torch.zeros(1, 1, 48, 48)
    mask[..., 18:34, 16:34] = 1
    guess = torch.tensor([[0.5, 2.0, 0.0, 0.0]])
    found = registered(before, last, mask, pose.centre, guess)
    torch.testing.assert_close(found, true, rtol=0, atol=0.05)
    assert torch.equal(registered(before, last, 0 * mask, pose.centre, guess), guess), "nothing to go by"
    far = registered(before, before, mask, centre, torch.tensor([[30.0, 0.0, 0.0, 0.0]]))
    assert far[0, 0] == 30, "no pixel of the picture came from there"


def test_edges_tell_where_a_rolling_ball_goes_while_its_pattern_goes_elsewhere() -> None:
    y, x = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    wall = (0.1 + 0.1 * torch.sin(x / 2) * torch.cos(y / 3)).expand(1, 3, 48, 48)

    def ball(at: float) -> torch.Tensor:
        return (8.5 - torch.sqrt((x - at) ** 2 + (y - 24) ** 2)).clamp(0, 1)[None, None]

    before, last = (
        wall + ball(at) * (0.6 + 0.4 * torch.sin((x - turned) / 2) - wall) for at, turned in ((20.0, 0.0), (22.0, 3.0))
    )
    guess = torch.tensor([[1.6, 0.0, 0.01, 0.0]])
    for mask, off in ((ball(20.0), 0.1), (ball(20.4), 0.25)):  # edges mend half of what the masks are off
        found = edged(before, last, wall, (mask, ball(22.0)), guess)
        torch.testing.assert_close(found[:, :2], torch.tensor([[2.0, 0.0]]), rtol=0, atol=off)
        assert torch.equal(found[:, 2:], guess[:, 2:])


def test_outlines_follow_the_edges_that_the_picture_has() -> None:
    y, x = np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5, indexing="ij")
    rng = np.random.default_rng(0)
    share = np.clip(9.5 - np.hypot(x - 30, y - 26), 0, 1)
    frame = (rng.uniform(70, 110, (64, 64, 1)) + share[..., None] * (np.array([150, 30, -20]))).astype(np.uint8)
    rough = 1 / (1 + np.exp(np.hypot((x - 31.5) / 1.15, (y - 25) / 0.9) - 9))  # a little to the side, and too wide
    found = drawn(frame, rough.astype(np.float32))
    assert np.abs(found - share).mean() < 0.25 * np.abs((rough > 0.5) - share).mean()
    assert np.array_equal(found, drawn(frame, rough.astype(np.float32)))
    nothing = drawn(frame, np.full((64, 64), 0.4, np.float32))
    assert not nothing.any()
    large = drawn(np.repeat(np.repeat(frame, 6, axis=0), 6, axis=1), rough.astype(np.float32))
    assert large.shape == (384, 384)
    assert np.abs(large[3::6, 3::6] - share).mean() < 0.01


def test_the_path_of_a_falling_square_is_known() -> None:
    window = batch(falling(6))
    path = true_path(window["bodies"].unsqueeze(2).float(), window["flow"].movedim(-1, -3))
    for time, there in enumerate(path[1:], 1):
        torch.testing.assert_close(there.pose.centre, torch.tensor([[22.0, 12.0 + 2 * time]]))
        torch.testing.assert_close(there.motion, torch.tensor([[0.0, 2.0, 0.0, 0.0]]), rtol=0, atol=1e-4)


def test_warping_reads_where_the_flow_points() -> None:
    frame = torch.rand(1, 3, 16, 16)
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0], flow[:, 1] = 2, -1
    torch.testing.assert_close(warp(frame, flow)[..., 1:, :-2], frame[..., :-1, 2:], rtol=0, atol=1e-5)


def test_what_rolls_goes_where_its_outline_goes() -> None:
    """A disc moves 2 px to the right while its surface, seen from above, moves twice as fast."""
    y, x = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    inside = [((x - 14 - 2 * time) ** 2 + (y - 24) ** 2 < 64).float() for time in range(6)]
    bodies = torch.stack(inside)[None, :, None]
    flow = torch.cat([-4 * bodies, torch.zeros_like(bodies)], dim=2)
    path = true_path(bodies, flow)
    assert path[5].pose.centre[0].tolist() == pytest.approx([24, 24], abs=0.1)
    for there in path[1:]:
        assert there.motion[0].tolist() == pytest.approx([2, 0, 0, 0], abs=0.1)
    hidden = bodies.clone()
    hidden[:, 3:, :, 24:] = 0
    assert true_path(hidden, flow)[5].pose.centre[0, 1].item() == pytest.approx(24, abs=1), "half of it is no whole"


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


def test_the_candidate_nearest_to_the_truth_is_right() -> None:
    true = torch.rand(1, 3, 8, 8)
    candidates = [true + 0.2, true, true - 0.3, true + 0.1]
    assert (best_candidates(candidates, true)[:, 1] > 0.95).all()


def test_it_is_a_learner() -> None:
    assert isinstance(fresh(), Learner)

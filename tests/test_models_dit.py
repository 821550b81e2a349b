"""A small diffusion transformer: patches come apart and together, it learns, and it makes clips of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.models import Learner
from pipeline.models._flow_matching import as_values, denoised, rolled_out
from pipeline.models._transformer import Shape, Transformer, frames_of, noised, patches, velocity
from pipeline.models.dit import Dit
from pipeline.types import Prompt, UInt8

SMALL = Shape(context=2, width=48, depth=2, heads=2)


def fresh(**changed: object) -> Dit:
    torch.manual_seed(0)
    model = Dit(**{"context": 2, "width": 48, "depth": 2, "heads": 2, "ahead": 4, "side": 32, **changed})  # type: ignore[arg-type]
    model.network()
    return model


def falling(count: int = 6, size: int = 32) -> UInt8:
    frames = np.repeat(np.random.default_rng(0).integers(90, 140, (1, size, size, 3), dtype=np.uint8), count, axis=0)
    for time in range(count):
        frames[time, 2 + 3 * time : 10 + 3 * time, 10:18] = (230, 50, 40)
    return frames


def batch(seed: int = 1) -> dict[str, torch.Tensor]:
    return {"frames": torch.from_numpy(np.stack([falling(), falling()[:, :, ::-1]])), "seed": torch.tensor(seed)}


def test_patches_come_together_again_and_stay_in_their_place() -> None:
    frames = torch.rand(2, 4, 3, 16, 24)
    tokens = patches(frames)
    assert tokens.shape == (2, 2 * 2 * 3, 3 * 2 * 64)
    assert torch.equal(frames_of(tokens, 2, 3), frames)
    assert torch.equal(frames_of(tokens[:, 4:5], 1, 1), frames[:, :2, :, 8:, 8:16])


def test_the_velocity_leads_from_noise_to_the_clip() -> None:
    clip, noise, time = torch.rand(2, 2, 3, 8, 8), torch.randn(2, 2, 3, 8, 8), torch.tensor([0.0, 0.5])
    torch.testing.assert_close(velocity(clip, noised(clip, noise, time), time), clip - noise)


def test_fresh_it_says_that_nothing_moves() -> None:
    given = torch.rand(1, 2, 3, 16, 16)
    clip = denoised(Transformer(SMALL), given, 4, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(clip, given[:, -1:].expand(1, 4, 3, 16, 16))


def test_it_learns_and_the_loss_depends_on_weights_and_batch_alone() -> None:
    model = fresh()
    assert model.loss(batch()).item() == model.loss(batch()).item() != model.loss(batch(2)).item()
    optimiser = torch.optim.AdamW(model.network().parameters(), lr=2e-3)
    before = np.mean([model.loss(batch(seed)).item() for seed in range(100, 108)])
    for seed in range(40):
        optimiser.zero_grad()
        model.loss(batch(seed)).backward()
        optimiser.step()
    assert np.mean([model.loss(batch(seed)).item() for seed in range(100, 108)]) < 0.5 * before


def test_where_a_token_lies_matters() -> None:
    """Without places attention could not tell left from right."""
    torch.manual_seed(0)
    network = Transformer(SMALL)
    torch.nn.init.normal_(network.tell.weight, std=0.1)
    for block in network.blocks:
        torch.nn.init.normal_(block.table, std=0.5)
    given, noisy, time = torch.rand(1, 2, 3, 16, 16), torch.rand(1, 2, 3, 16, 16), torch.tensor([0.5])
    told = network(given, noisy, time)
    swapped = network(given.roll(8, -1), noisy.roll(8, -1), time).roll(8, -1)
    assert (told - swapped).abs().max() > 1e-3


@pytest.mark.parametrize(("shown", "count"), [(1, 5), (2, 4), (7, 9)])
def test_clips_of_any_length_are_rolled_out(shown: int, count: int) -> None:
    frames = torch.from_numpy(falling(shown))
    new = rolled_out(Transformer(SMALL), frames, count, 4, 2, torch.Generator().manual_seed(0))
    assert new.shape == (count, 32, 32, 3)
    assert torch.equal(new, frames[-1:].expand(count, -1, -1, -1)), "fresh, nothing moves, and no level is lost"


def test_values_are_kept_to_the_level() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16, 1).expand(1, 1, 16, 16, 3)
    assert torch.equal(((as_values(levels) + 1) * 127.5).round().to(torch.uint8).movedim(-3, -1), levels)


def test_weights_survive_the_file(tmp_path: Path) -> None:
    model = fresh()
    model.save(str(tmp_path / "a.safetensors"))
    again = model.taught(str(tmp_path / "a.safetensors"))
    again.save(str(tmp_path / "b.safetensors"))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert isinstance(model, Learner)
    clip = again.generate(Prompt("clip", "", falling(4, 40), 24.0, 9), 0)
    assert clip.notes["size"].startswith("resampled from 32x32 to 40x40")


def test_what_is_missing_or_does_not_fit_is_named(tmp_path: Path) -> None:
    missing = r"model=dit: expected weights in 'gone', there is no such file; .*stage=train model=dit"
    with pytest.raises(FileNotFoundError, match=missing):
        Dit(weights="gone").generate(Prompt("clip", "", falling(4), 24.0, 8), 0)
    with pytest.raises(ValueError, match=r"even number of frames above 2, got 5; set training\.window=6"):
        fresh().loss({**batch(), "frames": batch()["frames"][:, :5]})
    with pytest.raises(ValueError, match="ahead must be even and at least 2, got 3"):
        Dit(ahead=3)
    with pytest.raises(ValueError, match="width a multiple of 6 heads"):
        Dit(width=100)

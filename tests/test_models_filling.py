"""What is behind a body is filled in as sharply as the picture is, and about as the network guesses."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.models._filling import cleared
from pipeline.models._outlines import hidden_by
from pipeline.types import Bool, UInt8


def tiles(height: int = 64, width: int = 64, side: int = 4) -> UInt8:
    """A chequered floor."""
    y, x = np.mgrid[:height, :width] // side
    return np.repeat(np.where((x + y) % 2, 200, 60)[..., None], 3, axis=2).astype(np.uint8)


def disc(radius: float = 8, height: int = 64, width: int = 64) -> Bool:
    y, x = np.mgrid[:height, :width]
    return np.asarray(np.hypot(x - width / 2, y - height / 2) < radius)


def covered(picture: UInt8, hidden: Bool) -> UInt8:
    """With a red body before it."""
    return np.where(hidden[..., None], np.array([255, 0, 0], np.uint8), picture)


def test_a_pattern_goes_on_behind_a_body() -> None:
    floor, hidden = tiles(), disc()
    grey = np.full_like(floor, 130)
    filled = cleared(covered(floor, hidden), hidden, grey)
    assert np.array_equal(filled[~hidden], floor[~hidden])
    assert np.abs(filled.astype(int) - floor).mean(where=hidden[..., None]) < 15, "grey would be 70 off"


def test_a_guess_says_which_of_two_things_goes_on() -> None:
    hidden = disc(radius=10)
    picture = np.full((64, 64, 3), 60, np.uint8)
    picture[:, 32:] = 200
    picture[27:37, :] = [90, 140, 90]  # a bar across, hidden in its middle
    guess = np.clip(picture.astype(int) + 15, 0, 255).astype(np.uint8)
    filled = cleared(covered(picture, hidden), hidden, guess)
    assert (filled == picture).all(axis=-1).mean(where=hidden) > 0.85, "of the guess no pixel is right"


def test_without_a_whole_piece_the_guess_stands() -> None:
    floor = tiles(16, 16)
    hidden = np.ones((16, 16), bool)
    hidden[0] = False
    assert np.array_equal(cleared(covered(floor, hidden), hidden, floor), floor)


def test_with_nothing_hidden_the_picture_stays() -> None:
    floor = tiles()
    assert np.array_equal(cleared(floor, np.zeros((64, 64), bool), 0 * floor), floor)


@pytest.mark.parametrize("shape", [(40, 56), (300, 420), (512, 512)])
def test_every_size_is_filled_and_only_where_something_is_hidden(shape: tuple[int, int]) -> None:
    floor, hidden = tiles(*shape, side=8), disc(12, *shape)
    before = covered(floor, hidden)
    filled = cleared(before, hidden, floor)
    assert np.array_equal(filled[~hidden], before[~hidden])
    red = filled[..., 0].astype(int) - filled[..., 2]
    assert red.max(where=hidden, initial=0) < 30, "nothing of the body is left"


def test_a_body_at_the_edge_of_the_picture_is_cleared() -> None:
    floor, hidden = tiles(), np.zeros((64, 64), bool)
    hidden[:6, 50:] = True
    filled = cleared(covered(floor, hidden), hidden, floor)
    assert np.abs(filled.astype(int) - floor).mean() < 1


def test_the_rim_of_a_body_is_hidden_too() -> None:
    share = disc(5).astype(np.float32)
    share[32, 38] = 0.5
    hidden = hidden_by(share)
    assert hidden[32, 39]
    assert not hidden[32, 41]
    assert not hidden_by(np.full((8, 8), 0.04, np.float32)).any()

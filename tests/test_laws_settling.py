"""The drag of a ball in a tube, computed for the law of the falling sphere, has its published limits."""

from __future__ import annotations

import pytest

from pipeline.laws._settling import drag_factor


@pytest.mark.parametrize("share", [0.1, 0.226, 0.3])
def test_without_inertia_it_is_that_of_haberman_and_sayre(share: float) -> None:
    published = (1 - 0.75857 * share**5) / (
        1 - 2.1050 * share + 2.0865 * share**3 - 1.7068 * share**5 + 0.72603 * share**6
    )
    assert drag_factor(0.01, share) == pytest.approx(published, rel=3e-3)


@pytest.mark.parametrize("reynolds", [10.0, 100.0])
def test_in_a_wide_tube_it_is_that_of_schiller_and_naumann(reynolds: float) -> None:
    """Their formula is a fit to experiments within 5 %."""
    assert drag_factor(reynolds, 0.05) == pytest.approx(1 + 0.15 * reynolds**0.687, rel=0.05)


def test_between_walls_inertia_begins_with_the_square_of_the_reynolds_number() -> None:
    """The first correction changes its sign with the direction of motion, and drag does not."""
    creeping = drag_factor(0.01, 0.3)
    assert drag_factor(2.0, 0.3) - creeping == pytest.approx(4 * (drag_factor(1.0, 0.3) - creeping), rel=0.3)

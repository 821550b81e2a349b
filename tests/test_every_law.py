"""One exam over everything on the shelf of laws. What the laws find is the business of `stage=validate`."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline import laws, shelf
from pipeline.laws import KINDS, Law
from pipeline.simulators.coupled import Coupled

LAWS = shelf.everything(laws, Law)
IN_THE_TESTS = ("free_fall", "sliding", "hydrostatics", "vertical_cut", "determinism")
"""A small real case of each kind is examined in the test run."""


def quick(kind: type[Law]) -> Law:
    """The law as `quick=true` sets it."""
    coarse = {one.name: one.metadata["quick"] for one in dataclasses.fields(kind) if "quick" in one.metadata}
    return kind(**coarse)


@pytest.fixture(params=LAWS)
def law(request: pytest.FixtureRequest) -> Law:
    return LAWS[request.param]()


def test_it_says_what_it_is_about_and_has_cases_of_different_names(law: Law) -> None:
    assert law.kind in KINDS
    assert type(law).__doc__
    assert law.cases
    assert len(set(law.cases)) == len(law.cases)


@pytest.mark.parametrize("name", IN_THE_TESTS)
def test_the_simulator_obeys(name: str) -> None:
    law = quick(LAWS[name])
    found = law.examine(law.cases[0], Coupled(thin="allow"))
    assert found.measurements
    for one in found.measurements:
        assert one.source
        assert one.quantity
        assert one.passed, one

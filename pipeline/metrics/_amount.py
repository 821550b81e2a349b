"""How much of each thing is visible, and how far that is from the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.metrics._appearance import look
from pipeline.metrics._motion import check_pair, score
from pipeline.types import Float32, Score, Take

SMALLEST = 0.002
"""Area that a thing is taken to have at least, as a share of the picture."""


def amount_distance(truth: Take, other: Take, metric: str, kinds: Sequence[str]) -> Score:
    """Distance between the visible areas of the things of some kinds over time; NaN per frame if there are none.

    A difference of areas is divided by the square root of the largest area A that the thing has in the truth,
    |A_other(t) - A_truth(t)| / sqrt(A H W): the width of a strip along the thing, because what is told wrongly lies
    along outlines, in large things as in small ones. A thing that vanishes is sqrt(A / (H W)) away. The thing that is
    off most counts: one vanished body among five is an impossible clip, not a fifth of one.
    """
    check_pair(truth, other, metric)
    sight = look(truth.clip, other.clip)
    picture = sight.exact[0].size
    strips: list[Float32] = []
    parts, curves = {}, {}
    for index, (id, name, kind) in enumerate(zip(sight.ids, sight.names, sight.kinds, strict=True), start=1):
        if kind not in kinds:
            continue
        areas = ((region == index).sum(axis=(1, 2)) for region in (sight.truth, sight.other, sight.exact))
        expected, got, exact = areas
        largest = max(float(exact.max()), SMALLEST * picture)
        strips.append((np.abs(got - expected) / np.sqrt(largest * picture)).astype(np.float32))
        parts[f"change_{id}_{name.replace(' ', '_')}"] = float((got - expected).mean() / largest)
        curves[f"{name} ({id}) [px]"] = (expected.astype(np.float32), got.astype(np.float32))
    silence = np.full(len(sight.exact), np.nan, np.float32)
    per_frame = np.max(strips, axis=0) if strips else silence
    return score(truth, other, metric, "share of the picture's side", per_frame, parts, curves)

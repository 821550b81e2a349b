"""Candidates made of numbers, for tests of curation: no clips behind them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from pipeline.curation import Candidate
from pipeline.types import Judgement

SOUND = {
    "body_share": 0.05,
    "medium_share": 0.3,
    "moving_share": 0.05,
    "blank_frames": 0.0,
    "repeated_frames": 0.0,
    "broken_values": 0.0,
}


def judged(clip_id: str, plausibility: float, model: str = "next_frame") -> Judgement:
    return Judgement(clip_id, model, 0, plausibility, {}, np.full(3, plausibility, np.float32))


def known(
    number: int,
    material: str = "sand",
    plausibility: float | None = 40.0,
    scenario: str = "drop",
    grade: str = "primary",
    body: str = "heavy red ball",
    likeness: tuple[float, ...] = (),
    **checks: float,
) -> Candidate:
    """Scene `number`."""
    clip_id = f"{scenario}-{material}-{number:05d}"
    return Candidate(
        clip_id,
        scenario,
        material,
        grade,
        number,
        has_body=True,
        has_medium=material != "none",
        checks={**SOUND, **checks},
        judgements=() if plausibility is None else (judged(clip_id, plausibility),),
        bodies=(body,),
        likeness=likeness,
    )


def sets(most: int = 40) -> st.SearchStrategy[list[Candidate]]:
    """Sets of clips of a few cells, grades and bodies; some share a scene, some look alike, some do not move."""
    return st.lists(
        st.builds(
            known,
            st.integers(0, 60),
            st.sampled_from(["sand", "water", "none"]),
            st.none() | st.floats(0, 100),
            st.sampled_from(["drop", "heap"]),
            st.sampled_from(["primary", "middle", "high"]),
            st.sampled_from(["heavy red ball", "light blue boat"]),
            st.sampled_from([(), (0.0, 0.0), (0.0, 0.02), (0.0, 0.04), (0.5, 0.1), (0.52, 0.1), (0.9, 0.9)]),
            moving_share=st.sampled_from([0.0, 0.05, 0.05]),
        ),
        max_size=most,
        unique_by=lambda one: one.clip_id,
    )

"""What speaks against a clip by itself, and what speaks for it, in words with numbers."""

from __future__ import annotations

import math

from pipeline.curation._candidate import Candidate

SHARES = {
    "moving_share": ("nothing moves", "in the best frame"),
    "body_share": ("no body in the first frame", ""),
    "medium_share": ("no medium to be seen", "in the best frame"),
}
"""Measurements that must reach a least value: what is wrong otherwise."""
FRAMES = {"blank_frames": "show nothing", "repeated_frames": "repeat the one before during motion"}
"""Counts of frames that must be zero: what is wrong otherwise."""


def broken(one: Candidate) -> list[str]:
    """What is wrong with the layers, which nobody can see in the picture."""
    count = one.checks.get("broken_values", math.nan)
    if not math.isfinite(count):
        return [_unmeasured("broken_values")]
    return [f"broken layers: {count:.0f} values are not finite"] if count else []


def weak(one: Candidate, least: dict[str, float], most: float) -> list[str]:
    """What the rule finds in the pictures (least shares by name), and in what the models made of them (plausibility
    above `most`)."""
    found = []
    for name, wrong in FRAMES.items():
        count = one.checks.get(name, math.nan)
        if not math.isfinite(count):
            found.append(_unmeasured(name))
        elif count:
            found.append(f"degenerate frames: {count:.0f} {wrong}")
    wanted = {"moving_share": True, "body_share": one.has_body, "medium_share": one.has_medium}
    for name in (name for name in SHARES if wanted[name]):
        share, (wrong, where) = one.checks.get(name, math.nan), SHARES[name]
        if not math.isfinite(share):
            found.append(_unmeasured(name))
        elif share < least[name]:
            found.append(f"{wrong}: {share:.2%} of the pixels, at least {least[name]:.2%} are needed {where}".rstrip())
    if one.plausibility is not None and one.plausibility > most:
        found.append(f"nothing to learn: the models reach {one.plausibility:.1f}, more than {most:g}")
    return found


def _unmeasured(name: str) -> str:
    return f"not measured: {name} is no number"


def people(one: Candidate) -> str:
    """What people decided, with everybody's words."""
    words = [
        f"{vote.reviewer}{' (adjudicator)' if vote.final else ''} {'approves' if vote.approved else 'rejects'}"
        + (f" ({', '.join(vote.reasons)})" if vote.reasons else "")
        for vote in one.votes
    ]
    verdict = {True: "people approve", False: "people reject", None: "people disagree, it waits for an adjudicator"}
    return f"{verdict[one.approved]}: {'; '.join(words)}"


def passed(one: Candidate) -> str:
    """Why the clip may go on: people's word, or what was measured."""
    if one.approved:
        return people(one)
    checks = one.checks
    body = f", a body fills {checks['body_share']:.1%} of the first frame" if one.has_body else ""
    medium = f", the medium up to {checks['medium_share']:.1%} of a frame" if one.has_medium else ""
    return f"passes the gate: {checks['moving_share']:.1%} of the pixels move{body}{medium}"


def lesson(one: Candidate) -> str:
    """How much there is to learn from the clip."""
    if one.instructive is None:
        return "how instructive it is was not measured: no model was judged on it"
    return f"instructive {one.instructive:.1f} of 100: the models reach a plausibility of {one.plausibility:.1f}"

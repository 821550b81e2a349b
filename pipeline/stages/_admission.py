"""Which clips may be exported, by the record of the laws: those that a measurement of their own solvers vouches for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """What made a clip move."""

    material: str
    """'none' for bodies alone."""
    solvers: str
    """Version of the solvers."""


def objection(rows: Sequence[Mapping[str, Any]], origin: Origin) -> str:
    """Why no row of validation.json vouches for such clips; empty if one does.

    What vouches is a measurement within its tolerance, of that material (or of bodies alone), by the same version of
    the solvers: what another version obeyed says nothing about these clips.
    """
    judged = [row for row in rows if row["medium"] == origin.material and row["tolerance"] is not None]
    current = [row for row in judged if row["code"] == origin.solvers]
    if any(row["passed"] for row in current):
        return ""
    if current:
        return "none of its measurements is within tolerance"
    if judged:
        return f"measured for version {judged[0]['code'][:8]} of the solvers, the clips are by {origin.solvers[:8]}"
    return "no law has measured it"


def objections(rows: Sequence[Mapping[str, Any]], origins: Iterable[Origin]) -> str:
    """All that is objected to clips of these origins, counted and in one sentence; empty if nothing is."""
    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for origin in origins:
        if reason := objection(rows, origin):
            counted[reason][origin.material] += 1
    return "; ".join(f"{_listed(media)}: {reason}" for reason, media in sorted(counted.items()))


def _listed(media: Mapping[str, int]) -> str:
    names = {name: "bodies alone" if name == "none" else name for name in media}
    return ", ".join(f"{count} of {names[name]}" for name, count in sorted(media.items()))

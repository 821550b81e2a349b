"""What the page of flow errors and costs is told, and its bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

WIDTH, LABEL, VALUE, BAR, GAP = 640.0, 150.0, 60.0, 12.0, 12.0
"""Width, room for names, room for figures, height of a bar, space between groups, in the chart's own units."""


@dataclass(frozen=True)
class BenchPage:
    """Everything the page of flow errors and costs shows."""

    quick: bool
    facts: Mapping[str, str]
    flows: Sequence[Mapping[str, Any]]
    """Rows of bench.json, one an estimator and material; a number that is not there is NaN or None."""
    stages: Sequence[Mapping[str, Any]]
    """Rows of bench.json, one a clip and stage."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Estimator -> why it was not examined."""
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def materials(self) -> list[str]:
        """'all' first."""
        return list(dict.fromkeys(row["material"] for row in self.flows))

    @property
    def clips(self) -> list[str]:
        """On which the stages were measured."""
        return list(dict.fromkeys(row["case"] for row in self.stages))


def word(row: Mapping[str, Any]) -> str:
    """The estimator of a row as one says it: without its settings."""
    return str(row["case"]).split(" on ")[0]


def error_bars(page: BenchPage, material: str) -> Markup:
    """End-point errors of every estimator on clips of one material."""
    kinds = {"all pixels": "error", "moving": "error_moving", "hidden in the next frame": "error_occluded"}
    rows = [row for row in page.flows if row["material"] == material]
    return bars({word(row): {kind: row[column] for kind, column in kinds.items()} for row in rows}, "px")


def cost_bars(page: BenchPage, clip: str) -> Markup:
    """CPU seconds of every stage for one clip."""
    rows = [row for row in page.stages if row["case"] == clip]
    return bars({row["stage"]: {"CPU seconds for the clip": row["cpu_seconds"]} for row in rows}, "s")


def bars(groups: Mapping[str, Mapping[str, float | None]], unit: str) -> Markup:
    """Horizontal bars, a group of them under each name, in one scale from 0; what is no number has no bar."""
    numbers = [value for group in groups.values() for value in group.values() if _known(value)]
    most = max((float(value) for value in numbers if value is not None), default=0.0) or 1.0
    marks, y = [], 0.0
    for name, group in groups.items():
        middle = y + BAR * len(group) / 2 + 4
        marks.append(f'<text class="name" x="{LABEL - 12}" y="{middle}" text-anchor="end">{escape(name)}</text>')
        for index, value in enumerate(group.values()):
            marks.append(_bar(y + BAR * index, value, most, index, unit))
        y += BAR * len(group) + GAP
    kinds = list(next(iter(groups.values()), {}))
    for index, kind in enumerate(kinds if len(kinds) > 1 else []):
        x = LABEL + (WIDTH - LABEL) * index / len(kinds)
        marks.append(f'<rect class="shade{index}" x="{x:.1f}" y="{y + 2}" width="10" height="8"/>')
        marks.append(f'<text class="tick" x="{x + 15:.1f}" y="{y + 10}">{escape(kind)}</text>')
    words = escape(", ".join(kinds))
    return Markup(
        f'<svg class="bench" viewBox="0 0 {WIDTH} {y + 16}" role="img" aria-label="{words} [{escape(unit)}]">'
        f"{''.join(marks)}</svg>"
    )


def _bar(y: float, value: float | None, most: float, index: int, unit: str) -> str:
    if value is None or not _known(value):
        return f'<text class="tick" x="{LABEL + 4}" y="{y + BAR - 2}">–</text>'
    length = (WIDTH - LABEL - VALUE) * value / most
    return (
        f'<rect class="shade{index}" x="{LABEL}" y="{y + 1}" width="{length:.1f}" height="{BAR - 2}"/>'
        f'<text class="tick" x="{LABEL + length + 5:.1f}" y="{y + BAR - 2}">{value:.3g} {escape(unit)}</text>'
    )


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
